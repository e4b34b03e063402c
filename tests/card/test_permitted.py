"""What a diagnosis may send, and that nothing else reaches a card."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.permitted import Forbidden, is_permitted, permitted
from tests.strategies import quick

ALLOWED = {
    "SELECT by path on a CPS3": "00A4090C043F00D003",
    "SELECT the applet of a CPS4": "01A4040C088025000001FF0100",
    "SELECT by path on a CPS4": "01A4080002D003",
    "READ BINARY": "00B00000E7",
    "READ BINARY on channel 1": "01B07FFF00",
    "GET DATA of the counters": "00CB3FFF0A4D087006BF810102A080",
    "GET RESPONSE": "00C0000015",
    "VERIFY without data": "01200001",
    "VERIFY without data of code 10": "0120000A",
}

REFUSED = {
    "VERIFY with a code": "00200001 04 31323334",
    "VERIFY with a code on channel 1": "01200001 04 31323334",
    "VERIFY without data, P3 there": "0120000100",
    "VERIFY without data on a CPS3": "00200001",
    "CHANGE REFERENCE DATA": "00240001 08 3132333435363738",
    "CHANGE REFERENCE DATA of a CPS4": "01240101 04 31323334",
    "RESET RETRY COUNTER": "002C0201 04 31323334",
    "RESET RETRY COUNTER of a CPS4": "012C0381",
    "SELECT of an application on the basic channel": "00A4040C088025000001FF0002",
    "MSE": "002241A4 06 800102840101",
    "INTERNAL AUTHENTICATE": "00880000 01 00",
    "PERFORM SECURITY OPERATION": "002A9E9A 01 00 00",
    "UPDATE BINARY": "00D60000 01 00",
    "WRITE BINARY": "00D00000 01 00",
    "ERASE BINARY": "000E0000",
    "DELETE FILE": "00E40000",
    "GET DATA of something else": "00CB3FFF 04 5C02DF30",
    "SELECT with data cut short": "00A4090C 04 3F00",
    "SELECT with more than its data": "00A4090C 02 3F00 00200001 04 31323334",
    "READ BINARY by short identifier": "00B08100E7",
    "a proprietary class": "80B00000E7",
    "an older class": "A0A40000 02 3F00",
    "nothing": "",
    "half a header": "00B0",
}


@pytest.mark.parametrize("command", ALLOWED.values(), ids=list(ALLOWED))
def test_what_a_diagnosis_needs_is_permitted(command: str) -> None:
    assert is_permitted(bytes.fromhex(command))


@pytest.mark.parametrize("command", REFUSED.values(), ids=list(REFUSED))
def test_nothing_else_reaches_the_card(command: str) -> None:
    sent: list[bytes] = []

    def transmit(apdu: bytes) -> bytes:
        sent.append(apdu)
        return b"\x90\x00"

    with pytest.raises(Forbidden):
        permitted(transmit)(bytes.fromhex(command))
    assert sent == []


@quick
@given(
    cla=st.sampled_from([0x00, 0x01, 0x80]),
    ins=st.sampled_from([0x20, 0x24, 0x2C, 0x2A, 0x22, 0x88]),
    p1=st.integers(0, 255), p2=st.integers(0, 255), data=st.binary(min_size=1, max_size=20),
)  # fmt: skip
def test_no_instruction_that_takes_a_code_or_signs_is_permitted_with_data(
    cla: int, ins: int, p1: int, p2: int, data: bytes
) -> None:
    assert not is_permitted(bytes((cla, ins, p1, p2, len(data))) + data)
    assert not is_permitted(bytes((cla, ins, p1, p2)) + data)


@quick
@given(st.binary(max_size=40))
def test_of_any_bytes_only_reading_instructions_are_permitted(command: bytes) -> None:
    if is_permitted(command):
        assert command[1] in {0xA4, 0xB0, 0xC0, 0xCB, 0x20}
        assert command[1] != 0x20 or len(command) == 4


def test_the_refusal_does_not_repeat_the_data() -> None:
    with pytest.raises(Forbidden) as refused:
        permitted(lambda _: b"\x90\x00")(bytes.fromhex("0020000104") + b"1234")
    assert "31" not in str(refused.value)
