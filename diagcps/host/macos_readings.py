"""Which reading gives which fact of what is installed and set on macOS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diagcps import browsing, workstation
from diagcps.catalogue import Catalogue
from diagcps.host.browsers_macos import firefox_places, read_browsers
from diagcps.host.commands import Run
from diagcps.host.firefox import read_profiles
from diagcps.host.galss import read_galss
from diagcps.host.macos_cards import read_cards
from diagcps.host.macos_installed import (
    read_mac_components,
    read_products,
    read_registration,
    read_settings,
)
from diagcps.host.macos_stores import read_authority_stores
from diagcps.host.macos_system import read_account, read_machine
from diagcps.host.programs import of_this_user_or_root
from diagcps.host.software import read_software
from diagcps.model import Platform, ProbeUnavailable

_GALSS = "Library/Preferences/galss.ini"


def readings(
    root: Path, home: Path | None, run: Run, catalogue: Catalogue
) -> Mapping[type, Callable[[], Any]]:
    """What reads each kind of fact; each raises ProbeError subclasses only.

    `home` is the person's folder; None where the session names none.
    """
    return {
        workstation.Machine: lambda: read_machine(root, run),
        workstation.Account: lambda: read_account(run),
        workstation.Products: lambda: read_products(root),
        workstation.Components: lambda: read_mac_components(root, catalogue.cryptolib),
        workstation.Registration: lambda: read_registration(root, home),
        workstation.Settings: lambda: read_settings(root),
        # That of PC/SC has a fact of its own, and there is no other.
        workstation.Services: lambda: workstation.Services(services=(), source="launchd"),
        workstation.Software: lambda: _software(catalogue),
        workstation.Galss: lambda: read_galss(root / _GALSS, f"/{_GALSS}"),
        workstation.AuthorityStores: lambda: read_authority_stores(
            root, run, catalogue.authorities
        ),
        workstation.MacCards: lambda: read_cards(root, run),
        browsing.Browsers: lambda: read_browsers(root, _known(home)),
        browsing.FirefoxProfiles: lambda: read_profiles(firefox_places(_known(home)), catalogue),
    }


def _software(catalogue: Catalogue) -> workstation.Software:
    source = "sysctl(3) KERN_PROC, proc_pidpath"
    return read_software(Platform.MACOS, catalogue, is_ours=of_this_user_or_root, source=source)


def _known(home: Path | None) -> Path:
    if home is None:
        raise ProbeUnavailable("HOME")
    return home
