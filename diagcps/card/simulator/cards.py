"""Simulated cards in the place of PC/SC: read by the same reader, behind the same list."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Mapping

from diagcps.card.base import CardRemoved, Result, Transmit
from diagcps.card.permitted import permitted
from diagcps.card.simulator.base import SimulatedCard
from diagcps.facts import Pcsc, Slot, ToolPart
from diagcps.model import Private, ProbeUnavailable
from diagcps.threads import DaemonThreads

MakeCard = Callable[[], SimulatedCard]


class SimulatedCards:
    """`Cards` for the simulated cards of a scenario, each in its slot from the beginning.

    A card may be given by what makes it, at its first use: making one takes longer than opening
    the page. From then on it is the same card, with what was done to it.
    """

    def __init__(self, inserted: Mapping[Private, SimulatedCard | MakeCard]) -> None:
        self._inserted = dict(inserted)
        self._making = threading.Lock()
        self._threads = DaemonThreads()

    async def read(self) -> Pcsc:
        """Raises ProbeUnavailable: the slots of a scenario are facts."""
        raise ProbeUnavailable

    async def use(self, slot: Slot, work: Callable[[Transmit], Result]) -> Result:
        """See `Cards.use`."""
        return await self.hold(slot.name, lambda card: work(permitted(card.transmit)))

    async def hold(self, slot: Private, work: Callable[[SimulatedCard], Result]) -> Result:
        """What `work` returns, with the card in the slot of that name, behind no list.

        It is no part of `Cards`: for what uses a code of the card. Runs as `use` does.
        """
        if slot not in self._inserted:
            raise CardRemoved("no card")
        return await self._threads.run(lambda: work(self._card(slot)))

    def _card(self, slot: Private) -> SimulatedCard:
        with self._making:
            card = self._inserted[slot]
            if callable(card):
                self._inserted[slot] = card = card()
            return card

    def missing(self) -> tuple[ToolPart, ...]:
        """Nothing: what is missing is among the facts of the scenario."""
        return ()

    def losses(self) -> tuple[str, ...]:
        """None: nobody touches these readers."""
        return ()

    async def changes(self) -> AsyncIterator[None]:
        """Ends at once: nobody touches these cards."""
        changes: tuple[None, ...] = ()
        for change in changes:
            yield change
