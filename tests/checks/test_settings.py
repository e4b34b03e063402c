"""What the checks of the Cryptolib's settings and folders say."""

from __future__ import annotations

import pytest

from checks import settings as module
from checks.settings import judge_rights, judge_route, judge_traces
from diagcps.check import Check, MissingFact, NotApplicable
from diagcps.facts import FileState
from diagcps.model import Level, Platform
from diagcps.workstation import Account, AccountKind, FolderRights, Setting, Settings
from tests.builders import causes_of, evidence_of, failed, findings, library
from tests.desks import (
    LINUX,
    MACOS,
    WINDOWS,
    account,
    checks_of,
    desk,
    mac,
    person,
    property_of,
    settings,
)

CHECKS = checks_of(module)


def setting(name: str, value: str) -> Setting:
    return Setting(name=name, value=value, source="test")


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_healthy_workstation_passes(check: Check, platform: Platform) -> None:
    assert findings(check.judge, desk(platform)) == ()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_fact_and_no_catalogue_makes_it_raise(check: Check) -> None:
    property_of(check)()


SHARED = [
    *((WINDOWS, name) for name in ("coffre", "log", "cache")),
    *((MACOS, name) for name in ("coffre", "log")),
    *((LINUX, name) for name in ("coffre", "cache")),
]
"""The folders in which an installer lets everybody write."""
NOT_SEEN = (library(), person(), mac())
"""No card comes to any browser."""


@pytest.mark.parametrize(("platform", "name"), SHARED)
def test_a_folder_in_which_the_person_may_not_write_is_told(platform: Platform, name: str) -> None:
    facts = desk(platform, settings(locked=[name]), *NOT_SEEN)
    assert causes_of(judge_rights, facts) == ("middleware.no-rights",)
    assert evidence_of(judge_rights, facts)["folder-locked"] == name
    (found,) = findings(judge_rights, facts)
    assert found.level is None


@pytest.mark.parametrize(("platform", "name"), SHARED)
def test_rights_that_lack_while_the_card_comes_to_the_browser_are_worth_knowing(
    platform: Platform, name: str
) -> None:
    (found,) = findings(judge_rights, desk(platform, settings(locked=[name])))
    assert found.level is Level.INFO


@pytest.mark.parametrize(("platform", "name"), [(MACOS, "cache"), (LINUX, "log")])
def test_a_folder_of_which_no_installer_says_who_must_write_there_is_not_judged(
    platform: Platform, name: str
) -> None:
    facts = desk(platform, settings(locked=[name]), *NOT_SEEN)
    assert causes_of(judge_rights, facts) == ()
    assert "folder-locked" not in evidence_of(judge_rights, facts)


def folder(state: FileState, *, writable: bool | None) -> Settings:
    found = FolderRights(name="log", place="test", state=state, writable=writable)
    return Settings(settings=(), folders=(found,), source="test")


@pytest.mark.parametrize(
    "found",
    [
        folder(FileState.PRESENT, writable=None),
        folder(FileState.ABSENT, writable=False),
        folder(FileState.UNREADABLE, writable=False),
    ],
    ids=["not told", "absent", "unreadable"],
)
def test_rights_that_cannot_be_told_lack_nothing(found: Settings) -> None:
    with pytest.raises(NotApplicable):
        causes_of(judge_rights, desk(WINDOWS, found))


def test_the_rights_of_the_system_are_no_persons_rights() -> None:
    said = []
    with pytest.raises(NotApplicable):
        for each in judge_rights(
            desk(WINDOWS, settings(locked=["log"]), account(AccountKind.SYSTEM))
        ):
            said.append(each)  # noqa: PERF402 (what was said before it ends counts)
    assert [(each.key, each.value) for each in said] == [("account", "system")]


def test_rights_are_judged_where_the_account_is_not_known() -> None:
    facts = desk(WINDOWS, settings(locked=["log"]), missing={Account: failed()})
    assert causes_of(judge_rights, facts) == ("middleware.no-rights",)


@pytest.mark.parametrize(
    "given",
    [
        [setting("traces", "1")],
        [setting("traces", "true"), setting("debug", "0")],
        [setting("traces", "0x0A")],
        [setting("debug", "10")],
    ],
)
def test_traces_that_are_on_are_worth_knowing(given: list[Setting]) -> None:
    assert causes_of(judge_traces, desk(WINDOWS, settings(given=given))) == (
        "middleware.traces-on",
    )


@pytest.mark.parametrize(
    "given",
    [
        [setting("traces", "0")],
        [setting("traces", "False")],
        [setting("traces", "")],
        [setting("traces", "0"), setting("debug", "10")],
        [setting("debug", "0x00")],
        [setting("traces", "<script>" * 1000)],
        [setting("sign-hash", "1")],
    ],
)
def test_traces_that_are_off_pass(given: list[Setting]) -> None:
    assert causes_of(judge_traces, desk(WINDOWS, settings(given=given))) == ()


@pytest.mark.parametrize("value", ["1", "true", "TRUE "])
def test_the_old_way_through_galss_is_a_warning_where_the_card_does_not_come(value: str) -> None:
    given = settings(given=[setting("galss", value)])
    (found,) = findings(judge_route, desk(WINDOWS, given, person()))
    assert (found.cause, found.level) == ("middleware.galss-route", None)
    (found,) = findings(judge_route, desk(WINDOWS, given))
    assert found.level is Level.INFO


@pytest.mark.parametrize("value", ["0", "false", "", "2147483648x", "galss"])
def test_a_way_that_is_not_set_to_galss_passes(value: str) -> None:
    given = settings(given=[setting("galss", value)])
    assert causes_of(judge_route, desk(WINDOWS, given, person())) == ()


@pytest.mark.parametrize("judge", [judge_rights, judge_traces, judge_route])
def test_settings_that_could_not_be_read_are_unknown(judge: object) -> None:
    with pytest.raises(MissingFact):
        causes_of(judge, desk(WINDOWS, missing={Settings: failed()}))  # type: ignore[arg-type]
