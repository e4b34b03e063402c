"""Nothing of this process's memory is written to disk when it crashes, or read by its equals."""

from __future__ import annotations

import sys

_NO_DIALOGUE = 0x8003
"""SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX (errhandlingapi.h)."""
_PR_SET_DUMPABLE = 4
"""linux/prctl.h."""


def leave_no_dump() -> None:
    """A crash writes no memory to disk (setrlimit(2)), and waits at no dialogue on Windows."""
    if sys.platform == "win32":
        import ctypes

        ctypes.WinDLL("kernel32").SetErrorMode(_NO_DIALOGUE)
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_looking_in() -> None:
    """No other program of this user can read the memory of this process or trace it, and no handler
    of crashes is piped it (Linux: PR_SET_DUMPABLE of prctl(2), core(5)). Nothing on other systems.

    Only for a process that starts no other: it can no longer read its own /proc/self.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
