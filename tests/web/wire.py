"""Requests byte by byte: what a client library would refuse to send, and what comes back."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

LOOPBACK = "127.0.0.1"
PATIENCE_S = 20.0

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer, as it came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header, however it is written."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        """The value of a header that must be there once."""
        (value,) = self.all(name)
        return value

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def request(
    method: str, target: str, *, hosts: Sequence[str], headers: Headers = (), body: bytes = b"",
    version: str = "1.1",
) -> bytes:  # fmt: skip
    """The bytes of a request; without a Connection header of its own, it is to be the last."""
    lines = [f"{method} {target} HTTP/{version}", *(f"Host: {host}" for host in hosts)]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    if not any(name == "Connection" for name, _ in headers):
        lines.append("Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A connection to the agent on `port`."""
    with socket.create_connection((LOOPBACK, port), timeout=PATIENCE_S) as connection:
        yield connection


def exchange(port: int, raw: bytes) -> Answer:
    """The answer to `raw`, sent at once."""
    with connected(port) as connection:
        # An agent that refuses early may close before the whole of a large body is sent.
        with suppress(ConnectionError):
            connection.sendall(raw)
        return read_answer(connection, raw.split(b" ", 1)[0].decode("latin-1"))


def read_answer(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer on `connection`; of an event stream, which is endless, the head alone."""
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        endless = response.getheader("Content-Type", "").startswith("text/event-stream")
        body = b"" if endless else response.read()
        return Answer(status=response.status, headers=tuple(response.getheaders()), body=body)
    finally:
        response.close()


def all_bytes(port: int, raw: bytes) -> bytes:
    """Everything that comes back for `raw`, after which nothing more is sent."""
    received = bytearray()
    with connected(port) as connection, suppress(ConnectionError):
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(65536):
            received += data
    return bytes(received)


def ends(connection: socket.socket) -> bool:
    """Whether the other side closes within the test's patience, whatever it says before."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: Any


class Stream:
    """An event stream that is open, read line by line as a browser does."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response

    @property
    def answer(self) -> Answer:
        """The head of the answer."""
        headers = tuple(self._response.getheaders())
        return Answer(status=self._response.status, headers=headers, body=b"")

    def events(self) -> Iterator[Event]:
        """The events, until the stream ends."""
        fields: dict[str, str] = {}
        while line := self._response.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "data" in fields:
                data = json.loads(fields["data"])
                yield Event(name=fields["event"], id=fields.get("id", ""), data=data)
                fields = {}

    def until(self, name: str) -> Event:
        """The next event called `name`. Raises AssertionError when the stream ends before."""
        for event in self.events():
            if event.name == name:
                return event
        raise AssertionError(f"the stream ended without {name}")


@contextmanager
def streaming(port: int, raw: bytes) -> Iterator[Stream]:
    """The event stream that `raw` asks for, with its head read."""
    with connected(port) as connection:
        connection.sendall(raw)
        response = http.client.HTTPResponse(connection)
        try:
            response.begin()
            yield Stream(response)
        finally:
            response.close()
