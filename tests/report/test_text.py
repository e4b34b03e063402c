"""The report in the terminal of the person in front of it."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.examination import Examination
from diagcps.model import Outcome, Platform, Verdict
from diagcps.report.base import EvidenceLine, Local, Report
from diagcps.report.text import plain, render, verdict_sentence
from diagcps.words import LANGUAGES
from tests.builders import secret, simulated
from tests.strategies import quick

each_language = pytest.mark.parametrize("language", LANGUAGES)


async def examined(name: str) -> Examination:
    """An examination of the scenario `name` that has run."""
    made = simulated(name)
    await made.runner.run()
    return made


async def text_of(name: str, language: str = "en", **changes: object) -> str:
    made = await examined(name)
    report = replace(made.report(language), **changes)  # type: ignore[arg-type]  # any field
    return render(report, made.words(language))


@each_language
async def test_a_simulation_says_so_first(language: str) -> None:
    assert (await text_of("vitale", language)).startswith("SIMULATION")
    assert "SIMULATION" not in await text_of("vitale", language, simulated=False)


async def test_the_verdict_the_cause_who_and_the_steps_are_told() -> None:
    lines = (await text_of("vitale")).splitlines()
    assert lines[1] == "This workstation cannot use the card at the moment."
    assert lines[2] == "This diagnosis is about a simulated computer."
    assert (
        lines[lines.index("") + 1]
        == "To repair · The card inserted is a Vitale card  [card.vitale]"
    )
    assert "  Who can repair it: you" in lines
    assert "     1. Take out the card that is in the reader." in lines


async def test_a_check_that_waits_says_for_what() -> None:
    text = await text_of("no-reader")
    assert "[waiting] Is a card inserted? – waiting for “Is a card reader detected?”" in text


async def test_a_check_that_cannot_tell_says_why() -> None:
    assert "[cannot tell] Does the smart-card service answer? – what has to be asked" in (
        await text_of("tool-incomplete")
    )


async def test_the_evidence_of_what_failed_is_shown_and_of_what_passed_is_not() -> None:
    text = await text_of("vitale")
    assert "Answer to power-up (ATR) : 3B 75 13 00 00 43 09 EA 90 00  (SCardStatus)" in text
    assert "SCardListReaders" not in text


async def test_what_was_not_checked_is_named_and_the_verdict_is_about_the_rest() -> None:
    text = await text_of("healthy-cps3")
    assert "Everything that was checked works." in text
    assert "This version does not check yet: " in text
    whole = await text_of("healthy-cps3", not_covered=())
    assert "This workstation can use the card." in whole
    assert "does not check yet" not in whole


@each_language
@pytest.mark.parametrize("verdict", list(Verdict))
async def test_a_verdict_is_a_sentence_whole_or_partly(language: str, verdict: Verdict) -> None:
    words = (await examined("no-card")).words(language)
    for whole in (True, False):
        assert verdict_sentence(verdict, whole=whole, words=words).endswith(".")


async def test_the_person_is_told_that_no_try_was_spent() -> None:
    assert (await text_of("mute-card")).rstrip().endswith("sends none of your data anywhere.")


async def test_private_values_are_shown_to_their_owner() -> None:
    made = await examined("vitale")
    assert "C:\\Users\\Hélène" in render(_with(made, secret("C:\\Users\\Hélène")), made.words("fr"))


def _with(made: Examination, value: Local) -> Report[Local]:
    """The report with `value` as the evidence of a failed check."""
    report = made.report("fr")
    line = EvidenceLine[Local](key="k", value=value, source="source")
    failed = (check for check in report.checks if check.outcome is Outcome.FAIL)
    return replace(report, checks=tuple(replace(check, evidence=(line,)) for check in failed))


@pytest.mark.parametrize(
    "value", ["\x1b[2J", "a\rb", "a\nb", "\x9b31m", "\u202edrawkcab", "\x07", "\ud800"]
)
async def test_what_others_wrote_drives_no_terminal(value: str) -> None:
    made = await examined("vitale")
    text = render(_with(made, secret(value)), made.words("fr"))
    harmless = render(_with(made, secret("x")), made.words("fr"))
    assert text.count("\n") == harmless.count("\n")
    assert not {unicodedata.category(c) for c in text.replace("\n", "")} & {"Cc", "Cf", "Cs"}


@quick
@given(value=st.text() | st.integers() | st.none() | st.binary())
def test_anything_is_one_printable_line(value: object) -> None:
    assert plain(value).isprintable()


@pytest.mark.parametrize("platform", list(Platform))
async def test_steps_for_other_systems_are_left_out(platform: Platform) -> None:
    made = await examined("service-stopped")
    made.runner.platform = platform
    remedies = [remedy.id for remedy in made.report("en").diagnosis[0].remedies]
    assert ("pcsc.start-service" in remedies) == (platform is not Platform.MACOS)
