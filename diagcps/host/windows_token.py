"""The access token of this program: who runs it, and in which groups (winnt.h)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diagcps.host.common import library
from diagcps.host.windows_api import failed, function

TOKEN_QUERY, TOKEN_DUPLICATE = 0x8, 0x2
_USER, _GROUPS = 1, 2
"""TokenUser, TokenGroups."""
_MOST_BYTES = 1 << 20
_MOST_GROUPS = 4096
_LONGEST_SID = 8 + 4 * 15
"""Bytes: a SID has at most SID_MAX_SUB_AUTHORITIES parts."""


def sid_text(data: bytes) -> str:
    """A security identifier as administrators write it, such as S-1-5-18; empty for none.

    [MS-DTYP] 2.4.2.2: a revision, a count, an authority in six bytes, parts of four bytes.
    """
    if len(data) < 8 or data[0] != 1 or len(data) < 8 + 4 * data[1]:
        return ""
    parts = (int.from_bytes(data[8 + 4 * i : 12 + 4 * i], "little") for i in range(data[1]))
    return "-".join(("S-1", str(int.from_bytes(data[2:8], "big")), *map(str, parts)))


@contextmanager
def own_token(access: int = TOKEN_QUERY) -> Iterator[Any]:
    """The handle of this program's token. Raises ProbeUnavailable, or ProbeUnsupported."""
    ctypes = library("ctypes")
    handle = ctypes.c_void_p()
    this_process = function("kernel32", "GetCurrentProcess", result=ctypes.c_void_p)
    ask = function(
        "advapi32", "OpenProcessToken", ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p
    )  # fmt: skip
    if not ask(this_process(), access, ctypes.byref(handle)):
        raise failed("OpenProcessToken")
    try:
        yield handle
    finally:
        close(handle)


def close(handle: Any) -> None:
    """Closes a handle."""
    function("kernel32", "CloseHandle", library("ctypes").c_void_p)(handle)


def own_user() -> str:
    """The SID of the account that this program runs as. Raises ProbeUnavailable."""
    with own_token() as token:
        return _sids(_information(token, _USER), 1, 0)[0]


def own_groups() -> tuple[str, ...]:
    """The SIDs of its groups, those too that only count against it: what an administrator's token
    loses until they agree (user account control). Raises ProbeUnavailable."""
    ctypes = library("ctypes")
    with own_token() as token:
        room = _information(token, _GROUPS)
        count = min(ctypes.c_ulong.from_buffer(room).value, _MOST_GROUPS)
        return _sids(room, count, ctypes.sizeof(ctypes.c_void_p))


def _information(token: Any, kind: int) -> Any:
    """What GetTokenInformation tells, in a buffer."""
    ctypes = library("ctypes")
    number, pointer = ctypes.c_ulong, ctypes.c_void_p
    ask = function("advapi32", "GetTokenInformation", pointer, number, pointer, number, pointer)
    size = number(0)
    ask(token, kind, None, 0, ctypes.byref(size))
    room = ctypes.create_string_buffer(max(min(size.value, _MOST_BYTES), 64))
    if not ask(token, kind, room, len(room), ctypes.byref(size)):
        raise failed("GetTokenInformation")
    return room


def _sids(room: Any, count: int, offset: int) -> tuple[str, ...]:
    """The identifiers of `count` SID_AND_ATTRIBUTES, which point into the same buffer."""
    ctypes = library("ctypes")

    class Entry(ctypes.Structure):  # type: ignore[misc,name-defined]
        """SID_AND_ATTRIBUTES."""

        _fields_ = (("sid", ctypes.c_void_p), ("attributes", ctypes.c_ulong))

    kind: Any = Entry
    begin, found = ctypes.addressof(room), []
    for entry in (kind * count).from_buffer(room, offset):
        at = (entry.sid or 0) - begin
        found.append(sid_text(room.raw[at : at + _LONGEST_SID]) if at >= 0 else "")
    return tuple(found)
