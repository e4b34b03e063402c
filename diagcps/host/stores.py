"""Which authorities of the catalogue a store of certificates holds."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from diagcps.catalogue_parts import AuthorityCatalogue
from diagcps.facts import FileState, StoredCertificate
from diagcps.host.common import certificates_of_folder
from diagcps.host.files import state_of
from diagcps.workstation import AuthorityStore, StoreKind

_MOST_LOOKED_AT = 256


def held_in(
    certificates: Iterable[StoredCertificate], known: AuthorityCatalogue
) -> tuple[str, ...]:
    """The SHA-1 of the catalogue's authorities among the certificates, in the catalogue's order."""
    found = {fingerprint(each.data) for each in certificates}
    return tuple(each.sha1 for each in known.authorities if each.sha1 in found)


def fingerprint(certificate: bytes) -> str:
    """The SHA-1 of a certificate in DER, in upper-case hexadecimal."""
    import hashlib

    # A name that publishers print; nothing is trusted for it.
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest().upper()


def coffre(folder: Path, label: str, known: AuthorityCatalogue) -> AuthorityStore:
    """The Cryptolib's own store, a folder of certificates; EMPTY when there is none in it,
    UNREADABLE when one of them is: nobody can say then what is not in it.

    `label` is how evidence names it.
    """
    state = state_of(folder)
    certificates = certificates_of_folder(folder, label) if state is FileState.PRESENT else ()
    if state is FileState.PRESENT and _hides_one(folder):
        state = FileState.UNREADABLE
    elif state is FileState.PRESENT and not certificates:
        state = FileState.EMPTY
    held = held_in(certificates, known)
    return AuthorityStore(kind=StoreKind.COFFRE, name=label, state=state, held=held)


def _hides_one(folder: Path) -> bool:
    try:
        found = list(islice(folder.iterdir(), _MOST_LOOKED_AT))
    except OSError:
        return True
    certificates = (each for each in found if each.suffix.lower() == ".cer")
    return any(state_of(each) is FileState.UNREADABLE or each.is_dir() for each in certificates)
