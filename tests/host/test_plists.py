"""Property lists of any kind: read, or refused in one way."""

from __future__ import annotations

import os
import plistlib
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.plists import moment, parse_plist, read_plist, text
from tests.strategies import quick

SAID = {"CFBundleShortVersionString": "6.09", "nested": {"a": [1, True]}, "data": b"\0\1"}
KINDS = (plistlib.FMT_XML, plistlib.FMT_BINARY)


@pytest.mark.parametrize("kind", KINDS)
def test_both_kinds_are_read(tmp_path: Path, kind: Any) -> None:
    file = tmp_path / "Info.plist"
    file.write_bytes(plistlib.dumps(SAID, fmt=kind))

    assert read_plist(file) == SAID


def test_a_binary_one_is_refused_where_commands_print_xml() -> None:
    with pytest.raises(ValueError):
        parse_plist(plistlib.dumps(SAID, fmt=plistlib.FMT_BINARY), xml=True)


@pytest.mark.parametrize("value", [[1, 2], "text", 7])
def test_a_list_of_no_keys_says_nothing(tmp_path: Path, value: Any) -> None:
    file = tmp_path / "Info.plist"
    file.write_bytes(plistlib.dumps(value))

    assert read_plist(file) == {}


def test_files_that_are_none_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"<plist><dict/>" + b" " * (2 << 20) + b"</plist>")

    assert read_plist(tmp_path / "absent") == {}
    assert read_plist(tmp_path) == {}
    assert read_plist(tmp_path / "large") == {}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links of POSIX")
def test_a_pipe_is_not_waited_for_and_a_loop_not_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")

    assert read_plist(tmp_path / "pipe") == {}
    assert read_plist(tmp_path / "loop") == {}


@quick
@given(st.sampled_from(KINDS), st.integers(0, 400), st.binary(max_size=8), st.integers(0, 40))
def test_no_damage_raises_anything_undeclared(
    kind: Any, place: int, inserted: bytes, removed: int
) -> None:
    data = plistlib.dumps(SAID, fmt=kind)
    with suppress(ValueError):
        parse_plist(data[:place] + inserted + data[place + removed :])


@quick
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_undeclared(data: bytes) -> None:
    for head in (b"", b"bplist00", b"<plist>"):
        with suppress(ValueError):
            parse_plist(head + data)


@quick
@given(st.text() | st.integers() | st.booleans() | st.binary() | st.lists(st.text()))
def test_any_value_is_a_text_that_can_be_printed(value: object) -> None:
    found = text(value)

    assert found.isprintable()
    assert len(found) <= 256


def test_moments_are_of_utc() -> None:
    naive = datetime(2026, 3, 2, 8, 30, tzinfo=UTC).replace(tzinfo=None)

    assert moment(naive) == datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert moment("2026-03-02") is None
    assert moment(None) is None
