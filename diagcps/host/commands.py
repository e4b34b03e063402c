"""Commands of the system: at a fixed place, with fixed arguments, without a shell, for a time."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from diagcps.model import ProbeDenied, ProbeTimeout, ProbeUnavailable

_TIMEOUT_S = 4.0
_MOST_BYTES = 16 << 20

Run = Callable[..., bytes]
"""`run(tool, *arguments)`: what the command prints. Raises ProbeError subclasses."""


def output_of(tool: str, *arguments: str) -> bytes:
    """What a tool of the system prints, of which the first 16 MiB count.

    Raises ProbeTimeout when it does not end, ProbeDenied when it may not be started, and
    ProbeUnavailable when it is not there or fails.
    """
    try:
        done = subprocess.run(  # noqa: S603 (an absolute path and constants)
            (tool, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C"},
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeTimeout(tool) from error
    except PermissionError as error:
        raise ProbeDenied(tool) from error
    except OSError as error:
        raise ProbeUnavailable(f"{tool}: {error.strerror}") from error
    if done.returncode:
        raise ProbeUnavailable(f"{tool}: exit code {done.returncode}")
    return done.stdout[:_MOST_BYTES]
