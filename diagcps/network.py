"""Facts of the network: how far each way to each host of the field leads, and what says otherwise.

A way is gone stage by stage (name, connection, tunnel through a proxy, TLS, HTTP). Each stage that
was begun has its end and its time in milliseconds; what comes after one that failed is not there.
Hosts of the field are public; what belongs to the place where the workstation stands is `Private`.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from diagcps.model import Private
from diagcps.records import record


class Ended(Enum):
    """How a stage ended."""

    DONE = "done"
    TIMEOUT = "timeout"
    """Nothing came within the limit."""
    REFUSED = "refused"
    """The other side said no at once."""
    RESET = "reset"
    """It was there, and broke the connection off."""
    UNREACHABLE = "unreachable"
    """The system has no way there."""
    NOT_FOUND = "not-found"
    """The name does not exist."""
    FAILED = "failed"
    """The other side answered that it failed, or TLS could not be agreed on."""
    MALFORMED = "malformed"
    """What came is not of the protocol."""
    TOO_LONG = "too-long"
    """More came than was asked for."""


class IpFamily(Enum):
    """A generation of the Internet protocol."""

    V4 = "ipv4"
    V6 = "ipv6"


class Scope(Enum):
    """What the addresses of a name are good for (IANA special-purpose registries)."""

    PUBLIC = "public"
    PRIVATE = "private"
    """Of a local network."""
    NOWHERE = "nowhere"
    """Loopback, unspecified, reserved: a name filter says so for « no »."""


@record
class Lookup:
    """A name looked up in one family, through the workstation's own resolver (getaddrinfo)."""

    family: IpFamily
    ended: Ended
    scope: Scope | None = None
    """That of the addresses; of the worst where they differ. None without any."""
    count: int = 0
    ms: float


@record
class Connection:
    """A TCP connection to the first address of one family."""

    family: IpFamily
    ended: Ended
    ms: float


class Login(Enum):
    """A way to identify oneself that a proxy offers (RFC 9110, 11.7; RFC 4559)."""

    NEGOTIATE = "negotiate"
    NTLM = "ntlm"
    BASIC = "basic"
    DIGEST = "digest"
    OTHER = "other"


@record
class Tunnel:
    """What a proxy answered to CONNECT, or to a request for a plain address."""

    ended: Ended
    status: int | None = None
    logins: tuple[Login, ...] = ()
    """What it offers with a status 407."""
    ms: float


class Tls(Enum):
    """A version of TLS that was offered alone."""

    V1_2 = "1.2"
    V1_3 = "1.3"


@record
class Handshake:
    """One handshake, in which the server's certificate was looked at and not judged."""

    version: Tls
    ended: Ended
    alert: str = ""
    """Why it failed, of a fixed vocabulary: the alert's name (RFC 8446, 6.2) with hyphens,
    not-offered where this workstation's settings rule the version out, other."""
    asks_certificate: bool | None = None
    """The server asked for a person's certificate (CertificateRequest); None before it could."""
    ms: float


class Authority(Enum):
    """Where the chain that a server sent leads."""

    PUBLIC = "public"
    """To an authority that browsers bring along."""
    IGC_SANTE = "igc-sante"
    OTHER = "other"
    """To none of these: somebody on the way, or a private authority, has made it."""
    UNKNOWN = "unknown"
    """It could not be followed to its end."""


@record
class ServerCertificate:
    """The certificate that a server showed, judged by this workstation and by the public roots."""

    authority: Authority
    trusted: bool | None
    """By the workstation's own store; None when that could not be asked."""
    fault: str = ""
    """Why not, in a fixed vocabulary: expired, not-yet-valid, wrong-name, self-signed,
    unknown-issuer, revoked, other."""
    issuer: Private
    """The name of the authority at the end of the chain that was sent."""
    interceptor: str = ""
    """The product that makes such certificates, as the catalogue knows it by that name."""
    top: str
    """SHA-256 of the last issuer's name: the same for two hosts when one hand made both."""
    not_before: datetime
    not_after: datetime


class Content(Enum):
    """What an answer holds."""

    EXPECTED = "expected"
    """What the endpoint is there for: its metadata with its own issuer, a revocation list, any
    answer where only that counts."""
    INCONSISTENT = "inconsistent"
    """Of the right kind, and about another server."""
    HTML = "html"
    OTHER = "other"
    NONE = "none"


@record
class Answer:
    """What the server answered to one GET; no redirection is followed."""

    ended: Ended
    status: int | None = None
    content: Content = Content.NONE
    elsewhere: bool = False
    """It sends the browser to another host."""
    date: datetime | None = None
    """The Date field (RFC 9110, 6.6.1); None too where the answer comes out of a cache."""
    at: datetime | None = None
    """What this workstation's clock said when the answer's head had come."""
    ms: float


