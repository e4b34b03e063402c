"""Whose authority has made a server's certificate."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.base import Anchors
from diagcps.catalogue_parts import Interceptor
from diagcps.net.chain import PublicRoots, judge
from diagcps.network import Authority, ServerCertificate
from tests.net.loopback import HOST, NOBODY
from tests.network import authorities as made
from tests.network.authorities import Authorities
from tests.strategies import quick

NOW = datetime.now(UTC).replace(microsecond=0)
KEY = ec.generate_private_key(ec.SECP256R1())
ZSCALER = Interceptor(name="Zscaler", issuers=("zscaler",), source="a test")


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def server(
    authority: made.Authority,
    *,
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=30),
) -> bytes:
    return der(authority.sign([HOST], KEY, begins=NOW + begins, ends=NOW + ends))


def server_with_a_place(authority: made.Authority) -> bytes:
    """As a public authority makes it: it says where more is known of the issuer."""
    place = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS,
        x509.UniformResourceIdentifier("http://ca.example/ca.cer"),
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]))
        .issuer_name(authority.name)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
        .add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    )
    return der(builder.sign(authority.key, SHA256()))


def judged(
    authorities: Authorities,
    *chain: bytes,
    anchors: Anchors = NOBODY,
    interceptors: Sequence[Interceptor] = (ZSCALER,),
    **changes: Any,
) -> ServerCertificate:
    found = judge(
        chain,
        roots=PublicRoots(authorities.public_roots),
        anchors=anchors,
        interceptors=interceptors,
        **{"trusted": True, "error": None, **changes},
    )
    assert found is not None
    return found


def pins(*authorities: made.Authority, with_certificates: bool = False) -> Anchors:
    data = tuple(der(each.certificate) for each in authorities)
    names = frozenset(
        str(each.name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value) for each in authorities
    )
    return Anchors(
        fingerprints=frozenset(map(Anchors.fingerprint, data)),
        names=names,
        certificates=data if with_certificates else (),
    )


def test_a_public_chain_leads_to_its_root_in_whatever_order(authorities: Authorities) -> None:
    own, issuing = server(authorities.public_issuing), der(authorities.public_issuing.certificate)
    root, stray = der(authorities.public.certificate), der(authorities.igc.certificate)
    for chain in ((own, issuing), (own, root, issuing), (own, stray, issuing, root)):
        told = judged(authorities, *chain)
        assert told.authority is Authority.PUBLIC
        assert told.issuer.value == "Lab Public Root R1"
        assert told.top == hashlib.sha256(authorities.public.name.public_bytes()).hexdigest()
        assert told.interceptor == ""


@pytest.mark.parametrize(
    ("begins", "ends"),
    [(timedelta(days=-90), timedelta(days=-1)), (timedelta(days=2), timedelta(days=60))],
)
def test_whose_authority_it_is_does_not_hang_on_the_date(
    authorities: Authorities, begins: timedelta, ends: timedelta
) -> None:
    own = server(authorities.public_issuing, begins=begins, ends=ends)
    told = judged(authorities, own, der(authorities.public_issuing.certificate))
    assert told.authority is Authority.PUBLIC
    assert (told.not_before, told.not_after) == (NOW + begins, NOW + ends)


def test_a_name_alone_makes_nothing_public(authorities: Authorities) -> None:
    forged = made.Authority("Lab Public Root R1", beside=((NameOID.ORGANIZATION_NAME, "Lab"),))
    told = judged(authorities, server(forged), der(forged.certificate))
    assert told.authority is Authority.OTHER
    assert told.top == hashlib.sha256(forged.name.public_bytes()).hexdigest()


def test_a_public_certificate_of_a_server_is_no_authority(authorities: Authorities) -> None:
    """Anybody can have one, and sign with its key."""
    middle = made.Authority("middle")
    stolen = authorities.public_issuing.sign(
        [HOST], middle.key, begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=1)
    )
    middle.name = stolen.subject
    told = judged(
        authorities, server(middle), der(stolen), der(authorities.public_issuing.certificate)
    )
    assert told.authority is not Authority.PUBLIC


def test_an_appliance_is_known_by_the_name_of_its_issuer(authorities: Authorities) -> None:
    root = made.Authority("Zscaler Root CA")
    below = root.under("Zscaler Intermediate")
    for chain in ((server(below), der(below.certificate)), (server(root),)):
        told = judged(authorities, *chain)
        assert (told.authority, told.interceptor) == (Authority.OTHER, "Zscaler")
        assert told.issuer.value == "Zscaler Root CA"


def test_two_servers_of_one_hand_have_the_same_top(authorities: Authorities) -> None:
    root = made.Authority("Hospital CA")
    below = root.under("Hospital Proxy")
    whole = judged(authorities, server(below), der(below.certificate), der(root.certificate))
    short = judged(authorities, server(below), der(below.certificate))
    other = judged(authorities, server(made.Authority("Another")))
    assert whole.top == short.top != other.top
    assert {each.authority for each in (whole, short, other)} == {Authority.OTHER}


def test_a_server_that_left_out_its_authority_is_not_taken_for_somebody_on_the_way(
    authorities: Authorities,
) -> None:
    own = server_with_a_place(authorities.public_issuing)
    assert judged(authorities, own).authority is Authority.UNKNOWN
    whole = judged(authorities, own, der(authorities.public_issuing.certificate))
    assert whole.authority is Authority.PUBLIC


def test_a_known_product_is_one_even_where_its_chain_cannot_be_followed(
    authorities: Authorities,
) -> None:
    told = judged(authorities, server_with_a_place(made.Authority("ZScaler something")))
    assert (told.authority, told.interceptor) == (Authority.OTHER, "Zscaler")


def test_a_public_authority_is_no_product_whatever_its_name(authorities: Authorities) -> None:
    product = Interceptor(name="Lab", issuers=("lab",), source="a test")
    told = judged(
        authorities,
        server(authorities.public_issuing),
        der(authorities.public_issuing.certificate),
        interceptors=(product,),
    )
    assert (told.authority, told.interceptor) == (Authority.PUBLIC, "")


@pytest.mark.parametrize("is_given", [False, True])
def test_a_pinned_authority_is_known_by_its_fingerprint(
    authorities: Authorities, is_given: bool
) -> None:
    sent = [] if is_given else [der(authorities.igc_servers.certificate)]
    anchors = pins(authorities.igc, authorities.igc_servers, with_certificates=is_given)
    told = judged(
        authorities, server(authorities.igc_servers), *sent, anchors=anchors, trusted=False
    )
    assert (told.authority, told.trusted) == (Authority.IGC_SANTE, False)


def test_a_pinned_name_without_its_certificate_is_unknown(authorities: Authorities) -> None:
    told = judged(
        authorities, server(authorities.igc_servers), anchors=pins(authorities.igc_servers)
    )
    assert told.authority is Authority.UNKNOWN


def test_a_pinned_name_on_another_authority_is_another(authorities: Authorities) -> None:
    forged = made.Authority("AC IGC-SANTE ELEMENTAIRE ORGANISATIONS", beside=made.IGC)
    told = judged(
        authorities,
        server(forged),
        der(forged.certificate),
        anchors=pins(authorities.igc_servers),
    )
    assert told.authority is Authority.OTHER


def test_what_is_no_certificate_is_not_judged(authorities: Authorities) -> None:
    for chain in ((), (b"",), (b"\x30\x00",)):
        assert (
            judge(
                chain,
                roots=PublicRoots(authorities.public_roots),
                anchors=NOBODY,
                interceptors=(),
                trusted=None,
                error=None,
            )
            is None
        )


def test_rubbish_beside_the_certificate_changes_nothing(authorities: Authorities) -> None:
    own, issuing = server(authorities.public_issuing), der(authorities.public_issuing.certificate)
    told = judged(authorities, own, b"", b"\x30\x03\x02\x01\x01", own, issuing, issuing)
    assert told.authority is Authority.PUBLIC


def test_an_authority_that_signed_itself_in_a_circle_ends(authorities: Authorities) -> None:
    first = made.Authority("first")
    second = made.Authority("second", parent=first)
    first.parent = second
    first.certificate = first._made()
    told = judged(authorities, server(first), der(first.certificate), der(second.certificate))
    assert told.authority is Authority.OTHER


def test_the_name_of_an_issuer_is_private_short_and_printable(authorities: Authorities) -> None:
    attributes = [(NameOID.ORGANIZATION_NAME, f"a\x1b[31m{n}" + "x" * 50) for n in range(9)]
    root = made.Authority("<script>\x1b[31m" + "y" * 40, beside=attributes)
    told = judged(authorities, server(root), der(root.certificate))
    assert "\x1b" not in told.issuer.value and len(told.issuer.value) <= 200
    assert "script" not in repr(told)


def test_the_fault_is_that_of_the_workstation(authorities: Authorities) -> None:
    error = ssl.SSLCertVerificationError("x")
    error.verify_code = 62
    told = judged(authorities, server(authorities.public_issuing), trusted=False, error=error)
    assert (told.trusted, told.fault) == (False, "wrong-name")


@quick
@given(place=st.integers(0, 700), byte=st.integers(0, 255), extra=st.lists(st.binary(max_size=80)))
def test_a_chain_with_a_byte_changed_is_judged_or_not(
    authorities: Authorities, place: int, byte: int, extra: list[bytes]
) -> None:
    data = bytearray(server(authorities.public_issuing))
    data[place % len(data)] = byte
    found = judge(
        (bytes(data), der(authorities.public_issuing.certificate), *extra),
        roots=PublicRoots(authorities.public_roots),
        anchors=NOBODY,
        interceptors=(ZSCALER,),
        trusted=None,
        error=None,
    )
    assert found is None or found.authority in Authority


@quick
@given(st.lists(st.binary(max_size=200), max_size=4))
def test_any_bytes_are_a_chain_or_none(authorities: Authorities, chain: list[bytes]) -> None:
    judge(
        chain,
        roots=PublicRoots(authorities.public_roots),
        anchors=NOBODY,
        interceptors=(),
        trusted=None,
        error=None,
    )


def test_the_roots_are_certifi_s_unless_others_are_given(tmp_path: Path) -> None:
    assert len(PublicRoots()()) > 50
    broken = tmp_path / "roots.pem"
    broken.write_bytes(b"-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    assert list(PublicRoots(broken)()) == []
    assert list(PublicRoots(tmp_path / "absent.pem")()) == []
