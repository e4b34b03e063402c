"""Reading a card of the CPS family: who it is, what its codes allow, which certificates it holds.

No try of a code is ever spent, and nothing is assumed about where a file is: everything is found
through the card's own directories. What the cards answer was measured on the official library and
read in its published source (Cryptolib CPS 5.2.2, card-cps3.c and card-cps4.c).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from diagcps.card import pkcs15
from diagcps.card.atr import CardKind
from diagcps.card.base import CardError, CardUnreadable, NotOnCard, Transmit
from diagcps.card.iso7816 import (
    END_OF_FILE,
    OK,
    WRONG_OFFSET,
    Response,
    exchange,
    find,
    whole_length,
)
from diagcps.facts import CertificateEntry, Code, Update
from diagcps.records import record

_MASTER = bytes.fromhex("3F00")
_EF_DIR = _MASTER + bytes.fromhex("2F00")
_EF_SERIAL = _MASTER + bytes.fromhex("D003")
_EF_UPDATE = _MASTER + bytes.fromhex("D010")
_ODF = bytes.fromhex("5031")
_CONTACTLESS_AID = bytes.fromhex("E828BD080F8025000001FF0020")
_CPS4_APPLET = bytes.fromhex("8025000001FF0100")
_ISSUER = "8025000001"

_NOT_FOUND = (0x6A82, 0x6A83)
_NO_SUCH_DATA = 0x6A88
_BLOCKED = 0x6983
_TRIES = 0x63C0
_LARGEST_FILE = 16 * 1024
_LAST_OFFSET = 0x7FFF
"""A bit more, and READ BINARY means another file (ISO/IEC 7816-4, 11.3.3)."""
_LONGEST_PATH = 14
"""Without the master file: what one SELECT takes."""


@record
class Directory:
    """What leads to the codes and the certificates of a card."""

    codes: tuple[bytes, ...]
    """The paths of its AODF."""
    certificates: tuple[bytes, ...]
    """The paths of its CDF."""


class Cps(ABC):
    """A card of the family, in a transaction of its own. Every method raises CardError."""

    _chunk: int
    """Bytes that one READ BINARY asks for: what the official library asks for."""

    def __init__(self, transmit: Transmit, *, contactless: bool = False) -> None:
        self._transmit = transmit
        self._contactless = contactless

    @abstractmethod
    def begin(self) -> None:
        """Makes the card ready for what follows, whatever another program had selected."""

    @abstractmethod
    def code(self, reference: int) -> Code:
        """The state of the code called `reference`. Spends no try."""

    @abstractmethod
    def update(self) -> Update:
        """Whether the last « actualisation » of the card came to its end."""

    @abstractmethod
    def _select(self, path: bytes) -> Response: ...

    @abstractmethod
    def _read_binary(self, offset: int, length: int) -> Response: ...

    def directory(self) -> Directory:
        """What EF.DIR and EF.ODF name."""
        with at("EF.DIR"):
            found = pkcs15.applications(self._file(_EF_DIR))
            wanted = [a for a in found if (a.aid == _CONTACTLESS_AID) is self._contactless] or found
            if not wanted:
                raise CardUnreadable("no application")
        application = _absolute(wanted[0].path, _MASTER)
        with at("ODF"):
            named = pkcs15.directories(self._file(application + _ODF))
        return Directory(
            codes=tuple(_absolute(path, application) for path in named.authentications),
            certificates=tuple(_absolute(path, application) for path in named.certificates),
        )

    def codes(self, directory: Directory) -> tuple[pkcs15.CodeEntry, ...]:
        """The codes that the card describes; none when it names no directory of them."""
        with at("AODF"):
            return tuple(e for path in directory.codes for e in pkcs15.codes(self._file(path)))

    def serial(self) -> str:
        """The serial number of the card: eight digits, without the issuer's prefix (EF.SN)."""
        with at("EF.SN"):
            digits = (find(self._file(_EF_SERIAL, length=12), 0x5A) or b"").hex().upper()
            # The issuer, eight digits, a check digit and a filler.
            number = digits.removeprefix(_ISSUER)[:8]
            if not digits.startswith(_ISSUER) or not (number.isdecimal() and len(number) == 8):
                raise CardUnreadable("not the serial number of a CPS")
            return number

    def certificates(self, path: bytes) -> tuple[CertificateEntry, ...]:
        """The certificates that the directory at `path` (CDF) names."""
        application = path[:-2]
        with at("CDF"):
            entries = pkcs15.certificates(self._file(path))
        return tuple(replace(each, path=_absolute(each.path, application)) for each in entries)

    def certificate(self, entry: CertificateEntry) -> bytes:
        """The certificate of `entry` (DER)."""
        with at(entry.label or "certificate"):
            return self._file(entry.path, offset=entry.index, is_one_object=True)

    def _file(
        self, path: bytes, *, length: int = 0, offset: int = 0, is_one_object: bool = False
    ) -> bytes:
        """The content of a file: `length` bytes, one data object, or all up to the end."""
        if not 2 <= len(path.removeprefix(_MASTER)) <= _LONGEST_PATH:
            raise CardUnreadable("a path of an unknown form")
        selected = self._select(path)
        if selected.status in _NOT_FOUND:
            raise NotOnCard(f"SELECT {selected.word}")
        if selected.status != OK:
            raise CardUnreadable(f"SELECT {selected.word}")
        content, wanted = b"", length or _LARGEST_FILE
        while len(content) < wanted:
            if offset + len(content) > _LAST_OFFSET:
                raise CardUnreadable("beyond any file")
            asked = min(self._chunk, wanted - len(content))
            part = self._read_binary(offset + len(content), asked)
            if part.status == WRONG_OFFSET:
                break
            if part.status not in (OK, END_OF_FILE):
                raise CardUnreadable(f"READ BINARY {part.word}")
            if is_one_object and not content:
                wanted = whole_length(part.data)
                if wanted > _LARGEST_FILE:
                    raise CardUnreadable("longer than any certificate")
            content += part.data
            if len(part.data) < asked or part.status == END_OF_FILE:
                break
        if is_one_object and len(content) < wanted:
            raise CardUnreadable("cut short")
        return content[:wanted]


