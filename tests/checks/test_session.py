"""What the checks of the session say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given

from checks.session import HELP, LOCATION, judge_help, judge_location
from diagcps.check import Facts, MissingFact, NotApplicable
from diagcps.facts import Pcsc, Session, SessionKind
from diagcps.model import ProbeFailure, Reason
from diagcps.workstation import Account, AccountKind, Machine, MachineRole, Running, Software
from tests.builders import CPS3, bag, causes_of, evidence_of, failed, findings, pcsc, ready, session
from tests.strategies import bags, quick

REMOTE = [kind for kind in SessionKind if kind is not SessionKind.LOCAL]


def machine(role: MachineRole = MachineRole.WORKSTATION) -> Machine:
    return Machine(version="", role=role, source="test")


def desk(*facts: Any, missing: Mapping[type, ProbeFailure] | None = None) -> Facts:
    """What is read of a desk: nothing of the machine but what is given."""
    return bag(*facts, missing={Machine: failed(), **(missing or {})})


def software(*running: Running) -> Software:
    return Software(running=running, source="test")


def account(kind: AccountKind) -> Account:
    return Account(kind=kind, source="test")


def test_a_person_in_front_of_the_machine_passes() -> None:
    facts = desk(session(), pcsc())
    assert causes_of(judge_location, facts) == ()
    assert evidence_of(judge_location, facts) == {"session": "local", "reader-place": "here"}


@pytest.mark.parametrize("kind", REMOTE)
def test_a_redirected_session_without_a_reader_is_the_cause(kind: SessionKind) -> None:
    facts = desk(session(kind, redirects=True), pcsc(error=0x109))
    assert causes_of(judge_location, facts) == ("session.remote-no-reader",)


@pytest.mark.parametrize("kind", REMOTE)
def test_a_redirected_session_with_a_reader_is_only_worth_knowing(kind: SessionKind) -> None:
    facts = desk(session(kind, redirects=True), pcsc(ready(CPS3)))
    assert causes_of(judge_location, facts) == ("session.remote",)


@pytest.mark.parametrize("kind", REMOTE)
def test_a_session_that_redirects_nothing_lacks_no_reader_of_its_own(kind: SessionKind) -> None:
    assert causes_of(judge_location, desk(session(kind), pcsc())) == ("session.remote",)


def test_a_silent_service_in_a_redirected_session_accuses_no_redirection() -> None:
    facts = desk(session(SessionKind.RDP, redirects=True), missing={Pcsc: failed(Reason.TIMEOUT)})
    assert causes_of(judge_location, facts) == ("session.remote",)


def test_a_local_session_needs_no_smart_card_service() -> None:
    assert causes_of(judge_location, desk(session(), missing={Pcsc: failed()})) == ()


def test_a_session_that_cannot_be_told_is_unknown() -> None:
    with pytest.raises(MissingFact):
        list(judge_location(desk(pcsc(), missing={Session: failed()})))


@pytest.mark.parametrize(
    ("kind", "redirects", "place"),
    [
        (SessionKind.LOCAL, False, "here"),
        (SessionKind.RDP, True, "in-front"),
        (SessionKind.CITRIX, True, "in-front"),
        (SessionKind.RDP, False, "distant"),
        (SessionKind.SSH, False, "distant"),
    ],
)
def test_where_the_reader_must_be_is_told(kind: SessionKind, redirects: bool, place: str) -> None:
    facts = desk(session(kind, redirects=redirects), pcsc())
    assert evidence_of(judge_location, facts)["reader-place"] == place


@pytest.mark.parametrize("role", MachineRole)
def test_what_the_machine_is_for_is_told(role: MachineRole) -> None:
    facts = bag(session(SessionKind.RDP, redirects=True), pcsc(ready(CPS3)), machine(role))
    assert evidence_of(judge_location, facts)["machine"] == role.value


def test_a_process_that_exists_while_help_is_given_is_told() -> None:
    facts = bag(
        software(
            Running(name="AnyDesk", processes=1), Running(name="TeamViewer", processes=3, helping=1)
        ),
        account(AccountKind.PERSON),
    )
    (found,) = findings(judge_help, facts)
    assert found.cause == "session.support-tool"
    assert found.params == {"program": "TeamViewer"}


def test_a_program_for_help_that_waits_is_nothing() -> None:
    facts = bag(software(Running(name="TeamViewer", processes=2)), account(AccountKind.PERSON))
    assert causes_of(judge_help, facts) == ()


def test_of_a_persons_session_the_system_itself_sees_nothing() -> None:
    with pytest.raises(NotApplicable):
        list(judge_help(bag(software(), account(AccountKind.SYSTEM))))
    assert causes_of(judge_help, bag(software(), missing={Account: failed()})) == ()


@quick
@given(facts=bags(*LOCATION.uses, *HELP.uses))
def test_no_fact_makes_them_raise(facts: dict[type, Any]) -> None:
    for check in (LOCATION, HELP):
        try:
            found = causes_of(check.judge, Facts(facts))
        except (MissingFact, NotApplicable):
            continue
        assert set(found) <= set(check.causes)
