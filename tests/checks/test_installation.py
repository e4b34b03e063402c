"""Whether all that the installer lays down is there, for the browser in which a person signs in."""

from __future__ import annotations

from typing import Any

import pytest

from checks import installation
from checks.installation import judge_architecture, judge_complete
from diagcps.browsing import BrowserKind, Browsers
from diagcps.check import Check, Facts, MissingFact, NotApplicable
from diagcps.facts import CardStates, FileState, Library, LibraryState, System
from diagcps.model import Level, Platform
from diagcps.workstation import (
    Component,
    Components,
    Products,
    RegisteredProvider,
    Registration,
)
from tests.builders import (
    CATALOGUE,
    CONTACTLESS,
    CPS3,
    CPS4,
    causes_of,
    evidence_of,
    failed,
    findings,
    library,
    pcsc,
    read_card,
    step,
)
from tests.desks import (
    LINUX,
    MACOS,
    MD5,
    OTHER_MD5,
    WINDOWS,
    browsers,
    calais_entry,
    catalogue,
    changed,
    checks_of,
    components,
    desk,
    person,
    products,
    property_of,
    registration,
    signs_in_with,
)

CHECKS = checks_of(installation)
CPS4_T0 = bytes.fromhex("3BDC18FF00001225006480000401009000")
FIREFOX = (signs_in_with(BrowserKind.FIREFOX), browsers(BrowserKind.FIREFOX, "x86_64"))

blind = library()
nothing_offered = person()


def complete(*facts: Any, platform: Platform = WINDOWS, **more: Any) -> list[Level | None]:
    """The level of an installation that is not complete; empty for one that is."""
    found = findings(judge_complete, desk(platform, *facts, **more))
    assert {each.cause for each in found} <= {"middleware.incomplete"}
    return [each.level for each in found]


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_healthy_workstation_passes(check: Check, platform: Platform) -> None:
    if platform in check.platforms:
        try:
            assert findings(check.judge, desk(platform)) == ()
        except NotApplicable:
            assert platform is LINUX


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_fact_and_no_catalogue_makes_it_raise(check: Check) -> None:
    property_of(check)()


# Missing files.


def test_a_needed_file_that_is_not_there_leaves_the_installation_incomplete() -> None:
    lacking = components(lacking=["tab.dll"])
    assert complete(lacking, nothing_offered) == [None]
    facts = desk(WINDOWS, lacking)
    assert evidence_of(judge_complete, facts)["missing-file"] == "tab.dll"


def test_an_empty_file_is_as_good_as_none() -> None:
    empty = changed(components(), "tab.dll", state=FileState.EMPTY)
    assert complete(empty, nothing_offered) == [None]


def test_a_file_that_lacks_while_the_card_comes_to_the_browser_is_worth_knowing() -> None:
    assert complete(components(lacking=["tab.dll"])) == [Level.INFO]


def test_a_part_that_lacks_on_the_way_of_another_browser_keeps_nobody() -> None:
    lacking = components(lacking=["CCM.exe"])
    assert complete(lacking, nothing_offered) == [None]
    assert complete(lacking, nothing_offered, blind, *FIREFOX) == [Level.INFO]


def test_both_providers_that_lack_keep_the_card_from_the_browser() -> None:
    lacking = components(lacking=["csp64.dll", "csp32.dll"])
    assert complete(lacking, nothing_offered) == [None]


@pytest.mark.parametrize("name", ["DICO-FR.GIP", "p11_32.dll", "csp64.dll"])
def test_what_other_checks_speak_of_is_not_told_twice(name: str) -> None:
    assert complete(components(lacking=[name]), nothing_offered) == []


def test_a_file_that_may_not_be_read_is_not_missing() -> None:
    found = changed(components(), "tab.dll", state=FileState.UNREADABLE)
    assert complete(found, nothing_offered) == []


def test_a_file_that_was_not_looked_for_is_not_missing() -> None:
    assert complete(Components(expected=(), source="test"), nothing_offered) == []


