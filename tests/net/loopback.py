"""Servers of a test on the loopback address, under any name; streams that hold written bytes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from diagcps.card.base import Anchors
from diagcps.catalogue import Expected
from diagcps.catalogue_parts import KnownEndpoint
from diagcps.net.chain import PublicRoots
from diagcps.net.means import Means
from diagcps.net.names import Address
from diagcps.net.stages import Limits
from diagcps.network import IpFamily
from tests.network.authorities import Authorities, Authority
from tests.network.tls import Tls

HOST = "auth.esw.example"
ISSUER = f"https://{HOST}/realm"
NOBODY = Anchors(fingerprints=frozenset(), names=frozenset())
PATIENT = Limits(name_s=20, connection_s=20, tunnel_s=20, handshake_s=20, answer_s=20)
"""Longer than a busy machine needs."""
IMPATIENT = 0.3


def endpoint(**changes: Any) -> KnownEndpoint:
    """An endpoint that answers with its metadata, unless `changes` say otherwise."""
    fields = {
        "id": "psc",
        "service": "psc",
        "host": HOST,
        "path": "/well-known",
        "expects": Expected.OPENID,
        "issuer": ISSUER,
        "source": "a test",
    }
    return KnownEndpoint(**{**fields, **changes})


METADATA = (
    f'{{"issuer": "{ISSUER}", "authorization_endpoint": "{ISSUER}/auth",'
    f' "token_endpoint": "{ISSUER}/token"}}'
).encode()


def answer(
    body: bytes = METADATA, status: int = 200, *fields: str, length: int | None = None
) -> bytes:
    """An answer over HTTP, whole."""
    size = len(body) if length is None else length
    lines = (f"HTTP/1.1 {status} Whatever", f"Content-Length: {size}", *fields)
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


class Peer:
    """The server's side of one connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late_s: float = 0.0
    ) -> None:
        """`late_s` passes before each part of what it says, as if it were far away."""
        self._reader, self._writer, self._late_s = reader, writer, late_s
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None

    async def secure(self, context: ssl.SSLContext) -> None:
        """Does the server's part of a handshake; asyncio's own would keep its alert to itself."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        await self._done(self._tls.do_handshake)

    async def read(self) -> bytes:
        """What the client says next; nothing when it has gone."""
        if self._tls is None:
            return await self._reader.read(4096)
        tls = self._tls
        try:
            return await self._done(lambda: tls.read(4096))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def head(self) -> bytes:
        """The head of a request, as it came."""
        head = b""
        while b"\r\n\r\n" not in head:
            part = await self.read()
            if not part:
                raise ConnectionResetError
            head += part
        return head

    async def send(self, data: bytes) -> None:
        """Sends all of it."""
        if self._tls is not None and data:
            self._tls.write(data)
            data = self._outgoing.read()
        await self._write(data)

    def reset(self) -> None:
        """Breaks the connection off."""
        self._writer.transport.abort()

    async def finish(self) -> None:
        """Ends in good order: what the client still says is read, so that nothing sent is lost."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        while await self._reader.read(4096):
            pass

    def close(self) -> None:
        """Ends it."""
        self._writer.close()

    async def _done(self, part: Callable[[], Any]) -> Any:
        while True:
            try:
                return part()
            except ssl.SSLWantReadError:
                await self._write(self._outgoing.read())
                data = await self._reader.read(4096)
                self._incoming.write(data) if data else self._incoming.write_eof()
            finally:
                await self._write(self._outgoing.read())

    async def _write(self, data: bytes) -> None:
        if data:
            await asyncio.sleep(self._late_s)
            self._writer.write(data)
            await self._writer.drain()


Handler = Callable[[Peer], Awaitable[None]]


def saying(data: bytes, *, wait_s: float = 0.0) -> Handler:
    """Reads the head of a request, then sends the bytes and goes."""

    async def handle(peer: Peer) -> None:
        await peer.head()
        await asyncio.sleep(wait_s)
        await peer.send(data)

    return handle


async def silent(peer: Peer) -> None:
    """Says nothing for as long as the client stays."""
    while await peer.read():
        pass


class Loopback:
    """Servers under names; whatever is not there refuses, or has no name. A context manager."""

    def __init__(self, authorities: Authorities, *, late_s: float = 0.0) -> None:
        """`late_s` passes before a server begins, and before each part of what it says."""
        self._late_s = late_s
        self.authorities = authorities
        self._ports: dict[Address, int] = {}
        self._servers: list[asyncio.Server] = []
        self._handling: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Loopback:
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for task in self._handling:
            task.cancel()
        await asyncio.gather(*self._handling, return_exceptions=True)

    async def serve(
        self, handler: Handler, host: str = HOST, port: int = 443, tls: Tls | None = None
    ) -> int:
        """Puts a server there, with TLS when `tls` says how; returns its real port."""
        context = None if tls is None else self.authorities.context(tls, host)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._handling.add(task)
            peer = Peer(reader, writer, late_s=self._late_s)
            try:
                await asyncio.sleep(self._late_s)
                if context is not None:
                    await peer.secure(context)
                await handler(peer)
                await peer.finish()
            except OSError:
                await _quietly(peer.finish())
            except asyncio.CancelledError:
                pass  # asyncio reports a handler that was cancelled as one that broke
            finally:
                peer.close()
                self._handling.discard(task)

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        self._servers.append(server)
        real: int = server.sockets[0].getsockname()[1]
        self._ports[host, port] = real
        return real

    def nobody_at(self, host: str = HOST, port: int = 443) -> None:
        """A name whose port refuses."""
        with socket.create_server(("127.0.0.1", 0)) as closed:
            self._ports[host, port] = closed.getsockname()[1]

    def resolve(self, host: str, port: int, family: IpFamily) -> list[Address]:
        """In the place of the system's resolver."""
        if (host, port) not in self._ports:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [("127.0.0.1", self._ports[host, port])] if family is IpFamily.V4 else []

    def trust(self, *roots: Authority) -> Callable[[], ssl.SSLContext]:
        """A workstation that trusts these alone; the public root when none is named."""
        data = b"".join(each.pem for each in roots or (self.authorities.public,)).decode()

        def context() -> ssl.SSLContext:
            made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            made.load_verify_locations(cadata=data)
            return made

        return context

    def means(self, **changes: Any) -> Means:
        """With what the ways are gone here."""
        fields = {
            "anchors": NOBODY,
            "limits": PATIENT,
            "resolve": self.resolve,
            "trust": self.trust(),
            "roots": PublicRoots(self.authorities.public_roots),
        }
        return Means(**{**fields, **changes})


async def _quietly(work: Awaitable[None]) -> None:
    with suppress(OSError):
        await work


class Written:
    """A stream whose other side has written all it will ever say, in pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self.sent = b""
        self.closed = False

    async def read(self) -> bytes:
        """The next piece; nothing at the end."""
        return self._pieces.pop(0) if self._pieces else b""

    async def write(self, data: bytes) -> None:
        """Keeps it."""
        self.sent += data

    def close(self) -> None:
        """Remembers it."""
        self.closed = True
