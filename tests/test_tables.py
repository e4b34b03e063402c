"""Tables of TOML and JSON, read strictly: what `from_table` refuses, and how it names the place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.tables import WrongShape, from_table
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
