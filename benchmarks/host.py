"""The probes of the workstation: all of them at once, and the one that reads the processes."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from diagcps import probes, workstation
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import World
from diagcps.facts import (
    PcscClients,
    PcscService,
    RunningPrograms,
    Session,
    System,
    UsbReaders,
)
from diagcps.host import this_host
from diagcps.replay import NO_ANCHORS, NoCards, NoLibraries, nobody, publish_nothing
from diagcps.runner import Runner
from diagcps.web.server import _TURN_S

from .measure import NotMeasured, Row, spread

PROCESSES, PROFILES, ROUNDS = 400, 20, 9
TOGETHER_LIMIT, PROCESS_LIMIT = 1.2, 2.0
KINDS: tuple[type, ...] = (
    System, Session, PcscService, PcscClients, UsbReaders, RunningPrograms, *workstation.KINDS,
)  # fmt: skip
FIELDS = ("name", "exe", "uids", "status")


def measure() -> list[Row]:
    """Two rows. Raises NotMeasured without psutil."""
    try:
        import psutil
    except ImportError as error:
        raise NotMeasured(str(error)) from error
    # As in the agent, whose loop must not wait for the turn of a thread.
    sys.setswitchinterval(_TURN_S)
    with ExitStack() as there:
        home = Path(there.enter_context(tempfile.TemporaryDirectory(prefix="diagcps-")))
        there.enter_context(_processes())
        _profiles(home)
        there.enter_context(mock.patch.dict(os.environ, HOME=str(home)))
        return [asyncio.run(_together()), asyncio.run(_processes_read(psutil))]


async def _together() -> Row:
    runner = _runner()

    def read(*kinds: type) -> Callable[[], Awaitable[None]]:
        return lambda: runner.read(kinds, afresh=True)

    await read(*KINDS)()
    slowest, work, together = [], [], []
    for _ in range(ROUNDS):
        alone = [await _timed(read(kind)) for kind in KINDS]
        slowest.append(max(wall for wall, _ in alone))
        work.append(sum(cpu for _, cpu in alone))
        together.append((await _timed(read(*KINDS)))[0])
    bound = [max(pair) for pair in zip(slowest, work, strict=True)]
    return Row(
        what=f"all host probes, {PROCESSES} processes and {PROFILES} profiles",
        against="the larger of the slowest one and their processor time",
        unit="ms",
        ours=statistics.median(together),
        theirs=statistics.median(bound),
        limit=TOGETHER_LIMIT,
        note=f"slowest one {spread(slowest)} ms, processor time of all {spread(work)} ms",
    )


async def _processes_read(psutil: Any) -> Row:
    runner = _runner()

    async def bare() -> None:
        def walk() -> None:
            for _ in psutil.process_iter(FIELDS):
                pass

        # As fresh objects as the probe makes: what is kept between two walks is not read again.
        psutil.process_iter.cache_clear()
        await asyncio.to_thread(walk)

    async def ours() -> None:
        await runner.read([workstation.Software], afresh=True)

    await ours()
    turns = [((await _timed(ours))[0], (await _timed(bare))[0]) for _ in range(ROUNDS)]
    return Row(
        what=f"the programs that run, of {PROCESSES} processes and more",
        against=f"psutil.process_iter({', '.join(FIELDS)})",
        unit="ms",
        ours=statistics.median(each for each, _ in turns),
        theirs=statistics.median(each for _, each in turns),
        limit=PROCESS_LIMIT,
    )


async def _timed(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Milliseconds that passed, and those that this process spent on a processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000


def _runner() -> Runner:
    host = this_host()
    world = World(
        host=host,
        cards=NoCards(),
        libraries=NoLibraries(),
        anchors=NO_ANCHORS,
        publish=publish_nothing,
        catalogue=CatalogueFiles(),
        page=nobody,
    )
    known = {probe.gives: probe for probe in probes.BUILT_IN}
    return Runner(
        checks=(), probes=known, world=world, platform=host.platform,
        level=mock.Mock(), diagnose=mock.Mock(),
    )  # fmt: skip


@contextmanager
def _processes() -> Iterator[None]:
    """Four hundred programs that do nothing, ended with the block."""
    sleepers = [subprocess.Popen(["sleep", "600"]) for _ in range(PROCESSES)]
    try:
        yield
    finally:
        for each in sleepers:
            each.kill()
        for each in sleepers:
            each.wait()


def _profiles(home: Path) -> None:
    """Twenty Firefox profiles that were opened, each with extensions and a certificate store."""
    folder = home / ".mozilla" / "firefox"
    folder.mkdir(parents=True)
    lines = ["[General]", "StartWithLastProfile=1"]
    for number in range(PROFILES):
        profile = folder / f"{number}.profile"
        profile.mkdir()
        lines += [f"[Profile{number}]", f"Name={number}", "IsRelative=1", f"Path={profile.name}"]
        addons = [{"id": f"{n}@example", "version": "1.0", "active": True} for n in range(40)]
        profile.joinpath("extensions.json").write_text(json.dumps({"addons": addons}))
        profile.joinpath("prefs.js").write_text('user_pref("a.b", true);\n' * 400)
        profile.joinpath("pkcs11.txt").write_text("library=\nname=NSS Internal PKCS #11 Module\n\n")
        with sqlite3.connect(profile / "cert9.db") as store:
            store.execute("CREATE TABLE nssPublic (id INTEGER PRIMARY KEY, a0, a11)")
            store.executemany(
                "INSERT INTO nssPublic (a0, a11) VALUES (?, ?)",
                [(b"\0\0\0\1", os.urandom(1500)) for _ in range(20)],
            )
        store.close()
    folder.joinpath("profiles.ini").write_text("\n".join(lines))
