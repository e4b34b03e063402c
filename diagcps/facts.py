"""Facts: frozen, typed statements about the workstation. A probe returns them, a check judges them.

A field's comment says where each system keeps the value. Nothing here judges or asks.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from diagcps.model import Platform, Private, PrivateKind
from diagcps.records import record


@record
class Moment:
    """When the facts were read: what a replay judges by."""

    at: datetime
    """Aware, in UTC: what the clock of the workstation said."""
    not_before: datetime | None = None
    """When this tool was made: a clock that says less is wrong. None where it is not known."""


@record
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


@record
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


class FileState(Enum):
    """What was found where a file or folder is expected."""

    PRESENT = "present"
    EMPTY = "empty"
    ABSENT = "absent"
    UNREADABLE = "unreadable"
    """It is there and this program may not look at it."""


@record
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


@record
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


@record
class Pcsc:
    """What the smart-card service answered: either an error, or every slot at one moment."""

    error: int = 0
    """The PC/SC code of the call that failed, unsigned; 0 when it answered."""
    call: str = "SCardListReaders"
    """The call that failed, or the last one that was made."""
    slots: tuple[Slot, ...] = ()


class Reading(Enum):
    """How the reading of a card, or of a part of it, ended."""

    READ = "read"
    REMOVED = "removed"
    """The card was pulled before the end."""
    HELD = "held"
    """Another program kept the card for itself."""
    SILENT = "silent"
    """The card, or its reader, stopped answering."""
    UNREADABLE = "unreadable"
    """The card answered, and what it said makes no sense or is not there."""


@record
class Code:
    """The state of a code of the card, read without spending a try."""

    reference: int
    """The code's reference on the card, as its own directory gives it."""
    left: int | None
    """Tries that are left; None when the card does not say, having just accepted the code."""
    most: int | None
    """Tries after a success; None when the card does not say."""
    uses_left: int | None = None
    """Times it may still be used (unblockings of a CPS3); None when the card counts none."""


class Update(Enum):
    """Whether the card's last « actualisation » came to its end (EF_ACTUA)."""

    NONE = "none"
    """The card has no such file, or it was never updated."""
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"


@record
class CardState:
    """What decides first about one card: who it is, and whether its codes still work."""

    slot: Private
    """The PC/SC name of its slot."""
    model: str
    """The same name without a serial number."""
    atr: bytes
    reading: Reading
    where: str = ""
    """The file or the command at which the reading ended; empty when it is whole."""
    detail: str = ""
    """What was answered there: a status word, a PC/SC code, what the content lacks."""
    serial: Private | None = None
    pin: Code | None = None
    puk: Code | None = None
    update: Update = Update.UNKNOWN
    directories: tuple[bytes, ...] = ()
    """The paths of the certificate directories (CDF) that the card's own directory (ODF) names."""


@record
class CardStates:
    """The state of every card of the CPS family."""

    cards: tuple[CardState, ...]


class Role(Enum):
    """What the key of a certificate is for, told by its key usage (RFC 5280, 4.2.1.3)."""

    AUTHENTICATION = "authentication"
    SIGNATURE = "signature"
    OTHER = "other"


class IdentifierKind(Enum):
    """The kind of a national identifier: its first character (nomenclature TRE_G08)."""

    ADELI = "adeli"
    ADELI_PRACTICE = "adeli-practice"
    FINESS = "finess"
    SIREN = "siren"
    SIRET = "siret"
    RPPS_PRACTICE = "rpps-practice"
    RPPS = "rpps"
    STUDENT = "student"
    UNKNOWN = "unknown"


class Family(Enum):
    """The family of a card: the card type extension of its certificates (nomenclature TRE_G02)."""

    CPS = "cps"
    """Professional."""
    CPF = "cpf"
    """Professional in training."""
    CPE = "cpe"
    """Staff or director of an establishment (CPE, CDE)."""
    CPA = "cpa"
    """Authorised staff or director (CPA, CDA)."""
    UNKNOWN = "unknown"


