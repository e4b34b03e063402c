"""Connections over TCP: both families of a host side by side, the first that stands is gone on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from diagcps.net.names import Address, Resolve, literal, look_up
from diagcps.net.stages import Broken, Limits, Stage, since, stage
from diagcps.network import Connection, Ended, IpFamily, Lookup
from diagcps.records import record
from diagcps.threads import DaemonThreads

_PIECE = 1 << 16


class Stream(Protocol):
    """Bytes, either way. Raises OSError and `Broken`."""

    async def read(self) -> bytes:
        """What came, 64 KiB at most; nothing at the end."""

    async def write(self, data: bytes) -> None:
        """Sends all of it."""

    def close(self) -> None:
        """Ends it at once, whatever is under way."""


class Tcp:
    """A connection over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Of one that stands."""
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        """What came; nothing at the end. Raises OSError."""
        return await self._reader.read(_PIECE)

    async def write(self, data: bytes) -> None:
        """Sends all of it. Raises OSError."""
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """Ends it at once: nobody waits for the other side."""
        self._writer.transport.abort()


async def connect(address: Address) -> Tcp:
    """A connection to that address. Raises OSError, and `Broken` for what is none."""
    host, port = address
    try:
        return Tcp(*await asyncio.open_connection(host, port))
    except OverflowError as error:  # a port that there cannot be
        raise Broken(Ended.MALFORMED) from error


@record
class Leg:
    """What became of one family of a host."""

    lookup: Lookup | None = None
    """None for a host that is written as an address."""
    connection: Connection | None = None
    """None without an address."""
    address: Address | None = None
    """The one that answered."""
    stream: Tcp | None = None


async def leg(
    host: str, port: int, family: IpFamily, *, resolve: Resolve, threads: DaemonThreads,
    limits: Limits,
) -> Leg:  # fmt: skip
    """The name, then the first address of the family; the second when that one fails."""
    lookup: Lookup | None = None
    addresses: Sequence[Address] = ((host, port),)
    if literal(host) is None:
        lookup, addresses = await look_up(
            host, port, family, resolve=resolve, threads=threads, limit_s=limits.name_s
        )
    if not addresses:
        return Leg(lookup=lookup)
    gone = await _first_of(addresses[:2], limits.connection_s)
    address, stream = gone.result or (None, None)
    fact = Connection(family=family, ended=gone.ended, ms=gone.ms)
    return Leg(lookup=lookup, connection=fact, address=address, stream=stream)


async def _first_of(addresses: Sequence[Address], limit_s: float) -> Stage[tuple[Address, Tcp]]:
    """The first address that answers, each with its part of the limit."""
    began, ended = time.perf_counter(), Ended.UNREACHABLE
    for address in addresses:
        gone = await stage(connect(address), limit_s / len(addresses))
        ended = gone.ended
        if gone.result is not None:
            return Stage(ended=ended, ms=since(began), result=(address, gone.result))
    return Stage(ended=ended, ms=since(began))
