"""What a scenario says of a card, and what every simulated card does."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from diagcps.records import record

ANCHORS_FILE = Path(__file__).with_name("anchors.pem")
"""The authorities (PEM) that simulated workstations trust."""

ATRS = {
    "cps3": "3BAC00402A001225006480000310009000",
    "cps3-contactless": "3B8F80010031B86404B0ECC1739401808290000E",
    # The mark of the family and nothing that is known besides.
    "new-cps": "3BAC00402A001225006480000510009000",
    "cps4": "3B9B188001001225006480040100009044",
    "cps4-rc": "3B9B188001001225006480000401009044",
    "cps4-t0": "3BDC18FF00001225006480000401009000",
    "cps2ter": "3BAC00402A001225006480820212009000",
    "vitale": "3B751300004309EA9000",
    "vitale-1": "3F6525002209699000",
    "agent": "3B6700002D201601789000",
    # Several bank cards answer this.
    "bank": "3B6500002063CB6800",
    "mute": "",
}
"""The answer to reset of each model, in hexadecimal: the public list of pcsc-tools, and the
published source of the Cryptolib CPS (card-cps.c)."""

PIN_LENGTHS = (4, 4)
"""The least and the most digits of a code porteur, as the directory of codes (AODF) says."""


@record
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
    """The card is pulled at its Nth command, counted from 1, and does not do it; 0 is never."""
    leaves_after: int = 0
    """The card does its Nth command and is pulled before it answers; 0 is never."""
    mute_at: int = 0
    """The card stops answering at its Nth command, counted from 1; 0 is never."""
    counted: str = ""
    """The instruction (INS, two hexadecimal digits) of the commands that are counted for the three
    above: those that carry data, and every 24 and 2C. Empty: every command is counted."""
    refuses: tuple[str, ...] = ()
    """« 2C:6985 »: commands of an instruction, those that `counted` would count, that the card
    answers with a status word and does not do."""


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
