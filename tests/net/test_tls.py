"""Handshakes that look without judging, against servers that say anything."""

from __future__ import annotations

import asyncio
import ssl
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host import this_host
from diagcps.model import Platform
from diagcps.net.connecting import Tcp, connect
from diagcps.net.stages import Broken
from diagcps.net.tls import Look, look, verify
from diagcps.net.trust import WorkstationTrust, fault_of
from diagcps.network import Ended, Tls
from diagcps.threads import DaemonThreads
from tests.net.loopback import HOST, Loopback, Written, answer, saying, silent
from tests.network import tls as servers
from tests.strategies import quick


def looked(version: Tls, *pieces: bytes, host: str = HOST) -> tuple[Look, Written]:
    stream = Written(pieces)

    async def opened() -> Written:
        return stream

    return asyncio.run(look(opened, host, version, 20)), stream


class Opener:
    """Connects to a port of the loopback address, and closes all that it has opened."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._opened: list[Tcp] = []

    async def __call__(self) -> Tcp:
        self._opened.append(await connect(("127.0.0.1", self._port)))
        return self._opened[-1]

    def __enter__(self) -> Opener:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._opened:
            each.close()


_ALERT = b"\x15\x03\x03\x00\x02"


@pytest.mark.parametrize("version", Tls)
@pytest.mark.parametrize(
    ("alert", "name"),
    [
        (40, "handshake-failure"),
        (70, "protocol-version"),
        (112, "unrecognized-name"),
        (80, "internal-error"),
        (116, "certificate-required"),
        (120, "no-application-protocol"),
        (199, "other"),
    ],
)
def test_the_alert_of_a_server_is_told_by_its_name(version: Tls, alert: int, name: str) -> None:
    told, _ = looked(version, _ALERT + bytes((2, alert)))
    assert (told.handshake.ended, told.handshake.alert) == (Ended.FAILED, name)
    assert told.handshake.asks_certificate is None
    assert (told.stream, told.chain) == (None, ())


@pytest.mark.parametrize("version", Tls)
@pytest.mark.parametrize(
    ("pieces", "ended"),
    [
        ((), Ended.RESET),
        ((b"\x16\x03\x03",), Ended.RESET),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), Ended.MALFORMED),
        ((b"<html>" * 50,), Ended.MALFORMED),
        ((bytes(70000),), Ended.MALFORMED),
    ],
)
def test_what_is_no_tls_is_told(version: Tls, pieces: tuple[bytes, ...], ended: Ended) -> None:
    told, _ = looked(version, *pieces)
    assert (told.handshake.ended, told.handshake.alert) == (ended, "")


def test_a_server_that_takes_another_version_is_refused_by_name() -> None:
    """A ServerHello of TLS 1.2 where 1.3 alone was offered (RFC 8446, 4.1.3)."""
    hello = b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2f" + b"\x00"
    message = b"\x02" + len(hello).to_bytes(3, "big") + hello
    told, stream = looked(Tls.V1_3, b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message)
    assert (told.handshake.ended, told.handshake.alert) == (Ended.FAILED, "protocol-version")
    assert stream.sent.endswith(bytes((2, 70)))


def test_a_flood_of_tls_is_left() -> None:
    """Beginnings of a message of 16 MiB, of which OpenSSL would take the first part only."""
    record = b"\x16\x03\x03\x40\x00" + bytes(0x4000)
    told, stream = looked(Tls.V1_3, *[record] * 100)
    assert told.handshake.ended is not Ended.DONE
    assert len(stream._pieces) > 20


@quick
@given(version=st.sampled_from(Tls), pieces=st.lists(st.binary(max_size=300), max_size=5))
def test_any_bytes_are_an_end(version: Tls, pieces: list[bytes]) -> None:
    told, _ = looked(version, *pieces)
    assert told.handshake.ended in (Ended.RESET, Ended.MALFORMED, Ended.FAILED)


@quick
@given(version=st.sampled_from(Tls), kind=st.integers(20, 24), data=st.binary(max_size=300))
def test_any_record_is_an_end(version: Tls, kind: int, data: bytes) -> None:
    record = bytes((kind, 3, 3)) + len(data).to_bytes(2, "big") + data
    told, _ = looked(version, record)
    assert told.handshake.ended in (Ended.RESET, Ended.MALFORMED, Ended.FAILED)


@pytest.mark.parametrize("host", ["", ".leading.example", "a" * 70 + ".example"])
def test_a_name_that_no_certificate_has_sends_nothing(host: str) -> None:
    told, stream = looked(Tls.V1_3, host=host)
    assert told.handshake.ended in (Ended.MALFORMED, Ended.RESET)
    assert told.handshake.ended is Ended.RESET or stream.sent == b""


async def test_a_connection_that_is_refused_is_told_in_its_place() -> None:
    async def refused() -> Tcp:
        raise ConnectionRefusedError

    told = await look(refused, HOST, Tls.V1_2, 20)
    assert (told.handshake.ended, told.handshake.ms) == (Ended.REFUSED, 0.0)


async def test_the_chain_is_that_which_was_sent(loopback: Loopback) -> None:
    port = await loopback.serve(saying(answer()), tls=servers.Tls(sends_root=True))
    root = ssl.PEM_cert_to_DER_cert(loopback.authorities.public.pem.decode())
    for version in Tls:
        with Opener(port) as opener:
            told = await look(opener, HOST, version, 20)
        assert (len(told.chain), told.chain[2]) == (3, root)


# --- with the trust of the workstation ------------------------------------------------------------


async def test_the_store_of_the_system_is_asked(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the store of the system is a file on Linux alone")
    port = await loopback.serve(saying(answer()), tls=servers.Tls())
    verdicts = []
    for store in (loopback.authorities.public_roots, tmp_path / "empty.pem"):
        store.touch()
        monkeypatch.setenv("SSL_CERT_FILE", str(store))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        trust, threads = WorkstationTrust(Platform.LINUX), DaemonThreads()
        for _ in range(2):
            with Opener(port) as opener:
                told = await verify(opener, HOST, trust, threads, 20)
            verdicts.append(told.trusted)
    assert verdicts == [True, True, False, False]


async def test_this_system_does_not_know_the_authority_of_a_test(loopback: Loopback) -> None:
    """With its root: Wine takes a chain that does not lead to its end."""
    port = await loopback.serve(saying(answer()), tls=servers.Tls(sends_root=True))
    with Opener(port) as opener:
        trust = WorkstationTrust(this_host().platform)
        told = await verify(opener, HOST, trust, DaemonThreads(), 20)
    assert (told.trusted, told.stream) == (False, None)
    assert told.error is not None
    assert fault_of(told.error, self_signed=False, early=False) == "unknown-issuer"


@pytest.mark.parametrize("platform", [Platform.WINDOWS, Platform.MACOS])
def test_where_the_system_verifies_each_handshake_has_its_own_context(platform: Platform) -> None:
    trust = WorkstationTrust(platform)
    assert trust() is not trust()


async def test_a_verification_that_hangs_is_unknown_and_holds_nobody_back(
    loopback: Loopback,
) -> None:
    release = threading.Event()

    def hung() -> ssl.SSLContext:
        release.wait(20)
        raise OSError

    port = await loopback.serve(silent, tls=servers.Tls())
    try:
        with Opener(port) as opener:
            told = await verify(opener, HOST, hung, DaemonThreads(), 0.05)
    finally:
        release.set()
    assert (told.trusted, told.error, told.stream) == (None, None, None)


def _error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("as truststore raises it")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (9, "not-yet-valid"),
        (10, "expired"),
        (18, "unknown-issuer"),
        (19, "unknown-issuer"),
        (20, "unknown-issuer"),
        (23, "revoked"),
        (62, "wrong-name"),
        (26, "other"),
        (0x800B0101, "expired"),
        (0x800B0109, "unknown-issuer"),
        (0x800B010F, "wrong-name"),
        (0x80092010, "revoked"),
        (0x80092013, "other"),
        (-67602, "wrong-name"),
        (-67818, "expired"),
        (-67819, "not-yet-valid"),
        (-67820, "revoked"),
        (-67843, "unknown-issuer"),
    ],
)
def test_the_faults_of_the_three_systems_have_one_name(code: int, fault: str) -> None:
    if code == 18:
        fault = "self-signed"
    assert fault_of(_error(code), self_signed=False, early=False) == fault


def test_what_a_system_does_not_tell_apart_is_told_by_the_certificate() -> None:
    assert fault_of(_error(0x800B0101), self_signed=False, early=True) == "not-yet-valid"
    assert fault_of(_error(0x800B0109), self_signed=True, early=False) == "self-signed"
    assert fault_of(_error(-67843), self_signed=True, early=False) == "self-signed"


def test_an_error_without_a_code_is_another_fault() -> None:
    error = ssl.SSLCertVerificationError("Peer sent no certificates to verify")
    assert fault_of(error, self_signed=False, early=False) == "other"


async def test_a_stream_that_ends_inside_tls_is_over(loopback: Loopback) -> None:
    port = await loopback.serve(saying(b"x"), tls=servers.Tls())
    with Opener(port) as opener:
        told = await look(opener, HOST, Tls.V1_3, 20)
        assert told.stream is not None
        await told.stream.write(b"\r\n\r\n")
        assert [await told.stream.read(), await told.stream.read()] == [b"x", b""]


async def test_a_server_that_wants_a_certificate_fails_the_reading(loopback: Loopback) -> None:
    tls = servers.Tls(asks=servers.Asks.STRICTLY)
    port = await loopback.serve(saying(b"x"), tls=tls)
    with Opener(port) as opener:
        told = await look(opener, HOST, Tls.V1_3, 20)
        assert told.handshake.ended is Ended.DONE and told.stream is not None
        with pytest.raises(Broken) as raised:
            await told.stream.read()
    assert raised.value.ended is Ended.FAILED
