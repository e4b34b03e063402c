"""Which devices on USB are card readers, and what Windows says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.windows_devices import Device, may_sleep, readers_among
from diagcps.host.windows_registry import Values
from tests.strategies import every, quick

KNOWN = frozenset({("1234", "0001"), ("1234", "0002")})
READER = Device(numbers=("08e6", "3437"), name="Reader", smart_card=True, problem=0)
PORT = Device(numbers=("1234", "0001"), name="USB Serial", ports=True, problem=0)
WHOLE = Device(numbers=("1234", "0001"), name="Composite", several=True, problem=0)


def test_a_reader_is_told_with_what_windows_says_of_it() -> None:
    (found,) = readers_among([replace(READER, problem=28, may_sleep=True)], KNOWN)

    assert (found.vendor_id, found.product_id, found.name) == ("08e6", "3437", "Reader")
    assert (found.problem, found.serial, found.may_sleep) == (28, False, True)


def test_two_readers_of_a_kind_are_two() -> None:
    assert len(readers_among([READER, READER], KNOWN)) == 2


def test_a_known_device_is_told_without_an_interface_for_cards() -> None:
    (found,) = readers_among([PORT], KNOWN)

    assert (found.product_id, found.serial, found.name) == ("0001", True, "USB Serial")


def test_an_unknown_device_is_nobodys_business() -> None:
    assert readers_among([replace(PORT, numbers=("ffff", "0001"))], KNOWN) == ()


def test_the_parts_of_a_known_device_are_one() -> None:
    other = replace(PORT, name="Keys", ports=False, problem=28)

    (found,) = readers_among([WHOLE, other, PORT], KNOWN)

    assert (found.name, found.serial, found.problem) == ("Keys", True, 28)


def test_a_known_device_whose_parts_have_no_entry_is_told_as_a_whole() -> None:
    (found,) = readers_among([replace(WHOLE, problem=10)], KNOWN)

    assert (found.name, found.serial, found.problem) == ("Composite", False, 10)


def test_a_known_reader_that_has_an_interface_for_cards_is_not_serial() -> None:
    card = replace(READER, numbers=PORT.numbers)

    (found,) = readers_among([WHOLE, PORT, card], KNOWN)

    assert (found.name, found.serial) == ("Reader", False)


def test_what_is_not_told_is_not_known() -> None:
    (found,) = readers_among([replace(READER, problem=None)], KNOWN)

    assert (found.problem, found.may_sleep) == (None, None)


@quick
@given(st.lists(every(Device) | st.sampled_from([READER, PORT, WHOLE]), max_size=6))
def test_each_reader_is_told_once_and_each_known_device(devices: list[Device]) -> None:
    devices = [replace(each, numbers=(*each.numbers, "", "")[:2]) for each in devices]
    found = readers_among(devices, KNOWN)

    told = [(each.vendor_id, each.product_id) for each in found]
    assert len(told) >= sum(each.smart_card for each in devices)
    assert {each.numbers for each in devices if each.numbers in KNOWN} <= set(told)
    assert all(not each.serial for each in found[: sum(each.smart_card for each in devices)])


ENHANCED, SELECTIVE = "EnhancedPowerManagementEnabled", "SelectiveSuspendEnabled"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, None),
        ({ENHANCED: 1}, True),
        ({ENHANCED: 0}, False),
        ({ENHANCED: 1, SELECTIVE: 1}, True),
        ({ENHANCED: 1, SELECTIVE: 0}, False),
        ({SELECTIVE: b"\1"}, True),
        ({SELECTIVE: b"\0"}, False),
        ({ENHANCED: 1, SELECTIVE: b"\0"}, False),
        ({ENHANCED: "1"}, None),
        ({ENHANCED: b"\1" * (1 << 20)}, None),
    ],
)
def test_a_device_may_sleep_when_all_that_is_set_allows_it(
    values: dict[str, Any], told: bool | None
) -> None:
    assert may_sleep(Values(found=values)) is told
