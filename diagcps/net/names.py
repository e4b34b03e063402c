"""Names of hosts: looked up through the workstation's own resolver, one family at a time."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence

from diagcps.model import ProbeTimeout
from diagcps.net.stages import Broken, stage
from diagcps.network import Ended, IpFamily, Lookup, Scope
from diagcps.threads import DaemonThreads

Address = tuple[str, int]
"""An address in text, and a port."""
Resolve = Callable[[str, int, IpFamily], Sequence[Address]]
"""The addresses of a host in one family. May block; raises OSError and UnicodeError."""

_MOST = 64
_FAMILIES = {IpFamily.V4: socket.AF_INET, IpFamily.V6: socket.AF_INET6}
_NO_ADDRESS = frozenset({
    getattr(socket, "EAI_NODATA", socket.EAI_NONAME),
    getattr(socket, "EAI_ADDRFAMILY", socket.EAI_NONAME),
    11004,  # WSANO_DATA
})  # fmt: skip
"""The name exists, without an address of that family (RFC 3493, 6.1; Winsock)."""


def system_resolver(host: str, port: int, family: IpFamily) -> Sequence[Address]:
    """What getaddrinfo (RFC 3493, 6.1) says, as every program of the workstation gets it."""
    found = socket.getaddrinfo(host, port, _FAMILIES[family], socket.SOCK_STREAM)
    return [(str(each[4][0]).partition("%")[0], port) for each in found]


def literal(host: str) -> IpFamily | None:
    """The family of a host that is written as an address; None for a name."""
    try:
        return IpFamily.V4 if ipaddress.ip_address(host).version == 4 else IpFamily.V6
    except ValueError:
        return None


async def look_up(
    host: str,
    port: int,
    family: IpFamily,
    *,
    resolve: Resolve,
    threads: DaemonThreads,
    limit_s: float,
) -> tuple[Lookup, tuple[Address, ...]]:
    """The name looked up, and its addresses: none is no fault when the name exists (DONE).

    A system that does not tell an unknown name from one without addresses says NOT_FOUND for both.
    """
    looked = await stage(threads.run(lambda: _addresses(resolve, host, port, family)), limit_s)
    found = looked.result or ()
    scopes = [scope_of(address) for address, _ in found]
    fact = Lookup(
        family=family,
        ended=looked.ended,
        scope=max(scopes, key=_BADNESS.index, default=None),
        count=len(found),
        ms=looked.ms,
    )
    return fact, found


def _addresses(resolve: Resolve, host: str, port: int, family: IpFamily) -> tuple[Address, ...]:
    try:
        return tuple(dict.fromkeys(resolve(host, port, family)))[:_MOST]
    except socket.gaierror as error:
        if error.errno == socket.EAI_NONAME:
            raise Broken(Ended.NOT_FOUND) from error
        if error.errno in _NO_ADDRESS:
            return ()
        raise Broken(Ended.FAILED) from error
    except UnicodeError as error:  # a label that no name can have
        raise Broken(Ended.MALFORMED) from error
    except TimeoutError as error:
        raise ProbeTimeout from error


_BADNESS = (Scope.PUBLIC, Scope.PRIVATE, Scope.NOWHERE)


def _networks(*texts: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Python's own `is_private` and its like have changed from one version to the next.
_PRIVATE = _networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
    "198.18.0.0/15", "fc00::/7", "fe80::/10", "fec0::/10", "64:ff9b:1::/48",
)  # fmt: skip
_NOWHERE = _networks(
    "0.0.0.0/8", "127.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/3", "::/127", "100::/64", "2001:db8::/32", "3fff::/20", "ff00::/8",
)  # fmt: skip
"""IANA IPv4 and IPv6 Special-Purpose Address Registries."""
_HOLDING_V4 = _networks("::ffff:0:0/96", "64:ff9b::/96")
"""An address of version 4 in the last 32 bits (RFC 4291, 2.5.5.2; RFC 6052, 2.1)."""


def scope_of(text: str) -> Scope:
    """What an address is good for; NOWHERE for what is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return Scope.NOWHERE
    if _is_in(address, _HOLDING_V4):
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if _is_in(address, _NOWHERE):
        return Scope.NOWHERE
    return Scope.PRIVATE if _is_in(address, _PRIVATE) else Scope.PUBLIC


def _is_in(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> bool:
    return any(address in network for network in networks)
