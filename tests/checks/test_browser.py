"""What the checks of the browsers say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from checks.browser import (
    EXTENSION,
    LOCAL_ACCESS,
    MODULES,
    PROFILES,
    SUPPORTED,
    judge_extension,
    judge_local_access,
    judge_modules,
    judge_profiles,
    judge_supported,
)
from diagcps.browsing import (
    Browser,
    BrowserKind,
    BrowserPolicy,
    Browsers,
    Extension,
    FirefoxProfile,
    FirefoxProfiles,
    How,
    PageBrowser,
    Sandbox,
    SecurityModule,
)
from diagcps.catalogue import Catalogue
from diagcps.catalogue_parts import KnownPorts, PortCatalogue
from diagcps.check import Check, Facts, Judge, MissingFact, NotApplicable
from diagcps.facts import FileState, Moment, System
from diagcps.model import Finding, Level, Platform
from diagcps.workstation import (
    Account,
    AccountKind,
    Product,
    ProductKind,
    Products,
    RegisteredModule,
    Registration,
    Running,
    Software,
)
from tests.builders import (
    CATALOGUE,
    NOW,
    bag,
    causes_of,
    evidence_of,
    failed,
    findings,
    moment,
    secret,
    system,
)
from tests.strategies import bags, quick

OURS, OLD = CATALOGUE.cryptolib.extension, CATALOGUE.cryptolib.old_extensions[0]
ACTIVE = Extension(id=OURS, version="6.0.21", active=True)
DISABLED = replace(ACTIVE, active=False)
OLD_ONE = Extension(id=OLD, version="4.0", active=True)
MODULE = SecurityModule(name="cps3", library="cps3_pkcs11_w64.dll")
BY_HAND = SecurityModule(name="", library="libcps3_pkcs11_lux.so")
OPENSC = SecurityModule(name="opensc", library="opensc-pkcs11.dll")
INSTALLED = Product(
    kind=ProductKind.CRYPTOLIB, name="Cryptolib CPS", version="5.2.6", source="test"
)
PERSON = Account(kind=AccountKind.PERSON, source="test")
OF_FIREFOX = (judge_extension, judge_profiles, judge_modules)


def profile(
    *has: Extension | SecurityModule, days: int | None = 1, name: str = "own", **changes: Any
) -> FirefoxProfile:
    """The person's profile, used `days` ago, with extensions and modules."""
    given = {
        "name": secret(name),
        "place": "~/.mozilla/firefox",
        "default": True,
        "used": None if days is None else NOW - timedelta(days=days),
        "state": FileState.PRESENT,
        "extensions": tuple(each for each in has if isinstance(each, Extension)),
        "modules": tuple(each for each in has if isinstance(each, SecurityModule)),
    }
    return FirefoxProfile(**{**given, **changes})


def other(*has: Extension | SecurityModule, days: int | None = 1, **changes: Any) -> FirefoxProfile:
    """A second profile, which Firefox does not open by itself."""
    return profile(*has, days=days, name="other", default=False, **changes)


def products(*found: Product) -> Products:
    return Products(products=found, source="test")


def declared(name: str = "cps3", **changes: Any) -> RegisteredModule:
    """A manifest that leads the extension to the library."""
    there = FileState.PRESENT
    given = {"source": "HKLM", "manifest": there, "library": there, "allows": ("other", OURS)}
    return RegisteredModule(name=name, **{**given, **changes})


def browser(kind: BrowserKind, version: str = "150.0", **changes: Any) -> Browser:
    return Browser(kind=kind, name=kind.value, version=version, source="test", **changes)


def browsers(*found: Browser, **changes: Any) -> Browsers:
    return Browsers(browsers=found, source="test", **changes)


def page(
    kind: BrowserKind = BrowserKind.FIREFOX, *, how: How = How.PAGE, **changes: Any
) -> PageBrowser:
    return PageBrowser(**{"kind": kind, "version": "150", "how": how, **changes})


FIREFOX, CHROME = browser(BrowserKind.FIREFOX), browser(BrowserKind.CHROME)


