"""Commands, responses and data objects of smart cards (ISO/IEC 7816-4:2020). No input/output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from diagcps.card.base import CardUnreadable, Transmit

OK = 0x9000
END_OF_FILE = 0x6282
WRONG_OFFSET = 0x6B00

_MORE = 0x61
_WRONG_LENGTH = 0x6C
_PARTS_AT_MOST = 64
_PADDING = (0x00, 0xFF)
_TAG_BYTES_AT_MOST = 3
_LENGTH_BYTES_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Response:
    """What a card answered: its data and its status word."""

    data: bytes
    status: int
    """0 to FFFFh; 9000h is success (ISO/IEC 7816-4, 5.6)."""

    @property
    def word(self) -> str:
        """The status word as support reads it: « 6A82 »."""
        return f"{self.status:04X}"


def exchange(transmit: Transmit, command: bytes) -> Response:
    """The whole response to `command`, whatever it takes to fetch it with protocol T=0.

    61xx says how much GET RESPONSE brings, 6Cxx how much to ask for (ISO/IEC 7816-4, 5.6). Raises
    CardUnreadable for a response shorter than a status word, or one that never ends.
    """
    data = b""
    for _ in range(_PARTS_AT_MOST):
        answer = transmit(command)
        if len(answer) < 2:
            raise CardUnreadable("a response without a status word")
        data += answer[:-2]
        kind, length = answer[-2], answer[-1]
        if kind == _MORE:
            command = bytes((command[0], 0xC0, 0x00, 0x00, length))
        elif kind == _WRONG_LENGTH and len(command) == 5 and command[4] != length:
            command = bytes((*command[:4], length))
        else:
            return Response(data, kind << 8 | length)
    raise CardUnreadable("a response without an end")


@dataclass(frozen=True, slots=True)
class DataObject:
    """A data object in BER-TLV (ISO/IEC 7816-4, 6.3; ISO/IEC 8825-1)."""

    tag: int
    """Its one to three bytes, read as a number: 61h, BF8101h."""
    value: bytes


def data_objects(data: bytes) -> Iterator[DataObject]:
    """The data objects in `data`, one after the other, up to the end or the padding (00 or FF).

    Raises CardUnreadable for one that is longer than the data, or of an unknown form.
    """
    offset = 0
    while offset < len(data) and data[offset] not in _PADDING:
        tag, offset = _tag(data, offset)
        length, offset = _length(data, offset)
        if offset + length > len(data):
            raise CardUnreadable(f"data object {tag:X} is cut short")
        yield DataObject(tag, data[offset : offset + length])
        offset += length


def find(data: bytes, *tags: int) -> bytes | None:
    """The value of the first data object under `tags`, each inside the last; None without one.

    Raises CardUnreadable as `data_objects` does.
    """
    for tag in tags:
        found = next((each for each in data_objects(data) if each.tag == tag), None)
        if found is None:
            return None
        data = found.value
    return data


def whole_length(data: bytes) -> int:
    """The length in bytes of the data object that begins `data`, its tag and length included.

    Raises CardUnreadable when `data` does not begin with one.
    """
    if not data or data[0] in _PADDING:
        raise CardUnreadable("no data object")
    _, offset = _tag(data, 0)
    length, offset = _length(data, offset)
    return offset + length


def _tag(data: bytes, offset: int) -> tuple[int, int]:
    tag, end = data[offset], offset + 1
    if tag & 0x1F == 0x1F:
        while True:
            if end >= len(data) or end - offset >= _TAG_BYTES_AT_MOST:
                raise CardUnreadable("a tag without an end")
            tag, end = tag << 8 | data[end], end + 1
            if not data[end - 1] & 0x80:
                break
    return tag, end


def _length(data: bytes, offset: int) -> tuple[int, int]:
    if offset >= len(data):
        raise CardUnreadable("a data object without a length")
    first, offset = data[offset], offset + 1
    if first < 0x80:
        return first, offset
    count = first & 0x7F
    if not 1 <= count <= _LENGTH_BYTES_AT_MOST or offset + count > len(data):
        raise CardUnreadable("a length of an unknown form")
    return int.from_bytes(data[offset : offset + count], "big"), offset + count
