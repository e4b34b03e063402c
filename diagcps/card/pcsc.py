"""The slots of the workstation through PC/SC, and word of every change to them."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable

from diagcps.card import winscard
from diagcps.card.base import (
    CardError,
    CardHeld,
    CardRemoved,
    CardSilent,
    Result,
    Transmit,
)
from diagcps.card.codes import PcscCode, describe
from diagcps.card.losses import Losses
from diagcps.card.permitted import permitted
from diagcps.card.watch import Watch
from diagcps.card.winscard import PcscError, ReaderState, Winscard
from diagcps.facts import Pcsc, Slot, SlotState, ToolPart
from diagcps.model import Private, PrivateKind, ProbeTimeout, ProbeUnavailable
from diagcps.threads import DaemonThreads

_LOOK_S = 3.0
_TOUCH_S = 2.0
# pcscd asks a reader for its card every 400 ms: a removal is seen within that.
_SETTLE_MS = 700
_AGAIN_S = (0.1, 0.4)
# At the slowest line speed an answer of 256 bytes takes 0.3 s, and a card may ask for more time.
_SILENT_S = 4.0
_TURN_S = 6.0
_WHOLE_S = 20.0
_BEAT_S = 0.25
# The first look tells the state; the next ones wait for a change to it.
_LOOKS = 3
_GONE = frozenset(
    {
        PcscCode.SCARD_W_REMOVED_CARD,
        PcscCode.SCARD_E_NO_SMARTCARD,
        PcscCode.SCARD_E_UNKNOWN_READER,
        PcscCode.SCARD_E_READER_UNAVAILABLE,
    }
)
# What other programs do to a card is no fault of the card.
_OTHERS = frozenset({PcscCode.SCARD_E_SHARING_VIOLATION, PcscCode.SCARD_W_RESET_CARD})
_NO_SERVICE = frozenset({PcscCode.SCARD_E_NO_SERVICE, PcscCode.SCARD_E_SERVICE_STOPPED})
_PASSING = frozenset({PcscCode.SCARD_E_UNKNOWN_READER, PcscCode.SCARD_F_COMM_ERROR})


class PcscCards:
    """`Cards` on the system's own PC/SC service."""

    def __init__(self) -> None:
        self._threads = DaemonThreads()
        self._using: dict[str, DaemonThreads] = {}
        self._insertions: dict[str, int] = {}
        """How many insertions and removals the service had counted in each reader."""
        self._losses = Losses()

    async def read(self) -> Pcsc:
        """See `Cards.read`. A service that hangs is ProbeTimeout; a slot that hangs is held."""
        api = Winscard()
        try:
            states = await self._steady_look(api)
        except PcscError as error:
            return Pcsc(error=error.code, call=error.call)
        self._insertions = {state.name: state.flags >> 16 for state in states}
        usable = [s for s in states if not s.flags & (winscard.UNKNOWN | winscard.UNAVAILABLE)]
        slots = await asyncio.gather(*(self._slot(api, state) for state in usable))
        self._losses.look(slot.model for slot in slots)
        return Pcsc(slots=tuple(slots))

    async def use(self, slot: Slot, work: Callable[[Transmit], Result]) -> Result:
        """See `Cards.use`. A card that others keep too long is held; one that hangs is silent.

        A card that is not the one of the last `read`, though it may look the same, is removed.
        """
        api, name = Winscard(), slot.name.value
        line = _Line()

        def call() -> Result:
            try:
                with api.context() as context, api.transaction(context, name) as transmit:
                    self._must_be_the_same(api, context, name)
                    line.begin()
                    return work(permitted(line.heard(_with_card_errors(api, name, transmit))))
            except PcscError as error:
                raise _meaning(api, name, error) from error

        # One call at a time in each reader: one that hangs must not silence the others.
        threads = self._using.setdefault(name, DaemonThreads(most_stuck=1))
        task = asyncio.ensure_future(threads.run(call))
        try:
            while not (await asyncio.wait({task}, timeout=_BEAT_S))[0]:
                line.must_not_be_late()
            return task.result()
        except ProbeTimeout as error:
            raise CardHeld("an earlier call still waits") from error
        finally:
            line.give_up()
            task.cancel()

    def _must_be_the_same(self, api: Winscard, context: int, name: str) -> None:
        """Raises CardRemoved when a card was put in since the last `read`."""
        (now,) = api.states(context, (ReaderState(name=name),))
        if now.flags >> 16 != self._insertions.get(name, now.flags >> 16):
            raise CardRemoved("exchanged since it was seen")

    def missing(self) -> tuple[ToolPart, ...]:
        """See `Cards.missing`: pyscard, where it cannot be imported."""
        try:
            Winscard()
        except ProbeUnavailable as error:
            return (ToolPart(part="pyscard", detail=Private(PrivateKind.TEXT, str(error))),)
        return ()

    def losses(self) -> tuple[str, ...]:
        """See `Cards.losses`."""
        return self._losses.recent()

    async def changes(self) -> AsyncIterator[None]:
        """See `Cards.changes`. Ends at once where pyscard cannot be imported."""
        async for _ in Watch().changes():
            yield

    async def _steady_look(self, api: Winscard) -> tuple[ReaderState, ...]:
        """Every reader's state; asked again when a reader or the service went meanwhile."""
        for pause_s in _AGAIN_S:
            try:
                return await self._look(api, ())
            except PcscError as error:
                if error.code not in _PASSING:
                    raise
            await asyncio.sleep(pause_s)
        return await self._look(api, ())

    async def _look(self, api: Winscard, known: tuple[ReaderState, ...]) -> tuple[ReaderState, ...]:
        """Every reader's state now; with `known`, theirs after a moment to settle."""

        def look() -> tuple[ReaderState, ...]:
            with api.context() as context:
                if known:
                    try:
                        return api.states(context, known, wait_ms=_SETTLE_MS)
                    except PcscError as error:
                        if error.code == PcscCode.SCARD_E_TIMEOUT:
                            return known
                        raise
                names = api.readers(context)
                return api.states(context, [ReaderState(name=name) for name in names])

        try:
            async with asyncio.timeout(_LOOK_S):
                return await self._threads.run(look)
        except TimeoutError:
            raise ProbeTimeout from None

    async def _slot(self, api: Winscard, state: ReaderState) -> Slot:
        if not state.flags & winscard.PRESENT:
            return _slot(state, SlotState.EMPTY)
        if state.flags & winscard.EXCLUSIVE:
            return _slot(state, SlotState.HELD)
        if state.flags & winscard.MUTE:
            return _slot(state, SlotState.MUTE)

        def touch() -> bytes:
            with api.context() as context:
                return api.touch(context, state.name)

        try:
            async with asyncio.timeout(_TOUCH_S):
                atr = await self._threads.run(touch)
        except TimeoutError:
            # The service answers others: a program's transaction keeps this card from everybody.
            await self._look(api, ())
            return _slot(state, SlotState.HELD, code=PcscCode.SCARD_E_TIMEOUT)
        except PcscError as error:
            return await self._refused(api, state, error)
        return _slot(ReaderState(name=state.name, atr=atr), SlotState.READY)

    async def _refused(self, api: Winscard, state: ReaderState, error: PcscError) -> Slot:
        """A card that could not be reached: looked at again, since it may just have been pulled."""
        if error.code in _OTHERS:
            return _slot(state, SlotState.HELD, code=error.code)
        try:
            (now,) = await self._look(api, (state,))
        except PcscError:
            return _slot(state, SlotState.REMOVED, code=error.code)
        if not now.flags & winscard.PRESENT:
            return _slot(state, SlotState.REMOVED, code=error.code)
        return _slot(now, SlotState.MUTE, code=error.code)