def test_a_file_at_another_of_its_places_is_there() -> None:
    twice = components()
    here = changed(components(lacking=["tab.dll"]), "tab.dll", place="elsewhere")
    both = Components(expected=(*here.expected, *twice.expected), source="test")
    assert complete(both, nothing_offered) == []


def test_a_32_bit_windows_lacks_no_64_bit_file() -> None:
    small = System(platform=WINDOWS, name="Test", architecture="x86")
    only32 = registration(
        providers=(RegisteredProvider(view="32", image="csp32.dll", state=FileState.PRESENT),)
    )
    found = components(lacking=["p11_64.dll", "csp64.dll"])
    given = (small, found, only32, browsers(BrowserKind.EDGE, "x86"), nothing_offered)
    assert complete(*given) == []
    assert causes_of(judge_architecture, desk(WINDOWS, *given)) == ()


def test_what_is_not_installed_is_not_incomplete() -> None:
    lacking, absent = components(lacking=["tab.dll"]), library(state=LibraryState.ABSENT)
    with pytest.raises(NotApplicable):
        complete(lacking, products())
    with pytest.raises(NotApplicable):
        complete(lacking, absent, missing={Products: failed()})


def test_what_the_system_lists_is_incomplete_without_its_library() -> None:
    lacking, absent = components(LINUX, lacking=["p11.so"]), library(state=LibraryState.ABSENT)
    assert complete(lacking, absent, platform=LINUX) == [None]


def test_a_silent_list_of_software_hides_no_missing_file() -> None:
    lacking = components(lacking=["tab.dll"])
    assert complete(lacking, nothing_offered, missing={Products: failed()}) == [None]


def test_components_that_could_not_be_looked_at_are_unknown() -> None:
    unread = {Components: failed()}
    with pytest.raises(MissingFact):
        complete(nothing_offered, missing=unread)
    with pytest.raises(NotApplicable):
        complete(missing=unread)
    with pytest.raises(NotApplicable):
        causes_of(judge_architecture, desk(WINDOWS, missing=unread))


def test_on_linux_a_library_that_lacks_keeps_the_card_from_every_browser() -> None:
    lacking, unread = components(LINUX, lacking=["p11.so"]), {Library: failed()}
    assert complete(lacking, platform=LINUX, missing=unread) == [None]


# Damaged files.


def damaged(md5: str = OTHER_MD5, version: str = "3.4.0.0") -> Components:
    return changed(components(), "p11_64.dll", md5=md5, version=version)


BROKEN = library(state=LibraryState.CRASHED)


def test_a_damaged_library_that_does_not_work_leaves_the_installation_incomplete() -> None:
    given = (products("5.2.2"), damaged(), *FIREFOX, BROKEN)
    assert complete(*given) == [None]
    assert evidence_of(judge_complete, desk(WINDOWS, *given))["damaged-file"] == "p11_64.dll"


def test_a_damaged_library_of_which_nothing_is_felt_is_worth_knowing() -> None:
    assert complete(products("5.2.2"), damaged(), *FIREFOX) == [Level.INFO]
    assert complete(products("5.2.2"), damaged(), nothing_offered) == [Level.INFO]


def test_a_file_with_its_checksum_is_whole() -> None:
    assert complete(products("5.2.2"), damaged(MD5.upper()), *FIREFOX, BROKEN) == []


@pytest.mark.parametrize("listed", [("5.2.6",), ("5.2.2", "5.2.6"), ("",)])
def test_the_checksums_of_one_version_are_compared_with_it_alone(listed: tuple[str, ...]) -> None:
    assert complete(products(*listed), damaged(), *FIREFOX, BROKEN) == []


@pytest.mark.parametrize("version", ["3.5.0", "", "?"])
def test_a_file_of_another_version_was_changed_and_is_not_damaged(version: str) -> None:
    given = (products("5.2.2"), damaged(version=version), *FIREFOX, BROKEN)
    assert complete(*given) == []
    assert evidence_of(judge_complete, desk(WINDOWS, *given))["changed-file"] == "p11_64.dll"


OF_32_BITS, OF_64_BITS = "fc875e65e34578432ffd4db98b3954dd", "4306edc4d990030b7c830c857ecd8693"
"""CCM.exe of 5.2.2, by its release note."""


