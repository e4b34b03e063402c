"""National identifiers: their kind by the first character, their check digit by its rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.identifiers import (
    has_luhn_digit,
    identify,
    is_finess,
    is_rpps,
    is_siren,
    is_siret,
)
from diagcps.facts import IdentifierKind
from tests.strategies import quick

Kind = IdentifierKind


@pytest.mark.parametrize(
    ("common_name", "kind", "valid"),
    [
        ("899700367917", Kind.RPPS, True),
        ("899700367918", Kind.RPPS, False),
        ("89970036791", Kind.RPPS, False),
        ("00B7010446", Kind.ADELI, None),
        ("1991234567/00001", Kind.ADELI_PRACTICE, None),
        ("3010780195/REG0001", Kind.FINESS, True),
        ("3010780196/REG0001", Kind.FINESS, False),
        ("32A0000154/REG0001", Kind.FINESS, True),
        ("4732829320/REG0001", Kind.SIREN, True),
        ("4732829321/REG0001", Kind.SIREN, False),
        ("573282932000074/CPAT0001", Kind.SIRET, True),
        ("573282932000079/CPAT0001", Kind.SIRET, False),
        ("699700367917001/00001", Kind.RPPS_PRACTICE, None),
        ("9123456", Kind.STUDENT, None),
    ],
)
def test_the_first_character_is_the_kind_and_the_number_has_its_digit_or_not(
    common_name: str, kind: IdentifierKind, valid: bool | None
) -> None:
    assert identify(common_name) == (kind, valid)


@pytest.mark.parametrize(
    "common_name",
    [
        "",
        "8",
        "2010780195",
        "7010780195",
        "SIMULATION CARTE",
        "sonde.example",
        "8 99700367917",
        "899700367917/",
        "899700367917\n",
        "8é",
        "٨99700367917",
    ],
)
def test_a_name_of_another_form_is_of_no_known_kind(common_name: str) -> None:
    assert identify(common_name) == (Kind.UNKNOWN, None)


@pytest.mark.parametrize(
    "number",
    ["99700367917", "99700870589", "99700252580", "99700735741", "99700075122"],
)
def test_numbers_of_test_cards_that_are_published_are_valid(number: str) -> None:
    assert is_rpps(number)


@pytest.mark.parametrize(
    "number", ["010000016", "010000156", "010000164", "010780195", "010787190"]
)
def test_numbers_that_the_directory_of_structures_publishes_are_valid(number: str) -> None:
    assert is_finess(number)


@pytest.mark.parametrize("number", ["2A0000154", "2A0000204", "2B0000012"])
def test_numbers_of_structures_in_corsica_are_valid(number: str) -> None:
    assert is_finess(number)


@pytest.mark.parametrize(
    "number", ["2C0000154", "1A0000154", "20000015A", "2A000015", "2A00001540", "2a0000154"]
)
def test_letters_stand_for_corsica_alone(number: str) -> None:
    assert not is_finess(number)


def test_an_office_of_la_poste_obeys_its_own_rule() -> None:
    assert is_siret("35600000000048")
    assert is_siret("35600000009075")
    assert not is_siret("35600000009076")


def test_a_number_whose_first_nine_digits_are_no_siren_is_no_siret() -> None:
    assert has_luhn_digit("73282932100007")
    assert not is_siren("732829321")
    assert not is_siret("73282932100007")


@quick
@given(st.text("0123456789", min_size=1, max_size=20))
def test_one_digit_of_ten_makes_a_number_right(number: str) -> None:
    assert sum(has_luhn_digit(f"{number}{last}") for last in range(10)) == 1


@quick
@given(st.text("0123456789", min_size=11, max_size=11), st.integers(0, 10), st.integers(1, 9))
def test_no_wrong_digit_goes_unnoticed(number: str, place: int, more: int) -> None:
    other = str((int(number[place]) + more) % 10)
    wrong = number[:place] + other + number[place + 1 :]

    assert not (is_rpps(number) and is_rpps(wrong))


@quick
@given(st.text() | st.from_regex(r"[0-9][0-9AB]{7,14}(/[0-9]+)?", fullmatch=True))
def test_any_text_is_judged(text: str) -> None:
    kind, valid = identify(text)

    assert valid is None or kind in (Kind.RPPS, Kind.FINESS, Kind.SIREN, Kind.SIRET)
