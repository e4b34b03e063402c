"""Servers of the Internet: a thread for each connection, and the troubles that one can be."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from enum import Enum

from .internet import Internet

_LONGEST_S = 30.0
"""No server waits longer for its client."""
_ENDING_S = 1.0
"""A thread that still waits for another server ends by itself; nothing waits for it."""
_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
"""TLS alert, fatal, handshake_failure (RFC 8446, 6)."""
_BEGINNING = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03"
"""The first bytes of a ServerHello, of 16 KiB."""


class Trouble(Enum):
    """What a server does instead of what it is there for."""

    RESET_AT_ONCE = "reset-at-once"
    """Breaks the connection off as soon as it has taken it: while the client connects, or after."""
    RESET = "reset"
    """Breaks the connection off when the client has begun to speak."""
    CLOSE = "close"
    """Ends the connection in good order when the client has begun to speak."""
    SILENT = "silent"
    """Takes the connection and never says anything."""
    GARBAGE = "garbage"
    """Answers with bytes that are of no protocol, and ends the connection."""
    ALERT = "alert"
    """Answers that it cannot agree on TLS (fatal alert handshake_failure)."""
    DRIP = "drip"
    """Begins a plausible TLS answer, one byte at a time, for as long as the client stays."""
    FLOOD = "flood"
    """Sends zeros for as long as the client takes them."""


class Connection:
    """One connection that a server has taken."""

    def __init__(self, taken: socket.socket, ended: threading.Event) -> None:
        taken.settimeout(_LONGEST_S)
        self.socket = taken
        self._ended = ended

    @property
    def ended(self) -> bool:
        """Whether the server is being taken away."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> None:
        """Waits; no longer than the server is there."""
        if seconds > 0:
            self._ended.wait(seconds)

    def secure(self, context: ssl.SSLContext) -> None:
        """Does the server's part of a TLS handshake. Raises OSError."""
        # Not during the wrapping: who ends this connection must find the socket that holds it.
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.socket.do_handshake()

    def first(self) -> bytes:
        """What the client says first. Raises OSError."""
        return self.socket.recv(4096)

    def send(self, data: bytes) -> None:
        """Sends all of it. Raises OSError."""
        self.socket.sendall(data)

    def reset(self) -> None:
        """Breaks the connection off (TCP RST)."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def finish(self) -> None:
        """Ends in good order: what was sent arrives, and the client sees that it was all."""
        with contextlib.suppress(OSError, ValueError):
            self.socket.settimeout(1.0)
            if isinstance(self.socket, ssl.SSLSocket):
                with contextlib.suppress(OSError):
                    self.socket.unwrap()
            # Bytes that were not read would make the system break off, and lose what was sent.
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(65536):
                pass
        self.socket.close()

    def stop(self) -> None:
        """Ends whatever waits for the client; from any thread."""
        with contextlib.suppress(OSError):
            # Not SSLSocket's own, which would also forget that the connection is encrypted.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def do(self, trouble: Trouble) -> None:
        """Does what a server in trouble does. Raises OSError when the client goes."""
        if trouble is Trouble.RESET_AT_ONCE:
            self.reset()
            return
        self.first()
        match trouble:
            case Trouble.RESET:
                self.reset()
            case Trouble.SILENT:
                while self.first():
                    pass
            case Trouble.GARBAGE:
                self.send(b"\x00\x01\xfe\xff grumble \r\n" * 20)
            case Trouble.ALERT:
                self.send(_ALERT)
            case Trouble.DRIP:
                self.send(_BEGINNING)
                self._drip()
            case Trouble.FLOOD:
                while not self.ended:
                    self.send(bytes(65536))
            case _:
                pass

    def _drip(self) -> None:
        while not self.ended:
            self.wait(0.05)
            self.send(b"\x00")


class Server:
    """Listens at one port of some addresses until it is closed."""

    def __init__(
        self,
        internet: Internet,
        addresses: Iterable[str],
        port: int,
        handle: Callable[[Connection], None],
    ) -> None:
        self._handle = handle
        self._ended = threading.Event()
        self._connections: set[Connection] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        try:
            for address in addresses:
                self._sockets.append(internet.listener(address, port, socket.SOCK_STREAM))
        except BaseException:
            self.close()
            raise
        for each in self._sockets:
            internet.run(self._start, self._accept, each)

    def close(self) -> None:
        """Refuses from now on, and breaks off what is under way."""
        self._ended.set()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes accept(2)
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.stop()
        for thread in self._threads:
            thread.join(timeout=_ENDING_S)
        for each in self._sockets:
            each.close()

    def _start(self, work: Callable[..., None], argument: object) -> None:
        thread = threading.Thread(target=work, args=(argument,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listening: socket.socket) -> None:
        while not self._ended.is_set():
            try:
                taken, _ = listening.accept()
            except OSError:
                return
            connection = Connection(taken, self._ended)
            with self._lock:
                self._connections.add(connection)
            if self._ended.is_set():
                connection.stop()
            self._start(self._serve, connection)

    def _serve(self, connection: Connection) -> None:
        try:
            # A client may go whenever it likes; it may also be sent something it cannot take.
            with contextlib.suppress(OSError, ValueError):
                self._handle(connection)
            connection.finish()
        finally:
            with self._lock:
                self._connections.discard(connection)
