"""What may be done to a card with a code, and the seam through which it is done.

An act is confirmed by the person, bound to the card that was shown, carried out once in a process
of its own, and never tried again. Nothing that diagnoses can reach this seam.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Protocol, Self

from diagcps.facts import Code
from diagcps.model import Private, PrivateKind
from diagcps.records import record
from diagcps.secret import Secret

CALLS_WITH_A_CODE = frozenset({"C_Login", "C_InitPIN", "C_SetPIN", "C_SignInit", "C_Sign"})
"""The calls of a library by which an act begins: before the first of them no code was used."""


class Act(Enum):
    """The three things that are done with a code."""

    UNBLOCK = "unblock"
    """The code de déblocage sets a new code porteur."""
    CHANGE = "change-code"
    """The present code porteur sets a new one."""
    TRY = "try-card"
    """The code porteur lets the card sign a random challenge; nothing changes on the card."""


@record
class Order:
    """One act as the person confirmed it: on this card, in this state, through this library."""

    act: Act
    library: Private
    """The path of the PKCS#11 library."""
    slot: Private
    """The PC/SC name of the reader."""
    atr: bytes
    serial: Private
    """The eight digits that were read."""
    pin: Code
    """The code porteur as it was shown."""
    puk: Code | None
    """The code de déblocage as it was shown; None where the card does not tell."""
    certificate: Private | None
    """SHA-256 of the authentication certificate that was read from the card."""

    def to_message(self) -> dict[str, Any]:
        """The order as JSON can hold it, for the process that carries it out."""
        return {
            "act": self.act.value,
            "library": self.library.value,
            "slot": self.slot.value,
            "atr": self.atr.hex(),
            "serial": self.serial.value,
            "pin": asdict(self.pin),
            "puk": None if self.puk is None else asdict(self.puk),
            "certificate": None if self.certificate is None else self.certificate.value,
        }

    @classmethod
    def from_message(cls, data: Mapping[str, Any]) -> Self:
        """The order in `data`. Raises LookupError, TypeError or ValueError for anything else."""
        certificate = data["certificate"]
        return cls(
            act=Act(data["act"]),
            library=Private(PrivateKind.PATH, data["library"]),
            slot=Private(PrivateKind.READER, data["slot"]),
            atr=bytes.fromhex(data["atr"]),
            serial=Private(PrivateKind.SERIAL, data["serial"]),
            pin=Code(**data["pin"]),
            puk=None if data["puk"] is None else Code(**data["puk"]),
            certificate=(
                None if certificate is None else Private(PrivateKind.CERTIFICATE, certificate)
            ),
        )


@record
class Codes:
    """The codes of one act, wiped by whoever handed them over."""

    given: Secret
    """What the card checks: the code de déblocage, or the present code porteur."""
    new: Secret | None = None
    """The new code porteur; None when the card is only tried."""

    def __iter__(self) -> Iterator[Secret]:
        return iter((self.given,) if self.new is None else (self.given, self.new))

    def set(self) -> Secret:
        """The new code, of an act that sets one. Raises ValueError for another."""
        if self.new is None:
            raise ValueError("no new code")
        return self.new

    def wipe(self) -> None:
        """Overwrites all of them."""
        for each in self:
            each.wipe()


class Stopped(Enum):
    """Why no code was handed to the library: the card was not touched."""

    NOT_STARTED = "not-started"
    """The process did not start, or did not load the library."""
    LIBRARY = "library"
    """The library failed, or did not come back, before a code was needed."""
    NOT_SHOWN = "not-shown"
    """The library shows no token with the serial number of the card."""
    UNREAD = "unread"
    """The card could not be read just before: pulled, held or silent."""
    OTHER_CARD = "other-card"
    """Another card is in the reader now."""
    CHANGED = "changed"
    """Fewer tries are left than were shown: another program used a code meanwhile."""


@record
class Call:
    """One call of the library that takes a code, or signs."""

    name: str
    code: int | None
    """Its unsigned CKR_* code, which is believed only when it says no; None: it did not return."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proof:
    """What shows that the card took a code: it signed a challenge that nobody could foresee."""

    challenge: bytes
    signature: bytes
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2), by the authentication key."""
    certificate: bytes
    """The authentication certificate (DER) as the library shows it."""


@record
class Course:
    """How an act went, as the process that did it says."""

    stopped: Stopped | None = None
    """None once a code was handed to the library."""
    calls: tuple[Call, ...] = ()
    proof: Proof | None = None
    ended: bool = True
    """The process came to its end; False when it crashed, or hung and was ended."""

    def code_of(self, name: str) -> int | None:
        """The code of the last call of that name; None when there is none, or none came back."""
        return next((call.code for call in reversed(self.calls) if call.name == name), None)


class Middleware(Protocol):
    """What uses a code: the library of the workstation, or a simulated one."""

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        """Does what was ordered, once. Neither raises nor repeats, whatever happens.

        The codes are the caller's to wipe. To cancel it ends no act that has begun.
        """
