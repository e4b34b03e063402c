"""What goes wrong between a simulated card and its reader, and how long everything takes."""

from __future__ import annotations

import time
from collections.abc import Callable

from diagcps.card.base import CardRemoved, CardSilent
from diagcps.card.simulator.base import Plastic, SimulatedCard

BITS_PER_BYTE = 12
"""On the line: start bit, eight bits, parity, and two of guard time (ISO/IEC 7816-3, 7.2)."""


def has_faults(plastic: Plastic) -> bool:
    """Whether `plastic` asks for anything that `Faulty` does."""
    return bool(plastic.latency_ms or plastic.baud or plastic.leaves_at or plastic.mute_at)


def seconds(plastic: Plastic, size: int) -> float:
    """How long a command and its response take that are `size` bytes together."""
    line = BITS_PER_BYTE * size / plastic.baud if plastic.baud else 0.0
    return plastic.latency_ms / 1000 + line


class Faulty:
    """A `SimulatedCard` around another: slow, pulled or silent when `plastic` says so."""

    def __init__(
        self, card: SimulatedCard, plastic: Plastic, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._card = card
        self._plastic = plastic
        self._sleep = sleep
        self._log: list[bytes] = []

    @property
    def atr(self) -> bytes:
        """See `SimulatedCard.atr`."""
        return self._card.atr

    @property
    def log(self) -> tuple[bytes, ...]:
        """See `SimulatedCard.log`: also the command at which it was pulled or fell silent."""
        return tuple(self._log)

    def power(self) -> None:
        """See `SimulatedCard.power`. It mends nothing."""
        self._card.power()

    def transmit(self, command: bytes) -> bytes:
        """See `SimulatedCard.transmit`: from the fatal command on, every one raises."""
        self._log.append(command)
        count = len(self._log)
        if self._plastic.leaves_at and count >= self._plastic.leaves_at:
            raise CardRemoved(f"pulled at command {self._plastic.leaves_at}")
        if self._plastic.mute_at and count >= self._plastic.mute_at:
            raise CardSilent(f"silent from command {self._plastic.mute_at} on")
        response = self._card.transmit(command)
        pause = seconds(self._plastic, len(command) + len(response))
        if pause:
            self._sleep(pause)
        return response
