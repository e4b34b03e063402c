"""The simulated CPS3 answers as ISO/IEC 7816-4 says and as real cards were seen to answer."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from diagcps.card.iso7816 import Response, exchange, find
from diagcps.card.simulator import crypto, files, pki
from diagcps.card.simulator.base import Plastic
from diagcps.card.simulator.cps3 import Cps3
from diagcps.model import UsageError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
VERIFY_PIN, VERIFY_PUK = "0020000104 31323334", "0020000208 3132333435363738"
WRONG_PIN, WRONG_PUK = "0020000104 39393939", "0020000208 3939393939393939"
MASTER = "00A4090C02 3F00"
PIN_COUNTER = "00CB3FFF0A 4D087006BF8101 02A080"
PUK_COUNTER = "00CB3FFF0A 4D087006BF8102 02A080"
DIGEST = hashlib.sha256(b"message").digest()
INFO = crypto.DIGEST_INFO["sha256"] + DIGEST


def card(model: str = "cps3", **fields: object) -> Cps3:
    return Cps3(Plastic(model=model, **fields), NOW)  # type: ignore[arg-type]


def send(to: Cps3, command: str) -> Response:
    """The response, whatever it takes to fetch it."""
    return exchange(to.transmit, bytes.fromhex(command))


def words(to: Cps3, *commands: str) -> list[str]:
    return [send(to, command).word for command in commands]


def raw(to: Cps3, command: str) -> str:
    """What one command brings by itself."""
    return to.transmit(bytes.fromhex(command)).hex().upper()


def counter(to: Cps3, command: str, reference: int) -> dict[int, int]:
    """Tries at most (9A) and left (9B), and uses left (9D)."""
    send(to, MASTER)
    values = find(send(to, command).data, 0x70, 0xBF8100 | reference, 0xA0) or b""
    found = {tag: find(values, tag) for tag in (0x9A, 0x9B, 0x9D)}
    return {tag: int.from_bytes(value, "big") for tag, value in found.items() if value}


class TestSelect:
    def test_control_parameters_wait_for_get_response(self) -> None:
        it = card()
        assert raw(it, "00A4090404 3F00D003") == "6127"
        assert raw(it, "00C0000027").startswith("62258002000C8201018302D0038801E0A112")
        assert raw(it, "00C0000027") == "6D00"

    def test_another_command_drops_what_waits(self) -> None:
        it = card()
        assert raw(it, "00A4090404 3F00D003") == "6127"
        assert raw(it, MASTER) == "9000"
        assert raw(it, "00C0000027") == "6D00"

    @pytest.mark.parametrize(
        ("command", "word"),
        [
            ("00A4090C02 3F00", "9000"),
            ("00A4090402 3F00", "9000"),
            ("00A4000C02 3F00", "9000"),
            ("00A4090C04 3F002F00", "9000"),
            ("00A4090C02 2F00", "9000"),
            ("00A4020C02 2F00", "9000"),
            ("00A4080C04 00015031", "9000"),
            ("00A4090C04 3F00EEEE", "6A82"),
            ("00A4040C0D E828BD080F8025000001FF0010", "9000"),
            ("00A4040C08 8025000001FF0100", "9000"),
            ("00A4040C08 A000000151000000", "6A82"),
            ("00A4040008 8025000001FF0100", "9000"),
            ("00A404000D E828BD080F8025000001FF0010", "6A86"),
            ("00A4020002 2F00", "6A86"),
            ("00A4070C02 2F00", "6A86"),
            ("00A409FF02 3F00", "6A86"),
        ],
    )
    def test_names_and_parameters(self, command: str, word: str) -> None:
        assert words(card(), command) == [word]

    def test_a_path_begins_at_the_current_folder_or_at_the_master_file(self) -> None:
        it = card()
        inside = "00A4090C04 3F000001"
        assert words(it, inside, "00A4090C02 7001") == ["9000", "9000"]
        assert words(it, inside, "00A4090C02 2F00") == ["9000", "6A82"]
        assert words(it, inside, "00A4030C", "00A4090C02 2F00") == ["9000", "9000", "9000"]

    def test_what_was_not_found_leaves_the_selection(self) -> None:
        it = card()
        assert words(it, "00A4090C04 3F00D003", "00A4090C04 3F00EEEE") == ["9000", "6A82"]
        assert send(it, "00B000000C").word == "9000"


class TestReadBinary:
    def test_the_whole_file_and_its_parts(self) -> None:
        it = card()
        send(it, "00A4090C04 3F00D003")
        whole = send(it, "00B000000C").data
        assert whole.hex() == "5a0a8025000001000000015f"
        assert send(it, "00B0000204").data == whole[2:6]

    def test_more_than_there_is_brings_what_there_is_and_a_warning(self) -> None:
        it = card()
        send(it, "00A4090C04 3F00D003")
        assert raw(it, "00B00008E7") == "0000015F6282"

    def test_no_length_is_corrected_by_the_card(self) -> None:
        it = card()
        send(it, "00A4090C04 3F00D003")
        assert raw(it, "00B0000000") == "6C0C"

    def test_an_offset_past_the_end_is_wrong(self) -> None:
        it = card()
        send(it, "00A4090C04 3F00D003")
        assert raw(it, "00B0000C01") == "6B00"

    def test_nothing_is_read_where_no_file_is_selected(self) -> None:
        it = card()
        assert raw(it, "00B0000001") == "6986"
        send(it, "00A4090C04 3F000001")
        assert raw(it, "00B0000001") == "6986"

    def test_a_short_identifier_selects_and_reads(self) -> None:
        it = card()
        assert raw(it, "00B09C000C").endswith("9000")
        assert raw(it, "00B0000002") == "5A0A9000"
        assert raw(it, "00B0810001") == "6A82"

    def test_a_missing_file_is_not_found_and_a_certificate_is_read_whole(self) -> None:
        it = card(missing=("signature",))
        assert words(it, "00A4090C06 3F000001B001", "00A4090C06 3F000001B002") == ["6A82", "9000"]
        parts = [send(it, f"00B0{offset:04X}E7") for offset in range(0, 2000, 0xE7)]
        certificate = pki.certificates(Plastic(model="cps3"), NOW).authentication
        assert b"".join(part.data for part in parts) == certificate


class TestCodes:
    def test_a_wrong_code_takes_a_try_and_the_third_one_blocks(self) -> None:
        it = card()
        assert words(it, WRONG_PIN, WRONG_PIN, WRONG_PIN, VERIFY_PIN) == [
            "63C2",
            "63C1",
            "63C0",
            "6983",
        ]
        assert counter(it, PIN_COUNTER, 1) == {0x9A: 3, 0x9B: 0}

    def test_the_right_code_gives_the_tries_back(self) -> None:
        it = card(pin_left=1)
        assert words(it, VERIFY_PIN) == ["9000"]
        assert counter(it, PIN_COUNTER, 1) == {0x9A: 3, 0x9B: 3}

    def test_a_code_may_be_padded_as_a_real_cards_directory_asks(self) -> None:
        assert words(card(), "0020000108 31323334FFFFFFFF") == ["9000"]

    def test_letters_are_a_wrong_code_and_a_wrong_length_takes_no_try(self) -> None:
        it = card()
        assert words(it, "0020000104 61626364", "0020000103 313233") == ["63C2", "6700"]
        assert counter(it, PIN_COUNTER, 1)[0x9B] == 2

    def test_an_empty_verify_tells_the_state(self) -> None:
        it = card(pin_left=2)
        assert words(it, "00200001", VERIFY_PIN, "00200001") == ["63C2", "9000", "9000"]
        assert words(card(pin_left=0), "00200001") == ["6983"]
        assert words(it, "00200007") == ["6A88"]

    def test_power_takes_the_presented_code_and_leaves_the_counters(self) -> None:
        it = card()
        words(it, WRONG_PIN, VERIFY_PIN, WRONG_PUK)
        it.power()
        assert words(it, "00200001", "00200002") == ["63C3", "63C2"]

    def test_a_scenario_may_begin_with_a_presented_code(self) -> None:
        it = card(code_presented=True)
        assert words(it, "00200001") == ["9000"]
        it.power()
        assert words(it, "00200001") == ["63C3"]

    def test_counters_belong_to_the_master_file(self) -> None:
        it = card()
        assert words(it, "00A4090C04 3F000001", PIN_COUNTER) == ["9000", "6A88"]
        assert words(it, MASTER, PIN_COUNTER) == ["9000", "9000"]

    def test_only_the_code_that_unblocks_has_uses(self) -> None:
        it = card(puk_left=2, unblocks_left=7)
        assert counter(it, PUK_COUNTER, 2) == {0x9A: 3, 0x9B: 2, 0x9D: 7}
        assert 0x9D not in counter(it, PIN_COUNTER, 1)

    def test_reading_the_counters_is_what_a_real_card_answers(self) -> None:
        # OpenSC's issue 2275.
        assert send(card(), PIN_COUNTER).data.hex().upper() == (
            "7016BF810112A0109A01039B0103A1088C06F3000013FF00"
        )

    @pytest.mark.parametrize(
        "old_and_new", ["08 3132333435363738", "10 31323334FFFFFFFF 35363738FFFFFFFF"]
    )
    def test_the_code_is_changed(self, old_and_new: str) -> None:
        it = card()
        assert words(it, f"00240001{old_and_new}", VERIFY_PIN) == ["9000", "63C2"]
        assert words(it, "0020000104 35363738") == ["9000"]

    def test_changing_with_a_wrong_code_takes_a_try(self) -> None:
        it = card()
        assert words(it, "0024000108 3939393935363738", VERIFY_PIN) == ["63C2", "9000"]

    def test_the_code_that_unblocks_cannot_be_changed(self) -> None:
        assert words(card(), "0024000210 31323334353637383837363534333231") == ["6982"]

    def test_unblocking_needs_the_other_code(self) -> None:
        it = card(pin_left=0)
        assert words(it, "002C020104 35363738") == ["6982"]
        assert words(it, VERIFY_PUK, "002C020104 35363738") == ["9000", "9000"]
        assert words(it, "0020000104 35363738") == ["9000"]

    def test_unblocking_may_leave_the_code(self) -> None:
        it = card(pin_left=0)
        assert words(it, VERIFY_PUK, "002C0301", VERIFY_PIN) == ["9000", "9000", "9000"]

    def test_each_unblocking_takes_a_use_and_the_last_one_ends_it(self) -> None:
        it = card(pin_left=0, unblocks_left=1)
        assert words(it, VERIFY_PUK, "002C020104 31323334") == ["9000", "9000"]
        assert counter(it, PUK_COUNTER, 2)[0x9D] == 0
        assert words(it, VERIFY_PUK) == ["6984"]

    def test_wrong_codes_that_unblock_block_for_good(self) -> None:
        it = card(pin_left=0, puk_left=1)
        assert words(it, WRONG_PUK, VERIFY_PUK, "002C020104 31323334") == ["63C0", "6983", "6982"]


class TestKeys:
    def test_a_hash_is_signed(self) -> None:
        it = card()
        assert words(it, VERIFY_PIN, "002241B606 800142 840181") == ["9000", "9000"]
        signed = send(it, f"002A9E9A20{DIGEST.hex()}")
        key = pki.key("signature").public_key()
        key.verify(signed.data, b"message", PKCS1v15(), SHA256())

    def test_a_digest_info_is_signed_by_the_signature_key(self) -> None:
        it = card()
        words(it, VERIFY_PIN, "002241B606 800102 840181")
        signed = send(it, f"002A9E9A{len(INFO):02X}{INFO.hex()}")
        assert signed.data == crypto.sign(pki.key("signature"), INFO)

    def test_the_card_finishes_a_hash_and_signs_it(self) -> None:
        it = card()
        words(it, VERIFY_PIN, "002241AA03 800140")
        assert words(it, f"002A90A00B 9000 8007 {b'message'.hex()}") == ["9000"]
        assert words(it, "002241B606 800142 840181") == ["9000"]
        assert raw(it, "002A9E9A00") == "6100"
        first, second = raw(it, "00C00000E7"), raw(it, "00C0000019")
        assert (first[-4:], second[-4:]) == ("6119", "9000")
        signature = bytes.fromhex(first[:-4] + second[:-4])
        key = pki.key("signature").public_key()
        key.verify(signature, b"message", PKCS1v15(), SHA256())

    def test_a_client_is_authenticated(self) -> None:
        it = card()
        assert words(it, VERIFY_PIN, "002241A406 840182 800102") == ["9000", "9000"]
        signed = send(it, f"00880000{len(INFO):02X}{INFO.hex()}")
        key = pki.key("authentication").public_key()
        key.verify(signed.data, b"message", PKCS1v15(), SHA256())

    def test_a_cryptogram_comes_in_two_commands(self) -> None:
        it = card()
        words(it, VERIFY_PIN, "002241B806 80011A 840182")
        sent = b"\x81" + pki.key("authentication").public_key().encrypt(b"secret", PKCS1v15())
        assert words(it, f"102A8086C0{sent[:0xC0].hex()}") == ["9000"]
        assert send(it, f"002A808641{sent[0xC0:].hex()}") == Response(b"secret", 0x9000)

    @pytest.mark.parametrize(
        ("prepared", "command"),
        [
            ("002241B606 800142 840181", f"002A9E9A20{DIGEST.hex()}"),
            ("002241A406 800102 840182", f"00880000{len(INFO):02X}{INFO.hex()}"),
            ("002241B806 80011A 840182", "002A808602 8100"),
        ],
    )
    def test_no_key_works_before_the_code_is_presented(self, prepared: str, command: str) -> None:
        assert words(card(), prepared, command) == ["9000", "6982"]

    @pytest.mark.parametrize(
        "command", [f"002A9E9A20{DIGEST.hex()}", "0088000001 00", "002A90A002 9000"]
    )
    def test_nothing_is_computed_in_no_environment(self, command: str) -> None:
        assert words(card(), VERIFY_PIN, command) == ["9000", "6985"]

    @pytest.mark.parametrize(
        ("command", "word"),
        [
            ("002241B606 8001FF 840181", "6A80"),
            ("002241B606 800142 840182", "6A88"),
            ("002241A406 800102 840181", "6A88"),
            ("002241B605 800142 8401", "6A80"),
            ("002281B606 800142 840181", "6A86"),
            ("0022F301", "9000"),
        ],
    )
    def test_an_environment_is_checked(self, command: str, word: str) -> None:
        assert words(card(), command) == [word]

    @pytest.mark.parametrize(
        "data", ["00", "9001 00 8000", "90008041" + "00" * 65, "8000 9000", "9000 8002 00"]
    )
    def test_a_hash_of_an_unknown_form_is_refused(self, data: str) -> None:
        length = len(bytes.fromhex(data))
        it = card()
        assert words(it, "002241AA03 800140", f"002A90A0{length:02X}{data}") == ["9000", "6A80"]


class TestInterfaces:
    def test_the_contact_application_is_not_read_without_contact(self) -> None:
        it = card("cps3-contactless")
        assert it.atr.hex().startswith("3b8f8001")
        assert words(it, "00A4090C06 3F0000017001", "00B0000001") == ["9000", "6982"]
        assert words(it, "00A4090C06 3F0000027005", "00B0000001") == ["9000", "9000"]

    def test_the_technical_key_needs_no_code_and_the_others_do_not_work_without_contact(
        self,
    ) -> None:
        it = card("cps3-contactless")
        authenticate = f"00880000{len(INFO):02X}{INFO.hex()}00"
        assert words(it, "002241A406 800102 840183") == ["9000"]
        signed = send(it, authenticate)
        assert signed.data == crypto.sign(pki.key("technical"), INFO)
        assert words(it, "002241A406 800102 840182", authenticate) == ["9000", "6982"]
        assert words(it, VERIFY_PIN, "0024000108 3132333435363738") == ["6982", "6982"]
        assert words(card(), "002241A406 800102 840183", authenticate) == ["9000", "6982"]

    def test_a_new_card_is_a_cps3_that_no_table_holds(self) -> None:
        it = card("new-cps")
        assert bytes.fromhex("1225006480") in it.atr
        assert it.atr != card().atr
        assert words(it, "00A4090C04 3F002F00") == ["9000"]


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("01A4040C08 8025000001FF0100", "6E00"),
        ("A0A4000002 3F00", "6E00"),
        ("00700000 01", "6D00"),
        ("00", "6700"),
        ("00A4090C05 3F00", "6700"),
        ("0084000008", "9000"),
        ("00840000", "6700"),
        ("00CB3FFF02 5C00", "6A80"),
        ("00CB0000", "6A88"),
        ("00CB3FFF0A 4D087006BF8109 02A080", "6A88"),
        ("002A0000", "6A86"),
    ],
)
def test_commands_that_it_does_not_know_are_refused(command: str, word: str) -> None:
    assert words(card(), command) == [word]


def test_the_object_of_a_key_is_in_its_application() -> None:
    it = card()
    asked = "00CB3FFF0A 4D087006BF9001 02A080"
    assert words(it, asked, "00A4090C04 3F000001", asked) == ["6A88", "9000", "9000"]


def test_every_command_is_kept_in_order() -> None:
    it = card()
    words(it, MASTER, "00200001")
    it.power()
    words(it, "00")
    assert [each.hex().upper() for each in it.log] == ["00A4090C023F00", "00200001", "00"]


def test_another_model_is_wrong_usage() -> None:
    with pytest.raises(UsageError):
        card("vitale")


def test_codes_are_in_one_place() -> None:
    assert (files.PIN, files.PUK) == (b"1234", b"12345678")
