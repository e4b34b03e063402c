"""What the project asks of a smart-card service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from diagcps.facts import Pcsc, ToolPart


class Cards(Protocol):
    """The readers and cards of a workstation."""

    async def read(self) -> Pcsc:
        """Every slot at one moment, or the error of the service.

        Raises ProbeUnavailable without a PC/SC library, ProbeTimeout when the service hangs.
        No command is sent to a card: a connection powers it, and its answer to reset is read.
        """

    def missing(self) -> tuple[ToolPart, ...]:
        """The parts of this tool without which cards cannot be read here."""

    def changes(self) -> AsyncIterator[None]:
        """Yields after each change of the service, its readers or their cards."""
