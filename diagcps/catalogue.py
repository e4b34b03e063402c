"""What is known of the field, with its date: versions, files, readers, programs, authorities.

Data and no judgement: a probe looks for what is named here, a check compares with it. The values
come from `data/*.toml`, read and checked by `catalogue_files`; an administrator may replace a file.
The types of what it holds are in `catalogue_parts`, imported when the catalogue is read: the page
opens before.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from diagcps.records import record

if TYPE_CHECKING:
    from diagcps.catalogue_parts import (
        AuthorityCatalogue,
        BrowserCatalogue,
        CryptolibCatalogue,
        EndpointCatalogue,
        PortCatalogue,
        ProgramCatalogue,
        ReaderCatalogue,
    )


class Part(Enum):
    """What a file of the Cryptolib is for."""

    PKCS11 = "pkcs11"
    """The library that Firefox and business software load."""
    CSP = "csp"
    """The provider through which Windows, and so Chrome and Edge, use the card."""
    MANAGER = "manager"
    """CCM, « Gestionnaire de certificats CPS »."""
    PROGRAM = "program"
    """CPS Gestion."""
    MANIFEST = "manifest"
    """By which Firefox finds the library."""
    DICTIONARY = "dictionary"
    SUPPORT = "support"
    FOLDER = "folder"


class When(Enum):
    """What must be so on the workstation for a known defect to be felt."""

    ALWAYS = "always"
    CPS4 = "cps4"
    CPS4_T0 = "cps4-t0"
    REMOTE = "remote"
    SEVERAL_PROFILES = "several-profiles"
    """More than one Firefox profile."""
    FIREFOX = "firefox"
    """Firefox is the browser in which the person signs in."""
    APPLE_SILICON = "apple-silicon"
    DUAL_READER = "dual-reader"
    """A reader with and without contact."""
    INSTALLING = "installing"
    """While it is installed or removed: nothing to repair on a workstation that works."""
    OTHER = "other"
    """Something that no fact tells, such as an old version of another program."""


class ReaderKind(Enum):
    """How a reader speaks."""

    PCSC = "pcsc"
    PSS = "pss"
    """Over a serial line: business software reads it, browsers never."""
    BOTH = "both"
    """One or the other, as it is set."""


class Expected(Enum):
    """What an endpoint answers when all is well."""

    OPENID = "openid"
    """Its own metadata (OpenID Connect Discovery 1.0, section 3)."""
    REVOCATION = "revocation"
    """A list of revoked certificates, over plain HTTP (RFC 5280, 5)."""
    PAGE = "page"
    """Anything: that it answers is what counts."""
    DATE = "date"
    """A host that has nothing to do with the field: its date, and that it answers."""


class Environment(Enum):
    """Which of its environments an address of the field belongs to."""

    PRODUCTION = "production"
    TEST = "test"


@record
class Catalogue:
    """All that is known of the field."""

    cryptolib: CryptolibCatalogue
    authorities: AuthorityCatalogue
    readers: ReaderCatalogue
    programs: ProgramCatalogue
    ports: PortCatalogue
    browsers: BrowserCatalogue
    endpoints: EndpointCatalogue


Known = Callable[[], Catalogue]
"""What gives the catalogue, read at the first call."""
