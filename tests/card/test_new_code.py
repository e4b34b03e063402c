"""A code is refused before any card sees it exactly when its form costs a try, or a regret."""

from __future__ import annotations

import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.new_code import (
    ADVISED_AGAINST,
    Flaw,
    Limits,
    flaws_of_new,
    flaws_of_present,
    flaws_of_unblocking,
)
from diagcps.secret import Secret
from tests.strategies import quick

ALL = tuple(f"{number:04}" for number in range(10_000))
"""Every code of four digits."""
ANY = st.binary(max_size=12) | st.text("0123456789", max_size=12).map(str.encode)


def secret(code: str | bytes) -> Secret:
    return Secret(bytearray(code.encode() if isinstance(code, str) else code))


def of_new(
    code: str | bytes, again: str | bytes | None = None, limits: Limits | None = None,
    *, long_accepted: bool = False,
) -> tuple[Flaw, ...]:  # fmt: skip
    """The flaws of a new code that was typed twice."""
    second = code if again is None else again
    given = limits or Limits()
    return flaws_of_new(secret(code), secret(second), given, long_accepted=long_accepted)


def is_run(code: str) -> bool:
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(code)}
    return steps in ({1}, {9})


def is_repetition(code: str) -> bool:
    return any(code[:size] * (len(code) // size) == code for size in range(1, len(code) // 2 + 1))


def is_day(code: str) -> bool:
    def exists(day: int, month: int) -> bool:
        try:
            datetime.date(2024, month, day)
        except ValueError:
            return False
        return True

    one, other = int(code[:2]), int(code[2:])
    return exists(one, other) or exists(other, one)


FLAWS = [
    ("", None, Flaw.EMPTY),
    ("12a4", None, Flaw.NOT_DIGITS),
    ("12 4", None, Flaw.NOT_DIGITS),
    ("\N{ARABIC-INDIC DIGIT ONE}234", None, Flaw.NOT_DIGITS),
    ("482", None, Flaw.TOO_SHORT),
    ("482173951", None, Flaw.TOO_LONG),
    ("48217", None, Flaw.LONGER_THAN_USUAL),
    ("3456", None, Flaw.RUN),
    ("2109", None, Flaw.RUN),
    ("7777", None, Flaw.REPETITION),
    ("4848", None, Flaw.REPETITION),
    ("4821", "4812", Flaw.DIFFERENT),
    ("1974", None, Flaw.YEAR),
    ("2031", None, Flaw.YEAR),
    ("3112", None, Flaw.DAY),
    ("1231", None, Flaw.DAY),
    ("2902", None, Flaw.DAY),
]


@pytest.mark.parametrize(("code", "again", "flaw"), FLAWS)
def test_a_new_code_has_one_flaw(code: str, again: str | None, flaw: Flaw) -> None:
    assert of_new(code, again) == (flaw,)


def test_every_flaw_can_occur() -> None:
    found = {flaw for _, _, flaw in FLAWS} | set(flaws_of_unblocking(secret("1234567")))
    assert found == set(Flaw)


@pytest.mark.parametrize("code", ["4821", "9173", "0258", "3172"])
def test_a_good_code_has_no_flaw(code: str) -> None:
    assert of_new(code) == ()


@pytest.mark.parametrize("typed_twice", [True, False])
def test_no_run_and_no_repetition_of_four_digits_passes(typed_twice: bool) -> None:
    for code in filter(lambda each: is_run(each) or is_repetition(each), ALL):
        assert {Flaw.RUN, Flaw.REPETITION} & set(of_new(code, code if typed_twice else "4821"))


def test_a_year_or_a_day_is_advised_against_and_nothing_else_is() -> None:
    weak = {code for code in ALL if is_run(code) or is_repetition(code)}
    unwise = {code for code in ALL if code[:2] in ("19", "20") or is_day(code)} - weak
    assert {code for code in ALL if of_new(code) and set(of_new(code)) <= ADVISED_AGAINST} == unwise
    assert {code for code in ALL if set(of_new(code)) - ADVISED_AGAINST} == weak
    assert len(ALL) - len(weak) - len(unwise) > 8_000


@given(ANY, ANY, st.builds(Limits.of_token, st.integers(0, 12), st.integers(0, 12)))
@quick
def test_any_bytes_are_judged_and_none_passes_that_is_no_code(
    code: bytes, again: bytes, limits: Limits
) -> None:
    found = of_new(code, again, limits)
    if not set(found) - ADVISED_AGAINST:
        assert code == again
        assert code.isdigit()
        assert limits.shortest <= len(code) <= limits.longest
        assert len(code) == 4
    assert len(found) == len(set(found))


@given(ANY)
@quick
def test_a_present_code_and_one_that_unblocks_have_but_their_form(code: bytes) -> None:
    is_present = code.isdigit() and 4 <= len(code) <= 8
    assert (flaws_of_present(secret(code)) == ()) is is_present
    unblocks = code.isdigit() and len(code) == 8
    assert (flaws_of_unblocking(secret(code)) == ()) is unblocks


@pytest.mark.parametrize("code", ["1234567", "123456789", "12345678901234567890"])
def test_a_code_that_unblocks_has_eight_digits(code: str) -> None:
    assert flaws_of_unblocking(secret(code)) == (Flaw.NOT_EIGHT,)


def test_a_present_code_may_be_as_weak_as_it_is() -> None:
    for code in ("0000", "1234", "1970", "12345678"):
        assert flaws_of_present(secret(code)) == ()


def test_a_longer_code_passes_once_its_warning_was_read() -> None:
    assert of_new("48217", long_accepted=True) == ()
    assert of_new("45678", long_accepted=True) == (Flaw.RUN,)
    assert of_new("482482", long_accepted=True) == (Flaw.REPETITION,)


def test_a_weak_code_that_is_long_is_told_of_both() -> None:
    assert of_new("45678") == (Flaw.LONGER_THAN_USUAL, Flaw.RUN)


def test_two_codes_that_differ_are_told_after_what_is_wrong_with_the_first() -> None:
    assert of_new("3456", "3457") == (Flaw.RUN, Flaw.DIFFERENT)
    assert of_new("482", "4821") == (Flaw.TOO_SHORT, Flaw.DIFFERENT)
    assert of_new("", "4821") == (Flaw.EMPTY,)


LIMITS = [
    ((None, None), (4, 8)),
    ((4, 4), (4, 4)),
    ((0, 0), (4, 8)),
    ((6, 8), (6, 8)),
    ((1, 64), (4, 8)),
    ((4, 6), (4, 6)),
    ((9, 12), (4, 8)),
    ((8, 4), (4, 8)),
    ((0, 3), (4, 8)),
]


@pytest.mark.parametrize(("token", "limits"), LIMITS)
def test_limits_are_those_of_the_token_within_those_of_the_family(
    token: tuple[int | None, int | None], limits: tuple[int, int]
) -> None:
    made = Limits.of_token(*token)
    assert (made.shortest, made.longest) == limits


def test_a_code_outside_the_limits_of_the_token_is_refused() -> None:
    four = Limits.of_token(4, 4)
    assert of_new("48217", limits=four) == (Flaw.TOO_LONG,)
    assert of_new("4821", limits=Limits.of_token(6, 8)) == (Flaw.TOO_SHORT,)
