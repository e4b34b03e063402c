"""Where each system's installer puts the Cryptolib's PKCS#11 library."""

from __future__ import annotations

import sys

import pytest

from diagcps.host.macos import MacHost
from diagcps.host.windows import WindowsHost, library_places
from tests.host.linux_root import Root


@pytest.mark.skipif(sys.platform == "win32", reason="paths of Linux")
def test_linux_has_it_under_opt_and_a_link_for_the_system(root: Root) -> None:
    paths = [path.removeprefix(str(root.folder)) for path in root.host().library_paths()]

    assert paths == [
        "/opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so",
        "/usr/lib64/libcps3_pkcs11_lux.so",
    ]


def test_macos_has_it_under_usr_local() -> None:
    assert MacHost({}).library_paths() == ("/usr/local/lib/libcps3_pkcs11_osx.dylib",)


def test_a_program_of_64_bits_looks_for_its_own_library_and_then_for_the_other() -> None:
    assert library_places(r"C:\Windows", is_64_bit=True) == (
        r"C:\Windows\System32\cps3_pkcs11_w64.dll",
        r"C:\Windows\SysWOW64\cps3_pkcs11_w32.dll",
    )


def test_a_program_of_32_bits_finds_the_library_of_64_under_its_true_name() -> None:
    assert library_places(r"C:\Windows", is_64_bit=False) == (
        r"C:\Windows\System32\cps3_pkcs11_w32.dll",
        r"C:\Windows\Sysnative\cps3_pkcs11_w64.dll",
    )


@pytest.mark.parametrize(
    ("environment", "folder"), [({"SystemRoot": r"D:\WINNT"}, r"D:\WINNT"), ({}, r"C:\Windows")]
)
def test_windows_may_be_installed_anywhere(environment: dict[str, str], folder: str) -> None:
    assert all(p.startswith(f"{folder}\\") for p in WindowsHost(environment).library_paths())
