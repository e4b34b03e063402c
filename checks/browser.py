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
    Finding,
    FirefoxProfile,
    FirefoxProfiles,
    How,
    Level,
    Moment,
    NotApplicable,
    PageBrowser,
    Platform,
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
    whose,
)

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
    yield from whose(facts)
    page = facts.get(PageBrowser)
    # Whoever is shown the page, or has a profile, has a browser, whatever no list says.
    is_there = isinstance(page, PageBrowser) or _has_profile(facts)
    browsers = facts.get(Browsers) if is_there else facts[Browsers]
    installed = browsers.browsers if isinstance(browsers, Browsers) else ()
    for browser in installed:
        named = f"{browser.name} {browser.version}".strip()
        yield Evidence(key="browser", value=named, source=browser.source)
    kinds = {browser.kind for browser in installed}
    if isinstance(page, PageBrowser):
        yield _signing_in(page)
        kinds.add(page.kind)
    if not kinds - {BrowserKind.INTERNET_EXPLORER} and not _has_profile(facts):
        yield Finding(cause=_NONE)
        return
    own_kind = page.kind if isinstance(page, PageBrowser) else None
    if own_kind is not None and _is_too_old(facts, own_kind):
        yield Finding(cause=_TOO_OLD)
    elif any(_is_too_old(facts, kind) for kind in kinds - {BrowserKind.INTERNET_EXPLORER}):
        yield Finding(cause=_TOO_OLD, level=Level.INFO)


def _signing_in(page: PageBrowser) -> Evidence:
    return Evidence(key="signing-in", value=page.kind.value, source=page.how.value)


def _has_profile(facts: Facts) -> bool:
    """A Firefox that no list names was used."""
    profiles = facts.get(FirefoxProfiles)
    return isinstance(profiles, FirefoxProfiles) and bool(read(profiles))


def _known(facts: Facts, kind: BrowserKind) -> KnownBrowser | None:
    return next((each for each in facts[Catalogue].browsers.browsers if each.kind is kind), None)


def _version(facts: Facts, kind: BrowserKind) -> int | None:
    """The major version: of the page's browser as it says itself, else of the newest installed."""
    page, browsers = facts.get(PageBrowser), facts.get(Browsers)
    said = [page.version] if isinstance(page, PageBrowser) and page.kind is kind else []
    if not any(said) and isinstance(browsers, Browsers):
        said = [browser.version for browser in browsers.browsers if browser.kind is kind]
    majors = (_MAJOR.match(version) for version in said)
    return max((int(found[0]) for found in majors if found), default=None)


def _is_too_old(facts: Facts, kind: BrowserKind) -> bool:
    if kind is BrowserKind.INTERNET_EXPLORER:
        return True
    known, version = _known(facts, kind), _version(facts, kind)
    return known is not None and version is not None and version < known.least


def judge_extension(facts: Facts) -> Iterator[Finding | Evidence]:
    """Firefox has the extension and the module by which it uses the card."""
    yield from whose(facts)
    page = facts.get(PageBrowser)
    if isinstance(page, PageBrowser) and page.kind is BrowserKind.FIREFOX:
        yield _signing_in(page)
        if page.how is How.PAGE and page.extension is not None:
            yield from _as_the_page_says(facts, answers=page.extension)
            return
    elif not is_installed(facts):
        raise NotApplicable
    yield from _as_the_profile_says(facts)


