"""What a scenario says of a card, and what every simulated card does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Plastic:
    """One simulated card, as a scenario describes it. Days count from the moment it is made."""

    model: str
    """cps3, cps3-contactless, cps4, cps4-rc, cps4-t0, cps2ter, vitale, vitale-1, agent, bank,
    new-cps (a CPS3 with an answer to reset that no table holds) or mute."""
    serial: str = "00000001"
    """The eight digits after the issuer's prefix."""
    pin_left: int = 3
    puk_left: int = 3
    unblocks_left: int = 25
    """Unblockings that are left; a CPS3 alone counts them."""
    code_presented: bool = False
    """A program has presented the code porteur and nobody has reset the card since."""
    family: str = "cps"
    """cps, cpf, cpe or cpa: the card type extension of the certificates."""
    identifier: str = "899700000013"
    """The national identifier, its kind first: the common name of the holder."""
    profession: str = "Médecin"
    authority: str = "production"
    """Who issued the certificates: production (trusted with the simulator's anchors), test
    (names of a test authority) or foreign (an authority that is pinned nowhere)."""
    valid_from_days: int = -400
    valid_to_days: int = 700
    update: str = "complete"
    """The last « actualisation »: none (no EF_ACTUA), complete or interrupted."""
    missing: tuple[str, ...] = ()
    """Files that are not there: EF.SN, EF.DIR, ODF, AODF, CDF, authentication, signature."""
    corrupt: tuple[str, ...] = ()
    """The same names, for files whose content is damaged."""
    latency_ms: float = 0.0
    """Passes before each answer."""
    baud: int = 0
    """Bits per second of the line, 12 of them per byte; 0 costs no time."""
    leaves_at: int = 0
    """The card is pulled at its Nth command, counted from 1; 0 is never."""
    mute_at: int = 0
    """The card stops answering at its Nth command, counted from 1; 0 is never."""


class SimulatedCard(Protocol):
    """A card: it is powered, takes commands and answers, and keeps what it was sent."""

    @property
    def atr(self) -> bytes:
        """Its answer to reset (ISO/IEC 7816-3, 8.1)."""

    @property
    def log(self) -> tuple[bytes, ...]:
        """Every command it was sent, in order."""

    def power(self) -> None:
        """Resets it: nothing is selected, no code is presented; counters stay."""

    def transmit(self, command: bytes) -> bytes:
        """Its response, status word included. Raises CardRemoved, or CardSilent when mute."""
