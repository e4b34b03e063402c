"""Windows program files as small as they can be: headers, and a version resource."""

from __future__ import annotations

import struct

MACHINES = {"x86_64": 0x8664, "x86": 0x014C, "arm64": 0xAA64}
_SECTION = 0x1000
"""Where the only section is loaded."""
_IN_FILE = 0x200


def program(machine: str = "x86_64", version: str = "") -> bytes:
    """A program file for that kind of processor; with a version of up to four numbers."""
    resources = _resources(version) if version else b""
    is_64 = machine != "x86"
    kind, directories = (0x20B, 112) if is_64 else (0x10B, 96)
    optional = bytearray(directories + 16 * 8)
    struct.pack_into("<H", optional, 0, kind)
    struct.pack_into("<I", optional, directories - 4, 16)
    struct.pack_into("<II", optional, directories + 2 * 8, _SECTION, len(resources))
    header = struct.pack(
        "<4sHHIIIHH", b"PE\0\0", MACHINES[machine], 1, 0, 0, 0, len(optional), 0x2022
    )
    section = struct.pack(
        "<8sIIIIIIHHI",
        b".rsrc",
        len(resources),
        _SECTION,
        len(resources),
        _IN_FILE,
        0,
        0,
        0,
        0,
        0x40000040,
    )
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40) + header + bytes(optional) + section
    return head.ljust(_IN_FILE, b"\0") + resources


def _resources(version: str) -> bytes:
    """A tree of three levels that leads to one version."""
    numbers = [int(number) for number in version.split(".")]
    first, second, third, fourth = [*numbers, 0, 0, 0][:4]
    fixed = struct.pack(
        "<13I", 0xFEEF04BD, 0x10000, first << 16 | second, third << 16 | fourth,
        first << 16 | second, third << 16 | fourth, 0x3F, 0, 0x40004, 2, 0, 0, 0,
    )  # fmt: skip
    key = "VS_VERSION_INFO\0".encode("utf-16-le")
    block = (
        struct.pack("<HHH", 6 + len(key) + 2 + len(fixed), len(fixed), 0) + key + b"\0\0" + fixed
    )
    folder = "<IIHHHHII"
    tree = struct.pack(folder, 0, 0, 0, 0, 0, 1, 16, 0x8000_0000 | 24)
    tree += struct.pack(folder, 0, 0, 0, 0, 0, 1, 1, 0x8000_0000 | 48)
    tree += struct.pack(folder, 0, 0, 0, 0, 0, 1, 1036, 72)
    return tree + struct.pack("<IIII", _SECTION + 88, len(block), 0, 0) + block
