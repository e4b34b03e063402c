"""A command in a real pseudo-terminal, and what a person in front of it sees and types."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

ROOT = Path(__file__).parent.parent
needs_one = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

CTRL_C, CTRL_D, CTRL_U, CTRL_Z, CTRL_BACKSLASH, DELETE = (
    "\x03",
    "\x04",
    "\x15",
    "\x1a",
    "\x1c",
    "\x7f",
)

_PATIENCE_S = 25.0
_LFLAG = 3
_BEHIND_IT = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal that of its session, so that its keys send signals, and becomes the command.

A fork of a process with threads is none that Python likes, hence this little program.
"""


class Terminal:
    """One command, from its start to its exit code."""

    def __init__(
        self, *arguments: str, python: Sequence[str] = ("-m", "diagcps"),
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        import pty

        self._ours, theirs = pty.openpty()
        command = (sys.executable, *python, *arguments)
        own = {
            "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1", "DIAGCPS_LOAD_ENTRY_POINTS": "0",
        }  # fmt: skip
        self.process = subprocess.Popen(
            (sys.executable, "-c", _BEHIND_IT, *command),
            stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True, start_new_session=True,
            env={**os.environ, **own, **(environment or {})},
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""
        """All that the terminal was sent; spaces that do not break are spaces."""
        self._read = 0
        self._data = b""

    def expect(self, text: str, *, within_s: float = _PATIENCE_S) -> str:
        """What came up to `text`, which was not expected before."""
        deadline = time.monotonic() + within_s
        while text not in self.seen[self._read :]:
            left = deadline - time.monotonic()
            if left <= 0 or not self._more(left):
                pytest.fail(f"no {text!r} in {self.seen[self._read :]!r}")
        end = self.seen.index(text, self._read) + len(text)
        passed, self._read = self.seen[self._read : end], end
        return passed

    def types(self, text: str) -> None:
        """Presses these keys, without Enter."""
        os.write(self._ours, text.encode())

    def answers(self, *pairs: str) -> None:
        """Sees a question and answers it with Enter: questions and answers in turn."""
        for question, answer in zip(pairs[::2], pairs[1::2], strict=True):
            self.expect(question)
            self.types(f"{answer}\r")

    def ends(self, *, within_s: float = _PATIENCE_S) -> int:
        """The exit code, once the terminal has shown everything."""
        deadline = time.monotonic() + within_s
        while self._more(max(0.0, deadline - time.monotonic())):
            pass
        return self.process.wait(timeout=max(1.0, deadline - time.monotonic()))

    def shows_what_is_typed(self) -> bool:
        """Whether the terminal echoes."""
        import termios

        return bool(termios.tcgetattr(self._ours)[_LFLAG] & termios.ECHO)

    def _more(self, within_s: float) -> bool:
        """Reads what comes within that time; False once nothing more will."""
        ready, _, _ = select.select([self._ours], [], [], within_s)
        if not ready:
            return False
        try:
            data = os.read(self._ours, 4096)
        except OSError:  # EIO: the other side is closed
            return False
        self._data += data
        said = self._data.decode("utf-8", "replace").replace("\r\n", "\n")
        self.seen = said.replace("\N{NO-BREAK SPACE}", " ")
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._ours)
