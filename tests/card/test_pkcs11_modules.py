"""A library that nobody here wrote is read as the Cryptolib is: SoftHSM, which needs no card."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diagcps.card.pkcs11 import READ_LIBRARY, Pkcs11Library
from diagcps.card.process import own_command
from diagcps.facts import LibraryState, LibraryToken
from diagcps.model import Private, PrivateKind

x509 = pytest.importorskip("cryptography.x509", reason="the tests make a certificate")

PIN, PUK = "1234", "12345678"


def installed(name: str, package: str) -> str:
    """The path of a library that the system's packages brought; skips where it is not."""
    if sys.platform == "win32":
        pytest.skip("libraries of a Debian package")
    found = sorted(Path("/usr/lib").glob(f"**/{name}"))
    if not found:
        pytest.skip(f"no {name} (Debian: {package})")
    return str(found[0])


def a_certificate() -> bytes:
    """A certificate in DER, made for this test and forgotten with it."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "SIMULATION CARTE")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    signed = made.sign(key, hashes.SHA256())
    return bytes(signed.public_bytes(serialization.Encoding.DER))


class SoftHsm:
    """A token of SoftHSM in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.path = installed("libsofthsm2.so", "softhsm2")
        missing = [tool for tool in ("softhsm2-util", "pkcs11-tool") if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)} (Debian: softhsm2 opensc)")
        tokens, configuration = folder / "tokens", folder / "softhsm2.conf"
        tokens.mkdir()
        configuration.write_text(f"directories.tokendir = {tokens}\n")
        self._folder = folder
        self.environment = ("env", f"SOFTHSM2_CONF={configuration}")
        codes = ("--pin", PIN, "--so-pin", PUK)
        self._run("softhsm2-util", "--init-token", "--free", "--label", "SIMULATION", *codes)

    def store(self, certificate: bytes) -> None:
        """Puts a certificate into the token, for everybody to see."""
        file = self._folder / "certificate.der"
        file.write_bytes(certificate)
        tool = ("pkcs11-tool", "--module", self.path, "--token-label", "SIMULATION")
        what = ("--type", "cert", "--id", "20", "--write-object", str(file))
        self._run(*tool, "--login", "--pin", PIN, *what)

    async def token(self) -> LibraryToken:
        """The one token that has a name, as our own reading gives it."""
        command = (*self.environment, *own_command(READ_LIBRARY))
        library = await Pkcs11Library((self.path,), command=command).read()
        assert (library.state, library.code) == (LibraryState.READ, 0)
        first, *rest = library.slots
        # SoftHSM always shows one more token, that nobody made ready yet.
        assert len(rest) == 1
        assert first.token is not None
        return first.token

    def _run(self, *command: str) -> None:
        subprocess.run(
            [*self.environment, *command], check=True, capture_output=True, text=True, timeout=30
        )


@pytest.fixture
def softhsm(tmp_path: Path) -> SoftHsm:
    return SoftHsm(tmp_path)


async def test_a_token_without_a_certificate_is_read(softhsm: SoftHsm) -> None:
    token = await softhsm.token()

    assert token.model == "SoftHSM v2"
    assert token.serial.value != ""
    assert token.flags & 0x40C == 0x40C  # LOGIN_REQUIRED, USER_PIN_INITIALIZED, TOKEN_INITIALIZED
    assert (token.certificates, token.code) == ((), 0)
    assert {0x01, 0x0D} <= set(token.mechanisms)  # CKM_RSA_PKCS, CKM_RSA_PKCS_PSS


async def test_its_certificates_are_their_fingerprints(softhsm: SoftHsm) -> None:
    certificate = a_certificate()
    softhsm.store(certificate)

    token = await softhsm.token()

    fingerprint = hashlib.sha256(certificate).hexdigest()
    assert token.certificates == (Private(PrivateKind.CERTIFICATE, fingerprint),)
