"""OpenSC takes the simulated CPS3 for a real one: through the real pcscd and the virtual reader."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from diagcps.card.simulator import crypto, files, pki, vpcd
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.build import make

from .bench import Pcscd, until
from .vpcd import reader_name

NOW = datetime.now(UTC)
PLASTIC = Plastic(model="cps3", serial="99213845", update="none")
"""The serial number is the one whose check digit OpenSC's issue 2275 shows."""
APPLICATION = "e828bd080f8025000001ff0010"
SIGNATURE, AUTHENTICATION = f"{APPLICATION}01", f"{APPLICATION}02"


def run(*command: str) -> str:
    """What a tool printed; it ended well."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (package opensc)")
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def card(pcscd: Pcscd) -> Iterator[SimulatedCard]:
    """A CPS3 that is in the first slot, and that the service has seen."""
    if shutil.which("opensc-tool") is None:
        pytest.skip("opensc-tool is not installed (package opensc)")
    pcscd.start()
    it = make(PLASTIC, NOW)
    with vpcd.insert(it):
        until(
            lambda: bool(re.search(r"^0 +Yes", run("opensc-tool", "-l"), re.M)),
            "the service saw the card",
        )
        yield it


def block(dump: str, title: str) -> dict[str, str]:
    """The fields below `title` in a dump of pkcs15-tool."""
    _, found, rest = dump.partition(f"{title}\n")
    assert found, f"{title} is not in the dump"
    fields = (line.strip().partition(":") for line in rest.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in fields}


def test_the_card_is_known_by_its_answer_to_reset_and_its_driver(card: SimulatedCard) -> None:
    assert run("opensc-tool", "-a").strip() == card.atr.hex(":")
    assert run("opensc-tool", "-n").strip() == "IAS-ECC"


def test_its_whole_content_is_listed(card: SimulatedCard) -> None:
    dump = run("pkcs15-tool", "-D")
    token = block(dump, "PKCS#15 Card [CPS3v3-2699213845]:")
    assert token["Manufacturer ID"] == "ASIP SANTE"
    assert token["Serial number"] == "000001992138450f"
    assert token["Flags"] == "Read-only, Login required"

    pin = block(dump, "PIN [Code porteur de la carte CPS]")
    puk = block(dump, "PIN [Code de déblocage de la carte CPS]")
    assert (pin["Reference"], puk["Reference"]) == ("1 (0x01)", "2 (0x02)")
    assert pin["Length"] == "min_len:4, max_len:4, stored_len:8"
    assert "soPin" in puk["Flags"]

    signs = block(dump, "Private RSA Key [CPS_PRIV_SIG]")
    authenticates = block(dump, "Private RSA Key [CPS_PRIV_AUT]")
    assert (signs["Key ref"], signs["Usage"]) == ("129 (0x81)", "[0x200], nonRepudiation")
    assert authenticates["Key ref"] == "130 (0x82)"
    assert authenticates["Usage"] == "[0x06], decrypt, sign"
    assert (signs["ID"], authenticates["ID"]) == (SIGNATURE, AUTHENTICATION)
    assert block(dump, "X.509 Certificate [Certificat de Signature CPS]")["ID"] == SIGNATURE
    name = "X.509 Certificate [Certificat d'Authentification CPS]"
    assert block(dump, name)["ID"] == AUTHENTICATION
    assert block(dump, "Data object 'CPS_ID_CARD'")["applicationName"] == "CPS"


def test_nothing_was_asked_of_it_that_it_does_not_know(card: SimulatedCard) -> None:
    run("pkcs15-tool", "-D")
    replayed = make(PLASTIC, NOW)
    answers = [replayed.transmit(command)[-2:].hex().upper() for command in card.log]
    assert set(answers) <= {"9000", "6282"} | {each for each in answers if each[:2] == "61"}


@pytest.mark.parametrize(
    ("identifier", "role"), [(SIGNATURE, "signature"), (AUTHENTICATION, "authentication")]
)
def test_its_certificates_are_read(card: SimulatedCard, identifier: str, role: str) -> None:
    printed = run("pkcs15-tool", "--read-certificate", identifier)
    expected = getattr(pki.certificates(PLASTIC, NOW), role)
    certificate = x509.load_pem_x509_certificate(printed.encode())
    assert certificate == x509.load_der_x509_certificate(expected)


def test_opensc_lists_its_token_and_its_objects(card: SimulatedCard) -> None:
    slots = run("pkcs11-tool", "-L")
    assert f"Slot 0 (0x0): {reader_name(0)}" in slots
    assert "token manufacturer : ASIP SANTE" in slots
    assert "serial num         : 000001992138450f" in slots
    objects = run("pkcs11-tool", "-O")
    labels = re.findall(r"^Certificate Object.*\n +label: +(.+)$", objects, re.M)
    assert labels == ["Certificat de Signature CPS", "Certificat d'Authentification CPS"]
    assert f"SN=CARTE+GN=SIMULATION+CN={PLASTIC.identifier}" in objects


def test_opensc_presents_the_code_and_signs(card: SimulatedCard, tmp_path: Path) -> None:
    message, signed = tmp_path / "info", tmp_path / "signature"
    digest = bytes(range(32))
    message.write_bytes(crypto.DIGEST_INFO["sha256"] + digest)
    options = ("--login", "--pin", files.PIN.decode(), "--sign", "--mechanism", "RSA-PKCS")
    names = ("--id", AUTHENTICATION, "--input-file", str(message), "--output-file", str(signed))
    run("pkcs11-tool", *options, *names)
    certificate = pki.certificates(PLASTIC, NOW).authentication
    key = x509.load_der_x509_certificate(certificate).public_key()
    assert isinstance(key, RSAPublicKey)
    recovered = key.recover_data_from_signature(signed.read_bytes(), PKCS1v15(), SHA256())
    assert recovered == digest
    # Padded as the card's own directory asks.
    assert bytes.fromhex("0020000108") + files.PIN + b"\xff" * 4 in card.log


def test_a_wrong_code_takes_a_try_that_opensc_sees(card: SimulatedCard) -> None:
    with pytest.raises(AssertionError, match="PIN"):
        run("pkcs15-tool", "--verify-pin", "--pin", "9999")
    assert card.transmit(bytes.fromhex("00200001")) == b"\x63\xc2"
