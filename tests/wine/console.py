"""A Windows program in a console, and what a person in front of it sees and types.

Wine makes a console of the pseudo-terminal that it is started on.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

CTRL_C = "\x03"
START_S = 45.0
"""See windows.py."""

_SIZE = struct.pack("4H", 400, 200, 0, 0)
"""Rows and columns: what is seen once stays where it is, and no line is broken."""
_FORWARD = re.compile(r"\x1b\[(\d*)C")
_OTHER_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""ECMA-48, 5.4."""
_BEHIND_IT = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal that of its session, and becomes the command."""


class Console:
    """One program, from its start to its exit code."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, _SIZE)
        # What keys do and what they show is the console's to say.
        tty.setraw(theirs)
        self._process = subprocess.Popen(
            (sys.executable, "-c", _BEHIND_IT, *command),
            env=environment,
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._data = b""
        self._read = 0

    @property
    def seen(self) -> str:
        """All that was shown, in the order in which it was; blanks and lines are one blank each."""
        said = _FORWARD.sub(lambda m: " " * int(m[1] or 1), self._data.decode("utf-8", "replace"))
        return " ".join(_OTHER_SEQUENCES.sub("", said).split())

    def expect(self, text: str, *, within_s: float = START_S) -> None:
        """Returns once `text` is shown, after what was expected before."""
        deadline = time.monotonic() + within_s
        while text not in self.seen[self._read :]:
            left = deadline - time.monotonic()
            if left <= 0 or not self._more(left):
                raise AssertionError(f"no {text!r} in {self.seen[self._read :]!r}")
        self._read = self.seen.index(text, self._read) + len(text)

    def types(self, text: str) -> None:
        """Presses these keys, without Enter."""
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Sends Ctrl-C to a program that reads no line, which Wine 8.0 tells of no such key."""
        self._process.send_signal(signal.SIGINT)

    def answers(self, *pairs: str) -> None:
        """Sees a question and answers it with Enter: questions and answers in turn."""
        for question, answer in zip(pairs[::2], pairs[1::2], strict=True):
            self.expect(question)
            self.types(f"{answer}\r")

    def ends(self, *, within_s: float = START_S) -> int:
        """The exit code, once everything was shown."""
        deadline = time.monotonic() + within_s
        while self._process.poll() is None and time.monotonic() < deadline:
            self._more(0.1)
        while self._more(0.1):
            pass
        return self._process.wait(timeout=1.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def _more(self, within_s: float) -> bool:
        """Reads what comes within that time; False when nothing did."""
        ready, _, _ = select.select([self._ours], [], [], within_s)
        if not ready:
            return False
        try:
            data = os.read(self._ours, 4096)
        except OSError:  # EIO: the other side is closed
            return False
        self._data += data
        return bool(data)
