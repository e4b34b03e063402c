"""A program in a process of its own, timed from its start to the first line it prints."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
_PATIENCE_S = 30.0


class Program:
    """Runs from the checkout; has printed its first line when it is made."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Raises TimeoutError or RuntimeError when the line does not come."""
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,  # never at its end: a program may wait there
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE_S)
        self.line = self._process.stdout.readline().decode().strip() if ready else ""
        self.seconds = time.perf_counter() - began
        """From the start of the process to its first line."""
        self.busy_seconds = self._busy() if ready else 0.0
        """What of that it spent on a processor, whatever else the machine was doing."""
        if not ready or self._process.poll() is not None:
            self.end(signal.SIGKILL)
            raise RuntimeError(f"{' '.join(command)} did not start")

    def _busy(self) -> float:
        """The first number of each thread's schedstat is its time on a processor, in ns."""
        busy_ns = 0
        for task in Path(f"/proc/{self._process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # the thread has just ended
                busy_ns += int(task.read_text().split()[0])
        return busy_ns / 1e9

    @property
    def resident_mib(self) -> float:
        """The memory it occupies now (VmRSS of proc(5))."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (kib,) = re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        return int(kib) / 1024

    def end(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ends the program with a signal; the process is gone on return."""
        self._process.send_signal(number)
        try:
            self._process.wait(_PATIENCE_S)
        finally:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.end()


class Agent(Program):
    """`diagcps serve` with an empty state folder, so that no agent of this user is found instead.

    `line` is its one-time address.
    """

    def __init__(self, *options: str, environment: Mapping[str, str] = os.environ) -> None:
        with tempfile.TemporaryDirectory(prefix="diagcps-", ignore_cleanup_errors=True) as state:
            # The folder may go once the agent listens: without it the port file is just not found.
            super().__init__(
                [sys.executable, "-m", "diagcps", "serve", "--no-browser", *options],
                {**environment, "XDG_STATE_HOME": state},
            )
        self._connect()

    def _connect(self) -> None:
        """The printed address takes connections. Raises OSError."""
        (port,) = re.findall(r"^http://127\.0\.0\.1:(\d+)/", self.line)
        socket.create_connection(("127.0.0.1", int(port)), timeout=_PATIENCE_S).close()
