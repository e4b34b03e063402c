"""A simulated card whose codes a test looks at, and that goes wrong where it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from diagcps.card.base import CardRemoved, CardSilent
from diagcps.card.simulator import files, vpcd
from diagcps.card.simulator.base import Plastic
from diagcps.card.simulator.build import make
from diagcps.card.winscard import PRESENT, PcscError, ReaderState, Winscard

from .bench import until
from .vpcd import reader_name

NOW = datetime.now(UTC).replace(microsecond=0)
"""When the cards are made."""
PRESENT_CODE, SET_CODE, UNBLOCK_CODE = 0x20, 0x24, 0x2C
"""VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (ISO/IEC 7816-4)."""
_CODES = files.CONTACT + b"\x70\x01"
"""The directory of codes (AODF)."""
_LENGTHS, _LONGER = bytes.fromhex("020104 020108 020104"), bytes.fromhex("020104 020108 020108")
"""The least, the stored and the most digits of the code porteur there (ISO/IEC 7816-15, 8.9)."""
_WITHOUT_DATA = 5
"""The longest command, in bytes, that carries none."""


def has_code(command: bytes) -> bool:
    """Whether a command presents a code or sets one; an empty VERIFY only asks for the tries."""
    presents = command[1] == PRESENT_CODE and len(command) > _WITHOUT_DATA
    return presents or command[1] in (SET_CODE, UNBLOCK_CODE)


def seen(slot: int = 0) -> bool:
    """Whether the service sees a card in the slot."""
    return bool(_flags(slot) & PRESENT)


def _changes(slot: int) -> int:
    """How many insertions and removals the service has seen in the slot."""
    return _flags(slot) >> 16


def _flags(slot: int) -> int:
    api = Winscard()
    try:
        with api.context() as context:
            return api.states(context, [ReaderState(name=reader_name(slot))])[0].flags
    except PcscError:
        return 0


@dataclass(frozen=True, kw_only=True)
class State:
    """What a card holds, which no program can ask it."""

    pin: str
    pin_left: int
    puk_left: int
    uses_left: int | None
    """Uses of the code de déblocage, which a CPS3 alone counts."""


class Fault(Enum):
    """What goes wrong at a command."""

    BEFORE = "before"
    """The card is pulled, and has not done it."""
    DURING = "during"
    """The card does it, and is pulled before it answers."""
    AFTER = "after"
    """The card answers, and is pulled before it is asked anything else."""
    SILENT = "silent"
    """The card does nothing more, and stays where it is."""


class Watched:
    """A card, and the slot that it is in or was in last."""

    def __init__(self, plastic: Plastic) -> None:
        self._card: Any = make(plastic, NOW)
        self._inserted: vpcd.Inserted | None = None
        self._fault: Fault | None = None
        self._asked: Callable[[bytes], bool] = has_code
        self._left = 0
        self._changes = 0
        self.slot = 0
        self.commands: list[bytes] = []
        """What it was sent since it was inserted, or since `mark`."""

    @property
    def atr(self) -> bytes:
        """See `SimulatedCard.atr`."""
        return bytes(self._card.atr)

    @property
    def log(self) -> tuple[bytes, ...]:
        """See `SimulatedCard.log`."""
        return tuple(self.commands)

    def power(self) -> None:
        """See `SimulatedCard.power`."""
        self._card.power()

    def transmit(self, command: bytes) -> bytes:
        """See `SimulatedCard.transmit`."""
        self.commands.append(command)
        fault = self._fault_at(command)
        if fault is Fault.BEFORE:
            raise CardRemoved("before")
        if fault is Fault.SILENT:
            raise CardSilent("from now on")
        response = bytes(self._card.transmit(command))
        if fault is Fault.DURING:
            raise CardRemoved("during")
        if fault is Fault.AFTER:
            self.fail(Fault.BEFORE, 1, among=lambda _: True)
        return response

    def _fault_at(self, command: bytes) -> Fault | None:
        if self._fault is None or not self._asked(command):
            return None
        self._left -= 1
        return None if self._left > 0 else self._fault

    def fail(self, fault: Fault, number: int, *, among: Callable[[bytes], bool] = has_code) -> None:
        """Goes wrong at that command of those to come, counted from 1 among those that are meant,
        until it is put back."""
        self._fault, self._left, self._asked = fault, number, among

    def insert(self, slot: int = 0) -> None:
        """In order, and reset, in that slot; the service has seen it on return."""
        self._fault, self.slot = None, slot
        self.mark()
        self._card.power()
        self._inserted = vpcd.insert(self, port=vpcd.PORT + slot)
        until(lambda: seen(slot), "the card was seen")
        self._changes = _changes(slot)

    def pull(self) -> None:
        """Out of its slot; the service has seen it on return.

        A slot may be said to be empty before that: a card that comes meanwhile stays unseen.
        """
        if self._inserted is not None:
            self.take_out()
            until(lambda: _changes(self.slot) != self._changes, "the card was gone")

    def take_out(self) -> None:
        """Out of its slot, whether the service has seen it or not."""
        if self._inserted is not None:
            self._inserted.pull()
            self._inserted = None

    def mark(self) -> None:
        """Forgets the commands so far."""
        self.commands = []

    @property
    def instructions(self) -> list[int]:
        """The instructions of the commands that presented a code, or set one, in their order."""
        return [command[1] for command in self.commands if has_code(command)]

    @property
    def state(self) -> State:
        """What it holds now."""
        pin, puk = (self._codes[r] for r in (files.PIN_REFERENCE, files.PUK_REFERENCE))
        return State(
            pin=pin.value.decode(),
            pin_left=pin.left,
            puk_left=puk.left,
            uses_left=getattr(puk, "uses_left", None),
        )

    @state.setter
    def state(self, state: State) -> None:
        pin, puk = (self._codes[r] for r in (files.PIN_REFERENCE, files.PUK_REFERENCE))
        pin.value, pin.left, puk.left = state.pin.encode(), state.pin_left, state.puk_left
        if state.uses_left is not None:
            puk.uses_left = state.uses_left

    def personalise(self, *, pin: str, puk: str) -> None:
        """Gives it codes of its own, and lets its code porteur have four to eight digits."""
        self._codes[files.PIN_REFERENCE].value = pin.encode()
        self._codes[files.PUK_REFERENCE].value = puk.encode()
        directory = self._inner._files[_CODES]
        assert _LENGTHS in directory
        self._inner._files[_CODES] = directory.replace(_LENGTHS, _LONGER, 1)

    @property
    def _codes(self) -> Any:
        return self._inner._codes

    @property
    def _inner(self) -> Any:
        card = self._card
        while not hasattr(card, "_codes"):
            card = card._card  # what goes wrong stands around it
        return card
