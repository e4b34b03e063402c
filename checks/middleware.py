"""Does the library that browsers use show the card, and the same card as our own reading?

Firefox loads it, and on Linux every browser. Where another one is seen to have the card from the
system, what is wrong with the library is only worth knowing.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Area,
    AuthenticationCertificates,
    CardKind,
    CardState,
    CardStates,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    Level,
    Library,
    LibraryState,
    MissingFact,
    NotApplicable,
    OtherCertificates,
    Pcsc,
    ProbeFailure,
    Products,
    Reading,
    Reason,
    Role,
    Service,
    Session,
    SessionKind,
    SlotState,
    recognise,
)

from ._installed import (
    OF_KIND,
    OF_WORK,
    is_of_the_browser,
    is_without_library,
    known,
    level_of_library,
    listed,
)
from ._slots import best_card, of_card, tokens_of

_ABSENT = CauseId("middleware.absent")
_WRONG_ARCH = CauseId("middleware.wrong-arch")
_LOAD_FAILED = CauseId("middleware.load-failed")
_NOT_RESPONDING = CauseId("middleware.not-responding")
_NOT_SEEN = CauseId("middleware.card-not-seen")
_TOO_OLD = CauseId("middleware.too-old-for-cps4")
_CACHE = CauseId("middleware.cache-corrupt")
_INCOMPLETE = CauseId("middleware.incomplete")
_NO_PSS = CauseId("middleware.no-pss")
_MUTE = CauseId("card.mute")
_IN_USE = CauseId("reader.in-use")
_INTERRUPTED = CauseId("card.update-interrupted")
_STALE = CauseId("session.stale-card")

_FIRST_CALL = "C_Initialize"
_TOKEN_NOT_RECOGNIZED = 0xE1
_BAD_UPDATE = 0x80000001
"""CKR_ASIP_BAD_EF_ACTUA: the vendor's own code for an interrupted « actualisation »."""
_RSA_PKCS_PSS = 0x0D

_STATES = {
    LibraryState.ABSENT: _ABSENT,
    LibraryState.WRONG_ARCHITECTURE: _WRONG_ARCH,
    LibraryState.LOAD_FAILED: _LOAD_FAILED,
}


def _library(facts: Facts) -> Library:
    """The library. Raises NotApplicable where it was not read and the browser does without it."""
    if known(facts, Library) is None and is_without_library(facts):
        raise NotApplicable
    return facts[Library]


def judge_present(facts: Facts) -> Iterator[Finding | Evidence]:
    """The library is there and loads."""
    library = _library(facts)
    if library.state is not LibraryState.ABSENT:
        yield Evidence(key="library", value=library.path, source="file")
    if library.architectures:
        value = ", ".join(library.architectures)
        yield Evidence(key="architectures", value=value, source="file")
    if library.detail is not None:
        yield Evidence(key="loader", value=library.detail, source="loader")
    if library.state is LibraryState.WRONG_ARCHITECTURE:
        yield Finding(cause=_WRONG_ARCH, level=_level_of_kind(facts))
    elif library.state in _STATES:
        products = known(facts, Products)
        # Of a Cryptolib that the system lists nobody says that it is not installed.
        lacks = library.state is LibraryState.ABSENT and products is not None and listed(products)
        cause = _INCOMPLETE if lacks else _STATES[library.state]
        yield Finding(cause=cause, level=level_of_library(facts))


def _level_of_kind(facts: Facts) -> Level | None:
    """What a library means that this program cannot load: nothing to a 32-bit Firefox that can.

    Raises MissingFact where the browsers could not be listed.
    """
    serves = is_of_the_browser(facts)
    if serves is None:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    return Level.INFO if serves else level_of_library(facts)


