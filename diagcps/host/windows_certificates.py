"""Certificates in Windows' stores: the authorities of the card, and the person's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from diagcps.catalogue_parts import AuthorityCatalogue
from diagcps.facts import StoredCertificate
from diagcps.host.stores import coffre, held_in
from diagcps.host.windows_crypto import InStore, Owner, opened, state_of_store
from diagcps.host.windows_places import Places
from diagcps.model import Private, PrivateKind, ProbeUnavailable
from diagcps.workstation import (
    AuthorityStore,
    AuthorityStores,
    PersonCertificate,
    PersonCertificates,
    StoreKind,
)

_COFFRE = r"%ALLUSERSPROFILE%\santesocial\cps\coffre"
_OWNERS = {Owner.MACHINE: "LocalMachine", Owner.PERSON: "CurrentUser"}
_STORES = ("ROOT", "CA")
_OWN = "MY"
_AUTHORITY = "IGC-SANTE"
"""In the name of each of its authorities, « TEST AC IGC-SANTE … » too."""
_MOST_OF_A_PERSON = 32
"""A card has three; each person who signs in with one here has theirs."""

Acquire = Callable[[Sequence[str]], Sequence[int | None]]
"""What came of acquiring the key of each certificate, by their SHA-256."""


def read_authority_stores(places: Places, known: AuthorityCatalogue) -> AuthorityStores:
    """The Cryptolib's own store, then the machine's and the person's of roots and intermediates.

    Raises ProbeUnsupported where Windows' own cannot be asked.
    """
    folder = places.find(_COFFRE)
    own = () if folder is None else (coffre(folder, _COFFRE, known),)
    stores = (_of_system(owner, name, known) for owner, name in product(_OWNERS, _STORES))
    return AuthorityStores(stores=(*own, *stores), source=f"{_COFFRE}, CertOpenStore")


def _of_system(owner: Owner, name: str, known: AuthorityCatalogue) -> AuthorityStore:
    label = rf"certificate store {_OWNERS[owner]}\{name}"
    found: list[StoredCertificate] = []
    state = state_of_store(
        owner, name, lambda each: found.append(StoredCertificate(data=each.data, source=label))
    )
    held = held_in(found, known)
    return AuthorityStore(kind=StoreKind.SYSTEM, name=label, state=state, held=held)


def read_person_certificates(acquire: Acquire) -> PersonCertificates:
    r"""The certificates of IGC-Santé in CurrentUser\My, 32 at most, with what `acquire` says.

    Raises ProbeUnavailable for a store that is not there, ProbeDenied for one that may not be
    opened, ProbeUnsupported where there is none.
    """
    try:
        with opened(Owner.PERSON, _OWN) as certificates:
            ours = (each for each in certificates if _AUTHORITY in each.issuer().upper())
            found = _first(ours)
    except FileNotFoundError as error:
        raise ProbeUnavailable(r"CurrentUser\My") from error
    codes = acquire([fingerprint for fingerprint, _ in found]) if found else ()
    return PersonCertificates(
        certificates=tuple(
            PersonCertificate(
                fingerprint=Private(PrivateKind.CERTIFICATE, fingerprint),
                provider=provider,
                code=code,
            )
            for (fingerprint, provider), code in zip(found, codes, strict=True)
        ),
        source=r"CurrentUser\My",
    )


def _first(certificates: Iterator[InStore]) -> list[tuple[str, str]]:
    """The fingerprint and the provider of each, as far as there is room for them."""
    found: list[tuple[str, str]] = []
    for each in certificates:
        if len(found) == _MOST_OF_A_PERSON:
            break
        found.append((each.sha256, each.provider()))
    return found
