"""Every report says of which machine it is, and of which browser."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.browsing import BrowserKind, How, PageBrowser
from diagcps.check import Area, Check
from diagcps.examination import Examination
from diagcps.facts import Session, SessionKind
from diagcps.model import CheckId, ProbeFailure, Reason
from diagcps.report import json as as_json
from diagcps.report import text as as_text
from diagcps.report.redact import Redaction
from diagcps.report.subject import (
    Origin,
    Place,
    Subject,
    browser_line,
    machine_line,
    subject_of,
)
from diagcps.words import LANGUAGES, Words
from diagcps.workstation import Account, AccountKind, Machine, MachineRole
from tests.builders import NOW, simulated
from tests.strategies import bags, every, quick

each_language = pytest.mark.parametrize("language", LANGUAGES)
WORDS = {language: simulated("vitale").words(language) for language in LANGUAGES}
FRENCH = WORDS["fr"]
MISSING = ProbeFailure(reason=Reason.TIMEOUT)


def session(kind: SessionKind) -> Session:
    return Session(kind=kind, redirects_cards=False, source="test")


def machine(role: MachineRole) -> Machine:
    return Machine(version="1", role=role, source="test")


def line(*facts: object, origin: Origin = Origin.HERE) -> str:
    """The line of a report of these facts."""
    known = {type(fact): fact for fact in facts}
    return machine_line(subject_of(known, origin=origin), FRENCH)


LOCAL, RDP = session(SessionKind.LOCAL), session(SessionKind.RDP)
SERVER = machine(MachineRole.SERVER)
SECOND_RUN = "Lancez-le aussi sur l'ordinateur qui est devant vous."


def test_a_local_session_is_this_computer() -> None:
    assert line(LOCAL) == "Ce diagnostic parle de cet ordinateur."
    assert line(LOCAL, machine(MachineRole.WORKSTATION)) == line(LOCAL)
    assert line(LOCAL, SERVER) == "Ce diagnostic parle de cet ordinateur, qui est un serveur."


def test_a_remote_session_asks_for_a_second_run() -> None:
    about = "Ce diagnostic parle de la session à distance (bureau à distance)"
    assert line(RDP) == f"{about} sur l'ordinateur distant. {SECOND_RUN}"
    assert line(RDP, SERVER) == f"{about} sur le serveur. {SECOND_RUN}"


@pytest.mark.parametrize("kind", [kind for kind in SessionKind if kind is not SessionKind.LOCAL])
@pytest.mark.parametrize("origin", Origin)
def test_every_remote_session_is_named_and_asks_for_a_second_run(
    kind: SessionKind, origin: Origin
) -> None:
    said = line(session(kind), SERVER, origin=origin)
    assert FRENCH.value("session", kind.value) in said
    assert SECOND_RUN in said


@pytest.mark.parametrize("known", [(), (SERVER,)])
def test_an_unknown_session_is_the_machine_where_it_runs(known: tuple[object, ...]) -> None:
    assert line(*known) == "Ce diagnostic parle de la machine où il s'exécute."
    missing = {Session: MISSING, Machine: MISSING, Account: MISSING}
    assert subject_of(missing, origin=Origin.HERE) == Subject()


def test_saved_and_simulated_computers_are_not_this_one() -> None:
    for known in ((), (LOCAL,), (LOCAL, SERVER)):
        recorded = line(*known, origin=Origin.RECORDED)
        assert recorded == "Ce diagnostic parle de l'ordinateur enregistré."
        assert (
            line(*known, origin=Origin.SIMULATED) == "Ce diagnostic parle d'un ordinateur simulé."
        )
    assert "session à distance enregistrée" in line(RDP, origin=Origin.RECORDED)


def test_the_account_of_the_system_is_told() -> None:
    system = Account(kind=AccountKind.SYSTEM, source="test")
    assert line(LOCAL, system) == (
        "Ce diagnostic parle de cet ordinateur. Il a été lancé par le compte système : "
        "ce qui appartient à une personne n'est pas contrôlé."
    )
    assert line(LOCAL, Account(kind=AccountKind.PERSON, source="test")) == line(LOCAL)


@quick
@given(facts=bags(Session, Machine, Account), origin=st.sampled_from(Origin))
def test_any_machine_is_told_in_one_line_of_known_words(
    facts: dict[type, Any], origin: Origin
) -> None:
    subject = subject_of(facts, origin=origin)
    for words in WORDS.values():
        said = machine_line(subject, words)
        assert said.isprintable()
        assert said.endswith(".")
        assert "machine." not in said
        assert "{" not in said


@each_language
@pytest.mark.parametrize("place", Place)
@pytest.mark.parametrize("origin", Origin)
def test_every_place_has_its_words(language: str, place: Place, origin: Origin) -> None:
    kind = SessionKind.CITRIX if "remote" in place.value else SessionKind.LOCAL
    said = machine_line(Subject(place=place, session=kind, origin=origin), WORDS[language])
    assert said[-1] == "."


@each_language
@pytest.mark.parametrize("kind", BrowserKind)
@pytest.mark.parametrize("how", How)
def test_every_browser_has_its_words(language: str, kind: BrowserKind, how: How) -> None:
    said = browser_line(PageBrowser(kind=kind, version="7", how=how), WORDS[language])
    assert "browser." not in said
    assert " 7 (" in said


def test_the_browser_is_told_with_the_reason_why_that_one() -> None:
    firefox = PageBrowser(kind=BrowserKind.FIREFOX, version="145", how=How.PAGE)
    assert browser_line(firefox, FRENCH) == (
        "Navigateur contrôlé : Firefox 145 (celui de cette page)."
    )
    edge = PageBrowser(kind=BrowserKind.EDGE, version="", how=How.DEFAULT)
    assert browser_line(edge, FRENCH) == (
        "Navigateur contrôlé : Microsoft Edge (celui qui ouvre les liens sur ce poste)."
    )


async def examined(name: str, **changes: object) -> Examination:
    """An examination of the scenario `name` that has run."""
    made = replace(simulated(name), **changes)  # type: ignore[arg-type]  # any field
    await made.runner.run()
    return made


async def test_every_format_says_of_which_machine_it_is() -> None:
    made = await examined("remote", live=True)
    shared = Redaction().report(made.report("fr"))
    assert json.loads(as_json.render(shared))["environment"]["machine"] == "remote-session"
    said = machine_line(shared.subject, FRENCH)
    assert SECOND_RUN in said
    assert said in as_text.render(shared, FRENCH).splitlines()


async def test_a_run_of_one_check_knows_the_machine_too() -> None:
    made = await examined("remote", live=True)
    only = simulated("remote", named=frozenset({CheckId("tool.complete")}), live=True)
    await only.runner.run()
    assert only.report("fr").subject.place is made.report("fr").subject.place is Place.REMOTE


async def test_a_saved_workstation_is_not_this_one() -> None:
    report = (await examined("vitale", moment=NOW, live=False)).report("fr")
    assert report.replayed
    assert machine_line(report.subject, FRENCH) == "Ce diagnostic parle de l'ordinateur enregistré."


async def test_no_browser_is_named_when_no_check_is_about_one() -> None:
    made = simulated("vitale")
    edge = PageBrowser(kind=BrowserKind.EDGE, version="142", how=How.DEFAULT)
    made.runner.facts[PageBrowser] = edge
    about = Check(id=CheckId("browser.seen"), area=Area.BROWSER, judge=list, uses=(PageBrowser,))
    none = replace(made, checks=tuple(c for c in made.checks if PageBrowser not in c.uses))
    assert none.report("fr").subject.browser is None
    one = replace(made, checks=(about,)).report("fr")
    assert one.subject.browser == edge
    assert one.environment["browser"] == "edge"
    assert one.environment["browser_version"] == "142"
    assert one.environment["browser_known_by"] == "default"


@quick
@given(browser=every(PageBrowser))
def test_a_browser_of_any_version_is_one_line_of_a_report(browser: PageBrowser) -> None:
    made = simulated("vitale")
    report = replace(made.report("fr"), subject=Subject(browser=browser))
    harmless = replace(report, subject=Subject(browser=replace(browser, version="1")))
    words: Words = made.words("fr")
    assert as_text.render(report, words).count("\n") == as_text.render(harmless, words).count("\n")
