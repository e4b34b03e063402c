"""Are the authorities of the cards where the browser looks for them, and the old ones gone?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diagcps.api import (
    Area,
    AuthorityStore,
    AuthorityStores,
    Catalogue,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    FileState,
    Finding,
    FirefoxProfile,
    FirefoxProfiles,
    Level,
    MissingFact,
    NotApplicable,
    Platform,
    ProbeFailure,
    Products,
    Reason,
    StoreKind,
    System,
)

from ._installed import OF_CARD, OF_WAY, OF_WORK, Way, certificate, cryptolib, known, way, works

if TYPE_CHECKING:
    from diagcps.api import KnownAuthority

_MISSING = CauseId("ca.missing")
_OBSOLETE = CauseId("ca.obsolete")

_READ = frozenset({FileState.PRESENT, FileState.EMPTY, FileState.ABSENT})
"""What a store may be for its content to be known."""


def judge_present(facts: Facts) -> Iterator[Finding | Evidence]:
    """The authorities that the installer adds are in the stores that the browser takes."""
    cryptolib(facts)
    taken, stores = way(facts), facts[AuthorityStores]
    if taken is None:
        raise NotApplicable
    kind = StoreKind.COFFRE if taken is Way.LIBRARY else StoreKind.SYSTEM
    own = [store for store in stores.stores if store.kind is kind]
    for store in own:
        yield Evidence(key="authorities-held", value=len(store.held), source=store.name)
    held = {sha1.upper() for store in own for sha1 in store.held}
    of_firefox = _of_profiles(facts) if taken is Way.LIBRARY else set[str]()
    lacking = [a for a in _current(facts) if a.sha1.upper() not in held | (of_firefox or set())]
    is_read = bool(own) and all(store.state in _READ for store in own) and of_firefox is not None
    if lacking and not is_read:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    for authority in lacking:
        yield Evidence(key="authority-missing", value=authority.name, source=stores.source)
    if lacking:
        matters = any(_is_of_cards(authority, facts) for authority in lacking)
        yield Finding(cause=_MISSING, level=None if matters else Level.INFO)


def _current(facts: Facts) -> Iterator[KnownAuthority]:
    return (each for each in facts[Catalogue].authorities.authorities if not each.old)


def _of_profiles(facts: Facts) -> set[str] | None:
    """What every Firefox profile that opens by itself holds; None when one could not be read."""
    profiles = known(facts, FirefoxProfiles)
    held: list[set[str]] = []
    for profile in profiles.profiles if profiles is not None else ():
        if profile.default and profile.authorities is None:
            return None
        if profile.default:
            held.append({sha1.upper() for sha1 in profile.authorities or ()})
    return set.intersection(*held) if held else set()


def _is_of_cards(authority: KnownAuthority, facts: Facts) -> bool:
    """It is in the chain of the card, or without one in that of some card: organisations have
    none."""
    own, words = certificate(facts), authority.name.upper().split()
    if own is None or not words:
        return "ORGANISATIONS" not in words
    # « AC IGC-SANTE FORT PERSONNES » is below « AC RACINE IGC-SANTE FORT ».
    issuer = own.issuer.upper().split()
    return words == issuer or ("RACINE" in words and words[-1] in issuer)


def judge_old(facts: Facts) -> Iterator[Finding | Evidence]:
    """No store holds an authority of the generations before."""
    old = {a.sha1.upper(): a.name for a in facts[Catalogue].authorities.authorities if a.old}
    stores, profiles = facts[AuthorityStores].stores, known(facts, FirefoxProfiles)
    of_firefox = profiles.profiles if profiles is not None else ()
    in_stores = [(old[sha1], store.name) for store in stores for sha1 in _old(store, old)]
    in_profiles = [(old[sha1], p.place) for p in of_firefox for sha1 in _old(p, old)]
    for name, place in dict.fromkeys((*in_stores, *in_profiles)):
        yield Evidence(key="authority-old", value=name, source=place)
    if in_stores or in_profiles:
        # A Firefox in which nobody signs in bothers nobody; on Linux nothing is known to take
        # authorities from the Coffre.
        taken = bool(in_stores) and facts[System].platform is not Platform.LINUX
        matters = taken or (bool(in_profiles) and way(facts) is Way.LIBRARY)
        yield Finding(cause=_OBSOLETE, level=None if matters and not works(facts) else Level.INFO)


def _old(store: AuthorityStore | FirefoxProfile, old: dict[str, str]) -> list[str]:
    held = store.held if isinstance(store, AuthorityStore) else store.authorities
    return [sha1.upper() for sha1 in held or () if sha1.upper() in old]


PRESENT = Check(
    id=CheckId("certificate.authorities"),
    area=Area.CERTIFICATE,
    judge=judge_present,
    uses=(Products, AuthorityStores, FirefoxProfiles, Catalogue, *OF_CARD, *OF_WAY),
    causes=(_MISSING,),
)

OLD = Check(
    id=CheckId("certificate.old-authorities"),
    area=Area.CERTIFICATE,
    judge=judge_old,
    uses=(AuthorityStores, FirefoxProfiles, Catalogue, *OF_WORK),
    causes=(_OBSOLETE,),
)
