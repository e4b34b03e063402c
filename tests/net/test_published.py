"""The authorities that are published: fetched from a server of the test's own, never trusted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.simulator import pki
from diagcps.model import DiagError
from diagcps.net import published as module
from diagcps.net.published import certificates_of, published, published_address
from tests.strategies import quick

Serve = Callable[..., Awaitable[str]]


def bundle(encoding: Encoding = Encoding.DER) -> bytes:
    """The simulator's authorities as IGC-Santé publishes its own (PKCS #7)."""
    return pkcs7.serialize_certificates(
        [x509.load_der_x509_certificate(each) for each in pki.anchors()], encoding
    )


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves one answer on the loopback address, and says where."""
    servers: list[TestServer] = []

    async def start(body: bytes = b"", status: int = 200, wait_s: float = 0.0, to: str = "") -> str:
        async def answer(_: web.Request) -> web.Response:
            await asyncio.sleep(wait_s)
            return web.Response(body=body, status=status, headers={"Location": to} if to else None)

        app = web.Application()
        app.router.add_get("/chain.p7b", answer)
        servers.append(TestServer(app))
        await servers[-1].start_server()
        return str(servers[-1].make_url("/chain.p7b"))

    yield start
    for server in servers:
        await server.close()


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
async def test_published_certificates_are_found_with_their_address(
    serve: Serve, encoding: Encoding
) -> None:
    address = await serve(bundle(encoding))
    found = await published(address)
    assert {each.data for each in found} == set(pki.anchors())
    assert {each.source for each in found} == {address}


@pytest.mark.parametrize("body", [b"", b"<html>captive portal</html>", b"\x30\x80\x00", b"A" * 64])
async def test_anything_else_at_that_address_is_nothing(serve: Serve, body: bytes) -> None:
    assert await published(await serve(body)) == ()


async def test_an_error_is_nothing(serve: Serve) -> None:
    assert await published(await serve(bundle(), status=404)) == ()


async def test_nobody_is_followed_to_another_address(serve: Serve) -> None:
    elsewhere = await serve(bundle())
    assert await published(await serve(status=302, to=elsewhere)) == ()


async def test_what_is_too_long_is_left(serve: Serve) -> None:
    assert await published(await serve(bytes(module._MOST_BYTES + 1))) == ()


async def test_nobody_is_waited_for_longer_than_the_limit(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LIMIT_S", 0.05)
    assert await published(await serve(bundle(), wait_s=5.0)) == ()


async def test_an_address_where_nobody_listens_is_nothing() -> None:
    assert await published("http://127.0.0.1:1/chain.p7b") == ()


def test_the_address_is_that_of_the_authority() -> None:
    parts = urlsplit(published_address())
    assert (parts.scheme, parts.hostname) == ("http", "igc-sante.esante.gouv.fr")


@quick
@given(st.binary(max_size=200))
def test_any_bytes_are_certificates_or_refused(data: bytes) -> None:
    try:
        certificates_of(data)
    except DiagError:
        return


@quick
@given(place=st.integers(0, 5000), byte=st.integers(0, 255), end=st.integers(0, 6000))
def test_a_list_with_a_byte_changed_or_cut_is_certificates_or_refused(
    place: int, byte: int, end: int
) -> None:
    data = bytearray(bundle())
    data[place % len(data)] = byte
    try:
        certificates_of(bytes(data[:end]))
    except DiagError:
        return
