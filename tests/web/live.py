"""The real application on a real socket, inside the test's process, as `serve` configures it."""

from __future__ import annotations

import asyncio
import functools
import re
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

from diagcps import probes, profiles, registry, replay, scenario
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import Probe
from diagcps.examination import Examination, assemble
from diagcps.model import Verdict
from diagcps.scenario import Scenario
from diagcps.snapshot import Snapshot
from diagcps.web import server
from diagcps.web.agent import Agent
from diagcps.web.handshake import PortFile
from diagcps.web.security import Address
from diagcps.web.sessions import Sessions

from . import wire
from .wire import Answer, Headers, Stream

Result = TypeVar("Result")

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
TOKEN = re.compile(r'name="token" value="([^"]+)"')


@functools.cache
def built_in() -> registry.Registry:
    """The built-in checks: nothing changes them."""
    return registry.load(probes.BUILT_IN)


def examine(
    subject: Snapshot | Scenario, *, simulated: bool = True, more: Sequence[Probe[Any]] = ()
) -> Examination:
    """The examination of a saved or a simulated workstation, with the built-in checks."""
    middleware = None
    if isinstance(subject, Scenario):
        sources, world, middleware = subject.probes(), subject.world, subject.middleware
    else:
        sources = {each.gives: each for each in probes.saved_probes(subject.facts)}
        world = replay.saved_world(subject, CatalogueFiles())
    return assemble(
        registry=built_in(),
        probes={**sources, **{each.gives: each for each in more}},
        profile=profiles.choose(profiles.DEFAULT),
        world=world,
        simulated=simulated,
        live=not simulated,
        middleware=middleware,
    )


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Live:
    """An agent that answers on a thread of its own while the block runs."""

    def __init__(
        self, examination: Examination | None = None, *, state: Path | None = None,
        keepalive_s: float = 30.0,
    ) -> None:  # fmt: skip
        self.examination = examination or examine(scenario.load("vitale"))
        self.clock = Clock()
        self._state = state
        self._keepalive_s = keepalive_s
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        listening = server.listen(None)
        own = Address(server.LOOPBACK, listening.getsockname()[1])
        self.agent = Agent(
            self.examination,
            own=own,
            language="fr",
            port_file=PortFile.new(own.port),
            state=self._state,
        )
        self.agent.sessions = Sessions("fr", self.clock)
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        async with server.serving(self.agent, listening, keepalive_s=self._keepalive_s):
            self._ready.set()
            await self._end.wait()
            self.examination.runner.log.close()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(wire.PATIENCE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(wire.PATIENCE_S)
        assert not self._thread.is_alive()

    def call(self, function: Callable[[], Result]) -> Result:
        """What `function` returns on the agent's own loop."""

        async def called() -> Result:
            return function()

        return self.wait(called())

    def wait(self, answer: Awaitable[Result]) -> Result:
        """What `answer` comes to on the agent's own loop."""

        async def waited() -> Result:
            return await answer

        return asyncio.run_coroutine_threadsafe(waited(), self._loop).result(wire.PATIENCE_S)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.agent.own.port

    @property
    def host(self) -> str:
        """The Host header of its own page."""
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        """The Origin of its own page."""
        return f"http://{self.host}"

    @property
    def runs(self) -> int:
        """How many runs were begun."""
        return self.examination.runner.runs

    def ask(
        self, target: str = "/", *, method: str = "GET", hosts: Sequence[str] | None = None,
        headers: Headers = (), cookie: str | None = None, body: bytes = b"", version: str = "1.1",
    ) -> Answer:  # fmt: skip
        """The answer to one request; without `hosts`, the right one is named."""
        return wire.exchange(
            self.port,
            wire.request(
                method,
                target,
                hosts=(self.host,) if hosts is None else hosts,
                headers=(*headers, *_cookie(cookie)),
                body=body,
                version=version,
            ),
        )

    def token(self) -> str:
        """The token of a new one-time address."""
        return self.call(self.agent.sessions.new_token)

    def open(self) -> str:
        """The Cookie header of a session opened by a new one-time address."""
        answer = self.ask(f"/open/{self.token()}")
        assert answer.status == 200
        return answer.one("Set-Cookie").split(";")[0]

    def form_token(self, cookie: str) -> str:
        """The token in the forms of the session's page."""
        found = TOKEN.search(self.ask(cookie=cookie).text)
        assert found is not None
        return found[1]

    def post(
        self, target: str, body: bytes, *, cookie: str | None = None, kind: str | None = JSON,
        headers: Headers = (),
    ) -> Answer:  # fmt: skip
        """The answer to a body of this content type, with no Origin of its own."""
        typed = (("Content-Type", kind),) if kind else ()
        return self.ask(target, method="POST", headers=(*typed, *headers), cookie=cookie, body=body)

    def submit(self, target: str, cookie: str, **fields: str) -> Answer:
        """The answer to a form of the session's own page."""
        body = urlencode({"token": self.form_token(cookie), **fields}).encode()
        return self.post(target, body, cookie=cookie, kind=FORM, headers=(("Origin", self.origin),))

    def stream(
        self, cookie: str, *, target: str = "/events", headers: Headers = ()
    ) -> AbstractContextManager[Stream]:
        """The session's event stream."""
        raw = wire.request("GET", target, hosts=(self.host,), headers=(*headers, *_cookie(cookie)))
        return wire.streaming(self.port, raw)

    def run(self, cookie: str) -> Verdict:
        """The verdict of a run that the page asked for."""
        with self.stream(cookie) as stream:
            assert self.post("/run", b"{}", cookie=cookie).status == 200
            stream.until("finished")
        return self.examination.diagnosis.verdict


def _cookie(cookie: str | None) -> Headers:
    return (("Cookie", cookie),) if cookie else ()
