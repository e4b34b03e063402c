"""What the processes that load a PKCS#11 library have in common: pipes, and leaving nothing behind.

On each pipe a message is four bytes of length, big-endian, and JSON.
Kept to what starts fast: this module is loaded for each reading.
"""

from __future__ import annotations

import io
import json
import os
import signal
from typing import Any, BinaryIO

EXIT_NO_REQUEST = 64

Message = dict[str, Any]


def take_over(stdin: BinaryIO, stdout: BinaryIO) -> tuple[io.FileIO, io.BufferedWriter]:
    """Where requests come in and answers go out; the streams themselves become the null device."""
    # Without a buffer: at the end of the process its lock would wait for the thread that reads.
    return io.FileIO(_taken(stdin), "r"), io.BufferedWriter(io.FileIO(_taken(stdout), "w"))


def _taken(stream: BinaryIO) -> int:
    """Another descriptor of the stream: a library that prints, or asks, meets the null device."""
    moved = os.dup(stream.fileno())
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
    return moved


def send(answers: io.BufferedWriter, message: Message) -> None:
    """Writes the message whole, at once. Raises OSError when nobody reads any more."""
    data = json.dumps(message).encode()
    answers.write(len(data).to_bytes(4, "big") + data)
    answers.flush()


def exactly(stream: io.FileIO, size: int) -> bytes:
    """The next `size` bytes. Raises EOFError when fewer come."""
    data = b""
    while len(data) < size:
        part = stream.read(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def exactly_into(stream: io.FileIO, room: bytearray) -> None:
    """Fills `room`, and makes no copy on the way. Raises EOFError when fewer bytes come."""
    filled = 0
    while filled < len(room):
        with memoryview(room) as whole, whole[filled:] as rest:
            count = stream.readinto(rest)
        if not count:
            raise EOFError
        filled += count


def end_now() -> None:
    """Ends the process at once, whatever hangs in it.

    By a signal, which on Windows is TerminateProcess: an orderly end would wait for the library.
    """
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def end_with_parent(requests: io.FileIO) -> None:
    """Ends the process when whoever started it has ended: a call that hangs would outlive it."""
    while requests.read(1):
        pass
    end_now()