def workstation(
    *found: FirefoxProfile, shown_in: PageBrowser | None = None,
    on: Platform = Platform.WINDOWS, installed: Browsers | None = None, **changes: Any,
) -> Facts:  # fmt: skip
    """A Windows with Firefox, Chrome and a whole Cryptolib; Firefox shows the page."""
    return bag(
        installed or browsers(FIREFOX, CHROME),
        FirefoxProfiles(profiles=found, unread=changes.pop("unread", 0), source="test"),
        shown_in or page(),
        CATALOGUE,
        system(on),
        moment(),
        Software(running=(), source="test"),
        changes.pop("account", PERSON),
        changes.pop("products", products(INSTALLED)),
        changes.pop("registration", Registration(modules=(declared(),), source="test")),
        missing=changes.pop("missing", None),
    )


def told(judge: Judge, facts: Facts) -> tuple[str, Level | None]:
    """The only cause that the judge finds, and the level that it gives it."""
    (found,) = findings(judge, facts)
    assert isinstance(found, Finding)
    return found.cause, found.level


def applies(judge: Judge, facts: Facts) -> bool:
    try:
        list(judge(facts))
    except NotApplicable:
        return False
    return True


# The extension and the module


def test_a_profile_with_the_extension_and_its_module_passes() -> None:
    facts = workstation(profile(ACTIVE, MODULE))
    assert causes_of(judge_extension, facts) == ()
    said = evidence_of(judge_extension, facts)
    assert (said["extension"], said["security-module"]) == ("active", "cps3_pkcs11_w64.dll")
    assert said["profile"] == secret("own")


@pytest.mark.parametrize(
    ("has", "cause"),
    [
        ((), "browser.extension-missing"),
        ((OLD_ONE,), "browser.extension-missing"),
        ((DISABLED,), "browser.extension-disabled"),
        ((ACTIVE,), "browser.module-missing"),
        ((DISABLED, ACTIVE), "browser.module-missing"),
    ],
)
@pytest.mark.parametrize("how", How)
def test_what_the_persons_profile_lacks_is_the_cause(
    has: tuple[Extension, ...], cause: str, how: How
) -> None:
    facts = workstation(profile(*has), shown_in=page(how=how))
    assert told(judge_extension, facts) == (cause, None)


@pytest.mark.parametrize("has", [(BY_HAND,), (DISABLED, MODULE)])
def test_a_module_that_was_loaded_by_hand_needs_no_extension(has: tuple[Any, ...]) -> None:
    assert causes_of(judge_extension, workstation(profile(*has))) == ()


@pytest.mark.parametrize("kind", [BrowserKind.CHROME, BrowserKind.EDGE, BrowserKind.SAFARI])
def test_what_firefox_lacks_is_only_worth_knowing_to_another_browser(kind: BrowserKind) -> None:
    facts = workstation(profile(), shown_in=page(kind))
    assert told(judge_extension, facts) == ("browser.extension-missing", Level.INFO)


def test_what_firefox_lacks_cannot_be_told_when_nobody_knows_the_browser() -> None:
    nobody = {PageBrowser: failed()}
    with pytest.raises(MissingFact):
        list(judge_extension(workstation(profile(), missing=nobody)))
    assert causes_of(judge_extension, workstation(profile(BY_HAND), missing=nobody)) == ()
    assert told(judge_extension, workstation(profile(OPENSC), missing=nobody)) == (
        "browser.extension-missing", Level.INFO,
    )  # fmt: skip
    assert not applies(judge_extension, workstation(profile(days=91), missing=nobody))


@pytest.mark.parametrize("days", [91, 400, None])
@pytest.mark.parametrize("judge", OF_FIREFOX)
def test_a_firefox_that_nobody_uses_has_no_question(judge: Judge, days: int | None) -> None:
    facts = workstation(profile(OLD_ONE, days=days), shown_in=page(BrowserKind.CHROME))
    assert not applies(judge, facts)


@pytest.mark.parametrize("judge", OF_FIREFOX)
def test_where_firefox_was_removed_its_profile_has_no_question(judge: Judge) -> None:
    shown_in = page(BrowserKind.CHROME)
    facts = workstation(profile(), installed=browsers(CHROME), shown_in=shown_in)
    assert not applies(judge, facts)


