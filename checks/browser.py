"""Can the browser in which the person signs in use the card?

Firefox loads the Cryptolib's library itself, by an extension; Chrome, Edge and Safari take the card
from the system, which other checks look at. What is true of a browser that the person does not use
is only worth knowing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from diagcps.api import (
    Account,
    Area,
    BrowserKind,
    Browsers,
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
    How,
    Level,
    MissingFact,
    Moment,
    NotApplicable,
    PageBrowser,
    Platform,
    ProbeFailure,
    Products,
    Reason,
    Registration,
    Sandbox,
    Software,
    System,
)

from ._firefox import (
    Equipment,
    equipment,
    is_in_use,
    is_installed,
    level,
    own,
    read,
    seen,
    signs_in_with,
    useless_manifests,
)
from ._installed import known, of_a_person

if TYPE_CHECKING:
    from diagcps.api import KnownBrowser

_NONE = CauseId("browser.none-supported")
_TOO_OLD = CauseId("browser.too-old")
_MISSING = CauseId("browser.extension-missing")
_DISABLED = CauseId("browser.extension-disabled")
_NO_MODULE = CauseId("browser.module-missing")
_SANDBOXED = CauseId("browser.sandboxed")
_UNCOVERED = CauseId("browser.profile-uncovered")
_OBSOLETE = CauseId("browser.extension-obsolete")
_DUPLICATE = CauseId("browser.duplicate-modules")
_LOCAL_ACCESS = CauseId("browser.local-access")
_INCOMPLETE = CauseId("middleware.incomplete")

_MAJOR = re.compile(r"[0-9]{1,6}", re.ASCII)
_SHOWS_CARDS = (Platform.WINDOWS, Platform.MACOS)
"""Systems that themselves present the card's certificates to Firefox."""
_OF_LOOPBACK = (
    "LocalNetworkAccessAllowedForUrls", "LoopbackNetworkAllowedForUrls",
    "LocalNetworkAccess.SkipDomains", "LocalNetworkAccess.Enabled",
)  # fmt: skip
"""Policies by which pages reach the machine's own programs, and not the network alone."""


def judge_supported(facts: Facts) -> Iterator[Finding | Evidence]:
    """There is a browser that can use the card, and the person's is recent enough."""
    yield from of_a_person(facts)
    page = known(facts, PageBrowser)
    # Whoever is shown the page, or has a profile, has a browser, whatever no list says.
    is_there = page is not None or _has_profile(facts)
    browsers = known(facts, Browsers) if is_there else facts[Browsers]
    installed = browsers.browsers if browsers is not None else ()
    for browser in installed:
        named = f"{browser.name} {browser.version}".strip()
        yield Evidence(key="browser", value=named, source=browser.source)
    kinds = {browser.kind for browser in installed}
    if page is not None:
        yield _signing_in(page)
        kinds.add(page.kind)
    if not kinds - {BrowserKind.INTERNET_EXPLORER} and not _has_profile(facts):
        if browsers is None or _may_be_hidden(facts):
            raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
        yield Evidence(key="browsers", value=len(installed), source=browsers.source)
        yield Finding(cause=_NONE)
        return
    if page is not None and _is_too_old(facts, page.kind):
        yield Finding(cause=_TOO_OLD)
    elif any(_is_too_old(facts, kind) for kind in kinds - {BrowserKind.INTERNET_EXPLORER}):
        yield Finding(cause=_TOO_OLD, level=Level.INFO)


def _signing_in(page: PageBrowser) -> Evidence:
    return Evidence(key="signing-in", value=page.kind.value, source=page.how.value)


def _has_profile(facts: Facts) -> bool:
    """A Firefox that no list names was used."""
    profiles = known(facts, FirefoxProfiles)
    return profiles is not None and bool(read(profiles))


def _may_be_hidden(facts: Facts) -> bool:
    """A list of browsers, or a profile, could not be read."""
    browsers, profiles = known(facts, Browsers), known(facts, FirefoxProfiles)
    states = {each.state for each in profiles.profiles} if profiles is not None else set()
    return FileState.UNREADABLE in states or (browsers is not None and browsers.hidden)


def _family(facts: Facts, kind: BrowserKind) -> KnownBrowser | None:
    return next((each for each in facts[Catalogue].browsers.browsers if each.kind is kind), None)


