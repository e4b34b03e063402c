"""Files as they are: whatever stands in the place of one, nothing waits and nothing fails."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.facts import FileState
from diagcps.host import files
from diagcps.host.files import (
    attribute,
    beginning,
    changed,
    entries,
    is_allowed,
    md5_of,
    state_of,
    text_of,
)
from tests.host.linux_root import unprivileged
from tests.strategies import quick

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


def test_a_file_is_there_empty_or_absent(tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(b"1")
    (tmp_path / "empty").touch()

    found = [state_of(tmp_path / name) for name in ("full", "empty", "none", "full/below")]

    absent = FileState.ABSENT
    assert found == [FileState.PRESENT, FileState.EMPTY, absent, absent]


def test_a_folder_is_there_whatever_is_in_it(tmp_path: Path) -> None:
    assert state_of(tmp_path) is FileState.PRESENT


@posix
def test_a_pipe_or_a_link_to_itself_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")

    for name in ("pipe", "loop"):
        path = tmp_path / name
        assert state_of(path) is FileState.UNREADABLE
        assert (text_of(path), attribute(path), md5_of(path)) == (None, "", "")
        with pytest.raises(OSError, match=name):
            beginning(path)


@posix
def test_a_link_that_leads_nowhere_is_absent(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")

    assert state_of(tmp_path / "link") is FileState.ABSENT
    assert changed(tmp_path / "link") is None


@posix
def test_what_this_user_may_not_look_at_is_unreadable() -> None:
    with tempfile.TemporaryDirectory() as name:
        # Of pytest's own folders root alone may see anything.
        Path(name).chmod(0o755)
        file, folder = Path(name) / "file", Path(name) / "folder"
        file.write_bytes(b"1")
        (folder / "below").mkdir(parents=True)
        file.chmod(0)
        folder.chmod(0o100)
        with unprivileged():
            assert state_of(file) is state_of(folder) is FileState.UNREADABLE
            assert not is_allowed(folder, os.W_OK)
            assert (text_of(file), md5_of(file), entries(folder)) == (None, "", ())
        folder.chmod(0)
        with unprivileged():
            assert state_of(folder / "below") is FileState.UNREADABLE
        folder.chmod(0o700)


@posix
def test_what_is_not_ours_may_be_read_and_not_written() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        with unprivileged():
            assert state_of(Path(name)) is FileState.PRESENT
            assert not is_allowed(Path(name), os.W_OK)
        Path(name).chmod(0o777)
        with unprivileged():
            assert is_allowed(Path(name), os.W_OK | os.X_OK)


def test_a_path_that_no_system_takes_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a\0b"

    assert state_of(path) is FileState.UNREADABLE
    assert (text_of(path), md5_of(path), changed(path)) == (None, "", None)
    assert entries(path) == ()


def test_the_beginning_of_a_file_is_bounded_and_a_text_is_whole_or_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a" * 100)

    assert beginning(file, 10) == b"a" * 10
    assert (text_of(file, 99), text_of(file, 100)) == (None, "a" * 100)


def test_a_value_of_the_kernel_has_no_outer_spaces_and_a_large_one_is_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b" auto\n")
    assert attribute(file) == "auto"
    file.write_bytes(b"a" * (1 << 20))
    assert attribute(file) == ""


def test_a_file_in_the_place_of_a_folder_has_no_entries(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert entries(tmp_path / "file") == ()


def test_of_a_folder_without_end_the_first_entries_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {tmp_path / str(number) for number in range(9)}
    for file in there:
        file.touch()
    assert set(entries(tmp_path)) == there
    monkeypatch.setattr(files, "_MOST_ENTRIES", 5)
    assert len({*entries(tmp_path)} & there) == len(entries(tmp_path)) == 5


@pytest.mark.parametrize("year", [1970, 2026])
def test_a_time_is_told_in_utc_of_whatever_year(tmp_path: Path, year: int) -> None:
    at = datetime(year, 1, 2, tzinfo=UTC)
    os.utime(tmp_path, (at.timestamp(), at.timestamp()))

    assert changed(tmp_path) == at


@quick
@given(st.binary(max_size=200))
def test_a_checksum_is_that_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "sum"
    file.write_bytes(data)

    assert md5_of(file) == hashlib.md5(data, usedforsecurity=False).hexdigest()


@posix
def test_a_file_too_large_for_a_program_has_no_checksum(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as opened:
        opened.truncate((32 << 20) + 1)

    assert md5_of(file) == ""
    assert state_of(file) is FileState.PRESENT
