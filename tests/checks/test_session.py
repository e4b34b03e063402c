"""What the check of the session says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from checks.session import LOCATION, judge_location
from diagcps.check import Facts, MissingFact
from diagcps.facts import Pcsc, Session, SessionKind
from diagcps.model import Reason
from tests.builders import CPS3, bag, causes_of, evidence_of, failed, pcsc, ready, session
from tests.strategies import bags, quick

REMOTE = [kind for kind in SessionKind if kind is not SessionKind.LOCAL]


def test_a_person_in_front_of_the_machine_passes() -> None:
    facts = bag(session(), pcsc())
    assert causes_of(judge_location, facts) == ()
    assert evidence_of(judge_location, facts) == {"session": "local"}


@pytest.mark.parametrize("kind", REMOTE)
def test_a_redirected_session_without_a_reader_is_the_cause(kind: SessionKind) -> None:
    facts = bag(session(kind, redirects=True), pcsc(error=0x109))
    assert causes_of(judge_location, facts) == ("session.remote-no-reader",)


@pytest.mark.parametrize("kind", REMOTE)
def test_a_redirected_session_with_a_reader_is_only_worth_knowing(kind: SessionKind) -> None:
    facts = bag(session(kind, redirects=True), pcsc(ready(CPS3)))
    assert causes_of(judge_location, facts) == ("session.remote",)


@pytest.mark.parametrize("kind", REMOTE)
def test_a_session_that_redirects_nothing_lacks_no_reader_of_its_own(kind: SessionKind) -> None:
    assert causes_of(judge_location, bag(session(kind), pcsc())) == ("session.remote",)


def test_a_silent_service_in_a_redirected_session_accuses_no_redirection() -> None:
    facts = bag(session(SessionKind.RDP, redirects=True), missing={Pcsc: failed(Reason.TIMEOUT)})
    assert causes_of(judge_location, facts) == ("session.remote",)


def test_a_local_session_needs_no_smart_card_service() -> None:
    assert causes_of(judge_location, bag(session(), missing={Pcsc: failed()})) == ()


def test_a_session_that_cannot_be_told_is_unknown() -> None:
    with pytest.raises(MissingFact):
        list(judge_location(bag(pcsc(), missing={Session: failed()})))


@quick
@given(facts=bags(*LOCATION.uses))
def test_no_fact_makes_it_raise(facts: dict[type, Any]) -> None:
    try:
        found = causes_of(judge_location, Facts(facts))
    except MissingFact:
        return
    assert set(found) <= set(LOCATION.causes)
