"""Line 15: how the agent ends, and what it keeps for its next start."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from diagcps import resume, scenario
from diagcps.check import Probe, World
from diagcps.facts import Pcsc
from diagcps.model import CauseId, ProfileId, Verdict

from . import wire
from .live import FORM, JSON, TOKEN, Live, examine
from .process import ENDS_S, Running, posix

NOW = datetime.now(UTC)
NOTICE = "La dernière fois"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """An agent in a process of its own."""
    with Running(tmp_path) as agent:
        agent.address()
        yield agent


@posix
@pytest.mark.parametrize("kind", [FORM, JSON])
def test_quit_ends_the_process(running: Running, kind: str) -> None:
    hosts = (running.host,)
    opened = wire.exchange(running.port, wire.request("GET", running.path, hosts=hosts))
    cookie = ("Cookie", opened.one("Set-Cookie").split(";")[0])
    page = wire.exchange(running.port, wire.request("GET", "/", hosts=hosts, headers=(cookie,)))
    assert 'action="/quit"' in page.text
    found = TOKEN.search(page.text)
    assert found is not None
    body = f"token={found[1]}".encode() if kind == FORM else b"{}"
    headers = (cookie, ("Content-Type", kind), ("Origin", f"http://{running.host}"))
    raw = wire.request("POST", "/quit", hosts=hosts, headers=headers, body=body)
    assert wire.exchange(running.port, raw).status == 200
    assert running.process.wait(ENDS_S) == 0
    assert not running.port_file.exists()


def test_agent_ends_once_nobody_is_there(live: Live) -> None:
    live.wait(live.agent.exit_when_idle(0.2))
    assert live.agent.stopping.is_set()


def test_agent_stays_while_a_page_is_open(live: Live, cookie: str) -> None:
    with live.stream(cookie):
        idle = live.call(lambda: asyncio.create_task(live.agent.exit_when_idle(0.1)))
        with pytest.raises(TimeoutError):
            live.wait(asyncio.wait_for(asyncio.shield(idle), 1.0))
    live.wait(idle)
    assert live.agent.stopping.is_set()


def test_agent_stays_while_it_examines(tmp_path: Path) -> None:
    answer = asyncio.Event()

    async def read(_: World) -> Pcsc:
        await answer.wait()
        return Pcsc()

    slow: Probe[Any] = Probe(gives=Pcsc, read=read, timeout_s=30.0)
    with Live(examine(scenario.load("vitale"), more=(slow,))) as live:
        live.call(live.agent.start)
        idle = live.call(lambda: asyncio.create_task(live.agent.exit_when_idle(0.1)))
        with pytest.raises(TimeoutError):
            live.wait(asyncio.wait_for(asyncio.shield(idle), 1.0))
        live.call(answer.set)
        live.wait(idle)
        assert live.agent.stopping.is_set()


def test_every_request_of_a_session_begins_the_wait_anew(live: Live, cookie: str) -> None:
    idle = live.call(lambda: asyncio.create_task(live.agent.exit_when_idle(2.0)))
    for _ in range(25):
        assert live.ask(cookie=cookie).status == 200
        time.sleep(0.1)
    assert not idle.done()
    live.call(idle.cancel)


def on_this_workstation(name: str, state: Path) -> Live:
    """An agent that takes the scenario for the real workstation."""
    return Live(examine(scenario.load(name), simulated=False), state=state)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the unfinished repair is kept."""
    return tmp_path / "unfinished.json"


def test_unfinished_repair_is_kept_without_private_values(state: Path) -> None:
    with on_this_workstation("vitale", state) as live:
        assert live.run(live.open()) is Verdict.NOT_READY
    kept = json.loads(state.read_text(encoding="utf-8"))
    assert datetime.fromisoformat(kept.pop("at")).tzinfo is not None
    assert kept == {"cause": "card.vitale", "profile": "psc-card"}


def test_unfinished_repair_is_offered_at_the_next_start(state: Path) -> None:
    with on_this_workstation("vitale", state) as live:
        live.run(live.open())
    with on_this_workstation("vitale", state) as live:
        assert NOTICE in live.ask(cookie=live.open()).text