class Trust(Enum):
    """Where the chain of a certificate ends."""

    TRUSTED = "trusted"
    """At a pinned authority."""
    UNTRUSTED = "untrusted"
    """Its issuer is no pinned authority, or did not sign it."""
    ISSUER_NOT_FOUND = "issuer-not-found"
    """It names a pinned authority whose certificate is nowhere on this workstation."""


_NO_SERIAL = Private(PrivateKind.CERTIFICATE, "")


@record
class Certificate:
    """What one certificate of a card says (X.509, RFC 5280). The certificate itself is not kept."""

    role: Role
    holder: Private
    """Given name and surname, or the common name; empty when there is none."""
    identifier: Private
    """The national identifier with its first character, as the common name holds it."""
    identifier_kind: IdentifierKind
    identifier_valid: bool | None
    """Its check digit is right; None for a kind that has none."""
    family: Family
    profession: str
    """The title of the subject; empty when there is none."""
    issuer: str
    """The common name of the issuer."""
    test: bool
    """Issued by a test authority."""
    not_before: datetime
    not_after: datetime
    trust: Trust
    anchor: str
    """The common name of the pinned authority at which the chain ends, and where it was found."""
    fingerprint: Private
    """SHA-256 of the certificate, in hexadecimal."""
    serial: Private = _NO_SERIAL
    """Its number among those of its issuer, in hexadecimal; empty in what was saved without."""
    revocation_lists: tuple[str, ...] = ()
    """The addresses at which it says its issuer's list of revoked certificates is."""


@record
class CertificateEntry:
    """A certificate that a directory of the card names (CDF) and that was not read yet."""

    label: str
    path: bytes
    index: int = 0
    """Where in the file it begins."""


@record
class CardCertificates:
    """The certificates of one card that one step of its reading gave."""

    slot: Private
    reading: Reading
    where: str = ""
    detail: str = ""
    found: tuple[Certificate, ...] = ()
    unread: tuple[CertificateEntry, ...] = ()
    """What the directory names besides; the next step reads it."""


@record
class AuthenticationCertificates:
    """The authentication certificate of every card of the CPS family: read before the others."""

    cards: tuple[CardCertificates, ...]


@record
class OtherCertificates:
    """The other certificates of every card of the CPS family."""

    cards: tuple[CardCertificates, ...]


@record
class StoredCertificate:
    """A certificate of an authority, as a store of this workstation holds it."""

    data: bytes
    """DER; whatever the store holds, so it may be damaged."""
    source: str
    """The store, as a system administrator names it, without the person's own folders."""


@record
class Authorities:
    """The certificates of the pinned authorities, and of what names one of them, on this
    workstation; those that the authority publishes where it holds none."""

    found: tuple[StoredCertificate, ...]


class LibraryState(Enum):
    """What came of the PKCS#11 library that browsers use (Cryptolib CPS)."""

    READ = "read"
    ABSENT = "absent"
    """No library is at any of the places where it is installed."""
    WRONG_ARCHITECTURE = "wrong-architecture"
    """It is for another kind of processor, or of program, than this one."""
    LOAD_FAILED = "load-failed"
    NOT_RESPONDING = "not-responding"
    """It did not come back; its process was ended."""
    CRASHED = "crashed"
    """It ended its process."""
    FAILED = "failed"
    """It answered with an error before it named a single slot."""


@record
class LibraryToken:
    """A token as the library shows it (PKCS#11 2.20, C_GetTokenInfo)."""

    serial: Private
    model: str
    flags: int
    """CKF_* bits; those of the code de déblocage are no evidence on a CPS4."""
    certificates: tuple[Private, ...]
    """SHA-256 of each certificate object, in hexadecimal; « - » for one without a value."""
    mechanisms: tuple[int, ...]
    """CKM_* numbers that it signs with, in increasing order."""
    pin_lengths: tuple[int, int] | None = None
    """The least and the most digits of the code porteur; None where it was not read."""
    code: int = 0
    """The CKR_* code of the call at which reading its objects ended; 0 when it was read whole."""


