"""The directories by which a card says where its codes and certificates are (ISO/IEC 7816-15).

Nothing is assumed about a card: an application is found in EF.DIR, its directories in EF.ODF, a
code in the AODF, a certificate in a CDF.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from diagcps.card.base import CardUnreadable
from diagcps.card.iso7816 import DataObject, data_objects, find
from diagcps.facts import CertificateEntry
from diagcps.records import record

Item = TypeVar("Item")

_SEQUENCE, _OCTETS, _BITS, _INTEGER, _UTF8 = 0x30, 0x04, 0x03, 0x02, 0x0C
_LONGEST_PATH = 14
_MOST_DIRECTORIES, _MOST_ENTRIES = 4, 32
"""More than any card has: a card that names more makes no sense, or means harm."""


@record
class Application:
    """An application that EF.DIR names (ISO/IEC 7816-4, 12.2.2; 7816-15, 6.2)."""

    aid: bytes
    path: bytes


@record
class Directories:
    """The directories that EF.ODF names, each by the path of its file (ISO/IEC 7816-15, 8.2)."""

    authentications: tuple[bytes, ...]
    """AODF: where the codes are described."""
    certificates: tuple[bytes, ...]
    """CDF: where the certificates are."""


@record
class CodeEntry:
    """A code that an AODF describes (PasswordAttributes, ISO/IEC 7816-15, 8.9.2)."""

    reference: int
    """What commands name it by; 0 to 255."""
    unblocks: bool
    """It unblocks another code, or belongs to the card's issuer, and is no code of the holder."""


def applications(content: bytes) -> tuple[Application, ...]:
    """The applications in EF.DIR that have a path. Raises CardUnreadable."""
    found = []
    for entry in data_objects(content):
        if entry.tag != 0x61:
            continue
        path = find(entry.value, 0x51)
        if path:
            aid = find(entry.value, 0x4F) or b""
            found.append(Application(aid=aid, path=_checked(path)))
    return _few(found, _MOST_ENTRIES)


def directories(content: bytes) -> Directories:
    """The directories in EF.ODF. Raises CardUnreadable."""
    authentications, certificates = [], []
    for entry in data_objects(content):
        # [4] is for the holder's certificates, [8] for the codes; [5] and [6] are of authorities.
        if entry.tag == 0xA8:
            authentications.append(_path(entry.value))
        elif entry.tag == 0xA4:
            certificates.append(_path(entry.value))
    return Directories(
        authentications=_few(authentications, _MOST_DIRECTORIES),
        certificates=_few(certificates, _MOST_DIRECTORIES),
    )


def codes(content: bytes) -> tuple[CodeEntry, ...]:
    """The codes in an AODF. Raises CardUnreadable."""
    found = []
    for entry in data_objects(content):
        attributes = find(entry.value, 0xA1, _SEQUENCE) if entry.tag == _SEQUENCE else None
        if attributes is None:
            continue
        flags, reference = find(attributes, _BITS), find(attributes, 0x80)
        if flags is None:
            raise CardUnreadable("a code without flags")
        # A reference that is not there is 0 (ISO/IEC 7816-15, 8.9.2); flags count from the left.
        bits = flags[1] if len(flags) > 1 else 0
        found.append(
            CodeEntry(
                reference=int.from_bytes(reference or b"\0", "big") & 0xFF,
                unblocks=bool(bits & 0b0000_0011),
            )
        )
    return _few(found, _MOST_ENTRIES)


def certificates(content: bytes) -> tuple[CertificateEntry, ...]:
    """The certificates in a CDF. Raises CardUnreadable."""
    found = []
    for entry in data_objects(content):
        value = find(entry.value, 0xA1, _SEQUENCE) if entry.tag == _SEQUENCE else None
        if value is None:
            continue
        path = next((each.value for each in data_objects(value) if each.tag == _SEQUENCE), None)
        if path is None:
            raise CardUnreadable("a certificate without a path")
        fields = tuple(data_objects(path))
        found.append(
            CertificateEntry(
                label=_label(entry.value),
                path=_checked(_field(fields, _OCTETS) or b""),
                index=_number(_field(fields, _INTEGER)),
            )
        )
    return _few(found, _MOST_ENTRIES)


def _few(found: Iterable[Item], most: int) -> tuple[Item, ...]:
    """What was found, each once. Raises CardUnreadable for more than any card has."""
    each_once = tuple(dict.fromkeys(found))
    if len(each_once) > most:
        raise CardUnreadable(f"{len(each_once)} entries, more than any card has")
    return each_once


def _path(value: bytes) -> bytes:
    path = find(value, _SEQUENCE, _OCTETS)
    if path is None:
        raise CardUnreadable("a directory without a path")
    return _checked(path)


def _checked(path: bytes) -> bytes:
    """A path of file identifiers, two bytes each (ISO/IEC 7816-4, 7.4.1)."""
    if not path or len(path) % 2 or len(path) > _LONGEST_PATH:
        raise CardUnreadable("a path of an unknown form")
    return path


def _label(entry: bytes) -> str:
    return _text(find(entry, _SEQUENCE, _UTF8) or b"")


def _text(value: bytes) -> str:
    text = value.decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()[:80]


def _field(fields: tuple[DataObject, ...], tag: int) -> bytes | None:
    return next((each.value for each in fields if each.tag == tag), None)


def _number(value: bytes | None) -> int:
    number = int.from_bytes(value or b"", "big")
    if number > 0x7FFF:
        raise CardUnreadable("a number larger than any file")
    return number