class Cps3(Cps):
    """A CPS3: IAS ECC, basic channel."""

    _chunk = 0xE7

    def begin(self) -> None:
        """Nothing: every file is selected from the master file."""

    def code(self, reference: int) -> Code:
        """See `Cps.code`: GET DATA with an extended header list (ISO/IEC 7816-4, 8.4.2).

        The counters are those of the master file, which the file of the serial number left
        selected; where it did not, the master file is selected first.
        """
        with at("GET DATA"):
            template = bytes((0x4D, 0x08, 0x70, 0x06, 0xBF, 0x81, reference, 0x02, 0xA0, 0x80))
            command = b"\x00\xcb\x3f\xff\x0a" + template
            answer = exchange(self._transmit, command)
            if answer.status == _NO_SUCH_DATA:
                self._select(_MASTER)
                answer = exchange(self._transmit, command)
            if answer.status != OK:
                raise CardUnreadable(f"SW {answer.word}")
            values = find(answer.data, 0x70, 0xBF8100 | reference, 0xA0)
            left = _number(values, 0x9B)
            if left is None:
                raise CardUnreadable("no number of tries")
            uses = _number(values, 0x9D)
            return Code(reference=reference, left=left, most=_number(values, 0x9A), uses_left=uses)

    def update(self) -> Update:
        """See `Cps.update`: EF_ACTUA has a start; an interrupted one has no end, or nothing.

        The official library takes a card whose file is not there, is kept from it, or makes no
        sense: neither is trouble here.
        """
        try:
            content = self._file(_EF_UPDATE)
            if not content.strip(b"\x00\xff"):
                return Update.INTERRUPTED
            if find(content, 0xEC, 0x81) is None:
                return Update.UNKNOWN
            end = find(content, 0xEC, 0x82) or b""
            return Update.COMPLETE if end.strip(b"\x00\xff") else Update.INTERRUPTED
        except NotOnCard:
            return Update.NONE
        except CardUnreadable:
            return Update.UNKNOWN

    def _select(self, path: bytes) -> Response:
        return exchange(self._transmit, b"\x00\xa4\x09\x0c" + bytes((len(path),)) + path)

    def _read_binary(self, offset: int, length: int) -> Response:
        command = bytes((0x00, 0xB0, offset >> 8, offset & 0xFF, length & 0xFF))
        return exchange(self._transmit, command)


class Cps4(Cps):
    """A CPS4: an applet on logical channel 1, beside the one that behaves like an older card."""

    _chunk = 0x100

    def begin(self) -> None:
        """Selects the applet again: another program may have left another one."""
        with at("applet"):
            command = b"\x01\xa4\x04\x0c" + bytes((len(_CPS4_APPLET),)) + _CPS4_APPLET
            answer = exchange(self._transmit, command)
            if answer.status != OK:
                raise CardUnreadable(f"SELECT {answer.word}")

    def code(self, reference: int) -> Code:
        """See `Cps.code`: VERIFY without data (ISO/IEC 7816-4, 11.6.6), which spends no try.

        9000h means that the code was presented and nobody has reset the card since: the count is
        then unknown, which is no reason to reset it.
        """
        with at("VERIFY"):
            answer = exchange(self._transmit, bytes((0x01, 0x20, 0x00, reference)))
            if answer.status == OK:
                left = None
            elif answer.status == _BLOCKED:
                left = 0
            elif answer.status & 0xFFF0 == _TRIES:
                left = answer.status & 0x0F
            else:
                raise CardUnreadable(f"SW {answer.word}")
            return Code(reference=reference, left=left, most=None)

    def update(self) -> Update:
        """See `Cps.update`: nobody is known to read that file on a CPS4."""
        return Update.NONE

    def _select(self, path: bytes) -> Response:
        below = path.removeprefix(_MASTER)
        return exchange(self._transmit, b"\x01\xa4\x08\x00" + bytes((len(below),)) + below)

    def _read_binary(self, offset: int, length: int) -> Response:
        command = bytes((0x01, 0xB0, offset >> 8, offset & 0xFF, length & 0xFF))
        return exchange(self._transmit, command)


def open_card(transmit: Transmit, kind: CardKind) -> Cps:
    """The card, ready to be read. An unknown CPS is tried as each generation. Raises CardError."""
    if kind is CardKind.CPS_UNKNOWN:
        newer = Cps4(transmit)
        try:
            newer.begin()
        except CardUnreadable:
            return Cps3(transmit)
        return newer
    if kind is CardKind.CPS4:
        card: Cps = Cps4(transmit)
    else:
        card = Cps3(transmit, contactless=kind is CardKind.CPS_CONTACTLESS)
    card.begin()
    return card


@contextmanager
def at(where: str) -> Iterator[None]:
    """Says of an error inside where it came from, unless it already does."""
    try:
        yield
    except CardError as error:
        error.where = error.where or where
        raise


def _absolute(path: bytes, application: bytes) -> bytes:
    """A path from the master file: one that does not begin there begins at the application."""
    return path if path.startswith(_MASTER) else application + path


def _number(values: bytes | None, tag: int) -> int | None:
    value = find(values or b"", tag)
    if value is not None and len(value) > 2:
        raise CardUnreadable("a counter larger than any")
    return None if value is None else int.from_bytes(value, "big")
