"""What the checks of the installed Cryptolib say of its version, and of what is left of others."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from checks import cryptolib
from checks._installed import version_of
from checks.cryptolib import (
    judge_dictionary,
    judge_generation,
    judge_knows_card,
    judge_restarted,
    judge_single,
    judge_version,
)
from diagcps.browsing import BrowserKind, FirefoxProfile, FirefoxProfiles
from diagcps.catalogue import When
from diagcps.check import Check, Facts, MissingFact, NotApplicable
from diagcps.facts import FileState, Library, Pcsc, SessionKind, System
from diagcps.model import Level, Platform
from diagcps.workstation import Component, Components, Machine, ProductKind, Products
from tests.builders import (
    CATALOGUE,
    CPS4,
    NOW,
    causes_of,
    evidence_of,
    failed,
    findings,
    library,
    pcsc,
    secret,
    session,
    slot,
)
from tests.desks import (
    LINUX,
    MACOS,
    WINDOWS,
    catalogue,
    changed,
    checks_of,
    components,
    desk,
    fix,
    mac,
    person,
    product,
    products,
    property_of,
    signs_in_with,
)

CPS4_T0 = bytes.fromhex("3BDC18FF00001225006480000401009000")
CHECKS = checks_of(cryptolib)
CONTENT = Path(cryptolib.__file__).parent / "content"

blind = library()
"""The library, with no card to be seen."""


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_healthy_workstation_passes(check: Check, platform: Platform) -> None:
    try:
        assert findings(check.judge, desk(platform)) == ()
    except NotApplicable:
        assert check.judge is judge_knows_card or platform is not WINDOWS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_fact_and_no_catalogue_makes_it_raise(check: Check) -> None:
    property_of(check)()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("5.2.2", (5, 2, 2)),
        ("5.2.10", (5, 2, 10)),
        ("v5.2.2", (5, 2, 2)),
        (" 5.2.2.0 ", (5, 2, 2)),
        ("5.2.2-1", (5, 2, 2)),
        ("5.2", (5, 2)),
        ("0.0", (0,)),
        ("", None),
        ("<script>", None),
        ("5.2.2beta", None),
        ("5..2", None),
        ("٥.٢", None),
        ("9" * 5000, None),
        (".".join("1" * 99), None),
    ],
)
def test_a_version_is_its_numbers_and_nonsense_is_none(
    text: str, numbers: tuple[int, ...] | None
) -> None:
    assert version_of(text) == numbers


# A Cryptolib of the time before the card.


def test_a_card_that_is_seen_is_known_whatever_could_be_listed() -> None:
    unlisted = {Products: failed()}
    for facts in (
        desk(LINUX, atr=CPS4, missing=unlisted),
        desk(WINDOWS, blind, atr=CPS4, missing=unlisted),
    ):
        with pytest.raises(NotApplicable):
            causes_of(judge_knows_card, facts)
    with pytest.raises(MissingFact):
        causes_of(judge_knows_card, desk(LINUX, blind, atr=CPS4, missing=unlisted))


def test_a_cps4_that_windows_offers_is_known_to_something_newer() -> None:
    (found,) = findings(judge_knows_card, desk(WINDOWS, products("5.1.10"), blind, atr=CPS4))
    assert found.level is Level.INFO


def test_a_cryptolib_of_before_the_cps4_does_not_know_it() -> None:
    facts = desk(WINDOWS, products("5.1.10"), blind, atr=CPS4)
    assert causes_of(judge_knows_card, facts) == ("middleware.too-old-for-cps4",)
    assert evidence_of(judge_knows_card, facts)["least-version"] == "5.2.0"


@pytest.mark.parametrize("version", ["5.2.0", "5.2", "5.10.1", "v5.2.6"])
def test_a_cryptolib_that_knows_the_cps4_passes(version: str) -> None:
    assert causes_of(judge_knows_card, desk(WINDOWS, products(version), blind, atr=CPS4)) == ()


def test_a_cps4_that_the_library_shows_is_known_whatever_a_list_says() -> None:
    assert causes_of(judge_knows_card, desk(WINDOWS, products("5.1.10"), atr=CPS4)) == ()


def test_the_newest_of_two_versions_counts() -> None:
    facts = desk(WINDOWS, products("5.1.7", "5.2.6"), blind, atr=CPS4)
    assert causes_of(judge_knows_card, facts) == ()


def test_an_old_cryptolib_is_no_trouble_to_a_cps3() -> None:
    with pytest.raises(NotApplicable):
        causes_of(judge_knows_card, desk(WINDOWS, products("5.1.10")))


@pytest.mark.parametrize("version", ["", "unknown", "5.x"])
def test_a_version_that_is_none_is_unknown_and_no_fault(version: str) -> None:
    facts = desk(WINDOWS, products(version), blind, atr=CPS4)
    with pytest.raises(MissingFact):
        causes_of(judge_knows_card, facts)
    with pytest.raises(MissingFact):
        causes_of(judge_version, facts)


@pytest.mark.parametrize("judge", [judge_knows_card, judge_version, judge_single])
def test_without_a_cryptolib_in_the_list_there_is_nothing_to_ask(judge: Any) -> None:
    with pytest.raises(NotApplicable):
        causes_of(judge, desk(WINDOWS, products(), atr=CPS4))


# A newer version exists.


def of_version(facts: Facts) -> list[tuple[str, Level | None]]:
    return [(each.cause, each.level) for each in findings(judge_version, facts)]


def test_a_newer_version_alone_is_worth_knowing_and_no_warning() -> None:
    facts = desk(WINDOWS, products("5.2.2"))
    assert of_version(facts) == [("middleware.outdated", Level.INFO)]
    assert evidence_of(judge_version, facts)["newest-version"] == "5.2.6"


@pytest.mark.parametrize("version", ["5.2.6", "5.2.6.0", "5.3.0", "5.2.10"])
def test_the_newest_version_and_one_that_nobody_has_seen_pass(version: str) -> None:
    assert (
        of_version(desk(WINDOWS, products(version), catalogue([fix("5.2.6", When.ALWAYS)]))) == []
    )


DUAL = pcsc(slot(model="Reader Smart Card 0"), slot(model="Reader NFC 0", name="2"))
TWO_PROFILES = FirefoxProfiles(
    profiles=tuple(
        FirefoxProfile(
            name=secret(name), place="test", default=False, used=NOW, state=FileState.PRESENT
        )
        for name in ("a", "b")
    ),
    source="test",
)
FIREFOX = signs_in_with(BrowserKind.FIREFOX)
CONDITIONS: dict[When, tuple[Any, ...]] = {
    When.ALWAYS: (),
    When.CPS4: (pcsc(slot(atr=CPS4)),),
    When.CPS4_T0: (pcsc(slot(atr=CPS4_T0)),),
    When.REMOTE: (session(SessionKind.RDP),),
    When.SEVERAL_PROFILES: (TWO_PROFILES, FIREFOX),
    When.FIREFOX: (FIREFOX,),
    When.APPLE_SILICON: (System(platform=WINDOWS, name="Test", architecture="ARM64"),),
    When.DUAL_READER: (DUAL,),
}


@pytest.mark.parametrize("when", CONDITIONS)
def test_a_defect_that_can_be_felt_here_is_a_warning(when: When) -> None:
    facts = desk(WINDOWS, products("5.2.2"), catalogue([fix("5.2.3", when)]), *CONDITIONS[when])
    assert of_version(facts) == [("middleware.outdated", None)]
    assert evidence_of(judge_version, facts)["defect"] == when.value


@pytest.mark.parametrize("when", [each for each in When if each is not When.ALWAYS])
def test_a_defect_that_cannot_be_felt_here_is_none(when: When) -> None:
    facts = desk(WINDOWS, products("5.2.2"), catalogue([fix("5.2.3", when)]))
    assert of_version(facts) == [("middleware.outdated", Level.INFO)]
    assert "defect" not in evidence_of(judge_version, facts)


def test_a_second_profile_is_of_no_matter_to_another_browser() -> None:
    known = catalogue([fix("5.2.3", When.SEVERAL_PROFILES)])
    facts = desk(WINDOWS, products("5.2.2"), known, TWO_PROFILES)
    assert of_version(facts) == [("middleware.outdated", Level.INFO)]


def test_a_defect_of_another_system_or_one_that_is_mended_is_not_felt() -> None:
    known = catalogue([fix("5.2.3", When.ALWAYS, MACOS), fix("5.2.2", When.ALWAYS)])
    assert of_version(desk(WINDOWS, products("5.2.2"), known)) == [
        ("middleware.outdated", Level.INFO)
    ]


def test_the_flaw_that_was_reported_is_a_warning_where_it_was_mended() -> None:
    known = catalogue([fix("5.1.10", When.INSTALLING)])
    assert of_version(desk(WINDOWS, products("5.1.9"), known)) == [("middleware.outdated", None)]
    facts = desk(MACOS, products("5.1.9"), known)
    assert of_version(facts) == [("middleware.outdated", Level.INFO)]


def test_a_cryptolib_that_does_not_know_the_card_is_not_called_outdated_besides() -> None:
    known = catalogue([fix("5.2.0", When.CPS4)])
    facts = desk(WINDOWS, products("5.1.10"), blind, known, atr=CPS4)
    assert of_version(facts) == []


def test_what_only_refines_the_answer_may_be_missing() -> None:
    known = catalogue([fix("5.2.3", when) for when in When if when is not When.ALWAYS])
    absent = dict.fromkeys(
        (Pcsc, Library, type(session()), FirefoxProfiles, type(FIREFOX)), failed()
    )
    facts = desk(WINDOWS, products("5.2.2"), known, missing=absent)
    assert of_version(facts) == [("middleware.outdated", Level.INFO)]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_defect_of_the_catalogue_has_its_words(language: str) -> None:
    path = CONTENT / language / "cryptolib.toml"
    words = tomllib.loads(path.read_text(encoding="utf-8"))["value"]["defect"]
    assert {each.text for each in CATALOGUE.cryptolib.fixes} == set(words)


# Several, old and incomplete ones.


def test_two_versions_in_the_list_are_several() -> None:
    facts = desk(WINDOWS, products("5.1.7", "5.2.6"), person())
    assert causes_of(judge_single, facts) == ("middleware.several",)


def of(judge: Any, *facts: Any, platform: Platform = WINDOWS) -> list[Level | None]:
    return [each.level for each in findings(judge, desk(platform, *facts))]


@pytest.mark.parametrize("platform", Platform)
def test_what_is_left_or_doubled_is_worth_knowing_while_the_card_comes_to_the_browser(
    platform: Platform,
) -> None:
    twice, left = products("5.1.7", "5.2.6"), components(leftovers=(OLD_FOLDER,))
    not_seen = (blind, person(), mac())
    assert of(judge_single, twice, platform=platform) == [Level.INFO]
    assert of(judge_single, twice, *not_seen, platform=platform) == [None]
    assert of(judge_generation, left, platform=platform) == [Level.INFO]
    assert of(judge_generation, left, *not_seen, platform=platform) == [None]


def test_one_version_listed_twice_and_copies_of_other_software_are_not_several() -> None:
    copy = Component(name="p11_64.dll", place="%ALLUSERSPROFILE%", state=FileState.PRESENT)
    facts = desk(WINDOWS, products("5.2.6", "5.2.6.0", ""), components(copies=(copy,)))
    assert causes_of(judge_single, facts) == ()
    assert evidence_of(judge_single, facts)["copy"] == "p11_64.dll"


OLD_FOLDER = Component(name="Cryptolib CPS", place="%ProgramFiles%", state=FileState.PRESENT)


@pytest.mark.parametrize(
    "left",
    [components(leftovers=(OLD_FOLDER,)), products(product("4.0", kind=ProductKind.OLD))],
    ids=["file", "product"],
)
def test_what_is_left_of_the_generation_before_is_told(left: Any) -> None:
    facts = desk(WINDOWS, left)
    assert causes_of(judge_generation, facts) == ("middleware.obsolete-v4",)
    assert "leftover" in evidence_of(judge_generation, facts)


@pytest.mark.parametrize("state", [FileState.EMPTY, FileState.ABSENT, FileState.UNREADABLE])
def test_an_empty_or_unreadable_leftover_is_no_old_component(state: FileState) -> None:
    left = Component(name="Cryptolib CPS", place="test", state=state)
    assert causes_of(judge_generation, desk(WINDOWS, components(leftovers=(left,)))) == ()


def test_old_components_are_told_where_the_list_of_software_is_missing() -> None:
    facts = desk(WINDOWS, components(leftovers=(OLD_FOLDER,)), missing={Products: failed()})
    assert causes_of(judge_generation, facts) == ("middleware.obsolete-v4",)


@pytest.mark.parametrize(
    "found",
    [
        components(lacking=["DICO-FR.GIP"]),
        changed(components(), "DICO-FR.GIP", version="2.9"),
    ],
    ids=["absent", "old"],
)
def test_a_dictionary_that_is_absent_or_old_is_told(found: Components) -> None:
    assert causes_of(judge_dictionary, desk(WINDOWS, found)) == ("middleware.dictionary",)


@pytest.mark.parametrize("version", ["2.18", "2.19", "02.18", "", "?"])
def test_a_dictionary_that_is_new_or_silent_passes(version: str) -> None:
    found = changed(components(), "DICO-FR.GIP", version=version)
    assert causes_of(judge_dictionary, desk(WINDOWS, found)) == ()


def test_a_dictionary_that_may_not_be_read_is_not_absent() -> None:
    found = changed(components(), "DICO-FR.GIP", version="", state=FileState.UNREADABLE)
    assert causes_of(judge_dictionary, desk(WINDOWS, found)) == ()


# Not restarted since.

STARTED = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def after_installing(platform: Platform, installed: datetime | None, *more: Any) -> Facts:
    listed = products(product(installed=installed))
    machine = Machine(version="14.5", started=STARTED, source="test")
    return desk(platform, machine, listed, *more)


LATER = STARTED + timedelta(hours=2, minutes=7, seconds=3)


@pytest.mark.parametrize(
    ("platform", "level"), [(MACOS, None), (WINDOWS, Level.INFO)], ids=["macos", "windows"]
)
def test_an_installation_since_the_start_asks_for_another(
    platform: Platform, level: Level | None
) -> None:
    (found,) = findings(judge_restarted, after_installing(platform, LATER, mac(), person()))
    assert (found.cause, found.level) == ("middleware.restart-needed", level)


def test_a_card_that_comes_to_the_browser_needs_no_restart() -> None:
    (found,) = findings(judge_restarted, after_installing(MACOS, LATER))
    assert found.level is Level.INFO
    assert causes_of(judge_restarted, after_installing(WINDOWS, LATER)) == ()


def day(number: int) -> datetime:
    """The beginning of a day, as a list that knows no more says it."""
    return datetime(2026, 11, number, tzinfo=UTC)


@pytest.mark.parametrize("installed", [STARTED - timedelta(minutes=13), day(20)])
def test_an_installation_before_the_start_or_on_its_day_passes(installed: datetime) -> None:
    for platform in (MACOS, WINDOWS):
        facts = after_installing(platform, installed, mac(), person())
        assert causes_of(judge_restarted, facts) == ()


@pytest.mark.parametrize("after", [timedelta(hours=10), timedelta(hours=26)])
def test_a_day_proves_an_installation_only_where_it_began_nowhere_before_the_start(
    after: timedelta,
) -> None:
    installed = day(22)
    started = installed - timedelta(hours=14)
    listed = products(product(installed=installed))
    for at, found in ((started - after, ("middleware.restart-needed",)), (started + after, ())):
        machine = Machine(version="10.0.22631", started=at, source="test")
        facts = desk(WINDOWS, machine, listed, person())
        assert causes_of(judge_restarted, facts) == found
        assert evidence_of(judge_restarted, facts)["installed"] == "2026-11-22"


def test_a_list_that_knows_no_day_says_nothing_of_a_restart() -> None:
    with pytest.raises(NotApplicable):
        causes_of(judge_restarted, after_installing(MACOS, None))


def test_nobody_says_that_linux_must_restart() -> None:
    assert LINUX not in cryptolib.RESTARTED.platforms
