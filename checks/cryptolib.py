"""The Cryptolib as it is installed: new enough, once, whole, and of the kind that browsers need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from diagcps.api import (
    Area,
    BrowserKind,
    Catalogue,
    CauseId,
    Check,
    CheckId,
    Component,
    Components,
    Evidence,
    Facts,
    FileState,
    Finding,
    FirefoxProfiles,
    Level,
    Machine,
    MissingFact,
    NotApplicable,
    PageBrowser,
    Part,
    Pcsc,
    Platform,
    ProbeFailure,
    ProductKind,
    Products,
    Reason,
    Session,
    SessionKind,
    System,
    When,
)

from ._firefox import signs_in_with
from ._installed import (
    OF_AGE,
    OF_WORK,
    architecture_of,
    cryptolib,
    is_cps4,
    is_shown,
    is_too_old,
    is_without_library,
    known,
    level_of_library,
    listed,
    version_of,
    works,
)
from ._slots import best

if TYPE_CHECKING:
    from diagcps.api import Fix

_TOO_OLD = CauseId("middleware.too-old-for-cps4")
_OUTDATED = CauseId("middleware.outdated")
_SEVERAL = CauseId("middleware.several")
_OBSOLETE = CauseId("middleware.obsolete-v4")
_DICTIONARY = CauseId("middleware.dictionary")
_RESTART = CauseId("middleware.restart-needed")

_CONTACTLESS = re.compile(r"\b(NFC|CL|contactless)\b", re.IGNORECASE)
"""How the PC/SC name of an interface without contact tells it."""
_EARLIEST_DAY = timedelta(hours=14)
"""How long before UTC a day begins at the earliest (UTC+14, Kiribati)."""
_CPS4_T0 = bytes.fromhex("3BDC18FF")
"""How the answer to reset of a CPS4 begins that speaks T=0 (the list of pcsc-tools)."""


def judge_knows_card(facts: Facts) -> Iterator[Finding | Evidence]:
    """The Cryptolib is not of the time before the card."""
    if not is_cps4(best(facts[Pcsc].slots)) or _is_known_anyway(facts):
        raise NotApplicable
    too_old, product = is_too_old(facts), cryptolib(facts)
    least = facts[Catalogue].cryptolib
    yield Evidence(key="cryptolib-version", value=product.version, source=product.source)
    yield Evidence(key="least-version", value=least.least_for_cps4, source=least.source)
    if too_old is None:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    if too_old:
        yield Finding(cause=_TOO_OLD, level=level_of_library(facts))


def _is_known_anyway(facts: Facts) -> bool:
    """The system does not list its software, and the card is seen to be known."""
    is_seen = is_shown(facts) or is_without_library(facts)
    return known(facts, Products) is None and is_seen


def judge_version(facts: Facts) -> Iterator[Finding | Evidence]:
    """Nothing that a newer Cryptolib mended can be felt here."""
    product, platform = cryptolib(facts), facts[System].platform
    yield Evidence(key="cryptolib-version", value=product.version, source=product.source)
    have = version_of(product.version)
    if have is None:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    catalogue = facts[Catalogue].cryptolib
    news = [each for each in catalogue.newest if each.platform is platform]
    for each in news:
        yield Evidence(key="newest-version", value=each.version, source=each.source)
    felt = [fix for fix in catalogue.fixes if _is_felt(fix, have, facts)]
    for fix in felt:
        yield Evidence(key="defect", value=fix.text, source=fix.bug)
    if is_too_old(facts):
        return  # another check says it of the card, and it is mended alike
    if felt:
        yield Finding(cause=_OUTDATED)
    elif any((version_of(each.version) or ()) > have for each in news):
        yield Finding(cause=_OUTDATED, level=Level.INFO)


def _is_felt(fix: Fix, have: tuple[int, ...], facts: Facts) -> bool:
    """The defect is in the version that is installed, and something here makes it felt."""
    mended = version_of(fix.version)
    if fix.platform is not facts[System].platform or mended is None or mended <= have:
        return False
    # The flaw that the ANSSI reported needs nothing else to matter.
    return mended == version_of(facts[Catalogue].cryptolib.least_safe) or _is_so(fix.when, facts)


def _is_so(when: When, facts: Facts) -> bool:
    """The condition holds on this workstation, as far as it can be told."""
    match when:
        case When.ALWAYS:
            return True
        case When.CPS4 | When.CPS4_T0:
            pcsc = known(facts, Pcsc)
            slot = best(pcsc.slots) if pcsc is not None else None
            t0 = slot is not None and slot.atr.startswith(_CPS4_T0)
            return is_cps4(slot) and (t0 or when is When.CPS4)
        case When.REMOTE:
            session = known(facts, Session)
            return session is not None and session.kind in (SessionKind.RDP, SessionKind.CITRIX)
        case When.FIREFOX | When.SEVERAL_PROFILES:
            profiles, one = known(facts, FirefoxProfiles), when is When.FIREFOX
            opened = [p for p in profiles.profiles if p.used is not None] if profiles else []
            return signs_in_with(facts, BrowserKind.FIREFOX) and (one or len(opened) > 1)
        case When.APPLE_SILICON:
            return architecture_of(facts[System].architecture) == "arm64"
        case When.DUAL_READER:
            pcsc = known(facts, Pcsc)
            models = [slot.model for slot in pcsc.slots] if pcsc is not None else []
            without = [bool(_CONTACTLESS.search(model)) for model in models]
            return any(without) and not all(without)
        case When.INSTALLING | When.OTHER:
            return False


def judge_single(facts: Facts) -> Iterator[Finding | Evidence]:
    """The system lists one version of the Cryptolib; copies of other software are theirs."""
    products, components = listed(facts[Products]), known(facts, Components)
    if not products:
        raise NotApplicable
    for each in products:
        yield Evidence(key="cryptolib-version", value=each.version, source=each.source)
    for copy in components.copies if components is not None else ():
        yield Evidence(key="copy", value=copy.name, source=copy.place)
    versions = {version_of(each.version) or each.version for each in products if each.version}
    if len(versions) > 1:
        yield Finding(cause=_SEVERAL, level=Level.INFO if works(facts) else None)


def judge_generation(facts: Facts) -> Iterator[Finding | Evidence]:
    """Nothing of the generation before CPS3 is left."""
    components, products = facts[Components], known(facts, Products)
    left = [each for each in components.leftovers if each.state is FileState.PRESENT]
    old = [p for p in products.products if p.kind is ProductKind.OLD] if products else []
    for each in left:
        yield Evidence(key="leftover", value=each.name, source=each.place)
    for product in old:
        yield Evidence(key="leftover", value=product.name, source=product.source)
    if left or old:
        yield Finding(cause=_OBSOLETE, level=Level.INFO if works(facts) else None)


def judge_dictionary(facts: Facts) -> Iterator[Finding | Evidence]:
    """The dictionary of professions is there, and the newest one."""
    cryptolib(facts)
    platform, catalogue = facts[System].platform, facts[Catalogue].cryptolib
    names = {
        file.name.lower()
        for file in catalogue.files
        if file.part is Part.DICTIONARY and file.platform is platform
    }
    found = [each for each in facts[Components].expected if each.name.lower() in names]
    if not found:
        raise NotApplicable
    for each in found:
        state = each.version or each.state.value
        yield Evidence(key="dictionary", value=state, source=each.place)
    if _is_old(found, version_of(catalogue.dictionary)):
        yield Finding(cause=_DICTIONARY)


def _is_old(dictionaries: list[Component], newest: tuple[int, ...] | None) -> bool:
    """None of them is there, or the newest of those that say their version is old."""
    if all(each.state is FileState.ABSENT for each in dictionaries):
        return True
    versions = [version_of(each.version) for each in dictionaries]
    told = [version for version in versions if version is not None]
    return newest is not None and bool(told) and max(told) < newest


def judge_restarted(facts: Facts) -> Iterator[Finding | Evidence]:
    """The computer was started anew after the Cryptolib was installed."""
    product, started = cryptolib(facts), facts[Machine].started
    installed = product.installed
    if installed is None or started is None:
        raise NotApplicable
    # A list that knows the day alone says its beginning in UTC; the person's own may be earlier.
    is_day = installed.time() == time.min
    said = installed.date().isoformat() if is_day else _minute(installed)
    yield Evidence(key="installed", value=said, source=product.source)
    yield Evidence(key="started", value=_minute(started), source=facts[Machine].source)
    if installed - started <= (_EARLIEST_DAY if is_day else timedelta()):
        return
    if facts[System].platform is Platform.MACOS:
        # Its release notes require it after each installation.
        yield Finding(cause=_RESTART, level=Level.INFO if works(facts) else None)
    elif works(facts) is not True:
        # The installer for Windows needs none: a precaution, where something does not work.
        yield Finding(cause=_RESTART, level=Level.INFO)


def _minute(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="minutes")


KNOWS_CARD = Check(
    id=CheckId("middleware.knows-card"),
    area=Area.MIDDLEWARE,
    judge=judge_knows_card,
    uses=(*OF_AGE, *OF_WORK),
    needs=(CheckId("card.recognised"),),
    causes=(_TOO_OLD,),
)

VERSION = Check(
    id=CheckId("middleware.version"),
    area=Area.MIDDLEWARE,
    judge=judge_version,
    uses=(*OF_AGE, System, Session, FirefoxProfiles, PageBrowser),
    causes=(_OUTDATED,),
)

SINGLE = Check(
    id=CheckId("middleware.single"),
    area=Area.MIDDLEWARE,
    judge=judge_single,
    uses=(Products, Components, *OF_WORK),
    causes=(_SEVERAL,),
)

GENERATION = Check(
    id=CheckId("middleware.generation"),
    area=Area.MIDDLEWARE,
    judge=judge_generation,
    uses=(Components, Products, *OF_WORK),
    causes=(_OBSOLETE,),
)

DICTIONARY = Check(
    id=CheckId("middleware.dictionary"),
    area=Area.MIDDLEWARE,
    judge=judge_dictionary,
    uses=(Products, Catalogue, System, Components),
    causes=(_DICTIONARY,),
)

RESTARTED = Check(
    id=CheckId("middleware.restarted"),
    area=Area.MIDDLEWARE,
    judge=judge_restarted,
    uses=(Products, Machine, *OF_WORK),
    causes=(_RESTART,),
    platforms=frozenset({Platform.MACOS, Platform.WINDOWS}),
)
