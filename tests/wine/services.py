"""Runs inside Windows: creates or deletes a service. Usage: services.py create|delete NAME [START]

START is the service's start type: 2 automatic, 3 manual, 4 disabled (winsvc.h). The service has
no program that could run: it stays stopped.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes

ALL_ACCESS = 0xF01FF
MANAGE = 0xF003F
OWN_PROCESS = 0x10
IGNORE_ERRORS = 0
ERROR_SERVICE_DOES_NOT_EXIST = 1060

advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
for name in ("OpenSCManagerW", "CreateServiceW", "OpenServiceW"):
    getattr(advapi32, name).restype = wintypes.HANDLE


@contextmanager
def opened(handle: int | None) -> Iterator[wintypes.HANDLE]:
    """The handle, closed at the end; raises OSError when Windows gave none."""
    if not handle:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        yield wintypes.HANDLE(handle)
    finally:
        advapi32.CloseServiceHandle(wintypes.HANDLE(handle))


def create(name: str, start: int) -> None:
    """Makes the service known to the service manager."""
    with opened(advapi32.OpenSCManagerW(None, None, MANAGE)) as manager:
        made = advapi32.CreateServiceW(
            manager,
            *(name, name, ALL_ACCESS, OWN_PROCESS, start, IGNORE_ERRORS, "C:\\absent.exe"),
            *(None, None, None, None, None),
        )
        with opened(made):
            pass


def delete(name: str) -> None:
    """Makes the service manager forget it, if it knows it."""
    with opened(advapi32.OpenSCManagerW(None, None, MANAGE)) as manager:
        found = advapi32.OpenServiceW(manager, name, ALL_ACCESS)
        if not found and ctypes.get_last_error() == ERROR_SERVICE_DOES_NOT_EXIST:
            return
        with opened(found) as service:
            if not advapi32.DeleteService(service):
                raise ctypes.WinError(ctypes.get_last_error())


if __name__ == "__main__":
    if sys.argv[1] == "create":
        create(sys.argv[2], int(sys.argv[3]))
    else:
        delete(sys.argv[2])
