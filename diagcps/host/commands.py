"""Commands of the system: at a fixed place, with fixed arguments, without a shell, for a time."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable

from diagcps.model import ProbeDenied, ProbeTimeout, ProbeUnavailable

_TIMEOUT_S = 4.0
_MOST_BYTES = 16 << 20
_PIECE = 64 << 10

Run = Callable[..., bytes]
"""`run(tool, *arguments)`: what the command prints. Raises ProbeError subclasses."""


def output_of(tool: str, *arguments: str) -> bytes:
    """What a tool of the system prints. After 16 MiB it is ended, and those count.

    Raises ProbeTimeout when it does not end, ProbeDenied when it may not be started, and
    ProbeUnavailable when it is not there or fails.
    """
    try:
        with subprocess.Popen(  # noqa: S603 (an absolute path and constants)
            (tool, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C"},
        ) as process:
            try:
                return _printed(process, tool)
            finally:
                process.kill()  # nothing to one that has ended
    except subprocess.TimeoutExpired as error:
        raise ProbeTimeout(tool) from error
    except PermissionError as error:
        raise ProbeDenied(tool) from error
    except OSError as error:
        raise ProbeUnavailable(f"{tool}: {error.strerror}") from error


def _printed(process: subprocess.Popen[bytes], tool: str) -> bytes:
    """Raises TimeoutExpired and ProbeUnavailable."""
    until, printed = time.monotonic() + _TIMEOUT_S, bytearray()
    assert process.stdout is not None, "it was started with a pipe"  # noqa: S101
    with selectors.DefaultSelector() as pipe:
        pipe.register(process.stdout, selectors.EVENT_READ)
        while len(printed) < _MOST_BYTES:
            left = until - time.monotonic()
            # What the tool itself started may keep the pipe open after it.
            if left <= 0 or not pipe.select(left):
                raise subprocess.TimeoutExpired(tool, _TIMEOUT_S)
            piece = os.read(process.stdout.fileno(), _PIECE)
            if not piece:
                break
            printed += piece
        else:
            return bytes(printed[:_MOST_BYTES])
    if code := process.wait(max(0.0, until - time.monotonic())):
        raise ProbeUnavailable(f"{tool}: exit code {code}")
    return bytes(printed)
