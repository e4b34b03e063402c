"""A record is what a frozen dataclass with slots would be."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.records import record
from tests.strategies import quick


@record
class Kept:
    """A record with a default, and a field that is not compared."""

    name: str
    count: int = 0
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The same, as the standard library makes it."""

    name: str
    count: int = 0
    note: str = field(default="", compare=False)


@record
class Nothing:
    """A record without a field."""


@record
class OwnWords:
    """A record that says itself how it is shown and compared."""

    value: int

    def __repr__(self) -> str:
        return "hidden"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnWords)

    def __hash__(self) -> int:
        return 1


VALUES = st.fixed_dictionaries(
    {"name": st.text(max_size=2), "count": st.integers(0, 1), "note": st.text(max_size=1)}
)


@quick
@given(VALUES, VALUES)
def test_equality_hash_and_words_are_those_of_a_dataclass(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    ours, theirs = Kept(**one), Compiled(**one)
    assert (ours == Kept(**other)) == (theirs == Compiled(**other))
    assert (hash(ours) == hash(Kept(**other))) == (hash(theirs) == hash(Compiled(**other)))
    assert repr(ours) == repr(theirs).replace("Compiled", "Kept")


def test_another_type_is_never_equal() -> None:
    assert Kept(name="a") != Compiled(name="a")
    assert Nothing() == Nothing()
    assert Nothing() != Kept(name="a")


def test_a_record_takes_named_arguments_only_and_cannot_be_changed() -> None:
    kept = Kept(name="a")
    with pytest.raises(TypeError):
        Kept("a")  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        kept.count = 1  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        kept.other = 1  # type: ignore[attr-defined]


def test_a_record_is_copied_replaced_and_pickled_as_a_dataclass() -> None:
    kept = Kept(name="a", count=2, note="b")
    assert [each.name for each in fields(kept)] == ["name", "count", "note"]
    assert replace(kept, count=3) == Kept(name="a", count=3)
    assert copy.deepcopy(kept) == kept
    assert pickle.loads(pickle.dumps(kept)) == kept  # noqa: S301 (its own bytes)


def test_what_a_record_defines_itself_is_kept() -> None:
    assert repr(OwnWords(value=1)) == "hidden"
    assert OwnWords(value=1) == OwnWords(value=2)
    assert hash(OwnWords(value=2)) == 1
