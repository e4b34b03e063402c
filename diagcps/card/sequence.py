"""The one sequence in which codes reach a card, the same for a real library and a simulated one.

Each step is made once; the first refusal ends it. What a library says of success is not believed:
the card proves that it took a code by signing with it, after a reset. Without one it may sign
because another code was presented before, and a library may say OK without asking the card
(measured on Cryptolib CPS 5.2.2 and OpenSC 0.23). The reset also ends the sessions of other
programs, which would present the former code again by themselves and block the card.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from diagcps.card.act import Act, Codes, Order, Proof, Stopped
from diagcps.facts import CardState, Code
from diagcps.model import DiagError
from diagcps.secret import Secret

USER, OFFICER = 1, 0
"""CKU_USER, whose code is the code porteur, and CKU_SO, whose code is the code de déblocage."""
LOGIN_REQUIRED = 0x04
"""CKF_LOGIN_REQUIRED: of the tokens that a library shows of one card, the one that takes a code
(OpenSC 0.23 shows another one, with the same serial number)."""

_CHALLENGE_BYTES = 32
_SHA256 = bytes.fromhex("3031300D060960864801650304020105000420")
"""What stands before a SHA-256 in a DigestInfo (RFC 8017, 9.2, note 1)."""
USUAL_TRIES = 3
"""Where the card does not say: three wrong codes block it (ANS; Cryptolib CPS 5.2.2, CPS4)."""
_ENOUGH_TRIES = 2
"""A new code is presented once to prove it: never as the last try."""


class CodeSession(Protocol):
    """A session of a library in which codes are used; every call may raise the library's error."""

    def log_in(self, user: int, code: Secret) -> None:
        """Presents `code` (C_Login)."""

    def log_out(self) -> None:
        """Forgets the code that was presented, as far as the library does. Never raises."""

    def set_new(self, new: Secret) -> None:
        """The new code porteur, after the code de déblocage was presented (C_InitPIN)."""

    def change(self, present: Secret, new: Secret) -> None:
        """The new code porteur in the place of the present one, which was presented (C_SetPIN)."""

    def sign(self, is_wanted: Callable[[bytes], bool], data: bytes) -> tuple[bytes, bytes]:
        """The certificate that is wanted (DER), and `data` signed once by its key.

        CKM_RSA_PKCS: the data is signed as it is, padded (PKCS#11 2.20, 12.1.6).
        """


class Stop(DiagError):
    """The act ends before any code was handed to the library."""

    def __init__(self, why: Stopped) -> None:
        super().__init__(why.value)
        self.why = why


Read = Callable[[], CardState]
"""The card in the reader now, by our own reading. Raises Stop."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """What one order comes to."""

    order: Order
    session: Callable[[], AbstractContextManager[CodeSession]]
    """Opens a session with the card of the order, which is reset before. Raises Stop."""
    read: Read
    prove: Callable[[Proof], None]
    """Called with what the card signed."""

    def run(self, codes: Codes) -> None:
        """Raises Stop before a code was used, the library's error at the first refusal."""
        if self.order.act is not Act.TRY:
            with self.session() as session:
                self._must_be_as_shown()
                self._set(session, codes.given, codes.set())
            if not self._may_be_presented():
                return
        with self.session() as session:
            if self.order.act is Act.TRY:
                self._must_be_as_shown()
            self._prove(session, codes.new or codes.given)

    def _must_be_as_shown(self) -> None:
        """Looked at as late as can be: other programs cannot be kept away from the card."""
        must_be_as_shown(self.order, self.read())

    def _set(self, session: CodeSession, given: Secret, new: Secret) -> None:
        """In one go: between these calls a CPS4 has a code that nobody knows."""
        unblocks = self.order.act is Act.UNBLOCK
        # The present code is presented before it is changed: in one of its configurations OpenSC
        # would otherwise take it for the code de déblocage.
        session.log_in(OFFICER if unblocks else USER, given)
        try:
            if unblocks:
                session.set_new(new)
            else:
                session.change(given, new)
        finally:
            session.log_out()

    def _may_be_presented(self) -> bool:
        """Whether the new code may be presented: a code that was set has all its tries again, and
        one that has not would be refused for nothing."""
        try:
            pin = self.read().pin
        except Stop:
            return False
        # A card that does not say how many are left has just accepted the code: all are left.
        least = max(_ENOUGH_TRIES, (pin and pin.most) or USUAL_TRIES)
        return pin is not None and (pin.left is None or pin.left >= least)

    def _prove(self, session: CodeSession, code: Secret) -> None:
        """Presents the code once and has a challenge signed that nobody could foresee."""
        challenge = secrets.token_bytes(_CHALLENGE_BYTES)
        session.log_in(USER, code)
        try:
            certificate, signature = session.sign(
                self._is_of_the_card, _SHA256 + hashlib.sha256(challenge).digest()
            )
        finally:
            session.log_out()
        self.prove(Proof(challenge=challenge, signature=signature, certificate=certificate))

    def _is_of_the_card(self, certificate: bytes) -> bool:
        wanted = self.order.certificate
        return wanted is not None and hashlib.sha256(certificate).hexdigest() == wanted.value


def must_be_as_shown(order: Order, now: CardState) -> None:
    """Raises Stop for another card, or for one that has lost a try since it was shown."""
    if now.serial is None or now.pin is None:
        raise Stop(Stopped.UNREAD)
    if now.serial != order.serial:
        raise Stop(Stopped.OTHER_CARD)
    if _fewer(now.pin, order.pin) or _fewer(now.puk, order.puk):
        raise Stop(Stopped.CHANGED)


def _fewer(now: Code | None, shown: Code | None) -> bool:
    if now is None or shown is None:
        return now is not shown
    pairs = ((now.left, shown.left), (now.uses_left, shown.uses_left))
    return any(a is not None and b is not None and a < b for a, b in pairs)
