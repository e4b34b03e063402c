"""What the Cryptolib CPS sets, lays down and registers on Linux (its RPM, release note 5.2.2)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from diagcps.catalogue_parts import AuthorityCatalogue
from diagcps.facts import FileState
from diagcps.host.cps_conf import parse_conf
from diagcps.host.files import is_allowed, state_of, text_of
from diagcps.host.manifests import read_module
from diagcps.host.stores import coffre
from diagcps.workstation import (
    AuthorityStores,
    FolderRights,
    Registration,
    Setting,
    Settings,
)

COFFRE = "/etc/opt/santesocial/CPS/Coffre"
_FOLDERS = (
    ("coffre", COFFRE),
    ("log", "/var/opt/santesocial/CPS/log"),
    ("cache", "/etc/opt/santesocial/CPS/cache"),
)
_CONF = "/etc/opt/santesocial/CPS/cps3_pkcs11.conf"
"""The only switch of traces: the variables CPS3_PCS11_TRACES and CPS3_DEBUG of the specification
are not read by the library of 5.2.2 (measured: it asks for none of them, and writes nothing)."""

_MANIFEST = "cps3.json"
_MANIFESTS = ("/usr/lib64/mozilla/pkcs11-modules", "/usr/lib/mozilla/pkcs11-modules")
_OWN_MANIFESTS = "~/.mozilla/pkcs11-modules"
"""Where Firefox looks for everybody, and for one person (Mozilla, « Native manifests », Linux)."""


def read_registration(root: Path, environ: Mapping[str, str]) -> Registration:
    """The manifests of the Cryptolib's module that are there, a person's own first, as Firefox
    takes them."""
    files = [(folder, _below(root, folder) / _MANIFEST) for folder in _MANIFESTS]
    home = environ.get("HOME")
    if home:
        own = _below(root, home) / _OWN_MANIFESTS.removeprefix("~/")
        files.insert(0, (_OWN_MANIFESTS, own / _MANIFEST))
    found = (read_module(file, folder, lambda path: _below(root, path)) for folder, file in files)
    return Registration(
        modules=tuple(each for each in found if each.manifest is not FileState.ABSENT),
        source=", ".join((_OWN_MANIFESTS, *_MANIFESTS)),
    )


def read_settings(root: Path) -> Settings:
    """What the settings file says, and this user's rights on the library's folders."""
    written = parse_conf(text_of(_below(root, _CONF)) or "")
    return Settings(
        settings=tuple(Setting(name=name, value=value, source=_CONF) for name, value in written),
        folders=tuple(_rights(root, *folder) for folder in _FOLDERS),
        source=f"{_CONF}, access(2)",
    )


def read_authority_stores(root: Path, known: AuthorityCatalogue) -> AuthorityStores:
    """The Cryptolib's Coffre alone: nothing on Linux takes these authorities from the system."""
    return AuthorityStores(stores=(coffre(_below(root, COFFRE), COFFRE, known),), source=COFFRE)


def _rights(root: Path, name: str, place: str) -> FolderRights:
    folder = _below(root, place)
    state = state_of(folder)
    writable = is_allowed(folder, os.W_OK | os.X_OK) if state is FileState.PRESENT else None
    return FolderRights(name=name, place=place, state=state, writable=writable)


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
