"""Every model of a scenario is a card, and no bytes that are sent to one break it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagcps.card.atr import CardKind, recognise
from diagcps.card.base import CardSilent
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.build import MODELS, make
from diagcps.model import UsageError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANSWERING = tuple(model for model in MODELS if model != "mute")
KINDS = {
    "cps3": CardKind.CPS3,
    "cps3-contactless": CardKind.CPS_CONTACTLESS,
    "new-cps": CardKind.CPS_UNKNOWN,
    "cps4": CardKind.CPS4,
    "cps4-rc": CardKind.CPS4,
    "cps4-t0": CardKind.CPS4,
    "cps2ter": CardKind.CPS2TER,
    "vitale": CardKind.VITALE,
    "vitale-1": CardKind.VITALE,
    "agent": CardKind.AGENT,
    "bank": CardKind.OTHER,
    "mute": CardKind.OTHER,
}

HEADS = st.tuples(
    st.sampled_from([0x00, 0x01, 0x10, 0x11, 0xA0]),
    st.sampled_from([0xA4, 0xB0, 0xC0, 0xCB, 0x20, 0x24, 0x2C, 0x22, 0x2A, 0x88, 0x84]),
    st.sampled_from([0x00, 0x02, 0x03, 0x04, 0x08, 0x09, 0x3F, 0x41, 0x80, 0x81, 0x90, 0x9E]),
    st.sampled_from([0x00, 0x01, 0x02, 0x04, 0x0C, 0x86, 0x9A, 0xA0, 0xA4, 0xB6, 0xB8, 0xFF]),
).map(bytes)
PLAUSIBLE = st.tuples(HEADS, st.binary(max_size=40)).map(
    lambda parts: parts[0] + (bytes((len(parts[1]),)) + parts[1] if parts[1] else b"")
)
COMMANDS = st.lists(st.one_of(st.binary(max_size=300), PLAUSIBLE), max_size=8)


def card(model: str, **fields: object) -> SimulatedCard:
    return make(Plastic(model=model, **fields), NOW)  # type: ignore[arg-type]


def test_every_model_answers_as_its_kind() -> None:
    assert {model: recognise(card(model).atr) for model in MODELS} == KINDS


def test_an_unknown_model_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="known: cps3, "):
        card("cps5")


@pytest.mark.parametrize("model", ["cps2ter", "vitale", "vitale-1", "agent", "bank"])
def test_a_card_of_another_family_knows_no_instruction(model: str) -> None:
    it = card(model)
    it.power()
    assert it.transmit(bytes.fromhex("00A40400")) == b"\x6d\x00"
    assert it.log == (bytes.fromhex("00A40400"),)


def test_a_mute_card_has_no_answer_to_reset_and_none_to_a_command() -> None:
    it = card("mute")
    assert it.atr == b""
    with pytest.raises(CardSilent):
        it.transmit(bytes.fromhex("00A40400"))


@pytest.mark.parametrize("model", ANSWERING)
@settings(max_examples=60, deadline=None)
@given(commands=COMMANDS)
def test_whatever_is_sent_is_answered_with_a_status_word(model: str, commands: list[bytes]) -> None:
    it = card(model, code_presented=True)
    for command in commands:
        assert 2 <= len(it.transmit(command)) <= 258
    assert list(it.log) == commands
