"""Data objects as a simulated card writes them (ISO/IEC 8825-1)."""

from __future__ import annotations


def tlv(tag: int, *parts: bytes) -> bytes:
    """The data object `tag` whose value is `parts`, one after the other."""
    value = b"".join(parts)
    name = tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    if len(value) < 0x80:
        return name + bytes((len(value),)) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return name + bytes((0x80 | len(length),)) + length + value


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return tlv(0x30, *parts)


def octets(value: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(0x04, value)


def text(value: str) -> bytes:
    """A UTF8String."""
    return tlv(0x0C, value.encode())


def number(value: int) -> bytes:
    """An INTEGER, zero or positive."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def flags(*places: int) -> bytes:
    """A BIT STRING of named bits: those at `places`, the first bit being 0."""
    last = max(places)
    value = sum(1 << (last - place) for place in places)
    unused = -(last + 1) % 8
    return tlv(0x03, bytes((unused,)), (value << unused).to_bytes(last // 8 + 1, "big"))