@pytest.mark.parametrize("processor", ["x86", "x86_64"])
def test_the_manager_of_either_windows_is_whole(processor: str) -> None:
    machine = System(platform=WINDOWS, name="Test", architecture=processor)
    place = r"%ProgramFiles%\santesocial\CPS"

    def found(md5: str) -> list[Level | None]:
        manager = Component(
            name="CCM.exe", place=place, state=FileState.PRESENT, version="3.13.0.0", md5=md5
        )
        there = Components(expected=(manager,), source="test")
        known = CATALOGUE.cryptolib.files
        given = (machine, products("5.2.2"), there, catalogue(files=known), nothing_offered)
        return complete(*given, missing={Registration: failed()})

    assert (found(OF_32_BITS), found(OF_64_BITS), found(OTHER_MD5)) == ([], [], [None])


# Windows' registry.


def of_view(*views: str, state: FileState = FileState.PRESENT) -> Registration:
    providers = (RegisteredProvider(view=v, image=f"csp{v}.dll", state=state) for v in views)
    return registration(providers=tuple(providers))


@pytest.mark.parametrize(
    "found",
    [of_view(), of_view("32"), of_view("64", state=FileState.ABSENT)],
    ids=["none", "other view", "without its file"],
)
def test_a_provider_that_is_not_registered_keeps_the_card_from_edge(found: Registration) -> None:
    assert complete(found, nothing_offered) == [None]
    assert complete(found, blind, *FIREFOX) == [Level.INFO]


def test_a_provider_of_the_other_kind_alone_is_of_another_kind_and_not_incomplete() -> None:
    given = (components(lacking=["csp64.dll"]), nothing_offered)
    gone = of_view("64", state=FileState.ABSENT)
    assert causes_of(judge_architecture, desk(WINDOWS, *given)) == ("middleware.wrong-arch",)
    assert complete(*given, of_view("32")) == []
    assert complete(*given, gone) == [Level.INFO]


def test_a_32_bit_browser_looks_in_its_own_view() -> None:
    small = browsers(BrowserKind.EDGE, "x86")
    assert complete(of_view("32"), small, nothing_offered) == []
    assert complete(of_view("64"), small, nothing_offered) == [None]


NO_CARD = (pcsc(), CardStates(cards=()), *read_card(first=step())[2:])


@pytest.mark.parametrize("lacks", [of_view(), components(lacking=["tab.dll"])], ids=["key", "file"])
def test_a_version_of_which_no_source_says_what_it_lays_down_lacks_what_is_felt(
    lacks: Any,
) -> None:
    for version in ("5.2.2", "5.1.10"):
        assert complete(lacks, products(version), *NO_CARD) == [None]
    for version in ("5.2.3", "5.2.6"):
        assert complete(lacks, products(version), *NO_CARD) == [Level.INFO]
        assert complete(lacks, products(version), nothing_offered) == [None]


def test_a_registry_that_could_not_be_read_lacks_nothing() -> None:
    assert complete(nothing_offered, missing={Registration: failed()}) == []


@pytest.mark.parametrize(
    "cards", [(), (calais_entry("Another Provider"),)], ids=["none", "another's"]
)
@pytest.mark.parametrize("atr", [CPS3, CPS4_T0], ids=["cps3", "cps4-t0"])
def test_a_card_that_windows_ties_to_nothing_or_to_another(cards: Any, atr: bytes) -> None:
    found = registration(cards=cards)
    assert complete(found, nothing_offered, atr=atr) == [None]
    assert complete(found, atr=atr) == [Level.INFO]
    assert complete(found, nothing_offered, blind, *FIREFOX, atr=atr) == [Level.INFO]


def test_the_own_entry_beside_another_is_enough() -> None:
    found = registration(
        cards=(calais_entry("Another"), calais_entry(" asip sante CRYPTOGRAPHIC provider"))
    )
    assert complete(found, nothing_offered) == []