def test_unfinished_repair_is_forgotten_once_the_workstation_is_ready(state: Path) -> None:
    resume.save(state, unfinished())
    with on_this_workstation("healthy-cps3", state) as live:
        cookie = live.open()
        assert NOTICE in live.ask(cookie=cookie).text
        assert live.run(cookie) is Verdict.READY
        assert NOTICE not in live.ask(cookie=cookie).text
    assert not state.exists()


def test_unfinished_repair_is_forgotten_on_request(state: Path) -> None:
    resume.save(state, unfinished())
    with on_this_workstation("vitale", state) as live:
        cookie = live.open()
        assert live.submit("/forget", cookie).status == 303
        assert NOTICE not in live.ask(cookie=cookie).text
    assert not state.exists()


@posix
def test_simulation_neither_keeps_nor_forgets_a_repair(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "diagcps"
    folder.mkdir(parents=True)
    kept = folder / "unfinished.json"
    resume.save(kept, unfinished(cause=CauseId("card.absent")))
    before = kept.read_bytes()
    with Running(tmp_path) as agent:
        agent.address()
        hosts = (agent.host,)
        opened = wire.exchange(agent.port, wire.request("GET", agent.path, hosts=hosts))
        headers = (("Cookie", opened.one("Set-Cookie").split(";")[0]), ("Content-Type", JSON))
        page = wire.exchange(agent.port, wire.request("GET", "/", hosts=hosts, headers=headers))
        assert NOTICE not in page.text
        with wire.streaming(
            agent.port, wire.request("GET", "/events", hosts=hosts, headers=headers)
        ) as stream:
            run = wire.request("POST", "/run", hosts=hosts, headers=headers, body=b"{}")
            assert wire.exchange(agent.port, run).status == 200
            stream.until("finished")
        assert agent.end() == (0, "")
    assert kept.read_bytes() == before


def unfinished(**changed: Any) -> resume.Unfinished:
    """A repair that was under way a day ago."""
    default = {
        "cause": CauseId("card.vitale"),
        "profile": ProfileId("psc-card"),
        "at": NOW - timedelta(days=1),
    }
    return resume.Unfinished(**{**default, **changed})


@pytest.mark.parametrize("age", [timedelta(days=7), timedelta(days=400), timedelta(days=-1)])
def test_old_and_future_repairs_are_not_offered(state: Path, age: timedelta) -> None:
    resume.save(state, unfinished(at=NOW - age))
    assert resume.load(state, NOW) is None


GOOD = {"cause": "card.vitale", "profile": "psc-card", "at": NOW.isoformat()}
DAMAGED: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no-utf8": lambda: b"\xff\xfe",
    "no-json": lambda: b"{",
    "list": lambda: b"[]",
    "deep": lambda: b"[" * 4000,
    "huge": lambda: json.dumps({**GOOD, "cause": "a" * 10_000_000}).encode(),
    "no-date": lambda: json.dumps({**GOOD, "at": "yesterday"}).encode(),
    "date-without-zone": lambda: json.dumps({**GOOD, "at": "2026-11-21T20:00:00"}).encode(),
    "number": lambda: json.dumps({**GOOD, "at": 5}).encode(),
    "markup": lambda: json.dumps({**GOOD, "cause": "<script>alert(1)</script>"}).encode(),
    "half-character": lambda: json.dumps({**GOOD, "cause": "\ud800"}).encode(),
    "list-of-causes": lambda: json.dumps({**GOOD, "cause": ["card.vitale"]}).encode(),
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_state_is_ignored(state: Path, damaged: Callable[[], bytes]) -> None:
    state.write_bytes(damaged())
    with on_this_workstation("vitale", state) as live:
        page = live.ask(cookie=live.open())
    assert page.status == 200
    assert NOTICE not in page.text


def test_state_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    state = tmp_path / "absent" / "unfinished.json"
    with on_this_workstation("vitale", state) as live:
        assert live.run(live.open()) is Verdict.NOT_READY
