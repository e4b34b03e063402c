"""A simulated card is slow, pulled, silent or unwilling exactly when its scenario says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from diagcps.card.base import CardError, CardRemoved, CardSilent
from diagcps.card.simulator.base import Plastic
from diagcps.card.simulator.build import make
from diagcps.card.simulator.faults import Faulty, has_faults, seconds
from diagcps.card.simulator.others import Other
from diagcps.model import UsageError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COMMAND = bytes.fromhex("00A40400")
UNBLOCKING = bytes.fromhex("00200002083132333435363738")
SETTING = bytes.fromhex("002C02010434383231")
READ_SERIAL = bytes.fromhex("00A4090C043F00D003")
TRIES_OF_UNBLOCKING = bytes.fromhex("00200002")
TRIES = bytes.fromhex("00200001")
DONE = b"\x90\x00"


def plastic(**fields: Any) -> Plastic:
    return Plastic(model="vitale", **fields)


def faulty(**fields: Any) -> tuple[Faulty, list[float]]:
    """The card, and how long it slept each time."""
    slept: list[float] = []
    described = plastic(**fields)
    return Faulty(Other(described), described, sleep=slept.append), slept


def blocked(**fields: Any) -> Faulty:
    """A CPS3 whose code porteur is blocked."""
    card = make(Plastic(model="cps3", pin_left=0, **fields), NOW)
    assert isinstance(card, Faulty)
    return card


def test_a_byte_is_twelve_bits_long_on_the_line() -> None:
    assert seconds(plastic(baud=12), 6) == 6.0
    # 4 MHz / 372: the speed of a card whose answer to reset has no TA1.
    assert seconds(plastic(baud=10753), 100) == pytest.approx(0.1116, abs=1e-4)


def test_latency_passes_once_per_command() -> None:
    assert seconds(plastic(latency_ms=20), 100) == 0.02
    assert seconds(plastic(latency_ms=20, baud=1200), 1) == pytest.approx(0.03)


def test_command_and_response_both_take_the_line() -> None:
    card, slept = faulty(baud=12)
    assert card.transmit(COMMAND) == b"\x6d\x00"
    assert slept == [6.0]


@pytest.mark.parametrize(("fault", "error"), [("leaves_at", CardRemoved), ("mute_at", CardSilent)])
def test_the_nth_command_and_every_later_one_fail(fault: str, error: type[CardError]) -> None:
    card, _ = faulty(**{fault: 3})
    assert [card.transmit(COMMAND) for _ in range(2)] == [b"\x6d\x00"] * 2
    for _ in range(2):
        with pytest.raises(error):
            card.transmit(COMMAND)
    card.power()
    with pytest.raises(error):
        card.transmit(COMMAND)
    assert len(card.log) == 5


def test_it_is_the_card_inside_that_is_powered_and_named() -> None:
    described = Plastic(model="cps3", code_presented=True, latency_ms=1)
    card = make(described, NOW)
    assert isinstance(card, Faulty)
    assert card.atr.hex().startswith("3bac")
    assert card.transmit(bytes.fromhex("00200001")) == b"\x90\x00"
    card.power()
    assert card.transmit(bytes.fromhex("00200001")) == b"\x63\xc3"


def test_a_card_without_faults_is_not_wrapped() -> None:
    assert not has_faults(plastic())
    assert isinstance(make(plastic(counted="20"), NOW), Other)
    counts: list[dict[str, Any]] = [
        {each: 1} for each in ("latency_ms", "baud", "leaves_at", "leaves_after", "mute_at")
    ]
    for fields in (*counts, {"refuses": ("20:6985",)}):
        assert isinstance(make(plastic(**fields), NOW), Faulty)


def test_a_card_that_is_pulled_after_a_command_has_done_it() -> None:
    card = blocked(leaves_after=2)
    assert card.transmit(UNBLOCKING) == DONE
    for _ in range(2):
        with pytest.raises(CardRemoved):
            card.transmit(SETTING)
    card.insert()
    assert card.transmit(TRIES) == b"\x63\xc3"


def test_a_card_that_is_pulled_at_a_command_has_not_done_it() -> None:
    card = blocked(leaves_at=2)
    assert card.transmit(UNBLOCKING) == DONE
    with pytest.raises(CardRemoved):
        card.transmit(SETTING)
    card.insert()
    assert card.transmit(TRIES) == b"\x69\x83"


@pytest.mark.parametrize("fault", ["leaves_at", "leaves_after", "mute_at"])
def test_a_card_that_was_put_back_is_reset_and_stays(fault: str) -> None:
    card = blocked(**{fault: 1})
    with pytest.raises(CardError):
        card.transmit(UNBLOCKING)
    card.insert()
    assert card.transmit(TRIES_OF_UNBLOCKING) == b"\x63\xc3"
    assert [card.transmit(UNBLOCKING) for _ in range(3)] == [DONE] * 3


@pytest.mark.parametrize("fault", ["leaves_at", "leaves_after", "mute_at"])
def test_only_commands_of_the_instruction_that_do_something_are_counted(fault: str) -> None:
    card = blocked(counted="20", **{fault: 2})
    for command in (READ_SERIAL, TRIES, TRIES_OF_UNBLOCKING, UNBLOCKING, TRIES):
        card.transmit(command)
    with pytest.raises(CardError):
        card.transmit(UNBLOCKING)
    with pytest.raises(CardError):
        card.transmit(TRIES)


def test_a_refused_instruction_is_answered_and_not_done() -> None:
    card = blocked(refuses=("2C:6985", "24:6a80"))
    assert card.transmit(UNBLOCKING) == DONE
    assert card.transmit(SETTING) == b"\x69\x85"
    assert card.transmit(bytes.fromhex("002C0301")) == b"\x69\x85"
    assert card.transmit(bytes.fromhex("00240001083132333434383231")) == b"\x6a\x80"
    assert card.transmit(TRIES) == b"\x69\x83"


def test_reading_is_never_refused() -> None:
    card = blocked(refuses=("20:6985",))
    assert card.transmit(UNBLOCKING) == b"\x69\x85"
    assert card.transmit(TRIES) == b"\x69\x83"
    assert card.transmit(READ_SERIAL) == DONE
    assert card.transmit(TRIES_OF_UNBLOCKING) == b"\x63\xc3"


def test_what_a_card_refuses_it_refuses_after_it_was_put_back() -> None:
    card = blocked(refuses=("20:6985",), leaves_at=1)
    with pytest.raises(CardRemoved):
        card.transmit(UNBLOCKING)
    card.insert()
    assert card.transmit(UNBLOCKING) == b"\x69\x85"


@pytest.mark.parametrize(
    "text", ["", "2C", "2C:", ":6985", "2C:698", "2C6985", "2C:69855", "ZZ:6985"]
)
def test_a_refusal_of_an_unknown_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        blocked(refuses=(text,))


@pytest.mark.parametrize("text", ["2", "020", "2Z", "20:1"])
def test_an_instruction_of_an_unknown_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        blocked(counted=text, mute_at=1)
