"""Data objects that simulated cards write are those that cards' readers read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.iso7816 import DataObject, data_objects
from diagcps.card.simulator.der import flags, number, tlv


@given(st.sampled_from([0x62, 0x7F41, 0xBF8101]), st.binary(max_size=0x200))
def test_what_is_written_is_what_is_read(tag: int, value: bytes) -> None:
    assert list(data_objects(tlv(tag, value))) == [DataObject(tag, value)]


def test_a_long_value_has_a_long_length() -> None:
    assert tlv(0x04, bytes(0x7F))[:2].hex() == "047f"
    assert tlv(0x04, bytes(0x80))[:3].hex() == "048180"
    assert tlv(0x04, bytes(0x100))[:4].hex() == "04820100"


def test_a_number_whose_first_bit_is_set_is_not_negative() -> None:
    assert [number(each).hex() for each in (0, 0x7F, 0x80, 0x800)] == [
        "020100",
        "02017f",
        "02020080",
        "02020800",
    ]


def test_flags_count_from_the_left() -> None:
    assert flags(0).hex() == "03020780"
    assert flags(0, 1).hex() == "030206c0"
    assert flags(9).hex() == "0303060040"
