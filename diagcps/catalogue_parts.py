"""The types of what the catalogue holds: one for each table of `data/*.toml`."""

from __future__ import annotations

from diagcps.browsing import BrowserKind
from diagcps.catalogue import Environment, Expected, Part, ReaderKind, When
from diagcps.facts import ProgramKind
from diagcps.model import Platform
from diagcps.records import record
from diagcps.tables import Day, Guid, Md5, Sha1, UsbNumber


@record
class Checksum:
    """The published checksum of a file in one version of the Cryptolib."""

    version: str
    md5: Md5
    """Lower-case hexadecimal."""
    file_version: str = ""
    """The file's own version then; empty when it has none, or none was published."""


@record
class ExpectedFile:
    """A file or folder that the Cryptolib's installer lays down."""

    platform: Platform
    name: str
    folder: str
    """With variables as the system writes them: %SystemRoot%, %ALLUSERSPROFILE%, or absolute."""
    part: Part
    architecture: str = ""
    """The kind of program it is for, where there are two: x86_64 or x86."""
    needed: bool = True
    """Signing in with the card does not work without it."""
    checksums: tuple[Checksum, ...] = ()


@record
class OtherFile:
    """A file or folder that another installer brings, or that an older generation left."""

    platform: Platform
    name: str
    folder: str
    of: str = ""
    """The software that brings it, or what it belonged to."""


@record
class Fix:
    """A defect of the Cryptolib, and the version that mended it."""

    platform: Platform
    version: str
    bug: str
    when: When
    text: str
    """The key of its words (`value.defect`)."""


@record
class Newest:
    """The newest version that was seen in the field."""

    platform: Platform
    version: str
    seen: Day
    source: str


@record
class ProductCode:
    """The MSI product code of a version of the Cryptolib."""

    version: str
    code: Guid
    """In braces, upper case."""


@record
class SupportedSystem:
    """A system that the Cryptolib's release notes name."""

    platform: Platform
    distribution: str
    """Of os-release(5) for Linux; « workstation » or « server » for Windows; empty for macOS."""
    versions: tuple[str, ...]
    """Beginnings of the system's version: « 10.0. », « 14 », « 9 »."""


@record
class CryptolibCatalogue:
    """The Cryptolib CPS as its publisher describes it."""

    date: Day
    source: str
    least_for_cps4: str
    least_safe: str
    """Older ones have a flaw that the ANSSI reported."""
    dictionary: str
    """The newest version of DICO-FR.GIP."""
    extension: str
    """The id of the Firefox extension."""
    old_extensions: tuple[str, ...]
    newest: tuple[Newest, ...] = ()
    product_codes: tuple[ProductCode, ...] = ()
    files: tuple[ExpectedFile, ...] = ()
    copies: tuple[OtherFile, ...] = ()
    leftovers: tuple[OtherFile, ...] = ()
    fixes: tuple[Fix, ...] = ()
    systems: tuple[SupportedSystem, ...] = ()


@record
class KnownAuthority:
    """An authority of the cards, of today or of before."""

    name: str
    sha1: Sha1
    """Upper-case hexadecimal."""
    old: bool = False
    """Of a generation before: its presence is abnormal."""


@record
class AuthorityCatalogue:
    """The authorities of IGC-Santé, and those that came before it."""

    date: Day
    source: str
    authorities: tuple[KnownAuthority, ...]


@record
class KnownReader:
    """A reader by its number on USB."""

    vendor_id: UsbNumber
    """Four hexadecimal digits, lower case."""
    product_id: UsbNumber
    name: str
    kind: ReaderKind
    source: str


@record
class ReaderCatalogue:
    """Readers that are met in the field."""

    date: Day
    source: str
    readers: tuple[KnownReader, ...] = ()


@record
class ProcessNames:
    """How each system names the processes of a program, without « .exe »; one that ends with « * »
    is a beginning."""

    any: tuple[str, ...] = ()
    """On every system."""
    linux: tuple[str, ...] = ()
    macos: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()

    def on(self, platform: Platform) -> tuple[str, ...]:
        """The names on that system."""
        match platform:
            case Platform.LINUX:
                return (*self.any, *self.linux)
            case Platform.MACOS:
                return (*self.any, *self.macos)
            case Platform.WINDOWS:
                return (*self.any, *self.windows)


@record
class KnownProgram:
    """A program by the names of its processes."""

    name: str
    """As people call it."""
    kind: ProgramKind
    processes: ProcessNames
    helping: ProcessNames = ProcessNames()
    """Those among them that exist only while somebody else looks at this screen."""
    source: str
    """Names of the catalogue's sources."""
    note: str = ""


@record
class NamedSource:
    """A source that entries refer to by a word."""

    name: str
    text: str


@record
class ProgramCatalogue:
    """Programs that matter to the card, or to an act with its code."""

    date: Day
    source: str
    sources: tuple[NamedSource, ...] = ()
    programs: tuple[KnownProgram, ...] = ()


@record
class KnownPorts:
    """The local ports on which a program of the catalogue listens."""

    program: str
    """Its name there."""
    ports: tuple[int, ...]
    source: str


@record
class PortCatalogue:
    """Which program listens where."""

    date: Day
    source: str
    programs: tuple[KnownPorts, ...] = ()


@record
class KnownBrowser:
    """What is known of a family of browsers."""

    kind: BrowserKind
    least: int
    """The lowest major version for which a source says that it works with the Cryptolib; 0: none
    says."""
    asks_local_access: int
    """From this major version on, a page must ask to speak to this machine; 0: it never must."""


@record
class BrowserCatalogue:
    """The families of browsers."""

    date: Day
    source: str
    browsers: tuple[KnownBrowser, ...] = ()


@record
class KnownEndpoint:
    """An address that signing in, or this diagnosis, needs."""

    id: str
    service: str
    """The key of the words that say what it is for (`endpoint.SERVICE`)."""
    host: str
    port: int = 443
    """443 with TLS; 80 without."""
    path: str
    """What is asked for with one GET; nothing of the person is sent."""
    expects: Expected
    issuer: str = ""
    """Who its metadata must say it is; with `expects` openid."""
    environment: Environment = Environment.PRODUCTION
    needed_by: tuple[str, ...] = ()
    """The profiles that fail without it."""
    optional: bool = False
    """It is asked only when the person wants so: never in a headless run."""
    source: str


@record
class Interceptor:
    """A product that makes certificates of its own for the servers that a browser visits."""

    name: str
    issuers: tuple[str, ...]
    """Parts of the name of its authority, in lower case."""
    source: str


@record
class TimeServer:
    """A server that says the time (NTP, RFC 5905); asked only when the person wants so."""

    host: str
    source: str


@record
class OtherResolver:
    """A name server that is not the workstation's; asked only when the person wants so."""

    address: str
    name: str
    source: str


@record
class EndpointCatalogue:
    """The addresses of the field, and what may stand in the way."""

    date: Day
    source: str
    endpoints: tuple[KnownEndpoint, ...]
    interceptors: tuple[Interceptor, ...] = ()
    time_servers: tuple[TimeServer, ...] = ()
    resolvers: tuple[OtherResolver, ...] = ()
