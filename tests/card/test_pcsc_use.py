"""A card in a reader, used by the agent: what reaches it, and what its errors mean."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from diagcps.card import pcsc as module
from diagcps.card import winscard
from diagcps.card.base import CardError, CardHeld, CardRemoved, CardSilent, Transmit
from diagcps.card.codes import PcscCode
from diagcps.card.pcsc import PcscCards
from diagcps.card.permitted import Forbidden
from diagcps.card.simulator.base import Plastic
from diagcps.card.simulator.cards import SimulatedCards
from diagcps.card.simulator.cps3 import Cps3
from diagcps.card.winscard import PcscError, ReaderState
from tests.builders import CPS3, NOW, ready, slot

NAME = ready(CPS3).name.value
SELECT = bytes.fromhex("00A4090C043F00D003")
VERIFY = bytes.fromhex("0020000104") + b"1234"


class Reader:
    """A PC/SC service with one reader, whose calls go wrong as the test says."""

    def __init__(
        self,
        transmit: Transmit,
        *,
        connect: int = 0,
        is_there: bool = True,
        events: Sequence[int] = (),
    ) -> None:
        self._transmit = transmit
        self._connect = connect
        self._events = iter(events)
        self._is_there = is_there

    @contextmanager
    def context(self) -> Iterator[int]:
        yield 1

    @contextmanager
    def transaction(self, _context: int, _reader: str) -> Iterator[Callable[[bytes], bytes]]:
        if self._connect:
            raise PcscError("SCardConnect", self._connect)
        yield self._transmit

    def readers(self, _context: int) -> tuple[str, ...]:
        return (NAME,)

    def touch(self, _context: int, _reader: str) -> bytes:
        return CPS3

    def states(
        self, _context: int, known: Sequence[ReaderState], *, wait_ms: int = 0
    ) -> tuple[ReaderState, ...]:
        flags = (winscard.PRESENT if self._is_there else 0) | next(self._events, 0) << 16
        return tuple(ReaderState(name=state.name, flags=flags) for state in known)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[bytes]]:
    """Puts a reader in the place of the real ones; returns the commands that reach its card."""

    def put(answer: bytes | int = b"\x90\x00", **options: Any) -> list[bytes]:
        sent: list[bytes] = []

        def transmit(command: bytes) -> bytes:
            sent.append(command)
            if isinstance(answer, int):
                raise PcscError("SCardTransmit", answer)
            return answer

        reader = Reader(transmit, **options)
        monkeypatch.setattr(module, "Winscard", lambda: reader)
        return sent

    return put


async def use(command: bytes) -> bytes:
    return await PcscCards().use(ready(CPS3), lambda transmit: transmit(command))


async def test_a_listed_command_reaches_the_card(reader: Any) -> None:
    sent = reader()
    assert await use(SELECT) == b"\x90\x00"
    assert sent == [SELECT]


async def test_a_command_that_is_not_listed_does_not_reach_the_reader(reader: Any) -> None:
    sent = reader()
    with pytest.raises(Forbidden):
        await use(VERIFY)
    assert sent == []


async def test_a_command_that_is_not_listed_reaches_no_simulated_card() -> None:
    card, slot = Cps3(Plastic(model="cps3"), NOW), ready(CPS3)
    with pytest.raises(Forbidden):
        await SimulatedCards({slot.name: card}).use(slot, lambda transmit: transmit(VERIFY))
    assert card.log == ()


@pytest.mark.parametrize(
    ("code", "is_there", "error"),
    [
        (PcscCode.SCARD_W_REMOVED_CARD, True, CardRemoved),
        (PcscCode.SCARD_E_READER_UNAVAILABLE, True, CardRemoved),
        (PcscCode.SCARD_E_NOT_TRANSACTED, False, CardRemoved),
        (PcscCode.SCARD_E_NOT_TRANSACTED, True, CardSilent),
        (PcscCode.SCARD_F_COMM_ERROR, True, CardSilent),
        (PcscCode.SCARD_W_UNRESPONSIVE_CARD, True, CardSilent),
    ],
)
async def test_an_error_of_the_service_says_what_became_of_the_card(
    reader: Any, code: PcscCode, is_there: bool, error: type[CardError]
) -> None:
    reader(int(code), is_there=is_there)
    with pytest.raises(error) as raised:
        await use(SELECT)
    assert code.name in raised.value.detail


async def test_a_card_that_another_program_keeps_is_held(reader: Any) -> None:
    reader(connect=int(PcscCode.SCARD_E_SHARING_VIOLATION))
    with pytest.raises(CardHeld):
        await use(SELECT)


async def test_a_card_that_came_since_the_reader_was_looked_at_is_not_the_same(
    reader: Any,
) -> None:
    sent = reader(events=[1, 3])
    cards = PcscCards()
    (slot,) = (await cards.read()).slots
    with pytest.raises(CardRemoved, match="exchanged"):
        await cards.use(slot, lambda transmit: transmit(SELECT))
    assert sent == []


async def test_a_card_that_was_there_all_the_time_is_the_same(reader: Any) -> None:
    sent = reader(events=[1, 1])
    cards = PcscCards()
    (slot,) = (await cards.read()).slots
    await cards.use(slot, lambda transmit: transmit(SELECT))
    assert sent == [SELECT]


async def test_a_reading_that_nobody_waits_for_any_more_sends_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SILENT_S", 0.1)
    monkeypatch.setattr(module, "_BEAT_S", 0.05)
    sent: list[bytes] = []
    ended = threading.Event()

    def slow(command: bytes) -> bytes:
        sent.append(command)
        time.sleep(0.5)
        return b"\x90\x00"

    def work(transmit: Transmit) -> None:
        try:
            for _ in range(10):
                transmit(SELECT)
        finally:
            ended.set()

    monkeypatch.setattr(module, "Winscard", lambda: Reader(slow))
    with pytest.raises(CardSilent):
        await PcscCards().use(ready(CPS3), work)
    assert await asyncio.to_thread(ended.wait, 5.0)
    assert len(sent) == 1


async def test_a_reader_that_hangs_silences_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TURN_S", 0.1)
    monkeypatch.setattr(module, "_BEAT_S", 0.05)
    free = threading.Event()

    class Waiting(Reader):
        @contextmanager
        def transaction(self, _context: int, reader: str) -> Iterator[Callable[[bytes], bytes]]:
            if reader != NAME:
                free.wait(10.0)
            yield self._transmit

    monkeypatch.setattr(module, "Winscard", lambda: Waiting(lambda _: b"\x90\x00"))
    cards = PcscCards()
    try:
        for number in range(5):
            with pytest.raises(CardHeld):
                await cards.use(slot(atr=CPS3, name=f"other {number}"), lambda t: t(SELECT))
        assert await cards.use(ready(CPS3), lambda t: t(SELECT)) == b"\x90\x00"
    finally:
        free.set()