@pytest.mark.parametrize("judge", OF_FIREFOX)
@pytest.mark.parametrize("state", [FileState.EMPTY, FileState.ABSENT])
def test_a_firefox_that_was_never_opened_has_no_question(judge: Judge, state: FileState) -> None:
    assert not applies(judge, workstation(profile(state=state)))
    assert not applies(judge, workstation())


@pytest.mark.parametrize("judge", OF_FIREFOX)
def test_a_profile_that_cannot_be_read_is_unknown(judge: Judge) -> None:
    with pytest.raises(MissingFact):
        list(judge(workstation(profile(state=FileState.UNREADABLE), other())))


def test_an_unreadable_profile_beside_the_persons_own_hides_nothing() -> None:
    facts = workstation(profile(ACTIVE, MODULE), other(state=FileState.UNREADABLE))
    assert causes_of(judge_extension, facts) == ()


def test_of_several_profiles_the_one_that_firefox_opens_and_that_was_used_last_counts() -> None:
    stale = profile(days=400, name="stale")
    facts = workstation(stale, other(), profile(ACTIVE, MODULE, days=2))
    assert causes_of(judge_extension, facts) == ()


@pytest.mark.parametrize("platform", [Platform.WINDOWS, Platform.MACOS])
def test_where_the_system_presents_the_card_the_extension_is_only_worth_knowing(
    platform: Platform,
) -> None:
    facts = workstation(profile(system_certificates=True), on=platform)
    assert told(judge_extension, facts) == ("browser.extension-missing", Level.INFO)


def test_another_library_for_cards_is_no_proof_against_it() -> None:
    facts = workstation(profile(OPENSC))
    assert told(judge_extension, facts) == ("browser.extension-missing", Level.INFO)


@pytest.mark.parametrize("sandbox", [Sandbox.SNAP, Sandbox.FLATPAK])
@pytest.mark.parametrize("has", [(), (ACTIVE,), (DISABLED,)])
def test_a_firefox_that_is_kept_apart_is_the_cause_of_what_it_lacks(
    sandbox: Sandbox, has: tuple[Extension, ...]
) -> None:
    facts = workstation(profile(*has, sandbox=sandbox), on=Platform.LINUX)
    assert told(judge_extension, facts) == ("browser.sandboxed", None)


def test_a_firefox_that_is_kept_apart_and_has_the_module_passes() -> None:
    facts = workstation(profile(ACTIVE, MODULE, sandbox=Sandbox.SNAP), on=Platform.LINUX)
    assert causes_of(judge_extension, facts) == ()


# The extension, as the page says


def test_an_extension_that_answers_beats_what_is_on_the_disk() -> None:
    facts = workstation(profile(), shown_in=page(extension=True))
    assert causes_of(judge_extension, facts) == ()
    assert evidence_of(judge_extension, facts)["extension-answers"] is True


def test_an_extension_that_answers_without_its_module_is_the_cause() -> None:
    facts = workstation(profile(), other(ACTIVE), shown_in=page(extension=True))
    assert told(judge_extension, facts) == ("browser.module-missing", None)


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ((profile(),), "browser.extension-missing"),
        ((), "browser.extension-missing"),
        ((profile(ACTIVE),), "browser.extension-missing"),
        ((profile(DISABLED),), "browser.extension-disabled"),
        ((profile(DISABLED), other(ACTIVE, MODULE)), "browser.extension-disabled"),
        ((profile(sandbox=Sandbox.SNAP), profile(ACTIVE, MODULE, days=2)), "browser.sandboxed"),
        ((profile(ACTIVE, MODULE, days=91), other()), "browser.extension-missing"),
        ((profile(ACTIVE, MODULE, days=91), other(DISABLED)), "browser.extension-disabled"),
        ((profile(state=FileState.UNREADABLE), other()), "browser.extension-missing"),
    ],
)
def test_an_extension_that_does_not_answer_is_missing_in_the_pages_profile(
    found: tuple[FirefoxProfile, ...], cause: str
) -> None:
    facts = workstation(*found, shown_in=page(extension=False))
    assert told(judge_extension, facts) == (cause, None)


