"""The runner over checks that do nothing, against as many coroutines that do nothing."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterable

from diagcps.check import Area, Check, Facts
from diagcps.examination import assemble
from diagcps.model import CheckId, Evidence, Finding, Platform
from diagcps.profiles import DEFAULT, choose
from diagcps.registry import Registry
from diagcps.replay import empty_world
from diagcps.runner import Runner

from .measure import Row

SIZES = (10, 100, 300, 1000)
LIMIT = 20.0
LINEAR_LIMIT = 1.5
ROUNDS = 50


def measure() -> list[Row]:
    """One row a size, and one that compares the time per check of a large and a small run."""
    per_check = asyncio.run(_compare())
    rows = [
        Row(
            what=f"runner, {size:,} no-op checks, each",
            against=f"TaskGroup, {size:,} coroutines",
            unit="µs",
            ours=ours,
            theirs=theirs,
            limit=LIMIT,
        )
        for size, (ours, theirs) in per_check.items()
    ]
    return [
        *rows,
        Row(
            what="runner, 1,000 no-op checks, each",
            against="the same, 100 checks",
            unit="µs",
            ours=per_check[1000][0],
            theirs=per_check[100][0],
            limit=LINEAR_LIMIT,
        ),
    ]


async def _compare() -> dict[int, tuple[float, float]]:
    """For each size, the median µs per check and per coroutine; all sizes take turns."""
    runners = {size: _runner(size) for size in SIZES}
    turns: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, runner in runners.items():
            turns[size].append(await _turn(runner, size))
    return {size: _medians(each) for size, each in turns.items()}


def _medians(turns: list[tuple[float, float]]) -> tuple[float, float]:
    ours, theirs = (statistics.median(side) * 1e6 for side in zip(*turns, strict=True))
    return ours, theirs


async def _turn(runner: Runner, size: int) -> tuple[float, float]:
    """Seconds per check and per coroutine, over as many of them whatever the size of a run.

    A short run alone would more often escape the interruptions that a long one meets.
    """
    times = SIZES[-1] // size
    pairs = [await _pair(runner, size) for _ in range(times)]
    ours, theirs = (sum(side) / (times * size) for side in zip(*pairs, strict=True))
    return ours, theirs


async def _pair(runner: Runner, size: int) -> tuple[float, float]:
    """Seconds of one run, and of as many coroutines."""
    began = time.perf_counter()
    await runner.run()
    between = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(size):
            group.create_task(_nothing())
    return between - began, time.perf_counter() - between


def _runner(size: int) -> Runner:
    """A runner as the tool assembles it, its diagnosis included, over `size` no-op checks."""
    checks = tuple(
        Check(id=CheckId(f"tool.nothing-{number}"), area=Area.TOOL, judge=_look_at_nothing)
        for number in range(size)
    )
    return assemble(
        registry=Registry(checks=checks, probes={}, causes={}),
        probes={},
        profile=choose(DEFAULT),
        world=empty_world(Platform.LINUX),
    ).runner


def _look_at_nothing(_: Facts) -> Iterable[Finding | Evidence]:
    return ()


async def _nothing() -> None:
    pass
