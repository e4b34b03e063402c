"""Lists what the workstation sends, on every device (packet(7))."""

from __future__ import annotations

import ctypes
import mmap
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from .names import parse_question
from .packets import ETH_P_ALL, ICMP, ICMPV6, IGMP, OUTGOING, TCP, UDP, Packet, packets

_SOL_PACKET, _SO_ATTACH_FILTER = 263, 26
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _TPACKET_V2 = 5, 6, 10, 1
_LOAD_TYPE = 0xFFFFF004
"""SKF_AD_OFF + SKF_AD_PKTTYPE (linux/filter.h): where a filter finds the way of a packet."""
_FRAME, _FRAMES, _BLOCK = 512, 65536, 1 << 16
"""Bytes that the kernel has for each packet and what it says of it; packets; bytes it takes at once
(Documentation/networking/packet_mmap.rst). A queue of its own would be small without root."""
_ADDRESS = 32
"""Where, in a frame, sockaddr_ll stands: after struct tpacket2_hdr."""
_BEGINNING = 400
"""Bytes that are kept of a packet."""
_PROTOCOLS = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}
_OF_THE_LINK = frozenset(bytes([each]) for each in (*range(130, 137), 143))
"""ICMPv6 that a kernel speaks with its neighbours (RFC 4861, RFC 3810), as it does ARP."""


class Destination(NamedTuple):
    """Where something was sent."""

    device: str
    protocol: str
    """tcp, udp, icmp, icmpv6, or the number of another."""
    address: str
    port: int
    """0 for a protocol without ports."""


class Capture:
    """What is sent from its beginning to its end; a context manager.

    It stands in the namespace of the thread that makes it. What a kernel says to its neighbours on
    the link (ARP, neighbour discovery, multicast membership) is left out.
    """

    def __init__(self) -> None:
        self.destinations: set[Destination] = set()
        """Known when it has ended, as are the names."""
        self.asked: set[str] = set()
        """Every name that a name server was asked for, in lower case."""
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))

    def __enter__(self) -> Capture:
        _only_outgoing(self._socket)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
        ring = struct.pack("IIII", _BLOCK, _FRAME * _FRAMES // _BLOCK, _FRAME, _FRAMES)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, ring)
        self._ring = mmap.mmap(self._socket.fileno(), _FRAME * _FRAMES)
        self._devices = dict(socket.if_nameindex())
        self._missed()  # none of those before counts
        return self

    def __exit__(self, *_raised: object) -> None:
        """Raises RuntimeError when a packet was missed."""
        self._devices |= dict(socket.if_nameindex())
        self._read()
        missed = self._missed()
        self._ring.close()
        self._socket.close()
        if missed:
            raise RuntimeError(f"{missed} packets were missed")

    @property
    def outside(self) -> set[tuple[str, str, int]]:
        """Protocol, address and port of all that did not stay within the workstation."""
        return {each[1:] for each in self.destinations if each.device != "lo"}

    def _missed(self) -> int:
        """Packets since the last time for which the kernel had no place."""
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        missed: int = struct.unpack("II", statistics)[1]
        return missed

    def _read(self) -> None:
        for place in range(0, _FRAME * _FRAMES, _FRAME):
            frame = self._ring[place : place + _FRAME]
            status, _, size, begins = struct.unpack_from("IIIH", frame)
            if not status & 1:  # the kernel's still: there are no more
                return
            _, protocol, device, _, way = struct.unpack_from("=H2siHB", frame, _ADDRESS)
            if way != OUTGOING:  # it came before the filter was there
                continue
            kind = int.from_bytes(protocol, "big")
            for packet in packets(kind, frame[begins : begins + size]):
                self._note(self._devices.get(device, str(device)), packet)

    def _note(self, device: str, packet: Packet) -> None:
        of_the_link = packet.protocol == ICMPV6 and packet.rest[:1] in _OF_THE_LINK
        if of_the_link or packet.protocol == IGMP:
            return
        protocol = _PROTOCOLS.get(packet.protocol, str(packet.protocol))
        self.destinations.add(Destination(device, protocol, packet.to, packet.port))
        if packet.port == 53:
            self.asked.update(_names(protocol, packet.rest))


def _names(protocol: str, rest: bytes) -> Iterator[str]:
    """The name that a packet to a name server asks for."""
    if protocol == "udp":
        message = rest[8:]
    else:
        # The length stands before the message, or came in a packet of its own.
        payload = rest[(rest[12] >> 4) * 4 :] if len(rest) > 12 else b""
        message = payload[2:] if payload[:2] == len(payload[2:]).to_bytes(2, "big") else payload
    try:
        yield parse_question(message)[0]
    except (ValueError, IndexError, struct.error):
        return


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def _only_outgoing(listening: socket.socket) -> None:
    """Has the kernel keep the beginning of what is sent, and nothing of what comes."""
    program = (_Instruction * 4)(
        _Instruction(0x20, 0, 0, _LOAD_TYPE),
        _Instruction(0x15, 0, 1, OUTGOING),
        _Instruction(0x06, 0, 0, _BEGINNING),
        _Instruction(0x06, 0, 0, 0),
    )
    instructions = ctypes.cast(program, ctypes.POINTER(_Instruction))
    wanted = bytes(_Program(len(program), instructions))
    listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, wanted)
