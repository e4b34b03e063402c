"""Inserts a simulated card in the virtual reader of vsmartcard (vpcd), for other programs to use.

The driver listens on one TCP port per slot; being connected is being inserted. A frame is two bytes
of length, big-endian, and a body. A body of one byte is an order to the card, anything else is a
command: https://frankmorgner.github.io/vsmartcard/virtualsmartcard/api.html
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

from diagcps.card.base import CardRemoved, CardSilent
from diagcps.card.simulator.base import SimulatedCard

HOST, PORT = "127.0.0.1", 35963
"""Where the first slot listens; each other one listens on the port after the last."""

_POWER_OFF, _POWER_ON, _RESET, _GET_ATR = 0, 1, 2, 4
_MUTE = bytes((0x3B,)) + bytes(39)
"""Longer than an answer to reset can be (33 bytes: ISO/IEC 7816-3, 8.1): the service sees that
something is in the slot and that powering it fails."""
_AGAIN_S = 0.02
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def insert(card: SimulatedCard, host: str = HOST, port: int = PORT) -> Inserted:
    """The card in its slot, seen by the service at its next look, at most 400 ms later.

    Like plastic, it may be inserted before the service starts and is still there when the service
    comes back. One slot takes one card: a second one waits until the first is pulled.
    """
    return Inserted(card, (host, port))


class Inserted:
    """A card in its slot, in a thread of its own, until it is pulled."""

    def __init__(self, card: SimulatedCard, address: tuple[str, int]) -> None:
        self._card = card
        self._address = address
        self._out = threading.Event()
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._live, name=f"card-{address[1]}", daemon=True)
        self._thread.start()

    @property
    def inserted(self) -> bool:
        """Whether the card is in its slot, seen by a service or not."""
        return not self._out.is_set()

    def pull(self) -> None:
        """Pulls the card; does nothing when it is out. Its thread has ended on return."""
        with self._lock:
            self._out.set()
            if self._connection is not None:
                _hang_up(self._connection)
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pull()

    def _live(self) -> None:
        while self.inserted:
            try:
                connection = socket.create_connection(self._address, timeout=1.0)
            except OSError:
                self._out.wait(_AGAIN_S)  # no service; the card waits in its slot
                continue
            with connection:
                connection.settimeout(None)
                with self._lock:
                    self._connection = connection
                # The service went away, or the card was pulled: the loop tells which.
                with contextlib.suppress(EOFError, OSError):
                    if not (self._out.is_set() or _is_with_itself(connection)):
                        self._talk(connection)
                with self._lock:
                    self._connection = None

    def _talk(self, connection: socket.socket) -> None:
        while True:
            body = _receive(connection)
            if body in (b"", bytes((_POWER_OFF,))):
                continue
            if body in (bytes((_POWER_ON,)), bytes((_RESET,))):
                self._card.power()
            elif body == bytes((_GET_ATR,)):
                _send(connection, self._card.atr or _MUTE)
            else:
                self._answer(connection, body)

    def _answer(self, connection: socket.socket, command: bytes) -> None:
        try:
            response = self._card.transmit(command)
        except CardRemoved:
            self.pull()
        except CardSilent:
            self._out.wait()  # whoever asked waits for as long as the card is in
        else:
            _send(connection, response)


def _is_with_itself(connection: socket.socket) -> bool:
    """Whether the system gave the connection the port it was for, because nobody listens there.

    It happens by chance, once in some ten thousand tries, and would keep the service from its port.
    """
    return bool(connection.getsockname() == connection.getpeername())


def _send(connection: socket.socket, body: bytes) -> None:
    # One segment: the driver reads length and body apart, and a second one would wait for it.
    connection.sendall(struct.pack(">H", len(body)) + body)


def _receive(connection: socket.socket) -> bytes:
    (length,) = struct.unpack(">H", _exactly(connection, 2))
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        # Linux forgets the option at each reception. The driver writes length and body apart:
        # without it the body comes one delayed acknowledgement (44 ms) later.
        if _QUICK_ACK is not None:
            connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _hang_up(connection: socket.socket) -> None:
    """Ends the connection and the `recv` of the card's thread."""
    with contextlib.suppress(OSError):  # the service may have hung up first
        connection.shutdown(socket.SHUT_RDWR)  # ends the wait for a command on POSIX
    connection.close()  # and on Windows
