"""An order reaches the process that carries it out as it was confirmed, and codes are wiped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.act import CALLS_WITH_A_CODE, Act, Call, Codes, Course, Order, Stopped
from diagcps.facts import Code
from diagcps.model import Private, PrivateKind
from diagcps.secret import Secret
from tests.strategies import quick


def private(kind: PrivateKind) -> st.SearchStrategy[Private]:
    return st.builds(Private, st.just(kind), st.text(max_size=20))


_counts = st.integers(0, 2**31)
CODES = st.builds(
    Code,
    reference=st.integers(0, 255),
    left=st.none() | _counts,
    most=st.none() | _counts,
    uses_left=st.none() | _counts,
)
ORDERS = st.builds(
    Order,
    act=st.sampled_from(Act),
    library=private(PrivateKind.PATH),
    slot=private(PrivateKind.READER),
    atr=st.binary(max_size=33),
    serial=private(PrivateKind.SERIAL),
    pin=CODES,
    puk=st.none() | CODES,
    certificate=st.none() | private(PrivateKind.CERTIFICATE),
)


def order() -> Order:
    return Order(
        act=Act.UNBLOCK,
        library=Private(PrivateKind.PATH, "/lib/p11.so"),
        slot=Private(PrivateKind.READER, "Reader"),
        atr=b"\x3b\x00",
        serial=Private(PrivateKind.SERIAL, "00000001"),
        pin=Code(reference=1, left=0, most=3),
        puk=Code(reference=2, left=3, most=3, uses_left=25),
        certificate=Private(PrivateKind.CERTIFICATE, "a" * 64),
    )


def codes(given: bytes = b"12345678", new: bytes | None = b"4821") -> Codes:
    return Codes(
        given=Secret(bytearray(given)), new=None if new is None else Secret(bytearray(new))
    )


@given(ORDERS)
@quick
def test_an_order_is_the_same_once_it_was_sent(sent: Order) -> None:
    assert Order.from_message(json.loads(json.dumps(sent.to_message()))) == sent


@pytest.mark.parametrize("field", order().to_message())
def test_an_order_without_one_of_its_parts_is_none(field: str) -> None:
    message = {key: value for key, value in order().to_message().items() if key != field}
    with pytest.raises(LookupError):
        Order.from_message(message)


BROKEN: list[tuple[str, Any]] = [
    ("act", "erase"),
    ("act", None),
    ("atr", "xyz"),
    ("atr", 1),
    ("pin", None),
    ("pin", {"reference": 1}),
    ("pin", {"reference": 1, "left": 3, "most": 3, "uses_left": None, "more": 1}),
    ("puk", [1]),
    ("puk", "2"),
]


@pytest.mark.parametrize(("field", "value"), BROKEN)
def test_a_message_that_is_no_order_is_refused(field: str, value: object) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        Order.from_message({**order().to_message(), field: value})


def test_an_order_holds_no_code() -> None:
    assert not {"given", "new", "code", "codes"} & set(order().to_message())


def test_codes_are_given_in_the_order_in_which_they_are_sent() -> None:
    assert [bytes(each.reveal()) for each in codes()] == [b"12345678", b"4821"]
    assert [bytes(each.reveal()) for each in codes(new=None)] == [b"12345678"]


def test_only_an_act_that_sets_a_code_has_a_new_one() -> None:
    assert codes().set().reveal() == b"4821"
    with pytest.raises(ValueError, match="no new code"):
        codes(new=None).set()


@pytest.mark.parametrize("new", [b"4821", None])
def test_all_codes_are_wiped_at_once(new: bytes | None) -> None:
    held = codes(new=new)
    data = [each.reveal() for each in held]
    held.wipe()
    assert all(not any(each) for each in data)
    assert [len(each) for each in held] == [0] * len(data)


def course(*calls: tuple[str, int | None]) -> Course:
    return Course(calls=tuple(Call(name=name, code=code) for name, code in calls))


def test_the_last_call_of_a_name_is_the_one_that_counts() -> None:
    made = course(("C_Login", 0), ("C_InitPIN", 0), ("C_Login", 0xA0))
    assert made.code_of("C_Login") == 0xA0
    assert made.code_of("C_InitPIN") == 0


def test_a_call_that_was_not_made_or_did_not_return_has_no_code() -> None:
    assert course().code_of("C_Login") is None
    assert course(("C_Login", 0), ("C_Login", None)).code_of("C_Login") is None


def test_a_course_begins_with_nothing_done() -> None:
    assert (Course().stopped, Course().calls, Course().proof, Course().ended) == (
        None, (), None, True,
    )  # fmt: skip
    assert len({each.value for each in Stopped}) == len(Stopped)


def test_the_calls_that_use_a_code_are_those_of_the_standard() -> None:
    assert all(name.startswith("C_") for name in CALLS_WITH_A_CODE)
    assert "C_GetTokenInfo" not in CALLS_WITH_A_CODE
