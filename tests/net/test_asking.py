"""What an answer holds: judged as data, whatever it is."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.catalogue import Expected
from diagcps.net.asking import answer_of, ask, judge_metadata, looks_like_a_list
from diagcps.network import Answer, Content, Ended
from tests.net.loopback import HOST, ISSUER, METADATA, Written, answer, endpoint
from tests.network.authorities import Authorities
from tests.strategies import quick

OPENID = endpoint()
PAGE = endpoint(expects=Expected.PAGE, issuer="")
LIST = endpoint(expects=Expected.REVOCATION, issuer="", port=80)
HTML = b"<!DOCTYPE html><html><body>Connectez-vous</body></html>"


def asked(place: Any, *pieces: bytes) -> Answer:
    async def all_of_it() -> Answer:
        return answer_of(place, *await ask(Written(pieces), place, 20))

    return asyncio.run(all_of_it())


def content(place: Any, body: bytes, status: int = 200, *fields: str) -> Content:
    return asked(place, answer(body, status, *fields)).content


def test_one_bare_request_is_sent() -> None:
    stream = Written([answer()])
    asyncio.run(ask(stream, OPENID, 20))
    lines = stream.sent.decode().split("\r\n")
    assert lines[0] == "GET /well-known HTTP/1.1"
    assert sorted(lines[1:-2]) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Cache-Control: no-cache",
        f"Host: {HOST}",
        "User-Agent: diagcps",
    ]


def test_metadata_with_their_own_issuer_are_expected() -> None:
    assert content(OPENID, METADATA) is Content.EXPECTED


def test_metadata_of_somebody_else_are_inconsistent() -> None:
    assert content(OPENID, METADATA.replace(b"/realm", b"/other")) is Content.INCONSISTENT


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"issuer": 3}',
        b'{"issuer": "',
        b"\xff\xfe{",
        b"[" * 100_000,
        b'{"issuer": ' + b"9" * 10_000 + b"}",
    ],
)
def test_other_data_are_no_metadata(body: bytes) -> None:
    assert content(OPENID, body) is Content.OTHER


@pytest.mark.parametrize("place", ["", "http://plain.example/auth", 3, None])
def test_metadata_that_lead_nowhere_safe_are_inconsistent(place: object) -> None:
    data = json.loads(METADATA) | {"authorization_endpoint": place}
    assert judge_metadata(json.dumps(data).encode(), ISSUER) is Content.INCONSISTENT


@pytest.mark.parametrize("place", [OPENID, LIST])
@pytest.mark.parametrize("status", [200, 403, 511])
def test_a_page_in_the_place_of_data_is_told(place: Any, status: int) -> None:
    assert content(place, HTML, status) is Content.HTML
    assert content(place, b"Hello", status, "Content-Type: text/html; charset=x") is Content.HTML


def test_metadata_with_an_error_are_not_expected() -> None:
    told = asked(OPENID, answer(METADATA, 503))
    assert (told.status, told.content) == (503, Content.OTHER)


def test_an_answer_without_a_body_holds_nothing() -> None:
    assert content(OPENID, b"") is Content.NONE
    assert content(LIST, b"", 204) is Content.NONE


@pytest.mark.parametrize("body", [HTML, b"", b"\x00\xff", METADATA])
def test_where_only_an_answer_counts_any_is_expected(body: bytes) -> None:
    assert content(PAGE, body, 200) is Content.EXPECTED


def test_a_revocation_list_is_known_by_its_first_bytes(authorities: Authorities) -> None:
    few, many = (authorities.igc.revocation_list(range(1, n)) for n in (2, 3000))
    for der in (few, many):
        assert content(LIST, der) is Content.EXPECTED
    assert content(LIST, b"\n-----BEGIN X509 CRL-----\nMII") is Content.EXPECTED


def test_a_certificate_is_no_revocation_list(authorities: Authorities) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    der = authorities.igc.certificate.public_bytes(Encoding.DER)
    assert not looks_like_a_list(der)
    assert not looks_like_a_list(authorities.igc.pem)


@quick
@given(st.binary(max_size=64))
def test_any_bytes_are_a_list_or_not(data: bytes) -> None:
    assert looks_like_a_list(data) in (True, False)


@quick
@given(st.binary(max_size=200), st.text(max_size=20))
def test_any_bytes_are_metadata_or_not(data: bytes, issuer: str) -> None:
    assert judge_metadata(data, issuer) in Content


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@quick
@given(st.dictionaries(st.sampled_from(["issuer", "authorization_endpoint"]), _json))
def test_metadata_that_miss_something_are_never_expected(data: dict[str, Any]) -> None:
    assert judge_metadata(json.dumps(data).encode(), ISSUER) is not Content.EXPECTED


def test_a_compressed_answer_is_not_unfolded() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    told = asked(OPENID, answer(bomb, 200, "Content-Encoding: gzip"))
    assert (told.ended, told.content) == (Ended.DONE, Content.OTHER)


# --- hostile answers ------------------------------------------------------------------------------


def test_metadata_without_an_end_are_left() -> None:
    told = asked(OPENID, answer(b"", length=1 << 40), *[b" " * 65536] * 64)
    assert (told.ended, told.status) == (Ended.TOO_LONG, 200)
    assert told.content is Content.OTHER


def test_of_a_page_without_an_end_the_beginning_does(authorities: Authorities) -> None:
    stream = Written([answer(b"", length=1 << 40), *[b" " * 65536] * 64])
    _, gone = asyncio.run(ask(stream, PAGE, 20))
    assert gone.ended is Ended.DONE
    assert len(stream._pieces) > 60


@pytest.mark.parametrize(
    ("pieces", "ended", "status"),
    [
        ([], Ended.RESET, None),
        ([b"HTTP/1.1 200"], Ended.MALFORMED, None),
        ([b"SSH-2.0-OpenSSH_9\r\n"], Ended.MALFORMED, None),
        ([b"HTTP/1.1 twohundred\r\n\r\n"], Ended.MALFORMED, None),
        ([b"\x00" * 100], Ended.MALFORMED, None),
        ([b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 900 + b"\r\n"] * 100], Ended.TOO_LONG, None),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n"], Ended.MALFORMED, None),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], Ended.RESET, 200),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], Ended.MALFORMED, 200),
        ([b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 9, Ended.MALFORMED, None),
        ([b"HTTP/1.1 103 Early Hints\r\n\r\n", answer()], Ended.DONE, 200),
        ([b"HTTP/1.0 200 OK\r\n\r\n", METADATA], Ended.DONE, 200),
        ([answer(b"", 999)], Ended.DONE, 999),
    ],
)
def test_an_answer_that_breaks_off_says_how(
    pieces: list[bytes], ended: Ended, status: int | None
) -> None:
    told = asked(OPENID, *pieces)
    assert (told.ended, told.status) == (ended, status)


@quick
@given(st.lists(st.binary(max_size=300), max_size=6))
def test_any_bytes_are_an_answer_or_an_end(pieces: list[bytes]) -> None:
    assert asked(OPENID, *pieces).ended in Ended


@quick
@given(
    place=st.sampled_from([OPENID, PAGE, LIST]),
    at=st.integers(0, 400),
    byte=st.integers(0, 255),
    cut=st.integers(1, 400),
)
def test_an_answer_with_a_byte_changed_or_cut_is_an_answer_or_an_end(
    place: Any, at: int, byte: int, cut: int
) -> None:
    data = bytearray(
        answer(METADATA, 302, "Location: https://a.example/", "Date: Tue, 24 Nov 2026 08:00:00 GMT")
    )
    data[at % len(data)] = byte
    assert asked(place, bytes(data[:cut]), bytes(data[cut:])).ended in Ended


@pytest.mark.parametrize("host", ["", "a b", "a\r\nX: y"])
def test_a_host_that_cannot_be_asked_for_sends_nothing(host: str) -> None:
    stream = Written([answer()])
    _, gone = asyncio.run(ask(stream, endpoint(path=f"/{host}\r\n\r\n"), 20))
    assert (gone.ended, stream.sent) == (Ended.MALFORMED, b"")


# --- where to, and when ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "is_elsewhere"),
    [
        ("https://portail.example/login", True),
        ("//portail.example/login", True),
        (f"https://{HOST}/login", False),
        (f"HTTPS://{HOST.upper()}:443/login", False),
        ("/login", False),
        ("https://[broken", False),
        ("", False),
    ],
)
def test_a_redirection_to_another_host_is_told(location: str, is_elsewhere: bool) -> None:
    assert asked(PAGE, answer(b"", 302, f"Location: {location}")).elsewhere is is_elsewhere
    assert asked(PAGE, answer(b"", 201, f"Location: {location}")).elsewhere is False


@pytest.mark.parametrize(
    ("fields", "date"),
    [
        (["Date: Tue, 24 Nov 2026 08:00:00 GMT"], datetime(2026, 11, 24, 8, tzinfo=UTC)),
        (["Date: Tue Nov 24 08:00:00 2026"], None),
        (["Date: Tue, 24 Foo 2026 08:00:00 GMT"], None),
        (["Date: Tue, 24 Nov 2026 08:00:00 GMT", "Age: 0"], datetime(2026, 11, 24, 8, tzinfo=UTC)),
        (["Date: Tue, 24 Nov 2026 08:00:00 GMT", "Age: 3600"], None),
        (["Date: Tue, 24 Nov 2026 08:00:00 GMT"] * 2, None),
        (["Date: tomorrow"], None),
        (["Date: Tue, 99 Nov 2026 08:00:00 GMT"], None),
        (["Date: Tue, 24 Nov 0000 08:00:00 GMT"], None),
        (["Date: Fri, 31 Dec 9999 23:59:59 -2359"], None),
        ([], None),
    ],
)
def test_the_date_of_an_answer(fields: list[str], date: datetime | None) -> None:
    assert asked(PAGE, answer(b"x", 200, *fields)).date == date


@quick
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_any_date_and_place_are_read_or_left(text: str) -> None:
    told = asked(PAGE, answer(b"", 302, f"Date: {text}", f"Location: {text}"))
    assert told.ended is Ended.DONE
    assert told.date is None or told.date.tzinfo is UTC
