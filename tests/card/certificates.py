"""Authorities and certificates of cards: the names of IGC-Santé, keys made for the test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from diagcps.card.base import Anchors

COUNTRY, TITLE = NameOID.COUNTRY_NAME, NameOID.TITLE
COMMON_NAME, SURNAME, GIVEN_NAME = NameOID.COMMON_NAME, NameOID.SURNAME, NameOID.GIVEN_NAME
ORGANISATION, UNIT = NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME
CARD_TYPE = x509.ObjectIdentifier("1.2.250.1.71.1.2.2")

BEGINS = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDS = datetime(2028, 1, 2, 3, 4, 5, tzinfo=UTC)

Attributes = tuple[tuple[x509.ObjectIdentifier, str], ...]
IGC: tuple[Attributes, ...] = (
    ((COUNTRY, "FR"),),
    ((ORGANISATION, "ASIP-SANTE"),),
    ((UNIT, "0002 187512751"),),
    ((UNIT, "IGC-SANTE"),),
)
FORT = "AC IGC-SANTE FORT PERSONNES"
HOLDER: Attributes = (
    (COMMON_NAME, "899700367917"),
    (SURNAME, "CARTE"),
    (GIVEN_NAME, "SIMULATION"),
)
PROFESSIONAL: tuple[Attributes, ...] = (((COUNTRY, "FR"),), ((TITLE, "Médecin"),), HOLDER)
"""The subject of a CPS: holder and identifier share one part of the name."""


def name_of(*parts: Attributes) -> x509.Name:
    return x509.Name(
        [
            x509.RelativeDistinguishedName(
                [x509.NameAttribute(oid, text, _validate=False) for oid, text in part]
            )
            for part in parts
        ]
    )


def usage(*, digital_signature: bool = True, content_commitment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def card_type(value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(CARD_TYPE, value)


AUTHENTICATION = (usage(), card_type(b"\x02\x01\x00"))


@dataclass(frozen=True, kw_only=True)
class Authority:
    """An authority that signs itself."""

    parts: tuple[Attributes, ...] = (*IGC, ((COMMON_NAME, FORT),))
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    @property
    def name(self) -> x509.Name:
        return name_of(*self.parts)

    @cached_property
    def certificate(self) -> bytes:
        """Its certificate (DER), made once: a second one would have another signature."""
        return self.sign(self.parts, (), key=self.key)

    def sign(
        self,
        subject: tuple[Attributes, ...] = PROFESSIONAL,
        extensions: tuple[x509.ExtensionType, ...] = AUTHENTICATION,
        *,
        begins: datetime = BEGINS,
        ends: datetime = ENDS,
        key: EllipticCurvePrivateKey | None = None,
    ) -> bytes:
        """A certificate (DER) that it issues."""
        builder = (
            x509.CertificateBuilder()
            .serial_number(0x1120)
            .issuer_name(self.name)
            .subject_name(name_of(*subject))
            .not_valid_before(begins)
            .not_valid_after(ends)
            .public_key((key or self.key).public_key())
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, SHA256()).public_bytes(Encoding.DER)


def fingerprint(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pins(*certificates: bytes, names: tuple[str, ...] = (FORT,)) -> Anchors:
    """Anchors by fingerprint alone."""
    return Anchors(
        fingerprints=frozenset(fingerprint(each) for each in certificates), names=frozenset(names)
    )
