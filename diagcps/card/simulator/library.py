"""What the official library would show of simulated cards, as it was measured to show it.

Flags and return codes: measured on Cryptolib CPS 5.2.2 (PKCS#11 2.20, 9.3 and 11.4).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest

from diagcps.card.atr import CardKind, recognise
from diagcps.card.base import CardError, CardRemoved, Transmit
from diagcps.card.simulator.base import PIN_LENGTHS, Plastic
from diagcps.card.simulator.cards import SimulatedCards
from diagcps.facts import Library, LibrarySlot, LibraryState, LibraryToken, Slot, SlotState
from diagcps.model import Private, PrivateKind, ProbeTimeout

_TOKEN_NOT_PRESENT, _TOKEN_NOT_RECOGNIZED = 0xE0, 0xE1
_RSA_PKCS, _RSA_PKCS_PSS = 0x01, 0x0D
_USUAL_FLAGS = 0x40D
"""CKF_RNG, CKF_LOGIN_REQUIRED, CKF_USER_PIN_INITIALIZED, CKF_TOKEN_INITIALIZED."""
_PIN_FLAGS = {2: 0x10000, 1: 0x30000, 0: 0x40000}
"""CKF_USER_PIN_COUNT_LOW, with CKF_USER_PIN_FINAL_TRY, or CKF_USER_PIN_LOCKED, by tries left."""
_PUK_SHIFT = 4
_ALL_TRIES = 3
_RENEWED_DAYS = 1000
_PATH = r"C:\Windows\System32\cps3_pkcs11_w64.dll"


class SimulatedLibrary:
    """`Libraries` for the cards of a scenario."""

    def __init__(
        self, plastics: tuple[Plastic, ...], now: datetime, *, cards: SimulatedCards | None = None,
        slots: tuple[Slot, ...] = (), state: str = "read", shows: str = "cards", call: str = "",
    ) -> None:  # fmt: skip
        """`slots` are those of the `plastics` among `cards`, whose counters are read each time;
        without them, cards are shown as they are described.

        `shows` is cards, nothing (empty slots), unrecognised, stale (the certificates of an
        earlier state of the card) or previous (the card that was in before).
        """
        self._plastics = plastics
        self._now = now
        self._cards = cards
        self._slots = slots
        self._state = LibraryState(state)
        self._shows = shows
        self._call = call

    async def read(self) -> Library:
        """See `Libraries.read`."""
        named = self._state is not LibraryState.ABSENT
        library = Library(
            state=self._state,
            path=_PATH if named else "",
            architectures=("x86_64",) if named else (),
            call=self._call,
        )
        if self._state is not LibraryState.READ:
            return library
        shown = [] if self._shows == "nothing" else zip_longest(self._plastics, self._slots)
        slots = [await self._slot(plastic, slot) for plastic, slot in shown]
        return replace(library, description="CPS3 PKCS#11", version="3.1", slots=tuple(slots))

    async def _slot(self, plastic: Plastic, slot: Slot | None) -> LibrarySlot:
        name = Private(PrivateKind.READER, "SIMULE Lecteur")
        if self._shows == "unrecognised" or not plastic.model.startswith("cps"):
            return LibrarySlot(description=name, token=None, code=_TOKEN_NOT_RECOGNIZED)
        if self._cards and slot and slot.state is SlotState.READY:
            try:
                plastic = await self._cards.use(slot, lambda send: _counted(send, slot, plastic))
            except CardRemoved:
                return LibrarySlot(description=name, token=None, code=_TOKEN_NOT_PRESENT)
            except (CardError, ProbeTimeout):
                pass  # it is shown as it was
        if self._shows == "previous":
            plastic = replace(plastic, serial="00000099")
        if self._shows == "stale":
            plastic = replace(plastic, valid_from_days=plastic.valid_from_days - _RENEWED_DAYS)
        return LibrarySlot(description=name, token=self._token(plastic))

    def _token(self, plastic: Plastic) -> LibraryToken:
        from diagcps.card.simulator import pki  # it takes longer to import than the page to open

        flags = _USUAL_FLAGS | _PIN_FLAGS.get(plastic.pin_left, 0)
        puk_left = plastic.puk_left if plastic.unblocks_left else 0
        flags |= _PIN_FLAGS.get(puk_left, 0) << _PUK_SHIFT
        issued = pki.certificates(plastic, self._now)
        named = {"authentication": issued.authentication, "signature": issued.signature}
        # It lists what the card's directory names: without a value where the file is not there.
        shown = (
            "-" if name in plastic.missing else hashlib.sha256(data).hexdigest()
            for name, data in named.items()
        )
        is_cps4 = plastic.model.startswith("cps4")
        return LibraryToken(
            serial=Private(PrivateKind.SERIAL, plastic.serial),
            model="IAS ECC",
            flags=flags,
            certificates=tuple(Private(PrivateKind.CERTIFICATE, each) for each in shown),
            mechanisms=(_RSA_PKCS, _RSA_PKCS_PSS) if is_cps4 else (_RSA_PKCS,),
            pin_lengths=PIN_LENGTHS,
        )


def _counted(transmit: Transmit, slot: Slot, plastic: Plastic) -> Plastic:
    """`plastic` with the counters of its card as they are now. Raises CardError.

    The code porteur of a CPS4 that was presented since the last reset has all its tries; its code
    de déblocage then looks blocked to the library, which is told of none.
    """
    from diagcps.card import cps  # where a card is read alone: the page opens before
    from diagcps.card.simulator.files import PIN_REFERENCE, PUK_REFERENCE

    kind = recognise(slot.atr)
    if kind not in (CardKind.CPS3, CardKind.CPS4):
        return plastic
    card = cps.open_card(transmit, kind)
    pin, puk = card.code(PIN_REFERENCE), card.code(PUK_REFERENCE)
    return replace(
        plastic,
        pin_left=_ALL_TRIES if pin.left is None else pin.left,
        puk_left=puk.left or 0,
        unblocks_left=plastic.unblocks_left if puk.uses_left is None else puk.uses_left,
    )
