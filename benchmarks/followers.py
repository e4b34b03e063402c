"""Many readers of one event log: how even their service is, and whether memory stays flat."""

from __future__ import annotations

import asyncio
import gc
import re
import statistics
import sys
import time
from array import array
from pathlib import Path

from diagcps import probes, registry, scenario
from diagcps.events import Finished
from diagcps.examination import assemble
from diagcps.profiles import DEFAULT, choose
from diagcps.runner import Runner

from .measure import Row

FOLLOWERS = 200
RUNS = 1000
WARM_UP = 50
FAIR_LIMIT = 2.0
FLAT_LIMIT = 1.01


def measure() -> list[Row]:
    """When the last follower has a whole run against the first, and memory after many runs."""
    return asyncio.run(_measure())


class _Readers:
    """Followers of one log that note when each has a whole run."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._served: list[float] = []
        self._all = asyncio.Event()
        self._tasks = [asyncio.create_task(self._follow()) for _ in range(FOLLOWERS)]

    async def one_run(self) -> tuple[float, float]:
        """Seconds from the start of a run until the first, and the last, follower has all of it."""
        self._served.clear()
        self._all.clear()
        began = time.perf_counter()
        await self._runner.run()
        await self._all.wait()
        return self._served[0] - began, self._served[-1] - began

    async def end(self) -> None:
        self._runner.log.close()
        await asyncio.gather(*self._tasks)

    async def _follow(self) -> None:
        async for _, event in self._runner.log.follow(heartbeat_s=15.0):
            if isinstance(event, Finished):
                self._served.append(time.perf_counter())
                if len(self._served) == FOLLOWERS:
                    self._all.set()


async def _measure() -> list[Row]:
    readers = _Readers(_runner())
    # Room for every figure before the memory is looked at: they must not pass for growth.
    first_s, last_s = array("d", bytes(8 * RUNS)), array("d", bytes(8 * RUNS))
    for _ in range(WARM_UP):
        await readers.one_run()
    resident, blocks = _memory()
    for number in range(RUNS):
        first_s[number], last_s[number] = await readers.one_run()
    resident_after, blocks_after = _memory()
    await readers.end()
    return [
        Row(
            what=f"a run, to the last of {FOLLOWERS} followers",
            against="to the first follower",
            unit="ms",
            ours=statistics.median(last_s) * 1000,
            theirs=statistics.median(first_s) * 1000,
            limit=FAIR_LIMIT,
        ),
        Row(
            what=f"resident memory after {RUNS + WARM_UP:,} runs",
            against=f"after {WARM_UP} runs",
            unit="MiB",
            ours=resident_after / 1024,
            theirs=resident / 1024,
            limit=FLAT_LIMIT,
            note=f"{resident_after - resident:+} KiB, {blocks_after - blocks:+} of {blocks:,} "
            "blocks of Python's allocator",
        ),
    ]


def _runner() -> Runner:
    """The built-in checks over a simulated workstation."""
    subject = scenario.load("vitale")
    return assemble(
        registry=registry.load(probes.BUILT_IN, installed=False),
        probes=subject.probes(),
        profile=choose(DEFAULT),
        world=subject.world,
        simulated=True,
    ).runner


def _memory() -> tuple[int, int]:
    """VmRSS (proc(5)) in KiB, and the blocks that Python's allocator has given out."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    (kib,) = re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kib), sys.getallocatedblocks()
