"""The list that a certificate names is fetched, and trusted for its signature alone."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from diagcps.facts import Certificate, StoredCertificate
from diagcps.model import Private, PrivateKind
from diagcps.net import revocation
from diagcps.net.revocation import Lists
from diagcps.network import Revocation, Revoked
from tests.builders import certificate

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
OWN, OTHER = 0x1120AB, 0x1120CD
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AC")])


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def authority() -> StoredCertificate:
    made = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key().public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key(), hashes.SHA256())
    )
    return StoredCertificate(data=made.public_bytes(Encoding.DER), source="test")


def revoked(*serials: int, since: datetime = NOW, days: int = 7) -> bytes:
    """A list made a day before `since`, good for so many days."""
    made = x509.CertificateRevocationListBuilder().issuer_name(NAME)
    made = made.last_update(since - timedelta(days=1)).next_update(since + timedelta(days=days))
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
        made = made.add_revoked_certificate(entry.build())
    return made.sign(key(), hashes.SHA256()).public_bytes(Encoding.DER)


def own(*addresses: str) -> Certificate:
    return dataclasses.replace(
        certificate(issuer="AC"),
        serial=Private(PrivateKind.CERTIFICATE, f"{OWN:x}"),
        revocation_lists=addresses,
    )


class Server:
    """A server of revocation lists on the loopback address."""

    def __init__(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        self.asked = 0
        self.body, self.status, self.headers = body, status, headers
        self.address = ""

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@asynccontextmanager
async def serving(body: bytes, status: int = 200, **headers: str) -> AsyncIterator[Server]:
    server = Server(body, status, headers)
    app = web.Application()
    app.router.add_get("/{name}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.address = f"http://127.0.0.1:{port}/a.crl"
    try:
        yield server
    finally:
        await runner.cleanup()


async def ask(
    server: Server,
    folder: Path | None = None,
    now: datetime = NOW,
    known: tuple[StoredCertificate, ...] | None = None,
) -> Revocation:
    lists = Lists(
        host="127.0.0.1",
        folder=folder,
        authorities=lambda name: (authority(),) if known is None else known,
        ports=frozenset({urlsplit(server.address).port or 0}),
    )
    return await lists.ask(own(server.address), now)


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_certificate_in_the_list_is_revoked_and_another_is_not() -> None:
    async with serving(revoked(OWN, OTHER)) as server:
        told = await ask(server)
        assert (told.revoked, told.source) == (Revoked.YES, server.address)
    async with serving(revoked(OTHER)) as server:
        told = await ask(server)
        assert (told.revoked, told.list_until) == (Revoked.NO, NOW + timedelta(days=7))


async def test_a_list_is_kept_and_not_fetched_again_while_it_is_good(tmp_path: Path) -> None:
    async with serving(revoked(OTHER)) as server:
        first = await ask(server, tmp_path)
        second = await ask(server, tmp_path)
        assert (first.revoked, second.revoked, server.asked) == (Revoked.NO, Revoked.NO, 1)
        server.body = revoked(OWN, since=NOW + timedelta(days=7))
        later = await ask(server, tmp_path, NOW + timedelta(days=7))
        assert (later.revoked, server.asked) == (Revoked.YES, 2)
        assert len(files(tmp_path)) == 1


async def test_a_kept_file_that_was_damaged_is_fetched_again(tmp_path: Path) -> None:
    async with serving(revoked(OTHER)) as server:
        await ask(server, tmp_path)
        (kept,) = files(tmp_path)
        kept.write_bytes(kept.read_bytes()[:-1])
        assert (await ask(server, tmp_path)).revoked is Revoked.NO
        assert server.asked == 2


@pytest.mark.parametrize(
    ("body", "status", "headers"),
    [
        (b"", 404, {}),
        (b"", 302, {"Location": "http://192.0.2.1/"}),
        (b"", 503, {}),
    ],
)
async def test_what_is_not_there_is_unreachable(
    body: bytes, status: int, headers: dict[str, str], tmp_path: Path
) -> None:
    async with serving(body, status, **headers) as server:
        assert (await ask(server, tmp_path)).revoked is Revoked.UNREACHABLE
        assert files(tmp_path) == []


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    async with serving(b"") as server:
        pass
    assert (await ask(server)).revoked is Revoked.UNREACHABLE


@pytest.mark.parametrize(
    "body",
    [
        b"<html>please sign in</html>",
        b"",
        revoked(OTHER)[:-1],
        revoked(OTHER, since=NOW - timedelta(days=30)),
        revoked(OTHER, since=NOW + timedelta(days=30)),
    ],
    ids=["a page", "nothing", "cut short", "of last month", "of next month"],
)
async def test_what_is_no_list_of_today_is_never_valid(body: bytes) -> None:
    async with serving(body) as server:
        assert (await ask(server)).revoked is Revoked.UNUSABLE


async def test_a_list_that_is_too_long_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation, "_MOST_BYTES", 1000)
    async with serving(b"x" * 5000) as server:
        assert (await ask(server, tmp_path)).revoked is Revoked.UNREACHABLE
        assert files(tmp_path) == []


async def test_a_compressed_answer_is_not_unpacked() -> None:
    async with serving(b"\x1f\x8b" + bytes(100), **{"Content-Encoding": "gzip"}) as server:
        assert (await ask(server)).revoked is Revoked.UNUSABLE


async def test_an_authority_that_is_not_known_here_tells_nothing() -> None:
    async with serving(revoked(OWN)) as server:
        told = await ask(server, known=())
        assert (told.revoked, told.detail) == (Revoked.UNUSABLE, "its authority is not known here")


@pytest.mark.parametrize("folder", ["", "file/below"])
async def test_without_a_folder_to_write_in_the_list_is_read_all_the_same(
    folder: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    async with serving(revoked(OWN)) as server:
        assert (await ask(server, tmp_path / folder if folder else None)).revoked is Revoked.YES


class TestAddress:
    """Only the pinned host is asked, at the usual ports, and nothing is said to it."""

    @pytest.mark.parametrize(
        "address",
        [
            "http://igc.example/CRL/A.crl",
            "https://igc.example:443/CRL/A.crl",
        ],
    )
    def test_that_of_the_host_is_taken(self, address: str) -> None:
        host = Lists(host="igc.example", folder=None, authorities=lambda name: [])
        assert host._address(own("ldap://igc.example/CN=A", address)) == address

    @pytest.mark.parametrize(
        "address",
        [
            "http://other.example/A.crl",
            "http://igc.example.evil/A.crl",
            "http://igc.example@evil/A.crl",
            "http://user:word@igc.example/A.crl",
            "http://igc.example:8080/A.crl",
            "http://igc.example:99999/A.crl",
            "ftp://igc.example/A.crl",
            "file:///etc/passwd",
            "http://[",
            "",
        ],
    )
    async def test_any_other_is_not(self, address: str) -> None:
        host = Lists(host="igc.example", folder=None, authorities=lambda name: [])
        assert (await host.ask(own(address), NOW)).revoked is Revoked.NOT_NAMED