@pytest.mark.parametrize(
    "found",
    [
        (profile(ACTIVE, MODULE),),
        (profile(BY_HAND),),
        (profile(ACTIVE, MODULE, days=91),),
        (profile(ACTIVE, MODULE), other()),
        (profile(ACTIVE, MODULE, days=91), other(), other(BY_HAND)),
    ],
    ids=["private window", "by hand", "used long ago", "beside a bare one", "beside one of two"],
)
def test_the_silence_of_an_extension_is_only_worth_knowing_where_the_module_is_loaded(
    found: tuple[FirefoxProfile, ...],
) -> None:
    facts = workstation(*found, shown_in=page(extension=False))
    assert told(judge_extension, facts) == ("browser.extension-missing", Level.INFO)


@pytest.mark.parametrize("own", [profile(OPENSC), profile(system_certificates=True)])
def test_its_silence_is_no_proof_where_something_else_may_present_the_card(
    own: FirefoxProfile,
) -> None:
    facts = workstation(own, shown_in=page(extension=False))
    assert told(judge_extension, facts) == ("browser.extension-missing", Level.INFO)


# The manifest of the module


def declaring(
    *modules: RegisteredModule, has: FirefoxProfile | None = None, **changes: Any
) -> Facts:
    """A Firefox whose extension found no module, beside an installed Cryptolib."""
    registration = Registration(modules=modules, source="PKCS11Modules")
    return workstation(has or profile(ACTIVE), registration=registration, **changes)


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ((), "missing"),
        ((declared("opensc"),), "missing"),
        ((declared(manifest=FileState.ABSENT, allows=()),), "missing"),
        ((declared(manifest=FileState.EMPTY, allows=()),), "missing"),
        ((declared(allows=("other",)),), "not-for-extension"),
        ((declared(library=FileState.ABSENT),), "without-library"),
        ((declared(library=FileState.EMPTY),), "without-library"),
    ],
)
def test_an_installation_that_leaves_firefox_no_module_to_load_is_incomplete(
    modules: tuple[RegisteredModule, ...], said: str
) -> None:
    facts = declaring(*modules)
    assert told(judge_extension, facts) == ("middleware.incomplete", None)
    assert evidence_of(judge_extension, facts)["module-manifest"] == said


@pytest.mark.parametrize("how", How)
@pytest.mark.parametrize("answers", [True, None])
def test_so_it_is_however_the_browser_is_known(how: How, answers: bool | None) -> None:
    facts = declaring(shown_in=page(how=how, extension=answers))
    assert told(judge_extension, facts) == ("middleware.incomplete", None)


@pytest.mark.parametrize(
    "facts",
    [
        declaring(declared()),
        declaring(declared("CPS3_x86"), declared(library=FileState.ABSENT)),
        declaring(declared(manifest=FileState.UNREADABLE, library=FileState.UNREADABLE)),
        declaring(declared(library=FileState.UNREADABLE)),
        declaring(products=products()),
        declaring(products=products(replace(INSTALLED, kind=ProductKind.CPS_GESTION))),
        workstation(profile(ACTIVE), missing={Registration: failed()}),
        workstation(profile(ACTIVE), missing={Products: failed()}),
    ],
    ids=["whole", "for 32 bits", "unread", "library unread", "nothing", "another", "none", "list"],
)
def test_where_a_module_could_be_loaded_or_nobody_knows_the_module_is_missing(
    facts: Facts,
) -> None:
    assert told(judge_extension, facts) == ("browser.module-missing", None)


def test_a_module_that_is_loaded_needs_no_manifest() -> None:
    assert causes_of(judge_extension, declaring(has=profile(ACTIVE, MODULE))) == ()


def test_a_profile_without_the_active_extension_needs_that_first() -> None:
    bare = (profile(), profile(DISABLED), profile(ACTIVE, sandbox=Sandbox.FLATPAK))
    assert [told(judge_extension, declaring(has=each))[0] for each in bare] == [
        "browser.extension-missing", "browser.extension-disabled", "browser.sandboxed",
    ]  # fmt: skip


