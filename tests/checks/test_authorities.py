"""Whether the authorities of the cards are where the browser looks, and the old ones gone."""

from __future__ import annotations

from typing import Any

import pytest

from checks import authorities
from checks.authorities import judge_old, judge_present
from diagcps.browsing import BrowserKind, FirefoxProfile, FirefoxProfiles
from diagcps.check import Check, MissingFact, NotApplicable
from diagcps.facts import FileState
from diagcps.model import Level, Platform
from diagcps.workstation import AuthorityStores
from tests.builders import (
    CATALOGUE,
    causes_of,
    evidence_of,
    failed,
    findings,
    library,
    read_card,
    secret,
    step,
)
from tests.desks import (
    AUTHORITIES,
    LINUX,
    MACOS,
    OLD_AUTHORITY,
    WINDOWS,
    checks_of,
    desk,
    mac,
    own_certificate,
    person,
    products,
    property_of,
    signs_in_with,
    stores,
)

CHECKS = checks_of(authorities)
FIREFOX = signs_in_with(BrowserKind.FIREFOX)
NAMES = {each.name: each.sha1 for each in CATALOGUE.authorities.authorities}
ISSUER, ROOT = NAMES["AC IGC-SANTE FORT PERSONNES"], NAMES["AC RACINE IGC-SANTE FORT"]
OF_ORGANISATIONS = NAMES["AC IGC-SANTE FORT ORGANISATIONS"]
OF_OTHER_CARDS = NAMES["AC IGC-SANTE STANDARD PERSONNES"]
NOT_SEEN = (library(), person(), mac())
"""No card comes to any browser."""
without_card = read_card(first=step())


def without(*missing: str) -> tuple[str, ...]:
    return tuple(each for each in AUTHORITIES if each not in missing)


def profiles(*held: tuple[str, ...] | None, default: bool = True) -> FirefoxProfiles:
    found = tuple(
        FirefoxProfile(
            name=secret(str(number)), place="Firefox", default=default, state=FileState.PRESENT,
            authorities=each,
        )
        for number, each in enumerate(held)
    )  # fmt: skip
    return FirefoxProfiles(profiles=found, source="test")


def of(judge: Any, *facts: Any, platform: Platform = WINDOWS, **more: Any) -> list[Level | None]:
    """The levels of what a judge finds."""
    return [each.level for each in findings(judge, desk(platform, *facts, **more))]


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_healthy_workstation_passes(check: Check, platform: Platform) -> None:
    assert findings(check.judge, desk(platform)) == ()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_fact_and_no_catalogue_makes_it_raise(check: Check) -> None:
    property_of(check)()


@pytest.mark.parametrize("missing", [ISSUER, ROOT])
@pytest.mark.parametrize("platform", [WINDOWS, MACOS])
def test_an_authority_of_the_card_that_the_system_lacks_is_told(
    missing: str, platform: Platform
) -> None:
    facts = desk(platform, stores(system=without(missing)))
    assert causes_of(judge_present, facts) == ("ca.missing",)
    assert NAMES[evidence_of(judge_present, facts)["authority-missing"]] == missing


def test_an_authority_of_other_cards_or_of_organisations_is_worth_knowing() -> None:
    assert of(judge_present, stores(system=without(OF_OTHER_CARDS))) == [Level.INFO]
    assert of(judge_present, stores(system=without(OF_ORGANISATIONS))) == [Level.INFO]


def test_without_a_card_every_authority_of_cards_counts() -> None:
    lacking = stores(system=without(OF_OTHER_CARDS))
    assert of(judge_present, lacking, *without_card) == [None]
    lacking = stores(system=without(OF_ORGANISATIONS))
    assert of(judge_present, lacking, *without_card) == [Level.INFO]


def test_sha_1_is_compared_whatever_its_case() -> None:
    assert of(judge_present, stores(system=tuple(each.lower() for each in AUTHORITIES))) == []


def test_the_stores_of_other_browsers_are_of_no_matter() -> None:
    assert of(judge_present, stores(coffre=())) == []
    assert of(judge_present, stores(system=()), FIREFOX) == []
    assert of(judge_present, stores(system=()), platform=LINUX) == []