def _version(facts: Facts, kind: BrowserKind) -> int | None:
    """The major version: of the page's browser as it says itself, else of the newest installed."""
    page, browsers = known(facts, PageBrowser), known(facts, Browsers)
    said = [page.version] if page is not None and page.kind is kind else []
    if not any(said) and browsers is not None:
        said = [browser.version for browser in browsers.browsers if browser.kind is kind]
    majors = (_MAJOR.match(version) for version in said)
    return max((int(found[0]) for found in majors if found), default=None)


def _is_too_old(facts: Facts, kind: BrowserKind) -> bool:
    if kind is BrowserKind.INTERNET_EXPLORER:
        return True
    family, version = _family(facts, kind), _version(facts, kind)
    return family is not None and version is not None and version < family.least


def judge_extension(facts: Facts) -> Iterator[Finding | Evidence]:
    """Firefox has the extension and the module by which it uses the card."""
    yield from of_a_person(facts)
    page = known(facts, PageBrowser)
    if page is not None and page.kind is BrowserKind.FIREFOX:
        yield _signing_in(page)
        if page.how is How.PAGE and page.extension is not None:
            yield Evidence(key="extension-answers", value=page.extension, source="isCpsWebExAlive")
            yield from _where_it_answers(facts) if page.extension else _where_it_is_silent(facts)
            return
    elif not is_installed(facts):
        raise NotApplicable
    profile = own(facts)
    yield from seen(profile, facts[Catalogue])
    if not equipment(profile, facts[Catalogue]).serves:
        yield from _lacks(profile, facts)


def _where_it_answers(facts: Facts) -> Iterator[Finding | Evidence]:
    """The page knows better than the disk, which holds other profiles too."""
    found, catalogue = _read(facts), facts[Catalogue]
    for profile in found:
        yield from seen(profile, catalogue)
    has = ((profile, equipment(profile, catalogue)) for profile in found)
    active = [(p, its) for p, its in has if its.extension is not None and its.extension.active]
    if active and not any(its.serves for _, its in active):
        yield from _lacks(active[0][0], facts)


def _where_it_is_silent(facts: Facts) -> Iterator[Finding | Evidence]:
    """So is an extension in a private window, where modules serve all the same, and one that a
    module loaded by hand does without: what a profile lacks is told by its files."""
    found, catalogue = _read(facts), facts[Catalogue]
    for profile in found:
        yield from seen(profile, catalogue)
    try:
        mine = own(facts)
    except (MissingFact, NotApplicable):
        yield Finding(cause=_MISSING)  # nothing but the page tells
        return
    recent = [each for each in found if is_in_use(each, facts[Moment].at)] or [mine]
    lacking = [each for each in (mine, *recent) if not equipment(each, catalogue).serves]
    if mine in lacking or len(lacking) == len(recent):
        yield from _lacks(lacking[0], facts, is_silent=True)
    else:
        yield Finding(cause=_MISSING, level=Level.INFO)


def _read(facts: Facts) -> list[FirefoxProfile]:
    profiles = known(facts, FirefoxProfiles)
    return read(profiles) if profiles is not None else []


def _lacks(
    profile: FirefoxProfile, facts: Facts, *, is_silent: bool = False
) -> Iterator[Finding | Evidence]:
    """Why a profile without the module is without it.

    Raises MissingFact where nobody knows whether the person signs in with Firefox.
    """
    has = equipment(profile, facts[Catalogue])
    cause = _cause(profile, has)
    if cause is _NO_MODULE and is_silent:
        cause = _MISSING  # not active, whatever the list says
    manifests = tuple(useless_manifests(facts)) if cause is _NO_MODULE else ()
    yield from manifests
    by_system = profile.system_certificates is True and facts[System].platform in _SHOWS_CARDS
    # What may well serve in the module's place is no proof that the card cannot be used.
    harmless = by_system or has.opensc or facts[PageBrowser].kind is not BrowserKind.FIREFOX
    yield Finding(cause=_INCOMPLETE if manifests else cause, level=Level.INFO if harmless else None)


def _cause(profile: FirefoxProfile, has: Equipment) -> CauseId:
    if profile.sandbox is not Sandbox.NONE:
        return _SANDBOXED
    if has.extension is None:
        return _MISSING
    return _NO_MODULE if has.extension.active else _DISABLED


