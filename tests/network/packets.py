"""Reads packets of the Internet protocols (RFC 791, RFC 8200) as packet(7) gives them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
OUTGOING = 4
"""PACKET_OUTGOING: sent by this device."""
TCP, UDP, ICMP, ICMPV6, IGMP = 6, 17, 1, 58, 2
_EXTENSIONS = frozenset((0, 43, 60))
"""Headers of IPv6 before that of the protocol (RFC 8200, 4)."""


class Packet(NamedTuple):
    """One packet."""

    source: str
    to: str
    protocol: int
    port: int
    """The one it is for; 0 for a protocol without ports."""
    rest: bytes
    """From the header of the protocol on."""


def packets(kind: int, data: bytes) -> Iterator[Packet]:
    """The packet that came with an Ethernet type; nothing when it is of neither protocol."""
    if kind == ETH_P_IP and len(data) >= 20:
        yield _packet(data[12:16], data[16:20], data[9], data[(data[0] & 15) * 4 :])
    if kind == ETH_P_IPV6 and len(data) >= 40:
        number, rest = data[6], data[40:]
        while number in _EXTENSIONS and len(rest) >= 8:
            number, rest = rest[0], rest[(rest[1] + 1) * 8 :]
        yield _packet(data[8:24], data[24:40], number, rest)


def _packet(source: bytes, to: bytes, number: int, rest: bytes) -> Packet:
    has_ports = number in (TCP, UDP) and len(rest) >= 4
    return Packet(
        source=str(ip_address(source)),
        to=str(ip_address(to)),
        protocol=number,
        port=struct.unpack_from("!H", rest, 2)[0] if has_ports else 0,
        rest=rest,
    )
