"""What the official library does with a code of a simulated card, as it was measured to do it."""

from __future__ import annotations

from diagcps.card.act import Codes, Course, Order, Stopped
from diagcps.card.simulator.cards import SimulatedCards


class SimulatedMiddleware:
    """`Middleware` for the cards of a scenario."""

    def __init__(self, cards: SimulatedCards) -> None:
        self._cards = cards

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        """See `Middleware.carry_out`."""
        return Course(stopped=Stopped.NOT_STARTED)
