"""Facts of what is installed and set on the workstation, whether or not a card is in.

Frozen and typed as those of `facts`; a field's comment says where each system keeps the value.
Places are written as the catalogue writes them (« %SystemRoot%\\System32 »), never with a person's
own folder in them; what may hold a person's name is `Private`.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from diagcps.browsing import Browsers, FirefoxProfiles
from diagcps.facts import FileState, ServiceState
from diagcps.model import Private
from diagcps.records import record


class MachineRole(Enum):
    """What the machine is for."""

    WORKSTATION = "workstation"
    SERVER = "server"


class AppControl(Enum):
    """Smart App Control of Windows 11 (CI\\Policy, VerifiedAndReputablePolicyState)."""

    OFF = "off"
    EVALUATION = "evaluation"
    ON = "on"


@record
class Machine:
    """The system in the detail that decides whether the Cryptolib is made for it."""

    version: str
    """10.0.22631.4317 (Windows, with the update's number), 15.1 (macOS), 9.4 (VERSION_ID)."""
    distribution: str = ""
    """ID of os-release(5): rhel, debian, ubuntu …; empty elsewhere."""
    like: tuple[str, ...] = ()
    """ID_LIKE of os-release(5)."""
    role: MachineRole = MachineRole.WORKSTATION
    managed: bool | None = None
    """In a domain or under device management; None where the system does not say."""
    started: datetime | None = None
    """When the system started, in UTC."""
    app_control: AppControl | None = None
    """None where the system has none."""
    translates: bool | None = None
    """An Apple-silicon Mac that runs Intel programs (Rosetta is installed); None elsewhere."""
    source: str


class AccountKind(Enum):
    """Whom the program runs as."""

    PERSON = "person"
    SYSTEM = "system"
    """root, SYSTEM or a service's account: what belongs to a person cannot be read through it."""


@record
class Account:
    """The account that this program runs as."""

    kind: AccountKind
    administrator: bool | None = None
    """May install software (a member of the administrators, elevated or not); None: not told."""
    source: str


class ProductKind(Enum):
    """What an entry of the system's list of installed software is."""

    CRYPTOLIB = "cryptolib"
    CPS_GESTION = "cps-gestion"
    """The separate application for macOS that brings the CryptoTokenKit extension."""
    GALSS = "galss"
    OLD = "old"
    """Of the generation before CPS3 (CPS2ter, « Cryptolib CPS » 4)."""


@record
class Product:
    """One entry of the system's own list of installed software."""

    kind: ProductKind
    name: str
    version: str
    """As the list says it, such as 5.2.2; empty when it says nothing."""
    architecture: str = ""
    """x86_64, x86, arm64, universal; empty when the list does not say."""
    installed: datetime | None = None
    """In UTC; a list that knows only the day says its beginning."""
    source: str
    """The key, receipt or package that says so."""


@record
class Products:
    """The software of the card that the system lists as installed."""

    products: tuple[Product, ...]
    source: str


@record
class Component:
    """A file or folder that the catalogue names, as it is on this workstation."""

    name: str
    place: str
    state: FileState
    version: str = ""
    """Of its version resource, property list or content; empty when it has none."""
    architectures: tuple[str, ...] = ()
    """x86_64, x86, arm64, for a program or library."""
    md5: str = ""
    """Lower-case hexadecimal; empty when it was not computed."""


@record
class Components:
    """What the Cryptolib's installer lays down, what others brought, what older ones left."""

    expected: tuple[Component, ...]
    """One for each file and folder that the catalogue names for this system."""
    copies: tuple[Component, ...] = ()
    """The same libraries in the folders of other installers; those that are there."""
    leftovers: tuple[Component, ...] = ()
    """Components of the generation before; those that are there."""
    source: str


@record
class RegisteredProvider:
    """A cryptographic service provider (CSP) as Windows' registry names it."""

    view: str
    """64 or 32: the view of the registry."""
    image: str
    """Its library, as the registry writes it."""
    state: FileState
    """Of that library."""


@record
class RegisteredCard:
    """An entry of Windows' table of cards (Calais\\SmartCards): an answer to reset and its mask."""

    name: str
    view: str
    atr: bytes
    mask: bytes
    provider: str


@record
class RegisteredModule:
    """A PKCS#11 manifest by which Firefox finds the module of an extension."""

    name: str
    source: str
    """Where it is declared: a registry key, or a folder of manifests."""
    manifest: FileState
    library: FileState
    """The library that the manifest names."""
    allows: tuple[str, ...] = ()
    """The extensions that it allows."""


@record
class Registration:
    """What tells Windows, and Firefox everywhere, that the Cryptolib is there."""

    providers: tuple[RegisteredProvider, ...] = ()
    cards: tuple[RegisteredCard, ...] = ()
    modules: tuple[RegisteredModule, ...] = ()
    source: str


@record
class Setting:
    """A setting of the Cryptolib that differs from what the installer leaves, or was read."""

    name: str
    """traces, debug, galss, sign-hash, auto-detect."""
    value: str
    source: str


@record
class FolderRights:
    """Whether this user could write in a folder of the Cryptolib, by its access list alone."""

    name: str
    """coffre, log or cache."""
    place: str
    state: FileState
    writable: bool | None = None
    """None where the system does not tell without trying."""


@record
class Settings:
    """The Cryptolib's settings and folders."""

    settings: tuple[Setting, ...]
    folders: tuple[FolderRights, ...]
    source: str


@record
class SystemService:
    """A service of the system, asked without starting it."""

    name: str
    """As the service manager calls it: SCardSvr, CertPropSvc, ScDeviceEnum …"""
    state: ServiceState


@record
class Services:
    """The services that matter to the card besides the smart-card service."""

    services: tuple[SystemService, ...]
    source: str


@record
class Running:
    """A program of the catalogue of which processes run."""

    name: str
    """The catalogue's name of it."""
    processes: int
    """How many of them, 1 or more."""
    helping: int = 0
    """How many of these exist only while somebody else looks at this screen."""


@record
class Listener:
    """Who listens on a local TCP port that the catalogue names."""

    port: int
    program: str
    """The catalogue's name, else the name of the process; empty when the system does not say."""
    known: bool
    """It is the program that the catalogue expects on that port."""


@record
class Software:
    """The programs of the catalogue that run on this machine, and the ports they share."""

    running: tuple[Running, ...]
    """Processes of this person's session and of the system's services: what others run on the same
    server is theirs."""
    listeners: tuple[Listener, ...] | None = None
    """None where the system does not tell who listens."""
    source: str


class ChannelKind(Enum):
    """TCanal of galss.ini."""

    SERIAL = "serial"
    PCSC = "pcsc"
    OTHER = "other"


@record
class Channel:
    """A channel of galss.ini ([CANALn])."""

    number: int
    kind: ChannelKind
    reader: Private | None = None
    """The PC/SC name of the reader it is set to; None for a serial one."""
    names: tuple[str, ...]
    """What it serves (NomLAD): CPS, Vitale, Log_SV."""


@record
class Galss:
    """The old way to the reader (GALSS) and its galss.ini."""

    state: FileState
    """Of galss.ini."""
    channels: tuple[Channel, ...] = ()
    serial_library: bool = False
    """A protocol is set to the serial library (PSSINW32.DLL, PSSINW64.DLL, pssinosx)."""
    source: str


class StoreKind(Enum):
    """A store of certificates of authorities."""

    COFFRE = "coffre"
    """The Cryptolib's own."""
    SYSTEM = "system"
    """The system's: ROOT and CA of Windows, the keychains of macOS, the bundle of Linux."""


@record
class AuthorityStore:
    """Which authorities of the catalogue a store holds."""

    kind: StoreKind
    name: str
    state: FileState
    held: tuple[str, ...]
    """SHA-1, upper-case hexadecimal, of the catalogue's authorities in it, old ones included."""


@record
class AuthorityStores:
    """The stores of authorities, and what they hold of the catalogue's."""

    stores: tuple[AuthorityStore, ...]
    source: str


@record
class PersonCertificate:
    """A certificate of IGC-Santé in this person's Windows store (CurrentUser\\My)."""

    fingerprint: Private
    """SHA-256, in lower-case hexadecimal."""
    provider: str
    """The CSP or KSP that Windows would ask for its key; empty for none."""
    code: int | None = None
    """What acquiring its key without any dialogue answered, unsigned: 0 acquired, 0x80090014 the
    provider's type is not valid; None: not asked."""


@record
class PersonCertificates:
    """The certificates that Chrome and Edge would offer on Windows."""

    certificates: tuple[PersonCertificate, ...]
    source: str


@record
class MacCards:
    """How macOS itself looks at cards."""

    tokens: tuple[str, ...]
    """The CryptoTokenKit tokens that are in, by the name of their driver (security(1))."""
    gestion: FileState
    """The application « CPS Gestion » with its CryptoTokenKit extension."""
    own_driver: bool
    """macOS is set to the free CCID driver instead of Apple's (useIFDCCID)."""
    emulation: tuple[str, ...]
    """What emulates a PC/SC reader and is active: GALSSDriver.bundle, reader.conf."""
    source: str


@record
class Losses:
    """How often readers went away while this program watched, without one coming in their place."""

    readers: tuple[str, ...] = ()
    """The model of each reader that went, once for each time, within the last minute."""


KINDS: tuple[type, ...] = (
    Machine, Account, Products, Components, Registration, Settings, Services, Software, Galss,
    Browsers, FirefoxProfiles, AuthorityStores, PersonCertificates, MacCards,
)  # fmt: skip
"""What a host is asked for by `Host.installed`."""
