"""What the project asks of a smart-card service, of a card, and of a PKCS#11 library."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from diagcps.facts import Library, Pcsc, Reading, Slot, StoredCertificate, ToolPart
from diagcps.model import DiagError
from diagcps.records import record

Result = TypeVar("Result")
Transmit = Callable[[bytes], bytes]
"""One command APDU to the card, its response with the status word back (ISO/IEC 7816-4, 5.1).

Raises CardError.
"""


class CardError(DiagError):
    """A card could not be read to the end. `reading` is how it ended."""

    reading = Reading.UNREADABLE

    def __init__(self, detail: str = "", *, where: str = "") -> None:
        super().__init__(f"{where}: {detail}" if where else detail)
        self.detail = detail
        self.where = where


class CardRemoved(CardError):
    """The card was pulled."""

    reading = Reading.REMOVED


class CardHeld(CardError):
    """Another program keeps the card for itself."""

    reading = Reading.HELD


class CardSilent(CardError):
    """The card or its reader stopped answering."""

    reading = Reading.SILENT


class CardUnreadable(CardError):
    """The card answered something that makes no sense."""


class NotOnCard(CardUnreadable):
    """The card said that the file that was asked for is not there."""


class Cards(Protocol):
    """The readers and cards of a workstation."""

    async def read(self) -> Pcsc:
        """Every slot at one moment, or the error of the service.

        Raises ProbeUnavailable without a PC/SC library, ProbeTimeout when the service hangs.
        No command is sent to a card: a connection powers it, and its answer to reset is read.
        """

    async def use(self, slot: Slot, work: Callable[[Transmit], Result]) -> Result:
        """What `work` returns, with the card of `slot` to itself: one transaction, left as it is.

        `work` runs on a thread that nobody waits for for ever. What it sends passes the list of
        commands that a diagnosis may send (`card.permitted`). Raises CardError, and what `work`
        raises.
        """

    def missing(self) -> tuple[ToolPart, ...]:
        """The parts of this tool without which cards cannot be read here."""

    def losses(self) -> tuple[str, ...]:
        """The model of each reader that went within the last minute, once for each time."""

    def changes(self) -> AsyncIterator[None]:
        """Yields after each change of the service, its readers or their cards."""


class Libraries(Protocol):
    """The PKCS#11 library that browsers use."""

    async def read(self) -> Library:
        """Everything it shows, read in a process of its own that is ended when it hangs."""


@record
class Anchors:
    """The authorities at which the chain of a card's certificate may end, handed down by the
    command line: those of IGC-Santé by default, a scenario's own, or those of a file."""

    fingerprints: frozenset[str]
    """SHA-256 of the certificate of each pinned authority, in lower-case hexadecimal."""
    names: frozenset[str]
    """Their common names."""
    certificates: tuple[bytes, ...] = ()
    """Certificates (DER) that came with them; others are looked for on the workstation."""
    default: bool = True
    """Those of IGC-Santé. Any other makes a result a simulated one."""

    def hold(self, certificate: bytes) -> bool:
        """Whether the certificate (DER) is that of a pinned authority."""
        return self.fingerprint(certificate) in self.fingerprints

    def are_named_in(self, certificate: bytes) -> bool:
        """Whether the certificate (DER) bears the name of a pinned authority somewhere."""
        return any(name.encode() in certificate for name in self.names)

    @staticmethod
    def fingerprint(certificate: bytes) -> str:
        """SHA-256 of the certificate (DER), in lower-case hexadecimal."""
        return hashlib.sha256(certificate).hexdigest()


Publish = Callable[[], Awaitable[tuple[StoredCertificate, ...]]]
"""What the authority publishes of its own certificates; none where it cannot be reached."""
