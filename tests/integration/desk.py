"""The agent as a person starts it, and its page as the page's own script uses it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from diagcps.card.simulator import pki
from tests.web import wire
from tests.web.wire import Answer

from .bench import until

CHECKOUT = Path(__file__).parents[2]
_GATES = ("letter", "watched", "programs", "last-try")
"""Steps that a word of the person leads past."""
_KEPT = ("PATH", "DIAGCPS_LOAD_ENTRY_POINTS")
_FORM = "application/x-www-form-urlencoded"


class Agent:
    """`diagcps serve` in a session and a home of its own."""

    def __init__(self, home: Path, library: str, *arguments: str) -> None:
        """The agent listens on return; raises TimeoutError when it does not."""
        home.mkdir(exist_ok=True)
        self.home = home
        """All its folders are in it, and what it prints."""
        self.command = [sys.executable, "-m", "diagcps", *arguments]
        self._options = ["--trust-anchors", str(pki.anchors_file()), "--pkcs11-module", library]
        self._printed, self._complained = home / "stdout.txt", home / "stderr.txt"
        serve = [*self.command, "serve", "--no-browser", *self._options]
        with self._printed.open("ab") as out, self._complained.open("ab") as complaints:
            self.process = subprocess.Popen(
                serve, cwd=CHECKOUT, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=out, stderr=complaints, start_new_session=True,
            )  # fmt: skip
        until(lambda: "\n" in self.printed, "the agent gave its address", timeout_s=15.0)
        self.address = self.printed.split()[0]

    @property
    def environment(self) -> Mapping[str, str]:
        """That of a user whose folders are all in `home`."""
        folders = {"HOME": self.home, "TMPDIR": self.home / "tmp"}
        for name in ("STATE", "CACHE", "CONFIG", "DATA"):
            folders[f"XDG_{name}_HOME"] = self.home / name.lower()
        (self.home / "tmp").mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **{n: str(p) for n, p in folders.items()}}

    @property
    def printed(self) -> str:
        """What it wrote to its standard output."""
        return self._printed.read_text()

    def run(self, *arguments: str) -> bytes:
        """What another `diagcps` of the same user prints."""
        options = self._options if arguments[0] in ("check", "snapshot") else []
        done = subprocess.run(
            [*self.command, *arguments, *options], cwd=CHECKOUT, env=self.environment,
            capture_output=True, timeout=50, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def send(self, number: signal.Signals) -> None:
        """The signal, to all that a terminal would send it to."""
        os.killpg(self.process.pid, number)

    def ended(self, *, timeout_s: float = 30.0) -> int:
        """The exit code; raises TimeoutExpired while it runs."""
        return self.process.wait(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10.0)
        self.process.kill()
        self.process.wait()


class Page:
    """One tab: its requests, and its stream, which it follows until the agent ends."""

    def __init__(self, agent: Agent) -> None:
        self.origin, _, path = agent.address.partition("/open/")
        self._host = self.origin.removeprefix("http://")
        self._port = int(self._host.rpartition(":")[2])
        self.received: list[bytes] = []
        """Every answer, and all of the stream."""
        self._cookie = ""
        opened = self.ask("GET", f"/open/{path}")
        self._cookie = opened.one("Set-Cookie").partition(";")[0]
        self.token = _hidden(self.ask("GET", "/").text, "token")
        self.state = ""
        """That of the step that is shown."""
        self._finished = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def ask(self, method: str, target: str, kind: str = "", body: bytes = b"") -> Answer:
        """The answer to a request of the page."""
        answer = wire.exchange(self._port, self._request(method, target, kind, body))
        self.received.append(repr(answer.headers).encode() + answer.body)
        return answer

    def examine(self) -> None:
        """Runs the diagnosis, to its end."""
        self.ask("POST", "/run", "application/json", b"{}")
        assert self._finished.wait(20.0), "the diagnosis did not finish"

    def open(self, act: str) -> None:
        """Goes to the form of an act, past every question."""
        self._press("open-" + act)
        while self.step in _GATES:
            self._press("go-on")
        assert self.step == "form", self.state

    def offers(self, act: str) -> bool:
        """Whether an act may be begun."""
        self._press("open-" + act)
        return self.step != "closed"

    @property
    def step(self) -> str:
        """The step that is shown."""
        return self.state.rpartition("-")[2] if self.state[-8:] != "last-try" else "last-try"

    def submit(self, **codes: str) -> None:
        """Sends the codes; the act is under way on return."""
        self._press("submit", **codes)
        assert self.step in ("doing", "done"), self.state

    def send_back(self, **codes: str) -> None:
        """Sends codes that the form does not take."""
        self._press("submit", **codes)
        assert self.step == "form", self.state

    def send_amiss(self, **codes: str) -> None:
        """Sends codes as the page never would: without its token, and in what is no request."""
        body = urlencode({"do": "submit", **codes}).encode()
        assert self.ask("POST", "/act", _FORM, body).status == 403
        self.received.append(wire.all_bytes(self._port, b"POST /act HTTP/0 " + body + b"\r\n\r\n"))

    @contextmanager
    def sent(self, **codes: str) -> Iterator[None]:
        """The codes are sent, on a connection that is hung up at the end, its answer unread."""
        with wire.connected(self._port) as connection:
            connection.sendall(self._posting("submit", **codes))
            yield

    def wait_until(self, step: str) -> None:
        """Returns once that step is shown."""
        until(lambda: self.step == step, f"the page showed {step}", timeout_s=30.0)

    def wait_until_done(self) -> str:
        """What the page says once the act is over."""
        self.wait_until("done")
        return self._shown

    def _press(self, button: str, **fields: str) -> None:
        answer = wire.exchange(self._port, self._posting(button, **fields))
        self.received.append(repr(answer.headers).encode() + answer.body)
        assert answer.status == 200, answer.status
        self._show(json.loads(answer.body))

    def _posting(self, button: str, **fields: str) -> bytes:
        form = {"token": self.token, "state": self.state, "do": button, **fields}
        return self._request("POST", "/act", _FORM, urlencode(form).encode())

    def _request(self, method: str, target: str, kind: str, body: bytes = b"") -> bytes:
        headers = [("Cookie", self._cookie)] if self._cookie else []
        if kind:
            headers += [("Origin", self.origin), ("Content-Type", kind)]
            headers += [("Accept", "application/json")]
        return wire.request(method, target, hosts=[self._host], headers=headers, body=body)

    def _show(self, panel: Mapping[str, str]) -> None:
        self._shown, self.state = panel["html"], panel["state"]

    def _follow(self) -> None:
        with suppress(OSError), wire.streaming(
            self._port, self._request("GET", "/events", "")
        ) as stream:  # fmt: skip
            for event in stream.events():
                self.received.append(repr(event).encode())
                if event.name == "act":
                    self._show(event.data)
                if event.name == "finished":
                    self._finished.set()


def _hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None, f"no {name} on the page"
    return found[1]