def judge_responds(facts: Facts) -> Iterator[Finding | Evidence]:
    """The library answers. What makes it wait is the root: a mute card, one that others keep."""
    library, level = _library(facts), level_of_library(facts)
    if library.version:
        yield Evidence(key="library-version", value=library.version, source="C_GetInfo")
    if library.state is LibraryState.READ:
        return
    if library.state in _STATES:
        raise NotApplicable
    yield Evidence(key="library-state", value=library.state.value, source=library.call or "process")
    if library.code:
        yield Evidence(key="code", value=f"0x{library.code:08X}", source=library.call)
    if library.state is LibraryState.FAILED and library.call != _FIRST_CALL:
        # It was loaded; a card that has just been exchanged makes one call fail.
        if is_without_library(facts):
            raise NotApplicable
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    if library.state is not LibraryState.NOT_RESPONDING:
        yield Finding(cause=_LOAD_FAILED, level=level)
        return
    slots = {slot.state for slot in facts[Pcsc].slots}
    cards = {card.reading for card in facts[CardStates].cards}
    if SlotState.MUTE in slots or Reading.SILENT in cards:
        yield Finding(cause=_MUTE, level=level)
    elif SlotState.HELD in slots or Reading.HELD in cards:
        yield Finding(cause=_IN_USE, level=level)
    else:
        yield Finding(cause=_NOT_RESPONDING, level=level)


def _card(facts: Facts) -> CardState:
    card = best_card(facts[Pcsc], facts[CardStates].cards)
    if card is None:
        raise NotApplicable
    return card


_FAR = (SessionKind.RDP, SessionKind.CITRIX)
_UNKNOWN_TO_ALL = (
    CardKind.VITALE, CardKind.AGENT, CardKind.OTHER, CardKind.CPS2TER, CardKind.CPS_UNKNOWN
)  # fmt: skip
"""Cards that no version of the library recognises."""


def _has_moved(facts: Facts, card: CardState) -> bool:
    """The card was not there, or not free, before the library was asked: its word says nothing."""
    steps = (
        of_card(card, facts[AuthenticationCertificates].cards),
        of_card(card, facts[OtherCertificates].cards),
    )
    ended = (Reading.REMOVED, Reading.HELD, Reading.SILENT)
    return any(step is not None and step.reading in ended for step in steps)


def _refuses_a_cps(pcsc: Pcsc, library: Library) -> bool:
    """The library does not recognise more cards than those that are none of its own."""
    refused = sum(slot.code == _TOKEN_NOT_RECOGNIZED for slot in library.slots)
    ready = (slot for slot in pcsc.slots if slot.state is SlotState.READY)
    return refused > sum(recognise(slot.atr) in _UNKNOWN_TO_ALL for slot in ready)


def _shows_another(facts: Facts, library: Library) -> bool:
    """The library shows a card that none of the readers holds."""
    here = {t for card in facts[CardStates].cards for t in tokens_of(card, library)}
    return any(slot.token and slot.token not in here for slot in library.slots)


def judge_sees_card(facts: Facts) -> Iterator[Finding | Evidence]:
    """The library shows the card that our own reading read."""
    card, library = _card(facts), _library(facts)
    if library.state is not LibraryState.READ:
        raise NotApplicable
    tokens = [slot.token for slot in library.slots if slot.token]
    yield Evidence(key="tokens", value=len(tokens), source="C_GetTokenInfo")
    codes = {slot.code for slot in library.slots if slot.code}
    for code in sorted(codes):
        yield Evidence(key="code", value=f"0x{code:08X}", source="C_GetTokenInfo")
    own = tokens_of(card, library)
    for token in own:
        yield Evidence(key="token-flags", value=f"0x{token.flags:08X}", source="C_GetTokenInfo")
        if token.code:
            yield Evidence(key="code", value=f"0x{token.code:08X}", source="C_OpenSession")
    if own:
        if any(token.code == _BAD_UPDATE for token in own):
            yield Finding(cause=_INTERRUPTED)
    elif _has_moved(facts, card):
        raise NotApplicable
    else:
        yield Finding(cause=_why_not_seen(facts, card), level=level_of_library(facts))


