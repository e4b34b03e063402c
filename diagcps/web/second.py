"""A second `diagcps` of the same user: finds the agent that runs, and trusts no banner."""

from __future__ import annotations

import http.client
import json
import secrets
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from diagcps.web.handshake import NONCE_BYTES, proof, proves, read_port_file

_PATIENCE_S = 2.0
_LARGEST_ANSWER = 4096


def reopen(port_file: Path, port: int | None) -> str | None:
    """A new one-time address of the running agent; None when none runs that proves it is ours.

    With `port`, only of an agent on that port.
    """
    ours = read_port_file(port_file)
    if ours is None or (port is not None and port != ours.port):
        return None
    nonce = secrets.token_hex(NONCE_BYTES)
    hello = _ask(ours.port, "/agent/hello", {"nonce": nonce})
    if hello is None or not proves(ours.secret, "agent", ours.port, nonce, hello.get("proof")):
        return None  # somebody else sits on the port: nothing more is said to them
    theirs = hello.get("nonce")
    if not isinstance(theirs, str):
        return None
    answer = proof(ours.secret, "open", ours.port, theirs)
    opened = _ask(ours.port, "/agent/open", {"nonce": theirs, "proof": answer})
    path = opened.get("path") if opened else None
    if not isinstance(path, str) or not path.startswith("/open/"):
        return None
    return f"http://127.0.0.1:{ours.port}{path}"


def _ask(port: int, path: str, body: dict[str, str]) -> dict[str, Any] | None:
    """The JSON object that the agent answers; None for any other answer, or none in time."""
    answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()

    def ask() -> None:
        answers.put(_exchange(port, path, body))

    # A connection's limit is one of each byte: a squatter that drips them would hold us for long.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=_PATIENCE_S)
    except Empty:
        return None


def _exchange(port: int, path: str, body: dict[str, str]) -> dict[str, Any] | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read(_LARGEST_ANSWER))
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return None
    finally:
        connection.close()
    return answer if response.status == 200 and isinstance(answer, dict) else None