class _Line:
    """One use of a card, between the thread that speaks to it and the task that waits for it."""

    def __init__(self) -> None:
        self._asked = time.monotonic()
        self._begun = 0.0
        self._heard = 0.0
        self._given_up = threading.Event()

    def begin(self) -> None:
        """The card is there and is ours. Raises CardHeld when nobody waits for it any more."""
        if self._given_up.is_set():
            raise CardHeld("no turn")
        self._begun = self._heard = time.monotonic()

    def heard(self, transmit: Transmit) -> Transmit:
        """`transmit`, which notes when each answer came, and is silent once nobody waits."""

        def send(command: bytes) -> bytes:
            if self._given_up.is_set():
                raise CardSilent("given up")
            answer = transmit(command)
            self._heard = time.monotonic()
            return answer

        return send

    def give_up(self) -> None:
        """Nobody waits any more: no further command is sent."""
        self._given_up.set()

    def must_not_be_late(self) -> None:
        """Raises CardHeld without a turn in time, CardSilent without an answer or an end."""
        now = time.monotonic()
        if not self._begun:
            if now - self._asked > _TURN_S:
                raise CardHeld("no turn")
        elif now - self._heard > _SILENT_S:
            raise CardSilent("no answer")
        elif now - self._begun > _WHOLE_S:
            raise CardSilent("too slow")


def _with_card_errors(api: Winscard, reader: str, transmit: Transmit) -> Transmit:
    def send(command: bytes) -> bytes:
        try:
            return transmit(command)
        except PcscError as error:
            raise _meaning(api, reader, error) from error

    return send


def _meaning(api: Winscard, reader: str, error: PcscError) -> CardError:
    """What a PC/SC error means for the card: where it may have been pulled, it is looked at."""
    detail = f"{error.call} {describe(error.code)}"
    if error.code in _OTHERS:
        return CardHeld(detail)
    if error.code in _NO_SERVICE:
        raise ProbeUnavailable(detail) from error
    if error.code in _GONE or not _is_there(api, reader):
        return CardRemoved(detail)
    return CardSilent(detail)


def _is_there(api: Winscard, reader: str) -> bool:
    """Whether a card is still in the reader, after a moment in which its removal would be seen."""
    known = ReaderState(name=reader, flags=winscard.PRESENT)
    try:
        with api.context() as context:
            for _ in range(_LOOKS):
                (known,) = api.states(context, (known,), wait_ms=_SETTLE_MS)
                if not known.flags & winscard.PRESENT:
                    return False
    except PcscError as error:
        return error.code == PcscCode.SCARD_E_TIMEOUT
    return True


def _slot(state: ReaderState, found: SlotState, *, code: int = 0) -> Slot:
    return Slot(
        name=Private(PrivateKind.READER, state.name),
        model=model_of(state.name),
        state=found,
        atr=state.atr,
        code=int(code),
    )


def model_of(name: str) -> str:
    """A PC/SC reader name without what may be a serial number.

    pcscd writes « maker product [interface] (serial) slot slot »; other systems append one without
    parentheses: any word with six digits or more goes too. Control characters become spaces.
    """
    printable = "".join(c if c.isprintable() else " " for c in name)
    without = re.sub(r"\([^()]*\)", " ", printable)
    words = (word for word in without.split() if len(re.findall(r"\d", word)) < 6)
    return " ".join(words)[:80] or "?"
