"""The cards' seam on pyscard for Windows: Wine's winscard.dll, and pcscd behind the bridge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bench import SOCKET, Pcscd
from tests.integration.vpcd import CPS4_T1, MUTE, VITALE_2

from .conftest import Insert
from .windows import HERE, Program, WindowsPython, windows_path

FOLLOW = windows_path(HERE / "follow_cards.py")
EMPTY = {"state": "empty", "atr": ""}


def read_once(windows: WindowsPython, cards: Path | None = None) -> dict[str, Any]:
    """One reading."""
    finished = windows.run(FOLLOW, "once", cards=cards)
    assert finished.code == 0, finished.err
    reading: dict[str, Any] = json.loads(finished.out)
    return reading


def until_slots(program: Program, *expected: dict[str, str]) -> None:
    """Returns at the first reading with these slots; a change may be told before it is complete."""
    readings = []
    for _ in range(10):
        readings.append(json.loads(program.line(timeout_s=15.0)))
        if readings[-1]["slots"] == list(expected):
            return
    raise AssertionError(readings)


def test_refused_context_is_the_error_of_its_call(windows: WindowsPython) -> None:
    """Wine 8.0 answers SCARD_F_INTERNAL_ERROR."""
    reading = read_once(windows)
    assert reading == {"call": "SCardEstablishContext", "error": 0x80100001, "slots": []}


def test_absent_service_is_the_error_of_its_call(windows: WindowsPython) -> None:
    """Windows says SCARD_E_NO_SERVICE with the same number as pcsclite."""
    reading = read_once(windows, cards=Path("/nonexistent/pcscd.comm"))
    assert reading == {"call": "SCardEstablishContext", "error": 0x8010001D, "slots": []}


@pytest.mark.parametrize(
    ("atr", "slot"),
    [
        (CPS4_T1, {"state": "ready", "atr": CPS4_T1.hex()}),
        (VITALE_2, {"state": "ready", "atr": VITALE_2.hex()}),
        (MUTE, {"state": "mute", "atr": ""}),
    ],
    ids=["cps4", "vitale", "mute"],
)
def test_each_slot_tells_its_card(
    windows: WindowsPython, pcscd: Pcscd, card: Insert, atr: bytes, slot: dict[str, str]
) -> None:
    inserted = card(atr)
    assert read_once(windows, cards=SOCKET)["slots"] == [slot, EMPTY]
    assert inserted.apdus == ()


def test_insertion_removal_and_restart_are_told(
    windows: WindowsPython, pcscd: Pcscd, card: Insert
) -> None:
    ready = {"state": "ready", "atr": CPS4_T1.hex()}
    with windows.start(FOLLOW, cards=SOCKET) as program:
        until_slots(program, EMPTY, EMPTY)
        inserted = card(CPS4_T1)
        until_slots(program, ready, EMPTY)
        inserted.pull()
        until_slots(program, EMPTY, EMPTY)
        pcscd.stop()
        until_slots(program)
        pcscd.start()
        until_slots(program, EMPTY, EMPTY)
