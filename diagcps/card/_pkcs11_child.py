"""What runs in the process that loads a PKCS#11 library: it says each call before it makes it.

On each pipe a message is four bytes of length, big-endian, and JSON. One comes in, {"path": …}.
Out go {"call": name} before each call and one {"result": …}; after it the library is put away.
Whoever started the process ends it when a call does not come back.

Kept to what starts fast: this module is loaded for each reading.
"""

from __future__ import annotations

import _thread
import hashlib
import io
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from diagcps.card.cryptoki import IS_WINDOWS, Cryptoki, CryptokiError, NotLoaded

EXIT_NO_REQUEST = 64
_SLOTS_AT_MOST = 32
_NO_DIALOGUE = 0x8003
"""SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX (errhandlingapi.h)."""

Message = dict[str, Any]


def main(stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Answers one request; the exit code is 0, or 64 when what came in is none.

    Takes the process over: its standard input and output become the null device.
    """
    # Without a buffer: at the end of the process its lock would wait for the thread that reads.
    requests = io.FileIO(_taken(stdin), "r")
    answers = io.BufferedWriter(io.FileIO(_taken(stdout), "w"))
    path = _path(requests)
    if path is None:
        return EXIT_NO_REQUEST
    _leave_no_dump()
    _thread.start_new_thread(_end_with_parent, (requests,))

    def send(message: Message) -> None:
        data = json.dumps(message).encode()
        answers.write(len(data).to_bytes(4, "big") + data)
        answers.flush()

    read_library(path, send)
    return 0


def read_library(path: str, send: Callable[[Message], None]) -> None:
    """Sends everything that the library at `path` shows, then puts it away."""

    def announce(call: str) -> None:
        send({"call": call})

    try:
        library = Cryptoki(path, announce)
        library.initialize()
    except NotLoaded as error:
        send({"result": {"state": "load-failed", "detail": str(error)}})
        return
    except CryptokiError as error:
        send({"result": _failed(error)})
        return
    try:
        slots = library.slots()[:_SLOTS_AT_MOST]
        result = {"state": "read", "slots": [_slot(library, slot) for slot in slots]}
    except CryptokiError as error:
        result = _failed(error)
    with suppress(CryptokiError):
        result["description"], result["version"] = library.info()
    # Before the library is put away: what it showed stands, even if it fails at that.
    send({"result": result})
    with suppress(CryptokiError):
        library.finalize()


def _failed(error: CryptokiError) -> Message:
    return {"state": "failed", "call": error.call, "code": error.code}


def _slot(library: Cryptoki, slot: int) -> Message:
    description = ""
    with suppress(CryptokiError):
        description = library.slot(slot)
    try:
        token = library.token(slot)
    except CryptokiError as error:
        return {"description": description, "code": error.code}
    shown = {"serial": token.serial, "model": token.model, "flags": token.flags}
    return {"description": description, "token": {**shown, **_objects(library, slot)}}


def _objects(library: Cryptoki, slot: int) -> Message:
    mechanisms: tuple[int, ...] = ()
    with suppress(CryptokiError):
        mechanisms = library.signing_mechanisms(slot)
    fingerprints: list[str] = []
    code = 0
    try:
        for value in library.certificates(slot):
            # One by one: those that came before an error stand.
            fingerprints.append(hashlib.sha256(value).hexdigest() if value else "-")  # noqa: PERF401
    except CryptokiError as error:
        code = error.code
    return {"mechanisms": mechanisms, "certificates": fingerprints, "code": code}


def _taken(stream: BinaryIO) -> int:
    """Another descriptor of the stream: a library that prints, or asks, meets the null device."""
    moved = os.dup(stream.fileno())
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
    return moved


def _path(requests: io.FileIO) -> str | None:
    try:
        length = int.from_bytes(_exactly(requests, 4), "big")
        path = json.loads(_exactly(requests, length))["path"]
    except (EOFError, ValueError, TypeError, LookupError):
        return None
    return path if isinstance(path, str) else None


def _exactly(stream: io.FileIO, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = stream.read(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _leave_no_dump() -> None:
    """A crash writes no memory to disk (setrlimit(2)), and waits at no dialogue on Windows."""
    if IS_WINDOWS:
        import ctypes

        ctypes.WinDLL("kernel32").SetErrorMode(_NO_DIALOGUE)  # type: ignore[attr-defined]
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_parent(requests: io.FileIO) -> None:
    """Ends the process when whoever started it has ended: a call that hangs would outlive it.

    By a signal, which on Windows is TerminateProcess: an orderly end would wait for the library.
    """
    while requests.read(1):
        pass
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
