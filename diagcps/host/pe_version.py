"""The version that a Windows program file says of itself, read from the file: nothing is loaded.

Microsoft, « PE Format » (the .rsrc section) and « VS_VERSIONINFO », « VS_FIXEDFILEINFO ».
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_HEADERS_BYTES = 64 << 10
_MOST_SECTIONS = 96
"""What the loader of Windows takes."""
_MOST_ENTRIES = 4096
_MOST_OF_A_RESOURCE = 64 << 10
_PE32, _PE32_PLUS = 0x10B, 0x20B
_RESOURCES_AT = {_PE32: 96 + 2 * 8, _PE32_PLUS: 112 + 2 * 8}
"""Where an optional header of that kind holds the third data directory."""
_RT_VERSION = 16
_IS_FOLDER = 0x8000_0000
_LEVELS = 3
"""Type, name, language."""
_SIGNATURE = struct.pack("<I", 0xFEEF_04BD)
_KEY = "VS_VERSION_INFO".encode("utf-16-le")


def file_version(file: Path) -> str:
    """The version of the file, such as 3.4.0: its four numbers without a fourth that is 0.

    Empty for what cannot be read, is no such program, or says none. Never raises.
    """
    try:
        if not file.is_file():
            return ""
        with file.open("rb") as opened:
            return version_of(opened)
    except (OSError, ValueError):
        return ""


def version_of(program: BinaryIO) -> str:
    """See `file_version`. Raises OSError when it cannot be read."""
    try:
        resource = _version_resource(program)
    except (struct.error, LookupError, ValueError, OverflowError):
        return ""
    key = resource.find(_KEY)
    start = resource.find(_SIGNATURE, key) if key >= 0 else -1
    if start < 0 or len(resource) < start + 16:
        return ""
    high, low = struct.unpack_from("<II", resource, start + 8)
    numbers = [high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF]
    return ".".join(map(str, numbers if numbers[3] else numbers[:3]))


def _version_resource(program: BinaryIO) -> bytes:
    """The first resource of that type. Raises LookupError, struct.error or ValueError without."""
    root, sections = _headers(program.read(_HEADERS_BYTES))

    def read(address: int, size: int) -> bytes:
        """`size` bytes at an address of the loaded program."""
        for virtual, begins, raw, at in sections:
            if begins <= address < begins + max(virtual, raw):
                program.seek(at + address - begins)
                return program.read(size)
        raise LookupError

    address = root
    for level in range(_LEVELS):
        entries = _entries(read(address, 16 + 8 * _MOST_ENTRIES))
        offset = next((at for number, at in entries if level or number == _RT_VERSION), 0)
        if bool(offset & _IS_FOLDER) == (level == _LEVELS - 1):
            raise LookupError
        address = root + (offset & ~_IS_FOLDER)
    begins, size = struct.unpack("<II", read(address, 8))
    return read(begins, min(size, _MOST_OF_A_RESOURCE))


def _headers(head: bytes) -> tuple[int, list[tuple[int, ...]]]:
    """The address of the resources; of each section its size, address, size in the file and place
    in it."""
    (header,) = struct.unpack_from("<I", head, 0x3C)
    signature, sections, optional = struct.unpack_from("<4s2xH12xH", head, header)
    if not head.startswith(b"MZ") or signature != b"PE\0\0" or sections > _MOST_SECTIONS:
        raise LookupError
    (kind,) = struct.unpack_from("<H", head, header + 24)
    (root,) = struct.unpack_from("<I", head, header + 24 + _RESOURCES_AT[kind])
    table = header + 24 + optional
    return root, [struct.unpack_from("<4I", head, table + 40 * i + 8) for i in range(sections)]


def _entries(folder: bytes) -> Iterator[tuple[int, int]]:
    """The entries of a folder of resources: by name or number, and where each leads to."""
    named, numbered = struct.unpack_from("<HH", folder, 12)
    for index in range(min(named + numbered, _MOST_ENTRIES)):
        yield struct.unpack_from("<II", folder, 16 + 8 * index)
