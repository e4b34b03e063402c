"""The commands that a diagnosis may send to a card, and no other one.

It stands below every reader of cards: whatever asks, a VERIFY with data, a CHANGE REFERENCE DATA
or a RESET RETRY COUNTER never reaches a card from here (ISO/IEC 7816-4:2020, 11.6).
"""

from __future__ import annotations

import re

from diagcps.card.base import Transmit
from diagcps.model import DiagError

# Header, then the length of what follows. CLA 01 is logical channel 1, where a CPS4 has its applet.
_WITH_DATA = (
    re.compile(rb"\x01\xa4\x04\x0c[\x05-\x10]"),  # SELECT by AID, on channel 1 alone
    re.compile(rb"\x00\xa4\x09\x0c[\x02-\x10]"),  # SELECT by path, the MF's name included
    re.compile(rb"\x01\xa4\x08\x00[\x02-\x10]"),  # SELECT by path from the MF
)
_WITHOUT_DATA = (
    re.compile(rb"[\x00\x01]\xb0[\x00-\x7f].[\x00-\xff]", re.DOTALL),  # READ BINARY at an offset
    re.compile(rb"[\x00\x01]\xc0\x00\x00[\x00-\xff]"),  # GET RESPONSE
    re.compile(rb"\x01\x20\x00.", re.DOTALL),  # VERIFY without data: how many tries are left?
    # GET DATA of the counters of one code, its reference being the seventh byte of the template.
    re.compile(rb"\x00\xcb\x3f\xff\x0a\x4d\x08\x70\x06\xbf\x81.\x02\xa0\x80", re.DOTALL),
)


class Forbidden(DiagError):
    """A command that no diagnosis may send. It was not sent."""


def is_permitted(command: bytes) -> bool:
    """Whether a diagnosis may send `command`, a whole APDU."""
    if any(form.fullmatch(command) for form in _WITHOUT_DATA):
        return True
    header, data = command[:5], command[5:]
    return any(form.fullmatch(header) for form in _WITH_DATA) and len(data) == header[4]


def permitted(transmit: Transmit) -> Transmit:
    """`transmit` for permitted commands alone: it raises Forbidden for any other."""

    def guarded(command: bytes) -> bytes:
        if not is_permitted(command):
            raise Forbidden(f"not for a diagnosis: {command[:4].hex(' ').upper()}")
        return transmit(command)

    return guarded
