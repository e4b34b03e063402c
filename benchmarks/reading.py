"""Commands and bytes that reading a card takes, beside those that it cannot take less than."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from diagcps.card import contents
from diagcps.card.anchors import read_anchors
from diagcps.card.simulator import build, pki
from diagcps.card.simulator.base import Plastic
from diagcps.card.simulator.cards import SimulatedCards
from diagcps.facts import Pcsc, Slot, SlotState
from diagcps.model import Private, PrivateKind

from .cards import UPDATE, Heard, by_heart, must_cross, size
from .measure import Row

COMMANDS = 32
BYTES_LIMIT = 1.08


def measure() -> list[Row]:
    """Serial number, both counters and both certificates of a CPS3, and of a CPS4."""
    heart = by_heart(build.make(Plastic(model="cps3"), datetime.now(UTC)).transmit)
    rows = []
    for model in ("cps3", "cps4"):
        card = Heard(Plastic(model=model))
        read_whole(card)
        # Whether the last « actualisation » ended is asked too, and is none of the five.
        last = [each for each in card.exchanges if each.command[-2:] == UPDATE]
        after = [card.exchanges[card.exchanges.index(each) + 1] for each in last]
        counted = [each for each in card.exchanges if each not in (*last, *after)]
        rows += [
            Row(
                what=f"commands to read a {model.upper()}",
                against="a reader that knows a CPS3 by heart",
                unit="commands",
                ours=len(counted),
                theirs=heart,
                limit=COMMANDS / heart,
                note=f"{len(card.exchanges)} with the state of the last « actualisation »",
            ),
            Row(
                what=f"bytes to read a {model.upper()}",
                against="what its files and counters hold",
                unit="bytes",
                ours=size(counted),
                theirs=must_cross(counted),
                limit=BYTES_LIMIT,
            ),
        ]
    return rows


def read_whole(card: Heard) -> None:
    """Reads the card in the agent's three steps, in this process."""
    asyncio.run(_steps(card))


async def _steps(card: Heard) -> None:
    slot = Slot(
        name=Private(PrivateKind.READER, "0"), model="0", state=SlotState.READY, atr=card.atr
    )
    cards, slots = SimulatedCards({slot.name: card}), Pcsc(slots=(slot,))
    judge = contents.certificate_judge(read_anchors(pki.anchors_file()), ())
    states = await contents.read_states(cards, slots)
    first = await contents.read_authentication(cards, slots, states, judge)
    await contents.read_others(cards, slots, first, judge)