def judge_profiles(facts: Facts) -> Iterator[Finding | Evidence]:
    """The other profiles that are used have what the person's has, and nothing of before."""
    yield from of_a_person(facts)
    if not is_installed(facts) and not signs_in_with(facts, BrowserKind.FIREFOX):
        raise NotApplicable
    mine, catalogue, now = own(facts), facts[Catalogue], facts[Moment].at
    profiles = facts[FirefoxProfiles]
    found = read(profiles)
    yield Evidence(key="profiles", value=len(found), source="profiles.ini")
    used = [each for each in found if each is mine or is_in_use(each, now)]
    has = {each: equipment(each, catalogue) for each in used}
    for profile in used:
        yield from seen(profile, catalogue)
    covered = any(its.serves or its.extension is not None for its in has.values())
    bare = [e for e, its in has.items() if not its.serves and its.extension is None and not its.old]
    if covered and any(each is not mine for each in bare):
        yield Finding(cause=_UNCOVERED, level=Level.INFO if _answers(facts) else level(facts))
    elif any(its.old for its in has.values()):
        # Beside the module that serves, an old extension is only a thing to tidy up.
        bites = any(its.old and not its.serves for its in has.values())
        yield Finding(cause=_OBSOLETE, level=level(facts) if bites else Level.INFO)
    elif profiles.unread and signs_in_with(facts, BrowserKind.FIREFOX):
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))


def _answers(facts: Facts) -> bool:
    """The extension answers where the person signs in: other profiles lack what is not asked."""
    page = known(facts, PageBrowser)
    return page is not None and page.how is How.PAGE and page.extension is True


def judge_modules(facts: Facts) -> Iterator[Finding | Evidence]:
    """Firefox gets the card's certificates from one side only."""
    yield from of_a_person(facts)
    if not is_installed(facts) and not signs_in_with(facts, BrowserKind.FIREFOX):
        raise NotApplicable
    profile, catalogue = own(facts), facts[Catalogue]
    yield from seen(profile, catalogue)
    if profile.system_certificates is not None:
        value = profile.system_certificates
        yield Evidence(key="system-certificates", value=value, source="prefs.js")
    shows = facts[System].platform in _SHOWS_CARDS
    if shows and profile.system_certificates and equipment(profile, catalogue).serves:
        yield Finding(cause=_DUPLICATE, level=level(facts))


def judge_local_access(facts: Facts) -> Iterator[Finding | Evidence]:
    """A page can speak to the program of this machine that it needs, without being asked first."""
    yield from of_a_person(facts)
    page, software, catalogue = facts[PageBrowser], facts[Software], facts[Catalogue]
    yield _signing_in(page)
    listening = {each.program for each in catalogue.ports.programs if each.ports}
    agents = [each.name for each in software.running if each.name in listening]
    for name in agents:
        yield Evidence(key="local-program", value=name, source=software.source)
    family, version = _family(facts, page.kind), _version(facts, page.kind)
    if not agents or family is None or version is None or not family.asks_local_access:
        return
    browsers = known(facts, Browsers)
    policies = browsers.policies if browsers is not None else ()
    allowed = [p for p in policies if p.browser is page.kind and p.name in _OF_LOOPBACK]
    for policy in allowed:
        yield Evidence(key="browser-policy", value=policy.name, source="policies")
    if version >= family.asks_local_access and not allowed:
        yield Finding(cause=_LOCAL_ACCESS, level=Level.INFO)


_OF_FIREFOX = (Browsers, FirefoxProfiles, PageBrowser, Catalogue, System, Moment, Account)

SUPPORTED = Check(
    id=CheckId("browser.supported"),
    area=Area.BROWSER,
    judge=judge_supported,
    uses=(Browsers, FirefoxProfiles, PageBrowser, Catalogue, Account),
    causes=(_NONE, _TOO_OLD),
)

EXTENSION = Check(
    id=CheckId("browser.extension"),
    area=Area.BROWSER,
    judge=judge_extension,
    uses=(*_OF_FIREFOX, Registration, Products),
    causes=(_MISSING, _DISABLED, _NO_MODULE, _SANDBOXED, _INCOMPLETE),
)

PROFILES = Check(
    id=CheckId("browser.profiles"),
    area=Area.BROWSER,
    judge=judge_profiles,
    uses=_OF_FIREFOX,
    causes=(_UNCOVERED, _OBSOLETE),
)

MODULES = Check(
    id=CheckId("browser.modules"),
    area=Area.BROWSER,
    judge=judge_modules,
    uses=_OF_FIREFOX,
    causes=(_DUPLICATE,),
)

LOCAL_ACCESS = Check(
    id=CheckId("browser.local-access"),
    area=Area.BROWSER,
    judge=judge_local_access,
    uses=(Browsers, PageBrowser, Catalogue, Software, Account),
    causes=(_LOCAL_ACCESS,),
)
