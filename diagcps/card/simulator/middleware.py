"""What the official library does with a code of a simulated card, as it was measured to do it.

Commands and return codes: measured on Cryptolib CPS 5.2.2 (PKCS#11 2.20, 11.4 to 11.11).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from diagcps.card.act import Call, Codes, Course, Order, Proof, Stopped
from diagcps.card.atr import CardKind, recognise
from diagcps.card.base import CardError, CardRemoved, CardSilent, CardUnreadable
from diagcps.card.iso7816 import OK, Response, exchange
from diagcps.card.permitted import permitted
from diagcps.card.sequence import USER, Sequence, Stop
from diagcps.card.simulator.base import PIN_LENGTHS, SimulatedCard
from diagcps.card.simulator.cards import SimulatedCards
from diagcps.facts import CardState, Reading
from diagcps.model import DiagError
from diagcps.secret import Secret

_GENERAL_ERROR, _DATA_INVALID, _DATA_LEN_RANGE = 0x05, 0x20, 0x21
_PIN_INCORRECT, _PIN_LEN_RANGE, _PIN_LOCKED = 0xA0, 0xA2, 0xA4
_KEY_TYPE_INCONSISTENT, _USER_NOT_LOGGED_IN = 0x63, 0x101
_PUK_LENGTHS = (8, 8)
_STORED_BYTES = 8
_WRONG, _BLOCKED, _NOT_PRESENTED = 0x6300, 0x6983, 0x6982
_LONGEST_DATA = 0xFF
_MODULUS_BYTES = 256


class SimulatedMiddleware:
    """`Middleware` for the cards of a scenario."""

    def __init__(self, cards: SimulatedCards) -> None:
        self._cards = cards

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        """See `Middleware.carry_out`."""
        try:
            return await self._cards.hold(order.slot, lambda card: _carry_out(card, order, codes))
        except CardRemoved:
            return Course(stopped=Stopped.UNREAD)
        except DiagError:
            return Course(stopped=Stopped.NOT_STARTED)


class _Refused(DiagError):
    """A call did not return CKR_OK."""


class _Hung(DiagError):
    """A call never returns."""


def _carry_out(card: SimulatedCard, order: Order, codes: Codes) -> Course:
    made = {CardKind.CPS3: _OfCps3, CardKind.CPS4: _OfCps4}.get(recognise(order.atr))
    if made is None:
        return Course(stopped=Stopped.NOT_SHOWN)
    session, proofs = made(card, order), list[Proof]()
    stopped, ended = Stopped.LIBRARY, True
    sequence = Sequence(order, session.open, lambda: _read(card, order), proofs.append)
    try:
        sequence.run(codes)
    except Stop as stop:
        stopped = stop.why
    except _Refused:
        pass
    except _Hung:
        ended = False
    calls = tuple(session.calls)
    if calls:
        card.power()
    return Course(
        stopped=None if calls else stopped,
        calls=calls,
        proof=proofs[0] if proofs else None,
        ended=ended,
    )


def _read(card: SimulatedCard, order: Order) -> CardState:
    """See `sequence.Read`."""
    from diagcps.card import contents  # where a card is read alone: the page opens before

    begun = CardState(slot=order.slot, model="", atr=order.atr, reading=Reading.READ)
    return contents.read_state(permitted(card.transmit), begun)


class _Session(ABC):
    """`CodeSession` of the official library on one card."""

    def __init__(self, card: SimulatedCard, order: Order) -> None:
        self._card = card
        self._kind = recognise(order.atr)
        self._pin = order.pin.reference
        self._puk = order.puk.reference if order.puk else 0
        self._kept: Secret | None = None
        self.calls: list[Call] = []
        """Those that take a code, or sign."""

    @contextmanager
    def open(self) -> Iterator[Self]:
        """See `Sequence.session`. The library begins anew with what it needs of the card."""
        from diagcps.card import cps  # where a card is read alone: the page opens before

        self._card.power()
        try:
            cps.open_card(self._card.transmit, self._kind)
        except CardSilent as error:
            raise _Hung from error
        except CardError as error:
            raise Stop(Stopped.UNREAD) from error
        yield self

    def log_in(self, user: int, code: Secret) -> None:
        """See `CodeSession.log_in`. A code of a wrong length never reaches the card."""
        reference, lengths = (self._pin, PIN_LENGTHS) if user == USER else (self._puk, _PUK_LENGTHS)
        fits = _fits(code, lengths)
        self._call("C_Login", lambda: self._present(reference, code) if fits else _PIN_INCORRECT)
        self._kept = code if user == USER else None

    def log_out(self) -> None:
        """See `CodeSession.log_out`. The card keeps that the code was presented."""
        self._kept = None

    def set_new(self, new: Secret) -> None:
        """See `CodeSession.set_new`."""
        fits = _fits(new, PIN_LENGTHS)
        self._call("C_InitPIN", lambda: self._unblock(new) if fits else _PIN_LEN_RANGE)

    def change(self, present: Secret, new: Secret) -> None:
        """See `CodeSession.change`."""
        fits = _fits(present, PIN_LENGTHS) and _fits(new, PIN_LENGTHS)
        self._call("C_SetPIN", lambda: self._change(present, new) if fits else _PIN_LEN_RANGE)

    def sign(self, is_wanted: Callable[[bytes], bool], data: bytes) -> tuple[bytes, bytes]:
        """See `CodeSession.sign`."""
        certificate = next(filter(is_wanted, self._certificates()), None)
        if certificate is None:
            raise _Refused
        signature = b""

        def sign() -> int:
            nonlocal signature
            response = self._sign(data)
            if response.status == _NOT_PRESENTED and self._kept:
                # It presents the code that it keeps by itself, once more, without being asked.
                self._present(self._pin, self._kept)
                response = self._sign(data)
            signature = response.data
            return _of_signature(response.status)

        self._call("C_SignInit", lambda: 0)
        self._call("C_Sign", lambda: 0)  # how long the signature will be
        self._call("C_Sign", sign)
        return certificate, signature

    def _call(self, name: str, work: Callable[[], int]) -> None:
        """Records what `work` returns. Raises _Refused for a code that is not CKR_OK."""
        try:
            code = work()
        except CardSilent as error:
            self.calls.append(Call(name=name, code=None))
            raise _Hung from error
        except CardError:
            code = _GENERAL_ERROR
        self.calls.append(Call(name=name, code=code))
        if code:
            raise _Refused

    def _certificates(self) -> Iterator[bytes]:
        """Those of the card (DER) that can be read. Raises _Refused."""
        from diagcps.card import cps  # where a card is read alone: the page opens before

        try:
            reader = cps.open_card(self._card.transmit, self._kind)
            for path in reader.directory().certificates:
                for entry in reader.certificates(path):
                    with suppress(CardUnreadable):
                        yield reader.certificate(entry)
        except CardError as error:
            raise _Refused from error

    def _send(self, header: str, data: bytes | bytearray = b"", end: bytes = b"") -> Response:
        """The response to a command; `header` is its first four bytes, in hexadecimal."""
        body = bytes((len(data),)) + data if data else b""
        return exchange(self._card.transmit, bytes.fromhex(header) + body + end)

    @abstractmethod
    def _present(self, reference: int, code: Secret) -> int:
        """What C_Login returns."""

    @abstractmethod
    def _unblock(self, new: Secret) -> int:
        """What C_InitPIN returns."""

    @abstractmethod
    def _change(self, present: Secret, new: Secret) -> int:
        """What C_SetPIN returns."""

    @abstractmethod
    def _sign(self, data: bytes) -> Response:
        """The card's signature of `data` by its authentication key, padded."""


