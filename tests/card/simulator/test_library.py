"""The simulated library shows the cards as they are now, as the official one was measured to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from diagcps.card.base import CardError
from diagcps.card.simulator import build, files
from diagcps.card.simulator.base import PIN_LENGTHS, Plastic, SimulatedCard
from diagcps.card.simulator.cards import SimulatedCards
from diagcps.card.simulator.library import SimulatedLibrary
from diagcps.facts import LibrarySlot, LibraryToken, SlotState
from tests.builders import held, ready

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
USUAL = 0x40D
LOW, LAST, LOCKED = 0x10000, 0x30000, 0x40000
TOKEN_NOT_PRESENT, TOKEN_NOT_RECOGNIZED = 0xE0, 0xE1
BOTH = pytest.mark.parametrize("model", ["cps3", "cps4"])


async def shown(card: SimulatedCard, plastic: Plastic, *, is_held: bool = False) -> LibrarySlot:
    """What the library shows of a card in the reader."""
    slot = held(card.atr) if is_held else ready(card.atr)
    cards = SimulatedCards({slot.name: card})
    library = SimulatedLibrary((plastic,), NOW, cards=cards, slots=(slot,))
    (found,) = (await library.read()).slots
    return found


async def token(card: SimulatedCard, plastic: Plastic) -> LibraryToken:
    found = (await shown(card, plastic)).token
    assert found is not None
    return found


def present(card: SimulatedCard, code: bytes, reference: int) -> None:
    """Presents a code as the library does."""
    is_cps4 = card.atr[0] == 0x3B and card.atr[1] == 0x9B
    if is_cps4:
        card.transmit(bytes.fromhex("01A4040C088025000001FF0100"))
    card.transmit(bytes((int(is_cps4), 0x20, 0, reference, len(code))) + code)


@BOTH
async def test_a_try_that_is_gone_is_shown_at_the_next_reading(model: str) -> None:
    plastic = Plastic(model=model)
    card = build.make(plastic, NOW)
    for flags in (0, LOW, LAST, LOCKED):
        assert (await token(card, plastic)).flags == USUAL | flags
        present(card, b"0000", files.PIN_REFERENCE)


@BOTH
async def test_a_try_of_the_code_that_unblocks_is_shown_too(model: str) -> None:
    plastic = Plastic(model=model)
    card = build.make(plastic, NOW)
    for flags in (0, LOW, LAST, LOCKED):
        assert (await token(card, plastic)).flags == USUAL | flags << 4
        present(card, b"00000000", files.PUK_REFERENCE)


async def test_the_last_use_of_the_code_that_unblocks_makes_it_look_blocked() -> None:
    plastic = Plastic(model="cps3", unblocks_left=1)
    card = build.make(plastic, NOW)
    assert (await token(card, plastic)).flags == USUAL
    present(card, files.PUK, files.PUK_REFERENCE)
    assert (await token(card, plastic)).flags == USUAL | LOCKED << 4


async def test_a_code_that_was_presented_to_a_cps4_is_shown_as_it_was_measured() -> None:
    plastic = Plastic(model="cps4")
    card = build.make(plastic, NOW)
    present(card, files.PIN, files.PIN_REFERENCE)
    assert (await token(card, plastic)).flags == USUAL
    present(card, files.PUK, files.PUK_REFERENCE)
    assert (await token(card, plastic)).flags == USUAL | LOCKED << 4


async def test_a_card_that_was_pulled_is_no_token() -> None:
    plastic = Plastic(model="cps4", leaves_at=1)
    found = await shown(build.make(plastic, NOW), plastic)
    assert (found.token, found.code) == (None, TOKEN_NOT_PRESENT)


async def test_a_card_that_is_silent_is_shown_as_it_was_described() -> None:
    plastic = Plastic(model="cps3", pin_left=1, mute_at=1)
    card = build.make(plastic, NOW)
    with pytest.raises(CardError):
        present(card, files.PIN, files.PIN_REFERENCE)
    assert (await token(card, plastic)).flags == USUAL | LAST


@pytest.mark.parametrize("is_held", [True, False])
async def test_a_card_that_somebody_holds_is_not_asked(is_held: bool) -> None:
    plastic = Plastic(model="cps3")
    card = build.make(plastic, NOW)
    assert (await shown(card, plastic, is_held=is_held)).token is not None
    assert bool(card.log) is not is_held


async def test_without_cards_they_are_shown_as_they_are_described() -> None:
    plastics = (Plastic(model="cps3", pin_left=2), Plastic(model="cps4"), Plastic(model="vitale"))
    slots = (await SimulatedLibrary(plastics, NOW).read()).slots
    assert [slot.token.flags if slot.token else None for slot in slots] == [
        USUAL | LOW, USUAL, None,
    ]  # fmt: skip
    assert slots[2].code == TOKEN_NOT_RECOGNIZED


@BOTH
async def test_the_lengths_of_the_code_are_those_of_the_card(model: str) -> None:
    plastic = Plastic(model=model)
    assert (await token(build.make(plastic, NOW), plastic)).pin_lengths == PIN_LENGTHS


@pytest.mark.parametrize("options", [{"state": "absent"}, {"shows": "nothing"}])
async def test_what_shows_no_card_asks_none(options: dict[str, Any]) -> None:
    card, slot = build.make(Plastic(model="cps3"), NOW), ready(b"")
    assert slot.state is SlotState.READY
    cards = SimulatedCards({slot.name: card})
    library = SimulatedLibrary((Plastic(model="cps3"),), NOW, cards=cards, slots=(slot,), **options)
    assert (await library.read()).slots == ()
    assert card.log == ()
