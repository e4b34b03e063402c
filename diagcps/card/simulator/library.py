"""What the official library would show of simulated cards, as it was measured to show it.

Flags and return codes: measured on Cryptolib CPS 5.2.2 (PKCS#11 2.20, 9.3 and 11.4).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from diagcps.card.simulator.base import Plastic
from diagcps.facts import Library, LibrarySlot, LibraryState, LibraryToken
from diagcps.model import Private, PrivateKind

_TOKEN_NOT_RECOGNIZED = 0xE1
_RSA_PKCS, _RSA_PKCS_PSS = 0x01, 0x0D
_USUAL_FLAGS = 0x40D
"""CKF_RNG, CKF_LOGIN_REQUIRED, CKF_USER_PIN_INITIALIZED, CKF_TOKEN_INITIALIZED."""
_PIN_FLAGS = {2: 0x10000, 1: 0x30000, 0: 0x40000}
"""CKF_USER_PIN_COUNT_LOW, with CKF_USER_PIN_FINAL_TRY, or CKF_USER_PIN_LOCKED, by tries left."""
_PUK_SHIFT = 4
_RENEWED_DAYS = 1000
_PATH = r"C:\Windows\System32\cps3_pkcs11_w64.dll"


class SimulatedLibrary:
    """`Libraries` for the cards of a scenario."""

    def __init__(
        self, plastics: tuple[Plastic, ...], now: datetime, *, state: str = "read",
        shows: str = "cards", call: str = "",
    ) -> None:  # fmt: skip
        """`shows` is cards, nothing (empty slots), unrecognised, stale (the certificates of an
        earlier state of the card) or previous (the card that was in before)."""
        self._plastics = plastics
        self._now = now
        self._state = LibraryState(state)
        self._shows = shows
        self._call = call

    async def read(self) -> Library:
        """See `Libraries.read`."""
        named = self._state is not LibraryState.ABSENT
        library = Library(
            state=self._state,
            path=Private(PrivateKind.PATH, _PATH if named else ""),
            architectures=("x86_64",) if named else (),
            call=self._call,
        )
        if self._state is not LibraryState.READ:
            return library
        slots = tuple(self._slot(p) for p in self._plastics if self._shows != "nothing")
        return replace(library, description="CPS3 PKCS#11", version="3.1", slots=slots)

    def _slot(self, plastic: Plastic) -> LibrarySlot:
        name = Private(PrivateKind.READER, "SIMULE Lecteur")
        if self._shows == "unrecognised" or not plastic.model.startswith("cps"):
            return LibrarySlot(description=name, token=None, code=_TOKEN_NOT_RECOGNIZED)
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
        )
