"""What the checks of the card say."""

from __future__ import annotations

from typing import Any

import pytest

from checks.card import (
    ANSWERS,
    PRESENT,
    READABLE,
    RECOGNISED,
    SINGLE,
    UPDATED,
    judge_answers,
    judge_present,
    judge_readable,
    judge_recognised,
    judge_single,
    judge_updated,
)
from diagcps.check import Check, MissingFact, NotApplicable
from diagcps.facts import CardStates, Reading, Slot, Update
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
    card_state,
    causes_of,
    empty,
    evidence_of,
    failed,
    held,
    mute,
    pcsc,
    read_card,
    ready,
    removed,
    slot,
)

CHECKS = (PRESENT, ANSWERS, RECOGNISED, READABLE, UPDATED, SINGLE)


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


def states(*serials: str | None) -> Any:
    return bag(CardStates(cards=tuple(card_state(serial=serial) for serial in serials)))


def test_two_serial_numbers_are_several_cards() -> None:
    assert causes_of(judge_single, states("00000001", "00000002")) == ("card.several",)


@pytest.mark.parametrize("serials", [(), ("00000001",), ("00000001", "00000001"), (None,)])
def test_the_two_faces_of_one_card_are_one_card(serials: tuple[str | None, ...]) -> None:
    assert causes_of(judge_single, states(*serials)) == ()


def test_a_second_card_that_does_not_say_its_number_leaves_the_question_open() -> None:
    with pytest.raises(MissingFact):
        causes_of(judge_single, states("00000001", None))


def test_a_generation_that_is_not_known_is_not_called_unreadable() -> None:
    facts = bag(*read_card(card_state(NEW_CPS, Reading.UNREADABLE)))
    with pytest.raises(MissingFact):
        causes_of(judge_readable, facts)


@pytest.mark.parametrize(
    ("reading", "cause"),
    [
        (Reading.READ, None),
        (Reading.REMOVED, "card.removed"),
        (Reading.HELD, "reader.in-use"),
        (Reading.SILENT, "card.mute"),
        (Reading.UNREADABLE, "card.unreadable"),
    ],
)
def test_a_reading_that_did_not_come_to_its_end_says_how(
    reading: Reading, cause: str | None
) -> None:
    facts = bag(*read_card(card_state(reading=reading, where="ODF", detail="SELECT 6A82")))
    assert causes_of(judge_readable, facts) == ((cause,) if cause else ())
    assert evidence_of(judge_readable, facts)["where"] == "ODF"


def test_a_readable_card_beside_an_unreadable_one_serves() -> None:
    broken = card_state(reading=Reading.UNREADABLE, slot_name="other")
    slots = pcsc(slot(atr=CPS3, name="other"), ready(CPS3))
    facts = bag(slots, CardStates(cards=(broken, card_state())))
    assert causes_of(judge_readable, facts) == ()


@pytest.mark.parametrize("update", Update)
def test_an_interrupted_update_is_the_cause(update: Update) -> None:
    facts = bag(*read_card(card_state(update=update)))
    if update in (Update.NONE, Update.UNKNOWN):
        with pytest.raises(NotApplicable):
            causes_of(judge_updated, facts)
        return
    expected = ("card.update-interrupted",) if update is Update.INTERRUPTED else ()
    assert causes_of(judge_updated, facts) == expected


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_without_an_answer_of_the_service_nothing_is_known(check: Check) -> None:
    missing = dict.fromkeys(check.uses, failed(Reason.DENIED))
    with pytest.raises(MissingFact) as raised:
        list(check.judge(bag(missing=missing)))
    assert raised.value.failure.reason is Reason.DENIED
