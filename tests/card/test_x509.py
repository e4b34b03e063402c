"""What a certificate of a card says, and at which authority its chain ends."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from diagcps.card.base import Anchors, CardUnreadable
from diagcps.card.x509 import read_certificate
from diagcps.facts import (
    Certificate,
    Family,
    IdentifierKind,
    Reading,
    Role,
    StoredCertificate,
    Trust,
)
from diagcps.model import PrivateKind
from tests.card.certificates import (
    AUTHENTICATION,
    BEGINS,
    COMMON_NAME,
    COUNTRY,
    ENDS,
    FORT,
    GIVEN_NAME,
    HOLDER,
    IGC,
    ORGANISATION,
    SURNAME,
    TITLE,
    UNIT,
    Attributes,
    Authority,
    card_type,
    fingerprint,
    name_of,
    pins,
    usage,
)
from tests.strategies import quick

thorough = settings(quick, max_examples=300)
NOBODY = Anchors(fingerprints=frozenset(), names=frozenset())
KEY_USAGE = x509.oid.ExtensionOID.KEY_USAGE
ALTERNATIVE_NAME = x509.oid.ExtensionOID.SUBJECT_ALTERNATIVE_NAME


@cache
def authority() -> Authority:
    return Authority()


@cache
def leaf() -> bytes:
    return authority().sign()


@cache
def issuer() -> bytes:
    return authority().certificate


def read(data: bytes, anchors: Anchors = NOBODY, *stored: bytes) -> Certificate:
    kept = [StoredCertificate(data=each, source="the Coffre") for each in stored]
    return read_certificate(data, anchors=anchors, stored=kept)


def with_extensions(*extensions: x509.ExtensionType) -> Certificate:
    return read(authority().sign(extensions=extensions))


def of_subject(*parts: Attributes) -> Certificate:
    return read(authority().sign(parts))


def issued_by(*parts: Attributes) -> Certificate:
    return read(Authority(parts=parts, key=authority().key).sign())


class TestRole:
    @pytest.mark.parametrize(
        ("digital_signature", "content_commitment", "role"),
        [
            (True, False, Role.AUTHENTICATION),
            (True, True, Role.SIGNATURE),
            (False, True, Role.SIGNATURE),
            (False, False, Role.OTHER),
        ],
    )
    def test_the_key_usage_tells_it(
        self, digital_signature: bool, content_commitment: bool, role: Role
    ) -> None:
        found = with_extensions(
            usage(digital_signature=digital_signature, content_commitment=content_commitment)
        )

        assert found.role is role

    def test_without_a_key_usage_it_is_another(self) -> None:
        assert with_extensions().role is Role.OTHER


class TestFamily:
    @pytest.mark.parametrize(
        ("number", "family"),
        [(0, Family.CPS), (1, Family.CPF), (2, Family.CPE), (3, Family.CPA), (4, Family.UNKNOWN)],
    )
    def test_the_card_type_tells_it(self, number: int, family: Family) -> None:
        assert with_extensions(card_type(bytes((2, 1, number)))).family is family

    @pytest.mark.parametrize("value", [b"", b"\x00", b"\x02\x02\x00\x00", b"\x04\x01\x00", b"CPS"])
    def test_anything_but_an_integer_of_three_bytes_tells_none(self, value: bytes) -> None:
        assert with_extensions(card_type(value)).family is Family.UNKNOWN

    def test_without_a_card_type_it_is_unknown(self) -> None:
        assert with_extensions(usage()).family is Family.UNKNOWN


class TestHolder:
    def test_names_come_from_the_part_that_they_share_with_the_identifier(self) -> None:
        found = read(leaf())

        assert (found.holder.kind, found.holder.value) == (PrivateKind.PERSON, "SIMULATION CARTE")
        assert found.identifier.kind is PrivateKind.IDENTIFIER
        assert found.identifier.value == "899700367917"
        assert (found.identifier_kind, found.identifier_valid) == (IdentifierKind.RPPS, True)
        assert found.profession == "Médecin"

    def test_an_employee_is_told_by_structure_and_registration(self) -> None:
        found = of_subject(
            ((COUNTRY, "FR"),),
            ((ORGANISATION, "ETABLISSEMENT SIMULE"),),
            ((UNIT, "3010780195"),),
            ((COMMON_NAME, "3010780195/REG0001"), *HOLDER[1:]),
        )

        assert found.identifier.value == "3010780195/REG0001"
        assert (found.identifier_kind, found.identifier_valid) == (IdentifierKind.FINESS, True)
        assert (found.holder.value, found.profession) == ("SIMULATION CARTE", "")

    @pytest.mark.parametrize(
        ("part", "holder"),
        [
            (((COMMON_NAME, "3010780195/000000018"),), "3010780195/000000018"),
            (((SURNAME, "CARTE"),), "CARTE"),
            (((GIVEN_NAME, "SIMULATION"),), "SIMULATION"),
            (((TITLE, "Médecin"),), ""),
        ],
    )
    def test_what_is_there_of_a_name_is_shown(self, part: Attributes, holder: str) -> None:
        assert of_subject(part).holder.value == holder

    def test_a_subject_without_a_common_name_has_no_identifier(self) -> None:
        found = of_subject(((SURNAME, "CARTE"),))

        assert found.identifier.value == ""
        assert (found.identifier_kind, found.identifier_valid) == (IdentifierKind.UNKNOWN, None)

    def test_no_character_of_a_name_commands_a_terminal(self) -> None:
        found = of_subject(((SURNAME, "CAR\x1b[31mTE\n"), (TITLE, "\x9bMédecin")))

        assert found.holder.value == "CAR [31mTE"
        assert found.profession == "Médecin"

    def test_the_first_common_name_counts(self) -> None:
        found = of_subject(((COMMON_NAME, "899700367917"),), ((COMMON_NAME, "00B7010446"),))

        assert found.identifier.value == "899700367917"


class TestIssuer:
    def test_it_is_named_by_its_common_name(self) -> None:
        assert read(leaf()).issuer == FORT

    @pytest.mark.parametrize(
        "parts",
        [
            (*IGC, ((COMMON_NAME, "TEST AC IGC-SANTE FORT PERSONNES"),)),
            (((UNIT, "0002 187512751"),), ((UNIT, "IGC-SANTE TEST"),), ((COMMON_NAME, FORT),)),
            (((ORGANISATION, "TEST"),), ((COMMON_NAME, FORT),)),
        ],
    )
    def test_the_word_test_in_its_name_makes_a_test_certificate(
        self, parts: tuple[Attributes, ...]
    ) -> None:
        assert issued_by(*parts).test

    @pytest.mark.parametrize(
        "parts",
        [
            (*IGC, ((COMMON_NAME, FORT),)),
            (*IGC, ((COMMON_NAME, "AC ATTESTATION"),)),
            (((ORGANISATION, "TEST ET CIE"),), ((COMMON_NAME, FORT),)),
        ],
    )
    def test_any_other_name_does_not(self, parts: tuple[Attributes, ...]) -> None:
        assert not issued_by(*parts).test

    def test_the_holder_s_organisation_does_not(self) -> None:
        assert not of_subject(((ORGANISATION, "TEST"),), HOLDER).test


class TestDates:
    def test_they_are_aware_and_in_utc(self) -> None:
        found = read(leaf())

        assert (found.not_before, found.not_after) == (BEGINS, ENDS)
        assert {found.not_before.tzinfo, found.not_after.tzinfo} == {UTC}

    def test_those_beyond_2049_are_read_too(self) -> None:
        ends = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

        assert read(authority().sign(ends=ends)).not_after == ends


def test_the_fingerprint_is_that_of_the_whole_certificate() -> None:
    found = read(leaf()).fingerprint

    assert (found.kind, found.value) == (PrivateKind.CERTIFICATE, fingerprint(leaf()))


ROOT = "AC RACINE IGC-SANTE FORT"
AN_AUTHORITY = x509.BasicConstraints(ca=True, path_length=0)


class TestTrust:
    def test_a_pinned_issuer_of_the_workstation_ends_the_chain(self) -> None:
        found = read(leaf(), pins(issuer()), b"\x30damaged", issuer())

        assert (found.trust, found.anchor) == (Trust.TRUSTED, f"{FORT} (the Coffre)")

    def test_a_pinned_issuer_that_came_with_the_anchors_is_taken_first(self) -> None:
        anchors = Anchors(
            fingerprints=frozenset({fingerprint(issuer())}),
            names=frozenset({FORT}),
            certificates=(issuer(),),
        )

        found = read(leaf(), anchors, issuer())

        assert (found.trust, found.anchor) == (Trust.TRUSTED, f"{FORT} (given with the anchors)")

    def test_a_pinned_intermediate_suffices(self) -> None:
        root = Authority(parts=(*IGC, ((COMMON_NAME, "AC RACINE IGC-SANTE FORT"),)))
        intermediate = root.sign(authority().parts, (), key=authority().key)

        assert read(leaf(), pins(intermediate), intermediate).trust is Trust.TRUSTED

    def test_a_new_authority_that_a_pinned_one_signed_is_trusted(self) -> None:
        root = Authority(parts=(*IGC, ((COMMON_NAME, ROOT),)))
        new = root.sign(authority().parts, (AN_AUTHORITY,), key=authority().key)

        found = read(leaf(), pins(root.certificate, names=(ROOT,)), new, root.certificate)

        assert (found.trust, found.anchor) == (Trust.TRUSTED, f"{ROOT} (the Coffre)")

    def test_an_authority_renewed_under_its_name_is_not_found_rather_than_false(self) -> None:
        old, new = authority(), Authority()
        known = x509.SubjectKeyIdentifier.from_public_key(old.key.public_key())
        wanted = x509.AuthorityKeyIdentifier.from_issuer_public_key(new.key.public_key())
        pinned = old.sign(old.parts, (AN_AUTHORITY, known), key=old.key)

        found = read(new.sign(extensions=(*AUTHENTICATION, wanted)), pins(pinned), pinned)

        assert found.trust is Trust.ISSUER_NOT_FOUND

    def test_a_signer_that_is_no_authority_ends_no_chain(self) -> None:
        root = Authority(parts=(*IGC, ((COMMON_NAME, ROOT),)))
        for extensions in ((), (x509.BasicConstraints(ca=False, path_length=None),)):
            new = root.sign(authority().parts, extensions, key=authority().key)
            found = read(leaf(), pins(root.certificate, names=(ROOT,)), new, root.certificate)
            assert found.trust is Trust.UNTRUSTED

    def test_a_new_authority_that_nobody_pinned_signed_is_not_trusted(self) -> None:
        root, other = (Authority(parts=(*IGC, ((COMMON_NAME, ROOT),))) for _ in range(2))
        new = other.sign(authority().parts, (AN_AUTHORITY,), key=authority().key)

        found = read(leaf(), pins(root.certificate, names=(ROOT,)), new, root.certificate)

        assert found.trust is Trust.UNTRUSTED

    def test_an_authority_whose_dates_have_passed_is_trusted_by_its_pin(self) -> None:
        past = datetime(2014, 1, 1, tzinfo=UTC)
        old = authority().sign(authority().parts, (), begins=past, ends=past, key=authority().key)

        assert read(leaf(), pins(old), old).trust is Trust.TRUSTED

    def test_an_issuer_that_is_not_pinned_is_not_trusted(self) -> None:
        other = Authority().certificate

        found = read(leaf(), pins(other, names=("AC RACINE IGC-SANTE FORT",)), issuer())

        assert (found.trust, found.anchor) == (Trust.UNTRUSTED, "")

    def test_a_name_proves_nothing(self) -> None:
        impostor = Authority()

        found = read(impostor.sign(), pins(issuer()), impostor.certificate, issuer())

        assert found.trust is Trust.UNTRUSTED

    def test_a_certificate_that_only_bears_the_issuer_s_name_is_as_good_as_none(self) -> None:
        impostor = Authority()

        found = read(impostor.sign(), pins(issuer()), impostor.certificate)

        assert (found.trust, found.anchor) == (Trust.ISSUER_NOT_FOUND, "")

    def test_a_pinned_issuer_that_is_nowhere_is_not_found(self) -> None:
        assert read(leaf(), pins(issuer())).trust is Trust.ISSUER_NOT_FOUND

    def test_it_is_not_found_beside_the_other_pinned_authorities_either(self) -> None:
        root = Authority(parts=(*IGC, ((COMMON_NAME, "AC RACINE IGC-SANTE FORT"),)))

        found = read(leaf(), pins(root.certificate, issuer()), root.certificate)

        assert found.trust is Trust.ISSUER_NOT_FOUND

    def test_a_pinned_authority_of_another_name_is_not_the_issuer(self) -> None:
        root = Authority(parts=(*IGC, ((COMMON_NAME, "AC RACINE"),)), key=authority().key)

        found = read(leaf(), pins(root.certificate, names=("AC RACINE",)), root.certificate)

        assert found.trust is Trust.UNTRUSTED

    def test_the_whole_name_must_be_the_issuer_s(self) -> None:
        abroad = Authority(parts=(((COUNTRY, "BE"),), ((COMMON_NAME, FORT),)), key=authority().key)

        found = read(leaf(), pins(abroad.certificate), abroad.certificate)

        assert found.trust is Trust.UNTRUSTED

    def test_one_signature_among_several_namesakes_suffices(self) -> None:
        renewed = Authority().certificate

        found = read(leaf(), pins(renewed, issuer()), renewed, issuer())

        assert found.trust is Trust.TRUSTED

    def test_an_issuer_without_a_name_is_never_merely_missing(self) -> None:
        nameless = Authority(parts=(((COUNTRY, "FR"),),))

        assert read(nameless.sign(), pins(issuer())).trust is Trust.UNTRUSTED

    def test_a_signature_of_an_unknown_kind_is_not_trusted(self) -> None:
        ecdsa_with_sha256, unknown = (
            bytes.fromhex("2a8648ce3d040302"),
            bytes(
                # id-ecPublicKey's arc, further than any algorithm of it
                (0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x7F)
            ),
        )

        found = read(leaf().replace(ecdsa_with_sha256, unknown), pins(issuer()), issuer())

        assert found.trust is Trust.UNTRUSTED


def altered(old: bytes, new: bytes, data: bytes | None = None) -> bytes:
    data = leaf() if data is None else data
    assert old in data
    return data.replace(old, new, 1)


class TestMalformed:
    @pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x80", b"\0" * 900, b"\xff" * 900])
    def test_what_is_no_certificate_is_unreadable(self, data: bytes) -> None:
        with pytest.raises(CardUnreadable) as caught:
            read(data)

        assert caught.value.reading is Reading.UNREADABLE
        assert caught.value.detail

    def test_nothing_may_stand_behind_it(self) -> None:
        with pytest.raises(CardUnreadable):
            read(leaf() + b"\0")

    def test_a_version_that_does_not_exist_is_unreadable(self) -> None:
        with pytest.raises(CardUnreadable):
            read(altered(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"))

    def test_the_same_extension_twice_is_unreadable(self) -> None:
        first, second = (x509.ObjectIdentifier(f"2.999.{number}") for number in (1, 2))
        two = (x509.UnrecognizedExtension(each, b"") for each in (first, second))
        twice = authority().sign(extensions=tuple(two))

        with pytest.raises(CardUnreadable):
            read(altered(b"\x06\x03\x88\x37\x02", b"\x06\x03\x88\x37\x01", twice))

    @pytest.mark.parametrize(
        ("extension", "value"),
        [
            (KEY_USAGE, b"\x30\x00"),
            (KEY_USAGE, b""),
            (ALTERNATIVE_NAME, b"\x30\x02\xa3\x00"),
            (ALTERNATIVE_NAME, b"\x30\x03\x82\x01\xe9"),
            (x509.oid.ExtensionOID.TLS_FEATURE, b"\x30\x03\x02\x01\x63"),
        ],
    )
    def test_an_extension_that_makes_no_sense_is_unreadable(
        self, extension: x509.ObjectIdentifier, value: bytes
    ) -> None:
        with pytest.raises(CardUnreadable):
            with_extensions(x509.UnrecognizedExtension(extension, value))

    @pytest.mark.parametrize("tag", [0x03, 0x14, 0x1C, 0x1E])
    def test_a_name_in_a_string_type_that_it_does_not_fit_is_unreadable(self, tag: int) -> None:
        accented = "Médecin".encode()

        with pytest.raises(CardUnreadable):
            read(
                altered(b"\x0c\x08" + accented, bytes((tag, 8)) + b"\xd8\xe9\xff" * 2 + b"\xe9\xe9")
            )

    def test_a_date_that_does_not_exist_is_unreadable(self) -> None:
        with pytest.raises(CardUnreadable):
            read(altered(b"250102030405Z", b"250230030405Z"))

    def test_a_serial_number_below_zero_is_read_without_a_warning(self) -> None:
        found = read(altered(b"\x02\x02\x11\x20", b"\x02\x02\x91\x20"))

        assert found.holder.value == "SIMULATION CARTE"

    def test_a_name_that_is_too_long_is_read_without_a_warning(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = authority().sign((((COMMON_NAME, "8" * 70),), ((COUNTRY, "FRA"),)))

        assert read(data).identifier.value == "8" * 70

    def test_reading_leaves_the_filters_of_warnings_as_they_were(self) -> None:
        before = list(warnings.filters)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: read(leaf()), range(200)))

        assert list(warnings.filters) == before


SIGNED = x509.load_der_x509_certificate(leaf()).tbs_certificate_bytes
BEGIN = leaf().index(SIGNED)


@quick
@given(st.data())
def test_no_part_of_a_certificate_is_one(data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(leaf()) - 1))

    with pytest.raises(CardUnreadable):
        read(leaf()[:end], pins(issuer()), issuer())


@thorough
@given(st.integers(0, len(SIGNED) * 8 - 1))
def test_a_certificate_with_one_bit_changed_is_unreadable_or_not_trusted(bit: int) -> None:
    damaged = bytearray(leaf())
    damaged[BEGIN + bit // 8] ^= 1 << bit % 8

    try:
        found = read(bytes(damaged), pins(issuer()), issuer())
    except CardUnreadable:
        return
    assert found.trust is not Trust.TRUSTED


@thorough
@given(
    st.lists(
        st.tuples(st.integers(0, 600), st.sampled_from([0, 1, 2, 3, 5, 6, 12, 19, 20, 22, 23, 24,
            28, 30, 48, 49, 128, 130, 160, 163, 255]) | st.integers(0, 255)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_no_damage_raises_anything_undeclared(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(leaf())
    for place, value in changes:
        damaged[place % len(damaged)] = value

    try:
        found = read(bytes(damaged), pins(issuer()), issuer())
    except CardUnreadable:
        return
    assert found.fingerprint.value == fingerprint(bytes(damaged))


@quick
@given(st.binary(max_size=300))
def test_random_bytes_are_unreadable(data: bytes) -> None:
    with pytest.raises(CardUnreadable):
        read(data)


_OIDS = vars(x509.oid.ExtensionOID).values()
KNOWN = [each for each in _OIDS if isinstance(each, x509.ObjectIdentifier)]


@thorough
@given(
    st.sampled_from(KNOWN),
    st.binary(max_size=40) | st.binary(max_size=40).map(lambda v: bytes((0x30, len(v))) + v),
)
def test_no_content_of_an_extension_raises_anything_undeclared(
    extension: x509.ObjectIdentifier, value: bytes
) -> None:
    data = authority().sign(extensions=(x509.UnrecognizedExtension(extension, value),))

    try:
        read(data)
    except CardUnreadable as error:
        assert error.detail


def test_the_subject_of_the_factory_has_the_shape_of_a_card() -> None:
    certificate = x509.load_der_x509_certificate(leaf())

    assert [len(list(part)) for part in certificate.subject.rdns] == [1, 1, 3]
    assert certificate.issuer == name_of(*IGC, ((COMMON_NAME, FORT),))
    assert len(certificate.extensions) == len(AUTHENTICATION)
