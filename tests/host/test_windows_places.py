"""Paths as the catalogue and the registry write them, found from programs of either size."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.windows_places import Places, told
from diagcps.host.windows_registry import View
from tests.strategies import quick

OF_BOTH = {"SystemRoot": r"C:\Windows", "ALLUSERSPROFILE": r"C:\ProgramData"}
IN_64 = {
    **OF_BOTH,
    "PROCESSOR_ARCHITECTURE": "AMD64",
    "ProgramFiles": r"C:\Program Files",
    "ProgramFiles(x86)": r"C:\Program Files (x86)",
    "ProgramW6432": r"C:\Program Files",
    "CommonProgramFiles": r"C:\Program Files\Common Files",
}
IN_32_ON_64 = {
    **IN_64,
    "PROCESSOR_ARCHITECTURE": "x86",
    "PROCESSOR_ARCHITEW6432": "AMD64",
    "ProgramFiles": r"C:\Program Files (x86)",
}
ON_32 = {**OF_BOTH, "PROCESSOR_ARCHITECTURE": "x86", "ProgramFiles": r"C:\Program Files"}

PROGRAM_64 = Places(IN_64, is_64_bit_program=True)
PROGRAM_32 = Places(IN_32_ON_64, is_64_bit_program=False)
SYSTEM_32 = Places(ON_32, is_64_bit_program=False)


def found(places: Places, text: str, view: View = View.SYSTEM) -> str | None:
    """The path that is looked at, as Windows writes it."""
    path = places.find(text, view=view)
    return None if path is None else str(path).replace(os.sep, "\\")


@pytest.mark.parametrize(
    ("text", "of_64", "of_32", "on_32"),
    [
        (
            r"%SystemRoot%\System32\a.dll",
            r"C:\Windows\System32\a.dll",
            r"C:\Windows\Sysnative\a.dll",
            r"C:\Windows\System32\a.dll",
        ),
        (
            r"%SystemRoot%\SysWOW64\a.dll",
            r"C:\Windows\SysWOW64\a.dll",
            r"C:\Windows\SysWOW64\a.dll",
            r"C:\Windows\System32\a.dll",
        ),
        (r"%systemroot%\a.ini", *[r"C:\Windows\a.ini"] * 3),
        (r"%ProgramFiles%\a", *[r"C:\Program Files\a"] * 3),
        (
            r"%ProgramFiles(x86)%\a",
            r"C:\Program Files (x86)\a",
            r"C:\Program Files (x86)\a",
            r"C:\Program Files\a",
        ),
        (
            "a.dll",
            r"C:\Windows\System32\a.dll",
            r"C:\Windows\Sysnative\a.dll",
            r"C:\Windows\System32\a.dll",
        ),
        (
            r'"c:\windows\SYSTEM32\a.dll"',
            r"C:\Windows\System32\a.dll",
            r"C:\Windows\Sysnative\a.dll",
            r"C:\Windows\System32\a.dll",
        ),
        (r"%ALLUSERSPROFILE%\santesocial", *[r"C:\ProgramData\santesocial"] * 3),
        (r"C:\Windows", *[r"C:\Windows"] * 3),
        (r"C:\WindowsApps\System32\a", *[r"C:\WindowsApps\System32\a"] * 3),
    ],
)
def test_the_same_file_is_found_from_every_program(
    text: str, of_64: str, of_32: str, on_32: str
) -> None:
    assert [found(each, text) for each in (PROGRAM_64, PROGRAM_32, SYSTEM_32)] == [
        of_64, of_32, on_32,
    ]  # fmt: skip


def test_what_a_32_bit_program_registers_is_found_where_it_is_shown_it() -> None:
    text = r"C:\Windows\System32\a.dll"

    for places in (PROGRAM_64, PROGRAM_32):
        assert found(places, text, View.PROGRAMS_32) == r"C:\Windows\SysWOW64\a.dll"
        assert found(places, "a.dll", View.PROGRAMS_32) == r"C:\Windows\SysWOW64\a.dll"
        assert found(places, r"%ProgramFiles%\a", View.PROGRAMS_32) == r"C:\Program Files (x86)\a"


@pytest.mark.parametrize(
    "text",
    [
        "",
        r"\\server\share\a.dll",
        r"//server/share/a.dll",
        r"/\server\share\a.dll",
        r"\\.\pipe\a",
        r"\\?\C:\a",
        r"%USERPROFILE%\a",
        r"%PATH%\a",
        r"%SystemRoot\a",
        "http://host/a",
        "folder\\a.dll",
        "C:\\a\0b",
    ],
)
def test_nothing_but_this_machines_own_folders_is_looked_at(text: str) -> None:
    assert found(PROGRAM_64, text) is None


def test_a_variable_that_is_not_set_leads_nowhere() -> None:
    assert Places({}, is_64_bit_program=True).find(r"%SystemRoot%\a") is None


def test_the_views_are_two_on_a_64_bit_system_alone() -> None:
    both = (View.SYSTEM, View.PROGRAMS_32)
    assert [each.views for each in (PROGRAM_64, PROGRAM_32, SYSTEM_32)] == [both, both, both[:1]]


@quick
@given(st.text(st.sampled_from("\\/%C:.~Windows\0 ") | st.characters(), max_size=40))
def test_any_text_leads_to_a_folder_of_this_machine_or_nowhere(text: str) -> None:
    for view in View:
        path = found(PROGRAM_64, text, view)
        assert path is None or (path[1:3] == ":\\" or path.startswith("\\"))
        assert path is None or not path.startswith("\\\\")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"C:\Windows\System32\a.dll", r"C:\Windows\System32\a.dll"),
        (r"%SystemRoot%\a.dll", r"%SystemRoot%\a.dll"),
        (r"C:\Users\Marie Martin\a.dll", "a.dll"),
        (r"C:/users/x/a.dll", "a.dll"),
        (r"C:\Documents and Settings\x\a.dll", "a.dll"),
        (r"%USERPROFILE%\a.dll", "a.dll"),
        ("a\x1b[2J.dll", "a[2J.dll"),
        ("x" * 1000, "x" * 260),
    ],
)
def test_a_path_is_told_without_the_persons_folder(text: str, shown: str) -> None:
    assert told(text) == shown
