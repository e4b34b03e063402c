"""The kernel's list of Unix-domain sockets: what its bytes mean, and bytes that mean nothing."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
import tempfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.unix_diag import Dump, UnixSocket, list_unix_sockets, parse_dump
from diagcps.model import ProbeDenied, ProbeError, ProbeUnsupported

CAPTURED = bytes.fromhex(
    "4c00000014000200010000000100000001010100016b00000300000000000000"
    "1a0000002f72756e2f70637363642f70637363642e636f6d6d0000000800020"
    "02f6d000005000600000000004400000014000200010000000100000001010a"
    "008c6a000004000000000000001a0000002f72756e2f70637363642f706373"
    "63642e636f6d6d0000000500060000000000300000001400020001000000010"
    "0000001010100"
    "2f6d000005000000000000000800020001"
    "6b00000500060000000000"
)
"""A pcscd's end of a connection, its listening socket and the client's end (Linux 6.18)."""

DONE = struct.pack("=IHHIIi", 20, 3, 2, 1, 1, 0)


def attribute(kind: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), kind) + value + padding


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 1) + body


def socket_message(inode: int, *attributes: bytes, family: int = 1) -> bytes:
    return message(20, struct.pack("=BBBBIII", family, 1, 1, 0, inode, 0, 0) + b"".join(attributes))


def test_a_captured_answer_names_the_service_and_its_client() -> None:
    path = "/run/pcscd/pcscd.comm"

    assert parse_dump(CAPTURED) == Dump(
        sockets=(
            UnixSocket(inode=27393, peer=27951, name=path),
            UnixSocket(inode=27276, peer=0, name=path),
            UnixSocket(inode=27951, peer=27393, name=""),
        ),
        is_complete=False,
    )


def test_the_last_message_completes_the_list() -> None:
    assert parse_dump(DONE) == Dump(sockets=(), is_complete=True)
    assert parse_dump(socket_message(7) + DONE).is_complete


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b"/run/a\0", "/run/a"),
        (b"/run/a", "/run/a"),
        (b"\0/run/a", "@/run/a"),
        (b"", ""),
        (b"/\xff", "/\udcff"),
    ],
)
def test_a_name_is_a_path_or_abstract(value: bytes, name: str) -> None:
    (found,) = parse_dump(socket_message(7, attribute(0, value))).sockets

    assert found.name == name


def test_flags_in_an_attributes_type_do_not_hide_it() -> None:
    (found,) = parse_dump(socket_message(7, attribute(0x8002, struct.pack("=I", 9)))).sockets

    assert found.peer == 9


@pytest.mark.parametrize("kind", [2, 3])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EPERM, ProbeDenied),
        (errno.EACCES, ProbeDenied),
        (errno.ENOENT, ProbeUnsupported),
        (errno.EINVAL, ProbeUnsupported),
    ],
)
def test_an_error_of_the_kernel_is_a_declared_one(
    kind: int, code: int, error: type[ProbeError]
) -> None:
    with pytest.raises(error):
        parse_dump(message(kind, struct.pack("=i", -code)))


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        struct.pack("=IHHII", 15, 20, 2, 1, 1),
        struct.pack("=IHHII", 17, 20, 2, 1, 1),
        message(20, b"\1"),
        message(2, b""),
        message(4, b""),
        socket_message(7, family=2),
        socket_message(7, b"\0"),
        socket_message(7, struct.pack("=HH", 3, 0)),
        socket_message(7, struct.pack("=HH", 5, 0)),
        socket_message(7, attribute(2, b"\0\0\0\0\0")),
    ],
)
def test_bytes_that_are_no_answer_are_unsupported(data: bytes) -> None:
    with pytest.raises(ProbeUnsupported):
        parse_dump(data)


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_undeclared(data: bytes) -> None:
    with suppress(ProbeError):
        parse_dump(data)


@given(st.integers(0, len(CAPTURED) - 1), st.integers(0, 255), st.integers(0, len(CAPTURED)))
def test_no_damage_to_an_answer_raises_anything_undeclared(
    place: int, value: int, length: int
) -> None:
    damaged = bytearray(CAPTURED + DONE)
    damaged[place] = value
    with suppress(ProbeError):
        parse_dump(bytes(damaged[:length]))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own list")
def test_the_kernel_lists_a_socket_and_its_peer() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as client,
    ):
        path = f"{folder}/here"
        listener.bind(path)
        listener.listen()
        client.connect(path)
        with listener.accept()[0] as accepted:
            found = {entry.inode: entry for entry in list_unix_sockets()}
            ours = found[os.fstat(accepted.fileno()).st_ino]

            assert ours.name == path
            assert ours.peer == os.fstat(client.fileno()).st_ino


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own list")
def test_a_list_longer_than_one_datagram_is_read_to_its_end() -> None:
    pairs = [socket.socketpair() for _ in range(400)]
    try:
        listed = {entry.inode for entry in list_unix_sockets()}
        assert {os.fstat(end.fileno()).st_ino for pair in pairs for end in pair} <= listed
    finally:
        for pair in pairs:
            for end in pair:
                end.close()
