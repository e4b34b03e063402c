"""What the systems have in common: errors, optional modules, files and text that others wrote."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any

from diagcps.facts import StoredCertificate
from diagcps.model import ProbeDenied, ProbeTimeout, ProbeUnavailable, ProbeUnsupported

_MOST_OF_A_BUNDLE = 4 << 20
"""Bytes; a system's bundle has some 150 certificates of 2 KB."""
_MOST_OF_A_FILE = 64 << 10
_MOST_ENTRIES = 256
"""The Cryptolib's folder has nine certificates of 1.6 KB."""
_DER_SEQUENCE = b"\x30"
_PEM_BEGIN, _PEM_END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


@contextmanager
def as_probe_errors() -> Iterator[None]:
    """No OSError leaves the block: each is raised as the ProbeError that says the same."""
    try:
        yield
    except PermissionError as error:
        raise ProbeDenied(str(error)) from error
    except TimeoutError as error:
        raise ProbeTimeout(str(error)) from error
    except OSError as error:
        raise ProbeUnavailable(str(error)) from error


def library(name: str) -> Any:
    """The Python module of that name, untyped: some exist, or are complete, on one system only.

    Raises ProbeUnsupported where it cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ProbeUnsupported(f"Python module {name}: {error}") from error


def printable(text: str) -> str:
    """The text without the characters that would command a terminal, and without outer spaces.

    The names of devices and programs are whatever their makers chose.
    """
    return "".join(character for character in text if character.isprintable()).strip()


def certificates_in(data: bytes, source: str) -> tuple[StoredCertificate, ...]:
    """The certificates of PEM text (RFC 7468), or the one in DER, unparsed; what is damaged is not
    among them."""
    if _PEM_BEGIN not in data:
        whole = data if data.startswith(_DER_SEQUENCE) else b""
        return (StoredCertificate(data=whole, source=source),) if whole else ()
    found = []
    for block in data.split(_PEM_BEGIN)[1:]:
        text, end, _ = block.partition(_PEM_END)
        with suppress(binascii.Error):
            der = binascii.a2b_base64(text)
            if end and der:
                found.append(StoredCertificate(data=der, source=source))
    return tuple(found)


def certificates_of_file(
    file: Path, source: str, *, most: int = _MOST_OF_A_BUNDLE
) -> tuple[StoredCertificate, ...]:
    """The certificates of a file of at most `most` bytes; none when it cannot be read."""
    with suppress(OSError):
        # A pipe in its place would be waited for.
        if file.is_file():
            with file.open("rb") as opened:
                data = opened.read(most + 1)
            return certificates_in(data, source) if len(data) <= most else ()
    return ()


def certificates_of_folder(folder: Path, source: str) -> tuple[StoredCertificate, ...]:
    """Those of the files *.cer of a folder, by name; none when it cannot be read.

    `source` is how evidence names the folder.
    """
    try:
        entries = sorted(islice(folder.iterdir(), _MOST_ENTRIES))
    except OSError:
        return ()
    files = [entry for entry in entries if entry.suffix.lower() == ".cer"]
    found = (certificates_of_file(file, source, most=_MOST_OF_A_FILE) for file in files)
    return tuple(chain.from_iterable(found))
