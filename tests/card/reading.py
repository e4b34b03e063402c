"""Reads simulated cards as the agent does, in this process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from diagcps.card import contents
from diagcps.card.anchors import read_anchors
from diagcps.card.simulator import build, pki
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.cards import SimulatedCards
from diagcps.facts import AuthenticationCertificates, CardState, CardStates, OtherCertificates, Pcsc
from tests.builders import pcsc, ready

ANCHORS = read_anchors(pki.anchors_file())


@dataclass(frozen=True, kw_only=True)
class ReadCard:
    """What a card was read to be, and what it was sent."""

    states: CardStates
    first: AuthenticationCertificates
    rest: OtherCertificates
    slots: Pcsc
    log: tuple[bytes, ...]

    @property
    def state(self) -> CardState:
        """The state of the card."""
        (state,) = self.states.cards
        return state


def read(plastic: Plastic | None = None, card: SimulatedCard | None = None, **of: Any) -> ReadCard:
    """The card of a description, or `card`, read in the three steps."""
    made = card or build.make(plastic or Plastic(**of), datetime.now(UTC))
    slots = pcsc(ready(made.atr))
    cards = SimulatedCards({slots.slots[0].name: made})
    judge = contents.certificate_judge(ANCHORS, ())

    async def steps() -> ReadCard:
        states = await contents.read_states(cards, slots)
        first = await contents.read_authentication(cards, slots, states, judge)
        rest = await contents.read_others(cards, slots, first, judge)
        return ReadCard(states=states, first=first, rest=rest, slots=slots, log=made.log)

    return asyncio.run(steps())
