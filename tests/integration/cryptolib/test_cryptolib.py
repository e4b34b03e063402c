"""The official library takes a simulated card for a real one, with every trap it is known for."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from diagcps.card.simulator import files, pki
from diagcps.card.simulator.base import Plastic
from diagcps.card.simulator.library import SimulatedLibrary
from tests.integration.bench import until

from . import official
from .conftest import NOW, InsertPlastic
from .official import (
    HOLDER,
    OFFICER,
    OK,
    PIN_INCORRECT,
    RSA_PKCS,
    RSA_PKCS_PSS,
    SHA256_RSA_PKCS,
    SHA256_RSA_PKCS_PSS,
    TOKEN_NOT_RECOGNIZED,
    Cryptolib,
)

pytestmark = pytest.mark.timeout(60)

CPS3 = ("cps3", "cps3-contactless")
CPS4 = ("cps4", "cps4-rc", "cps4-t0")
BOTH = pytest.mark.parametrize("model", ["cps3", "cps4"])
AUTHENTICATION = "Certificat d'Authentification CPS"
SIGNATURE = "Certificat de Signature CPS"
PIN, PUK = files.PIN.decode(), files.PUK.decode()

USUAL = 0x40D
"""CKF_RNG, CKF_LOGIN_REQUIRED, CKF_USER_PIN_INITIALIZED, CKF_TOKEN_INITIALIZED."""
LOW, FINAL, LOCKED = 0x10000, 0x20000, 0x40000
"""CKF_USER_PIN_COUNT_LOW, _FINAL_TRY, _LOCKED; those of the security officer are 16 times that."""
INTERRUPTED = 0xFFFFFFFF80000001
"""The code of a card whose update did not come to its end, CKR_VENDOR_DEFINED with its sign."""
MESSAGE = b"what is signed"
DIGEST = hashlib.sha256(MESSAGE).digest()
DIGEST_INFO = bytes.fromhex("3031300D060960864801650304020105000420") + DIGEST
SIGNING = ("sign", AUTHENTICATION, RSA_PKCS, DIGEST_INFO.hex())


def begin(library: Cryptolib) -> None:
    """Initialises the library, and waits until it sees a card that it knows."""
    library.get("initialize")
    until(lambda: library.get("slots") == 1, "the library knows the card")


def open_session(library: Cryptolib) -> None:
    """Begins, with a session."""
    begin(library)
    library.get("open")


def certificates_in_new_process() -> object:
    """What a program that starts now is shown."""
    with Cryptolib() as library:
        open_session(library)
        return library.get("certificates")


def flags(library: Cryptolib) -> int:
    """The flags of the token."""
    token = library.get("token")
    assert isinstance(token, dict)
    return int(token["flags"])


def on_card(plastic: Plastic) -> dict[str, str]:
    """The certificates that a card holds, as the driver shows them."""
    issued = pki.certificates(plastic, NOW)
    return {SIGNATURE: issued.signature.hex(), AUTHENTICATION: issued.authentication.hex()}


def test_library_is_the_one_that_was_measured(insert: InsertPlastic) -> None:
    assert official.sha256() in official.MEASURED


@pytest.mark.parametrize("model", [*CPS3, *CPS4])
def test_card_of_every_model_is_a_token(
    insert: InsertPlastic, library: Cryptolib, model: str
) -> None:
    insert(Plastic(model=model, serial="00001234"))
    begin(library)
    token = library.get("token")
    assert isinstance(token, dict)
    assert (token["model"], token["serial"]) == ("IAS ECC", "00001234")


@pytest.mark.parametrize("model", ["vitale", "cps2ter", "bank", "new-cps"])
def test_card_with_another_answer_to_reset_is_sent_nothing(
    insert: InsertPlastic, library: Cryptolib, model: str
) -> None:
    card = insert(Plastic(model=model))
    library.get("initialize")
    until(lambda: library.ask("token").code == TOKEN_NOT_RECOGNIZED, "the library refuses it")
    assert library.get("slots") == 0
    assert card.log == ()


@pytest.mark.parametrize("model", ["cps3", *CPS4])
def test_certificates_are_byte_for_byte_those_of_the_card(
    insert: InsertPlastic, library: Cryptolib, model: str
) -> None:
    plastic = Plastic(model=model)
    insert(plastic)
    open_session(library)
    assert library.get("certificates") == on_card(plastic)


SIGNATURES = [
    ("cps3", AUTHENTICATION, RSA_PKCS, DIGEST_INFO),
    ("cps3", SIGNATURE, RSA_PKCS, DIGEST),
    ("cps3", SIGNATURE, SHA256_RSA_PKCS, MESSAGE),
    ("cps4", AUTHENTICATION, RSA_PKCS, DIGEST_INFO),
    ("cps4", AUTHENTICATION, RSA_PKCS_PSS, DIGEST),
    ("cps4", SIGNATURE, RSA_PKCS, DIGEST),
    ("cps4", SIGNATURE, SHA256_RSA_PKCS, MESSAGE),
    ("cps4", SIGNATURE, SHA256_RSA_PKCS_PSS, MESSAGE),
    ("cps4-t0", AUTHENTICATION, RSA_PKCS, DIGEST_INFO),
    ("cps4-t0", SIGNATURE, SHA256_RSA_PKCS, MESSAGE),
]


@pytest.mark.parametrize(("model", "label", "mechanism", "data"), SIGNATURES)
def test_signature_verifies_with_the_certificate(
    insert: InsertPlastic, library: Cryptolib, model: str, label: str, mechanism: int, data: bytes
) -> None:
    plastic = Plastic(model=model)
    insert(plastic)
    open_session(library)
    library.get("login", HOLDER, PIN)
    signature = library.get("sign", label, mechanism, data.hex())
    certificate = x509.load_der_x509_certificate(bytes.fromhex(on_card(plastic)[label]))
    public = certificate.public_key()
    assert isinstance(public, RSAPublicKey)
    is_pss = mechanism in (RSA_PKCS_PSS, SHA256_RSA_PKCS_PSS)
    padding = PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH) if is_pss else PKCS1v15()
    public.verify(bytes.fromhex(str(signature)), MESSAGE, padding, SHA256())


FLAGS = [
    (3, 3, 0),
    (2, 3, LOW),
    (1, 3, LOW | FINAL),
    (0, 3, LOCKED),
    (3, 2, LOW << 4),
    (3, 1, (LOW | FINAL) << 4),
    (3, 0, LOCKED << 4),
    (0, 0, LOCKED | LOCKED << 4),
]


@BOTH
@pytest.mark.parametrize(("pin_left", "puk_left", "shown"), FLAGS)
def test_flags_tell_the_tries_that_are_left(
    insert: InsertPlastic, library: Cryptolib, model: str, pin_left: int, puk_left: int, shown: int
) -> None:
    insert(Plastic(model=model, pin_left=pin_left, puk_left=puk_left))
    begin(library)
    assert flags(library) == USUAL | shown


def test_unblocking_that_was_used_up_looks_like_a_blocked_code(
    insert: InsertPlastic, library: Cryptolib
) -> None:
    insert(Plastic(model="cps3", unblocks_left=0))
    begin(library)
    assert flags(library) == USUAL | LOCKED << 4


@BOTH
def test_wrong_code_takes_a_try_and_the_right_one_gives_it_back(
    insert: InsertPlastic, library: Cryptolib, model: str
) -> None:
    insert(Plastic(model=model))
    open_session(library)
    assert library.ask("login", HOLDER, "0000").code == PIN_INCORRECT
    assert flags(library) == USUAL | LOW
    library.get("login", HOLDER, PIN)
    library.get("logout")
    with Cryptolib() as other:
        begin(other)
        assert not flags(other) & (LOW | FINAL | LOCKED)


@BOTH
def test_changed_code_is_the_one_that_counts(
    insert: InsertPlastic, library: Cryptolib, model: str
) -> None:
    insert(Plastic(model=model))
    open_session(library)
    library.get("login", HOLDER, PIN)
    library.get("set_pin", PIN, "4321")
    library.get("logout")
    assert library.ask("login", HOLDER, PIN).code == PIN_INCORRECT
    library.get("login", HOLDER, "4321")


@BOTH
def test_blocked_code_is_unblocked(insert: InsertPlastic, library: Cryptolib, model: str) -> None:
    insert(Plastic(model=model, pin_left=0))
    open_session(library)
    library.get("login", OFFICER, PUK)
    library.get("init_pin", "4321")
    library.get("logout")
    assert not flags(library) & LOCKED
    library.get("login", HOLDER, "4321")
    library.get(*SIGNING)


def test_unblocking_code_that_was_presented_looks_blocked_on_a_cps4(
    insert: InsertPlastic, library: Cryptolib
) -> None:
    insert(Plastic(model="cps4"))
    open_session(library)
    library.get("login", OFFICER, PUK)
    assert flags(library) & LOCKED << 4


@BOTH
def test_program_that_kept_an_old_code_blocks_the_card_by_signing(
    insert: InsertPlastic, library: Cryptolib, model: str
) -> None:
    insert(Plastic(model=model))
    open_session(library)
    library.get("login", HOLDER, PIN)
    with Cryptolib() as other:
        open_session(other)
        other.get("login", HOLDER, PIN)
        other.get("set_pin", PIN, "4321")
        other.get("logout")
        other.ask("login", HOLDER, "0000")
        assert flags(other) & LOW
        signed = [library.ask(*SIGNING).code for _ in range(2)]
        assert OK not in signed
        assert flags(other) & LOCKED


def test_interrupted_update_of_a_cps3_opens_no_session(
    insert: InsertPlastic, library: Cryptolib
) -> None:
    insert(Plastic(model="cps3", update="interrupted"))
    begin(library)
    assert library.ask("open").code == INTERRUPTED
    assert flags(library) == USUAL


def test_interrupted_update_of_a_cps4_goes_unnoticed(
    insert: InsertPlastic, library: Cryptolib
) -> None:
    insert(Plastic(model="cps4", update="interrupted"))
    begin(library)
    assert library.ask("open").code == OK


@pytest.mark.parametrize(("model", "has_pss"), [("cps3", False), ("cps4", True)])
def test_only_a_cps4_signs_with_pss(
    insert: InsertPlastic, library: Cryptolib, model: str, has_pss: bool
) -> None:
    insert(Plastic(model=model))
    begin(library)
    mechanisms = library.get("mechanisms")
    assert isinstance(mechanisms, list)
    assert (RSA_PKCS_PSS in mechanisms, RSA_PKCS in mechanisms) == (has_pss, True)


OLD = Plastic(model="", valid_from_days=-1000, valid_to_days=10)
RENEWED = Plastic(model="", valid_from_days=-1, valid_to_days=1000)
"""The same card, by its serial number."""


@pytest.mark.parametrize(
    ("model", "days", "is_stale"), [("cps3", 0, True), ("cps3", 1, False), ("cps4", 1, True)]
)
def test_renewed_certificates_stay_unseen_unless_a_cps3_says_that_it_was_updated(
    insert: InsertPlastic, model: str, days: int, is_stale: bool
) -> None:
    insert(replace(OLD, model=model))
    before = certificates_in_new_process()
    insert(replace(RENEWED, model=model), NOW + timedelta(days=days))
    assert (certificates_in_new_process() == before) is is_stale


SHOWN = [
    Plastic(model="cps3"),
    Plastic(model="cps4"),
    Plastic(model="cps3", serial="00004321", pin_left=1, puk_left=2, unblocks_left=0),
    Plastic(model="cps4", serial="00004321", pin_left=0, puk_left=1),
]


@pytest.mark.parametrize("plastic", SHOWN, ids=lambda p: f"{p.model}-{p.pin_left}")
async def test_simulated_library_shows_what_the_official_one_does(
    insert: InsertPlastic, library: Cryptolib, plastic: Plastic
) -> None:
    insert(plastic)
    open_session(library)
    token = library.get("token")
    certificates = library.get("certificates")
    mechanisms = library.get("mechanisms")
    assert isinstance(token, dict)
    assert isinstance(certificates, dict)
    assert isinstance(mechanisms, list)
    (slot,) = (await SimulatedLibrary((plastic,), NOW).read()).slots
    simulated = slot.token
    assert simulated is not None
    assert (simulated.model, simulated.serial.value) == (token["model"], token["serial"])
    assert simulated.flags == token["flags"]
    assert {each.value for each in simulated.certificates} == {
        hashlib.sha256(bytes.fromhex(value)).hexdigest() for value in certificates.values()
    }
    assert set(simulated.mechanisms) == {RSA_PKCS, RSA_PKCS_PSS} & set(mechanisms)
