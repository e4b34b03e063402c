"""The header of a program file tells which processor it is for."""

from __future__ import annotations

import platform
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.binary import HEAD_BYTES, architectures, of_file, of_this_process
from tests.strategies import quick

NAMES = {"x86_64", "x86", "arm64", "arm"}


def elf(size: int, machine: int, order: str = "<") -> bytes:
    """The beginning of an ELF file; `size` is 1 for 32 bits, 2 for 64."""
    data = 1 if order == "<" else 2
    return b"\x7fELF" + bytes((size, data, 1)) + bytes(9) + struct.pack(f"{order}HH", 3, machine)


def pe(machine: int, at: int = 0x80) -> bytes:
    """The beginning of a PE file whose own header is at `at`."""
    head = b"MZ" + bytes(0x3A) + struct.pack("<I", at)
    return head.ljust(at, b"\0") + b"PE\0\0" + struct.pack("<HH", machine, 6)


def thin(magic: int, processor: int, order: str = "<") -> bytes:
    """The beginning of a Mach-O file for one processor."""
    return struct.pack(f"{order}III", magic, processor, 3)


def universal(*processors: int, entry: int = 20) -> bytes:
    """The beginning of a Mach-O file for several processors."""
    magic = 0xCAFEBABE if entry == 20 else 0xCAFEBABF
    table = b"".join(struct.pack(">I", each).ljust(entry, b"\0") for each in processors)
    return struct.pack(">II", magic, len(processors)) + table


X86_64, ARM64 = 0x01000007, 0x0100000C


@pytest.mark.parametrize(
    ("head", "kinds"),
    [
        (elf(2, 62), ("x86_64",)),
        (elf(1, 3), ("x86",)),
        (elf(2, 183), ("arm64",)),
        (elf(1, 40), ("arm",)),
        (elf(2, 183, ">"), ("arm64",)),
        (pe(0x8664), ("x86_64",)),
        (pe(0x14C), ("x86",)),
        (pe(0xAA64), ("arm64",)),
        (pe(0x8664, at=0x400), ("x86_64",)),
        (thin(0xFEEDFACF, X86_64), ("x86_64",)),
        (thin(0xFEEDFACF, ARM64), ("arm64",)),
        (thin(0xFEEDFACE, 7), ("x86",)),
        (thin(0xFEEDFACE, 7, ">"), ("x86",)),
        (universal(X86_64, ARM64), ("x86_64", "arm64")),
        (universal(ARM64, ARM64), ("arm64",)),
        (universal(X86_64, ARM64, entry=32), ("x86_64", "arm64")),
        (universal(7, 18), ("x86",)),
    ],
)
def test_a_header_names_its_processors(head: bytes, kinds: tuple[str, ...]) -> None:
    assert architectures(head) == kinds
    assert architectures(head.ljust(HEAD_BYTES, b"\xff")) == kinds


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"/* GNU ld script */\nINPUT(libother.so)",
        b"#!/bin/sh\n",
        elf(2, 243),  # RISC-V
        elf(1, 62),  # x32
        elf(3, 62),
        elf(2, 62)[:5] + b"\x07" + elf(2, 62)[6:],
        pe(0x8664).replace(b"PE", b"NE"),
        pe(0x8664)[:0x40],
        b"MZ" + bytes(0x3A) + b"\xff\xff\xff\xff",
        thin(0xFEEDFACF, 18),
        b"\xca\xfe\xba\xbe\x00\x00\x00\x41" + bytes(4000),  # a class of Java 21
    ],
)
def test_nothing_is_said_of_any_other_file(head: bytes) -> None:
    assert architectures(head) == ()


beginnings = st.sampled_from(
    [b"", b"\x7fELF", b"MZ", b"\xca\xfe\xba\xbe\0\0\0", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xce"]
)


@quick
@given(beginnings, st.binary(max_size=300))
def test_no_bytes_are_an_error(beginning: bytes, rest: bytes) -> None:
    assert set(architectures(beginning + rest)) <= NAMES


@quick
@given(
    st.sampled_from([elf(2, 62), pe(0x8664), thin(0xFEEDFACF, ARM64), universal(X86_64, ARM64)]),
    st.integers(0, 200),
)
def test_a_header_that_is_cut_short_is_no_error(head: bytes, size: int) -> None:
    assert set(architectures(head[:size])) <= set(architectures(head))


def test_this_process_is_of_one_kind() -> None:
    own = of_this_process()
    machine = {"amd64": "x86_64", "aarch64": "arm64"}.get(platform.machine().lower())

    assert len(own) == 1
    assert set(own) <= NAMES
    if machine is not None and sys.maxsize > 2**32:
        assert own == (machine,)


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert of_file(str(tmp_path / "none")) == ()
    assert of_file(str(tmp_path)) == ()
    assert of_file("\0") == ()
