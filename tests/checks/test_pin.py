"""What the codes of the card still allow, judged from their counters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.pin import judge_pin, judge_puk
from diagcps.check import MissingFact
from diagcps.facts import CardState
from tests.builders import CPS4, bag, card_state, causes_of, codes, evidence_of, read_card
from tests.strategies import quick


def both(state: CardState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The causes of each of the two checks."""
    facts = bag(*read_card(state))
    return causes_of(judge_pin, facts), causes_of(judge_puk, facts)


@pytest.mark.parametrize(
    ("pin", "puk", "uses", "found"),
    [
        (3, 3, 25, ((), ())),
        (2, 3, 25, (("pin.tries-low",), ())),
        (1, 3, 25, (("pin.last-try",), ())),
        (0, 3, 25, (("pin.blocked",), ())),
        (0, 2, 25, (("pin.blocked",), ("puk.tries-low",))),
        (0, 0, 25, (("puk.blocked",), ())),
        (0, 3, 0, (("puk.blocked",), ())),
        (3, 0, 25, ((), ("puk.unusable",))),
        (1, 3, 0, (("pin.last-try",), ("puk.unusable",))),
        (3, 2, 25, ((), ("puk.tries-low",))),
        (3, 3, 1, ((), ())),
    ],
)
def test_counters_of_a_cps3_have_their_cause(
    pin: int, puk: int, uses: int, found: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    assert both(card_state(**codes(pin, puk, uses=uses))) == found


@pytest.mark.parametrize(
    ("pin", "puk", "found"),
    [
        (3, 3, ((), ())),
        (2, 3, (("pin.tries-low",), ())),
        (0, 1, (("pin.blocked",), ("puk.tries-low",))),
        (0, 0, (("puk.blocked",), ())),
        (None, 0, ((), ("puk.unusable",))),
        (None, None, ((), ())),
        (3, None, ((), ())),
    ],
)
def test_a_cps4_tells_no_maximum_and_may_tell_no_count(
    pin: int | None, puk: int | None, found: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    assert both(card_state(CPS4, **codes(pin, puk, most=None, uses=None))) == found


def test_a_code_that_was_presented_is_said_so() -> None:
    facts = bag(*read_card(card_state(CPS4, **codes(None, 3, most=None, uses=None))))
    assert evidence_of(judge_pin, facts) == {"tries-left": "presented"}


def test_counters_are_evidence_with_the_reference_of_their_code() -> None:
    facts = bag(*read_card(card_state(**codes(2, 1, uses=7))))
    assert evidence_of(judge_pin, facts) == {"tries-left": 2, "tries-most": 3}
    assert evidence_of(judge_puk, facts) == {"tries-left": 1, "tries-most": 3, "uses-left": 7}


def test_a_card_that_describes_no_code_leaves_the_question_open() -> None:
    facts = bag(*read_card(card_state(pin=None, puk=None)))
    with pytest.raises(MissingFact):
        causes_of(judge_pin, facts)
    with pytest.raises(MissingFact):
        causes_of(judge_puk, facts)


@quick
@given(
    pin=st.none() | st.integers(0, 15), puk=st.none() | st.integers(0, 15),
    uses=st.none() | st.integers(0, 255),
)  # fmt: skip
def test_the_card_is_waste_only_when_both_codes_are_dead(
    pin: int | None, puk: int | None, uses: int | None
) -> None:
    found = {cause for each in both(card_state(**codes(pin, puk, uses=uses))) for cause in each}
    is_puk_dead = puk == 0 or uses == 0
    assert ("puk.blocked" in found) == (pin == 0 and is_puk_dead)
    assert ("pin.blocked" in found) == (pin == 0 and not is_puk_dead)
    assert ("puk.unusable" in found) == (pin != 0 and is_puk_dead)
