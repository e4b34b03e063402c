"""Which Firefox profile speaks for the workstation, and what of the card it has.

Most people have one profile. Of several, the one that Firefox opens by itself and that was used
last is theirs; one that lies about unused is no fault of the workstation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from diagcps.api import (
    BrowserKind,
    Browsers,
    Catalogue,
    Evidence,
    Extension,
    Facts,
    FileState,
    FirefoxProfile,
    FirefoxProfiles,
    Level,
    MissingFact,
    Moment,
    NotApplicable,
    PageBrowser,
    ProbeFailure,
    Products,
    Reason,
    RegisteredModule,
    Registration,
    Sandbox,
    SecurityModule,
    record,
)

from ._installed import known, listed

IN_USE = timedelta(days=90)
"""A profile that was not used for longer is nobody's."""
_OF_THE_CARD, _OF_OPENSC = ("cps3", "module de sécurité cps"), ("opensc", "onepin-opensc")
"""How the modules of the card are named, and how files of their libraries begin."""
_NAMES_OF_MODULES = ("cps3", "cps3_x86")
"""By which the extension asks Firefox for a module (its asipsantePKCS11.js): for 64 and 32 bits."""


def signs_in_with(facts: Facts, kind: BrowserKind) -> bool:
    """Whether the person is known to sign in with that browser."""
    page = known(facts, PageBrowser)
    return page is not None and page.kind is kind


def level(facts: Facts) -> Level | None:
    """The cause's own level where the person signs in with Firefox; elsewhere it is to be known."""
    return None if signs_in_with(facts, BrowserKind.FIREFOX) else Level.INFO


@record
class Equipment:
    """What a profile has for the card."""

    extension: Extension | None
    """Today's, in the state that serves best."""
    old: tuple[Extension, ...]
    module: SecurityModule | None
    """The Cryptolib's own."""
    opensc: bool
    """Another library for cards, of which nothing is known with a CPS."""

    @property
    def serves(self) -> bool:
        """Firefox can use the card; a module that was loaded by hand needs no extension."""
        return self.module is not None


def equipment(profile: FirefoxProfile, catalogue: Catalogue) -> Equipment:
    """What the profile has for the card."""
    known = catalogue.cryptolib
    own = [each for each in profile.extensions if each.id == known.extension]
    return Equipment(
        extension=max(own, key=lambda each: each.active, default=None),
        old=tuple(each for each in profile.extensions if each.id in known.old_extensions),
        module=next((each for each in profile.modules if _is(each, _OF_THE_CARD)), None),
        opensc=any(_is(each, _OF_OPENSC) for each in profile.modules),
    )


def _is(module: SecurityModule, beginnings: tuple[str, ...]) -> bool:
    file = module.library.lower().removeprefix("lib")
    return module.name.lower().startswith(beginnings) or file.startswith(beginnings)


def is_in_use(profile: FirefoxProfile, now: datetime) -> bool:
    """The profile was used lately."""
    return profile.used is not None and now - profile.used <= IN_USE


def read(profiles: FirefoxProfiles) -> list[FirefoxProfile]:
    """Those that could be read, the person's own first."""
    there = [each for each in profiles.profiles if each.state is FileState.PRESENT]
    return sorted(there, key=lambda each: (each.default, each.used is not None, _time(each)))[::-1]


def _time(profile: FirefoxProfile) -> float:
    try:
        return profile.used.timestamp() if profile.used is not None else 0.0
    except (OverflowError, OSError, ValueError):
        return 0.0


def own(facts: Facts) -> FirefoxProfile:
    """The person's profile.

    Raises NotApplicable where nobody uses Firefox, MissingFact where the person signs in with it
    and a list or the profile that it opens cannot be read.
    """
    profiles = facts.get(FirefoxProfiles)
    if isinstance(profiles, ProbeFailure):
        raise _unread(facts, profiles)
    found = read(profiles)
    unread = [each for each in profiles.profiles if each.state is FileState.UNREADABLE]
    if any(each.default for each in unread) and not any(each.default for each in found):
        raise _unread(facts, ProbeFailure(reason=Reason.UNAVAILABLE))
    if not found:
        # What was never opened has nothing yet: Firefox makes a profile when it starts.
        raise NotApplicable
    if signs_in_with(facts, BrowserKind.FIREFOX):
        return found[0]
    if not is_in_use(found[0], facts[Moment].at) or not is_installed(facts):
        raise NotApplicable
    return found[0]


def _unread(facts: Facts, why: ProbeFailure) -> MissingFact | NotApplicable:
    """What cannot be read of a browser in which nobody is known to sign in is nobody's trouble."""
    return MissingFact(why) if signs_in_with(facts, BrowserKind.FIREFOX) else NotApplicable()


def is_installed(facts: Facts) -> bool:
    """Firefox is installed, or nobody could say that it is not."""
    browsers = known(facts, Browsers)
    if browsers is None:
        return True
    return any(browser.kind is BrowserKind.FIREFOX for browser in browsers.browsers)


def seen(profile: FirefoxProfile, catalogue: Catalogue) -> Iterator[Evidence]:
    """What the profile has, as evidence."""
    has = equipment(profile, catalogue)
    yield Evidence(key="profile", value=profile.name, source=profile.place)
    if profile.used is not None:
        yield Evidence(
            key="profile-used", value=profile.used.date().isoformat(), source=profile.place
        )
    if profile.sandbox is not Sandbox.NONE:
        yield Evidence(key="sandbox", value=profile.sandbox.value, source=profile.place)
    state = "missing" if has.extension is None else _state(has.extension)
    yield Evidence(key="extension", value=state, source="extensions.json")
    for old in has.old:
        yield Evidence(key="old-extension", value=old.id, source="extensions.json")
    for module in profile.modules:
        name = module.library or module.name
        yield Evidence(key="security-module", value=name, source="pkcs11.txt")
    if not profile.modules:
        yield Evidence(key="security-module", value="none", source="pkcs11.txt")


def _state(extension: Extension) -> str:
    return "active" if extension.active else "disabled"


def useless_manifests(facts: Facts) -> Iterator[Evidence]:
    """Where the extension finds no module to load: the manifests of an installed Cryptolib, if they
    were read and none of them leads Firefox to its library."""
    registration, products = known(facts, Registration), known(facts, Products)
    if registration is None or products is None or not listed(products):
        return
    own = [each for each in registration.modules if each.name.lower() in _NAMES_OF_MODULES]
    told = {each: _says(each, facts[Catalogue].cryptolib.extension) for each in own}
    if not {"usable", "unreadable"}.isdisjoint(told.values()):
        return
    for module, value in told.items():
        yield Evidence(key="module-manifest", value=value, source=module.source)
    if not told:
        yield Evidence(key="module-manifest", value="missing", source=registration.source)


def _says(module: RegisteredModule, extension: str) -> str:
    """What Firefox makes of a manifest, as evidence has it."""
    if FileState.UNREADABLE in (module.manifest, module.library):
        return "unreadable"
    if module.manifest is not FileState.PRESENT:
        return "missing"
    if extension not in module.allows:
        return "not-for-extension"
    return "usable" if module.library is FileState.PRESENT else "without-library"
