"""A list of revoked certificates says what another reader of such lists finds in it, or nothing."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from diagcps.net.revocation_list import ListRead, UnusableList, look_up
from tests.strategies import quick

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(days=7)
SERIALS = st.integers(1, (1 << 159) - 1)


@cache
def key(_: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def name(text: str = "AC") -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def builder(*serials: int, until: datetime | None = UNTIL) -> x509.CertificateRevocationListBuilder:
    made = x509.CertificateRevocationListBuilder().issuer_name(name()).last_update(NOW)
    made = made.next_update(until or UNTIL)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
        if serial % 2:
            entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), False)
        made = made.add_revoked_certificate(entry.build())
    return made


def signed(made: x509.CertificateRevocationListBuilder, kind: type = hashes.SHA256) -> bytes:
    return made.sign(key("authority"), kind()).public_bytes(Encoding.DER)


def read(
    data: bytes, serial: int, issuer: x509.Name | None = None, by: str = "authority"
) -> ListRead:
    return look_up(io.BytesIO(data), serial, issuer or name(), [key(by).public_key()])


@quick
@given(st.lists(SERIALS, max_size=5, unique=True), SERIALS)
def test_it_finds_what_another_reader_finds(serials: list[int], other: int) -> None:
    data = signed(builder(*serials))
    known = x509.load_der_x509_crl(data)
    for serial in (*serials, other):
        theirs = known.get_revoked_certificate_by_serial_number(serial)
        ours = read(data, serial)
        assert ours.revoked == (theirs is not None)
        assert ours.since == (theirs.revocation_date_utc if theirs else None)
        assert (ours.this_update, ours.next_update) == (NOW, UNTIL)


@pytest.mark.parametrize("kind", [hashes.SHA256, hashes.SHA384, hashes.SHA512])
def test_every_usual_hash_is_known(kind: type) -> None:
    assert read(signed(builder(5), kind), 5).revoked


@pytest.mark.parametrize(
    "until", [datetime(2049, 12, 31, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)]
)
def test_both_ways_to_write_a_time_are_known(until: datetime) -> None:
    assert read(signed(builder(until=until)), 5).next_update == until


def test_a_byte_that_was_changed_anywhere_makes_the_list_unusable() -> None:
    data = signed(builder(4, 5, 6))
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(UnusableList):
            read(bytes(changed), 5)


def test_a_list_that_is_cut_short_anywhere_or_goes_on_says_nothing() -> None:
    data = signed(builder(4, 5))
    for place in range(len(data)):
        with pytest.raises(UnusableList):
            read(data[:place], 5)
    with pytest.raises(UnusableList, match="follows"):
        read(data + b"\x00", 5)


@quick
@given(st.binary(max_size=200))
def test_anything_else_says_nothing(data: bytes) -> None:
    for hostile in (data, b"\x30\x82" + data, signed(builder(5))[:40] + data):
        with pytest.raises(UnusableList):
            read(hostile, 5)


def test_a_list_of_another_issuer_or_key_says_nothing() -> None:
    data = signed(builder(5))
    with pytest.raises(UnusableList, match="issuer"):
        read(data, 5, name("Other"))
    with pytest.raises(UnusableList, match="not signed"):
        read(data, 5, by="somebody else")


def scope(*, address: bool = True, persons: bool = False, authorities: bool = False,
          indirect: bool = False) -> x509.IssuingDistributionPoint:  # fmt: skip
    point = [x509.UniformResourceIdentifier("http://example.invalid/a.crl")] if address else None
    return x509.IssuingDistributionPoint(
        full_name=point,
        relative_name=None,
        only_contains_user_certs=persons,
        only_contains_ca_certs=authorities,
        only_some_reasons=None,
        indirect_crl=indirect,
        only_contains_attribute_certs=False,
    )


@pytest.mark.parametrize(
    "usual", [scope(), scope(persons=True), scope(address=False, persons=True)]
)
def test_a_list_that_names_its_address_or_all_persons_is_whole(
    usual: x509.IssuingDistributionPoint,
) -> None:
    assert read(signed(builder(5).add_extension(usual, critical=True)), 5).revoked


@pytest.mark.parametrize(
    "limit",
    [scope(authorities=True), scope(indirect=True), x509.DeltaCRLIndicator(1)],
    ids=["of authorities", "of several issuers", "of changes"],
)
def test_a_list_of_some_certificates_only_says_nothing(limit: x509.ExtensionType) -> None:
    with pytest.raises(UnusableList, match="some certificates"):
        read(signed(builder(5).add_extension(limit, critical=True)), 5)


def test_the_usual_extensions_do_not_matter() -> None:
    own = x509.AuthorityKeyIdentifier.from_issuer_public_key(key("authority").public_key())
    made = builder(5).add_extension(own, False).add_extension(x509.CRLNumber(7), False)
    assert read(signed(made), 5).revoked
    assert not read(signed(made), 6).revoked
