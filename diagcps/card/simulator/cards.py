"""Simulated cards in the place of PC/SC: read by the same reader, behind the same list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

from diagcps.card.base import CardRemoved, Result, Transmit
from diagcps.card.permitted import permitted
from diagcps.card.simulator.base import SimulatedCard
from diagcps.facts import Pcsc, Slot, ToolPart
from diagcps.model import Private, ProbeUnavailable
from diagcps.threads import DaemonThreads


class SimulatedCards:
    """`Cards` for the simulated cards of a scenario, each in its slot from the beginning."""

    def __init__(self, inserted: Mapping[Private, SimulatedCard]) -> None:
        self._inserted = inserted
        self._threads = DaemonThreads()

    async def read(self) -> Pcsc:
        """Raises ProbeUnavailable: the slots of a scenario are facts."""
        raise ProbeUnavailable

    async def use(self, slot: Slot, work: Callable[[Transmit], Result]) -> Result:
        """See `Cards.use`."""
        card = self._inserted.get(slot.name)
        if card is None:
            raise CardRemoved("no card")
        send = permitted(card.transmit)
        return await self._threads.run(lambda: work(send))

    def missing(self) -> tuple[ToolPart, ...]:
        """Nothing: what is missing is among the facts of the scenario."""
        return ()

    async def changes(self) -> AsyncIterator[None]:
        """Ends at once: nobody touches these cards."""
        changes: tuple[None, ...] = ()
        for change in changes:
            yield change
