"""A program that took the agent's port: it answers what it is told and keeps what it hears."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .wire import LOOPBACK

Reply = Callable[[bytes], bytes]


def says(body: bytes, status: str = "200 OK", *headers: str) -> Reply:
    """The same HTTP answer to every request."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers))
    answer = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    return lambda _: answer


class Squatter:
    """Listens while the block runs."""

    def __init__(self, reply: Reply | None = None, *, drip_s: float | None = None) -> None:
        self._reply = reply or says(b"{}")
        self._drip_s = drip_s
        self._socket = socket.create_server((LOOPBACK, 0))
        self._thread = threading.Thread(target=self._listen)
        self._ended = threading.Event()
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self.heard: list[bytes] = []

    def _listen(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if self._ended.is_set():
                    return
                self.connections += 1
                connection.settimeout(10.0)
                try:
                    self._serve(connection)
                except OSError:
                    continue

    def _serve(self, connection: socket.socket) -> None:
        heard = connection.recv(65536)
        head, _, body = heard.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0] or 0)
        while len(body) < length and (more := connection.recv(65536)):
            body += more
        self.heard.append(head + b"\r\n\r\n" + body)
        answer = self._reply(body)
        if self._drip_s is None:
            connection.sendall(answer)
            return
        for byte in answer:
            if self._ended.wait(self._drip_s):
                return
            connection.sendall(bytes([byte]))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._ended.set()
        socket.create_connection((LOOPBACK, self.port)).close()
        self._thread.join()
        self._socket.close()
