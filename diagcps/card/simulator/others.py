"""Simulated cards of other families: an answer to reset, and no instruction that they know."""

from __future__ import annotations

from diagcps.card.base import CardSilent
from diagcps.card.simulator.base import ATRS, Plastic
from diagcps.model import UsageError

MODELS = ("cps2ter", "vitale", "vitale-1", "agent", "bank", "mute")

_NO_SUCH_INSTRUCTION = b"\x6d\x00"


class Other:
    """A `SimulatedCard`: to every command it answers 6D00. A mute one has no answer to reset."""

    def __init__(self, plastic: Plastic) -> None:
        if plastic.model not in MODELS:
            raise UsageError(f"no other card: {plastic.model!r}")
        self._atr = bytes.fromhex(ATRS[plastic.model])
        self._log: list[bytes] = []

    @property
    def atr(self) -> bytes:
        """See `SimulatedCard.atr`."""
        return self._atr

    @property
    def log(self) -> tuple[bytes, ...]:
        """See `SimulatedCard.log`."""
        return tuple(self._log)

    def power(self) -> None:
        """See `SimulatedCard.power`."""

    def transmit(self, command: bytes) -> bytes:
        """See `SimulatedCard.transmit`."""
        self._log.append(command)
        if not self._atr:
            raise CardSilent("no answer to reset")
        return _NO_SUCH_INSTRUCTION
