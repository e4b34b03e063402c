"""A time server (NTP, RFC 5905) that may be wrong."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterable

from .internet import Internet

_BEGINNING_S = 2_208_988_800
"""From 1900, where NTP begins to count, to 1970."""


class TimeServer:
    """Listens at port 123 (UDP) until it is closed."""

    def __init__(
        self, internet: Internet, addresses: Iterable[str], *, ahead_s: float, answers: bool
    ) -> None:
        self._ahead_s, self._answers = ahead_s, answers
        self._ended = threading.Event()
        self._sockets = [internet.listener(each, 123, socket.SOCK_DGRAM) for each in addresses]
        self._threads = [
            threading.Thread(target=self._serve, args=(each,), daemon=True)
            for each in self._sockets
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Is no more."""
        self._ended.set()
        for each in self._sockets:
            each.sendto(b"", each.getsockname())  # wakes its thread
        for thread in self._threads:
            thread.join(timeout=5.0)
        for each in self._sockets:
            each.close()

    def _serve(self, listening: socket.socket) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                question, client = listening.recvfrom(1024)
                if self._answers and len(question) >= 48:
                    listening.sendto(self._answer(question), client)

    def _answer(self, question: bytes) -> bytes:
        now = _packed(time.time() + self._ahead_s)
        # Version 4, server, stratum 2; the client's own time is given back to it.
        head = struct.pack(">BBbb11x", 0x24, 2, 6, -20) + b"\x00"
        return head + now + question[40:48] + now + now


def _packed(moment_s: float) -> bytes:
    seconds, fraction = divmod(moment_s + _BEGINNING_S, 1)
    return struct.pack(">II", int(seconds) & 0xFFFFFFFF, int(fraction * 2**32))
