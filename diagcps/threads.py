"""Calls that may hang for ever, on threads that never hold the process back."""

from __future__ import annotations

import _thread
import asyncio
from collections.abc import Callable
from typing import TypeVar

from diagcps.model import ProbeTimeout

Result = TypeVar("Result")


class DaemonThreads:
    """Runs blocking calls on daemon threads and counts those that nobody waits for any more.

    `asyncio.to_thread` would join a hung thread when the process ends; a daemon thread is left.
    """

    def __init__(self, most_stuck: int = 3) -> None:
        self._most_stuck = most_stuck
        self.stuck = 0

    async def run(self, call: Callable[[], Result]) -> Result:
        """What `call()` returns or raises; it goes on alone if the caller is cancelled.

        Raises ProbeTimeout at once while `most_stuck` earlier calls still hang: what they ask is
        known not to answer, and a thread for each new question would be a leak.
        """
        if self.stuck >= self._most_stuck:
            raise ProbeTimeout
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()

        def deliver(result: Result | None, error: Exception | None) -> None:
            if answer.cancelled():
                self.stuck -= 1
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # a Result when no error

        def work() -> None:
            result: Result | None = None
            error: Exception | None = None
            try:
                result = call()
            except Exception as raised:
                error = raised
                if isinstance(raised, StopIteration):  # no future takes this one
                    error = RuntimeError("StopIteration")
            except SystemExit:
                error = RuntimeError("a call tried to end the program")
            try:
                loop.call_soon_threadsafe(deliver, result, error)
            except RuntimeError:
                return  # the loop was closed meanwhile: nobody is there to be told

        # Not threading.Thread: its start waits for the thread to run, and the event loop with it.
        # Like a daemon thread, this one never holds the end of the process back.
        _thread.start_new_thread(work, ())
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.cancelled():
                self.stuck += 1
            raise