def _as_the_page_says(facts: Facts, *, answers: bool) -> Iterator[Finding | Evidence]:
    """The page knows better than the disk, which holds other profiles too."""
    yield Evidence(key="extension-answers", value=answers, source="isCpsWebExAlive")
    profiles, catalogue = facts.get(FirefoxProfiles), facts[Catalogue]
    found = read(profiles) if isinstance(profiles, FirefoxProfiles) else []
    has = {each: equipment(each, catalogue) for each in found}
    for profile in found:
        yield from seen(profile, catalogue)
    active = [e for e, its in has.items() if its.extension is not None and its.extension.active]
    if answers:
        if active and not any(has[each].serves for each in active):
            yield Finding(cause=_cause(active[0], has[active[0]]))
        return
    recent = [each for each in found if is_in_use(each, facts[Moment].at)]
    if recent and all(has[each].serves for each in recent):
        # A private window, where extensions are silent and modules are not; or another profile.
        yield Finding(cause=_MISSING, level=Level.WARN)
    else:
        lacking = next((each for each in recent or found if not has[each].serves), None)
        cause = _cause(lacking, has[lacking]) if lacking is not None else _MISSING
        yield Finding(cause=_MISSING if cause is _NO_MODULE else cause)


def _cause(profile: FirefoxProfile, has: Equipment) -> CauseId:
    """Why a profile without the module is without it."""
    if profile.sandbox is not Sandbox.NONE:
        return _SANDBOXED
    if has.extension is None:
        return _MISSING
    return _NO_MODULE if has.extension.active else _DISABLED


def _as_the_profile_says(facts: Facts) -> Iterator[Finding | Evidence]:
    profile, catalogue = own(facts), facts[Catalogue]
    yield from seen(profile, catalogue)
    has = equipment(profile, catalogue)
    if has.serves:
        return
    by_system = profile.system_certificates is True and facts[System].platform in _SHOWS_CARDS
    # What may well serve in the module's place is no proof that the card cannot be used.
    meaning = Level.INFO if by_system or has.opensc else level(facts)
    yield Finding(cause=_cause(profile, has), level=meaning)


def judge_profiles(facts: Facts) -> Iterator[Finding | Evidence]:
    """The other profiles that are used have what the person's has, and nothing of before."""
    yield from whose(facts)
    if not is_installed(facts) and not signs_in_with(facts, BrowserKind.FIREFOX):
        raise NotApplicable
    mine, catalogue, now = own(facts), facts[Catalogue], facts[Moment].at
    found = read(facts[FirefoxProfiles])
    yield Evidence(key="profiles", value=len(found), source="profiles.ini")
    used = [each for each in found if each is mine or is_in_use(each, now)]
    has = {each: equipment(each, catalogue) for each in used}
    for profile in used:
        yield from seen(profile, catalogue)
    covered = any(its.serves or its.extension is not None for its in has.values())
    bare = [e for e, its in has.items() if not its.serves and its.extension is None and not its.old]
    if covered and any(each is not mine for each in bare):
        yield Finding(cause=_UNCOVERED, level=level(facts))
    elif any(its.old for its in has.values()):
        # Beside the module that serves, an old extension is only a thing to tidy up.
        bites = any(its.old and not its.serves for its in has.values())
        yield Finding(cause=_OBSOLETE, level=level(facts) if bites else Level.INFO)


def judge_modules(facts: Facts) -> Iterator[Finding | Evidence]:
    """Firefox gets the card's certificates from one side only."""
    yield from whose(facts)
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
    yield from whose(facts)
    page, software, catalogue = facts[PageBrowser], facts[Software], facts[Catalogue]
    yield _signing_in(page)
    listening = {each.program for each in catalogue.ports.programs if each.ports}
    agents = [each.name for each in software.running if each.name in listening]
    for name in agents:
        yield Evidence(key="local-program", value=name, source=software.source)
    known, version = _known(facts, page.kind), _version(facts, page.kind)
    if not agents or known is None or version is None or not known.asks_local_access:
        return
    browsers = facts.get(Browsers)
    policies = browsers.policies if isinstance(browsers, Browsers) else ()
    allowed = [p for p in policies if p.browser is page.kind and p.name in _OF_LOOPBACK]
    for policy in allowed:
        yield Evidence(key="browser-policy", value=policy.name, source="policies")
    if version >= known.asks_local_access and not allowed:
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
    uses=_OF_FIREFOX,
    causes=(_MISSING, _DISABLED, _NO_MODULE, _SANDBOXED),
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
