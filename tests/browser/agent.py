"""The agent as a person starts it, and a question whose answer the test holds back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).parents[2]
START_S = 15.0
END_S = 10.0


class Agent:
    """`diagcps serve` in a process of its own, with a state folder of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        """The agent listens on return; raises TimeoutError when it does not."""
        folder.mkdir(exist_ok=True)
        self.state = folder
        """Where it keeps its port file and the last problem."""
        self._arguments = arguments
        self._log = (folder / "stderr.txt").open("ab")
        self._process = self._start()
        self.address = self._one_time_address(self._process)
        """The one-time address that the agent printed."""
        self.origin = self.address.partition("/open/")[0]
        """Scheme, host and port."""

    @property
    def page(self) -> str:
        """The address of the page, for whoever has the session already."""
        return f"{self.origin}/"

    @property
    def errors(self) -> str:
        """What the agent wrote to its standard error."""
        return (self.state / "stderr.txt").read_text()

    @property
    def exit_code(self) -> int | None:
        """None while the agent runs."""
        return self._process.poll()

    def second_address(self) -> str:
        """A new one-time address, asked for by starting `diagcps` a second time."""
        second = self._start()
        try:
            return self._one_time_address(second)
        finally:
            second.wait(END_S)
            _close(second.stdout)

    async def ended(self, timeout_s: float = END_S) -> int:
        """The exit code, once the agent has ended; raises TimeoutError when it does not."""
        deadline = time.monotonic() + timeout_s
        while (code := self.exit_code) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the agent did not end within {timeout_s} s")
            await asyncio.sleep(0.02)
        return code

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends the agent without warning."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Ends the agent, whatever its state."""
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            _close(self._process.stdout)
            self._log.close()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "diagcps", "serve", "--no-browser", *self._arguments],
            cwd=CHECKOUT,
            env={**os.environ, "XDG_STATE_HOME": str(self.state)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def _one_time_address(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        if select.select([process.stdout], [], [], START_S)[0]:
            address = process.stdout.readline().strip()
            if address.startswith("http://127.0.0.1:"):
                return address
        process.kill()
        process.wait()
        raise TimeoutError(f"the agent gave no address: {self.errors[-500:]}")


class SlowQuestion:
    """A folder of checks whose one question, `tool.slow`, is answered when the test says so."""

    CHECK = "tool.slow"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._gate = folder / "answer"
        (folder / "content" / "fr").mkdir(parents=True)
        folder.chmod(0o700)
        self._write("slow.py", _CHECK.replace("GATE", str(self._gate)))
        self._write("content/fr/slow.toml", _WORDS)

    @property
    def arguments(self) -> tuple[str, str]:
        """What the agent is started with."""
        return ("--checks-dir", str(self.folder))

    def answer(self) -> None:
        """Lets the question be answered, now and from now on."""
        self._gate.touch()

    def hold(self) -> None:
        """Holds the next answers back."""
        with contextlib.suppress(FileNotFoundError):
            self._gate.unlink()

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)


def _close(stream: IO[str] | None) -> None:
    if stream is not None:
        stream.close()


_CHECK = '''
"""A question that takes its time."""

import time
from dataclasses import dataclass
from pathlib import Path

from diagcps.api import Area, Check, CheckId, Evidence, Probe


@dataclass(frozen=True)
class Slow:
    """The answer."""


def read_slow(world):
    """Comes back once the file is there."""
    while not Path("GATE").exists():
        time.sleep(0.02)
    return Slow()


def judge_slow(facts):
    """Passes."""
    facts[Slow]
    yield Evidence(key="version", value="1", source="slow")


PROBE = Probe(gives=Slow, read=read_slow, timeout_s=30.0)
SLOW = Check(id=CheckId("tool.slow"), area=Area.TOOL, judge=judge_slow, uses=(Slow,))
'''

_WORDS = """
[check."tool.slow"]
question = "Cette question prend-elle son temps ?"
"""
