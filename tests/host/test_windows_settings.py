"""How the Cryptolib is set, and the rights on its folders as far as they can be told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.facts import FileState
from diagcps.host.windows_places import Places
from diagcps.host.windows_registry import Registry
from diagcps.host.windows_rights import may_write
from diagcps.host.windows_settings import read_settings
from diagcps.model import ProbeDenied
from diagcps.workstation import Settings
from tests.host.windows_root import Windows
from tests.host.windows_tree import Tree
from tests.strategies import quick

KEY = r"SOFTWARE\ASIP Sante\PKCS11"
CCM = r"SOFTWARE\ASIP Sante\CCM"
HOME = r"%ALLUSERSPROFILE%\santesocial\cps"


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    return Windows(tmp_path)


def told(settings: Settings) -> list[tuple[str, str, str]]:
    return [(each.name, each.value, each.source) for each in settings.settings]


def read(windows: Windows) -> list[tuple[str, str, str]]:
    return told(read_settings(windows.registry, windows.places))


def test_nothing_is_set_by_itself(windows: Windows) -> None:
    assert read(windows) == []


def test_what_a_person_set_counts_before_what_is_set_for_all(windows: Windows) -> None:
    windows.tree.put(KEY, {"Traces": 1, "Debug": 10}, view="64")
    windows.tree.put(KEY, {"Traces": 1}, view="32")
    windows.tree.put(KEY, {"Traces": 0}, hive="HKCU")

    assert read(windows) == [
        ("traces", "0", rf"HKCU\{KEY}"),
        ("debug", "10", rf"HKLM\{KEY} (64-bit)"),
    ]


def test_each_view_is_set_by_itself(windows: Windows) -> None:
    windows.tree.put(KEY, {"Sign_Hash": 1}, view="64")
    windows.tree.put(KEY, {"Sign_Hash": 0}, view="32")

    assert [(name, value) for name, value, _ in read(windows)] == [
        ("sign-hash", "1"), ("sign-hash", "0"),
    ]  # fmt: skip


def test_a_level_that_is_written_as_text_is_read_too(windows: Windows) -> None:
    windows.tree.put(KEY, {"Debug": " 10 "}, view="64")

    assert read(windows) == [("debug", "10", rf"HKLM\{KEY} (64-bit)")]


def test_the_managers_way_of_watching_is_told(windows: Windows) -> None:
    windows.tree.put(CCM, {"autoDetect": 0}, view="64")

    assert read(windows) == [("auto-detect", "0", rf"HKLM\{CCM} (64-bit)")]


def test_a_settings_file_may_lead_through_galss(windows: Windows) -> None:
    windows.write(
        "ProgramData/santesocial/cps/cps3_pkcs11.conf", b"galss = 1;\ntraces { active = true; }"
    )
    windows.write("ProgramData/santesocial/cps/other.conf", b"galss = 1;")

    assert read(windows) == [("galss", "true", rf"{HOME}\cps3_pkcs11.conf")]


def test_a_key_that_may_not_be_opened_is_denied(windows: Windows) -> None:
    windows.tree.put(KEY, {"Traces": 1})
    windows.tree.denied.add(rf"HKCU\{KEY}".upper())

    with pytest.raises(ProbeDenied):
        read(windows)


@quick
@given(st.text(max_size=40) | st.integers(0, 2**64) | st.binary() | st.lists(st.text()))
def test_any_value_is_told_shortly_or_not_at_all(value: Any) -> None:
    tree = Tree()
    tree.put(KEY, {"Traces": value, "Debug": value})

    for _, text, _ in told(read_settings(Registry(tree), Places({}, is_64_bit_program=True))):
        assert text.isprintable()
        assert 0 < len(text) <= 20


def test_the_folders_are_told_by_their_own_names(windows: Windows) -> None:
    (windows.folder / "ProgramData/santesocial/cps/coffre").mkdir(parents=True)
    windows.write("ProgramData/santesocial/cps/log", b"")

    folders = read_settings(windows.registry, windows.places).folders

    assert [(each.name, each.place) for each in folders] == [
        (name, rf"{HOME}\{name}") for name in ("coffre", "log", "cache")
    ]
    assert [each.state for each in folders] == [
        FileState.PRESENT, FileState.EMPTY, FileState.ABSENT,
    ]  # fmt: skip
    assert [each.writable for each in folders[1:]] == [None, None]


@pytest.mark.skipif(sys.platform == "win32", reason="what other systems lack")
def test_where_there_are_no_access_lists_nothing_is_said_of_rights(tmp_path: Path) -> None:
    assert may_write(tmp_path) is None


@pytest.mark.skipif(sys.platform != "win32", reason="access lists of Windows")
def test_an_own_folder_is_writable_and_what_is_not_there_is_not_told(tmp_path: Path) -> None:
    assert may_write(tmp_path) is True
    assert may_write(tmp_path / "none") is None
    assert list(tmp_path.iterdir()) == []
