"""What lies behind a connection: TLS, the server's certificate, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from diagcps.catalogue_parts import KnownEndpoint
from diagcps.net.asking import answer_of, ask
from diagcps.net.chain import judge
from diagcps.net.connecting import Tcp
from diagcps.net.means import Means
from diagcps.net.stages import Broken, stage
from diagcps.net.tls import Verified, look, verify
from diagcps.net.tunnel import forwarding, open_tunnel
from diagcps.network import Answer, Ended, Handshake, ServerCertificate, Tls, Tunnel
from diagcps.records import record


@record
class Beyond:
    """The stages of a way that come after the connection."""

    tunnel: Tunnel | None = None
    handshakes: tuple[Handshake, ...] = ()
    certificate: ServerCertificate | None = None
    answer: Answer | None = None


class Door:
    """Opens connections to one address, the first of which stands already."""

    def __init__(self, first: Tcp, again: Callable[[], Awaitable[Tcp]]) -> None:
        """`again` connects anew; it raises OSError and `Broken`."""
        self._first: Tcp | None = first
        self._again = again
        self._opened = [first]

    async def open(self) -> Tcp:
        """The one that stands, then others. Raises OSError and `Broken`."""
        found, self._first = self._first, None
        if found is None:
            found = await self._again()
            self._opened.append(found)
        return found

    def close(self) -> None:
        """Ends them all."""
        for each in self._opened:
            each.close()


async def secured(endpoint: KnownEndpoint, door: Door, means: Means) -> Beyond:
    """TLS in both versions side by side, then once as a browser does; the answer comes that way.

    A server that the workstation does not trust is asked all the same, over a handshake that was
    not judged: nothing of the person is sent, and its date tells whether the clock is why.
    """
    try:
        return await _secured(endpoint, door, means)
    finally:
        door.close()


async def _secured(endpoint: KnownEndpoint, door: Door, means: Means) -> Beyond:
    limit_s = means.limits.handshake_s
    looks = await asyncio.gather(
        *(look(door.open, endpoint.host, version, limit_s) for version in Tls)
    )
    handshakes = tuple(each.handshake for each in looks)
    chain = next((each.chain for each in reversed(looks) if each.chain), ())
    if not chain:
        return Beyond(handshakes=handshakes)
    verified = await verify(door.open, endpoint.host, means.trust, means.verifying, limit_s)
    streams = (verified.stream, *(each.stream for each in reversed(looks)))
    stream = next(filter(None, streams), None)
    certificate = await _certificate(chain, verified, means)
    answer = None
    if stream is not None:
        answer = answer_of(endpoint, *await ask(stream, endpoint, means.limits.answer_s))
    return Beyond(handshakes=handshakes, certificate=certificate, answer=answer)


async def _certificate(
    chain: tuple[bytes, ...], verified: Verified, means: Means
) -> ServerCertificate | None:
    def judged() -> ServerCertificate | None:
        return judge(
            chain,
            roots=means.roots,
            anchors=means.anchors,
            interceptors=means.interceptors,
            trusted=verified.trusted,
            error=verified.error,
        )

    return (await stage(means.judging.run(judged), means.limits.handshake_s)).result


async def plain(endpoint: KnownEndpoint, stream: Tcp, means: Means) -> Beyond:
    """The answer without TLS."""
    return Beyond(answer=answer_of(endpoint, *await ask(stream, endpoint, means.limits.answer_s)))


async def forwarded(endpoint: KnownEndpoint, stream: Tcp, means: Means) -> Beyond:
    """The answer without TLS, which a proxy at the other end of `stream` passes on."""
    heard, gone = await ask(stream, endpoint, means.limits.answer_s, by_proxy=True)
    tunnel = forwarding(heard, gone)
    answer = answer_of(endpoint, heard, gone) if tunnel.ended is Ended.DONE else None
    return Beyond(tunnel=tunnel, answer=answer)


async def tunnelled(
    endpoint: KnownEndpoint, first: Tcp, again: Callable[[], Awaitable[Tcp]], means: Means
) -> Beyond:
    """What `secured` finds through the proxy at the other end of `first`."""

    async def led(stream: Tcp) -> Tunnel:
        return await open_tunnel(stream, endpoint.host, endpoint.port, means.limits.tunnel_s)

    async def again_led() -> Tcp:
        stream = await again()
        ended = (await led(stream)).ended
        if ended is not Ended.DONE:
            stream.close()
            raise Broken(ended)
        return stream

    tunnel = await led(first)
    if tunnel.ended is not Ended.DONE:
        return Beyond(tunnel=tunnel)
    found = await secured(endpoint, Door(first, again_led), means)
    return Beyond(
        tunnel=tunnel,
        handshakes=found.handshakes,
        certificate=found.certificate,
        answer=found.answer,
    )
