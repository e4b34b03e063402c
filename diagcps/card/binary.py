"""The kinds of processor that a program file is for, told by its header.

ELF: System V ABI, chapter 4. PE: Microsoft, « PE Format ». Mach-O: Apple's loader.h and fat.h.
"""

from __future__ import annotations

import os
import platform
import struct
import sys
from pathlib import Path

HEAD_BYTES = 4096
"""The part of a file in which its header lies."""

_ELF_32, _ELF_64 = 1, 2
_ELF = {(_ELF_32, 3): "x86", (_ELF_64, 62): "x86_64", (_ELF_32, 40): "arm", (_ELF_64, 183): "arm64"}
"""By class and e_machine: x86-64 with 32-bit addresses (x32) is neither of the first two."""
_ELF_ORDER = {1: "<", 2: ">"}
_PE = {0x014C: "x86", 0x8664: "x86_64", 0x01C4: "arm", 0xAA64: "arm64"}
_MACH_O = {7: "x86", 0x0100_0007: "x86_64", 12: "arm", 0x0100_000C: "arm64"}
_MACH_O_THIN = {
    b"\xce\xfa\xed\xfe": "<", b"\xcf\xfa\xed\xfe": "<",
    b"\xfe\xed\xfa\xce": ">", b"\xfe\xed\xfa\xcf": ">",
}  # fmt: skip
_MACH_O_FAT = {b"\xca\xfe\xba\xbe": 20, b"\xca\xfe\xba\xbf": 32}
"""Bytes of one entry of the table of a universal file."""
_FAT_AT_MOST = 16
"""A compiled Java class begins like a universal file, with a greater number (its version)."""


def architectures(head: bytes) -> tuple[str, ...]:
    """x86_64, x86, arm64, arm: what a file that begins with `head` is for, in its own order.

    A universal file of macOS has several; nothing is said of any other file or processor.
    """
    try:
        if head.startswith(b"\x7fELF"):
            names = [_elf(head)]
        elif head.startswith(b"MZ"):
            names = [_pe(head)]
        else:
            names = _mach_o(head)
    except struct.error:
        return ()
    return tuple(name for name in names if name is not None)


def of_file(path: str) -> tuple[str, ...]:
    """`architectures` of the file; nothing when it cannot be read, which its loader will say."""
    try:
        # A pipe in its place would be waited for.
        if not Path(path).is_file():
            return ()
        with Path(path).open("rb") as file:
            return architectures(file.read(HEAD_BYTES))
    except (OSError, ValueError):
        return ()


def of_this_process() -> tuple[str, ...]:
    """What a library must be for to be loaded here; nothing when it cannot be told.

    The program's own file knows it: the system's name for the processor is the same for a 32-bit
    program, and for one that is translated (WOW64, Rosetta).
    """
    own = of_file(os.path.realpath(sys.executable)) if sys.executable else ()
    # Of a universal program one half runs, of which macOS gives the name.
    return tuple(name for name in own if name == platform.machine()) if len(own) > 1 else own


def _elf(head: bytes) -> str | None:
    size, order = struct.unpack_from("BB", head, 4)
    if order not in _ELF_ORDER:
        return None
    (machine,) = struct.unpack_from(f"{_ELF_ORDER[order]}H", head, 18)
    return _ELF.get((size, machine))


def _pe(head: bytes) -> str | None:
    (offset,) = struct.unpack_from("<I", head, 0x3C)
    signature, machine = struct.unpack_from("<4sH", head, offset)
    return _PE.get(machine) if signature == b"PE\0\0" else None


def _mach_o(head: bytes) -> list[str | None]:
    if (order := _MACH_O_THIN.get(head[:4])) is not None:
        return [_MACH_O.get(struct.unpack_from(f"{order}I", head, 4)[0])]
    if (entry := _MACH_O_FAT.get(head[:4])) is None:
        return []
    (count,) = struct.unpack_from(">I", head, 4)
    if count > _FAT_AT_MOST:
        return []
    found = (_MACH_O.get(struct.unpack_from(">I", head, 8 + entry * i)[0]) for i in range(count))
    return list(dict.fromkeys(found))
