"""Nothing of this process's memory is written to disk when it crashes."""

from __future__ import annotations

import sys

_NO_DIALOGUE = 0x8003
"""SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX (errhandlingapi.h)."""


def leave_no_dump() -> None:
    """A crash writes no memory to disk (setrlimit(2)), and waits at no dialogue on Windows."""
    if sys.platform == "win32":
        import ctypes

        ctypes.WinDLL("kernel32").SetErrorMode(_NO_DIALOGUE)
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
