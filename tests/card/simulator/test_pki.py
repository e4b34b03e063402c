"""The certificates of simulated cards say what their scenario says, and never who they are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtensionOID, NameOID, ObjectIdentifier

from diagcps.card.simulator import pki
from diagcps.card.simulator.base import Plastic
from diagcps.model import UsageError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CARD_TYPE = ObjectIdentifier("1.2.250.1.71.1.2.2")


def authentication(**fields: object) -> x509.Certificate:
    plastic = Plastic(model="cps3", **fields)  # type: ignore[arg-type]
    return x509.load_der_x509_certificate(pki.certificates(plastic, NOW).authentication)


def anchors() -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_der_x509_certificate(each) for each in pki.anchors())


def value(name: x509.Name, oid: ObjectIdentifier) -> str:
    (attribute,) = name.get_attributes_for_oid(oid)
    return str(attribute.value)


def test_the_same_card_has_the_same_certificates_each_time() -> None:
    plastic = Plastic(model="cps3")
    assert pki.certificates(plastic, NOW) == pki.certificates(plastic, NOW)


def test_certificates_are_as_long_as_those_that_were_measured() -> None:
    issued = pki.certificates(Plastic(model="cps3"), NOW)
    assert abs(len(issued.authentication) - 1713) < 20
    assert abs(len(issued.signature) - 1746) < 20


def test_the_chain_of_production_ends_at_the_anchors() -> None:
    root, intermediate = anchors()
    authentication().verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)


@pytest.mark.parametrize("authority", ["test", "foreign"])
def test_no_anchor_signed_the_certificates_of_another_authority(authority: str) -> None:
    certificate = authentication(authority=authority)
    for anchor in anchors():
        assert certificate.issuer != anchor.subject
        key = anchor.public_key()
        assert isinstance(key, RSAPublicKey)
        with pytest.raises(InvalidSignature):
            key.verify(
                certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), SHA256()
            )


def test_the_names_of_a_test_authority_say_test() -> None:
    issuer = authentication(authority="test").issuer
    assert value(issuer, NameOID.COMMON_NAME).startswith("TEST AC ")
    assert value(issuer, NameOID.ORGANIZATION_NAME) == "TEST"


def test_no_authority_has_the_name_of_a_real_one() -> None:
    issuers = {a: authentication(authority=a).issuer for a in ("production", "test", "foreign")}
    for issuer in (*issuers.values(), *(anchor.subject for anchor in anchors())):
        assert value(issuer, NameOID.ORGANIZATION_NAME) in ("SIMULATION", "TEST")
    for issuer in (issuers["production"], *(anchor.subject for anchor in anchors())):
        assert "SIMULEE" in value(issuer, NameOID.COMMON_NAME)


def test_a_professional_is_named_by_identifier_and_profession() -> None:
    subject = authentication(identifier="899700000012", profession="Pharmacien").subject
    assert value(subject, NameOID.TITLE) == "Pharmacien"
    assert {(a.oid, a.value) for a in subject.rdns[-1]} == {
        (NameOID.COMMON_NAME, "899700000012"),
        (NameOID.SURNAME, "CARTE"),
        (NameOID.GIVEN_NAME, "SIMULATION"),
    }


def test_an_employee_is_named_by_structure() -> None:
    subject = authentication(family="cpe", identifier="3999999999/0000000012").subject
    assert value(subject, NameOID.ORGANIZATIONAL_UNIT_NAME) == "3999999999"
    assert value(subject, NameOID.COMMON_NAME) == "3999999999/0000000012"
    assert not subject.get_attributes_for_oid(NameOID.TITLE)


@pytest.mark.parametrize(("family", "number"), [("cps", 0), ("cpf", 1), ("cpe", 2), ("cpa", 3)])
def test_the_card_type_is_a_der_integer(family: str, number: int) -> None:
    extension = authentication(family=family).extensions.get_extension_for_oid(CARD_TYPE)
    assert extension.value.public_bytes() == bytes((0x02, 0x01, number))


def test_only_the_signature_certificate_commits() -> None:
    issued = pki.certificates(Plastic(model="cps3"), NOW)
    usages = [
        x509.load_der_x509_certificate(each).extensions.get_extension_for_oid(
            ExtensionOID.KEY_USAGE
        )
        for each in (issued.authentication, issued.signature)
    ]
    assert all(each.critical and each.value.digital_signature for each in usages)
    assert [each.value.content_commitment for each in usages] == [False, True]


def test_days_count_from_now() -> None:
    certificate = authentication(valid_from_days=-2, valid_to_days=3)
    assert certificate.not_valid_before_utc == NOW - timedelta(days=2)
    assert certificate.not_valid_after_utc == NOW + timedelta(days=3)


def test_each_certificate_holds_the_key_of_its_role() -> None:
    issued = pki.certificates(Plastic(model="cps3"), NOW)
    keys = {
        role: x509.load_der_x509_certificate(getattr(issued, role)).public_key()
        for role in ("authentication", "signature", "technical")
    }
    assert keys == {
        "authentication": pki.key("authentication").public_key(),
        "signature": pki.key("signature").public_key(),
        "technical": pki.key("technical").public_key(),
    }
    assert all(pki.key(role).key_size == 2048 for role in ("authentication", "signature"))


def test_nothing_is_published_where_the_certificates_say() -> None:
    points = authentication().extensions.get_extension_for_class(x509.CRLDistributionPoints)
    (first, *_) = points.value
    assert first.full_name is not None
    assert ".invalid/" in first.full_name[0].value


@pytest.mark.parametrize("fields", [{"family": "cpx"}, {"authority": "igc-sante"}])
def test_an_unknown_family_or_authority_is_wrong_usage(fields: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="known: "):
        authentication(**fields)


def test_the_keys_say_that_they_protect_nothing() -> None:
    text = pki.anchors_file().with_name("keys.pem").read_text(encoding="ascii")
    assert text.startswith("These private keys protect nothing.")
