"""What goes wrong between a simulated card and its reader, and how long everything takes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial

from diagcps.card.base import CardError, CardRemoved, CardSilent
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.model import UsageError

BITS_PER_BYTE = 12
"""On the line: start bit, eight bits, parity, and two of guard time (ISO/IEC 7816-3, 7.2)."""
_WITHOUT_DATA = 5
"""The longest command, in bytes, that carries none."""
_SETTING = (0x24, 0x2C)
"""CHANGE REFERENCE DATA and RESET RETRY COUNTER, which set something even without data."""


def has_faults(plastic: Plastic) -> bool:
    """Whether `plastic` asks for anything that `Faulty` does."""
    ends = plastic.leaves_at or plastic.leaves_after or plastic.mute_at
    return bool(plastic.latency_ms or plastic.baud or ends or plastic.refuses)


def seconds(plastic: Plastic, size: int) -> float:
    """How long a command and its response take that are `size` bytes together."""
    line = BITS_PER_BYTE * size / plastic.baud if plastic.baud else 0.0
    return plastic.latency_ms / 1000 + line


class Faulty:
    """A `SimulatedCard` around another: slow, pulled, silent or unwilling when `plastic` says so.

    Raises UsageError for an instruction, or a refusal, of an unknown form.
    """

    def __init__(
        self, card: SimulatedCard, plastic: Plastic, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._card = card
        self._plastic = plastic
        self._sleep = sleep
        self._log: list[bytes] = []
        self._counted = _instruction(plastic.counted) if plastic.counted else None
        self._refused = dict(map(_refusal, plastic.refuses))
        self._count = 0
        self._fault: Callable[[], CardError] | None = None
        self._was_put_back = False

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

    def insert(self) -> None:
        """Puts it back: it is reset, answers again, and is neither pulled nor silent once more."""
        self._was_put_back, self._fault = True, None
        self._card.power()

    def transmit(self, command: bytes) -> bytes:
        """See `SimulatedCard.transmit`: from the fatal command on, every one raises."""
        self._log.append(command)
        does = command[1] if _does_something(command) else None
        if self._counted is None or self._counted == does:
            self._count += 1
        plastic = self._plastic
        self._end_at(plastic.leaves_at, CardRemoved, f"pulled at command {plastic.leaves_at}")
        self._end_at(plastic.mute_at, CardSilent, f"silent from command {plastic.mute_at} on")
        refused = None if does is None else self._refused.get(does)
        response = refused or self._card.transmit(command)
        self._end_at(plastic.leaves_after, CardRemoved, f"pulled after {plastic.leaves_after}")
        pause = seconds(plastic, len(command) + len(response))
        if pause:
            self._sleep(pause)
        return response

    def _end_at(self, count: int, kind: type[CardError], detail: str) -> None:
        """Raises that from `count` on, or whatever it ended with before."""
        if not self._fault and not self._was_put_back and count and self._count >= count:
            self._fault = partial(kind, detail)
        if self._fault:
            raise self._fault()


def _does_something(command: bytes) -> bool:
    """More than VERIFY without data, which asks for a count, or than reading."""
    return len(command) > _WITHOUT_DATA or (len(command) > 1 and command[1] in _SETTING)


def _refusal(text: str) -> tuple[int, bytes]:
    """An instruction, and the status word that answers it."""
    instruction, _, status = text.partition(":")
    if not re.fullmatch("[0-9A-Fa-f]{4}", status):
        raise UsageError(f"a refusal such as 2C:6985, not {text!r}")
    return _instruction(instruction), bytes.fromhex(status)


def _instruction(text: str) -> int:
    if not re.fullmatch("[0-9A-Fa-f]{2}", text):
        raise UsageError(f"an instruction of two hexadecimal digits, not {text!r}")
    return int(text, 16)
