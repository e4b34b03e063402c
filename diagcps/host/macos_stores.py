"""The stores of authorities of a Mac: the Cryptolib's coffre and the system's keychain."""

from __future__ import annotations

from pathlib import Path

from diagcps.catalogue_parts import AuthorityCatalogue
from diagcps.facts import FileState
from diagcps.host.commands import Run
from diagcps.host.common import certificates_in
from diagcps.host.stores import coffre, held_in
from diagcps.model import ProbeError
from diagcps.workstation import AuthorityStore, AuthorityStores, StoreKind

COFFRE = "/Library/Preferences/santesocial/CPS/coffre"
SYSTEM_KEYCHAIN = "/Library/Keychains/System.keychain"
"""Where the Cryptolib's package adds its authorities, and an administrator others."""
_SECURITY = "/usr/bin/security"


def read_authority_stores(root: Path, run: Run, known: AuthorityCatalogue) -> AuthorityStores:
    """Both stores, and what they hold of the catalogue's authorities. Never raises: a store that
    cannot be read is UNREADABLE."""
    return AuthorityStores(
        stores=(coffre(root / COFFRE.lstrip("/"), COFFRE, known), _keychain(run, known)),
        source=f"{COFFRE}, {_SECURITY} find-certificate",
    )


def _keychain(run: Run, known: AuthorityCatalogue) -> AuthorityStore:
    name = SYSTEM_KEYCHAIN.rpartition("/")[2]
    try:
        listing = run(_SECURITY, "find-certificate", "-a", "-p", SYSTEM_KEYCHAIN)
    except ProbeError:
        return AuthorityStore(kind=StoreKind.SYSTEM, name=name, state=FileState.UNREADABLE, held=())
    held = held_in(certificates_in(listing, name), known)
    return AuthorityStore(kind=StoreKind.SYSTEM, name=name, state=FileState.PRESENT, held=held)
