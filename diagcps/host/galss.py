"""GALSS, the old way to the reader: what its galss.ini says (field notes 3.3).

A file of the kind that Windows calls a private profile: the first section of a name and the first
key of a name count, case does not (Microsoft, GetPrivateProfileString).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from diagcps.facts import FileState
from diagcps.host.common import as_probe_errors, printable
from diagcps.model import Private, PrivateKind
from diagcps.workstation import Channel, ChannelKind, Galss

_MOST_BYTES = 1 << 20
_MOST_CHANNELS = 64
_MOST_NAMES = 16
_LONGEST_NAME = 128
"""MAX_READERNAME of PC/SC."""

_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_KINDS = {"1": ChannelKind.SERIAL, "3": ChannelKind.PCSC}
"""TCanal."""
_SERIAL_LIBRARY = "pssin"
"""How the libraries of the serial protocol begin: PSSINW32.DLL, PSSINW64.DLL, pssinosx."""
_CHANNEL = re.compile(r"canal([0-9]{1,3})", re.ASCII)
_NAME_OF_A_CHANNEL = re.compile(r"canal([0-9]{1,3})\.pad[0-9]+\.lad[0-9]+", re.ASCII)
_PROTOCOL = re.compile(r"protocole[0-9]+", re.ASCII)

Sections = Mapping[str, Mapping[str, str]]


def read_galss(file: Path, label: str) -> Galss:
    """What the galss.ini at `file` says; `label` is how evidence names it.

    A file that is not there is no error, nor is one that says nothing; of a larger one the first
    MiB counts. Raises ProbeError subclasses for what no state tells.
    """
    try:
        # A pipe in its place would be waited for.
        if not file.is_file():
            return Galss(state=FileState.ABSENT, source=label)
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES)
    except FileNotFoundError:
        return Galss(state=FileState.ABSENT, source=label)
    except PermissionError:
        return Galss(state=FileState.UNREADABLE, source=label)
    except OSError as error:
        with as_probe_errors():
            raise error
    text = decoded(data)
    if not text.strip("\0 \t\r\n"):
        return Galss(state=FileState.EMPTY, source=label)
    channels, serial_library = parse_galss(text)
    return Galss(
        state=FileState.PRESENT, channels=channels, serial_library=serial_library, source=label
    )


def decoded(data: bytes) -> str:
    """The text by its byte order mark, else as UTF-8, else as Windows writes French (cp1252)."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").removeprefix("\ufeff")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def parse_galss(text: str) -> tuple[tuple[Channel, ...], bool]:
    """The channels in the order of their numbers, and whether a protocol is set to the serial
    library. What is not understood is passed over.
    """
    sections = _sections(text)
    served = _served(sections)
    channels = {
        number: _channel(number, sections[name], served.get(number, ()))
        for number, name in _channels(sections)
    }
    protocols = (keys for name, keys in sections.items() if _PROTOCOL.fullmatch(name))
    serial_library = any(_is_serial(keys.get("nomlib", "")) for keys in protocols)
    return tuple(channels[number] for number in sorted(channels))[:_MOST_CHANNELS], serial_library


def _sections(text: str) -> Sections:
    """The keys of each section, all in lower case; those before the first one are of none."""
    sections: dict[str, dict[str, str]] = {}
    keys: dict[str, str] = {}
    for line in text.splitlines():
        written = line.strip("\0 \t")
        if written.startswith("["):
            name = written[1:].partition("]")[0].strip().lower()
            # The first one of a name counts: what a second one says is said to nobody.
            keys = {} if name in sections else sections.setdefault(name, {})
        elif not written.startswith((";", "#")):
            key, sign, value = written.partition("=")
            if sign:
                keys.setdefault(key.strip().lower(), value.strip().strip('"').strip())
    return sections


def _channels(sections: Sections) -> Iterator[tuple[int, str]]:
    """The numbers and sections of the channels that there are, as far as NbCanaux counts them."""
    count = sections.get("config", {}).get("nbcanaux", "")
    # Ten digits at most: int() refuses thousands of them.
    most = int(count) if re.fullmatch(r"[0-9]{1,10}", count, re.ASCII) else None
    for name in sections:
        found = _CHANNEL.fullmatch(name)
        if found and (most is None or int(found[1]) <= most):
            yield int(found[1]), name


def _served(sections: Sections) -> Mapping[int, tuple[str, ...]]:
    """What each channel serves (NomLAD), each name once, in the order of the file."""
    served: dict[int, tuple[str, ...]] = {}
    for section, keys in sections.items():
        found = _NAME_OF_A_CHANNEL.fullmatch(section)
        name = printable(keys.get("nomlad", ""))[:_LONGEST_NAME]
        if found and name:
            names = served.get(int(found[1]), ())
            if name not in names and len(names) < _MOST_NAMES:
                served[int(found[1])] = (*names, name)
    return served


def _channel(number: int, keys: Mapping[str, str], names: tuple[str, ...]) -> Channel:
    kind = _KINDS.get(keys.get("tcanal", ""), ChannelKind.OTHER)
    reader = printable(keys.get("caracteristiques", ""))[:_LONGEST_NAME].strip()
    named = Private(PrivateKind.READER, reader) if kind is ChannelKind.PCSC and reader else None
    return Channel(number=number, kind=kind, reader=named, names=names)


def _is_serial(library: str) -> bool:
    """Whether it is a library of the serial protocol, with or without its folder."""
    name = library.replace("\\", "/").rpartition("/")[2]
    return name.lower().startswith(_SERIAL_LIBRARY)
