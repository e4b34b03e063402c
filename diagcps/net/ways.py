"""The ways to the endpoints: each gone in stages as far as it leads, all of them side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack

from diagcps.catalogue_parts import KnownEndpoint
from diagcps.net.beyond import Beyond, Door, forwarded, plain, secured, tunnelled
from diagcps.net.connecting import Leg, Tcp, connect, leg
from diagcps.net.means import Means
from diagcps.net.names import Address, literal
from diagcps.net.stages import since, stage
from diagcps.net.tunnel import proxy_address
from diagcps.network import Ended, IpFamily, Reach, Via, Way

_PLAIN_PORT = 80
_MOST_PROXIES = 3


async def reach_all(
    endpoints: Sequence[KnownEndpoint],
    *,
    means: Means,
    proxies: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Reach, ...]:
    """The ways to each endpoint, in their order, all gone at the same time.

    `proxies` are those of each endpoint, by its id: « host:port », in the order in which they are
    tried. A way that is stuck costs the limit of its stage, and delays no other.
    """
    chosen = proxies or {}
    async with asyncio.TaskGroup() as group:
        # While names are looked up. An error of it is met again where the thing is used.
        group.create_task(stage(means.judging.run(means.read), means.limits.name_s))
        tasks = [
            group.create_task(reach(each, means=means, proxies=chosen.get(each.id, ())))
            for each in endpoints
        ]
    return tuple(task.result() for task in tasks)


async def reach(endpoint: KnownEndpoint, *, means: Means, proxies: Sequence[str] = ()) -> Reach:
    """The direct way to the endpoint and, with `proxies`, that through the first that answers, or
    through the first of all when none does."""
    began = time.perf_counter()
    direct, through = await asyncio.gather(
        _directly(endpoint, means), _through_one_of(proxies, endpoint, means)
    )
    return Reach(
        endpoint=endpoint.id,
        host=endpoint.host,
        ways=(direct,) if through is None else (direct, through),
        ms=since(began),
    )


async def _directly(endpoint: KnownEndpoint, means: Means) -> Way:
    async def beyond(stream: Tcp, address: Address) -> Beyond:
        if endpoint.port == _PLAIN_PORT:
            return await plain(endpoint, stream, means)
        return await secured(endpoint, Door(stream, lambda: connect(address)), means)

    return await _way(Via.DIRECT, (endpoint.host, endpoint.port), beyond, means)


async def _through_one_of(
    proxies: Sequence[str], endpoint: KnownEndpoint, means: Means
) -> Way | None:
    async def beyond(stream: Tcp, address: Address) -> Beyond:
        if endpoint.port == _PLAIN_PORT:
            return await forwarded(endpoint, stream, means)
        return await tunnelled(endpoint, stream, lambda: connect(address), means)

    first: Way | None = None
    places = filter(None, map(proxy_address, proxies[:_MOST_PROXIES]))
    for place in places:
        way = await _way(Via.PROXY, place, beyond, means)
        if any(each.ended is Ended.DONE for each in way.connections):
            return way
        first = first or way
    return first


async def _way(
    via: Via,
    place: Address,
    beyond: Callable[[Tcp, Address], Awaitable[Beyond]],
    means: Means,
) -> Way:
    """The way to a place and, over the first connection that stands, beyond it."""
    host, port = place
    own = literal(host)
    with ExitStack() as opened:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_leg(host, port, family, means, opened))
                for family in IpFamily
                if own in (None, family)
            ]
            found = await _first(tasks, beyond)
    legs = [task.result() for task in tasks]
    return Way(
        via=via,
        lookups=tuple(each.lookup for each in legs if each.lookup),
        connections=tuple(each.connection for each in legs if each.connection),
        tunnel=found.tunnel,
        handshakes=found.handshakes,
        certificate=found.certificate,
        answer=found.answer,
    )


async def _leg(host: str, port: int, family: IpFamily, means: Means, opened: ExitStack) -> Leg:
    found = await leg(
        host, port, family, resolve=means.resolve, threads=means.naming, limits=means.limits
    )
    if found.stream is not None:
        opened.callback(found.stream.close)
    return found


async def _first(
    legs: Sequence[asyncio.Task[Leg]], beyond: Callable[[Tcp, Address], Awaitable[Beyond]]
) -> Beyond:
    """What lies behind the family that connects first: a slow one is told, and delays nothing."""
    for done in asyncio.as_completed(legs):
        found = await done
        if found.stream is not None and found.address is not None:
            return await beyond(found.stream, found.address)
    return Beyond()
