"""What the checks of other programs say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from checks.software import (
    COMPETING,
    DMP_CONNECT,
    PORTS,
    judge_competing,
    judge_dmp_connect,
    judge_ports,
)
from diagcps.catalogue import Catalogue
from diagcps.check import Check, Facts, MissingFact, NotApplicable
from diagcps.model import Reason
from diagcps.workstation import Account, AccountKind, Listener, Running, Software
from tests.builders import CATALOGUE, bag, causes_of, evidence_of, failed, findings
from tests.strategies import bags, quick

DMP, JUXTA = "DMP Connect-JS2", "JuxtaLink"


def on(port: int, program: str) -> Listener:
    return Listener(port=port, program=program, known=False)


def desk(
    *running: str,
    listeners: tuple[Listener, ...] | None = (),
    kind: AccountKind = AccountKind.PERSON,
) -> Facts:
    """A desk on which these programs run."""
    programs = tuple(Running(name=name, processes=1) for name in running)
    return bag(
        Software(running=programs, listeners=listeners, source="test"),
        Account(kind=kind, source="test"),
        CATALOGUE,
    )


def test_a_program_that_uses_the_card_is_told_by_its_name() -> None:
    (found,) = findings(judge_competing, desk(DMP, "Firefox", "VitalZen"))
    assert found.cause == "software.competing"
    assert found.params == {"program": f"{DMP}, VitalZen"}


def test_other_programs_do_not_compete() -> None:
    running = desk("Firefox", "TeamViewer", "Gestionnaire de certificats CPS", "something")
    assert causes_of(judge_competing, running) == ()


def test_what_runs_for_the_system_competes_and_what_a_person_runs_it_does_not_see() -> None:
    assert causes_of(judge_competing, desk(DMP, kind=AccountKind.SYSTEM)) == ("software.competing",)
    with pytest.raises(NotApplicable):
        list(judge_competing(desk("Firefox", kind=AccountKind.SYSTEM)))


def test_a_port_that_another_program_took_is_a_conflict() -> None:
    facts = desk(JUXTA, "Affid", listeners=(on(1234, "Affid"),))
    (found,) = findings(judge_ports, facts)
    assert found.cause == "software.port-conflict"
    assert found.params == {"program": "Affid"}
    assert evidence_of(judge_ports, facts)["listener"] == "1234: Affid"


@pytest.mark.parametrize(
    "facts",
    [
        desk(JUXTA),
        desk(JUXTA, listeners=(on(1234, JUXTA),)),
        desk(JUXTA, listeners=(on(1234, JUXTA), on(1234, "Affid"))),
        desk(JUXTA, listeners=(on(1234, ""),)),
        desk("Affid", listeners=(on(1234, "Affid"),)),
        desk(DMP, listeners=(on(9982, DMP), on(9983, "other"))),
        desk(JUXTA, listeners=(on(1235, "other"),)),
    ],
    ids=["nobody", "itself", "also", "hidden", "not-running", "elsewhere", "other-port"],
)
def test_no_conflict_without_a_program_that_lost_its_ports_to_one_that_is_named(
    facts: Facts,
) -> None:
    assert causes_of(judge_ports, facts) == ()


def test_dmp_connect_that_listens_nowhere_does_not_answer() -> None:
    facts = desk(DMP, listeners=(on(1234, JUXTA),))
    assert causes_of(judge_dmp_connect, facts) == ("software.dmp-connect",)


@pytest.mark.parametrize("holder", [DMP, "", "other"])
def test_where_somebody_is_on_its_ports_dmp_connect_is_not_accused(holder: str) -> None:
    assert causes_of(judge_dmp_connect, desk(DMP, listeners=(on(9984, holder),))) == ()


def test_of_dmp_connect_nothing_is_asked_where_it_does_not_run() -> None:
    with pytest.raises(NotApplicable):
        list(judge_dmp_connect(desk(JUXTA)))


@pytest.mark.parametrize("check", [PORTS, DMP_CONNECT], ids=lambda check: check.id)
def test_who_listens_untold_is_unknown_only_where_it_matters(check: Check) -> None:
    with pytest.raises(MissingFact) as raised:
        list(check.judge(desk(DMP, listeners=None)))
    assert raised.value.failure.reason is Reason.UNSUPPORTED
    assert causes_of(judge_ports, desk("Firefox", listeners=None)) == ()


@pytest.mark.parametrize("check", [COMPETING, PORTS, DMP_CONNECT], ids=lambda check: check.id)
def test_without_what_runs_nothing_is_known(check: Check) -> None:
    missing = dict.fromkeys(set(check.uses) - {Catalogue}, failed())
    with pytest.raises(MissingFact):
        list(check.judge(bag(CATALOGUE, missing=missing)))


def test_every_program_with_ports_is_a_program_of_the_catalogue() -> None:
    known = {program.name for program in CATALOGUE.programs.programs}
    assert {entry.program for entry in CATALOGUE.ports.programs} <= known


@quick
@given(facts=bags(Software, Account))
def test_no_fact_makes_them_raise(facts: dict[type, Any]) -> None:
    for check in (COMPETING, PORTS, DMP_CONNECT):
        try:
            found = causes_of(check.judge, Facts({**facts, Catalogue: CATALOGUE}))
        except (MissingFact, NotApplicable):
            continue
        assert set(found) <= set(check.causes)