def _why_not_seen(facts: Facts, card: CardState) -> CauseId:
    library = facts[Library]
    if recognise(card.atr) is CardKind.CPS4 and _refuses_a_cps(facts[Pcsc], library):
        # The library knows a card by its answer to reset: that of a CPS4 is known from 5.2 on.
        return _TOO_OLD
    is_of_before = _shows_another(facts, library) and facts[Session].kind in _FAR
    return _STALE if is_of_before else _NOT_SEEN


def judge_agrees(facts: Facts) -> Iterator[Finding | Evidence]:
    """The library shows the certificates that the card holds."""
    card = _card(facts)
    tokens = tokens_of(card, _library(facts))
    first = of_card(card, facts[AuthenticationCertificates].cards)
    others = known(facts, OtherCertificates)
    rest = of_card(card, others.cards) if others is not None else None
    if not tokens or any(token.code for token in tokens) or first is None:
        raise NotApplicable
    shown = {each.value for token in tokens for each in token.certificates}
    held = {each.fingerprint.value for each in (*first.found, *(rest.found if rest else ()))}
    needed = {e.fingerprint.value for e in first.found if e.role is Role.AUTHENTICATION}
    yield Evidence(key="certificates-shown", value=len(shown), source="C_FindObjects")
    yield Evidence(key="certificates-held", value=len(held), source="card")
    yield Evidence(key="certificates-same", value=len(shown & held), source="SHA-256")
    is_whole = others is not None and all(
        step is None or step.reading is Reading.READ for step in (first, rest)
    )
    # More than the card's own is no evidence: the library also lists what it cannot read.
    if not (held if is_whole else needed) <= shown:
        yield Finding(cause=_CACHE, level=level_of_library(facts))


def judge_pss(facts: Facts) -> Iterator[Finding | Evidence]:
    """The card signs as TLS 1.3 asks; without, it cannot serve where nothing older is taken."""
    tokens = tokens_of(_card(facts), _library(facts))
    mechanisms = {number for token in tokens for number in token.mechanisms}
    if not mechanisms:
        raise NotApplicable
    signs = _RSA_PKCS_PSS in mechanisms
    yield Evidence(key="rsa-pss", value=signs, source="C_GetMechanismList")
    if not signs:
        yield Finding(cause=_NO_PSS, level=Level.KO if facts[Service].only_tls13 else None)


PRESENT = Check(
    id=CheckId("middleware.present"),
    area=Area.MIDDLEWARE,
    judge=judge_present,
    uses=(Products, *OF_KIND, *OF_WORK),
    unless=(CheckId("os.app-control"), CheckId("os.processor")),
    causes=(*_STATES.values(), _INCOMPLETE),
)

RESPONDS = Check(
    id=CheckId("middleware.responds"),
    area=Area.MIDDLEWARE,
    judge=judge_responds,
    uses=OF_WORK,
    needs=(CheckId("middleware.present"),),
    causes=(_LOAD_FAILED, _NOT_RESPONDING, _MUTE, _IN_USE),
)

SEES_CARD = Check(
    id=CheckId("middleware.sees-card"),
    area=Area.MIDDLEWARE,
    judge=judge_sees_card,
    uses=(*OF_WORK, Session, OtherCertificates),
    needs=(CheckId("middleware.responds"), CheckId("card.readable"), CheckId("reader.contact")),
    causes=(_NOT_SEEN, _TOO_OLD, _STALE, _INTERRUPTED),
)

AGREES = Check(
    id=CheckId("middleware.agrees"),
    area=Area.MIDDLEWARE,
    judge=judge_agrees,
    uses=(*OF_WORK, OtherCertificates),
    needs=(CheckId("middleware.sees-card"), CheckId("certificate.present")),
    causes=(_CACHE,),
)

PSS = Check(
    id=CheckId("middleware.pss"),
    area=Area.MIDDLEWARE,
    judge=judge_pss,
    uses=(*OF_WORK, Service),
    needs=(CheckId("middleware.sees-card"),),
    causes=(_NO_PSS,),
)
