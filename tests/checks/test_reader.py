"""What the checks of the readers say, and which slot speaks for the workstation."""

from __future__ import annotations

import dataclasses
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks._slots import best, seen
from checks.reader import (
    CONTACT,
    FREE,
    POWERED,
    PRESENT,
    STEADY,
    SYSTEM_DRIVER,
    judge_contact,
    judge_free,
    judge_powered,
    judge_present,
    judge_steady,
    judge_system_driver,
)
from diagcps.card.atr import CardKind
from diagcps.catalogue import Catalogue, ReaderKind
from diagcps.catalogue_parts import KnownReader, ReaderCatalogue
from diagcps.check import Check, Facts, MissingFact, NotApplicable
from diagcps.facts import FileState, Pcsc, PcscClients, Slot, SlotState, UsbReader, UsbReaders
from diagcps.model import Evidence, Level
from diagcps.resources import data_dir
from diagcps.words import Words
from diagcps.workstation import Channel, ChannelKind, Galss, Losses, MacCards, Machine
from tests.builders import (
    AGENT,
    CATALOGUE,
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


def reader(
    name: str = "Reader", product_id: str = "0002", *, problem: int | None = None,
    serial: bool = False, may_sleep: bool | None = None,
) -> UsbReader:  # fmt: skip
    """A reader on the bus, which the catalogue of these tests may know."""
    return UsbReader(
        vendor_id="0001", product_id=product_id, name=name, problem=problem, serial=serial,
        may_sleep=may_sleep,
    )  # fmt: skip


PCSC, PSS, BOTH = (
    KnownReader(vendor_id="0001", product_id=number, name="", kind=kind, source="test")
    for number, kind in zip(("00a1", "00a2", "00a3"), ReaderKind, strict=True)
)
KNOWN = dataclasses.replace(
    CATALOGUE, readers=ReaderCatalogue(date="", source="", readers=(PCSC, PSS, BOTH))
)


def bus(*readers: UsbReader) -> UsbReaders:
    return UsbReaders(readers=readers, source="test")


def galss(*kinds: ChannelKind) -> Galss:
    channels = tuple(Channel(number=n, kind=kind, names=()) for n, kind in enumerate(kinds))
    return Galss(state=FileState.PRESENT, channels=channels, source="galss.ini")


def mac(*emulation: str, own_driver: bool = False) -> MacCards:
    return MacCards(
        tokens=(),
        gestion=FileState.ABSENT,
        own_driver=own_driver,
        emulation=emulation,
        source="mac",
    )


def machine(version: str) -> Machine:
    return Machine(version=version, source="test")


def desk(*facts: Any) -> Facts:
    """What is read of a desk, all else of it missing."""
    given = {type(fact) for fact in facts}
    kinds = {kind for check in (PRESENT, FREE, SYSTEM_DRIVER, POWERED) for kind in check.uses}
    missing = {kind: failed() for kind in kinds - given - {Catalogue}}
    return bag(KNOWN, *facts, missing=missing)


def test_a_listed_reader_passes_with_its_model_and_without_its_name() -> None:
    facts = desk(pcsc(slot(SlotState.EMPTY, name="Reader (SERIAL) 00 00")), usb("Reader"))
    assert causes_of(judge_present, facts) == ()
    said = evidence_of(judge_present, facts)
    assert (said["readers"], said["reader"]) == (1, "Reader")
    assert said["usb-reader"] == "Reader 0001:0002"


def test_an_empty_list_and_an_empty_bus_are_no_reader() -> None:
    facts = desk(pcsc(), usb())
    assert causes_of(judge_present, facts) == ("reader.none",)
    assert "usb-reader" not in evidence_of(judge_present, facts)


def test_a_bus_that_cannot_be_read_hides_no_reader() -> None:
    assert causes_of(judge_present, desk(pcsc(empty()))) == ()
    assert causes_of(judge_present, desk(pcsc())) == ("reader.none",)


@pytest.mark.parametrize(("withheld", "cause"), [
    (None, "reader.none"), (0, "reader.none"), (1, "os.usb-not-authorised"),
])  # fmt: skip
def test_where_a_port_is_closed_the_accessory_was_not_allowed(
    withheld: int | None, cause: str
) -> None:
    ports = dataclasses.replace(usb(), withheld=withheld)
    assert causes_of(judge_present, desk(pcsc(), ports)) == (cause,)
    assert causes_of(judge_present, desk(pcsc(empty()), ports)) == ()
    assert evidence_of(judge_present, desk(pcsc(), ports)).get("withheld-ports") == (
        withheld or None
    )


def test_a_closed_port_beside_a_reader_on_the_bus_is_of_another_device() -> None:
    ports = dataclasses.replace(usb("Reader"), withheld=1)
    assert causes_of(judge_present, desk(pcsc(), ports)) == ("reader.no-driver",)


def test_a_nameless_usb_reader_is_shown_by_its_numbers() -> None:
    assert evidence_of(judge_present, desk(pcsc(), usb("")))["usb-reader"] == "0001:0002"


@pytest.mark.parametrize(
    "plugged",
    [
        [reader()],
        [reader(problem=28)],
        [reader(problem=0)],
        [reader(product_id="00a1")],
        [reader(product_id="00a3")],
        [reader(product_id="00a2"), reader()],
    ],
    ids=["class", "code-28", "no-code", "catalogued", "either", "beside-a-pss-one"],
)
def test_a_reader_on_the_bus_that_pcsc_does_not_list_lacks_its_driver(
    plugged: list[UsbReader],
) -> None:
    facts = desk(pcsc(), bus(*plugged))
    assert causes_of(judge_present, facts) == ("reader.no-driver",)
    assert "usb-reader" in evidence_of(judge_present, facts)


def test_the_problem_code_is_told() -> None:
    facts = desk(pcsc(), bus(reader(problem=28)))
    assert evidence_of(judge_present, facts)["usb-problem"] == 28


@pytest.mark.parametrize(
    ("plugged", "file"),
    [
        (reader(serial=True), galss()),
        (reader(product_id="00a3", serial=True), galss()),
        (reader(product_id="00a2"), galss()),
        (reader(product_id="00a2", problem=28), galss()),
        (reader(product_id="00a3"), galss(ChannelKind.PCSC, ChannelKind.SERIAL)),
    ],
    ids=["serial", "either-serial", "pss", "pss-without-driver", "galss-serial"],
)
def test_a_reader_that_only_speaks_over_a_serial_line_is_in_pss_mode(
    plugged: UsbReader, file: Galss
) -> None:
    facts = desk(pcsc(), bus(plugged), file)
    assert causes_of(judge_present, facts) == ("reader.pss-mode",)


def test_a_serial_line_is_told() -> None:
    facts = desk(pcsc(), bus(reader(serial=True)))
    assert evidence_of(judge_present, facts)["usb-link"] == "serial"


@pytest.mark.parametrize(
    "plugged",
    [reader(serial=True), reader(problem=28), reader(product_id="00a2"), reader(may_sleep=True)],
    ids=["serial", "no-driver", "pss", "sleeps"],
)
def test_beside_a_reader_that_works_none_on_the_bus_matters(plugged: UsbReader) -> None:
    facts = desk(
        pcsc(empty()), bus(reader(), plugged), galss(ChannelKind.SERIAL), mac("GALSSDriver")
    )
    assert causes_of(judge_present, facts) == ()


def test_a_serial_channel_alone_makes_no_reader() -> None:
    facts = desk(pcsc(), bus(), galss(ChannelKind.SERIAL))
    assert causes_of(judge_present, facts) == ("reader.none",)


def test_an_emulation_that_hides_the_real_reader_is_the_cause_and_no_missing_driver() -> None:
    (found,) = findings(judge_present, desk(pcsc(), bus(reader()), mac("GALSSDriver.bundle")))
    assert found.cause == "reader.pss-emulation"
    assert [said.value for said in found.evidence] == ["GALSSDriver.bundle"]


def test_an_emulation_of_a_serial_reader_is_what_it_is_for() -> None:
    facts = desk(pcsc(), bus(reader(serial=True)), mac("GALSSDriver.bundle"))
    assert causes_of(judge_present, facts) == ("reader.pss-mode",)


@pytest.mark.parametrize(
    ("times", "is_intermittent"), [(0, False), (2, False), (3, True), (9, True)]
)
def test_a_reader_that_goes_three_times_within_a_minute_is_intermittent(
    times: int, is_intermittent: bool
) -> None:
    facts = bag(Losses(readers=("Reader",) * times))
    assert causes_of(judge_steady, facts) == ("reader.intermittent",) * is_intermittent


def test_each_reader_is_counted_by_itself() -> None:
    facts = bag(Losses(readers=("One", "Other", "One", "Other")))
    assert causes_of(judge_steady, facts) == ()
    assert [said.value for said in judge_steady(facts) if isinstance(said, Evidence)] == [2, 2]


LOST = Losses(readers=("ACME Reader 0",) * 3)


@pytest.mark.parametrize(
    "plugged",
    [[reader("Reader", may_sleep=True)], [reader("", may_sleep=True)],
     [reader("Other", may_sleep=False), reader("Reader", may_sleep=True)]],
    ids=["named", "alone", "beside-another"],
)  # fmt: skip
def test_a_reader_that_goes_away_and_may_sleep_may_be_sent_to_sleep(
    plugged: list[UsbReader],
) -> None:
    assert causes_of(judge_powered, desk(LOST, bus(*plugged))) == ("reader.power-saving",)


@pytest.mark.parametrize(
    "plugged",
    [[], [reader("Reader")], [reader("Reader", may_sleep=False)],
     [reader("Reader"), reader("Other", may_sleep=True)],
     [reader("Reader"), reader("", may_sleep=True)]],
    ids=["none", "not-told", "awake", "another", "nameless"],
)  # fmt: skip
def test_only_the_reader_that_goes_away_counts(plugged: list[UsbReader]) -> None:
    assert causes_of(judge_powered, desk(LOST, bus(*plugged))) == ()


def test_a_reader_that_stays_may_sleep() -> None:
    with pytest.raises(NotApplicable):
        list(judge_powered(desk(Losses(readers=("Reader",)), bus(reader(may_sleep=True)))))


def two_slots(*states: SlotState) -> Pcsc:
    return pcsc(*(slot(state, name=f"Reader {n}") for n, state in enumerate(states)))


@pytest.mark.parametrize("version", ["14.0", "15.1", "26.0"])
def test_two_mute_cards_in_one_reader_accuse_the_driver_of_macos(version: str) -> None:
    facts = desk(two_slots(SlotState.MUTE, SlotState.MUTE), mac(), machine(version))
    (found,) = findings(judge_system_driver, facts)
    assert (found.cause, found.level) == ("reader.macos-ccid", None)


def test_one_mute_card_is_rather_mute_itself() -> None:
    facts = desk(two_slots(SlotState.MUTE, SlotState.EMPTY), mac(), machine("15.1"))
    (found,) = findings(judge_system_driver, facts)
    assert (found.cause, found.level) == ("reader.macos-ccid", Level.INFO)


@pytest.mark.parametrize(
    ("slots_there", "cards", "version"),
    [
        (two_slots(SlotState.MUTE, SlotState.MUTE), mac(), "13.6"),
        (two_slots(SlotState.MUTE, SlotState.MUTE), mac(), ""),
        (two_slots(SlotState.MUTE, SlotState.MUTE), mac(), "9" * 5000),
        (two_slots(SlotState.MUTE, SlotState.MUTE), mac(own_driver=True), "15.1"),
        (pcsc(mute(), ready(VITALE)), mac(), "15.1"),
        (pcsc(mute(), ready(CPS3)), mac("GALSSDriver.bundle"), "15.1"),
        (pcsc(empty()), mac("GALSSDriver.bundle"), "15.1"),
        (pcsc(), mac("GALSSDriver.bundle"), "15.1"),
        (pcsc(held(CPS3)), mac(), "15.1"),
    ],
    ids=["older", "unknown", "absurd", "other-driver", "vitale", "cps", "empty", "none", "held"],
)
def test_a_card_that_is_read_absent_or_held_accuses_no_driver(
    slots_there: Pcsc, cards: MacCards, version: str
) -> None:
    facts = desk(slots_there, cards, machine(version), bus(reader()))
    assert causes_of(judge_system_driver, facts) == ()


@pytest.mark.parametrize("state", [SlotState.MUTE, SlotState.HELD])
def test_an_emulation_beside_a_real_reader_accounts_for_a_card_that_cannot_be_used(
    state: SlotState,
) -> None:
    facts = desk(two_slots(state), mac("reader.conf"), machine("15.1"), bus(reader()))
    assert causes_of(judge_system_driver, facts) == ("reader.pss-emulation",)


def test_what_macos_does_with_cards_matters_where_one_cannot_be_read() -> None:
    unread = {MacCards: failed()}
    read = bag(KNOWN, pcsc(ready(CPS3)), machine("15.1"), bus(reader()), missing=unread)
    assert causes_of(judge_system_driver, read) == ()
    with pytest.raises(MissingFact):
        list(judge_system_driver(bag(KNOWN, pcsc(mute()), missing=unread)))


def test_an_emulation_without_a_real_reader_is_no_cause() -> None:
    facts = desk(two_slots(SlotState.HELD), mac("reader.conf"), bus(reader(serial=True)))
    assert causes_of(judge_system_driver, facts) == ()


@pytest.mark.parametrize(
    "slots", [(), (empty(),), (ready(CPS3),), (mute(),)], ids=["none", "empty", "cps", "mute"]
)
def test_a_card_that_nobody_holds_is_free(slots: tuple[Slot, ...]) -> None:
    assert causes_of(judge_free, desk(pcsc(*slots), clients("other"))) == ()


def test_a_held_card_names_the_programs() -> None:
    (found,) = findings(judge_free, desk(pcsc(held(CPS3), empty()), clients("one", "two")))
    assert found.cause == "reader.in-use"
    assert found.params == {"program": "one, two"}
    assert [said.value for said in found.evidence] == ["one", "two"]


@pytest.mark.parametrize("known", [True, False])
def test_a_held_card_without_a_known_program_names_none(known: bool) -> None:
    facts = desk(pcsc(held(CPS3)), clients()) if known else desk(pcsc(held(CPS3)))
    (found,) = findings(judge_free, facts)
    assert (found.cause, found.params, found.evidence) == ("reader.in-use", {}, ())


def test_a_held_vitale_beside_a_cps_is_no_cause() -> None:
    assert causes_of(judge_free, desk(pcsc(held(VITALE), ready(CPS3)), clients())) == ()


def test_a_held_vitale_beside_a_mute_card_is_no_cause() -> None:
    assert causes_of(judge_free, desk(pcsc(held(VITALE), mute()), clients())) == ()


def test_a_held_vitale_alone_is_in_use() -> None:
    facts = desk(pcsc(held(VITALE), empty()), clients())
    assert causes_of(judge_free, facts) == ("reader.in-use",)


def test_a_cps_that_macos_keeps_is_held_by_no_program() -> None:
    cards = dataclasses.replace(mac(), tokens=("fr.asip.esante.CPSToken",))
    assert causes_of(judge_free, desk(pcsc(held(CPS3)), cards)) == ()
    assert causes_of(judge_free, desk(pcsc(held(VITALE)), cards)) == ("reader.in-use",)
    assert causes_of(judge_free, desk(pcsc(held(CPS3)), mac())) == ("reader.in-use",)


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


EVERY = (PRESENT, FREE, CONTACT, STEADY, POWERED, SYSTEM_DRIVER)


@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.id)
def test_without_an_answer_of_the_service_nothing_is_known(check: Check) -> None:
    missing = dict.fromkeys(check.uses, failed())
    with pytest.raises(MissingFact):
        list(check.judge(bag(missing=missing)))


@quick
@given(facts=bags(Pcsc, PcscClients, UsbReaders, Galss, MacCards, Machine, Losses))
def test_no_fact_makes_them_raise(facts: dict[type, Any]) -> None:
    known = {**facts, Catalogue: KNOWN}
    for check in EVERY:
        given_facts = Facts({kind: known[kind] for kind in check.uses})
        try:
            found = causes_of(check.judge, given_facts)
        except (MissingFact, NotApplicable):
            continue
        assert set(found) <= set(check.causes)


@quick
@given(found=st.lists(slots, min_size=1, max_size=6).map(tuple))
def test_the_judged_slot_is_one_of_those_there_are(found: tuple[Slot, ...]) -> None:
    assert best(found) in found
    assert all(isinstance(said, Evidence) for said in seen(found))
