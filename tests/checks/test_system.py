"""What the checks of the operating system say."""

from __future__ import annotations

from typing import Any

import pytest

from checks import system
from checks.system import (
    judge_app_control,
    judge_processor,
    judge_provider,
    judge_rights,
    judge_supported,
)
from diagcps.browsing import BrowserKind, PageBrowser
from diagcps.check import Check, MissingFact, NotApplicable
from diagcps.facts import CardStates, Library, LibraryState, System
from diagcps.model import Level, Platform
from diagcps.workstation import (
    Account,
    AccountKind,
    AppControl,
    Machine,
    MachineRole,
    PersonCertificates,
    Products,
)
from tests.builders import (
    CPS4,
    causes_of,
    evidence_of,
    failed,
    findings,
    library,
    pcsc,
    read_card,
    secret,
    step,
)
from tests.desks import (
    LINUX,
    MACOS,
    WINDOWS,
    account,
    browsers,
    catalogue,
    checks_of,
    desk,
    own_certificate,
    person,
    products,
    property_of,
    signs_in_with,
)

CHECKS = checks_of(system)
FIREFOX = signs_in_with(BrowserKind.FIREFOX)
WORKSTATION, SERVER = MachineRole.WORKSTATION, MachineRole.SERVER


def of(judge: Any, *facts: Any, platform: Platform = WINDOWS, **more: Any) -> list[Level | None]:
    """The levels of what a judge finds."""
    return [each.level for each in findings(judge, desk(platform, *facts, **more))]


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_healthy_workstation_passes_or_is_not_asked(check: Check, platform: Platform) -> None:
    if platform in check.platforms:
        try:
            assert findings(check.judge, desk(platform)) == ()
        except NotApplicable:
            assert check.judge is not judge_supported


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_fact_and_no_catalogue_makes_it_raise(check: Check) -> None:
    property_of(check)()


# The systems that the release notes name.


def machine(
    version: str, distribution: str = "", *like: str, role: MachineRole = WORKSTATION
) -> Machine:
    return Machine(version=version, distribution=distribution, like=like, role=role, source="test")


@pytest.mark.parametrize(
    ("platform", "found"),
    [
        (WINDOWS, machine("6.1.7601")),
        (WINDOWS, machine("6.3.9600", role=SERVER)),
        (WINDOWS, machine("10.0.10240", role=SERVER)),
        (MACOS, machine("11.7.10")),
        (LINUX, machine("6.10", "rhel")),
        (LINUX, machine("12", "debian")),
        (LINUX, machine("24.04", "ubuntu", "debian")),
    ],
)
def test_a_system_that_no_release_note_names_is_worth_knowing(
    platform: Platform, found: Machine
) -> None:
    facts = desk(platform, found)
    assert causes_of(judge_supported, facts) == ("os.unsupported",)
    assert evidence_of(judge_supported, facts)["system-version"] == found.version


@pytest.mark.parametrize(
    ("platform", "found"),
    [
        (WINDOWS, machine("10.0.19045.5011")),
        (WINDOWS, machine("10.0.26100.6899")),
        (WINDOWS, machine("10.0.14393.7428", role=SERVER)),
        (WINDOWS, machine("10.0.20348.2762", role=SERVER)),
        (MACOS, machine("12.0.1")),
        (MACOS, machine("26.1")),
        (LINUX, machine("9.4", "rhel")),
        (LINUX, machine("10.0", "rhel")),
        (LINUX, machine("8.10", "rocky", "rhel", "centos", "fedora")),
    ],
)
def test_a_system_that_is_named_or_newer_passes(platform: Platform, found: Machine) -> None:
    assert causes_of(judge_supported, desk(platform, found)) == ()


def test_a_version_that_is_none_is_unknown() -> None:
    with pytest.raises(MissingFact):
        causes_of(judge_supported, desk(WINDOWS, machine("")))


def test_a_catalogue_without_systems_names_none_as_unsupported() -> None:
    with pytest.raises(NotApplicable):
        causes_of(judge_supported, desk(WINDOWS, machine("5.1"), catalogue(systems=())))


# The provider of the certificate's key.

NOT_VALID = 0x80090014


