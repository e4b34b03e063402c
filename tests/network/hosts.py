"""The machines of the Internet, as a test has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .answers import Answer, Request, html
from .authorities import Authorities
from .internet import Internet
from .servers import Connection, Server, Trouble
from .tls import Tls

Responder = Answer | Callable[[Request], Answer]


@dataclass(eq=False)
class Host:
    """A machine in the Internet: a name, an address of each family, a server at some ports."""

    name: str
    v4: str | None
    v6: str | None
    _internet: Internet
    _authorities: Authorities
    _servers: dict[int, Server] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    """What was asked of it by HTTP, at whatever port, oldest first."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, that of IPv4 first."""
        return tuple(each for each in (self.v4, self.v6) if each is not None)

    def serve(
        self,
        answer: Responder | None = None,
        *,
        port: int = 443,
        tls: Tls | None = None,
        trouble: Trouble | None = None,
        wait_s: float = 0.0,
    ) -> Host:
        """Puts a server at a port, in place of the one that was there.

        It speaks TLS at every port but 80 (`tls` says how it differs from a healthy server), then
        HTTP: `answer` to every request, or what it returns for one; a page when none is given.
        `trouble` is done instead of all that. `wait_s` passes before it does anything.
        """
        responder = answer or html()
        secured = tls or (None if port == 80 else Tls())
        context = None if secured is None else self._authorities.context(secured, self.name)

        def handle(connection: Connection) -> None:
            connection.wait(wait_s)
            if trouble is not None:
                connection.do(trouble)
                return
            if context is not None:
                connection.secure(context)
            request = Request.read(connection)
            self.requests.append(request)
            (responder if isinstance(responder, Answer) else responder(request)).send(connection)

        return self.listen(port, handle)

    def listen(self, port: int, handle: Callable[[Connection], None]) -> Host:
        """Puts any server at a port: `handle` has each connection, in a thread of its own."""
        self.stop(port)
        self._servers[port] = Server(self._internet, self.addresses, port, handle)
        return self

    def stop(self, port: int | None = None) -> None:
        """Takes the server away, or every one: the port then refuses."""
        for each in [port] if port is not None else list(self._servers):
            if (server := self._servers.pop(each, None)) is not None:
                server.close()


@dataclass(eq=False)
class Proxy:
    """A proxy of the establishment."""

    host: Host
    port: int

    @property
    def address(self) -> str:
        """Its name and port, as a setting holds them."""
        return f"{self.host.name}:{self.port}"

    @property
    def url(self) -> str:
        """Its address as `https_proxy` holds it."""
        return f"http://{self.address}"

    @property
    def requests(self) -> list[Request]:
        """What was asked of it, oldest first; in a tunnel that it opens it reads nothing."""
        return self.host.requests

    def stop(self) -> None:
        """Ends it: the port refuses from then on."""
        self.host.stop()
