"""Facts of the browsers: those that are installed, and the one in which the person signs in.

Typed and frozen as those of `workstation`, of which they are a part.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum

from diagcps.facts import FileState
from diagcps.model import Private
from diagcps.records import record


class BrowserKind(Enum):
    """A family of browsers, told apart by how they reach the card."""

    FIREFOX = "firefox"
    CHROME = "chrome"
    EDGE = "edge"
    SAFARI = "safari"
    CHROMIUM = "chromium"
    INTERNET_EXPLORER = "internet-explorer"
    OTHER = "other"


class Sandbox(Enum):
    """A package of Linux that keeps a program from the rest of the system."""

    NONE = "none"
    SNAP = "snap"
    FLATPAK = "flatpak"


@record
class Browser:
    """An installed browser."""

    kind: BrowserKind
    name: str
    """As people call it: Google Chrome, Microsoft Edge, Firefox ESR …"""
    version: str
    """Empty when it could not be read."""
    architecture: str = ""
    sandbox: Sandbox = Sandbox.NONE
    source: str


@record
class BrowserPolicy:
    """A policy of an administrator on the access of pages to this machine's own programs."""

    browser: BrowserKind
    name: str
    """LocalNetworkAccessAllowedForUrls, LoopbackNetworkAllowedForUrls, LocalNetworkAccess …"""


@record
class Browsers:
    """The browsers that this person can open, and the one that opens a link."""

    browsers: tuple[Browser, ...]
    default: BrowserKind | None = None
    """None when the system does not say, or names none that is known."""
    policies: tuple[BrowserPolicy, ...] = ()
    hidden: bool = False
    """None was found, and something that would list one could not be read."""
    source: str


@record
class Extension:
    """An extension of a Firefox profile (extensions.json)."""

    id: str
    version: str
    active: bool


@record
class SecurityModule:
    """A PKCS#11 module of a Firefox profile (pkcs11.txt)."""

    name: str
    library: str
    """The name of its file, without the folder."""


@record
class FirefoxProfile:
    """A Firefox profile of this person."""

    name: Private
    place: str
    """Which Firefox's: its kind of package or folder, without the person's own."""
    default: bool
    """Firefox opens it by itself (installs.ini, profiles.ini)."""
    used: datetime | None = None
    """When it was used last (times.json, or its newest file); None when never."""
    state: FileState
    """UNREADABLE: its files could not be read; EMPTY: it was never opened; ABSENT: its folder is
    gone."""
    sandbox: Sandbox = Sandbox.NONE
    extensions: tuple[Extension, ...] = ()
    """The CPS ones alone, today's and older ones."""
    modules: tuple[SecurityModule, ...] = ()
    """Those of the card alone: the Cryptolib's, older ones and OpenSC's."""
    system_certificates: bool | None = None
    """Firefox also takes the certificates of the system (security.osclientcerts.autoload); None
    where the profile leaves it as Firefox has it by default."""
    authorities: tuple[str, ...] | None = ()
    """SHA-1, upper case, of the catalogue's authorities in its certificate store, old ones too;
    None when the store could not be read."""


@record
class FirefoxProfiles:
    """The Firefox profiles of this person."""

    profiles: tuple[FirefoxProfile, ...]
    unread: int = 0
    """How many more there are than were looked at."""
    source: str


class How(Enum):
    """Why a browser is taken for the one in which the person signs in."""

    PAGE = "page"
    """It shows this tool's page."""
    NAMED = "named"
    """The person said so."""
    DEFAULT = "default"
    """It opens links on this workstation."""


@record
class PageBrowser:
    """What this tool's page says of the browser that shows it, or what the person named."""

    kind: BrowserKind
    version: str
    """Its major version where the browser tells no more; empty when only named."""
    chromium: bool = False
    """It says that it is built on Chromium, whatever its name is."""
    extension: bool | None = None
    """The CPS extension answered in the page (`window.isCpsWebExAlive`); None: not asked."""
    how: How


Visit = Callable[[], PageBrowser | None]
"""What gives the browser in which the person signs in, as far as it is known."""