@pytest.mark.parametrize("atr", [CPS4, CONTACTLESS, b"", b"\x3b"], ids=lambda atr: atr.hex())
def test_a_card_that_no_published_entry_fits_lacks_none(atr: bytes) -> None:
    assert complete(registration(cards=()), nothing_offered, atr=atr) == []


@pytest.mark.parametrize("platform", [LINUX, MACOS])
def test_other_systems_have_no_such_registry(platform: Platform) -> None:
    assert complete(Registration(source="test"), platform=platform) == []


# The kind of program.


@pytest.mark.parametrize(
    ("browser", "lacking"),
    [
        (BrowserKind.EDGE, "csp64.dll"),
        (BrowserKind.CHROME, "csp64.dll"),
        (BrowserKind.FIREFOX, "p11_64.dll"),
    ],
)
def test_a_64_bit_browser_needs_the_64_bit_library(browser: BrowserKind, lacking: str) -> None:
    of_kind = _with_kinds(lacking=[lacking])
    facts = desk(WINDOWS, of_kind, signs_in_with(browser), browsers(browser, "AMD64"))
    assert causes_of(judge_architecture, facts) == ("middleware.wrong-arch",)


def test_a_32_bit_browser_needs_the_32_bit_library() -> None:
    facts = desk(WINDOWS, _with_kinds(lacking=["csp32.dll"]), browsers(BrowserKind.EDGE, "x86"))
    assert causes_of(judge_architecture, facts) == ("middleware.wrong-arch",)


def test_a_provider_for_32_bit_programs_alone_is_not_missed_in_the_other_view() -> None:
    (_, of_32) = registration().providers
    found = registration(providers=(of_32,))
    assert complete(found, nothing_offered, _with_kinds(lacking=["csp64.dll"])) == []
    assert complete(found, nothing_offered, _with_kinds(lacking=[])) == [None]


@pytest.mark.parametrize("lacking", ["p11_64.dll", "csp32.dll"])
def test_the_kind_that_another_browser_needs_is_of_no_matter(lacking: str) -> None:
    assert causes_of(judge_architecture, desk(WINDOWS, _with_kinds(lacking=[lacking]))) == ()


def test_one_of_two_kinds_of_the_same_browser_is_served() -> None:
    both = browsers(BrowserKind.EDGE, "x86", "x86_64")
    assert (
        causes_of(judge_architecture, desk(WINDOWS, _with_kinds(lacking=["csp32.dll"]), both)) == ()
    )


@pytest.mark.parametrize(
    "given",
    [
        (browsers(BrowserKind.EDGE, ""),),
        (browsers(BrowserKind.CHROME, "x86"),),
        (browsers(BrowserKind.EDGE, "ARM64"),),
        (signs_in_with(BrowserKind.OTHER), browsers(BrowserKind.OTHER, "x86")),
        (components(lacking=["csp64.dll", "csp32.dll"]),),
    ],
    ids=["silent", "not installed", "another processor", "another browser", "no library"],
)
def test_where_the_kinds_are_not_known_nothing_is_said(given: tuple[Any, ...]) -> None:
    lacking = _with_kinds(lacking=["csp64.dll"])
    with pytest.raises(NotApplicable):
        causes_of(judge_architecture, desk(WINDOWS, lacking, *given))


def test_browsers_that_could_not_be_listed_make_nothing_wrong() -> None:
    facts = desk(WINDOWS, _with_kinds(lacking=["csp64.dll"]), missing={Browsers: failed()})
    with pytest.raises(NotApplicable):
        causes_of(judge_architecture, facts)


def _with_kinds(lacking: list[str]) -> Components:
    """Components that say themselves for which processor they are, as files do."""
    found = components(lacking=lacking)
    for name in ("csp", "p11_"):
        found = changed(found, f"{name}64.dll", architectures=("x86_64",))
        found = changed(found, f"{name}32.dll", architectures=("x86",))
    return found


def test_evidence_names_the_kinds_on_both_sides() -> None:
    facts: Facts = desk(WINDOWS, _with_kinds(lacking=["csp64.dll"]))
    said = evidence_of(judge_architecture, facts)
    assert (said["architectures"], said["browser-architecture"]) == ("x86", "x86_64")
