"""Simulated cards compute what other implementations compute."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.simulator import crypto, pki

FIRST = {
    "sha1": "67452301efcdab8998badcfe10325476c3d2e1f0",
    "sha256": "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19",
}
"""The chaining values before the first block (FIPS 180-4, 5.3)."""


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@given(message=st.binary(max_size=200))
def test_a_hash_begun_elsewhere_is_finished(algorithm: crypto.Hash, message: bytes) -> None:
    begun = bytes.fromhex(FIRST[algorithm])
    expected = hashlib.new(algorithm, message).digest()
    assert crypto.finish(algorithm, begun, 0, message) == expected
    assert crypto.finish(algorithm, b"", 0, message) == expected


def test_the_bits_that_were_hashed_already_count() -> None:
    begun = bytes.fromhex(FIRST["sha256"])
    assert crypto.finish("sha256", begun, 512, b"") != crypto.finish("sha256", begun, 0, b"")


def test_a_signature_is_accepted_by_another_implementation() -> None:
    key = pki.key("signature")
    digest = hashlib.sha256(b"message").digest()
    signature = crypto.sign(key, crypto.DIGEST_INFO["sha256"] + digest)
    key.public_key().verify(signature, b"message", PKCS1v15(), SHA256())


def test_a_message_is_deciphered() -> None:
    key = pki.key("authentication")
    cryptogram = key.public_key().encrypt(b"message", PKCS1v15())
    assert crypto.decipher(key, cryptogram) == b"message"


@given(st.binary(max_size=300))
def test_nonsense_deciphers_to_nothing_or_to_bytes(cryptogram: bytes) -> None:
    message = crypto.decipher(pki.key("authentication"), cryptogram)
    assert message is None or len(message) <= 256 - 11
