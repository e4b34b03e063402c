"""A router that says « unreachable » (ICMP), as one on the way does: a moment after the packet.

The kernel's own rules say it within the call that sends the packet, where a sender that is still
busy with its connection does not hear it.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from .packets import ETH_P_ALL, ETH_P_IP, OUTGOING, Packet, packets

_MOMENT_S = 0.002
_MOST = 1232
"""Bytes of the packet that are given back (RFC 4443, 2.4)."""
_UNREACHABLE = {4: (3, 1), 6: (1, 3)}
"""Type and code: no way to the host (RFC 792), to the address (RFC 4443, 3.1)."""
_PROHIBITED = {4: (3, 13), 6: (1, 1)}
"""Type and code: a filter forbids it (RFC 1812, 5.2.7.1; RFC 4443, 3.1)."""


class Router:
    """Answers what comes by one device for the addresses that it is told, until it is closed.

    It is made in the namespace of that device.
    """

    def __init__(self, device: str) -> None:
        self._rules: list[tuple[IPv4Network | IPv6Network, int | None, bool]] = []
        self._ended = threading.Event()
        self._senders = {
            4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
            6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
        }
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket.settimeout(0.05)
        self._socket.bind((device, ETH_P_ALL))
        self._thread = threading.Thread(target=self._route, daemon=True)
        self._thread.start()

    def reject(self, to: str, port: int | None, *, prohibited: bool) -> None:
        """Answers what is for an address or a prefix, at one port or at all."""
        self._rules.append((ip_network(to), port, prohibited))

    def clear(self) -> None:
        """Answers nothing any more."""
        self._rules = []

    def close(self) -> None:
        """Is no more."""
        self._ended.set()
        self._thread.join(timeout=5.0)
        for each in (self._socket, *self._senders.values()):
            each.close()

    def _route(self) -> None:
        while not self._ended.is_set():
            try:
                data, (_, protocol, way, *_) = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            if way != OUTGOING:
                for packet in packets(protocol, data):
                    self._answer(packet, 4 if protocol == ETH_P_IP else 6, data)

    def _answer(self, packet: Packet, version: int, data: bytes) -> None:
        for network, port, prohibited in self._rules:
            if ip_address(packet.to) in network and port in (None, packet.port):
                kind, code = (_PROHIBITED if prohibited else _UNREACHABLE)[version]
                time.sleep(_MOMENT_S)
                self._senders[version].sendto(_message(kind, code, data), (packet.source, 0))
                return


def _message(kind: int, code: int, data: bytes) -> bytes:
    """The message, with the checksum of ICMP; the kernel puts that of ICMPv6."""
    body = bytes(4) + data[:_MOST]
    padded = struct.pack("BBH", kind, code, 0) + body + bytes(len(body) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBH", kind, code, total ^ 0xFFFF) + body
