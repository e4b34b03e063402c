"""Through a proxy: the tunnel to a server (CONNECT), and the ways it offers to identify oneself."""

from __future__ import annotations

import re
from collections.abc import Iterable

from diagcps.net.connecting import Stream
from diagcps.net.messages import Exchange
from diagcps.net.names import Address
from diagcps.net.stages import Broken, Stage, stage
from diagcps.network import Ended, Login, Tunnel

NEEDS_LOGIN = 407
_MOST_LOGINS = 8


def proxy_address(text: str) -> Address | None:
    """The host and port of « host:port », an IPv6 address in brackets; None for anything else."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None
    is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536
    return (host, int(port)) if host and is_port else None


async def open_tunnel(stream: Stream, host: str, port: int, limit_s: float) -> Tunnel:
    """What the proxy at the other end of `stream` answers to CONNECT (RFC 9110, 9.3.6).

    When that is « done », the stream leads to the host.
    """
    heard = Exchange()
    gone = await stage(_connect(stream, heard, f"{host}:{port}"), limit_s)
    return Tunnel(ended=gone.ended, status=heard.status, logins=_offered(heard), ms=gone.ms)


async def _connect(stream: Stream, heard: Exchange, authority: str) -> None:
    http = await heard.head(stream, "CONNECT", authority, authority)
    if not 200 <= (heard.status or 0) < 300:
        raise Broken(Ended.FAILED)
    if http.trailing_data[0]:  # in a tunnel of TLS the client speaks first
        raise Broken(Ended.MALFORMED)


def forwarding(heard: Exchange, gone: Stage[None]) -> Tunnel:
    """What the answer to a request that a proxy forwards says of the proxy itself.

    Any status but 407 may be the server's own: the proxy is then done with its part.
    """
    ended = Ended.DONE if heard.status else gone.ended
    if heard.status == NEEDS_LOGIN:
        ended = Ended.FAILED
    return Tunnel(ended=ended, status=heard.status, logins=_offered(heard), ms=gone.ms)


def _offered(heard: Exchange) -> tuple[Login, ...]:
    is_asked = heard.status == NEEDS_LOGIN
    return logins_of(heard.values("proxy-authenticate")) if is_asked else ()


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?')
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"\s*({_WORD})(?:\s+(?![=\s])|\s*$)")
"""A word that is followed by a space and no « = », or by nothing: not the name of a parameter."""
_LOGINS = {each.value: each for each in Login if each is not Login.OTHER}


def logins_of(challenges: Iterable[str]) -> tuple[Login, ...]:
    """The schemes of Proxy-Authenticate fields (RFC 9110, 11.6.1, 11.7.1), each once."""
    found: dict[Login, None] = {}
    for challenge in challenges:
        for part in _QUOTED.sub('""', challenge).split(","):
            if scheme := _SCHEME.match(part):
                found[_LOGINS.get(scheme[1].lower(), Login.OTHER)] = None
    return tuple(found)[:_MOST_LOGINS]
