"""A card in a reader, used by the agent: what reaches it, and what its errors mean."""

from __future__ import annotations

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
from tests.builders import CPS3, NOW, ready

SELECT = bytes.fromhex("00A4090C043F00D003")
VERIFY = bytes.fromhex("0020000104") + b"1234"


class Reader:
    """A PC/SC service with one reader, whose calls go wrong as the test says."""

    def __init__(self, transmit: Transmit, *, connect: int = 0, is_there: bool = True) -> None:
        self._transmit = transmit
        self._connect = connect
        self._is_there = is_there

    @contextmanager
    def context(self) -> Iterator[int]:
        yield 1

    @contextmanager
    def transaction(self, _context: int, _reader: str) -> Iterator[Callable[[bytes], bytes]]:
        if self._connect:
            raise PcscError("SCardConnect", self._connect)
        yield self._transmit

    def states(
        self, _context: int, known: Sequence[ReaderState], *, wait_ms: int = 0
    ) -> tuple[ReaderState, ...]:
        flags = winscard.PRESENT if self._is_there else 0
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

        monkeypatch.setattr(module, "Winscard", lambda: Reader(transmit, **options))
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
