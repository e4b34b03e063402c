"""What servers answer by HTTP: what the field's own do, and what a workstation must survive."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

from .servers import Connection

_LONGEST_HEAD = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asked."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...] = ()
    """Names in lower case."""
    head: bytes
    """As it came."""

    @classmethod
    def read(cls, connection: Connection) -> Request:
        """The next request. Raises OSError without one, ValueError for what is none."""
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.socket.recv(4096)
            if not part:
                raise OSError("the client went")
            head += part
            if len(head) > _LONGEST_HEAD:
                raise ValueError("too long")
        first, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        fields = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        return cls(method=method, target=target, fields=fields, head=head)

    def field(self, name: str) -> str:
        """The value of a field; empty without it."""
        return dict(self.fields).get(name.lower(), "")

    @property
    def host(self) -> str:
        """The host that was asked for, without its port."""
        return self.field("host").partition(":")[0]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer; the connection ends after it."""

    status: int = 200
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes | Callable[[], Iterator[bytes]] = b""
    """The bytes; or parts, whose whole length is then not told."""
    ahead: timedelta | None = timedelta(0)
    """How far the clock of the server (Date) is ahead; None for an answer without a date."""
    wait_s: float = 0.0
    """Passes before it."""
    pause_s: float = 0.0
    """Passes before each part of the body."""
    raw: bytes | None = None
    """Sent in the place of everything else."""

    def send(self, connection: Connection) -> None:
        """Sends it. Raises OSError when the client goes."""
        connection.wait(self.wait_s)
        if self.raw is not None:
            connection.send(self.raw)
            return
        connection.send(self._head())
        for part in (self.body,) if isinstance(self.body, bytes) else self.body():
            connection.wait(self.pause_s)
            if connection.ended:
                return
            connection.send(part)

    def _head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {_reason(self.status)}"]
        if self.ahead is not None:
            date = datetime.now(UTC) + self.ahead
            lines.append(f"Date: {format_datetime(date, usegmt=True)}")
        if isinstance(self.body, bytes):
            lines.append(f"Content-Length: {len(self.body)}")
        lines += [f"{name}: {value}" for name, value in self.fields]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in list(HTTPStatus) else "Whatever"


def _typed(kind: str) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", kind),)


def well_known(issuer: str) -> Answer:
    """The metadata of an OpenID provider that says to be `issuer`."""
    ends = ("authorization", "token", "userinfo")
    document = {"issuer": issuer} | {
        f"{each}_endpoint": f"{issuer}/protocol/openid-connect/{each}" for each in ends
    }
    return Answer(fields=_typed("application/json"), body=json.dumps(document).encode())


def page() -> Answer:
    """A page of a service."""
    return Answer(
        fields=_typed("text/html; charset=utf-8"),
        body=b"<!DOCTYPE html><html><head><title>Service</title></head><body></body></html>",
    )


def html() -> Answer:
    """A page where something else is expected: that of a portal, of a filter."""
    text = "<!DOCTYPE html><html><body>Connectez-vous au réseau</body></html>"
    return Answer(fields=_typed("text/html; charset=utf-8"), body=text.encode())


def crl(data: bytes) -> Answer:
    """A revocation list (DER)."""
    return Answer(fields=_typed("application/pkix-crl"), body=data)


def redirect(address: str, status: int = 302) -> Answer:
    """Sends the client to another address."""
    return Answer(status=status, fields=(("Location", address),))


def unavailable() -> Answer:
    """The service says that it is out of order."""
    return Answer(status=503, fields=_typed("text/html"), body=b"<html>maintenance</html>")


def drip(pause_s: float = 0.2) -> Answer:
    """A body of one byte at a time, for as long as the client stays."""
    return Answer(body=lambda: _for_ever(b" "), pause_s=pause_s, fields=_typed("application/json"))


def never_ending() -> Answer:
    """A body as fast as the client takes it, without an end."""
    return Answer(body=lambda: _for_ever(b" " * 65536), fields=_typed("application/json"))


def oversized(size: int) -> Answer:
    """A body of that many bytes, whose length is told."""
    whole, rest = divmod(size, 65536)

    def parts() -> Iterator[bytes]:
        for _ in range(whole):
            yield b" " * 65536
        yield b" " * rest

    return Answer(body=parts, fields=(("Content-Length", str(size)),))


def cut_short(size: int = 1000) -> Answer:
    """A body that ends before the length that was told."""
    return Answer(body=lambda: iter((b"{",)), fields=(("Content-Length", str(size)),))


def endless_head() -> Answer:
    """Fields without an end."""
    return Answer(fields=tuple((f"X-{n}", "x" * 1000) for n in range(4096)))


def malformed() -> Answer:
    """Bytes that begin like HTTP and are none."""
    return Answer(raw=b"HTTP/1.1 twohundred\r\nContent-Length: -3\r\n: :\r\n\x00\r\n\r\n\xff")


def silent(wait_s: float = 30.0) -> Answer:
    """The request is read, and nothing is said for that long."""
    return Answer(raw=b"", wait_s=wait_s)


def gzip_bomb(size: int = 64 * 1024 * 1024) -> Answer:
    """Some KiB that unfold into that many bytes."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(size // 65536):
            file.write(bytes(65536))
    fields = (*_typed("application/json"), ("Content-Encoding", "gzip"))
    return Answer(fields=fields, body=packed.getvalue())


def _for_ever(part: bytes) -> Iterator[bytes]:
    while True:
        yield part
