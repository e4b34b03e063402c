"""Tables of TOML and JSON, read strictly: what `from_table` refuses, and how it names the place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.tables import Day, Guid, Sha1, WrongShape, from_table
from tests.strategies import quick


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str
    colour: Colour = Colour.RED


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    date: str
    parts: tuple[Part, ...] = ()
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    day: Day = "2026-11-21"
    sums: tuple[Sha1, ...] = ()
    code: Guid = "{00000000-0000-0000-0000-000000000000}"


def test_a_table_is_read_with_its_defaults() -> None:
    read = from_table(Whole, {"date": "2026", "parts": [{"name": "a"}]}, "file")
    assert read == Whole(date="2026", parts=(Part(name="a"),))


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({}, "file has no date"),
        ([], "file is not a table"),
        ({"date": 1}, "file.date has the wrong type"),
        ({"date": "", "dates": ""}, "file has no dates"),
        ({"date": "", "parts": {}}, "file.parts is not a list"),
        ({"date": "", "parts": [{"name": "a", "nam": 1}]}, r"file.parts\[0\] has no nam"),
        ({"date": "", "parts": [{"name": "a", "colour": "x"}]}, "colour is none of its values"),
        ({"date": "", "most": True}, "file.most has the wrong type"),
        ({"date": "\ud800"}, "file.date has the wrong type"),
        ({"date": "", "parts": [{"name": "a"}] * 1001}, "more than 1000 entries"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(table: Any, complaint: str) -> None:
    with pytest.raises(WrongShape, match=complaint):
        from_table(Whole, table, "file")


def test_a_text_of_a_known_form_is_kept_in_one_case() -> None:
    read = from_table(Written, {"day": "2024-02-29", "sums": ["aB" * 20]}, "file")
    assert read == Written(day="2024-02-29", sums=("AB" * 20,))


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"day": "2026-02-29"}, "file.day: day is out of range"),
        ({"day": "20260221"}, r"file\.day: not of the form \[0-9\]"),
        ({"day": "2026-02-21\n"}, r"file\.day: not of the form"),
        ({"day": 2026}, r"file\.day has the wrong type"),
        ({"sums": ["AB" * 20, "AB" * 19]}, r"file\.sums\[1\]: not of the form"),
        ({"code": "ab"}, r"file\.code: not of the form"),
    ],
)
def test_a_text_of_another_form_is_refused_with_its_place(table: Any, complaint: str) -> None:
    with pytest.raises(WrongShape, match=complaint):
        from_table(Written, table, "file")


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["date", "parts", "name", "most"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@quick
@given(_anything)
def test_anything_is_read_or_refused(table: Any) -> None:
    try:
        read = from_table(Whole, table, "file")
    except WrongShape:
        return
    assert isinstance(read, Whole)
