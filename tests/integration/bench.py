"""The smart-card service and the other programs of a test, as processes that a test commands."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

from .vpcd import PORT, SLOTS

RUN = Path("/run/pcscd")
SOCKET = RUN / "pcscd.comm"
CONFIGURATION = Path("/etc/reader.conf.d")
HOLDER = Path(__file__).with_name("holder.py")
PACKAGES = "pcscd vsmartcard-vpcd"
LISTEN = "0A"
"""TCP_LISTEN in the fourth column of /proc/net/tcp."""

AS_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    # It may read what is in somebody's home, the checkout and Python, but write only what others
    # may write: whether it may open the service's socket depends on the socket alone.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"),
)
"""Begins a command that runs as another, unprivileged, user."""


def why_not() -> str | None:
    """Why the bench cannot be used here, or None when it can."""
    if not sys.platform.startswith("linux"):
        return "the bench needs Linux"
    interfaces = [name for _, name in socket.if_nameindex()]
    if os.environ.get("DIAGCPS_BENCH") != "1" or interfaces != ["lo"]:
        return "not inside the bench: run it with tests/integration/bench.sh"
    if service_program() is None or not has_virtual_reader():
        return f"no smart-card service with virtual readers: install {PACKAGES}"
    return None


def service_program() -> str | None:
    """The path of pcscd, which a person's PATH may not hold."""
    return shutil.which("pcscd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def has_virtual_reader() -> bool:
    """Whether the service's configuration names the driver of the virtual reader."""
    files = CONFIGURATION.glob("*") if CONFIGURATION.is_dir() else ()
    driver = re.compile(r"^\s*LIBPATH\s+(\S*libifdvpcd\S*)", re.MULTILINE)
    texts = (file.read_text(errors="replace") for file in files if file.is_file())
    return any(Path(path).exists() for text in texts for path in driver.findall(text))


def until(condition: Callable[[], bool], what: str, *, timeout_s: float = 5.0) -> None:
    """Returns as soon as the condition holds; raises TimeoutError naming what did not happen."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        time.sleep(0.01)


class Pcscd:
    """The real pcscd of this bench, started and stopped by the test."""

    def __init__(self, directory: Path) -> None:
        self._empty = directory / "no-readers"
        self._empty.mkdir()
        self.output = directory / "pcscd.log"
        """What the service printed, start after start."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process of the running service."""
        if self._process is None:
            raise RuntimeError("pcscd is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process exists; a frozen one does."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, readers: bool = True) -> None:
        """Starts the service, with two virtual readers or none; it answers on return."""
        self._start(() if readers else ("--config", str(self._empty)))
        until(lambda: not self.running or self._ready(readers), "pcscd started")
        self._must_run()

    def start_with(self, configuration: Path) -> None:
        """Starts the service with the readers of that folder; it answers on return."""
        self._start(("--config", str(configuration)))
        until(lambda: not self.running or self._ready(readers=False), "pcscd started")
        self._must_run()

    def _start(self, options: Sequence[str]) -> None:
        program = service_program()
        if self.running or program is None:
            raise RuntimeError("pcscd is running already, or is not installed")
        command = [program, "--foreground", *_without_polkit(program), *options]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def _must_run(self) -> None:
        if not self.running:
            raise RuntimeError(f"pcscd ended: {self.output.read_text(errors='replace')[-500:]}")

    def stop(self) -> None:
        """Ends the service as a service manager does (SIGTERM); it leaves no socket behind."""
        self.thaw()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the service without warning (SIGKILL); its socket stays, and refuses."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Suspends the service (SIGSTOP): connections are taken and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)
        until(lambda: _state(self.pid) == "T", "pcscd froze")

    def thaw(self) -> None:
        """Resumes the service; does nothing when it is not frozen or not running."""
        if self.running:
            os.kill(self.pid, signal.SIGCONT)
            until(lambda: _state(self.pid) != "T", "pcscd thawed")

    def admit(self, *, others: bool) -> None:
        """Lets every user open the service's socket, as the service does, or its owner alone."""
        SOCKET.chmod(0o666 if others else 0o600)

    def clean(self) -> None:
        """Ends the service, whatever its state, and removes what it left in /run/pcscd."""
        if self.running:
            self.stop()
        for left in RUN.iterdir():
            left.unlink()

    def _ready(self, readers: bool) -> bool:
        ports = {PORT + slot for slot in range(SLOTS)} if readers else set()
        return ports <= _listening() and _accepts(SOCKET)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process = None


class Hold(Enum):
    """How another program uses a card."""

    SHARED = "shared"
    """It is connected, and lets others connect."""
    EXCLUSIVE = "exclusive"
    """Everyone else is refused (0x8010000B)."""
    TRANSACTION = "transaction"
    """Everyone else waits until it ends."""


class HoldRefused(Exception):
    """The other program did not get the card."""

    def __init__(self, code: int) -> None:
        super().__init__(f"0x{code:08X}")
        self.code = code
        """The PC/SC code, unsigned."""


class Holder:
    """Another program that uses a card, in a process of its own name."""

    NAME = "logiciel-fact"

    def __init__(self, reader: str, hold: Hold, *, name: str = NAME) -> None:
        """The program has the card on return; raises HoldRefused when PC/SC refuses it."""
        self._process = subprocess.Popen(
            [sys.executable, str(HOLDER), reader, hold.value, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        answer = self._answer(timeout_s=10.0)
        if answer != "READY":
            self.end()
            raise HoldRefused(int(answer, 16))

    @property
    def pid(self) -> int:
        """The process of the program."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program still runs."""
        return self._process.poll() is None

    def release(self) -> None:
        """Gives the card back, leaving it as it is, and ends the program."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=5.0)
        finally:
            self.end()

    def end(self) -> None:
        """Ends the program without warning; the service resets the card. Harmless when ended."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _answer(self, *, timeout_s: float) -> str:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout_s)[0]:
            self.end()
            raise TimeoutError("the other program still waits for the card")
        return self._process.stdout.readline().decode().strip()


def _without_polkit(program: str) -> list[str]:
    """No polkit runs in the bench, and a pcscd built with it (2.0 on) would refuse everyone."""
    asked = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    option = "--disable-polkit"
    return [option] if option in asked.stdout + asked.stderr else []


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def _listening() -> set[int]:
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTEN}


def _state(pid: int) -> str:
    """The letter of the process's state in proc(5): T when it is suspended."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
