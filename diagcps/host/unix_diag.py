"""The Unix-domain sockets of this network namespace, as the Linux kernel lists them.

sock_diag(7) and linux/unix_diag.h: a netlink dump, which any user may ask for.
"""

from __future__ import annotations

import errno
import socket
import struct
import time

from diagcps.host.common import as_probe_errors
from diagcps.model import ProbeDenied, ProbeError, ProbeTimeout, ProbeUnsupported
from diagcps.records import record

# Python's socket module has names for these on Linux alone.
_AF_NETLINK = 16
_AF_UNIX = 1
_NETLINK_SOCK_DIAG = 4

_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLMSG_OVERRUN = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301

_UNIX_DIAG_NAME = 0
_UNIX_DIAG_PEER = 2
_UDIAG_SHOW_NAME_AND_PEER = 0x1 | 0x4
_EVERY_STATE = 0xFFFFFFFF
_NO_COOKIE = 0xFFFFFFFF
_ATTRIBUTE_KIND = 0x3FFF
"""The two upper bits of an attribute's type are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER)."""

_MESSAGE = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBHIIIII")
_SOCKET = struct.Struct("=BBBBIII")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=i")
_INODE = struct.Struct("=I")

_DATAGRAM_BYTES = 1 << 16
"""The kernel fills at most 32 KiB for one read of a dump (netlink_dump in net/netlink)."""
_DUMP_BYTES = 16 << 20


@record
class UnixSocket:
    """One socket. The peer's inode is 0 without a connection that was accepted."""

    inode: int
    peer: int
    name: str
    """The path it was bound to; « @ » and the rest for an abstract name; empty without a name."""


@record
class Dump:
    """What some bytes of an answer hold; `is_complete` when the dump ends with them."""

    sockets: tuple[UnixSocket, ...]
    is_complete: bool


def list_unix_sockets(*, timeout_s: float = 2.0) -> tuple[UnixSocket, ...]:
    """Every Unix-domain socket of this network namespace.

    Raises ProbeDenied where a sandbox forbids netlink, ProbeTimeout when the kernel does not
    answer in time, ProbeUnsupported when it has no unix_diag.
    """
    body = _REQUEST.pack(
        _AF_UNIX, 0, 0, _EVERY_STATE, 0, _UDIAG_SHOW_NAME_AND_PEER, _NO_COOKIE, _NO_COOKIE
    )
    request = _MESSAGE.pack(
        _MESSAGE.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 1, 0
    )
    deadline = time.monotonic() + timeout_s
    found: list[UnixSocket] = []
    received = 0
    with as_probe_errors(), _open() as netlink:
        netlink.settimeout(timeout_s)
        netlink.send(request + body)
        while time.monotonic() < deadline and received < _DUMP_BYTES:
            datagram = netlink.recv(_DATAGRAM_BYTES)
            received += len(datagram)
            part = parse_dump(datagram)
            found += part.sockets
            if part.is_complete:
                return tuple(found)
    raise ProbeTimeout("the kernel's list of Unix-domain sockets did not end")


def parse_dump(data: bytes) -> Dump:
    """The sockets in one datagram of the kernel's answer.

    Raises ProbeDenied or ProbeUnsupported for an error the kernel reports, ProbeUnsupported for
    bytes that are no such answer.
    """
    found: list[UnixSocket] = []
    offset = 0
    while offset < len(data):
        if len(data) - offset < _MESSAGE.size:
            raise _malformed("header")
        length, kind, *_ = _MESSAGE.unpack_from(data, offset)
        if not _MESSAGE.size <= length <= len(data) - offset:
            raise _malformed("message length")
        body = data[offset + _MESSAGE.size : offset + length]
        offset += _aligned(length)
        if kind == _SOCK_DIAG_BY_FAMILY:
            found.append(_parse_socket(body))
        elif kind == _NLMSG_DONE:
            # Since Linux 4.15 the last message carries the error that ended the dump.
            if len(body) >= _NUMBER.size:
                _raise_for(body)
            return Dump(sockets=tuple(found), is_complete=True)
        elif kind == _NLMSG_ERROR:
            _raise_for(body)
        elif kind == _NLMSG_OVERRUN:
            raise ProbeUnsupported("NETLINK_SOCK_DIAG: data lost")
    return Dump(sockets=tuple(found), is_complete=False)


def _open() -> socket.socket:
    """A netlink socket. Raises ProbeUnsupported for a system without netlink or sock_diag."""
    try:
        return socket.socket(_AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    except OSError as error:
        if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
            raise ProbeUnsupported(f"NETLINK_SOCK_DIAG: {error.strerror}") from error
        raise


def _parse_socket(body: bytes) -> UnixSocket:
    if len(body) < _SOCKET.size:
        raise _malformed("socket")
    family, _, _, _, inode, *_ = _SOCKET.unpack_from(body)
    if family != _AF_UNIX:
        raise _malformed("family")
    peer, name = 0, ""
    offset = _SOCKET.size
    while offset < len(body):
        if len(body) - offset < _ATTRIBUTE.size:
            raise _malformed("attribute")
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if not _ATTRIBUTE.size <= length <= len(body) - offset:
            raise _malformed("attribute length")
        value = body[offset + _ATTRIBUTE.size : offset + length]
        offset += _aligned(length)
        if kind & _ATTRIBUTE_KIND == _UNIX_DIAG_NAME:
            name = _socket_name(value)
        elif kind & _ATTRIBUTE_KIND == _UNIX_DIAG_PEER:
            if len(value) != _INODE.size:
                raise _malformed("peer")
            (peer,) = _INODE.unpack(value)
    return UnixSocket(inode=inode, peer=peer, name=name)


def _socket_name(value: bytes) -> str:
    if value.startswith(b"\0"):
        return "@" + value[1:].decode(errors="surrogateescape")
    # Some kernels count the closing NUL of a path, some do not.
    return value.partition(b"\0")[0].decode(errors="surrogateescape")


def _raise_for(body: bytes) -> None:
    """Raises the error in a message; 0 is an acknowledgement."""
    if len(body) < _NUMBER.size:
        raise _malformed("error")
    (code,) = _NUMBER.unpack_from(body)
    if code in (-errno.EPERM, -errno.EACCES):
        raise ProbeDenied("NETLINK_SOCK_DIAG: refused")
    if code < 0:
        raise ProbeUnsupported(f"NETLINK_SOCK_DIAG: error {-code}")


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _malformed(what: str) -> ProbeError:
    return ProbeUnsupported(f"NETLINK_SOCK_DIAG: malformed {what}")