@pytest.mark.parametrize("platform", Platform)
def test_firefox_takes_its_own_store_and_the_cryptolibs(platform: Platform) -> None:
    lacking = stores(coffre=without(ISSUER))
    assert of(judge_present, lacking, FIREFOX, platform=platform) == [None]
    held = profiles((ISSUER,))
    assert of(judge_present, lacking, held, FIREFOX, platform=platform) == []
    of_one = profiles((ISSUER,), ())
    assert of(judge_present, lacking, of_one, FIREFOX, platform=platform) == [None]


def test_a_profile_that_does_not_open_by_itself_holds_nothing_for_another() -> None:
    held = profiles((ISSUER,), default=False)
    assert of(judge_present, stores(coffre=without(ISSUER)), held, FIREFOX) == [None]


@pytest.mark.parametrize(
    "given",
    [
        (stores(system=(), state=FileState.UNREADABLE),),
        (stores(coffre=(), state=FileState.UNREADABLE), FIREFOX),
        (stores(coffre=()), profiles(None), FIREFOX),
        (AuthorityStores(stores=(), source="test"),),
    ],
    ids=["system", "coffre", "profile", "none"],
)
def test_a_store_that_could_not_be_read_is_unknown(given: Any) -> None:
    with pytest.raises(MissingFact):
        of(judge_present, *given)


def test_an_unread_store_beside_one_that_holds_all_is_of_no_matter() -> None:
    assert of(judge_present, profiles(None), FIREFOX) == []


def test_a_store_that_is_not_there_holds_none() -> None:
    assert of(judge_present, stores(coffre=(), state=FileState.ABSENT), FIREFOX) == [None]


@pytest.mark.parametrize(
    "given", [(products(),), (signs_in_with(BrowserKind.OTHER),)], ids=["no cryptolib", "browser"]
)
def test_where_nothing_is_installed_or_the_browser_is_unknown_nothing_is_missing(
    given: Any,
) -> None:
    with pytest.raises(NotApplicable):
        of(judge_present, stores(system=()), *given)


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("store", ["system", "coffre"])
def test_an_old_authority_in_a_store_is_told(store: str, platform: Platform) -> None:
    found = stores(**{store: (*AUTHORITIES, OLD_AUTHORITY.sha1.lower())})
    facts = desk(platform, found)
    assert causes_of(judge_old, facts) == ("ca.obsolete",)
    # On Linux nothing is known to take them from there.
    expected = Level.INFO if platform is LINUX else None
    assert of(judge_old, found, *NOT_SEEN, platform=platform) == [expected]
    assert evidence_of(judge_old, facts)["authority-old"] == OLD_AUTHORITY.name


@pytest.mark.parametrize("platform", Platform)
def test_an_old_authority_is_worth_knowing_while_the_card_comes_to_the_browser(
    platform: Platform,
) -> None:
    found = stores(system=(*AUTHORITIES, OLD_AUTHORITY.sha1))
    assert of(judge_old, found, platform=platform) == [Level.INFO]


def test_an_old_authority_of_firefox_matters_to_firefox() -> None:
    found = profiles((OLD_AUTHORITY.sha1,), default=False)
    assert of(judge_old, found, FIREFOX, library()) == [None]
    assert of(judge_old, found, library(), platform=LINUX) == [None]
    assert of(judge_old, found, person()) == [Level.INFO]


@pytest.mark.parametrize("held", [(), None, AUTHORITIES, ("F" * 40,)])
def test_a_profile_without_old_authorities_passes(held: Any) -> None:
    assert of(judge_old, profiles(held), FIREFOX) == []


def test_stores_that_could_not_be_looked_into_are_unknown() -> None:
    for judge in (judge_old, judge_present):
        with pytest.raises(MissingFact):
            of(judge, missing={AuthorityStores: failed()})


def test_firefox_profiles_that_could_not_be_read_hide_no_store() -> None:
    old = stores(coffre=(*AUTHORITIES, OLD_AUTHORITY.sha1))
    assert of(judge_old, old, person(), missing={FirefoxProfiles: failed()}) == [None]


def test_the_chain_of_a_card_is_told_by_the_name_of_its_issuer() -> None:
    other = read_card(first=step(own_certificate(issuer="AC IGC-SANTE STANDARD PERSONNES")))
    assert of(judge_present, stores(system=without(OF_OTHER_CARDS)), *other) == [None]
    assert of(judge_present, stores(system=without(ISSUER)), *other) == [Level.INFO]
