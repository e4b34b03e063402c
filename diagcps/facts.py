"""Facts: frozen, typed statements about the workstation. A probe returns them, a check judges them.

A field's comment says where each system keeps the value. Nothing here judges or asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from diagcps.model import Platform, Private


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the facts were read: what a replay judges by."""

    at: datetime
    """Aware, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The operating system the agent runs on."""

    platform: Platform
    name: str
    """As people say it: « Debian GNU/Linux 12 », « Windows 11 », « macOS 15.1 »."""
    architecture: str
    """`platform.machine()`: x86_64, AMD64, arm64 …"""


class SessionKind(Enum):
    """How the person reaches this machine."""

    LOCAL = "local"
    RDP = "rdp"
    CITRIX = "citrix"
    SSH = "ssh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Whether the agent runs in a remote session.

    Windows: SM_REMOTESESSION and the station's name; elsewhere the session's environment.
    """

    kind: SessionKind
    redirects_cards: bool
    """PC/SC speaks to the machine in front of the person, not to this one (Windows RDP, Citrix)."""
    source: str


class ServiceState(Enum):
    """The state of the smart-card service as the system's service manager sees it."""

    RUNNING = "running"
    ON_DEMAND = "on-demand"
    """Not running; the system starts it when a program asks (socket activation, demand start)."""
    STOPPED = "stopped"
    DISABLED = "disabled"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PcscService:
    """The smart-card service: SCardSvr (Windows), pcscd (Linux), CryptoTokenKit's pcscd (macOS)."""

    state: ServiceState
    may_connect: bool
    """False when this user may not open the service's socket (EACCES on Linux)."""
    source: str


class SlotState(Enum):
    """What a reader's slot holds."""

    EMPTY = "empty"
    READY = "ready"
    """A card is in and answered when it was powered."""
    MUTE = "mute"
    HELD = "held"
    """Another program keeps the card or the reader for itself."""
    REMOVED = "removed"
    """The card was there when the reading began and gone before it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One slot of one reader, as PC/SC names it. Never identified by its position in a list."""

    name: Private
    """The whole PC/SC name; it may hold the reader's serial number."""
    model: str
    """The same name without a serial number."""
    state: SlotState
    atr: bytes = b""
    """At most 33 bytes (ISO/IEC 7816-3, 8.1); empty when there is no answer to reset."""
    code: int = 0
    """The PC/SC code that decided the state, unsigned; 0 when the state flags alone decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pcsc:
    """What the smart-card service answered: either an error, or every slot at one moment."""

    error: int = 0
    """The PC/SC code of the call that failed, unsigned; 0 when it answered."""
    call: str = "SCardListReaders"
    """The call that failed, or the last one that was made."""
    slots: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PcscClients:
    """Programs other than this one that are connected to the smart-card service."""

    programs: tuple[str, ...]
    """Process names, each once, sorted. The ones of other users may be invisible."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbReader:
    """A smart-card reader on the USB bus, whether or not a driver takes it."""

    vendor_id: str
    """Four hexadecimal digits, lower case."""
    product_id: str
    name: str
    """The product string of the device; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbReaders:
    """Every USB device with a smart-card interface (USB class 0Bh, CCID 1.1) or reader class."""

    readers: tuple[UsbReader, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPart:
    """A part of this tool, or a plug-in, that is missing."""

    part: str
    detail: Private


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The state of this tool itself."""

    version: str
    missing: tuple[ToolPart, ...]