def test_a_provider_that_windows_cannot_acquire_keeps_the_card_from_edge() -> None:
    facts = desk(WINDOWS, person(own_certificate(), code=NOT_VALID))
    assert causes_of(judge_provider, facts) == ("os.csp-ksp-change",)
    assert evidence_of(judge_provider, facts)["code"] == "0x80090014"
    assert of(judge_provider, person(own_certificate(), code=NOT_VALID)) == [None]


def test_it_is_of_no_matter_to_firefox() -> None:
    assert of(judge_provider, person(own_certificate(), code=NOT_VALID), FIREFOX) == [Level.INFO]


def test_whether_it_matters_to_an_unknown_browser_is_unknown() -> None:
    broken = person(own_certificate(), code=NOT_VALID)
    with pytest.raises(MissingFact):
        of(judge_provider, broken, missing={PageBrowser: failed()})
    assert of(judge_provider, missing={PageBrowser: failed()}) == []


@pytest.mark.parametrize("code", [0, 0x8009000D, 0x80100010, 0x8010006E], ids=hex)
def test_another_answer_is_not_the_change_of_windows(code: int) -> None:
    assert of(judge_provider, person(own_certificate(), code=code)) == []


def test_the_certificate_of_the_card_decides_where_it_is_there() -> None:
    another = own_certificate(fingerprint=secret("b" * 64))
    broken, whole = person(another, code=NOT_VALID), person(own_certificate())
    both = PersonCertificates(
        certificates=(*broken.certificates, *whole.certificates), source="test"
    )
    assert of(judge_provider, both) == []
    with pytest.raises(NotApplicable):
        of(judge_provider, broken)


@pytest.mark.parametrize(
    "card", [read_card(first=step()), (pcsc(), CardStates(cards=()))], ids=["unread", "none"]
)
def test_without_the_cards_own_certificate_a_broken_one_is_worth_knowing(card: Any) -> None:
    another = own_certificate(fingerprint=secret("b" * 64))
    assert of(judge_provider, person(another, code=NOT_VALID), *card) == [Level.INFO]
    assert of(judge_provider, person(another), *card) == []


@pytest.mark.parametrize(
    "given",
    [
        (person(),),
        (person(own_certificate(), code=None),),
        (person(own_certificate(), code=NOT_VALID), account(AccountKind.SYSTEM)),
    ],
    ids=["none offered", "not asked", "the system's account"],
)
def test_where_nothing_was_asked_nothing_is_said(given: Any) -> None:
    with pytest.raises(NotApplicable):
        of(judge_provider, *given)


@pytest.mark.parametrize("given", [(), (FIREFOX,)], ids=["Edge", "Firefox"])
def test_a_store_that_could_not_be_read_has_no_provider_to_ask(given: Any) -> None:
    with pytest.raises(NotApplicable):
        of(judge_provider, *given, missing={PersonCertificates: failed()})


# Application control.


def controlled(state: AppControl | None) -> Machine:
    return Machine(version="10.0.22631", app_control=state, source="test")


def refused(code: int = 4551) -> Library:
    return library(state=LibraryState.LOAD_FAILED, code=code)


@pytest.mark.parametrize("code", [577, 4551])
def test_application_control_that_keeps_the_library_from_loading(code: int) -> None:
    given = (controlled(AppControl.ON), refused(code))
    assert causes_of(judge_app_control, desk(WINDOWS, *given)) == ("os.app-control",)


@pytest.mark.parametrize("code", [0, 5, 126, 193, 1114, 14001])
def test_another_reason_of_the_loader_is_evidence_and_no_application_control(code: int) -> None:
    facts = desk(WINDOWS, controlled(AppControl.ON), refused(code))
    assert causes_of(judge_app_control, facts) == ()
    said = evidence_of(judge_app_control, facts)
    assert said.get("code") == (f"WinError {code}" if code else None)


@pytest.mark.parametrize(
    "given",
    [
        (controlled(AppControl.ON), library()),
        (controlled(AppControl.ON), library(state=LibraryState.CRASHED)),
        (controlled(AppControl.EVALUATION), refused()),
        (controlled(AppControl.OFF), refused()),
    ],
    ids=["loads", "crashes", "evaluation", "off"],
)
def test_application_control_that_nothing_shows_to_bite_is_no_fault(given: Any) -> None:
    assert of(judge_app_control, *given) == []


