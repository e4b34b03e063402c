"""The version of a program file, whatever the file is."""

from __future__ import annotations

import io
import os
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card import binary
from diagcps.host.pe_version import file_version, version_of
from tests.pe_files import MACHINES, program
from tests.strategies import quick


@pytest.mark.parametrize("machine", sorted(MACHINES))
@pytest.mark.parametrize(
    ("written", "version"),
    [
        ("3.4.0", "3.4.0"),
        ("3.4.0.0", "3.4.0"),
        ("10.0.22621.4317", "10.0.22621.4317"),
        ("5", "5.0.0"),
        ("65535.65535.65535.65535", "65535.65535.65535.65535"),
        ("", ""),
    ],
)
def test_a_program_says_its_version(machine: str, written: str, version: str) -> None:
    assert version_of(io.BytesIO(program(machine, written))) == version


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_a_program_of_these_tests_says_its_processor(machine: str) -> None:
    assert binary.architectures(program(machine)) == (machine,)


@pytest.mark.skipif(sys.platform != "win32", reason="a file of Windows")
def test_windows_own_libraries_say_a_version() -> None:
    library = Path(os.environ["SYSTEMROOT"], "System32", "kernel32.dll")
    numbers = file_version(library).split(".")
    assert len(numbers) in (3, 4)
    assert all(number.isdecimal() for number in numbers)


def test_what_is_no_file_has_no_version(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    if sys.platform != "win32":
        loop.symlink_to(loop)
        os.mkfifo(tmp_path / "pipe")
    places = [tmp_path, tmp_path / "none", loop, tmp_path / "pipe", Path("a\0b")]
    assert [file_version(each) for each in places] == [""] * 5


@quick
@given(st.binary(max_size=600))
def test_nonsense_has_no_version(data: bytes) -> None:
    assert version_of(io.BytesIO(data)) == ""
    assert version_of(io.BytesIO(b"MZ" + data)) == ""


@quick
@given(st.integers(0, 1023), st.binary(min_size=1, max_size=4))
def test_a_damaged_program_has_a_version_or_none(at: int, data: bytes) -> None:
    damaged = bytearray(program("x86_64", "3.4.0.7"))
    damaged[at : at + len(data)] = data
    version = version_of(io.BytesIO(damaged))
    assert version == "" or all(int(each) <= 0xFFFF for each in version.split("."))


@quick
@given(st.integers(0, 1023))
def test_a_program_that_is_cut_has_a_version_or_none(length: int) -> None:
    assert version_of(io.BytesIO(program("x86", "3.4.0.7")[:length])) in ("", "3.4.0.7")


def test_a_resource_that_says_to_be_huge_is_not_read_whole() -> None:
    data = bytearray(program("x86_64", "3.4.0"))
    at = data.index(struct.pack("<II", 0x1000 + 88, 92))
    data[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    assert version_of(io.BytesIO(data)) == "3.4.0"
