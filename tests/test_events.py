"""The log of a run and those who follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from diagcps.check import World
from diagcps.events import (
    Event,
    EventLog,
    Finished,
    Heartbeat,
    Settled,
    Snapshot,
    Started,
)
from diagcps.facts import Pcsc
from diagcps.model import CheckId, CheckResult, Outcome
from tests.builders import check, pcsc, probe, runner

Numbered = tuple[int, Event]


def snapshot(run: int = 1) -> Snapshot:
    return Snapshot(run=run, results={}, pending=())


def started(name: str = "a") -> Started:
    return Started(check=CheckId(f"test.{name}"))


def settled(name: str = "a") -> Settled:
    return Settled(result=CheckResult(check=CheckId(f"test.{name}"), outcome=Outcome.PASS))


def log_of(*events: Event) -> EventLog:
    log = EventLog()
    for event in events:
        log.append(event)
    return log


async def all_of(log: EventLog, after: int = 0) -> list[Numbered]:
    """What a follower reads until the log is closed."""
    return [numbered async for numbered in log.follow(after)]


@asynccontextmanager
async def following(log: EventLog, after: int = 0) -> AsyncIterator[list[Numbered]]:
    """A follower that already waits; at the end of the block the log is closed and it has read."""
    read: list[Numbered] = []

    async def follow() -> None:
        async for numbered in log.follow(after):
            read.append(numbered)  # noqa: PERF401 (read while it grows)

    task = asyncio.create_task(follow())
    await asyncio.sleep(0)
    yield read
    log.close()
    await asyncio.wait_for(task, 1)


async def test_events_are_numbered_from_one_without_gaps() -> None:
    log = EventLog()
    assert log.last == 0
    assert [log.append(event) for event in (snapshot(), started(), settled(), snapshot(2))] == [
        1, 2, 3, 4,
    ]  # fmt: skip
    assert log.last == 4


async def test_a_follower_reads_what_was_there_and_what_comes() -> None:
    log = log_of(snapshot())
    async with following(log) as read:
        log.append(started())
        await asyncio.sleep(0)
        log.append(settled())
    assert read == [(1, snapshot()), (2, started()), (3, settled())]


async def test_two_hundred_followers_each_read_everything() -> None:
    log = EventLog()
    tasks = [asyncio.create_task(all_of(log)) for _ in range(200)]
    await asyncio.sleep(0)
    for number in range(20):
        log.append(started(str(number)))
        await asyncio.sleep(0)
    log.close()
    reads = await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert all(read == reads[0] for read in reads)
    assert [number for number, _ in reads[0]] == list(range(1, 21))


async def test_a_slow_follower_holds_no_other_back() -> None:
    log = log_of(snapshot())
    slow = log.follow()
    await anext(slow)
    async with following(log) as read:
        for number in range(100):
            log.append(started(str(number)))
    assert len(read) == 101
    assert [number async for number, _ in slow] == list(range(2, 102))


async def test_a_follower_that_reconnects_goes_on_where_it_was() -> None:
    log = log_of(snapshot(), started(), settled())
    log.close()
    assert [number for number, _ in await all_of(log, after=2)] == [3]
    assert await all_of(log, after=3) == []


async def test_a_snapshot_makes_the_log_forget_what_was_before() -> None:
    log = log_of(snapshot(), started(), settled(), snapshot(2), started("b"))
    assert log.since(0) == ((4, snapshot(2)), (5, started("b")))


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_late_follower_begins_with_the_snapshot(after: int) -> None:
    log = log_of(snapshot(), started(), settled(), snapshot(2), started("b"))
    log.close()
    assert await all_of(log, after) == [(4, snapshot(2)), (5, started("b"))]


async def test_a_waiting_follower_gets_the_snapshot_and_its_number() -> None:
    log = log_of(snapshot(), started())
    async with following(log, after=2) as read:
        log.append(snapshot(2))
    assert read == [(3, snapshot(2))]


async def test_a_number_that_was_never_given_begins_again() -> None:
    log = log_of(snapshot(), started())
    log.close()
    assert [number for number, _ in await all_of(log, after=77)] == [1, 2]


async def test_a_number_that_was_never_given_begins_again_in_an_empty_log() -> None:
    log = EventLog()
    async with following(log, after=2) as read:
        for event in (snapshot(), started(), settled()):
            log.append(event)
    assert [number for number, _ in read] == [1, 2, 3]


async def test_a_heartbeat_comes_when_nothing_does_and_is_not_kept() -> None:
    log = log_of(snapshot(), started())
    follower = log.follow(after=2, heartbeat_s=0.01)
    assert await asyncio.wait_for(anext(follower), 1) == (2, Heartbeat())
    assert await asyncio.wait_for(anext(follower), 1) == (2, Heartbeat())
    assert log.last == 2
    log.append(settled())
    assert await asyncio.wait_for(anext(follower), 1) == (3, settled())


async def test_without_a_heartbeat_a_follower_waits_in_silence() -> None:
    log = EventLog()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(log.follow()), 0.05)


async def test_closing_ends_the_followers_once_they_have_read() -> None:
    log = EventLog()
    async with following(log) as read:
        log.append(snapshot())
        log.append(started())
        log.close()
    assert len(read) == 2
    assert await all_of(log, after=2) == []


async def test_a_follower_that_leaves_disturbs_no_other() -> None:
    log = EventLog()
    leaving = asyncio.create_task(all_of(log))
    async with following(log) as read:
        leaving.cancel()
        await asyncio.wait({leaving})
        log.append(snapshot())
    assert read == [(1, snapshot())]


async def test_memory_is_flat_over_a_thousand_runs() -> None:
    async def read(_: World) -> Pcsc:
        return pcsc()

    checks = [check(f"test.c{number}", uses=[Pcsc]) for number in range(3)]
    examined = runner(*checks, probes=[probe(Pcsc, read)])
    sizes = set()
    for _ in range(1000):
        await examined.run()
        sizes.add((len(examined.log._events), len(examined.facts), len(examined.results)))
    assert len(sizes) == 1
    assert examined.facts == {Pcsc: pcsc()}
    newest = examined.log.since(0)
    assert newest[-1][1].run == 1000  # type: ignore[union-attr]  # the last event is Finished
    assert isinstance(newest[-1][1], Finished)
