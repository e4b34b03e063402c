"""Does the system offer the card's certificate to the browsers that ask it for one?

Windows keeps it in the person's store, where the Cryptolib's certificate manager (CCM) puts it;
macOS in CryptoTokenKit, where CPS Gestion does.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Area,
    Catalogue,
    CauseId,
    Check,
    CheckId,
    Components,
    Evidence,
    Facts,
    FileState,
    Finding,
    Level,
    MacCards,
    MissingFact,
    NotApplicable,
    Part,
    Pcsc,
    PersonCertificates,
    Platform,
    ProbeFailure,
    ProgramKind,
    Reason,
    Services,
    Settings,
    Slot,
    SlotState,
    Software,
    describe,
)

from ._installed import (
    CTK_HOLDS,
    OF_WAY,
    OF_WORK,
    Way,
    card_of,
    certificate,
    has_token,
    in_store,
    is_of_the_authority,
    is_shown,
    known,
    of_a_person,
    offered,
    way,
)
from ._slots import could_be_cps

_STOPPED = CauseId("middleware.ccm-stopped")
_NOT_PROPAGATED = CauseId("certificate.not-propagated")
_NO_TOKEN = CauseId("middleware.ctk-token-absent")
_HELD = CauseId("middleware.ctk-holds-card")

_WINDOWS = frozenset({Platform.WINDOWS})
_MACOS = frozenset({Platform.MACOS})


def judge_manager(facts: Facts) -> Iterator[Finding | Evidence]:
    """The certificate manager runs and watches the reader, where its work is missed."""
    yield from of_a_person(facts)
    if not _has_manager(facts):
        raise NotApplicable
    names = {p.name for p in facts[Catalogue].programs.programs if p.kind is ProgramKind.MANAGER}
    software, settings = facts[Software], known(facts, Settings)
    runs = any(each.name in names for each in software.running)
    yield Evidence(key="manager", value=runs, source=software.source)
    watching = [s for s in settings.settings if s.name == "auto-detect"] if settings else []
    for each in watching:
        yield Evidence(key="watching", value=each.value, source=each.source)
    watches = not any(each.value.strip() == "0" for each in watching)
    # Windows may propagate certificates by itself: what is there does not lack its manager.
    if way(facts) is Way.STORE and offered(facts) is False and not (runs and watches):
        # The browser has no certificate then, and here is why.
        yield Finding(cause=_STOPPED, level=Level.KO)


def _has_manager(facts: Facts) -> bool:
    files = facts[Catalogue].cryptolib.files
    names = {file.name.lower() for file in files if file.part is Part.MANAGER}
    there = (c for c in facts[Components].expected if c.state is FileState.PRESENT)
    return any(component.name.lower() in names for component in there)


def judge_propagated(facts: Facts) -> Iterator[Finding | Evidence]:
    """The card's certificate is among those that Windows offers to browsers."""
    yield from of_a_person(facts)
    own, taken = certificate(facts), way(facts)
    # Firefox asks the library itself.
    of_windows = taken is not Way.LIBRARY
    store = facts[PersonCertificates] if of_windows else known(facts, PersonCertificates)
    # Of a card that the library does not show there is nothing to offer, and another check says so.
    if own is None or store is None or not is_of_the_authority(own) or not is_shown(facts):
        raise NotApplicable
    found = in_store(own, store)
    yield Evidence(key="certificates-offered", value=len(store.certificates), source=store.source)
    yield Evidence(key="offered", value=found is not None, source=store.source)
    if found is not None:
        yield Evidence(key="provider", value=found.provider, source=store.source)
        return
    services = known(facts, Services)
    for each in services.services if services is not None else ():
        yield Evidence(key="service-state", value=each.state.value, source=each.name)
    if taken is None:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    yield Finding(cause=_NOT_PROPAGATED, level=None if of_windows else Level.INFO)


def judge_token(facts: Facts) -> Iterator[Finding | Evidence]:
    """CryptoTokenKit has the card's token, where the browser asks it."""
    taken = way(facts)
    if taken is Way.LIBRARY or card_of(facts) is None:
        raise NotApplicable
    mac = facts[MacCards]
    yield from _seen(mac)
    if has_token(mac):
        return
    is_absent = mac.gestion is FileState.ABSENT
    if is_absent and taken is Way.TOKEN:
        yield Finding(cause=_NO_TOKEN)
    elif is_absent or not is_shown(facts):
        # Of an unknown browser nobody says whether it misses the token; with the application there,
        # what a missing one means, nor that any program comes to the card.
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))


def judge_left_by_macos(facts: Facts) -> Iterator[Finding | Evidence]:
    """CryptoTokenKit does not keep the card from other programs."""
    mac = known(facts, MacCards)
    if mac is None or not has_token(mac):
        raise NotApplicable
    yield from _seen(mac)
    held = [each for each in facts[Pcsc].slots if could_be_cps(each) and _is_held(each)]
    for slot in held:
        yield Evidence(key="code", value=describe(slot.code), source=slot.model)
    if held:
        # Safari and Chrome reach the card through CryptoTokenKit itself.
        yield Finding(cause=_HELD, level=None if way(facts) is Way.TOKEN else Level.KO)


def _seen(mac: MacCards) -> Iterator[Evidence]:
    yield Evidence(key="gestion", value=mac.gestion.value, source=mac.source)
    for token in mac.tokens:
        yield Evidence(key="ctk-token", value=token, source=mac.source)


def _is_held(slot: Slot) -> bool:
    return slot.state is SlotState.HELD or slot.code == CTK_HOLDS


MANAGER = Check(
    id=CheckId("middleware.manager"),
    area=Area.MIDDLEWARE,
    judge=judge_manager,
    uses=(Software, Settings, Components, Catalogue, *OF_WORK),
    causes=(_STOPPED,),
    platforms=_WINDOWS,
)

PROPAGATED = Check(
    id=CheckId("certificate.propagated"),
    area=Area.CERTIFICATE,
    judge=judge_propagated,
    uses=(Services, *OF_WORK),
    needs=(CheckId("middleware.agrees"),),
    unless=(CheckId("middleware.complete"), CheckId("middleware.manager")),
    causes=(_NOT_PROPAGATED,),
    platforms=_WINDOWS,
)

TOKEN = Check(
    id=CheckId("middleware.system-token"),
    area=Area.MIDDLEWARE,
    judge=judge_token,
    uses=OF_WORK,
    needs=(CheckId("card.readable"),),
    causes=(_NO_TOKEN,),
    platforms=_MACOS,
)

LEFT_BY_MACOS = Check(
    id=CheckId("middleware.left-by-macos"),
    area=Area.MIDDLEWARE,
    judge=judge_left_by_macos,
    uses=(MacCards, Pcsc, *OF_WAY),
    needs=(CheckId("reader.present"),),
    causes=(_HELD,),
    platforms=_MACOS,
)
