"""The ways to all endpoints side by side, against the slowest of them; what a black hole costs."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

from diagcps.card.base import Anchors
from diagcps.catalogue_files import CatalogueFiles
from diagcps.catalogue_parts import KnownEndpoint
from diagcps.model import Platform
from diagcps.net.chain import PublicRoots
from diagcps.net.means import Means
from diagcps.net.stages import Limits
from diagcps.net.trust import WorkstationTrust
from diagcps.net.ways import reach_all
from diagcps.network import IpFamily
from diagcps.web.server import _TURN_S

from .measure import NotMeasured, Row, spread
from .program import ROOT

TOGETHER_LIMIT, HOLE_LIMIT = 1.15, 1.05
ROUNDS = 7
NAME_S = 0.02
"""What the name server takes."""
HOLE = "black-hole.example"
_MOST_WAITING = 8


def measure() -> list[Row]:
    """Three rows. Raises NotMeasured where the system refuses connections that it has no room
    for, instead of dropping them."""
    # As in the agent, whose loop must not wait for the turn of a thread.
    sys.setswitchinterval(_TURN_S)
    with ExitStack() as there:
        folder = Path(there.enter_context(tempfile.TemporaryDirectory(prefix="diagcps-")))
        ports, root = there.enter_context(_servers(folder))
        hole = there.enter_context(_black_hole())
        store = _store(folder, root)
        there.enter_context(mock.patch.dict(os.environ, SSL_CERT_FILE=str(store)))
        return asyncio.run(_measured({**ports, HOLE: hole}, store))


async def _measured(ports: Mapping[str, int], store: Path) -> list[Row]:
    endpoints = CatalogueFiles()().endpoints.endpoints
    hole = replace(endpoints[0], id="hole", host=HOLE)
    await _gone(endpoints, ports, store)
    alone, together, beside, others = [], [], [], []
    for _ in range(ROUNDS):
        alone.append(max([(await _gone([each], ports, store))[0] for each in endpoints]))
        wall, ways = await _gone(endpoints, ports, store)
        together.append((wall, max(ways)))
        wall, (*ways, _) = await _gone([*endpoints, hole], ports, store)
        beside.append(wall)
        others.append(max(ways))
    walls = [wall for wall, _ in together]
    return [
        Row(
            what=f"all {len(endpoints)} endpoints side by side",
            against="the slowest of them alone",
            unit="ms",
            ours=statistics.median(walls),
            theirs=statistics.median(alone),
            limit=TOGETHER_LIMIT,
            note=f"together {spread(walls)} ms, the slowest alone {spread(alone)} ms",
        ),
        Row(
            what="the same and a black hole",
            against="the limit of a connection",
            unit="ms",
            ours=statistics.median(beside),
            theirs=Limits().connection_s * 1000,
            limit=HOLE_LIMIT,
        ),
        Row(
            what="the slowest of the others beside a black hole",
            against="without one",
            unit="ms",
            ours=statistics.median(others),
            theirs=statistics.median(slowest for _, slowest in together),
            limit=TOGETHER_LIMIT,
        ),
    ]


async def _gone(
    endpoints: Sequence[KnownEndpoint], ports: Mapping[str, int], store: Path
) -> tuple[float, list[float]]:
    """Milliseconds of one run that has read nothing before, and of each endpoint in it."""

    def resolve(host: str, _: int, family: IpFamily) -> list[tuple[str, int]]:
        time.sleep(NAME_S)
        return [("127.0.0.1", ports[host])] if family is IpFamily.V4 else []

    means = Means(
        anchors=Anchors(fingerprints=frozenset(), names=frozenset()),
        trust=WorkstationTrust(Platform.LINUX),
        resolve=resolve,
        roots=PublicRoots(store),
    )
    began = time.perf_counter()
    reached = await reach_all(endpoints, means=means)
    wall = (time.perf_counter() - began) * 1000
    for each in reached:
        way = each.ways[0]
        assert each.endpoint == "hole" or (way.answer is not None and way.answer.status == 200)
        assert way.certificate is None or way.certificate.trusted
    return wall, [each.ms for each in reached]


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[dict[str, int], Path]]:
    """The port of each host, and the file of the root that made their certificates."""
    command = [sys.executable, "-m", "benchmarks.far_servers", str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            told = json.loads(process.stdout.readline())
            yield told["ports"], Path(told["root"])
        finally:
            process.stdin.close()
            process.wait(timeout=10)


@contextmanager
def _black_hole() -> Iterator[int]:
    """A port at which connections are neither taken nor refused: its queue is full (Linux)."""
    with ExitStack() as opened:
        full = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(_MOST_WAITING):
            waiting = opened.enter_context(socket.socket())
            waiting.settimeout(0.3)
            try:
                waiting.connect(full.getsockname())
            except TimeoutError:
                yield full.getsockname()[1]
                return
            except OSError:
                break
    raise NotMeasured("this system drops no connection that it has no room for")


def _store(folder: Path, root: Path) -> Path:
    """The public root among as many others as a workstation trusts."""
    import certifi

    store = folder / "store.pem"
    store.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + root.read_bytes())
    return store
