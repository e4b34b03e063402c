"""The whole diagnosis with the official library: both ways of reading a card, and what differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from diagcps import scenario
from diagcps.card.simulator.base import Plastic
from tests.integration.bench import until
from tests.integration.test_scenarios import causes, check, seen
from tests.test_scenarios import TABLE

from .conftest import InsertPlastic

ALL = (
    *("--only", "reader", "--only", "card", "--only", "pin", "--only", "certificate"),
    *("--only", "middleware"),
)


def diagnosed(insert: InsertPlastic, plastic: Plastic) -> tuple[int, list[str]]:
    """The exit code and the causes for that card."""
    insert(plastic)
    until(lambda: seen(0), "the card was seen")
    code, report = check(*ALL)
    return code, causes(report)


def card_of(name: str) -> Plastic:
    """The first card of a scenario."""
    return next(iter(scenario.load(name).plastics.values()))


@pytest.mark.parametrize(
    ("name", "found"),
    [("healthy-cps3", ["middleware.no-pss"]), ("healthy-cps4", []), ("cps4-t0", [])],
)
def test_a_healthy_card_is_healthy_both_ways(
    insert: InsertPlastic, name: str, found: list[str]
) -> None:
    assert diagnosed(insert, card_of(name)) == (0, found)


@pytest.mark.parametrize(
    "name",
    [
        "pin-blocked", "pin-blocked-cps4", "pin-last-try", "pin-tries-low", "puk-blocked",
        "puk-unusable", "puk-tries-low", "expired", "not-yet-valid", "expires-soon", "test-card",
        "foreign-authority", "update-interrupted", "vitale", "old-cps2ter", "unknown-card",
        "certificate-missing", "certificate-damaged", "card-removed", "new-cps",
    ],
)  # fmt: skip
def test_the_cause_of_a_scenario_is_first_beside_what_the_library_says(
    insert: InsertPlastic, name: str
) -> None:
    code, found = diagnosed(insert, card_of(name))
    assert (found[0], code) == (TABLE[name][0], TABLE[name][2])


@pytest.mark.parametrize("model", ["cps3", "cps4"])
def test_certificates_of_before_that_the_library_kept_are_told(
    insert: InsertPlastic, model: str
) -> None:
    before = Plastic(model=model, update="none")
    assert diagnosed(insert, before)[0] == 0
    renewed = replace(before, valid_from_days=-1, valid_to_days=1095)
    code, found = diagnosed(insert, renewed)
    assert (code, found[0]) == (2, "middleware.cache-corrupt")


def test_a_card_that_says_nothing_is_the_root_of_a_library_that_waits(
    insert: InsertPlastic,
) -> None:
    code, found = diagnosed(insert, Plastic(model="cps3", mute_at=1))
    assert (code, found) == (2, ["card.mute"])
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"_read-library" in _read(p)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
