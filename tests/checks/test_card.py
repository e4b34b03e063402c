"""What the checks of the card say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from checks.card import (
    ANSWERS,
    PRESENT,
    RECOGNISED,
    SINGLE,
    judge_answers,
    judge_present,
    judge_recognised,
    judge_single,
)
from diagcps.check import Check, Facts, MissingFact
from diagcps.facts import Pcsc, Slot
from diagcps.model import Reason
from tests.builders import (
    AGENT,
    CONTACTLESS,
    CPS2TER,
    CPS3,
    CPS4,
    FOREIGN,
    NEW_CPS,
    VITALE,
    bag,
    causes_of,
    empty,
    evidence_of,
    failed,
    held,
    mute,
    pcsc,
    ready,
    removed,
)
from tests.strategies import bags, quick

CHECKS = (PRESENT, ANSWERS, RECOGNISED, SINGLE)


@pytest.mark.parametrize("slots", [(), (empty(),), (empty(), empty())], ids=len)
def test_empty_slots_hold_no_card(slots: tuple[Slot, ...]) -> None:
    assert causes_of(judge_present, bag(pcsc(*slots))) == ("card.absent",)


@pytest.mark.parametrize("one", [ready(CPS3), ready(VITALE), mute(), held()])
def test_a_card_of_any_kind_is_present(one: Slot) -> None:
    assert causes_of(judge_present, bag(pcsc(empty(), one))) == ()


def test_a_card_that_went_while_it_was_read_is_removed() -> None:
    assert causes_of(judge_present, bag(pcsc(removed(CPS3), empty()))) == ("card.removed",)
    assert causes_of(judge_present, bag(pcsc(empty(), removed()))) == ("card.removed",)


def test_a_patients_card_that_goes_does_not_disturb_the_cps() -> None:
    assert causes_of(judge_present, bag(pcsc(removed(VITALE), ready(CPS3)))) == ()


def test_every_slot_is_shown() -> None:
    assert len(list(judge_present(bag(pcsc(ready(CPS3), ready(VITALE), empty()))))) == 3


def test_a_card_without_an_answer_is_mute() -> None:
    assert causes_of(judge_answers, bag(pcsc(mute(), empty()))) == ("card.mute",)


def test_a_mute_card_beside_a_vitale_is_the_cause() -> None:
    assert causes_of(judge_answers, bag(pcsc(ready(VITALE), mute()))) == ("card.mute",)


@pytest.mark.parametrize("serving", [ready(CPS3), ready(CPS4), ready(NEW_CPS)])
def test_a_mute_card_beside_a_cps_is_no_cause(serving: Slot) -> None:
    assert causes_of(judge_answers, bag(pcsc(mute(), serving))) == ()


def test_an_answer_is_shown_in_pairs_of_digits() -> None:
    said = evidence_of(judge_answers, bag(pcsc(ready(AGENT))))
    assert said["atr"] == "3B 67 00 00 2D 20 16 01 78 90 00"


@pytest.mark.parametrize("atr", [CPS3, CPS4, CONTACTLESS, NEW_CPS])
def test_a_cps_that_is_in_use_today_is_recognised(atr: bytes) -> None:
    assert causes_of(judge_recognised, bag(pcsc(ready(atr)))) == ()


@pytest.mark.parametrize(
    ("atr", "cause", "kind"),
    [
        (VITALE, "card.vitale", "vitale"),
        (AGENT, "card.not-cps", "agent"),
        (FOREIGN, "card.not-cps", "other"),
        (b"", "card.not-cps", "other"),
        (CPS2TER, "card.obsolete", "cps2ter"),
    ],
)
def test_a_card_that_cannot_serve_is_the_cause(atr: bytes, cause: str, kind: str) -> None:
    facts = bag(pcsc(ready(atr), empty()))
    assert causes_of(judge_recognised, facts) == (cause,)
    assert evidence_of(judge_recognised, facts)["card-kind"] == kind


@pytest.mark.parametrize("other", [ready(VITALE), ready(FOREIGN), ready(AGENT), ready(CPS2TER)])
def test_another_card_beside_a_cps_is_no_cause(other: Slot) -> None:
    assert causes_of(judge_recognised, bag(pcsc(other, ready(CPS4)))) == ()


def test_a_vitale_beside_a_foreign_card_is_the_vitale() -> None:
    assert causes_of(judge_recognised, bag(pcsc(ready(FOREIGN), ready(VITALE)))) == ("card.vitale",)


@pytest.mark.parametrize(
    "slots",
    [
        (ready(CPS3), ready(CPS4)),
        (ready(CPS3), held(CPS3)),
        (ready(NEW_CPS), ready(CPS2TER)),
    ],
    ids=["two-generations", "one-held", "unknown-and-old"],
)
def test_two_cps_in_two_slots_are_several(slots: tuple[Slot, ...]) -> None:
    assert causes_of(judge_single, bag(pcsc(*slots))) == ("card.several",)


@pytest.mark.parametrize(
    "slots",
    [
        (),
        (ready(CPS3), ready(CONTACTLESS)),
        (ready(CPS3), held(CONTACTLESS)),
        (ready(CPS3), ready(VITALE)),
        (ready(CPS3), held()),
        (ready(CPS3), mute()),
        (ready(CPS3), removed(CPS4)),
        (ready(VITALE), ready(VITALE)),
    ],
    ids=["none", "two-faces", "held-face", "vitale", "held", "mute", "removed", "two-vitale"],
)
def test_anything_else_beside_a_cps_is_not_several(slots: tuple[Slot, ...]) -> None:
    assert causes_of(judge_single, bag(pcsc(*slots))) == ()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_without_an_answer_of_the_service_nothing_is_known(check: Check) -> None:
    with pytest.raises(MissingFact) as missing:
        list(check.judge(bag(missing={Pcsc: failed(Reason.DENIED)})))
    assert missing.value.failure.reason is Reason.DENIED


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
@quick
@given(facts=bags(Pcsc))
def test_no_fact_makes_it_raise(check: Check, facts: dict[type, Any]) -> None:
    try:
        found = causes_of(check.judge, Facts(facts))
    except MissingFact:
        return
    assert len(found) <= 1
    assert set(found) <= set(check.causes)