def test_what_the_page_of_another_browser_says_of_the_extension_is_nothing() -> None:
    facts = workstation(profile(), shown_in=page(BrowserKind.CHROME, extension=False))
    assert told(judge_extension, facts) == ("browser.extension-missing", Level.INFO)


def test_the_page_is_enough_where_no_profile_could_be_read() -> None:
    missing = {FirefoxProfiles: failed()}
    facts = workstation(shown_in=page(extension=False), missing=missing)
    assert told(judge_extension, facts) == ("browser.extension-missing", None)


# The other profiles


@pytest.mark.parametrize("days", [1, 89])
def test_another_profile_that_is_used_and_lacks_the_extension_is_told(days: int) -> None:
    facts = workstation(profile(ACTIVE, MODULE), other(days=days))
    assert told(judge_profiles, facts) == ("browser.profile-uncovered", None)


def test_another_profile_of_a_firefox_that_is_not_the_persons_is_only_worth_knowing() -> None:
    facts = workstation(profile(ACTIVE, MODULE), other(), shown_in=page(BrowserKind.EDGE))
    assert told(judge_profiles, facts) == ("browser.profile-uncovered", Level.INFO)


@pytest.mark.parametrize("how", How)
@pytest.mark.parametrize("answers", [True, False, None])
def test_another_profile_is_only_worth_knowing_where_the_extension_answers_the_page(
    how: How, answers: bool | None
) -> None:
    shown_in = page(how=how, extension=answers)
    facts = workstation(profile(ACTIVE, MODULE), other(), shown_in=shown_in)
    meaning = Level.INFO if how is How.PAGE and answers else None
    assert told(judge_profiles, facts) == ("browser.profile-uncovered", meaning)


def test_of_more_profiles_than_were_looked_at_nothing_more_is_known() -> None:
    mine = profile(ACTIVE, MODULE)
    with pytest.raises(MissingFact):
        list(judge_profiles(workstation(mine, unread=1)))
    assert causes_of(judge_extension, workstation(mine, unread=1)) == ()
    elsewhere = workstation(mine, unread=1, shown_in=page(BrowserKind.EDGE))
    assert causes_of(judge_profiles, elsewhere) == ()
    uncovered = workstation(mine, other(), unread=1)
    assert causes_of(judge_profiles, uncovered) == ("browser.profile-uncovered",)


@pytest.mark.parametrize(
    "another",
    [
        other(days=91),
        other(days=None),
        other(state=FileState.EMPTY),
        other(ACTIVE, MODULE),
        other(BY_HAND),
        profile(days=400),
    ],
)
def test_a_profile_that_nobody_uses_or_that_serves_is_not_uncovered(
    another: FirefoxProfile,
) -> None:
    assert causes_of(judge_profiles, workstation(profile(ACTIVE, MODULE), another)) == ()


def test_what_no_profile_has_is_no_matter_of_the_other_profiles() -> None:
    assert causes_of(judge_profiles, workstation(profile(), other())) == ()


def test_an_old_extension_in_the_place_of_todays_is_the_cause() -> None:
    assert told(judge_profiles, workstation(profile(OLD_ONE))) == (
        "browser.extension-obsolete", None,
    )  # fmt: skip


def test_an_old_extension_beside_one_that_serves_is_only_worth_knowing() -> None:
    facts = workstation(profile(ACTIVE, MODULE, replace(OLD_ONE, active=False)))
    assert told(judge_profiles, facts) == ("browser.extension-obsolete", Level.INFO)


# The card from two sides


@pytest.mark.parametrize("platform", [Platform.WINDOWS, Platform.MACOS])
def test_the_module_and_the_certificates_of_the_system_are_one_too_many(
    platform: Platform,
) -> None:
    facts = workstation(profile(ACTIVE, MODULE, system_certificates=True), on=platform)
    assert told(judge_modules, facts) == ("browser.duplicate-modules", None)


@pytest.mark.parametrize("said", [None, False])
def test_the_default_of_firefox_is_no_cause(said: bool | None) -> None:
    facts = workstation(profile(ACTIVE, MODULE, system_certificates=said))
    assert causes_of(judge_modules, facts) == ()


