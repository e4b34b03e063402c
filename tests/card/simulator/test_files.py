"""The files of a simulated card have the form of a real one's, and say what its scenario says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from diagcps.card import pkcs15
from diagcps.card.base import CardUnreadable
from diagcps.card.iso7816 import data_objects, find
from diagcps.card.simulator import files, pki
from diagcps.card.simulator.base import Plastic
from diagcps.model import UsageError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ODF, AODF, CDF = (bytes.fromhex(f"0001{name}") for name in ("5031", "7001", "7005"))
AUTHENTICATION, SIGNATURE = bytes.fromhex("0001B002"), bytes.fromhex("0001B001")
PATHS = {
    "EF.SN": files.EF_SERIAL,
    "EF.DIR": files.EF_DIR,
    "ODF": ODF,
    "AODF": AODF,
    "CDF": CDF,
    "authentication": AUTHENTICATION,
    "signature": SIGNATURE,
}


def content(*, contactless: bool = False, **fields: object) -> dict[bytes, bytes]:
    plastic = Plastic(model="cps3", **fields)  # type: ignore[arg-type]
    return files.content(plastic, NOW, contactless=contactless)


def test_the_check_digit_of_the_serial_number_is_a_real_cards() -> None:
    # OpenSC's issue 2275 shows a card whose eight digits end in this check digit.
    assert content(serial="99213845")[files.EF_SERIAL].hex() == "5a0a8025000001992138450f"


def test_directories_are_as_long_as_a_real_cards() -> None:
    # OpenSC's issues 2223 (EF.DIR) and 2224 (AODF, and the first entry of the CDF).
    found = content(contactless=True)
    assert len(found[files.EF_DIR]) == 0x65
    assert len(found[AODF]) == 0xBD
    assert len(next(data_objects(found[CDF])).value) == 0x52


def test_ef_dir_names_both_applications() -> None:
    found = pkcs15.applications(content(contactless=True)[files.EF_DIR])
    assert {each.path.hex(): each.aid.hex()[-4:] for each in found} == {
        "3f000001": "0010",
        "3f000002": "0020",
    }


def test_a_card_without_a_contactless_interface_names_one_application() -> None:
    (only,) = pkcs15.applications(content()[files.EF_DIR])
    assert only.path == bytes.fromhex("3F000001")


def test_what_the_directories_name_is_there() -> None:
    found = content(contactless=True)
    for application in (files.CONTACT, files.CONTACTLESS):
        for entry in data_objects(found[application + b"\x50\x31"]):
            path = find(entry.value, 0x30, 0x04)
            assert path is not None
            assert path[2:] in found


def test_the_codes_are_told_apart() -> None:
    pin, puk = pkcs15.codes(content()[AODF])
    assert (pin.reference, pin.unblocks) == (files.PIN_REFERENCE, False)
    assert (puk.reference, puk.unblocks) == (files.PUK_REFERENCE, True)


def test_the_certificates_are_where_the_directory_says() -> None:
    found = content()
    issued = pki.certificates(Plastic(model="cps3"), NOW)
    entries = pkcs15.certificates(found[CDF])
    assert [each.label for each in entries] == [
        "Certificat de Signature CPS",
        "Certificat d'Authentification CPS",
    ]
    assert [found[files.CONTACT + each.path] for each in entries] == [
        issued.signature,
        issued.authentication,
    ]


def test_the_authentication_key_has_the_reference_that_was_asked_for() -> None:
    plastic = Plastic(model="cps4")
    keys = files.content(plastic, NOW, authentication_key=0x20)[bytes.fromhex("00017002")]
    assert bytes.fromhex("020120") in keys
    assert bytes.fromhex("02020082") not in keys


@pytest.mark.parametrize(("name", "path"), PATHS.items())
def test_a_missing_file_is_not_there(name: str, path: bytes) -> None:
    whole = content()
    assert set(whole) - set(content(missing=(name,))) == {path}


@pytest.mark.parametrize(("name", "path"), PATHS.items())
def test_a_corrupt_file_holds_something_else(name: str, path: bytes) -> None:
    whole, found = content(), content(corrupt=(name,))
    assert {each for each in whole if whole[each] != found[each]} == {path}
    assert len(whole[path]) == len(found[path])


@pytest.mark.parametrize(
    ("name", "read"), [("ODF", pkcs15.directories), ("CDF", pkcs15.certificates)]
)
def test_a_corrupt_directory_names_nothing(name: str, read: object) -> None:
    assert callable(read)
    try:
        found = read(content(corrupt=(name,))[PATHS[name]])
    except CardUnreadable:
        return
    assert found in ((), pkcs15.Directories(authentications=(), certificates=()))


@pytest.mark.parametrize(
    ("update", "ended"), [("complete", True), ("interrupted", False), ("none", None)]
)
def test_only_a_complete_update_has_an_end(update: str, ended: bool | None) -> None:
    file = content(update=update).get(files.EF_UPDATE)
    assert (None if file is None else bool(find(file, 0xEC, 0x82))) is ended
    assert file is None or find(file, 0xEC, 0x81)


@pytest.mark.parametrize(
    "fields",
    [
        {"missing": ("PIN",)},
        {"corrupt": ("",)},
        {"serial": "123"},
        {"serial": "1234567٣"},
        {"update": "half"},
    ],
)
def test_what_there_is_not_is_wrong_usage(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        content(**fields)
