"""Readers that go away."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.losses import WITHIN_S, Losses
from tests.strategies import quick


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def after(*looks: Iterable[str]) -> tuple[str, ...]:
    """What is lost after these looks, all at one moment."""
    losses = Losses(Clock())
    for models in looks:
        losses.look(models)
    return losses.recent()


def test_a_reader_that_goes_is_a_loss_each_time() -> None:
    assert after(["A"], [], ["A"], []) == ("A", "A")


def test_a_reader_that_comes_or_stays_is_none() -> None:
    assert after([], ["A"], ["A"], ["A", "B"]) == ()


def test_an_exchange_of_readers_is_no_loss() -> None:
    assert after(["A"], ["B"]) == ()


def test_several_readers_may_go_at_once() -> None:
    assert after(["B", "A"], []) == ("A", "B")


def test_a_loss_is_forgotten_after_a_minute() -> None:
    clock = Clock()
    losses = Losses(clock)
    losses.look(["A"])
    losses.look([])
    clock.now = WITHIN_S
    assert losses.recent() == ("A",)
    clock.now = WITHIN_S + 0.1
    assert losses.recent() == ()


@quick
@given(st.lists(st.frozensets(st.sampled_from("AB")), max_size=200))
def test_no_more_is_remembered_than_what_went(looks: list[frozenset[str]]) -> None:
    lost = after(*looks)
    assert len(lost) <= min(64, sum(len(each) for each in looks))