def test_the_certificates_of_the_system_alone_are_no_duplicate() -> None:
    facts = workstation(profile(ACTIVE, system_certificates=True))
    assert causes_of(judge_modules, facts) == ()


def test_linux_presents_no_card_of_its_own() -> None:
    facts = workstation(profile(MODULE, system_certificates=True), on=Platform.LINUX)
    assert causes_of(judge_modules, facts) == ()


# Which browsers there are


def test_a_recent_browser_passes() -> None:
    assert causes_of(judge_supported, workstation()) == ()
    assert evidence_of(judge_supported, workstation())["signing-in"] == "firefox"


@pytest.mark.parametrize(
    "installed", [browsers(), browsers(browser(BrowserKind.INTERNET_EXPLORER, "11"))]
)
def test_a_workstation_without_a_browser_for_the_card_is_told(installed: Browsers) -> None:
    facts = workstation(installed=installed, missing={PageBrowser: failed()})
    assert told(judge_supported, facts) == ("browser.none-supported", None)


def test_a_browser_that_no_list_names_is_one() -> None:
    missing = {PageBrowser: failed()}
    assert causes_of(judge_supported, workstation(installed=browsers())) == ()
    facts = workstation(profile(), installed=browsers(), missing=missing)
    assert causes_of(judge_supported, facts) == ()


def test_another_browser_is_not_called_unfit() -> None:
    installed = browsers(browser(BrowserKind.OTHER, "1"))
    facts = workstation(installed=installed, missing={PageBrowser: failed()})
    assert causes_of(judge_supported, facts) == ()


@pytest.mark.parametrize(
    ("kind", "version", "old"),
    [
        (BrowserKind.FIREFOX, "114.0", True),
        (BrowserKind.FIREFOX, "115.31.0", False),
        (BrowserKind.CHROME, "122", True),
        (BrowserKind.EDGE, "123", False),
        (BrowserKind.CHROMIUM, "1", False),
        (BrowserKind.INTERNET_EXPLORER, "11", True),
        (BrowserKind.FIREFOX, "", False),
        (BrowserKind.FIREFOX, "beta", False),
    ],
)
def test_a_browser_older_than_those_that_were_tested_is_told(
    kind: BrowserKind, version: str, old: bool
) -> None:
    facts = workstation(installed=browsers(CHROME), shown_in=page(kind, version=version))
    assert causes_of(judge_supported, facts) == (("browser.too-old",) if old else ())


def test_the_version_of_a_browser_that_is_only_named_is_that_of_the_newest_one() -> None:
    both = browsers(browser(BrowserKind.FIREFOX, "102.0"), browser(BrowserKind.FIREFOX, "140.1"))
    facts = workstation(installed=both, shown_in=page(how=How.NAMED, version=""))
    assert causes_of(judge_supported, facts) == ()


def test_an_old_browser_beside_the_persons_is_only_worth_knowing() -> None:
    installed = browsers(browser(BrowserKind.FIREFOX, "78.0"), CHROME)
    facts = workstation(installed=installed, shown_in=page(BrowserKind.CHROME))
    assert told(judge_supported, facts) == ("browser.too-old", Level.INFO)


def test_the_internet_explorer_that_windows_keeps_is_nothing_to_tell() -> None:
    installed = browsers(browser(BrowserKind.INTERNET_EXPLORER, "11.0"), CHROME)
    facts = workstation(installed=installed, shown_in=page(BrowserKind.CHROME))
    assert causes_of(judge_supported, facts) == ()


# The access to the machine's own programs


def asked(*agents: str, kind: BrowserKind = BrowserKind.CHROME, version: str = "150",
          policies: tuple[BrowserPolicy, ...] = ()) -> Facts:  # fmt: skip
    """A page in a browser that asks, beside running programs; « Agent » listens on a port."""
    ports = PortCatalogue(
        date="2026-11-24",
        source="test",
        programs=(KnownPorts(program="Agent", ports=(1234,), source="test"),),
    )
    running = tuple(Running(name=name, processes=1) for name in agents)
    return bag(
        browsers(CHROME, policies=policies),
        page(kind, version=version),
        replace(CATALOGUE, ports=ports),
        Software(running=running, source="test"),
        PERSON,
    )


