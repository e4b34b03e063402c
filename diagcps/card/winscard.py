"""PC/SC through pyscard's lowest layer: typed, without its threads, singletons and exceptions.

Every call may block for ever when the service hangs, so each belongs on a daemon thread; pyscard
releases the interpreter meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from diagcps.card.codes import PcscCode
from diagcps.model import ProbeUnavailable
from diagcps.records import record

PNP = "\\\\?PnP?\\Notification"
"""The name under which PC/SC reports readers that come and go (not on macOS)."""

UNAWARE = 0x0000
CHANGED = 0x0002
UNKNOWN = 0x0004
UNAVAILABLE = 0x0008
PRESENT = 0x0020
EXCLUSIVE = 0x0080
IN_USE = 0x0100
MUTE = 0x0200
UNPOWERED = 0x0400


class PcscError(Exception):
    """A PC/SC call that did not succeed: which one, and its unsigned code."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(f"{call}: 0x{code:08X}")
        self.call = call
        self.code = code


@record
class ReaderState:
    """One reader as SCardGetStatusChange reports it."""

    name: str
    flags: int = UNAWARE
    """SCARD_STATE_* bits; the upper half counts the insertions and removals."""
    atr: bytes = b""


class Winscard:
    """The calls this project makes. Raises ProbeUnavailable when pyscard cannot be imported."""

    def __init__(self) -> None:
        try:
            from smartcard import scard
        except (ImportError, OSError) as error:
            raise ProbeUnavailable(str(error)) from error
        self._api: Any = scard

    @contextmanager
    def context(self) -> Iterator[int]:
        """A PC/SC context, released at the end. Raises PcscError."""
        code, context = self._api.SCardEstablishContext(self._api.SCARD_SCOPE_USER)
        _need("SCardEstablishContext", code)
        try:
            yield context
        finally:
            self._api.SCardReleaseContext(context)

    def readers(self, context: int) -> tuple[str, ...]:
        """The names of the readers; none is no error. Raises PcscError."""
        code, names = self._api.SCardListReaders(context, [])
        if code & 0xFFFFFFFF == PcscCode.SCARD_E_NO_READERS_AVAILABLE:
            return ()
        _need("SCardListReaders", code)
        return tuple(names)

    def states(
        self, context: int, known: Sequence[ReaderState], *, wait_ms: int = 0
    ) -> tuple[ReaderState, ...]:
        """The states once one differs from `known`. Raises PcscError, a timeout if none did."""
        if not known:
            return ()
        asked = [(state.name, state.flags & ~CHANGED) for state in known]
        code, answer = self._api.SCardGetStatusChange(context, wait_ms, asked)
        _need("SCardGetStatusChange", code)
        return tuple(
            ReaderState(name=name, flags=flags & 0xFFFFFFFF, atr=bytes(atr))
            for name, flags, atr in answer
        )

    def touch(self, context: int, reader: str) -> bytes:
        """The answer to reset of the card in `reader`, after connecting to it as others may too.

        The card is powered if need be, left as it is, and sent no command. Raises PcscError.
        """
        protocols = self._api.SCARD_PROTOCOL_T0 | self._api.SCARD_PROTOCOL_T1
        code, card, _ = self._api.SCardConnect(
            context, reader, self._api.SCARD_SHARE_SHARED, protocols
        )
        _need("SCardConnect", code)
        try:
            code, _, _, _, atr = self._api.SCardStatus(card)
            _need("SCardStatus", code)
            return bytes(atr)
        finally:
            self._api.SCardDisconnect(card, self._api.SCARD_LEAVE_CARD)

    @contextmanager
    def transaction(self, context: int, reader: str) -> Iterator[Callable[[bytes], bytes]]:
        """The card in `reader` to itself: a function that sends it a command (ISO/IEC 7816-4).

        Other programs wait meanwhile; the card is left as it is at the end. Raises PcscError.
        """
        api = self._api
        protocols = api.SCARD_PROTOCOL_T0 | api.SCARD_PROTOCOL_T1
        code, card, active = api.SCardConnect(context, reader, api.SCARD_SHARE_SHARED, protocols)
        _need("SCardConnect", code)

        def transmit(command: bytes) -> bytes:
            header = api.SCARD_PCI_T1 if active == api.SCARD_PROTOCOL_T1 else api.SCARD_PCI_T0
            code, answer = api.SCardTransmit(card, header, list(command))
            _need("SCardTransmit", code)
            # Success without a status word is none: some drivers say it of a card that was pulled.
            if len(answer) < 2:
                raise PcscError("SCardTransmit", PcscCode.SCARD_F_COMM_ERROR)
            return bytes(byte & 0xFF for byte in answer)

        try:
            code = api.SCardBeginTransaction(card)
            if code & 0xFFFFFFFF == PcscCode.SCARD_W_RESET_CARD:
                # Another program reset the card since it was connected: nothing was selected yet.
                code, active = api.SCardReconnect(
                    card, api.SCARD_SHARE_SHARED, protocols, api.SCARD_LEAVE_CARD
                )
                _need("SCardReconnect", code)
                code = api.SCardBeginTransaction(card)
            _need("SCardBeginTransaction", code)
            try:
                yield transmit
            finally:
                api.SCardEndTransaction(card, api.SCARD_LEAVE_CARD)
        finally:
            api.SCardDisconnect(card, api.SCARD_LEAVE_CARD)

    def reset(self, context: int, reader: str) -> None:
        """Resets the card in `reader`: no code counts as presented any more, for no program.

        Raises PcscError.
        """
        api = self._api
        protocols = api.SCARD_PROTOCOL_T0 | api.SCARD_PROTOCOL_T1
        code, card, _ = api.SCardConnect(context, reader, api.SCARD_SHARE_SHARED, protocols)
        _need("SCardConnect", code)
        _need("SCardDisconnect", api.SCardDisconnect(card, api.SCARD_RESET_CARD))


def _need(call: str, code: int) -> None:
    if code:
        raise PcscError(call, code & 0xFFFFFFFF)
