"""Line 33: what is too large, too slow or too many is refused, and the agent goes on."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator

import pytest

from . import wire
from .live import FORM, JSON, Live

LARGEST_BODY = 8 * 1024
DRIP_S = 0.2


@pytest.fixture
def hasty() -> Iterator[Live]:
    """An agent that waits one second for a request."""
    with Live(keepalive_s=1.0) as agent:
        yield agent


def padded(size: int) -> bytes:
    """A JSON object of so many bytes."""
    return b"{" + b" " * (size - 2) + b"}"


def test_body_of_8_kib_is_read(live: Live, cookie: str) -> None:
    assert live.post("/run", padded(LARGEST_BODY), cookie=cookie).status == 200


@pytest.mark.parametrize("path", ["/run", "/browser", "/quit", "/agent/hello", "/agent/open"])
@pytest.mark.parametrize("size", [LARGEST_BODY + 1, 3_000_000])
def test_larger_body_is_refused(live: Live, cookie: str, path: str, size: int) -> None:
    assert live.post(path, padded(size), cookie=cookie).status == 413
    assert live.ask(cookie=cookie).status == 200


def test_larger_form_is_refused(live: Live, cookie: str) -> None:
    own = (("Origin", live.origin),)
    body = b"token=" + b"a" * LARGEST_BODY
    assert live.post("/run", body, cookie=cookie, kind=FORM, headers=own).status == 413


def test_larger_body_in_chunks_is_refused(live: Live, cookie: str) -> None:
    headers = (("Cookie", cookie), ("Content-Type", JSON), ("Transfer-Encoding", "chunked"))
    head = wire.request("POST", "/run", hosts=(live.host,), headers=headers)
    chunks = b"400\r\n" + b" " * 1024 + b"\r\n"
    assert wire.exchange(live.port, head + chunks * 9 + b"0\r\n\r\n").status == 413


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x"])
def test_body_is_not_unpacked(live: Live, cookie: str, coding: str) -> None:
    packed = gzip.compress(b" " * 5_000_000)
    assert len(packed) < LARGEST_BODY
    headers = (("Content-Encoding", coding),)
    assert live.post("/run", packed, cookie=cookie, headers=headers).status == 400


@pytest.mark.parametrize(
    "chunks", [b"x\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}x\r\n0\r\n\r\n"]
)
def test_malformed_chunks_are_refused(live: Live, cookie: str, chunks: bytes) -> None:
    headers = (("Cookie", cookie), ("Content-Type", JSON), ("Transfer-Encoding", "chunked"))
    head = wire.request("POST", "/run", hosts=(live.host,), headers=headers)
    assert wire.exchange(live.port, head + chunks).status == 400
    assert live.runs == 0


def test_body_of_two_lengths_is_refused(live: Live, cookie: str) -> None:
    lengths: wire.Headers
    for lengths in (
        (("Content-Length", "2"), ("Content-Length", "3")),
        (("Content-Length", "2"), ("Transfer-Encoding", "chunked")),
        (("Content-Length", "-1"),),
        (("Content-Length", "+2"),),
        (("Transfer-Encoding", "xchunked"),),
    ):
        headers = (("Cookie", cookie), ("Content-Type", JSON), *lengths)
        raw = wire.request("POST", "/run", hosts=(live.host,), headers=headers) + b"{}\r\n\r\n"
        assert wire.exchange(live.port, raw).status == 400
    assert live.runs == 0


def test_long_headers_and_addresses_are_refused(live: Live, cookie: str) -> None:
    assert live.ask(headers=(("X", "a" * 3000),), cookie=cookie).status == 200
    assert live.ask(headers=(("X", "a" * 5000),), cookie=cookie).status == 400
    assert live.ask(headers=(("X" * 5000, "a"),), cookie=cookie).status == 400
    assert live.ask(f"/?{'a' * 5000}", cookie=cookie).status == 400


def test_many_headers_are_refused(live: Live, cookie: str) -> None:
    some = [(f"X-{number}", "a") for number in range(100)]
    assert live.ask(headers=some[:40], cookie=cookie).status == 200
    assert live.ask(headers=some, cookie=cookie).status == 400


def drip(connection: socket.socket, started: bytes, *, limit_s: float) -> bool:
    """Whether the agent hangs up on a request that goes on byte by byte for `limit_s`."""
    connection.sendall(started)
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        time.sleep(DRIP_S)
        try:
            connection.sendall(b"a")
        except OSError:
            return True
    return False


@pytest.mark.parametrize("started", [b"", b"GET ", b"GET / HTTP/1.1\r\nX-Slow: "])
def test_slow_head_is_hung_up_on(hasty: Live, started: bytes) -> None:
    with wire.connected(hasty.port) as connection:
        assert drip(connection, started, limit_s=10.0)


def test_slow_head_after_a_request_is_hung_up_on(hasty: Live) -> None:
    kept = wire.request("GET", "/", hosts=(hasty.host,), headers=(("Connection", "keep-alive"),))
    static = kept.replace(b"GET / ", b"GET /static/icon.svg ")
    with wire.connected(hasty.port) as connection:
        connection.sendall(static)
        assert wire.read_answer(connection).status == 200
        assert drip(connection, b"GET / HTTP/1.1\r\nX-Slow: ", limit_s=10.0)


def test_silent_connection_is_hung_up_on(hasty: Live) -> None:
    with wire.connected(hasty.port) as connection:
        assert wire.ends(connection)


def unfinished(live: Live, cookie: str) -> bytes:
    """A request whose body does not come."""
    headers = (("Cookie", cookie), ("Content-Type", JSON), ("Content-Length", "100"))
    return wire.request("POST", "/run", hosts=(live.host,), headers=headers)


def test_slow_body_is_refused_and_hung_up_on(live: Live, cookie: str) -> None:
    began = time.monotonic()
    with wire.connected(live.port) as connection:
        connection.sendall(unfinished(live, cookie))
        assert wire.read_answer(connection).status == 408
        assert drip(connection, b"", limit_s=5.0)
    assert time.monotonic() - began < 15.0
    assert live.runs == 0


def test_body_of_a_refused_request_is_not_waited_for(live: Live) -> None:
    with wire.connected(live.port) as connection:
        connection.sendall(unfinished(live, "a=b"))
        assert wire.read_answer(connection).status == 403
        assert drip(connection, b"", limit_s=5.0)


def test_slow_clients_hold_nobody_back(live: Live, cookie: str) -> None:
    connections = [socket.create_connection((wire.LOOPBACK, live.port)) for _ in range(50)]
    for number, connection in enumerate(connections):
        connection.sendall(unfinished(live, cookie) if number % 2 else b"GET / HTTP/1.1\r\n")
    assert live.ask(cookie=cookie).status == 200
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b"\xff\xfe{}"),
        (JSON, b"\x80"),
        (JSON, '{"a": "é"}'.encode("latin-1")),
        (JSON, "{}".encode("utf-16")),
        (FORM, b"token=\xff"),
    ],
)
def test_body_that_is_no_utf8_is_refused(live: Live, cookie: str, kind: str, body: bytes) -> None:
    own = (("Origin", live.origin),)
    assert live.post("/run", body, cookie=cookie, kind=kind, headers=own).status == 400


@pytest.mark.parametrize("charset", ["nonsense", "zlib", "hex", "idna", "utf-7", '"', "latin-1"])
def test_charset_of_a_body_is_not_believed(live: Live, cookie: str, charset: str) -> None:
    kind = f"{JSON}; charset={charset}"
    assert live.post("/run", b"{}", cookie=cookie, kind=kind).status == 200
    assert live.post("/run", b"\xff", cookie=cookie, kind=kind).status == 400
