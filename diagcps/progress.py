"""The terminal's view of a run under way: one line that follows the log."""

from __future__ import annotations

from typing import TextIO

from diagcps.events import EventLog, Settled, Started
from diagcps.words import Words

_WIDTH = 79


async def show(log: EventLog, words: Words, total: int, out: TextIO) -> None:
    """Keeps one line of `out` true until the log is closed, then clears it."""
    done = 0
    async for _, event in log.follow():
        match event:
            case Started():
                said = words.question(event.check)
            case Settled():
                done += 1
                said = words.question(event.result.check)
            case _:
                continue
        # Spaces, not an escape sequence: a Windows console prints those as they are.
        line = f"{words.ui('progress', done=done, total=total)} · {said}"[:_WIDTH]
        out.write(f"\r{line:{_WIDTH}}")
        out.flush()
    out.write("\r" + " " * _WIDTH + "\r")
    out.flush()
