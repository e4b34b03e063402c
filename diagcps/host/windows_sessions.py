"""The sessions of a Windows in which several persons may work at once."""

from __future__ import annotations

import os
from collections.abc import Callable

from diagcps.host.common import library
from diagcps.host.windows_api import function
from diagcps.model import ProbeUnavailable

OF_SERVICES = 0
"""The session in which services run, and no person."""


def sessions() -> tuple[Callable[[int], int | None], int]:
    """What gives the number of a process's session, or None where Windows does not say; and ours.

    Raises ProbeUnavailable when ours is not told, ProbeUnsupported where there are none.
    """
    ctypes = library("ctypes")
    pointer = ctypes.POINTER(ctypes.c_ulong)
    ask = function("kernel32", "ProcessIdToSessionId", ctypes.c_ulong, pointer)

    def session_of(pid: int) -> int | None:
        session = ctypes.c_ulong(0)
        return session.value if ask(pid, ctypes.byref(session)) else None

    ours = session_of(os.getpid())
    if ours is None:
        raise ProbeUnavailable("ProcessIdToSessionId")
    return session_of, ours
