"""Line 13: the one-time address reaches the browser where other users cannot read it."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from . import wire
from .process import ENDS_S, SCENARIO, Running, posix, run

BROWSER = """#!/bin/sh
printf '%s\\n' "$*" >> "$HOME/opened"
"""


@pytest.fixture
def browser(tmp_path: Path) -> dict[str, str]:
    """The environment in which a program that notes its command line is the browser."""
    program = tmp_path / "browser"
    program.write_text(BROWSER)
    program.chmod(0o755)
    return {"BROWSER": str(program)}


def until(done: Callable[[], bool]) -> None:
    """Returns once `done`, within a process's time to start."""
    deadline = time.monotonic() + ENDS_S
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert done()


def opened(home: Path, count: int) -> list[Path]:
    """The files that the browser was given, once it was given `count`."""
    noted = home / "opened"
    until(lambda: noted.exists() and len(noted.read_text().splitlines()) == count)
    targets = noted.read_text().splitlines()
    if any(target.startswith("http") for target in targets):
        pytest.skip("the default browser of this machine cannot read a hidden folder")
    return [Path(target.removeprefix("file://")) for target in targets]


def address(page: Path) -> str:
    """Where the page leads."""
    return page.read_text().partition("url=")[2].partition('"')[0]


def status(url: str) -> int:
    """The status of the answer at `url`."""
    host, _, path = url.removeprefix("http://").partition("/")
    raw = wire.request("GET", f"/{path}", hosts=(host,))
    return wire.exchange(int(host.partition(":")[2]), raw).status


@posix
def test_browser_is_given_a_file_that_only_this_user_reads(
    tmp_path: Path, browser: dict[str, str]
) -> None:
    with Running(tmp_path, options=(), more=browser) as running:
        (page,) = opened(tmp_path, 1)
        assert page.parent == running.folder
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
        url = address(page)
        assert url.rpartition("/")[2] not in (tmp_path / "opened").read_text()
        assert status(url) == 200
        assert not page.exists()
        assert running.end() == (0, "")


@posix
def test_leading_file_goes_with_the_agent(tmp_path: Path, browser: dict[str, str]) -> None:
    with Running(tmp_path, options=(), more=browser) as running:
        (page,) = opened(tmp_path, 1)
        assert page.exists()
        assert running.end() == (0, "")
    assert list(running.folder.iterdir()) == []


@posix
def test_second_start_leads_the_browser_to_the_running_agent(
    tmp_path: Path, browser: dict[str, str]
) -> None:
    # A browser that takes a while, and fails: the one after it must still be tried.
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 1\nexit 1\n")
    slow.chmod(0o755)
    slowly = {"BROWSER": f"{slow}:{browser['BROWSER']}"}
    with Running(tmp_path, options=(), more=browser) as running:
        opened(tmp_path, 1)
        again = run(tmp_path, "serve", *SCENARIO, more=slowly)
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
        first, second = opened(tmp_path, 2)
        assert address(first) != address(second)
        assert status(address(second)) == 200
        assert running.end() == (0, "")
    assert list(running.folder.iterdir()) == []
