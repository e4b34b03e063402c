"""What runs in the process that loads a PKCS#11 library: it says each call before it makes it.

One message comes in, {"path": …}. Out go {"call": name} before each call and one {"result": …};
after it the library is put away. Whoever started the process ends it when a call does not return.

Kept to what starts fast: this module is loaded for each reading.
"""

from __future__ import annotations

import _thread
import hashlib
import io
import json
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from diagcps.card._child import (
    EXIT_NO_REQUEST,
    Message,
    end_with_parent,
    exactly,
    send,
    take_over,
)
from diagcps.card.cryptoki import Cryptoki, CryptokiError, NotLoaded
from diagcps.host.no_dump import leave_no_dump

_SLOTS_AT_MOST = 32


def main(stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Answers one request; the exit code is 0, or 64 when what came in is none.

    Takes the process over: its standard input and output become the null device.
    """
    requests, answers = take_over(stdin, stdout)
    path = _path(requests)
    if path is None:
        return EXIT_NO_REQUEST
    leave_no_dump()
    _thread.start_new_thread(end_with_parent, (requests,))
    read_library(path, lambda message: send(answers, message))
    return 0


def read_library(path: str, say: Callable[[Message], None]) -> None:
    """Says everything that the library at `path` shows, then puts it away."""

    def announce(call: str) -> None:
        say({"call": call})

    try:
        library = Cryptoki(path, announce)
        library.initialize()
    except NotLoaded as error:
        say({"result": {"state": "load-failed", "code": error.code, "detail": str(error)}})
        return
    except CryptokiError as error:
        say({"result": _failed(error)})
        return
    try:
        slots = library.slots()[:_SLOTS_AT_MOST]
        result = {"state": "read", "slots": [_slot(library, slot) for slot in slots]}
    except CryptokiError as error:
        result = _failed(error)
    with suppress(CryptokiError):
        result["description"], result["version"] = library.info()
    # Before the library is put away: what it showed stands, even if it fails at that.
    say({"result": result})
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
    shown = {
        "serial": token.serial,
        "model": token.model,
        "flags": token.flags,
        "pin_lengths": token.pin_lengths,
    }
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


def _path(requests: io.FileIO) -> str | None:
    try:
        length = int.from_bytes(exactly(requests, 4), "big")
        path = json.loads(exactly(requests, length))["path"]
    except (EOFError, ValueError, TypeError, LookupError):
        return None
    return path if isinstance(path, str) else None
