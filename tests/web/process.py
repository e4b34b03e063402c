"""The agent as people start it: a process of its own, with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

posix = pytest.mark.skipif(
    os.name != "posix", reason="a Windows user's folders are not moved by the environment"
)

CHECKOUT = Path(__file__).parent.parent.parent
ENDS_S = 10.0
MODULE = ("-m", "diagcps")
SCENARIO = ("--scenario", "vitale")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a user whose folders are all under `home`."""
    kept = ("PATH", "SYSTEMROOT", "DIAGCPS_LOAD_ENTRY_POINTS")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        **more,
    }


def run(
    home: Path, *arguments: str, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A `diagcps` that has ended."""
    return subprocess.run(
        [sys.executable, *MODULE, *arguments],
        env=environment(home, **(more or {})),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=30.0,
        check=False,
    )


class Running:
    """A `diagcps serve` that prints its one-time address; it has ended when the block ends.

    With `user`, the options of `Popen` that make it another user's.
    """

    def __init__(
        self, home: Path, *arguments: str, python: str = sys.executable,
        options: Sequence[str] = ("--no-browser",), more: Mapping[str, str] | None = None,
        user: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.home = home
        self.folder = home / "state" / "diagcps"
        self.process = subprocess.Popen(
            [python, *MODULE, "serve", *options, *SCENARIO, *arguments],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **{"env": environment(home, **(more or {})), **(user or {})},
        )

    @property
    def port_file(self) -> Path:
        """Where it tells a second start how to reach it."""
        return self.folder / "agent.json"

    def address(self) -> str:
        """The one-time address that it prints next."""
        assert self.process.stdout is not None
        line: str = self.process.stdout.readline()
        self.url = line.strip()
        assert self.url, self.process.stderr.read() if self.process.stderr else ""
        self.port = urlsplit(self.url).port or 0
        self.host = f"127.0.0.1:{self.port}"
        self.path = urlsplit(self.url).path
        return self.url

    def end(self) -> tuple[int, str]:
        """The exit code and stderr, once asked to end as Ctrl-C and the system do."""
        if self.process.poll() is None:
            self.process.terminate()
        _, said = self.process.communicate(timeout=ENDS_S)
        return self.process.returncode, said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
