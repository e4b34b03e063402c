"""The directories of a card: what they name, and that nonsense is told as such."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card import pkcs15
from diagcps.card.base import CardUnreadable
from diagcps.facts import CertificateEntry
from tests.strategies import quick


def der(tag: int, *parts: bytes) -> bytes:
    """A data object with a short length."""
    value = b"".join(parts)
    return bytes((tag, len(value))) + value


def path(*identifiers: str) -> bytes:
    return der(0x30, der(0x04, bytes.fromhex("".join(identifiers))))


AID = bytes.fromhex("E828BD080F8025000001FF0010")
EF_DIR = der(0x61, der(0x4F, AID), der(0x50, b"CPS"), der(0x51, bytes.fromhex("3F000001")))
ODF = der(0xA8, path("3F00", "0001", "7001")) + der(0xA0, path("7002")) + der(0xA4, path("7005"))


def code(flags: str, reference: int | None, label: bytes = b"Code") -> bytes:
    attributes = [der(0x03, bytes.fromhex(flags)), der(0x0A, b"\1"), der(0x02, b"\4")]
    if reference is not None:
        attributes.append(der(0x80, bytes((reference,))))
    body = der(0xA1, der(0x30, *attributes))
    return der(0x30, der(0x30, der(0x0C, label)), der(0x30, der(0x04, b"\1")), body)


def certificate(label: bytes, *location: bytes) -> bytes:
    body = der(0xA1, der(0x30, der(0x30, *location)))
    return der(0x30, der(0x30, der(0x0C, label)), der(0x30, der(0x04, b"\x20")), body)


def test_applications_are_those_that_have_a_path() -> None:
    nameless = der(0x61, der(0x4F, AID))
    (found,) = pkcs15.applications(nameless + EF_DIR + bytes(9))
    assert (found.aid, found.path.hex()) == (AID, "3f000001")


def test_directories_of_codes_and_certificates_are_named() -> None:
    found = pkcs15.directories(ODF)
    assert [each.hex() for each in found.authentications] == ["3f0000017001"]
    assert [each.hex() for each in found.certificates] == ["7005"]


@pytest.mark.parametrize(
    ("flags", "unblocks"),
    [("0410", False), ("040C", False), ("0102", True), ("0001", True), ("00", False)],
)
def test_flags_tell_a_code_of_the_holder_from_one_that_unblocks(flags: str, unblocks: bool) -> None:
    (found,) = pkcs15.codes(code(flags, 0x81, b"Code porteur"))
    assert (found.reference, found.unblocks) == (0x81, unblocks)


def test_a_code_without_a_reference_is_number_zero() -> None:
    assert pkcs15.codes(code("0410", None))[0].reference == 0


def test_a_directory_that_is_named_again_and_again_is_one() -> None:
    assert len(pkcs15.directories(der(0xA4, path("7005")) * 20).certificates) == 1


def test_certificates_have_a_label_and_a_place() -> None:
    plain = certificate(b"Certificat d'Authentification CPS", der(0x04, b"\xb0\x01"))
    placed = certificate(
        "é\n".encode(), der(0x04, b"\xb0\x02"), der(0x02, b"\x10"), der(0x80, b"\x06\xd2")
    )
    assert pkcs15.certificates(plain + placed) == (
        CertificateEntry(label="Certificat d'Authentification CPS", path=b"\xb0\x01"),
        CertificateEntry(label="é", path=b"\xb0\x02", index=0x10),
    )


NONSENSE: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "a path of an odd length": (pkcs15.applications, der(0x61, der(0x51, b"\x3f"))),
    "a path without an end": (pkcs15.applications, der(0x61, der(0x51, bytes(18)))),
    "a directory without a path": (pkcs15.directories, der(0xA4, der(0x30))),
    "a code without flags": (pkcs15.codes, der(0x30, der(0xA1, der(0x30, der(0x80, b"\1"))))),
    "a certificate without a path": (pkcs15.certificates, der(0x30, der(0xA1, der(0x30)))),
    "an empty path": (pkcs15.certificates, certificate(b"C", der(0x04))),
    "a place beyond any file": (
        pkcs15.certificates, certificate(b"C", der(0x04, b"\xb0\1"), der(0x02, b"\1\0\0")),
    ),
    "more certificates than any card has": (
        pkcs15.certificates,
        b"".join(certificate(b"C", der(0x04, bytes((0xB0, n)))) for n in range(33)),
    ),
    "more directories than any card has": (
        pkcs15.directories, b"".join(der(0xA4, path(f"70{n:02X}")) for n in range(5)),
    ),
    "cut short": (pkcs15.codes, code("0410", 1)[:-1]),
}  # fmt: skip


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_unreadable(name: str) -> None:
    parse, content = NONSENSE[name]
    with pytest.raises(CardUnreadable):
        parse(content)


PARSERS: list[Callable[[bytes], object]] = [
    pkcs15.applications, pkcs15.directories, pkcs15.codes, pkcs15.certificates
]  # fmt: skip
WRITTEN = [EF_DIR, ODF, code("0410", 1) + code("0102", 2), certificate(b"C", der(0x04, b"\xb0\1"))]


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@quick
@given(content=st.binary(max_size=200))
def test_any_bytes_are_entries_or_unreadable(
    parse: Callable[[bytes], object], content: bytes
) -> None:
    with contextlib.suppress(CardUnreadable):
        parse(content)


@quick
@given(
    which=st.integers(0, 3), place=st.integers(0, 400), byte=st.integers(0, 255),
    end=st.integers(0, 400),
)  # fmt: skip
def test_a_directory_with_a_byte_changed_or_cut_is_entries_or_unreadable(
    which: int, place: int, byte: int, end: int
) -> None:
    content = bytearray(WRITTEN[which])
    content[place % len(content)] = byte
    with contextlib.suppress(CardUnreadable):
        PARSERS[which](bytes(content[:end]))