class _OfCps3(_Session):
    """On a CPS3, which IAS ECC describes."""

    def _present(self, reference: int, code: Secret) -> int:
        return _refusal(self._send(f"002000{reference:02X}", _padded(code)).status)

    def _unblock(self, new: Secret) -> int:
        return _refusal(self._send(f"002C02{self._pin:02X}", _padded(new)).status)

    def _change(self, present: Secret, new: Secret) -> int:
        both = _padded(present) + _padded(new)
        return _refusal(self._send(f"002400{self._pin:02X}", both).status)

    def _sign(self, data: bytes) -> Response:
        from diagcps.card.simulator.files import AUTHENTICATION_KEY  # of its PrKDF

        prepared = self._send("002241A4", bytes((0x80, 1, 0x02, 0x84, 1, AUTHENTICATION_KEY)))
        return self._send("00880000", data) if prepared.status == OK else prepared


class _OfCps4(_Session):
    """On a CPS4, where almost every refusal is taken for a success."""

    def _present(self, reference: int, code: Secret) -> int:
        return _believed(self._send(f"012000{reference:02X}", _padded(code)).status)

    def _unblock(self, new: Secret) -> int:
        unblocked = self._send(f"012C03{0x80 | self._pin:02X}")
        return _believed(unblocked.status) or self._set(new)

    def _change(self, present: Secret, new: Secret) -> int:
        return self._present(self._pin, present) or self._set(new)

    def _set(self, new: Secret) -> int:
        return _believed(self._send(f"012401{self._pin:02X}", _padded(new)).status)

    def _sign(self, data: bytes) -> Response:
        """RSASP1 by DECIPHER, of a block that is padded outside the card (RFC 8017, 9.2)."""
        prepared = self._send("012241B8", b"\x83\x01\x20")
        if prepared.status != OK:
            return prepared
        block = b"\x00\x01" + b"\xff" * (_MODULUS_BYTES - 3 - len(data)) + b"\x00" + data
        first, rest = block[:_LONGEST_DATA], block[_LONGEST_DATA:]
        chained = self._send("112A8086", first)
        return self._send("012A8086", rest, b"\x00") if chained.status == OK else chained


def _fits(code: Secret, lengths: tuple[int, int]) -> bool:
    least, most = lengths
    return least <= len(code) <= most


def _padded(code: Secret) -> bytearray:
    """As long as the card stores it (ISO/IEC 7816-15, 8.9.2)."""
    return code.reveal().ljust(_STORED_BYTES, b"\xff")


def _refusal(status: int) -> int:
    """The CKR_* code for a status word of a CPS3."""
    if status & 0xFF00 == _WRONG:
        return _PIN_INCORRECT
    return {
        OK: 0,
        0x6700: _DATA_LEN_RANGE,
        _NOT_PRESENTED: _USER_NOT_LOGGED_IN,
        _BLOCKED: _PIN_LOCKED,
        0x6984: _PIN_LOCKED,
        0x6985: _PIN_LOCKED,
        0x6A80: _DATA_INVALID,
    }.get(status, _GENERAL_ERROR)


def _of_signature(status: int) -> int:
    """The CKR_* code for a status word that answers a signature, on both."""
    return _KEY_TYPE_INCONSISTENT if status in (0x6984, 0x6985) else _refusal(status)


def _believed(status: int) -> int:
    """The CKR_* code for a status word of a CPS4: CKR_OK for all that is not listed here."""
    if status in (0x63C0, _BLOCKED):
        return _PIN_LOCKED
    return _PIN_INCORRECT if status & 0xFF00 == _WRONG else 0
