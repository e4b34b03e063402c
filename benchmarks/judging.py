"""Saved workstations judged again: the time of each, whether one is judged or a thousand."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time

from diagcps import probes, registry, replay, snapshot
from diagcps.catalogue_files import CatalogueFiles
from diagcps.examination import assemble
from diagcps.profiles import DEFAULT, choose

from .measure import Row, spread
from .program import ROOT

SAVED = ROOT / "tests" / "workstations" / "saved" / "windows" / "healthy-11.json"
MANY, ALONE, ROUNDS = 1000, 100, 5
LIMIT = 1.2


def measure() -> list[Row]:
    """One row: milliseconds for each of a thousand snapshots, against one alone."""
    data = SAVED.read_bytes()
    found = registry.load(probes.BUILT_IN, installed=False)
    catalogue = CatalogueFiles()

    async def judge(count: int) -> None:
        for _ in range(count):
            saved = snapshot.load(data, probes.KINDS)
            examined = assemble(
                registry=found,
                probes={each.gives: each for each in probes.saved_probes(saved.facts)},
                profile=choose(DEFAULT),
                world=replay.saved_world(saved, catalogue),
                moment=saved.moment,
            )
            await examined.runner.run()

    def took_ms(count: int) -> float:
        gc.collect()
        began = time.perf_counter()
        asyncio.run(judge(count))
        return (time.perf_counter() - began) * 1000

    took_ms(50)  # what is imported and read once
    alone = [took_ms(1) for _ in range(ALONE)]
    each = [took_ms(MANY) / MANY for _ in range(ROUNDS)]
    return [
        Row(
            what="a saved workstation judged, each of 1,000",
            against="one alone",
            unit="ms",
            ours=statistics.median(each),
            theirs=statistics.median(alone),
            limit=LIMIT,
            note=f"each of 1,000: {spread(each)} ms in {ROUNDS} rounds; alone: {spread(alone)} ms",
        )
    ]
