"""Simulated cards of other families: an answer to reset, and no instruction that they know."""

from __future__ import annotations

from diagcps.card.base import CardSilent
from diagcps.card.simulator.base import Plastic
from diagcps.model import UsageError

_ATRS = {
    "cps2ter": "3BAC00402A001225006480820212009000",
    "vitale": "3B751300004309EA9000",
    "vitale-1": "3F6525002209699000",
    "agent": "3B6700002D201601789000",
    # Several bank cards of the public list of pcsc-tools answer this.
    "bank": "3B6500002063CB6800",
    "mute": "",
}
MODELS = tuple(_ATRS)

_NO_SUCH_INSTRUCTION = b"\x6d\x00"


class Other:
    """A `SimulatedCard`: to every command it answers 6D00. A mute one has no answer to reset."""

    def __init__(self, plastic: Plastic) -> None:
        if plastic.model not in _ATRS:
            raise UsageError(f"no other card: {plastic.model!r}")
        self._atr = bytes.fromhex(_ATRS[plastic.model])
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
