"""Whether the system offers the card's certificate to the browser that asks it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from checks import offered
from checks.offered import judge_left_by_macos, judge_manager, judge_propagated, judge_token
from diagcps.browsing import BrowserKind, PageBrowser
from diagcps.check import Check, MissingFact, NotApplicable
from diagcps.facts import CardStates, FileState, Library, ServiceState, SlotState
from diagcps.model import Level, PrivateKind
from diagcps.workstation import (
    AccountKind,
    MacCards,
    PersonCertificates,
    Services,
    Setting,
    Software,
    SystemService,
)
from tests.builders import (
    CPS3,
    VITALE,
    causes_of,
    evidence_of,
    failed,
    findings,
    held,
    library,
    pcsc,
    read_card,
    secret,
    slot,
    step,
)
from tests.desks import (
    CTK,
    MACOS,
    WINDOWS,
    account,
    checks_of,
    components,
    desk,
    mac,
    own_certificate,
    person,
    property_of,
    settings,
    signs_in_with,
)

CHECKS = checks_of(offered)
FIREFOX = signs_in_with(BrowserKind.FIREFOX)
nothing_runs = Software(running=(), source="test")
other_card = own_certificate(fingerprint=secret("b" * 64, PrivateKind.CERTIFICATE))
watches_nothing = settings(given=[Setting(name="auto-detect", value="0", source="test")])


def of(judge: Any, *facts: Any, platform: Any = WINDOWS, **more: Any) -> list[Level | None]:
    """The levels of what a judge finds."""
    return [each.level for each in findings(judge, desk(platform, *facts, **more))]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_healthy_workstation_passes(check: Check) -> None:
    (platform,) = check.platforms
    assert findings(check.judge, desk(platform)) == ()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_fact_and_no_catalogue_makes_it_raise(check: Check) -> None:
    property_of(check)()


# The certificate manager.


@pytest.mark.parametrize(
    "given", [(nothing_runs,), (watches_nothing,)], ids=["not running", "not watching"]
)
def test_a_manager_whose_work_is_missed_keeps_the_card_from_edge(given: Any) -> None:
    facts = desk(WINDOWS, *given, person(other_card))
    assert causes_of(judge_manager, facts) == ("middleware.ccm-stopped",)
    assert of(judge_manager, *given, person()) == [Level.KO]


@pytest.mark.parametrize(
    "given",
    [
        (),
        (person(), FIREFOX),
        (person(), signs_in_with(BrowserKind.OTHER)),
        (person(), *read_card(first=step())),
        (person(), pcsc(), CardStates(cards=())),
    ],
    ids=["offered all the same", "firefox", "another browser", "no certificate", "no card"],
)
def test_a_manager_whose_work_nobody_misses_may_rest(given: Any) -> None:
    assert of(judge_manager, nothing_runs, watches_nothing, *given) == []


def test_a_manager_that_runs_and_watches_passes() -> None:
    watches = settings(given=[Setting(name="auto-detect", value="1", source="test")])
    assert of(judge_manager, watches, person()) == []
    assert evidence_of(judge_manager, desk(WINDOWS, watches))["watching"] == "1"


def test_a_manager_that_is_not_there_is_the_matter_of_the_installation() -> None:
    with pytest.raises(NotApplicable):
        of(judge_manager, components(lacking=["CCM.exe"]), nothing_runs, person())


def test_programs_that_could_not_be_listed_are_unknown() -> None:
    with pytest.raises(MissingFact):
        of(judge_manager, person(), missing={Software: failed()})


def test_what_windows_offers_is_unknown_and_no_work_is_missed() -> None:
    assert of(judge_manager, nothing_runs, missing={PersonCertificates: failed()}) == []


# Windows' store.


@pytest.mark.parametrize("kind", [BrowserKind.EDGE, BrowserKind.CHROME])
def test_a_certificate_that_windows_does_not_offer_keeps_the_card_from_the_browser(
    kind: BrowserKind,
) -> None:
    facts = desk(WINDOWS, person(other_card), signs_in_with(kind))
    assert causes_of(judge_propagated, facts) == ("certificate.not-propagated",)
    assert evidence_of(judge_propagated, facts)["offered"] is False
    assert of(judge_propagated, person(), signs_in_with(kind)) == [None]


def test_windows_own_store_is_of_no_matter_to_firefox() -> None:
    assert of(judge_propagated, person(), FIREFOX) == [Level.INFO]


def test_a_relative_of_chromium_asks_windows_whatever_its_name() -> None:
    brave = replace(signs_in_with(BrowserKind.OTHER), chromium=True)
    assert of(judge_propagated, person(), brave) == [None]
    assert of(judge_manager, person(), brave, nothing_runs) == [Level.KO]


@pytest.mark.parametrize(
    ("given", "missing"),
    [((), {PageBrowser: failed()}), ((signs_in_with(BrowserKind.OTHER),), {})],
    ids=["nobody knows which", "of another kind"],
)
def test_whether_an_unknown_browser_misses_what_windows_does_not_offer_is_unknown(
    given: Any, missing: Any
) -> None:
    with pytest.raises(MissingFact):
        of(judge_propagated, person(), *given, missing=missing)
    assert of(judge_propagated, *given, missing=missing) == []


def test_the_services_that_propagate_are_told_beside_what_is_not_offered() -> None:
    services = Services(
        services=(SystemService(name="CertPropSvc", state=ServiceState.DISABLED),), source="test"
    )
    facts = desk(WINDOWS, person(), services)
    assert evidence_of(judge_propagated, facts)["service-state"] == "disabled"
    assert "service-state" not in evidence_of(judge_propagated, desk(WINDOWS, services))
    assert of(judge_propagated, person(), missing={Services: failed()}) == [None]


def test_fingerprints_are_compared_whatever_their_case() -> None:
    upper = own_certificate(
        fingerprint=secret(own_certificate().fingerprint.value.upper(), PrivateKind.CERTIFICATE)
    )
    assert of(judge_propagated, person(upper)) == []


@pytest.mark.parametrize(
    "given",
    [
        read_card(first=step()),
        read_card(first=step(own_certificate(issuer="Another CA"))),
        (account(AccountKind.SYSTEM),),
        (library(),),
    ],
    ids=["no certificate", "another authority", "the system's account", "no card shown"],
)
def test_a_certificate_that_could_not_be_there_is_not_missed(given: Any) -> None:
    with pytest.raises(NotApplicable):
        of(judge_propagated, person(), *given)


def test_a_store_that_could_not_be_read_is_unknown_to_edge_alone() -> None:
    with pytest.raises(MissingFact):
        of(judge_propagated, missing={PersonCertificates: failed()})
    with pytest.raises(NotApplicable):
        of(judge_propagated, FIREFOX, missing={PersonCertificates: failed()})


# CryptoTokenKit.


@pytest.mark.parametrize("kind", [BrowserKind.SAFARI, BrowserKind.CHROME, BrowserKind.EDGE])
def test_without_cps_gestion_macos_has_no_token_of_the_card(kind: BrowserKind) -> None:
    given = (mac(gestion=FileState.ABSENT), signs_in_with(kind))
    assert causes_of(judge_token, desk(MACOS, *given)) == ("middleware.ctk-token-absent",)


@pytest.mark.parametrize(
    "found",
    [mac(), mac(CTK, gestion=FileState.ABSENT), mac(gestion=FileState.UNREADABLE)],
    ids=["application without token", "token without application", "unreadable"],
)
def test_a_token_or_the_application_is_enough(found: MacCards) -> None:
    assert of(judge_token, found, platform=MACOS) == []


@pytest.mark.parametrize("missing", [{}, {Library: failed()}], ids=["blind", "not read"])
def test_a_card_that_comes_to_no_program_at_all_may_not_come_to_safari_either(
    missing: Any,
) -> None:
    with pytest.raises(MissingFact):
        of(judge_token, mac(), library(), platform=MACOS, missing=missing)
    assert of(judge_token, mac(CTK), library(), platform=MACOS, missing=missing) == []


@pytest.mark.parametrize(
    ("given", "missing"),
    [((), {PageBrowser: failed()}), ((signs_in_with(BrowserKind.OTHER),), {})],
    ids=["nobody knows which", "of another kind"],
)
def test_whether_an_unknown_browser_misses_the_token_is_unknown(given: Any, missing: Any) -> None:
    absent = mac(gestion=FileState.ABSENT)
    with pytest.raises(MissingFact):
        of(judge_token, absent, *given, platform=MACOS, missing=missing)
    assert of(judge_token, *given, platform=MACOS, missing=missing) == []


def test_a_relative_of_chromium_asks_macos_whatever_its_name() -> None:
    brave = replace(signs_in_with(BrowserKind.OTHER), chromium=True)
    assert of(judge_token, mac(gestion=FileState.ABSENT), brave, platform=MACOS) == [None]


def test_a_foreign_token_is_none_of_a_cps() -> None:
    found = mac("com.example.piv:1", gestion=FileState.ABSENT)
    assert of(judge_token, found, platform=MACOS) == [None]


@pytest.mark.parametrize(
    "given", [(FIREFOX,), (pcsc(), CardStates(cards=()))], ids=["firefox", "no card"]
)
def test_a_token_that_nobody_asks_for_is_not_missed(given: Any) -> None:
    with pytest.raises(NotApplicable):
        of(judge_token, mac(gestion=FileState.ABSENT), *given, platform=MACOS)


def test_tokens_that_could_not_be_listed_are_unknown_to_safari_alone() -> None:
    with pytest.raises(MissingFact):
        of(judge_token, platform=MACOS, missing={MacCards: failed()})
    with pytest.raises(NotApplicable):
        of(judge_token, FIREFOX, platform=MACOS, missing={MacCards: failed()})


NOT_TRANSACTED = slot(SlotState.MUTE, code=0x80100016)


@pytest.mark.parametrize("found", [held(CPS3), held(), NOT_TRANSACTED], ids=["cps", "any", "code"])
def test_a_card_that_cryptotokenkit_keeps_is_reserved_by_macos(found: Any) -> None:
    given = (pcsc(found), FIREFOX)
    assert causes_of(judge_left_by_macos, desk(MACOS, *given)) == ("middleware.ctk-holds-card",)
    assert of(judge_left_by_macos, *given, platform=MACOS) == [Level.KO]


def test_safari_reaches_a_card_that_macos_keeps() -> None:
    assert of(judge_left_by_macos, pcsc(held(CPS3)), platform=MACOS) == [None]


@pytest.mark.parametrize("found", [held(VITALE), slot(atr=CPS3), slot(SlotState.MUTE)])
def test_a_card_that_is_free_or_none_of_a_cps_is_not_reserved(found: Any) -> None:
    assert of(judge_left_by_macos, pcsc(found), FIREFOX, platform=MACOS) == []


@pytest.mark.parametrize(
    "given", [{"missing": {MacCards: failed()}}, {}], ids=["unknown", "no token"]
)
def test_a_held_card_without_a_token_is_held_by_somebody_else(given: Any) -> None:
    found = () if given else (mac(),)
    with pytest.raises(NotApplicable):
        of(judge_left_by_macos, pcsc(held(CPS3)), *found, platform=MACOS, **given)
