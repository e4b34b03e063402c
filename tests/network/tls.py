"""How the TLS of a server differs from a healthy one's."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from .authorities import Authority


class Asks(Enum):
    """Whether a server asks for the person's certificate."""

    NOTHING = "nothing"
    OPTIONALLY = "optionally"
    """It asks, and goes on without one."""
    STRICTLY = "strictly"
    """It asks, and fails without one: in the handshake with TLS 1.2, after it with TLS 1.3."""


@dataclass(frozen=True, kw_only=True)
class Tls:
    """The TLS of one server; a healthy one's without arguments."""

    authority: Authority | None = None
    """Who made its certificate; the public authority when not given."""
    self_signed: bool = False
    """It made its certificate itself."""
    names: tuple[str, ...] = ()
    """Whose its certificate is; the host's when not given."""
    begins: timedelta = timedelta(days=-30)
    """When its certificate begins to be valid, from now."""
    ends: timedelta = timedelta(days=60)
    """When its certificate ends to be valid, from now."""
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    asks: Asks = Asks.NOTHING
    whole_chain: bool = True
    """It sends the authorities between its certificate and the root, as it must."""
    sends_root: bool = False
    """It sends the root too, as appliances on the way often do."""


V1_2_ONLY = Tls(highest=ssl.TLSVersion.TLSv1_2)
V1_3_ONLY = Tls(lowest=ssl.TLSVersion.TLSv1_3)
EXPIRED = Tls(begins=timedelta(days=-90), ends=timedelta(days=-1))
NOT_YET_VALID = Tls(begins=timedelta(days=2), ends=timedelta(days=60))
WRONG_NAME = Tls(names=("somebody-else.example",))
SELF_SIGNED = Tls(self_signed=True)
