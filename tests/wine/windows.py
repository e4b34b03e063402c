"""A Windows Python under Wine, and the programs it runs for a test."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from .console import Console

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
BUILD = HERE / "build.sh"
START_S = 45.0
"""A time limit for a program; the slowest that was seen, on a busy machine, took 7 s."""


def folder() -> Path:
    """Where the Windows Python is: DIAGCPS_WINE names another place than the checkout's cache."""
    return Path(os.environ.get("DIAGCPS_WINE") or CHECKOUT / ".cache" / "wine")


def why_not() -> str | None:
    """Why nothing of Windows can run here, or None when it can."""
    if not sys.platform.startswith("linux") or shutil.which("wine") is None:
        return f"Wine is not installed: run tests/wine/build.sh {folder()}"
    environment = {**os.environ, "PYTHON": sys.executable}
    current = subprocess.run([BUILD, "--check", folder()], env=environment, check=False)
    if current.returncode != 0:
        return f"no Windows Python, or an old one: run tests/wine/build.sh {folder()}"
    return None


def windows_path(path: Path) -> str:
    """The path as a Windows program writes it: Wine shows the whole file system as drive Z."""
    return "Z:" + str(PurePosixPath(path.resolve())).replace("/", "\\")


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A program that ended, and what it wrote."""

    code: int
    out: str
    err: str


class Program:
    """A running Windows program; it has ended, one way or another, when the block ends."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        # Pipes: with a Linux file as its output, Wine's Python does not start (README.md).
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._readers = (
            threading.Thread(target=self._read_output, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        )
        for reader in self._readers:
            reader.start()

    def line(self, *, timeout_s: float = START_S) -> str:
        """The next line of its output. Raises TimeoutError, or EOFError with what it complained."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"no line within {timeout_s} s: {self._complaint()}") from None
        if line is None:
            raise EOFError(self._complaint())
        return line

    def interrupt(self) -> None:
        """Sends Ctrl-C, as Wine hands SIGINT to the program."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends the program at once, as a task manager does."""
        self._process.kill()
        self._process.wait()

    def wait(self, *, timeout_s: float = START_S) -> Finished:
        """What the program said, once it ended by itself. Raises TimeoutExpired."""
        code = self._process.wait(timeout=timeout_s)
        for reader in self._readers:
            reader.join(timeout=5.0)
        lines = []
        while not self._lines.empty():
            line = self._lines.get()
            lines.append(line or "")
        return Finished(code=code, out="".join(lines), err=self._complaint())

    def close_input(self) -> None:
        """Lets the program read the end of its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.kill()
        for reader in self._readers:
            reader.join(timeout=5.0)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _complaint(self) -> str:
        return "".join(self._errors)

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(_text(line))
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(_text(line) for line in self._process.stderr)


class WindowsPython:
    """The Windows Python of a folder that build.sh made; the product it imports is the checkout."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def start(self, *arguments: str, cards: Path | None = None) -> Program:
        """Starts Python with these arguments.

        `cards` is the socket of the pcscd whose readers Windows shows; without it Wine's own
        winscard.dll answers, which has none.
        """
        return Program(
            self._command(arguments, cards), self._environment(cards), self._place / "home"
        )

    def console(self, *arguments: str, cards: Path | None = None) -> Console:
        """Starts Python in a console; see `start`."""
        return Console(
            self._command(arguments, cards), self._environment(cards), self._place / "home"
        )

    def run(
        self, *arguments: str, cards: Path | None = None, timeout_s: float = START_S
    ) -> Finished:
        """Runs Python to its end; see `start`."""
        with self.start(*arguments, cards=cards) as program:
            program.close_input()
            return program.wait(timeout_s=timeout_s)

    def end(self) -> None:
        """Ends what still runs of this Windows, and returns when nothing is left."""
        subprocess.run([self._place / "winpy", "--end"], check=True, timeout=30)

    def _command(self, arguments: Sequence[str], cards: Path | None) -> list[str]:
        return [str(self._place / "winpy"), *(("--pcscd",) if cards else ()), *arguments]

    def _environment(self, cards: Path | None) -> dict[str, str]:
        """The caller's environment without what would steer either Python or the product."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "DIAGCPS", "PYTEST", "SSH_", "PCSCLITE_"))
        }
        ours = {"PYTHONPATH": windows_path(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
        if cards is not None:
            ours["PCSCLITE_CSOCK_NAME"] = str(cards)
        return {**kept, **ours}


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").replace("\r\n", "\n")
