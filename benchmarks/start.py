"""From the start of the process to the listening socket, and the memory it then takes."""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from .measure import Row, spread
from .program import Agent, Program

PAIRS = 15
TIME_LIMIT = 1.5
MEMORY_LIMIT = 1.7

_BARE = "import aiohttp, jinja2; print(flush=True); __import__('sys').stdin.read()"
_SETTLED_S = 0.3
"""What the agent begins once it listens, it has begun by then."""

_Run = tuple[float, float, float]
"""Seconds, seconds on a processor, MiB."""


def measure() -> list[Row]:
    """Time and memory of a simulated and of a real workstation's agent."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="diagcps-") as compiled:
        environment = _with_bytecode(compiled)
        for what, options in (("simulated", ("--scenario", "no-card")), ("real", ())):
            rows += _compare(what, options, environment)
    return rows


def _with_bytecode(folder: str) -> dict[str, str]:
    """Installed programs find their bytecode compiled: so do both, and the checkout stays clean."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _compare(what: str, options: Sequence[str], environment: Mapping[str, str]) -> list[Row]:
    def ours() -> _Run:
        with Agent(*options, environment=environment) as agent:
            time.sleep(_SETTLED_S)
            return agent.seconds, agent.busy_seconds, agent.resident_mib

    def bare() -> _Run:
        program = Program([sys.executable, "-c", _BARE], environment)
        try:
            return program.seconds, program.busy_seconds, program.resident_mib
        finally:
            program.end(signal.SIGKILL)  # it waits for ever

    _ = ours(), bare()  # the first of each fills the caches
    pairs = [(ours(), bare()) for _ in range(PAIRS)]
    return _rows(what, [run for run, _ in pairs], [run for _, run in pairs])


def _rows(what: str, ours: Sequence[_Run], bare: Sequence[_Run]) -> list[Row]:
    time_ms, bare_time_ms = _median(ours, 0) * 1000, _median(bare, 0) * 1000
    busy_ms, bare_busy_ms = _median(ours, 1) * 1000, _median(bare, 1) * 1000
    against = "import aiohttp, jinja2"
    return [
        Row(
            what=f"start to listening socket ({what})",
            against=against,
            unit="ms",
            ours=time_ms,
            theirs=bare_time_ms,
            limit=TIME_LIMIT,
            note=f"of it on a processor {busy_ms:.0f} and {bare_busy_ms:.0f} ms, "
            f"{busy_ms / bare_busy_ms:.2f} times; {PAIRS} pairs, "
            f"ours {spread(run[0] * 1000 for run in ours)} ms, "
            f"theirs {spread(run[0] * 1000 for run in bare)} ms",
        ),
        Row(
            what=f"resident memory after start ({what})",
            against=against,
            unit="MiB",
            ours=_median(ours, 2),
            theirs=_median(bare, 2),
            limit=MEMORY_LIMIT,
        ),
    ]


def _median(runs: Sequence[_Run], column: int) -> float:
    return statistics.median(run[column] for run in runs)
