"""HTTP proxies of the establishment (RFC 9110, 7.6 and 9.3.6)."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from .answers import Answer, Request
from .authorities import Authorities, Authority
from .names import Names
from .servers import Connection
from .tls import Tls

_OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_LIMIT_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Proxying:
    """How a proxy treats its clients; it lets everyone through without arguments."""

    logins: tuple[str, ...] = ()
    """The ways to identify oneself that it offers, each a value of Proxy-Authenticate
    (`Negotiate`, `NTLM`, `Basic realm="x"`): it wants one of them first (407)."""
    accepts: str = ""
    """The value of Proxy-Authorization with which it lets a client through all the same."""
    answer: Answer | None = None
    """Says that to every request, instead of passing it on."""
    intercepts: Authority | None = None
    """Opens TLS itself, with certificates that this authority has made."""
    wait_s: float = 0.0
    """Passes before it says anything."""

    def handle(
        self, connection: Connection, names: Names, authorities: Authorities, seen: list[Request]
    ) -> None:
        """Serves one client; requests are added to `seen`. Raises OSError."""
        request = Request.read(connection)
        seen.append(request)
        connection.wait(self.wait_s)
        refused = self._refused(request)
        if refused is not None:
            refused.send(connection)
            return
        is_tunnel = request.method == "CONNECT"
        parts = urlsplit(f"//{request.target}" if is_tunnel else request.target)
        host, port = parts.hostname or "", parts.port or 80
        try:
            server = _connected(names, host, port)
        except TimeoutError:
            Answer(status=504).send(connection)
            return
        except OSError:
            Answer(status=502).send(connection)
            return
        with server:
            if not is_tunnel:
                server.sendall(_for_server(request, parts.path or "/"))
                _pass_on(server, connection)
            elif self.intercepts is None:
                connection.send(_OPENED)
                _both_ways(server, connection)
            else:
                connection.send(_OPENED)
                context = authorities.context(Tls(authority=self.intercepts, sends_root=True), host)
                connection.secure(context)
                _intercept(server, connection, host, seen)

    def _refused(self, request: Request) -> Answer | None:
        if self.answer is not None:
            return self.answer
        if not self.logins or (
            self.accepts and request.field("proxy-authorization") == self.accepts
        ):
            return None
        return Answer(
            status=407,
            fields=tuple(("Proxy-Authenticate", each) for each in self.logins),
            body=b"<html>authentification requise</html>",
        )


def _connected(names: Names, host: str, port: int) -> socket.socket:
    """A connection to the true host of that name. Raises OSError."""
    failed: OSError = ConnectionRefusedError(f"no such host: {host}")
    for address in names.of(host) or _literal(host):
        try:
            return socket.create_connection((address, port), timeout=_LIMIT_S)
        except OSError as error:
            failed = error
    raise failed


def _literal(host: str) -> tuple[str, ...]:
    try:
        return (str(ip_address(host)),)
    except ValueError:
        return ()


def _for_server(request: Request, path: str) -> bytes:
    kept = (f"{n}: {v}" for n, v in request.fields if not n.startswith(("proxy-", "connection")))
    lines = (f"{request.method} {path} HTTP/1.1", *kept, "Connection: close", "", "")
    return "\r\n".join(lines).encode("latin-1")


def _intercept(
    server: socket.socket, connection: Connection, host: str, seen: list[Request]
) -> None:
    """Passes one request on, read in clear, and its answer."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    request = Request.read(connection)
    seen.append(request)
    with blind.wrap_socket(server, server_hostname=host) as secured:
        secured.sendall(request.head)
        _pass_on(secured, connection)


def _pass_on(server: socket.socket, connection: Connection) -> None:
    for part in _parts(server):
        connection.send(part)


def _both_ways(server: socket.socket, connection: Connection) -> None:
    client = connection.socket
    others = {server: client, client: server}
    reading = [server, client]
    try:
        while reading and not connection.ended:
            ready, _, _ = select.select(reading, [], [], _LIMIT_S)
            if not ready:
                return
            for each in ready:
                part = each.recv(65536)
                if part:
                    others[each].sendall(part)
                else:
                    others[each].shutdown(socket.SHUT_WR)
                    reading.remove(each)
    except ConnectionResetError:
        connection.reset()  # as it was: a proxy hides nothing


def _parts(source: socket.socket) -> Iterator[bytes]:
    while part := source.recv(65536):
        yield part
