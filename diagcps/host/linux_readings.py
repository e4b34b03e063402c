"""Which reading gives which fact of what is installed and set on Linux."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diagcps import browsing, workstation
from diagcps.catalogue import Catalogue
from diagcps.host.browsers_linux import firefox_places, read_browsers
from diagcps.host.components import read_components
from diagcps.host.firefox import read_profiles
from diagcps.host.linux_installed import (
    read_authority_stores,
    read_registration,
    read_settings,
)
from diagcps.host.linux_packages import read_products
from diagcps.host.linux_system import read_account, read_machine
from diagcps.host.programs import of_this_user_or_root
from diagcps.host.software import read_software
from diagcps.model import Platform, ProbeUnavailable


def readings(
    root: Path, environ: Mapping[str, str], catalogue: Catalogue
) -> Mapping[type, Callable[[], Any]]:
    """What reads each kind of fact; each raises ProbeError subclasses only.

    `environ` is that of the person's session. None reads galss.ini, of which no source names the
    place on Linux.
    """
    cryptolib, authorities = catalogue.cryptolib, catalogue.authorities
    return {
        workstation.Machine: lambda: read_machine(root),
        workstation.Account: lambda: _account(root),
        workstation.Products: lambda: read_products(root, cryptolib),
        workstation.Components: lambda: read_components(root, cryptolib, Platform.LINUX),
        workstation.Registration: lambda: read_registration(root, environ),
        workstation.Settings: lambda: read_settings(root),
        # That of pcscd has a fact of its own, and there is no other.
        workstation.Services: lambda: workstation.Services(services=(), source="systemd"),
        workstation.Software: lambda: _software(catalogue),
        workstation.AuthorityStores: lambda: read_authority_stores(root, authorities),
        browsing.Browsers: lambda: read_browsers(root, _home(root, environ), environ),
        browsing.FirefoxProfiles: lambda: _profiles(root, environ, catalogue),
    }


def _account(root: Path) -> workstation.Account:
    # A program's rights are those of its effective ids, whoever started it.
    return read_account(root, user=os.geteuid(), groups=(os.getegid(), *os.getgroups()))


def _software(catalogue: Catalogue) -> workstation.Software:
    source = "/proc/PID/stat, /proc/PID/exe, /proc/net/tcp"
    return read_software(Platform.LINUX, catalogue, is_ours=of_this_user_or_root, source=source)


def _profiles(
    root: Path, environ: Mapping[str, str], catalogue: Catalogue
) -> browsing.FirefoxProfiles:
    return read_profiles(firefox_places(root, _home(root, environ), environ), catalogue)


def _home(root: Path, environ: Mapping[str, str]) -> Path:
    """This person's folder. Raises ProbeUnavailable where the session names none."""
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        raise ProbeUnavailable("HOME")
    return root / home.lstrip("/")
