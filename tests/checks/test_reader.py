"""What the checks of the readers say, and which slot speaks for the workstation."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks._slots import best, seen
from checks.reader import CONTACT, FREE, PRESENT, judge_contact, judge_free, judge_present
from diagcps.card.atr import CardKind
from diagcps.check import Check, Facts, MissingFact
from diagcps.facts import Pcsc, PcscClients, Slot, SlotState, UsbReaders
from diagcps.model import Evidence
from diagcps.resources import data_dir
from diagcps.words import Words
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
    clients,
    empty,
    evidence_of,
    failed,
    findings,
    held,
    mute,
    pcsc,
    ready,
    removed,
    slot,
    usb,
)
from tests.strategies import bags, quick, slots

SERVES = [ready(CPS3), ready(CPS4), ready(NEW_CPS)]
DOES_NOT_SERVE = [
    held(CPS3),
    held(VITALE),
    held(),
    ready(CONTACTLESS),
    ready(CPS2TER),
    removed(CPS3),
    removed(VITALE),
    mute(),
    ready(VITALE),
    ready(AGENT),
    ready(FOREIGN),
    empty(),
]


@pytest.mark.parametrize("serving", SERVES, ids=["cps3", "cps4", "unknown-cps"])
@pytest.mark.parametrize("other", DOES_NOT_SERVE, ids=lambda each: each.state.value)
def test_a_readable_cps_speaks_for_the_workstation_wherever_it_is(
    serving: Slot, other: Slot
) -> None:
    assert best((serving, other)) is serving
    assert best((other, serving)) is serving


NEAREST_FIRST = {
    "cps": ready(CPS3),
    "held-cps": held(CPS3),
    "contactless": ready(CONTACTLESS),
    "old": ready(CPS2TER),
    "removed": removed(CPS3),
    "mute": mute(),
    "vitale": ready(VITALE),
    "foreign": ready(FOREIGN),
    "held-vitale": held(VITALE),
    "empty": empty(),
}


@pytest.mark.parametrize(("nearer", "farther"), list(pairwise(NEAREST_FIRST)))
def test_the_slot_nearest_to_serving_is_judged(nearer: str, farther: str) -> None:
    one, other = NEAREST_FIRST[nearer], NEAREST_FIRST[farther]
    assert best((one, other)) is one
    assert best((other, one)) is one


def test_the_place_in_the_list_does_not_matter() -> None:
    chosen = {best(order) for order in permutations([mute(), ready(CPS3), ready(VITALE), empty()])}
    assert chosen == {ready(CPS3)}


def test_without_a_slot_none_is_judged() -> None:
    assert best(()) is None


def test_a_held_card_that_did_not_say_what_it_is_may_be_the_cps() -> None:
    assert best((ready(VITALE), held())) == held()


@pytest.mark.parametrize("other", [mute(), ready(VITALE), ready(FOREIGN), held(VITALE)])
def test_a_patients_card_that_went_speaks_for_nothing(other: Slot) -> None:
    assert best((removed(VITALE), other)) is other


def test_every_slot_is_evidence() -> None:
    said = [(each.key, each.value) for each in seen((ready(VITALE), mute(), empty()))]
    assert said == [
        ("slot", "vitale"),
        ("slot", "mute"),
        ("code", "SCARD_W_UNRESPONSIVE_CARD (0x80100066)"),
        ("slot", "empty"),
    ]
    assert {each.source for each in seen((ready(VITALE), mute()))} == {"Reader"}


def test_every_state_and_family_has_a_word() -> None:
    words = Words("fr", [data_dir("checks") / "content"])  # in English some words are the values
    known = {state.value for state in SlotState} | {kind.value for kind in CardKind}
    assert all(words.value("slot", each) != each for each in known)


def test_a_listed_reader_passes_with_its_model_and_without_its_name() -> None:
    facts = bag(pcsc(slot(SlotState.EMPTY, name="Reader (SERIAL) 00 00")), usb("Reader"))
    assert causes_of(judge_present, facts) == ()
    said = evidence_of(judge_present, facts)
    assert (said["readers"], said["reader"]) == (1, "Reader")
    assert said["usb-reader"] == "Reader 0001:0002"


@pytest.mark.parametrize("bus", [usb(), usb("Reader")])
def test_an_empty_list_is_no_reader_and_shows_the_bus(bus: UsbReaders) -> None:
    facts = bag(pcsc(), bus)
    assert causes_of(judge_present, facts) == ("reader.none",)
    assert ("usb-reader" in evidence_of(judge_present, facts)) == bool(bus.readers)


def test_a_bus_that_cannot_be_read_hides_no_reader() -> None:
    assert causes_of(judge_present, bag(pcsc(empty()), missing={UsbReaders: failed()})) == ()
    assert causes_of(judge_present, bag(pcsc(), missing={UsbReaders: failed()})) == ("reader.none",)


def test_a_nameless_usb_reader_is_shown_by_its_numbers() -> None:
    assert evidence_of(judge_present, bag(pcsc(), usb("")))["usb-reader"] == "0001:0002"


@pytest.mark.parametrize(
    "slots", [(), (empty(),), (ready(CPS3),), (mute(),)], ids=["none", "empty", "cps", "mute"]
)
def test_a_card_that_nobody_holds_is_free(slots: tuple[Slot, ...]) -> None:
    assert causes_of(judge_free, bag(pcsc(*slots), clients("other"))) == ()


def test_a_held_card_names_the_programs() -> None:
    (found,) = findings(judge_free, bag(pcsc(held(CPS3), empty()), clients("one", "two")))
    assert found.cause == "reader.in-use"
    assert found.params == {"program": "one, two"}
    assert [said.value for said in found.evidence] == ["one", "two"]


@pytest.mark.parametrize("known", [True, False])
def test_a_held_card_without_a_known_program_names_none(known: bool) -> None:
    facts = bag(pcsc(held(CPS3)), clients()) if known else bag(
        pcsc(held(CPS3)), missing={PcscClients: failed()}
    )  # fmt: skip
    (found,) = findings(judge_free, facts)
    assert (found.cause, found.params, found.evidence) == ("reader.in-use", {}, ())


def test_a_held_vitale_beside_a_cps_is_no_cause() -> None:
    assert causes_of(judge_free, bag(pcsc(held(VITALE), ready(CPS3)), clients())) == ()


def test_a_held_vitale_beside_a_mute_card_is_no_cause() -> None:
    assert causes_of(judge_free, bag(pcsc(held(VITALE), mute()), clients())) == ()


def test_a_held_vitale_alone_is_in_use() -> None:
    facts = bag(pcsc(held(VITALE), empty()), clients())
    assert causes_of(judge_free, facts) == ("reader.in-use",)


def test_a_cps_that_is_read_without_contact_is_in_the_wrong_place() -> None:
    facts = bag(pcsc(empty(), ready(CONTACTLESS)))
    assert causes_of(judge_contact, facts) == ("reader.contactless-only",)


@pytest.mark.parametrize(
    "slots",
    [(), (empty(),), (ready(CPS3), ready(CONTACTLESS)), (ready(VITALE),), (held(CONTACTLESS),)],
    ids=["none", "empty", "both-faces", "vitale", "held"],
)
def test_only_a_contactless_cps_alone_is_in_the_wrong_place(slots: tuple[Slot, ...]) -> None:
    assert causes_of(judge_contact, bag(pcsc(*slots))) == ()


@pytest.mark.parametrize("check", [PRESENT, FREE, CONTACT], ids=lambda check: check.id)
def test_without_an_answer_of_the_service_nothing_is_known(check: Check) -> None:
    missing = dict.fromkeys(check.uses, failed())
    with pytest.raises(MissingFact):
        list(check.judge(bag(missing=missing)))


@quick
@given(facts=bags(Pcsc, PcscClients, UsbReaders))
def test_no_fact_makes_them_raise(facts: dict[type, Any]) -> None:
    for check in (PRESENT, FREE, CONTACT):
        given_facts = Facts({kind: facts[kind] for kind in check.uses})
        try:
            found = causes_of(check.judge, given_facts)
        except MissingFact:
            continue
        assert set(found) <= set(check.causes)


@quick
@given(found=st.lists(slots, min_size=1, max_size=6).map(tuple))
def test_the_judged_slot_is_one_of_those_there_are(found: tuple[Slot, ...]) -> None:
    assert best(found) in found
    assert all(isinstance(said, Evidence) for said in seen(found))
