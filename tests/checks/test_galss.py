"""What the check of galss.ini says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from checks.galss import CHANNELS, judge_channels
from diagcps.check import Facts, MissingFact, NotApplicable
from diagcps.facts import FileState, Pcsc, SlotState
from diagcps.model import Private, PrivateKind, Reason
from diagcps.workstation import Channel, ChannelKind, Galss
from tests.builders import bag, causes_of, evidence_of, failed, pcsc, slot
from tests.strategies import bags, quick

CPS, VITALE, NFC = "FEI Smart Card CPS 0", "FEI Smart Card CV1 0", "FEI Smart Card NFC 0"
READERS = pcsc(*(slot(SlotState.EMPTY, name=name, model=name) for name in (CPS, VITALE, NFC)))


def through(reader: str | None, *names: str) -> Channel:
    """A channel to a PC/SC reader."""
    named = Private(PrivateKind.READER, reader) if reader is not None else None
    return Channel(number=1, kind=ChannelKind.PCSC, reader=named, names=names)


SERIAL = Channel(number=2, kind=ChannelKind.SERIAL, names=("CPS", "Vitale"))
OTHER = Channel(number=3, kind=ChannelKind.OTHER, names=())


def galss(*channels: Channel, state: FileState = FileState.PRESENT) -> Galss:
    return Galss(state=state, channels=channels, source="galss.ini")


@pytest.mark.parametrize(
    "channels",
    [
        (through(CPS, "CPS"), through(VITALE, "Vitale")),
        (through(CPS.upper(), "CPS"), through("fei  smart card cv1", "Vitale")),
        (through(f"{CPS} of a longer name"),),
        (through(NFC, "CPS"),),
        (through(CPS, "CPS"), SERIAL),
        (through(None, "CPS"),),
        (OTHER,),
        (),
    ],
    ids=["right", "otherwise-written", "longer", "cps-nfc", "both", "unnamed", "other", "none"],
)
def test_a_file_that_fits_the_readers_passes(channels: tuple[Channel, ...]) -> None:
    assert causes_of(judge_channels, bag(galss(*channels), READERS)) == ()


@pytest.mark.parametrize(
    ("channels", "fault"),
    [
        ((SERIAL,), "serial"),
        ((SERIAL, OTHER), "serial"),
        ((through(CPS, "CPS"), through("Ingenico TL TELIUM 1 0", "Vitale")), "absent-reader"),
        ((through(CPS, "CPS"), through(NFC, "Log_SV", "VITALE")), "contactless"),
    ],
)
def test_a_file_that_does_not_fit_is_told_with_its_fault(
    channels: tuple[Channel, ...], fault: str
) -> None:
    facts = bag(galss(*channels), READERS)
    assert causes_of(judge_channels, facts) == ("galss.misconfigured",)
    assert evidence_of_finding(facts) == fault


def evidence_of_finding(facts: Facts) -> Any:
    (found,) = [said for said in judge_channels(facts) if hasattr(said, "cause")]
    return found.evidence[0].value


def test_an_empty_file_is_told_whatever_the_readers() -> None:
    facts = bag(galss(state=FileState.EMPTY), missing={Pcsc: failed()})
    assert causes_of(judge_channels, facts) == ("galss.misconfigured",)
    assert evidence_of_finding(facts) == "empty"


def test_serial_channels_without_a_reader_of_pcsc_are_as_they_should_be() -> None:
    assert causes_of(judge_channels, bag(galss(SERIAL), pcsc())) == ()


@pytest.mark.parametrize("name", ["CLOUD 2700 R", "CLinic", "Nfcx"])
def test_only_a_whole_word_is_an_interface_without_contact(name: str) -> None:
    readers = pcsc(slot(SlotState.EMPTY, name=name, model=name))
    assert causes_of(judge_channels, bag(galss(through(name, "Vitale")), readers)) == ()


def test_without_galss_there_is_nothing_to_ask() -> None:
    with pytest.raises(NotApplicable):
        list(judge_channels(bag(galss(state=FileState.ABSENT), READERS)))


def test_a_file_that_may_not_be_read_is_unknown() -> None:
    with pytest.raises(MissingFact) as raised:
        list(judge_channels(bag(galss(state=FileState.UNREADABLE), READERS)))
    assert raised.value.failure.reason is Reason.DENIED


def test_the_readers_unknown_nothing_is_said_of_the_channels() -> None:
    with pytest.raises(MissingFact):
        list(judge_channels(bag(galss(through(CPS)), missing={Pcsc: failed()})))


def test_what_each_channel_goes_to_is_told_and_a_readers_name_is_private() -> None:
    facts = bag(galss(through(CPS, "CPS")), READERS)
    assert evidence_of(judge_channels, facts)["galss-channel"] == Private(PrivateKind.READER, CPS)
    said = evidence_of(judge_channels, bag(galss(SERIAL), pcsc()))
    assert said["galss-channel"] == "serial"


@quick
@given(facts=bags(*CHANNELS.uses))
def test_no_fact_makes_it_raise(facts: dict[type, Any]) -> None:
    try:
        found = causes_of(judge_channels, Facts(facts))
    except (MissingFact, NotApplicable):
        return
    assert set(found) <= set(CHANNELS.causes)
