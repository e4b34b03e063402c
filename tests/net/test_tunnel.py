"""What a proxy's answer says."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.net.messages import Exchange
from diagcps.net.stages import Stage
from diagcps.net.tunnel import forwarding, logins_of, open_tunnel, proxy_address
from diagcps.network import Ended, Login, Tunnel
from tests.net.loopback import Written
from tests.strategies import quick


def tunnel(*pieces: bytes) -> Tunnel:
    return asyncio.run(open_tunnel(Written(pieces), "a.example", 443, 20))


def test_a_tunnel_that_opens() -> None:
    stream = Written([b"HTTP/1.0 200 Connection ", b"established\r\n\r\n"])
    told = asyncio.run(open_tunnel(stream, "a.example", 443, 20))
    assert (told.ended, told.status) == (Ended.DONE, 200)
    head, _, rest = stream.sent.partition(b"\r\n")
    assert head == b"CONNECT a.example:443 HTTP/1.1"
    assert b"Host: a.example:443\r\n" in rest and b"User-Agent: diagcps\r\n" in rest
    assert rest.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "logins"),
    [(407, (Login.NEGOTIATE, Login.NTLM)), (403, ()), (502, ()), (302, ())],
)
def test_a_refusal_is_told_with_what_is_offered(status: int, logins: tuple[Login, ...]) -> None:
    offered = b"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n"
    told = tunnel(f"HTTP/1.1 {status} No\r\n".encode() + offered + b"\r\n<html>")
    assert (told.ended, told.status, told.logins) == (Ended.FAILED, status, logins)


def test_a_proxy_that_goes_on_promising_is_left() -> None:
    told = tunnel(*[b"HTTP/1.1 102 Processing\r\n\r\n"] * 100)
    assert (told.ended, told.status) == (Ended.MALFORMED, None)


@pytest.mark.parametrize(
    ("fields", "logins"),
    [
        (["Negotiate"], (Login.NEGOTIATE,)),
        (["NTLM TlRMTVNTUAACAAAA=="], (Login.NTLM,)),
        (['negotiate, nTLM,Basic realm="a, Digest b"'], (Login.NEGOTIATE, Login.NTLM, Login.BASIC)),
        (['Digest realm="x", nonce="Basic , y", qop="auth", algorithm=MD5'], (Login.DIGEST,)),
        (["Kerberos", "Basic"], (Login.OTHER, Login.BASIC)),
        (['Basic realm="never closed, NTLM'], (Login.BASIC,)),
        (["Basic", "Basic"], (Login.BASIC,)),
        (["Bearer realm = x , scope=y"], (Login.OTHER,)),
        (["", ",", " , "], ()),
        ([], ()),
    ],
)
def test_logins_are_read_from_challenges(fields: list[str], logins: tuple[Login, ...]) -> None:
    assert logins_of(fields) == logins


@quick
@given(st.lists(st.text(max_size=60), max_size=20))
def test_any_challenges_are_logins_each_once(fields: list[str]) -> None:
    logins = logins_of(fields)
    assert len(set(logins)) == len(logins)


@quick
@given(st.permutations(["Negotiate", "NTLM", 'Basic realm="a b"', 'Digest nonce="c,d", qop="e"']))
def test_challenges_mean_the_same_in_one_field_and_in_several(challenges: list[str]) -> None:
    assert logins_of([", ".join(challenges)]) == logins_of(challenges)
    assert len(logins_of(challenges)) == 4


@quick
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_are_an_end(pieces: list[bytes]) -> None:
    assert tunnel(*pieces).ended in Ended


@quick
@given(st.binary(max_size=120))
def test_any_fields_after_a_status_are_an_end(rest: bytes) -> None:
    assert tunnel(b"HTTP/1.1 200 OK\r\n" + rest).ended in Ended


def test_a_request_that_is_passed_on_is_done_whatever_the_server_said() -> None:
    heard = Exchange()
    heard.status = 502
    told = forwarding(heard, Stage(ended=Ended.RESET, ms=1.0))
    assert (told.ended, told.status) == (Ended.DONE, 502)


def test_a_proxy_that_breaks_off_before_its_answer_is_told() -> None:
    told = forwarding(Exchange(), Stage(ended=Ended.RESET, ms=1.0))
    assert (told.ended, told.status) == (Ended.RESET, None)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("proxy.example:3128", ("proxy.example", 3128)),
        ("10.0.0.1:80", ("10.0.0.1", 80)),
        ("[fd00::1]:3128", ("fd00::1", 3128)),
        ("fd00::1:3128", None),
        ("proxy.example", None),
        ("proxy.example:", None),
        (":3128", None),
        ("proxy.example:0", None),
        ("proxy.example:65536", None),
        ("proxy.example:+80", None),
        ("proxy.example:٣", None),
        ("", None),
    ],
)
def test_where_a_proxy_is(text: str, address: tuple[str, int] | None) -> None:
    assert proxy_address(text) == address


@quick
@given(st.text(max_size=40))
def test_any_text_is_a_proxy_or_none(text: str) -> None:
    address = proxy_address(text)
    assert address is None or 0 < address[1] < 65536
