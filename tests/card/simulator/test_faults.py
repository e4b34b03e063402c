"""A simulated card is slow, pulled or silent exactly when its scenario says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from diagcps.card.base import CardError, CardRemoved, CardSilent
from diagcps.card.simulator.base import Plastic
from diagcps.card.simulator.build import make
from diagcps.card.simulator.faults import Faulty, has_faults, seconds
from diagcps.card.simulator.others import Other

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COMMAND = bytes.fromhex("00A40400")


def plastic(**fields: float) -> Plastic:
    return Plastic(model="vitale", **fields)  # type: ignore[arg-type]


def faulty(**fields: float) -> tuple[Faulty, list[float]]:
    """The card, and how long it slept each time."""
    slept: list[float] = []
    described = plastic(**fields)
    return Faulty(Other(described), described, sleep=slept.append), slept


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
    assert isinstance(make(plastic(), NOW), Other)
    for fields in ({"latency_ms": 1}, {"baud": 9600}, {"leaves_at": 1}, {"mute_at": 1}):
        assert isinstance(make(plastic(**fields), NOW), Faulty)