@pytest.mark.parametrize("missing", [Machine, Library])
def test_application_control_without_its_facts_keeps_no_other_check(missing: type) -> None:
    with pytest.raises(NotApplicable):
        of(judge_app_control, missing={missing: failed()})


def test_a_windows_without_application_control_is_not_asked() -> None:
    with pytest.raises(NotApplicable):
        of(judge_app_control, controlled(None), refused())


# The processor of a Mac.

APPLE = System(platform=MACOS, name="Test", architecture="arm64")


def translating(state: bool | None) -> Machine:
    return Machine(version="14.5", translates=state, source="test")


def intel(*more: str) -> Library:
    return library(state=LibraryState.WRONG_ARCHITECTURE, architectures=("x86_64", *more))


def test_a_library_for_intel_on_a_mac_that_does_not_translate() -> None:
    facts = desk(MACOS, APPLE, translating(False), intel())
    assert causes_of(judge_processor, facts) == ("os.apple-silicon",)
    assert evidence_of(judge_processor, facts)["rosetta"] is False


@pytest.mark.parametrize(
    "given",
    [
        (translating(True), intel()),
        (translating(None), intel()),
        (translating(False), intel("arm64")),
        (translating(False), library(state=LibraryState.ABSENT)),
    ],
    ids=["translates", "not told", "universal", "absent"],
)
def test_a_mac_that_can_run_the_library_or_does_not_say_passes(given: Any) -> None:
    assert of(judge_processor, APPLE, *given, platform=MACOS) == []


def test_an_intel_mac_is_not_asked() -> None:
    with pytest.raises(NotApplicable):
        of(judge_processor, translating(False), intel(), platform=MACOS)


def test_a_silent_machine_makes_no_library_wrong() -> None:
    assert of(judge_processor, APPLE, intel(), platform=MACOS, missing={Machine: failed()}) == []


# Who may install.

PLAIN = account(administrator=False)
MISSED = person()
"""The card comes to no browser of Windows."""


@pytest.mark.parametrize(
    "given",
    [
        (library(state=LibraryState.ABSENT),),
        (library(state=LibraryState.WRONG_ARCHITECTURE),),
        (library(state=LibraryState.LOAD_FAILED),),
    ],
)
def test_a_person_who_may_not_install_what_is_to_be_installed_is_told(given: Any) -> None:
    assert causes_of(judge_rights, desk(WINDOWS, PLAIN, MISSED, *given)) == ("os.not-admin",)


@pytest.mark.parametrize(
    "given",
    [
        (library(state=LibraryState.ABSENT),),
        (
            library(state=LibraryState.WRONG_ARCHITECTURE, architectures=("x86",)),
            browsers(BrowserKind.FIREFOX, "x86"),
            FIREFOX,
        ),
    ],
    ids=["Edge has the card", "of Firefox's own kind"],
)
def test_what_the_browser_does_without_is_not_to_be_installed(given: Any) -> None:
    with pytest.raises(NotApplicable):
        of(judge_rights, PLAIN, *given)


def test_an_old_cryptolib_is_to_be_installed_anew() -> None:
    given = (PLAIN, products("5.1.10"), library())
    assert causes_of(judge_rights, desk(WINDOWS, *given, atr=CPS4)) == ("os.not-admin",)


@pytest.mark.parametrize("missing", [{}, {Library: failed()}, {Products: failed()}])
def test_who_needs_to_install_nothing_needs_no_rights(missing: Any) -> None:
    with pytest.raises(NotApplicable):
        of(judge_rights, PLAIN, missing=missing)


def test_an_administrator_may_install() -> None:
    assert of(judge_rights, account(), MISSED, library(state=LibraryState.ABSENT)) == []


def test_rights_that_are_not_told_are_unknown() -> None:
    absent = (library(state=LibraryState.ABSENT), MISSED)
    with pytest.raises(MissingFact):
        of(judge_rights, account(administrator=None), *absent)
    with pytest.raises(MissingFact):
        of(judge_rights, *absent, missing={Account: failed()})
