"""Commands, responses and data objects: what every card says, and what none should."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.base import CardUnreadable
from diagcps.card.iso7816 import DataObject, Response, data_objects, exchange, find, whole_length
from tests.strategies import quick

READ = bytes.fromhex("00B00000E7")


def card(*answers: str) -> tuple[Callable[[bytes], bytes], list[str]]:
    """A card that gives these answers in turn, and the commands it was sent."""
    sent: list[str] = []
    left = [bytes.fromhex(answer) for answer in answers]

    def transmit(command: bytes) -> bytes:
        sent.append(command.hex().upper())
        return left.pop(0)

    return transmit, sent


def test_a_response_is_its_data_and_its_status_word() -> None:
    transmit, sent = card("01029000")
    assert exchange(transmit, READ) == Response(b"\x01\x02", 0x9000)
    assert sent == ["00B00000E7"]


def test_what_a_card_keeps_back_is_fetched_on_the_channel_of_the_command() -> None:
    transmit, sent = card("6102", "A161 01".replace(" ", ""), "B29000")
    assert exchange(transmit, bytes.fromhex("01CB3FFF00")) == Response(b"\xa1\xb2", 0x9000)
    assert sent == ["01CB3FFF00", "01C0000002", "01C0000001"]


def test_a_wrong_length_is_asked_again_with_the_right_one() -> None:
    transmit, sent = card("6C04", "010203049000")
    assert exchange(transmit, READ).data == b"\1\2\3\4"
    assert sent == ["00B00000E7", "00B0000004"]


def test_a_card_that_insists_on_the_length_it_was_given_is_answered_no_more() -> None:
    transmit, sent = card("6CE7")
    assert exchange(transmit, READ) == Response(b"", 0x6CE7)
    assert len(sent) == 1


@pytest.mark.parametrize("answer", ["", "90"])
def test_an_answer_without_a_status_word_is_unreadable(answer: str) -> None:
    with pytest.raises(CardUnreadable, match="status word"):
        exchange(card(answer)[0], READ)


def test_a_response_without_an_end_is_unreadable() -> None:
    with pytest.raises(CardUnreadable, match="without an end"):
        exchange(lambda _: b"\x00\x61\x01", READ)


def test_data_objects_come_in_order_and_stop_at_the_padding() -> None:
    data = bytes.fromhex("4F0101 5F200202 03 BF810100 00 4F00".replace(" ", ""))
    assert list(data_objects(data)) == [
        DataObject(0x4F, b"\x01"), DataObject(0x5F20, b"\x02\x03"), DataObject(0xBF8101, b"")
    ]  # fmt: skip


def test_an_object_is_found_inside_others() -> None:
    counter = bytes.fromhex("7010BF810103A0019A") + bytes(10)
    assert find(bytes.fromhex("70 08 BF8101 04 A002 9B01".replace(" ", ""))[:0], 0x70) is None
    assert find(bytes.fromhex("7009BF810105A0039B0103"), 0x70, 0xBF8101, 0xA0, 0x9B) == b"\3"
    with pytest.raises(CardUnreadable):
        find(counter, 0x70, 0xBF8101, 0xA0, 0x9A)


@pytest.mark.parametrize(
    ("data", "length"), [("3000", 2), ("308105", 8), ("30820102", 0x106), ("7F497F", 0x82)]
)
def test_the_first_bytes_tell_the_length_of_an_object(data: str, length: int) -> None:
    assert whole_length(bytes.fromhex(data)) == length


@pytest.mark.parametrize("data", ["", "00", "FF", "30", "3080", "3084000000FF", "7F", "7F818181"])
def test_a_beginning_of_no_object_is_unreadable(data: str) -> None:
    with pytest.raises(CardUnreadable):
        whole_length(bytes.fromhex(data))


@quick
@given(st.binary(max_size=64))
def test_any_bytes_are_objects_or_unreadable(data: bytes) -> None:
    try:
        objects = list(data_objects(data))
    except CardUnreadable:
        return
    assert sum(len(each.value) + 2 for each in objects) <= len(data)


@quick
@given(
    st.lists(st.tuples(st.sampled_from([0x30, 0x4F, 0x5F20, 0xBF8101]), st.binary(max_size=300)))
)
def test_objects_that_were_written_are_read_back(objects: list[tuple[int, bytes]]) -> None:
    def written(tag: int, value: bytes) -> bytes:
        size = len(value)
        length = bytes((size,)) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
        return tag.to_bytes((tag.bit_length() + 7) // 8, "big") + length + value

    data = b"".join(written(*each) for each in objects)
    assert [(each.tag, each.value) for each in data_objects(data)] == objects


@quick
@given(st.lists(st.binary(max_size=8), min_size=1, max_size=80))
def test_any_answers_are_a_response_or_unreadable(answers: list[bytes]) -> None:
    left = iter(answers)
    try:
        response = exchange(lambda _: next(left, b"\x90\x00"), READ)
    except CardUnreadable:
        return
    assert 0 <= response.status <= 0xFFFF
