"""Which reading gives which fact of what is installed and set on Windows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from diagcps import browsing, workstation
from diagcps.catalogue import Catalogue
from diagcps.catalogue_parts import CryptolibCatalogue
from diagcps.host.browsers_windows import firefox_places, read_browsers
from diagcps.host.firefox import read_profiles
from diagcps.host.galss import read_galss
from diagcps.host.software import read_software
from diagcps.host.windows_certificates import read_authority_stores, read_person_certificates
from diagcps.host.windows_installed import read_components, read_products
from diagcps.host.windows_keys import acquire
from diagcps.host.windows_places import Places
from diagcps.host.windows_registration import read_registration
from diagcps.host.windows_registry import Registry
from diagcps.host.windows_services import read_services
from diagcps.host.windows_sessions import OF_SERVICES, sessions
from diagcps.host.windows_settings import read_settings
from diagcps.host.windows_system import read_account, read_machine
from diagcps.model import Platform, ProbeUnavailable, ProbeUnsupported

_GALSS = r"%SystemRoot%\galss.ini"


def readings(
    environ: Mapping[str, str], registry: Registry, catalogue: Catalogue
) -> Mapping[type, Callable[[], Any]]:
    """What reads each kind of fact; each raises ProbeError subclasses only.

    `environ` is that of the person's session.
    """
    places = Places(environ)
    cryptolib, authorities = catalogue.cryptolib, catalogue.authorities
    return {
        workstation.Machine: lambda: read_machine(registry),
        workstation.Account: read_account,
        workstation.Products: lambda: read_products(registry, places, cryptolib),
        workstation.Components: lambda: _components(places, cryptolib),
        workstation.Registration: lambda: read_registration(registry, places, cryptolib),
        workstation.Settings: lambda: read_settings(registry, places),
        workstation.Services: read_services,
        workstation.Software: lambda: _software(catalogue),
        workstation.Galss: lambda: _galss(places),
        workstation.AuthorityStores: lambda: read_authority_stores(places, authorities),
        workstation.PersonCertificates: lambda: read_person_certificates(acquire),
        browsing.Browsers: lambda: read_browsers(environ, registry),
        browsing.FirefoxProfiles: lambda: read_profiles(firefox_places(environ), catalogue),
    }


def _components(places: Places, cryptolib: CryptolibCatalogue) -> workstation.Components:
    """Raises ProbeUnsupported elsewhere: that nothing is there would say nothing."""
    if not hasattr(sys, "getwindowsversion"):
        raise ProbeUnsupported("not Windows")
    return read_components(places, cryptolib)


def _galss(places: Places) -> workstation.Galss:
    file = places.find(_GALSS)
    if file is None:
        raise ProbeUnavailable("SystemRoot")
    return read_galss(file, _GALSS)


def _software(catalogue: Catalogue) -> workstation.Software:
    """What runs in this person's session and for the system."""
    session_of, ours = sessions()
    return read_software(
        Platform.WINDOWS,
        catalogue,
        is_ours=lambda process: session_of(process.pid) in (ours, OF_SERVICES),
        source="EnumProcesses, ProcessIdToSessionId, GetExtendedTcpTable",
    )
