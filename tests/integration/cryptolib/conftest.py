"""The official library, the cards it reads and the programs that call it, put away after a test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from diagcps.card.simulator import vpcd
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.build import make
from tests.integration import bench
from tests.integration.bench import Pcscd
from tests.integration.vpcd import EMPTY_S

from . import official
from .official import Cryptolib

NOW = datetime.now(UTC).replace(microsecond=0)
"""When the cards of these tests are made."""
SUM = pytest.StashKey[str]()


class InsertPlastic(Protocol):
    """Makes a simulated card and inserts it, in the place of the one that is in."""

    def __call__(self, plastic: Plastic, now: datetime = NOW) -> SimulatedCard:
        """The card; the service sees it at its next look."""


@pytest.fixture(scope="session")
def settings(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """The library in its place, and a copy of the settings that come with it."""
    reason = official.why_not() or bench.why_not()
    if reason is not None:
        pytest.skip(reason)
    with official.in_place(tmp_path_factory.mktemp("cryptolib")) as settings:
        request.config.stash[SUM] = official.sha256()
        yield settings


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says which library it was."""
    found = config.stash.get(SUM, "")
    if found:
        version = official.MEASURED.get(found, "of a version that was not measured")
        terminalreporter.write_line(f"Cryptolib {version}, SHA-256 of its module: {found}")


@pytest.fixture
def insert(settings: Path, pcscd: Pcscd) -> Iterator[InsertPlastic]:
    """Inserts simulated cards, on a workstation whose library has read none before."""
    pcscd.start()
    inserted: list[vpcd.Inserted] = []

    def insert(plastic: Plastic, now: datetime = NOW) -> SimulatedCard:
        if inserted:
            inserted.pop().pull()
            time.sleep(EMPTY_S)
        card = make(plastic, now)
        inserted.append(vpcd.insert(card))
        return card

    with official.with_empty_cache(settings):
        yield insert
    for each in inserted:
        each.pull()


@pytest.fixture
def library(insert: InsertPlastic) -> Iterator[Cryptolib]:
    """A program that has loaded the library, and called nothing yet."""
    with Cryptolib() as library:
        yield library
