"""The tests that need no system of their own, run by the Windows Python."""

from __future__ import annotations

import pytest

from .windows import CHECKOUT, WindowsPython, windows_path

OF_LINUX = (
    *("browser", "guards", "integration", "network", "packaging"),
    *("web", "wine", "workstations"),
)
"""Folders of tests whose parts are Linux programs, or that lay out Linux and macOS."""
LIMIT_S = 700.0
"""They took 313 s on two processors that others used as well."""


@pytest.mark.timeout(LIMIT_S + 10)
def test_unit_tests_pass_or_say_which_system_they_need(windows: WindowsPython) -> None:
    tests = CHECKOUT / "tests"
    ignored = [f"--ignore={windows_path(tests / name)}" for name in OF_LINUX]
    options = ("-q", "-rfE", "-p", "no:cacheprovider", "-o", "tmp_path_retention_policy=none")
    finished = windows.run(
        "-m", "pytest", windows_path(tests), *ignored, *options, timeout_s=LIMIT_S
    )
    assert finished.code == pytest.ExitCode.OK, finished.out[-8000:]