class Via(Enum):
    """How an endpoint is reached."""

    DIRECT = "direct"
    PROXY = "proxy"
    """Through the proxy that the system sets for browsers."""
    OTHER_PROXY = "other-proxy"
    """Through one that is set for other programs alone."""
    SYSTEM = "system"
    """By the system's own client, which may identify the person to a proxy (WinHTTP, CFNetwork)."""


@record
class Way:
    """One way to one endpoint, as far as it leads."""

    via: Via
    lookups: tuple[Lookup, ...] = ()
    """Of the endpoint's name, or of the proxy's."""
    connections: tuple[Connection, ...] = ()
    tunnel: Tunnel | None = None
    handshakes: tuple[Handshake, ...] = ()
    certificate: ServerCertificate | None = None
    answer: Answer | None = None


@record
class Reach:
    """The ways to one endpoint of the catalogue."""

    endpoint: str
    host: str
    ways: tuple[Way, ...]
    """The direct one and, where the system has a proxy for it, that through the proxy."""
    ms: float
    """All of it."""


@record
class NeededHosts:
    """The endpoints without which what the person wants to do fails."""

    reached: tuple[Reach, ...]


@record
class OtherHosts:
    """The other endpoints of the field: they tell what of a trouble is the network's."""

    reached: tuple[Reach, ...]


class ProxyOrigin(Enum):
    """Where the system keeps a proxy's setting."""

    ENVIRONMENT = "environment"
    """http_proxy, https_proxy, no_proxy."""
    WINDOWS = "windows"
    """Internet Settings of the person; WinHTTP's for a service."""
    MACOS = "macos"
    """SystemConfiguration."""
    GNOME = "gnome"
    """org.gnome.system.proxy."""


class ScriptState(Enum):
    """What became of a proxy script (PAC)."""

    NONE = "none"
    USED = "used"
    UNREACHABLE = "unreachable"
    """It is set, and could not be had."""
    FAULTY = "faulty"
    """It was had, and gave no answer that makes sense."""
    NOT_ASKED = "not-asked"
    """This tool cannot run it here: the ways through it are unknown."""


@record
class ProxyChoice:
    """What the system says for one endpoint."""

    endpoint: str
    proxies: tuple[Private, ...]
    """Each host:port, in the order in which they are tried; none is « direct »."""
    origin: ProxyOrigin | None = None


@record
class Proxies:
    """The proxies that the system has set, and which of them an endpoint goes through."""

    origins: tuple[ProxyOrigin, ...]
    """Where something is set, the one that browsers follow first."""
    script: ScriptState = ScriptState.NONE
    found_by_itself: bool = False
    """The script was found by automatic detection (WPAD), not set."""
    choices: tuple[ProxyChoice, ...] = ()
    elsewhere: tuple[Private, ...] = ()
    """Each host:port that is set for other programs, where browsers have none."""
    source: str


@record
class Links:
    """The network links of the workstation."""

    up: int
    """Links that are up and have an address, the loopback apart."""
    tunnels: int = 0
    """Those of them that are a private network's (VPN)."""
    families: tuple[IpFamily, ...]
    """Those in which it has an address that leads further than its own link."""
    routes: tuple[IpFamily, ...]
    """Those in which the system names a way to the Internet."""
    resolvers: tuple[Private, ...] = ()
    """The name servers that it asks; none where the system does not tell."""
    source: str


@record
class TimeSource:
    """What another clock says."""

    name: str
    """The endpoint of the catalogue whose answer held the date, or the name of a time server."""
    ahead_s: float
    """Seconds that this workstation's clock is ahead of it; negative when it is late."""
    uncertain_s: float
    """How far that may be wrong, either way."""


@record
class Clocks:
    """What other clocks say of this workstation's."""

    sources: tuple[TimeSource, ...]


class Revoked(Enum):
    """Whether the authority has revoked a certificate."""

    NOT_ASKED = "not-asked"
    """There was no certificate to ask about."""
    NO = "no"
    YES = "yes"
    NOT_NAMED = "not-named"
    """The certificate names no list that this tool asks for."""
    UNREACHABLE = "unreachable"
    """The list could not be had."""
    UNUSABLE = "unusable"
    """What was had is no list of its authority that is good today."""


@record
class Revocation:
    """What is known of the revocation of the card's authentication certificate."""

    revoked: Revoked
    source: str
    """The address of the list."""
    list_until: datetime | None = None
    """The list that was read is good until then."""
    detail: str = ""
    """Why it could not be had or used, in this tool's own words."""
