"""The parts of a real smart-card workstation that a test asks for, put away after it."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

import pytest

from .bench import AS_NOBODY, Hold, Holder, Pcscd, why_not
from .vpcd import VirtualCard


class CardOptions(TypedDict, total=False):
    """What VirtualCard takes besides the answer to reset."""

    slot: int
    respond: Callable[[bytes], bytes]
    on_control: Callable[[int], None]
    delay_s: float
    leaves_at_power_on: int


class InsertCard(Protocol):
    """Makes a card and inserts it."""

    def __call__(self, atr: bytes, **options: Unpack[CardOptions]) -> VirtualCard:
        """The card, in its slot."""


@pytest.fixture(autouse=True)
def inside_bench() -> None:
    """Skips, and says why, where no smart-card service of the tests' own can be started."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
def pcscd(inside_bench: None, tmp_path: Path) -> Iterator[Pcscd]:
    """The smart-card service, not started yet; ended after the test, and /run/pcscd emptied."""
    service = Pcscd(tmp_path)
    try:
        yield service
    finally:
        service.clean()


@pytest.fixture
def card(inside_bench: None) -> Iterator[InsertCard]:
    """Inserts cards; pulls every one after the test."""
    inserted: list[VirtualCard] = []

    def insert(atr: bytes, **options: Unpack[CardOptions]) -> VirtualCard:
        inserted.append(VirtualCard(atr, **options))
        return inserted[-1].insert()

    try:
        yield insert
    finally:
        for each in inserted:
            each.pull()


@pytest.fixture
def holder(pcscd: Pcscd) -> Iterator[Callable[[str, Hold], Holder]]:
    """Starts other programs that use a card; ends every one after the test."""
    if importlib.util.find_spec("smartcard") is None:
        pytest.skip("the other program needs pyscard")
    programs: list[Holder] = []

    def hold(reader: str, how: Hold) -> Holder:
        programs.append(Holder(reader, how))
        return programs[-1]

    try:
        yield hold
    finally:
        for program in programs:
            program.end()


@pytest.fixture
def as_nobody(inside_bench: None) -> tuple[str, ...]:
    """The beginning of a command that runs as another, unprivileged, user."""
    tried = subprocess.run([*AS_NOBODY, "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("the bench was made without root: it holds no second user")
    return AS_NOBODY
