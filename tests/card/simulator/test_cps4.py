"""A simulated CPS4 answers as the official library expects: counters, codes, files, signatures."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.atr import CardKind, recognise
from diagcps.card.cps import open_card
from diagcps.card.iso7816 import exchange, find
from diagcps.card.simulator import files, pki
from diagcps.card.simulator.base import Plastic
from diagcps.card.simulator.command import Command
from diagcps.card.simulator.cps4 import Cps4
from diagcps.model import UsageError
from tests.strategies import quick

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MODELS = ["cps4", "cps4-rc", "cps4-t0"]
EVERY_MODEL = pytest.mark.parametrize("model", MODELS)

APPLET = "01A4040C088025000001FF0100"
PIN_STATE, PUK_STATE = "01200001", "01200002"
PRESENT_PIN = "0120000104" + files.PIN.hex()
PRESENT_PUK = "0120000208" + files.PUK.hex()
WRONG_PIN, WRONG_PUK = "012000010430303030", "01200002083030303030303030"
NEW_PIN = "012401010434333231"
RESET_TRIES = "012C0381"
PREPARE_DECIPHER = "012241B803830120"


def made(model: str = "cps4", **of: Any) -> Cps4:
    """A card."""
    return Cps4(Plastic(model=model, **of), NOW)


def opened(model: str = "cps4", **of: Any) -> Cps4:
    """A card whose applet is selected."""
    card = made(model, **of)
    assert send(card, APPLET) == "9000"
    return card


def send(card: Cps4, *commands: str) -> str:
    """The last answer, in hexadecimal."""
    answer = b""
    for command in commands:
        answer = card.transmit(bytes.fromhex(command))
    return answer.hex().upper()


@EVERY_MODEL
def test_answer_to_reset_is_that_of_a_cps4(model: str) -> None:
    assert recognise(made(model).atr) is CardKind.CPS4


def test_another_model_is_refused() -> None:
    with pytest.raises(UsageError):
        made("cps3")


def test_channel_opens_with_the_selection_of_the_applet() -> None:
    card = made()
    assert send(card, PIN_STATE) == "6881"
    assert send(card, APPLET, PIN_STATE) == "63C3"


def test_reset_closes_the_channel() -> None:
    card = opened()
    card.power()
    assert send(card, PIN_STATE) == "6881"


def test_another_applet_knows_no_code_until_this_one_is_selected_again() -> None:
    card = opened()
    assert send(card, "01A4040C07A0000001510000", PIN_STATE) == "6D00"
    assert send(card, APPLET, PIN_STATE) == "63C3"


def test_unknown_applet_leaves_the_selection_alone() -> None:
    card = opened()
    assert send(card, "01A4040C05A000000000") == "6A82"
    assert send(card, PIN_STATE) == "63C3"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("00A4040C088025000001FF0002", "9000"),
        ("00A4040C088025000001FF0100", "6A82"),
        ("00A40800020001", "6A82"),
        ("00200001", "6D00"),
        ("A0A40000023F00", "9404"),
        ("A0B0000010", "6D00"),
        ("02200001", "6E00"),
        ("80CA9F7F00", "6E00"),
        ("01FF0000", "6D00"),
        ("0120", "6700"),
        ("0120000108313233", "6700"),
    ],
)
def test_little_else_is_answered(command: str, status: str) -> None:
    assert send(opened(), command) == status


@pytest.mark.parametrize(("left", "status"), [(3, "63C3"), (2, "63C2"), (1, "63C1"), (0, "6983")])
def test_counters_are_told_without_a_try(left: int, status: str) -> None:
    card = opened(pin_left=left, puk_left=left)
    assert [send(card, PIN_STATE), send(card, PUK_STATE)] == [status, status]
    assert [send(card, PIN_STATE), send(card, PUK_STATE)] == [status, status]


def test_code_that_was_presented_is_told_instead_of_the_counter() -> None:
    card = opened(code_presented=True)
    assert (send(card, PIN_STATE), send(card, PUK_STATE)) == ("9000", "63C3")


def test_reset_forgets_that_the_code_was_presented() -> None:
    card = made(code_presented=True)
    card.power()
    assert send(card, APPLET, PIN_STATE) == "63C3"


def test_wrong_codes_block() -> None:
    card = opened()
    assert [send(card, WRONG_PIN) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert send(card, PRESENT_PIN) == "6983"
    assert send(card, PUK_STATE) == "63C3"


def test_tries_survive_a_reset() -> None:
    card = opened()
    send(card, WRONG_PIN)
    card.power()
    assert send(card, APPLET, PIN_STATE) == "63C2"


@pytest.mark.parametrize("padding", ["", "FFFFFFFF"])
def test_right_code_gives_the_tries_back(padding: str) -> None:
    card = opened(pin_left=1)
    length = 4 + len(padding) // 2
    assert send(card, f"01200001{length:02X}{files.PIN.hex()}{padding}") == "9000"
    card.power()
    assert send(card, APPLET, PIN_STATE) == "63C3"


def test_wrong_code_takes_back_the_right_one() -> None:
    card = opened()
    assert send(card, PRESENT_PIN, PIN_STATE) == "9000"
    assert send(card, WRONG_PIN, PIN_STATE) == "63C2"


def test_code_is_changed_once_it_was_presented() -> None:
    card = opened()
    assert send(card, NEW_PIN) == "6982"
    assert send(card, PRESENT_PIN, NEW_PIN) == "9000"
    card.power()
    assert send(card, APPLET, PRESENT_PIN) == "63C2"
    assert send(card, "012000010434333231") == "9000"


def test_code_of_another_length_is_refused() -> None:
    assert send(opened(), PRESENT_PIN, "0124010103343332") == "6A80"


def test_blocked_code_is_unblocked_by_the_other_one() -> None:
    card = opened(pin_left=0)
    assert send(card, RESET_TRIES) == "6982"
    assert send(card, PRESENT_PUK, RESET_TRIES) == "9000"
    assert send(card, NEW_PIN) == "9000"
    assert send(card, "012000010434333231") == "9000"


def test_wrong_unblocking_code_takes_its_own_tries() -> None:
    card = opened()
    assert send(card, WRONG_PUK) == "63C2"
    assert (send(card, PIN_STATE), send(card, PUK_STATE)) == ("63C3", "63C2")


@pytest.mark.parametrize("command", ["01200003", "0124010304343332 31", "012C0382", "012C0081"])
def test_unknown_code_is_refused(command: str) -> None:
    assert send(opened(code_presented=True), command) == "6A88"


def test_selection_describes_a_file() -> None:
    answer = bytes.fromhex(send(opened(), "01A4080002D00300"))
    assert find(answer[:-2], 0x6F, 0x80) == b"\x00\x0c"
    assert find(answer[:-2], 0x6F, 0x83) == b"\xd0\x03"


def test_selection_without_a_length_brings_no_description() -> None:
    assert send(opened(), "01A4080002D003") == "9000"


def test_selection_describes_a_folder() -> None:
    answer = bytes.fromhex(send(opened(), "01A408000200 0100"))
    assert find(answer[:-2], 0x6F, 0x82) == b"\x38"


def test_only_a_selected_file_is_read() -> None:
    card = opened()
    assert send(card, "01B000000C") == "6986"
    assert send(card, "01A4080C020001", "01B000000C") == "6986"
    assert send(card, "01A4080C02D003", "01B000000C").startswith("5A0A8025000001")


def test_reading_past_the_end_is_refused() -> None:
    assert send(opened(), "01A4080C02D003", "01B0000C01") == "6B00"


def test_short_file_identifiers_are_refused() -> None:
    assert send(opened(), "01A4080C02D003", "01B080000C") == "6A86"


@EVERY_MODEL
def test_card_holds_its_serial_number_and_certificates(model: str) -> None:
    plastic = Plastic(model=model, serial="00004321")
    card = open_card(Cps4(plastic, NOW).transmit, CardKind.CPS4)
    (path,) = card.directory().certificates
    held = {card.certificate(entry) for entry in card.certificates(path)}
    issued = pki.certificates(plastic, NOW)
    assert card.serial() == "00004321"
    assert held == {issued.authentication, issued.signature}


def test_missing_file_is_not_found() -> None:
    assert send(opened(missing=("EF.SN",)), "01A4080C02D003") == "6A82"


def test_corrupt_file_holds_something_else() -> None:
    assert send(opened(corrupt=("EF.SN",)), "01A4080C02D003", "01B0000002") != "5A0A9000"


def public(role: pki.Role) -> RSAPublicKey:
    """The key that verifies."""
    return pki.key(role).public_key()


_SHA1 = SHA1()  # noqa: S303 (cards still sign with it)
ALGORITHMS: list[tuple[int, HashAlgorithm, AsymmetricPadding]] = [
    (0x0A, _SHA1, PKCS1v15()),
    (0x28, SHA256(), PKCS1v15()),
    (0x15, _SHA1, PSS(MGF1(_SHA1), PSS.DIGEST_LENGTH)),
    (0x2C, SHA256(), PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH)),
]


@EVERY_MODEL
@pytest.mark.parametrize(("algorithm", "kind", "padding"), ALGORITHMS)
@pytest.mark.parametrize(("reference", "role"), [(0x81, "signature"), (0xA0, "authentication")])
def test_signature_of_a_hash_verifies(
    model: str,
    algorithm: int,
    kind: HashAlgorithm,
    padding: AsymmetricPadding,
    reference: int,
    role: pki.Role,
) -> None:
    card = opened(model)
    digest = hashlib.new(kind.name, b"message").digest()
    assert send(card, PRESENT_PIN, f"012281B6049102{algorithm:02X}{reference:02X}") == "9000"
    command = b"\x01\x2a\x9e\x9a" + bytes((len(digest),)) + digest
    response = exchange(card.transmit, command if model == "cps4-t0" else command + b"\x00")
    assert response.status == 0x9000
    public(role).verify(response.data, b"message", padding, kind)


@EVERY_MODEL
def test_block_is_signed_by_deciphering_it(model: str) -> None:
    card = opened(model)
    info = bytes.fromhex("3031300D060960864801650304020105000420")
    padded = info + hashlib.sha256(b"message").digest()
    block = b"\x00\x01" + b"\xff" * (253 - len(padded)) + b"\x00" + padded
    assert send(card, PRESENT_PIN, PREPARE_DECIPHER) == "9000"
    assert send(card, "112A8086FF" + block[:255].hex()) == "9000"
    last = b"\x01\x2a\x80\x86\x01" + block[255:]
    response = exchange(card.transmit, last if model == "cps4-t0" else last + b"\x00")
    public("authentication").verify(response.data, b"message", PKCS1v15(), SHA256())


def test_key_works_for_nobody_who_did_not_present_the_code() -> None:
    card = opened()
    assert send(card, PREPARE_DECIPHER, "012A808601FF00") == "6982"
    assert send(card, "012281B60491022881", "012A9E9A20" + "00" * 32 + "00") == "6982"


def test_key_that_was_not_chosen_does_nothing() -> None:
    assert send(opened(code_presented=True), "012A9E9A20" + "00" * 32 + "00") == "6985"


def test_selecting_the_applet_again_forgets_the_key() -> None:
    card = opened(code_presented=True)
    assert send(card, PREPARE_DECIPHER, APPLET, "012A808601FF00") == "6985"


@pytest.mark.parametrize(
    "command", ["012241B803830121", "012281B60491022882", "012281B60491027781", "012241A4"]
)
def test_unknown_key_or_algorithm_is_refused(command: str) -> None:
    assert send(opened(), command) == "6A80"


def test_hash_of_another_length_is_refused() -> None:
    card = opened(code_presented=True)
    assert send(card, "012281B60491022881", "012A9E9A14" + "00" * 20 + "00") == "6A80"


@pytest.mark.parametrize("first", ["00", "FF"])
def test_cryptogram_that_is_no_number_below_the_modulus_is_refused(first: str) -> None:
    size = 0x100 if first == "FF" else 0x10
    card = opened(code_presented=True)
    send(card, PREPARE_DECIPHER)
    whole = first * size
    if size > 0xFF:
        assert send(card, "112A8086FF" + whole[:510]) == "9000"
    last = whole[510:] or whole
    assert send(card, f"012A8086{len(last) // 2:02X}{last}00") == "6A80"


def test_chain_that_is_too_long_is_refused() -> None:
    part = "112A8086FF" + "00" * 255
    assert [send(opened(), *[part] * count) for count in (2, 3)] == ["9000", "6700"]


def test_protocol_t0_keeps_a_response_until_it_is_fetched() -> None:
    card = opened("cps4-t0")
    waiting = send(card, "01A4080002D003")
    assert waiting.startswith("61")
    assert send(card, f"01C00000{waiting[2:]}").startswith("6F")
    assert send(card, "01C0000000") == "6D00"


def test_protocol_t0_asks_for_the_exact_length() -> None:
    card = opened("cps4-t0")
    assert send(card, "01A4080C02D003", "01B0000000") == "6C0C"
    assert send(card, "01B000000C").endswith("9000")


def test_protocol_t0_takes_an_empty_command_with_a_length_of_zero() -> None:
    assert send(opened("cps4-t0"), PIN_STATE + "00") == "63C3"


def test_every_command_is_kept() -> None:
    card = opened()
    send(card, "FF", PIN_STATE)
    assert card.log == (bytes.fromhex(APPLET), b"\xff", bytes.fromhex(PIN_STATE))


_headers = st.tuples(
    st.sampled_from([0x00, 0x01, 0x11, 0xA0]),
    st.sampled_from([0xA4, 0xB0, 0x20, 0x24, 0x2C, 0x22, 0x2A, 0xC0]),
    st.sampled_from([0x00, 0x01, 0x03, 0x04, 0x08, 0x41, 0x80, 0x81, 0x9E]),
    st.sampled_from([0x00, 0x01, 0x02, 0x0C, 0x81, 0x86, 0x9A, 0xB6, 0xB8]),
).map(bytes)
_bodies = st.binary(max_size=40) | st.binary(max_size=40).map(lambda b: bytes((len(b),)) + b)
_commands = st.binary(max_size=300) | st.builds(lambda h, b: h + b, _headers, _bodies)


@quick
@given(model=st.sampled_from(MODELS), commands=st.lists(_commands, max_size=12))
def test_no_bytes_whatsoever_bring_the_card_to_its_knees(model: str, commands: list[bytes]) -> None:
    card = opened(model, code_presented=True)
    for command in commands:
        assert 2 <= len(card.transmit(command)) <= 258


@quick
@given(st.binary(max_size=300))
def test_command_is_parsed_or_is_none(data: bytes) -> None:
    command = Command.parse(data)
    if command is not None:
        assert len(command.data) <= 255
        assert 0 <= command.le <= 256
