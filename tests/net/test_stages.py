"""How a stage ends: limits, and errors of the network on every system."""

from __future__ import annotations

import asyncio
import errno

import pytest

from diagcps.model import ProbeTimeout
from diagcps.net.stages import Broken, ended_by, stage
from diagcps.network import Ended


def _windows_error(code: int) -> OSError:
    error = OSError("as an overlapped socket raises it")
    error.winerror = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (Broken(Ended.TOO_LONG), Ended.TOO_LONG),
        (TimeoutError(), Ended.TIMEOUT),
        (ProbeTimeout(), Ended.TIMEOUT),
        (OSError(errno.ETIMEDOUT, "the system gave up"), Ended.TIMEOUT),
        (ConnectionRefusedError(), Ended.REFUSED),
        (OSError(errno.EACCES, "a filter on this workstation"), Ended.REFUSED),
        (ConnectionResetError(), Ended.RESET),
        (BrokenPipeError(), Ended.RESET),
        (ConnectionAbortedError(), Ended.RESET),
        (OSError(errno.ENETUNREACH, "no route"), Ended.UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, "no route"), Ended.UNREACHABLE),
        (OSError(errno.EADDRNOTAVAIL, "no address of that family"), Ended.UNREACHABLE),
        (OSError(errno.EINVAL, "whatever"), Ended.FAILED),
        (OSError("without a number"), Ended.FAILED),
        (_windows_error(121), Ended.TIMEOUT),
        (_windows_error(1225), Ended.REFUSED),
        (_windows_error(1231), Ended.UNREACHABLE),
        (_windows_error(1232), Ended.UNREACHABLE),
        (_windows_error(1236), Ended.RESET),
        (_windows_error(4711), Ended.FAILED),
    ],
)
def test_every_error_of_the_network_is_an_end(error: Exception, ended: Ended) -> None:
    assert ended_by(error) is ended


async def test_a_stage_that_is_done_has_its_result() -> None:
    async def work() -> int:
        return 7

    gone = await stage(work(), 20)
    assert (gone.ended, gone.result) == (Ended.DONE, 7)
    assert gone.ms >= 0


async def test_a_stage_that_hangs_ends_with_its_limit() -> None:
    gone = await stage(asyncio.Event().wait(), 0.01)
    assert (gone.ended, gone.result) == (Ended.TIMEOUT, None)


async def test_a_fault_of_this_tool_is_not_taken_for_one_of_the_network() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stage(work(), 20)


async def test_who_waits_for_a_stage_can_stop_waiting() -> None:
    waiting = asyncio.create_task(stage(asyncio.Event().wait(), 20))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