@record
class LibrarySlot:
    """A slot as the library shows it. Its name is shortened: a card is matched by its serial."""

    description: Private
    token: LibraryToken | None
    code: int = 0
    """The CKR_* code of C_GetTokenInfo: 0xE0 empty, 0xE1 not recognised."""


@record
class Library:
    """The PKCS#11 library, read in a process of its own."""

    state: LibraryState
    path: Private | str
    """Private where a person named it, and not where an installer puts it; empty when there is
    none."""
    architectures: tuple[str, ...] = ()
    """Those the file is for: x86_64, x86, arm64; a universal file of macOS has two."""
    description: str = ""
    version: str = ""
    """As the library says it, which is not the version of the product."""
    call: str = ""
    """The call that failed or did not come back."""
    code: int = 0
    """Its CKR_* code, unsigned; where Windows did not load the library, Windows' own (winerror.h).
    """
    detail: Private | None = None
    """The loader's own words."""
    slots: tuple[LibrarySlot, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, for this workstation alone."""
        return self.path.value if isinstance(self.path, Private) else self.path


@record
class Service:
    """What the service that the person wants to reach asks of a card."""

    families: tuple[Family, ...] = ()
    """The families it admits; empty when it admits all, or does not say."""
    only_tls13: bool = False
    """One of its addresses takes no older version of TLS: the card must sign with RSA-PSS."""


@record
class PcscClients:
    """Programs other than this one that are connected to the smart-card service."""

    programs: tuple[str, ...]
    """Process names, each once, sorted. The ones of other users may be invisible."""
    source: str


class ProgramKind(Enum):
    """Why a running program matters, most of them to an act with a code of the card."""

    CARD = "card"
    """It uses the card: it may hold the present code and present it again by itself."""
    BROWSER = "browser"
    """So may a browser in which the person has signed in."""
    SCREEN = "screen"
    """It may show this screen to somebody else."""
    MANAGER = "manager"
    """The manager of certificates of the Cryptolib CPS (CCM): of no matter to an act."""


@record
class RunningProgram:
    """A program that runs in the session of this user."""

    name: str
    """As people call it; the name of its process where it is not known by another."""
    kind: ProgramKind


@record
class RunningPrograms:
    """The running programs that matter to an act with a code: those that are known by their names,
    and those that are connected to the smart-card service, where the system tells."""

    programs: tuple[RunningProgram, ...]
    source: str


@record
class UsbReader:
    """A smart-card reader on the USB bus, whether or not a driver takes it."""

    vendor_id: str
    """Four hexadecimal digits, lower case."""
    product_id: str
    name: str
    """The product string of the device; may be empty."""
    problem: int | None = None
    """Windows' problem code (CM_PROB_*): 0 none, 28 no driver; None on other systems."""
    serial: bool = False
    """It offers a serial port (COM3, /dev/ttyACM0) and no smart-card interface."""
    may_sleep: bool | None = None
    """The system may cut its power while it idles; None where it does not say."""


@record
class UsbReaders:
    """Every USB device with a smart-card interface (USB class 0Bh, CCID 1.1) or reader class, and
    those whose numbers are in the catalogue of readers."""

    readers: tuple[UsbReader, ...]
    withheld: int | None = None
    """At how many ports macOS lets no data through until the person allows the accessory, whatever
    it is; None where the system has no such thing, or does not say."""
    source: str


@record
class ToolPart:
    """A part of this tool, or a plug-in, that is missing."""

    part: str
    detail: Private


@record
class Tool:
    """The state of this tool itself."""

    version: str
    missing: tuple[ToolPart, ...]