def policy(name: str, kind: BrowserKind = BrowserKind.CHROME) -> BrowserPolicy:
    return BrowserPolicy(browser=kind, name=name)


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        (BrowserKind.CHROME, "142"),
        (BrowserKind.EDGE, "143"),
        (BrowserKind.FIREFOX, "145"),
        (BrowserKind.CHROME, ""),
    ],
)
def test_a_browser_that_asks_before_a_local_program_is_worth_knowing(
    kind: BrowserKind, version: str
) -> None:
    facts = asked("Agent", kind=kind, version=version)
    assert told(judge_local_access, facts) == ("browser.local-access", Level.INFO)


@pytest.mark.parametrize(
    "facts",
    [
        asked(),
        asked("Another"),
        asked("Agent", version="141"),
        asked("Agent", kind=BrowserKind.SAFARI),
        asked("Agent", kind=BrowserKind.OTHER),
        asked("Agent", policies=(policy("LoopbackNetworkAllowedForUrls"),)),
        asked("Agent", policies=(policy("LocalNetworkAccessAllowedForUrls"),)),
    ],
)
def test_a_browser_that_need_not_ask_is_nothing_to_tell(facts: Facts) -> None:
    assert causes_of(judge_local_access, facts) == ()


@pytest.mark.parametrize(
    "another",
    [
        policy("LocalNetworkAllowedForUrls"),
        policy("LoopbackNetworkAllowedForUrls", BrowserKind.EDGE),
    ],
)
def test_a_policy_on_something_else_changes_nothing(another: BrowserPolicy) -> None:
    facts = asked("Agent", policies=(another,))
    assert causes_of(judge_local_access, facts) == ("browser.local-access",)


# What is true of all of them


@pytest.mark.parametrize("judge", [judge_supported, judge_local_access, *OF_FIREFOX])
def test_the_systems_own_account_has_no_browser_to_judge(judge: Judge) -> None:
    account = Account(kind=AccountKind.SYSTEM, source="test")
    assert not applies(judge, workstation(profile(), account=account))


@pytest.mark.parametrize(
    ("judge", "kind"),
    [
        (judge_extension, FirefoxProfiles),
        (judge_extension, Catalogue),
        (judge_profiles, Moment),
        (judge_modules, System),
        (judge_local_access, Software),
        (judge_local_access, PageBrowser),
    ],
)
def test_a_fact_that_could_not_be_read_is_unknown(judge: Judge, kind: type) -> None:
    facts = workstation(profile(), missing={kind: failed()})
    with pytest.raises(MissingFact):
        list(judge(facts))


def test_whoever_is_shown_the_page_has_a_browser_whatever_could_be_listed() -> None:
    unread = {Browsers: failed()}
    assert causes_of(judge_supported, workstation(missing=unread)) == ()
    old = workstation(shown_in=page(version="20"), missing=unread)
    assert causes_of(judge_supported, old) == ("browser.too-old",)
    profile_alone = workstation(profile(), missing={**unread, PageBrowser: failed()})
    assert causes_of(judge_supported, profile_alone) == ()
    with pytest.raises(MissingFact):
        list(judge_supported(workstation(missing={**unread, PageBrowser: failed()})))


def test_what_cannot_be_read_of_firefox_is_nothing_to_who_signs_in_elsewhere() -> None:
    unread = {FirefoxProfiles: failed()}
    for judge in OF_FIREFOX:
        assert not applies(judge, workstation(shown_in=page(BrowserKind.CHROME), missing=unread))


@pytest.mark.parametrize("check", [SUPPORTED, EXTENSION, PROFILES, MODULES, LOCAL_ACCESS])
@quick
@given(facts=bags(*{*EXTENSION.uses, *LOCAL_ACCESS.uses} - {Catalogue}))
def test_no_fact_makes_it_raise(check: Check, facts: dict[type, Any]) -> None:
    facts = {**facts, Catalogue: CATALOGUE}
    try:
        found = causes_of(check.judge, Facts({kind: facts[kind] for kind in check.uses}))
    except (MissingFact, NotApplicable):
        return
    assert len(found) <= 1
    assert set(found) <= set(check.causes)
