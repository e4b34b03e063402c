"""Name servers of the Internet (RFC 1035), which may lie."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from .internet import Internet
from .servers import Connection, Server

A, AAAA = 1, 28
_ANSWER, _TRUNCATED = 0x8180, 0x0200
_TIME_TO_LIVE_S = 60


class Says(Enum):
    """What a name server says instead of addresses."""

    NO_SUCH_NAME = 3
    """NXDOMAIN."""
    NO_ADDRESS = 0
    """The name is there, and has no address of that family."""
    FAILS = 2
    """SERVFAIL."""
    REFUSES = 5
    """REFUSED."""
    NOTHING = -1
    """It does not answer."""
    GARBAGE = -2
    """It answers with bytes that are no answer."""


What = Says | str | Sequence[str]
"""What is said of a name: one address, several, or no address."""


class Names:
    """Addresses of names, as they are."""

    def __init__(self) -> None:
        self._addresses: dict[str, tuple[str, ...]] = {}

    def add(self, name: str, *addresses: str) -> None:
        """Gives a name its addresses."""
        self._addresses[name.lower()] = addresses

    def of(self, name: str) -> tuple[str, ...] | None:
        """The addresses of a name; None when it does not exist."""
        return self._addresses.get(name.lower())


@dataclass(frozen=True, kw_only=True)
class _Saying:
    what: What
    wait_s: float = 0.0
    only_tcp: bool = False


class NameServer:
    """A name server at port 53, over UDP and TCP."""

    def __init__(self, internet: Internet, address: str, names: Names) -> None:
        """It says what is true until it is told otherwise."""
        self.asked: list[tuple[str, int]] = []
        """Every name and record type that it was asked for, oldest first."""
        self.address = address
        self._names = names
        self._said: dict[tuple[str, int], _Saying] = {}
        self._of_all: _Saying | None = None
        self._ended = threading.Event()
        self._udp = internet.listener(address, 53, socket.SOCK_DGRAM)
        self._tcp = Server(internet, [address], 53, self._over_tcp)
        self._thread = threading.Thread(target=self._over_udp, daemon=True)
        self._thread.start()

    def say(
        self,
        name: str,
        what: What,
        *,
        types: Iterable[int] = (A, AAAA),
        wait_s: float = 0.0,
        only_tcp: bool = False,
    ) -> None:
        """Says that of a name from now on, to questions of these types (`A`, `AAAA`).

        `wait_s` passes before it answers; with `only_tcp` it answers over UDP that the answer is
        too long for it. An address of the other family is « no address ».
        """
        for each in types:
            self._said[name.lower(), each] = _Saying(what=what, wait_s=wait_s, only_tcp=only_tcp)

    def say_truth(self, name: str, *, wait_s: float = 0.0, only_tcp: bool = False) -> None:
        """Says what is true of a name, late, or over TCP alone."""
        addresses = self._names.of(name)
        what = Says.NO_SUCH_NAME if addresses is None else addresses
        self.say(name, what, wait_s=wait_s, only_tcp=only_tcp)

    def say_of_all(self, what: What | None, *, wait_s: float = 0.0) -> None:
        """Says that of every name in the world; None takes it back."""
        self._of_all = None if what is None else _Saying(what=what, wait_s=wait_s)

    def close(self) -> None:
        """Is no more: whoever asks is told that nothing listens."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._udp.sendto(b"", self._udp.getsockname())  # wakes the thread
        self._thread.join(timeout=5.0)
        self._udp.close()
        self._tcp.close()

    def _over_udp(self) -> None:
        while not self._ended.is_set():
            try:
                question, client = self._udp.recvfrom(4096)
            except OSError:
                continue
            threading.Thread(target=self._reply, args=(question, client), daemon=True).start()

    def _reply(self, question: bytes, client: tuple[str, int]) -> None:
        answer = self._answer(question, is_tcp=False)
        if answer is not None and not self._ended.is_set():
            with contextlib.suppress(OSError):
                self._udp.sendto(answer, client)

    def _over_tcp(self, connection: Connection) -> None:
        with connection.socket.makefile("rb") as stream:
            while len(size := stream.read(2)) == 2:
                answer = self._answer(stream.read(int.from_bytes(size, "big")), is_tcp=True)
                if answer is not None:
                    connection.send(len(answer).to_bytes(2, "big") + answer)

    def _answer(self, question: bytes, *, is_tcp: bool) -> bytes | None:
        try:
            name, kind, end = parse_question(question)
        except (ValueError, struct.error, IndexError):
            return None
        self.asked.append((name, kind))
        saying = self._of_all or self._said.get((name, kind)) or self._truth(name)
        if saying.wait_s:
            self._ended.wait(saying.wait_s)
        if saying.what is Says.NOTHING:
            return None
        if saying.what is Says.GARBAGE:
            return question[:2] + b"\xff" * 40
        if saying.only_tcp and not is_tcp:
            return _message(question[:end], _ANSWER | _TRUNCATED, [])
        if isinstance(saying.what, Says):
            return _message(question[:end], _ANSWER | saying.what.value, [])
        addresses = [saying.what] if isinstance(saying.what, str) else saying.what
        packed = [ip_address(each).packed for each in addresses]
        size = {A: 4, AAAA: 16}.get(kind)
        return _message(question[:end], _ANSWER, [each for each in packed if len(each) == size])

    def _truth(self, name: str) -> _Saying:
        addresses = self._names.of(name)
        return _Saying(what=Says.NO_SUCH_NAME if addresses is None else addresses)


def parse_question(message: bytes) -> tuple[str, int, int]:
    """The name (lower case) and type of the first question, and where it ends.

    Raises ValueError, IndexError or struct.error for what is no question.
    """
    if len(message) < 12 or message[2] & 0x80 or message[4:6] != b"\x00\x01":
        raise ValueError("no question")
    labels, place = [], 12
    while size := message[place]:
        labels.append(message[place + 1 : place + 1 + size].decode("ascii"))
        place += 1 + size
    (kind,) = struct.unpack_from(">H", message, place + 1)
    return ".".join(labels).lower(), kind, place + 5


def _message(question: bytes, flags: int, addresses: list[bytes]) -> bytes:
    counts = struct.pack(">HHHHH", flags, 1, len(addresses), 0, 0)
    records = (
        # The name is that of the question (RFC 1035, 4.1.4).
        struct.pack(">HHHIH", 0xC00C, A if len(each) == 4 else AAAA, 1, _TIME_TO_LIVE_S, len(each))
        + each
        for each in addresses
    )
    return question[:2] + counts + question[12:] + b"".join(records)
