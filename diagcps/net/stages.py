"""The stages of a way: how long each may take, and what an error says of how one ended."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable
from typing import Generic, TypeVar

from diagcps.model import DiagError, ProbeTimeout
from diagcps.network import Ended
from diagcps.records import record

Result = TypeVar("Result")


@record
class Limits:
    """How long each stage may take, in seconds."""

    name_s: float = 4.0
    """Of one family."""
    connection_s: float = 4.0
    """Of one family: one address, or two after each other."""
    tunnel_s: float = 5.0
    handshake_s: float = 5.0
    answer_s: float = 6.0
    """From the request to all that is read of the answer."""


class Broken(DiagError):
    """A stage came to an end that is not « done »."""

    def __init__(self, ended: Ended) -> None:
        """`ended` says which."""
        super().__init__(ended.value)
        self.ended = ended


@record
class Stage(Generic[Result]):
    """A stage that was gone: how it ended, how long it took, and what came of it."""

    ended: Ended
    ms: float
    result: Result | None = None
    """None unless it is done."""


async def stage(work: Awaitable[Result], limit_s: float) -> Stage[Result]:
    """`work`, with the limit of its stage; no error of the network leaves it."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(limit_s):
            result = await work
    except (OSError, Broken, ProbeTimeout) as error:
        return Stage(ended=ended_by(error), ms=since(began))
    return Stage(ended=Ended.DONE, ms=since(began), result=result)


def since(began: float) -> float:
    """Milliseconds since `began` (`time.perf_counter`), to a tenth."""
    return round((time.perf_counter() - began) * 1000, 1)


_UNREACHABLE = frozenset({
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.EAFNOSUPPORT,
    getattr(errno, "EHOSTDOWN", errno.EHOSTUNREACH),
})  # fmt: skip
_WINDOWS_ERRORS = {
    121: Ended.TIMEOUT,  # ERROR_SEM_TIMEOUT
    1225: Ended.REFUSED,  # ERROR_CONNECTION_REFUSED
    1231: Ended.UNREACHABLE,  # ERROR_NETWORK_UNREACHABLE
    1232: Ended.UNREACHABLE,  # ERROR_HOST_UNREACHABLE
    1236: Ended.RESET,  # ERROR_CONNECTION_ABORTED
}
"""What overlapped sockets say in the place of Winsock's own codes (WinError.h)."""


def ended_by(error: Exception) -> Ended:
    """The end that an error stands for; FAILED for one that is not known."""
    match error:
        case Broken():
            return error.ended
        case TimeoutError() | ProbeTimeout():
            return Ended.TIMEOUT
        case ConnectionRefusedError() | PermissionError():  # a filter on this workstation
            return Ended.REFUSED
        case ConnectionError():
            return Ended.RESET
        case OSError() if error.errno in _UNREACHABLE:
            return Ended.UNREACHABLE
    return _WINDOWS_ERRORS.get(getattr(error, "winerror", None) or 0, Ended.FAILED)
