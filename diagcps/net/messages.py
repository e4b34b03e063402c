"""One request over HTTP/1.1 and what is heard of its answer, within bounds (RFC 9112).

Nothing of the person is sent, no cookie is kept, and nobody is followed elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import h11

from diagcps.net.connecting import Stream
from diagcps.net.stages import Broken
from diagcps.network import Ended

_MOST_OF_A_HEAD = 16 << 10
_MOST_INTERIM = 8
"""Answers before the answer (RFC 9110, 15.2)."""
_TOO_LARGE = 431
"""h11's hint for a head that goes on too long (RFC 6585, 5)."""

Fields = tuple[tuple[str, str], ...]


class Exchange:
    """What is known of an answer so far: it may break off at any byte."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.status: int | None = None
        self.fields: Fields = ()
        """Names in lower case."""
        self.at: datetime | None = None
        """What this workstation's clock said when the head had come."""
        self.body = bytearray()

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a field, in their order."""
        return tuple(value for key, value in self.fields if key == name)

    async def head(self, stream: Stream, method: str, target: str, host: str) -> h11.Connection:
        """Sends the request and hears the head of the answer.

        Returns what goes on with its body. Raises OSError and `Broken`.
        """
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_OF_A_HEAD)
        try:
            asked = http.send(_request(method, target, host)) or b""
            http.send(h11.EndOfMessage())
        except h11.LocalProtocolError as error:  # a name or a path that cannot be asked for
            raise Broken(Ended.MALFORMED) from error
        await stream.write(asked)
        for _ in range(_MOST_INTERIM):
            event = await _next(http, stream)
            if isinstance(event, h11.Response):
                self.status = event.status_code
                self.fields = tuple(_text(event.headers))
                self.at = datetime.now(UTC)
                return http
        raise Broken(Ended.MALFORMED)

    async def hear(self, stream: Stream, http: h11.Connection, *, most: int, whole: bool) -> None:
        """Hears the body: up to `most` bytes, beyond which one that is wanted whole is TOO_LONG.

        Raises OSError and `Broken`.
        """
        while len(self.body) <= most:
            event = await _next(http, stream)
            if not isinstance(event, h11.Data):
                return
            self.body += event.data
        del self.body[most:]
        if whole:
            raise Broken(Ended.TOO_LONG)


def _request(method: str, target: str, host: str) -> h11.Request:
    """A cache on the way must ask anew (RFC 9111, 5.2.1.4): the date of a stored answer is old."""
    return h11.Request(
        method=method,
        target=target,
        headers=[
            ("Host", host),
            ("User-Agent", "diagcps"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            ("Cache-Control", "no-cache"),
        ],
    )


async def _next(http: h11.Connection, stream: Stream) -> object:
    """The next event. Raises OSError, and `Broken` for what is not HTTP or ends too early."""
    is_over = False
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError as error:
            raise Broken(_ended(http, error, is_over)) from error
        if event is not h11.NEED_DATA:
            return event
        data = await stream.read()
        is_over = not data
        http.receive_data(data)


def _ended(http: h11.Connection, error: h11.RemoteProtocolError, is_over: bool) -> Ended:
    if error.error_status_hint == _TOO_LARGE:
        return Ended.TOO_LONG
    unread, _ = http.trailing_data
    is_between = http.their_state is h11.SEND_BODY or not unread
    return Ended.RESET if is_over and is_between else Ended.MALFORMED


def _text(fields: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    for name, value in fields:
        yield name.decode("ascii", "replace"), value.decode("latin-1")
