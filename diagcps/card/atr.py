"""What an answer to reset (ISO/IEC 7816-3, section 8) says about the card that gave it.

The patterns come from the public ATR list of pcsc-tools and from the published Cryptolib sources.
"""

from __future__ import annotations

import re
from enum import Enum


class CardKind(Enum):
    """The families of cards that a French health workstation sees."""

    CPS3 = "cps3"
    CPS4 = "cps4"
    CPS_CONTACTLESS = "cps-contactless"
    CPS2TER = "cps2ter"
    CPS_UNKNOWN = "cps-unknown"
    """Bears the mark of the CPS family in a form not known yet: it is read, not refused."""
    VITALE = "vitale"
    AGENT = "agent"
    """Agent card of the Assurance Maladie."""
    OTHER = "other"

    @property
    def is_cps(self) -> bool:
        """A card of the CPS family, whatever its age and interface."""
        return self in {
            CardKind.CPS3,
            CardKind.CPS4,
            CardKind.CPS_CONTACTLESS,
            CardKind.CPS2TER,
            CardKind.CPS_UNKNOWN,
        }


# Found in the historical bytes of every contact card of the family.
_CPS_MARK = bytes.fromhex("1225006480")

_PATTERNS: tuple[tuple[re.Pattern[str], CardKind], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        ("3BAC00402A001225006480000310009000", CardKind.CPS3),
        ("3B9B188001001225006480040100009044", CardKind.CPS4),
        ("3B9B188001001225006480000401009044", CardKind.CPS4),
        ("3BDC18FF00001225006480000401009000", CardKind.CPS4),
        ("3B8F80010031B86404B0ECC1739401808290000E", CardKind.CPS_CONTACTLESS),
        ("3BAC00402A001225006480820212009000", CardKind.CPS2TER),
        # 46 is listed as « Health Care card » and 45 also in a 09FA variant: both are Vitale 2.
        ("3B75130000(4[3-9BC]09EA|4509FA)9000", CardKind.VITALE),
        ("3F6525002[2C]09[F6]99000", CardKind.VITALE),
        ("3F652500(52|A[34])096A9000", CardKind.VITALE),
        ("3B6700002D201601789000", CardKind.AGENT),
    )
)


def recognise(atr: bytes) -> CardKind:
    """The family of the card that answered `atr`; OTHER for anything unknown, even nothing."""
    text = atr.hex().upper()
    for pattern, kind in _PATTERNS:
        if pattern.fullmatch(text):
            return kind
    return CardKind.CPS_UNKNOWN if _CPS_MARK in atr else CardKind.OTHER
