"""Commands of the system, with shell scripts in their place."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from diagcps.host import commands
from diagcps.host.commands import output_of
from diagcps.model import ProbeDenied, ProbeTimeout, ProbeUnavailable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")


@pytest.fixture
def tool(tmp_path: Path) -> Callable[..., str]:
    def write(script: str, mode: int = 0o755) -> str:
        file = tmp_path / "tool"
        file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        file.chmod(mode)
        return str(file)

    return write


def test_what_it_prints_is_handed_over(tool: Callable[..., str]) -> None:
    assert output_of(tool('printf "%s|" "$@"'), "a b", "$HOME; ls") == b"a b|$HOME; ls|"


def test_it_gets_nothing_to_read_and_none_of_the_person_s_environment(
    tool: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_PERSON", "secret")

    assert output_of(tool('cat; echo "[$OF_THE_PERSON]"')) == b"[]\n"


def test_one_that_fails_is_unavailable(tool: Callable[..., str]) -> None:
    with pytest.raises(ProbeUnavailable, match="exit code 3"):
        output_of(tool("echo text; exit 3"))


def test_one_that_hangs_is_ended(tool: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_TIMEOUT_S", 0.2)

    with pytest.raises(ProbeTimeout):
        output_of(tool("exec sleep 30"))


def test_one_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(ProbeUnavailable):
        output_of(str(tmp_path / "tool"))


def test_one_that_may_not_be_started_is_denied(tool: Callable[..., str]) -> None:
    with pytest.raises(ProbeDenied):
        output_of(tool("echo", mode=0o644))


@pytest.mark.parametrize("flood", ["yes | head -c 100000", "exec yes"])
def test_a_flood_is_cut_off_and_what_prints_it_is_ended(
    tool: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flood: str
) -> None:
    monkeypatch.setattr(commands, "_MOST_BYTES", 10)

    assert output_of(tool(f"echo $$ > {tmp_path}/number; {flood}")) == b"y\n" * 5
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "number").read_text()), 0)


def test_all_that_is_printed_is_handed_over(tool: Callable[..., str]) -> None:
    assert output_of(tool("yes | head -c 300000")) == b"y\n" * 150_000


def test_one_that_prints_no_more_and_stays_is_ended(
    tool: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_TIMEOUT_S", 0.2)

    with pytest.raises(ProbeTimeout):
        output_of(tool("exec >&-; exec sleep 30"))


def test_a_program_that_it_leaves_behind_is_not_waited_for(
    tool: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_TIMEOUT_S", 0.2)

    with pytest.raises(ProbeTimeout):
        output_of(tool(f"sleep 30 & echo $! > {tmp_path}/number"))
    os.kill(int((tmp_path / "number").read_text()), signal.SIGKILL)
