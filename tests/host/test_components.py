"""What the catalogue names, as files and folders of the test's own."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.catalogue import Part
from diagcps.catalogue_parts import Checksum, CryptolibCatalogue, ExpectedFile, OtherFile
from diagcps.facts import FileState
from diagcps.host.components import dictionary_version, program_version, read_components
from diagcps.model import Platform
from diagcps.workstation import Component
from tests.builders import CATALOGUE
from tests.host.linux_root import ELF_X86_64
from tests.strategies import quick

LINUX, MACOS = Platform.LINUX, Platform.MACOS
SUM = Checksum(version="5.2.2", md5="0" * 32)
PROGRAM = ExpectedFile(
    platform=LINUX, name="lib.so", folder="/opt/lib", part=Part.PKCS11, checksums=(SUM,)
)


def catalogue(*files: ExpectedFile, leftovers: tuple[OtherFile, ...] = ()) -> CryptolibCatalogue:
    return replace(CATALOGUE.cryptolib, files=files, copies=leftovers, leftovers=leftovers)


def read(root: Path, file: ExpectedFile = PROGRAM) -> Component:
    (found,) = read_components(root, catalogue(file), LINUX).expected
    return found


def write(root: Path, data: bytes, path: str = "opt/lib/lib.so") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def test_a_library_is_told_with_its_version_processor_and_checksum(tmp_path: Path) -> None:
    data = ELF_X86_64 + b"\0##[ProductVersion  03.01.00Aug 20 2024\0"
    write(tmp_path, data)

    found = read(tmp_path)

    assert (found.name, found.place, found.state) == ("lib.so", "/opt/lib", FileState.PRESENT)
    assert (found.version, found.architectures) == ("3.1.0", ("x86_64",))
    assert found.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_without_a_checksum_to_compare_with_none_is_computed(tmp_path: Path) -> None:
    write(tmp_path, ELF_X86_64)

    assert read(tmp_path, replace(PROGRAM, checksums=())).md5 == ""


def test_what_is_not_there_is_told_so(tmp_path: Path) -> None:
    found = read(tmp_path)

    assert (found.state, found.version, found.md5) == (FileState.ABSENT, "", "")


def test_what_is_of_another_system_is_not_looked_for(tmp_path: Path) -> None:
    cryptolib = catalogue(replace(PROGRAM, platform=MACOS))

    assert read_components(tmp_path, cryptolib, LINUX).expected == ()


def test_copies_and_leftovers_are_told_where_they_are(tmp_path: Path) -> None:
    write(tmp_path, b"1", "usr/local/galss/old.so")
    names = ("old.so", "older.so")
    others = tuple(OtherFile(platform=LINUX, name=n, folder="/usr/local/galss") for n in names)

    found = read_components(tmp_path, catalogue(leftovers=others), LINUX)

    assert [each.name for each in found.leftovers] == ["old.so"]
    assert found.copies == found.leftovers


def test_a_dictionary_says_its_version(tmp_path: Path) -> None:
    write(
        tmp_path, b"NOM\tA\r\nG999\tVersion\t\t\t28\tVersion : 02.18 - 28/02/2020\r\n", "etc/DICO"
    )
    file = replace(PROGRAM, name="DICO", folder="/etc", part=Part.DICTIONARY)

    assert read(tmp_path, file).version == "2.18"


def test_a_folder_has_neither_version_nor_checksum(tmp_path: Path) -> None:
    (tmp_path / "opt/lib/lib.so").mkdir(parents=True)

    found = read(tmp_path)

    assert (found.state, found.md5, found.architectures) == (FileState.PRESENT, "", ())


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
@pytest.mark.parametrize("what", ["pipe", "loop"])
def test_what_cannot_be_read_is_no_fault(tmp_path: Path, what: str) -> None:
    file = write(tmp_path, b"")
    file.unlink()
    if what == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(file.name)

    found = read(tmp_path)

    assert (found.state, found.md5, found.version) == (FileState.UNREADABLE, "", "")


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"G999\tVersion\t\t\t28\tVersion : 02.18 - 28/02/2020\r\n", "2.18"),
        (b"G999\tVersion\tVersion : 00.09", "0.9"),
        (b"XG999\tVersion\t\t\t28\tVersion : 02.18", ""),
        (b"G999\tVersion\n28\tVersion : 02.18", ""),
        (b"", ""),
    ],
)
def test_the_version_of_a_dictionary_is_in_one_line_of_it(data: bytes, version: str) -> None:
    assert dictionary_version(data) == version


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"\0##[ProductVersion  06.08.00\0##[ProductName CPGESLUX\0", "6.8.0"),
        (b"\0##[ProductVersion  01.08\0", "1.8"),
        (b"##[ProductVersion  none", ""),
        (b"##[ProductName 1.0", ""),
    ],
)
def test_the_version_of_a_program_is_in_its_mark(data: bytes, version: str) -> None:
    assert program_version(data) == version


@quick
@given(
    st.lists(
        st.sampled_from([b"G999\tVersion\t", b"Version : ", b"##[ProductVersion  ", b"02", b"."])
        | st.binary(max_size=9)
    )
)
def test_any_bytes_have_a_version_of_numbers_or_none(parts: list[bytes]) -> None:
    for version in (dictionary_version(b"".join(parts)), program_version(b"".join(parts))):
        assert all(part.isdecimal() for part in version.split(".")) or version == ""
