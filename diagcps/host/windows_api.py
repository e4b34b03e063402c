"""Functions of Windows' own libraries, taken when they are called for: there are none elsewhere."""

from __future__ import annotations

from typing import Any

from diagcps.host.common import as_probe_errors, library
from diagcps.model import ProbeUnavailable, ProbeUnsupported

_LOAD_LIBRARY_SEARCH_SYSTEM32 = 0x800


def function(dll: str, name: str, *arguments: Any, result: Any = None) -> Any:
    """A function of a system library, from the system's own folder and no other.

    `arguments` and `result` are the types of ctypes that it takes and gives, an int without the
    latter. Raises ProbeUnsupported where it is not.
    """
    ctypes = library("ctypes")
    loader = getattr(ctypes, "WinDLL", None)
    if loader is None:
        raise ProbeUnsupported("not Windows")
    try:
        with as_probe_errors():
            loaded = loader(
                f"{dll}.dll", winmode=_LOAD_LIBRARY_SEARCH_SYSTEM32, use_last_error=True
            )
    except ProbeUnavailable as error:
        raise ProbeUnsupported(f"{dll}.dll: {error}") from error
    found = getattr(loaded, name, None)
    if found is None:
        raise ProbeUnsupported(f"{dll}.dll has no {name}")
    found.argtypes = arguments
    found.restype = result or ctypes.c_int
    return found


def failed(call: str) -> ProbeUnavailable:
    """The error of the call that has just failed, by its code (GetLastError)."""
    return ProbeUnavailable(f"{call}: {last_error():#x}")


def last_error() -> int:
    """The code that the last call of a `function` of this thread left, unsigned."""
    return int(library("ctypes").get_last_error()) & 0xFFFF_FFFF
