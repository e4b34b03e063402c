"""Which family of cards an answer to reset stands for (field notes, annex B)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.atr import CardKind, recognise
from tests.strategies import quick

MARK = bytes.fromhex("1225006480")

ANNEX_B = [
    ("3B AC 00 40 2A 00 12 25 00 64 80 00 03 10 00 90 00", CardKind.CPS3),
    ("3B AC 00 40 2A 00 12 25 00 64 80 82 02 12 00 90 00", CardKind.CPS2TER),
    ("3B 9B 18 80 01 00 12 25 00 64 80 04 01 00 00 90 44", CardKind.CPS4),
    ("3B 9B 18 80 01 00 12 25 00 64 80 00 04 01 00 90 44", CardKind.CPS4),
    ("3B DC 18 FF 00 00 12 25 00 64 80 00 04 01 00 90 00", CardKind.CPS4),
    ("3B 8F 80 01 00 31 B8 64 04 B0 EC C1 73 94 01 80 82 90 00 0E", CardKind.CPS_CONTACTLESS),
    *(
        (f"3B 75 13 00 00 {xx} 09 EA 90 00", CardKind.VITALE)
        for xx in ("43", "44", "45", "46", "47", "48", "49", "4B", "4C")
    ),
    ("3B 75 13 00 00 45 09 FA 90 00", CardKind.VITALE),
    *(
        (f"3F 65 25 00 {xx} 09 {yy} 90 00", CardKind.VITALE)
        for xx in ("22", "2C")
        for yy in ("69", "F9")
    ),
    ("3F 65 25 00 52 09 6A 90 00", CardKind.VITALE),
    ("3F 65 25 00 A3 09 6A 90 00", CardKind.VITALE),
    ("3F 65 25 00 A4 09 6A 90 00", CardKind.VITALE),
    ("3B 67 00 00 2D 20 16 01 78 90 00", CardKind.AGENT),
]


@pytest.mark.parametrize(("atr", "kind"), ANNEX_B)
def test_every_listed_answer_has_its_family(atr: str, kind: CardKind) -> None:
    assert recognise(bytes.fromhex(atr)) is kind


@pytest.mark.parametrize(("atr", "kind"), ANNEX_B)
def test_a_listed_answer_with_a_byte_more_or_less_is_of_no_known_generation(
    atr: str, kind: CardKind
) -> None:
    raw = bytes.fromhex(atr)
    expected = CardKind.CPS_UNKNOWN if MARK in raw else CardKind.OTHER
    assert {recognise(raw[:-1]), recognise(raw + b"\0")} == {expected}


@pytest.mark.parametrize(
    "atr",
    [
        "3B 75 13 00 00 42 09 EA 90 00",
        "3B 75 13 00 00 4A 09 EA 90 00",
        "3B 75 13 00 00 43 09 FA 90 00",
        "3F 65 25 00 23 09 69 90 00",
        "3F 65 25 00 A5 09 6A 90 00",
        "3B 65 00 00 20 63 CB 66 00",
        "",
    ],
)
def test_an_answer_beside_a_listed_one_is_foreign(atr: str) -> None:
    assert recognise(bytes.fromhex(atr)) is CardKind.OTHER


@quick
@given(before=st.binary(max_size=14), after=st.binary(max_size=14))
def test_the_mark_of_the_family_anywhere_is_a_cps(before: bytes, after: bytes) -> None:
    assert recognise(before + MARK + after).is_cps


def test_the_mark_across_half_bytes_is_none() -> None:
    assert recognise(bytes.fromhex("F1225006480F")) is CardKind.OTHER


def test_an_unknown_generation_is_an_unknown_cps_and_not_a_foreign_card() -> None:
    assert recognise(bytes.fromhex("3B7B18001225006480050100")) is CardKind.CPS_UNKNOWN


@quick
@given(atr=st.binary(max_size=64))
def test_every_answer_has_a_family(atr: bytes) -> None:
    assert isinstance(recognise(atr), CardKind)


def test_the_family_of_cps_is_five_kinds() -> None:
    assert {kind for kind in CardKind if kind.is_cps} == {
        CardKind.CPS3,
        CardKind.CPS4,
        CardKind.CPS_CONTACTLESS,
        CardKind.CPS2TER,
        CardKind.CPS_UNKNOWN,
    }
