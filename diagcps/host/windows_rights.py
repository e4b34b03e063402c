"""Whether this program could write in a folder, by the folder's access list: nothing is tried."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from diagcps.host.common import library
from diagcps.host.windows_api import failed, function
from diagcps.host.windows_token import TOKEN_DUPLICATE, TOKEN_QUERY, close, own_token
from diagcps.model import ProbeError

_OWNER_GROUP_AND_LIST = 0x1 | 0x2 | 0x4
"""OWNER_, GROUP_ and DACL_SECURITY_INFORMATION: AccessCheck wants all three (winnt.h)."""
_IDENTIFICATION = 1
"""SecurityIdentification: enough to compare with a list."""
_ADD_FILE = 0x2
"""FILE_ADD_FILE."""
_FILE_RIGHTS = (0x12_0089, 0x12_0116, 0x12_00A0, 0x1F_01FF)
"""FILE_GENERIC_READ, _WRITE and _EXECUTE, FILE_ALL_ACCESS: what generic rights are for a file."""
_MOST_BYTES = 64 << 10
"""An access list is no longer (ACL.AclSize)."""
_ROOM_FOR_PRIVILEGES = 1024


def may_write(folder: Path) -> bool | None:
    """Whether the list lets this program's account add a file; None when it may not be read, or
    Windows has no such calls."""
    with suppress(ProbeError):
        return _is_granted(_descriptor(folder))
    return None


def _descriptor(folder: Path) -> Any:
    """The folder's security descriptor, in a buffer. Raises ProbeUnavailable."""
    ctypes = library("ctypes")
    number, pointer = ctypes.c_ulong, ctypes.c_void_p
    ask = function(
        "advapi32", "GetFileSecurityW", ctypes.c_wchar_p, number, pointer, number, pointer
    )
    room, size = ctypes.create_string_buffer(2 * _MOST_BYTES), number(0)
    if not ask(str(folder), _OWNER_GROUP_AND_LIST, room, len(room), ctypes.byref(size)):
        raise failed("GetFileSecurity")
    return room


def _is_granted(descriptor: Any) -> bool:
    ctypes = library("ctypes")
    number, pointer = ctypes.c_ulong, ctypes.c_void_p
    duplicate = function("advapi32", "DuplicateToken", pointer, ctypes.c_int, pointer)
    check = function(
        "advapi32", "AccessCheck",
        *(pointer, pointer, number, pointer, pointer, pointer, pointer, pointer),
    )  # fmt: skip
    client = pointer()
    with own_token(TOKEN_QUERY | TOKEN_DUPLICATE) as token:
        if not duplicate(token, _IDENTIFICATION, ctypes.byref(client)):
            raise failed("DuplicateToken")
    privileges = ctypes.create_string_buffer(_ROOM_FOR_PRIVILEGES)
    size, granted, answer = number(len(privileges)), number(0), ctypes.c_int(0)
    rights = (number * 4)(*_FILE_RIGHTS)
    try:
        if not check(
            descriptor, client, _ADD_FILE, rights, privileges,
            *map(ctypes.byref, (size, granted, answer)),
        ):  # fmt: skip
            raise failed("AccessCheck")
    finally:
        close(client)
    return bool(answer.value)
