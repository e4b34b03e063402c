"""Runs inside Windows: does one act with a code, as the page does it.

Usage: act.py LIBRARY ACT CODE [NEW]. Prints what is shown before, then the conclusion, one JSON
object a line; the exit code is that of the command line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any, ClassVar

from diagcps import acting
from diagcps.acting import Conclusion
from diagcps.card.act import Act
from diagcps.card.middleware import LibraryMiddleware
from tests.integration.acts import codes, examine, prepared


class Impatient(LibraryMiddleware):
    """Waits no longer than a test can; Python takes up to 7 s to start under Wine."""

    LIMIT_S: ClassVar[float] = 10.0


def tell(**said: Any) -> None:
    """Writes one line, at once."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def concluded(conclusion: Conclusion) -> dict[str, Any]:
    """What is said of the act in JSON's types."""
    course = conclusion.course
    return {
        "result": conclusion.result.value,
        "proven": conclusion.proven,
        "stopped": None if course.stopped is None else course.stopped.value,
        "ended": course.ended,
        "calls": [[call.name, call.code] for call in course.calls],
        "pin": None if conclusion.pin is None else asdict(conclusion.pin),
        "puk": None if conclusion.puk is None else asdict(conclusion.puk),
        "locked": conclusion.library_locked,
    }


async def main(library: str, act: str, given: str, new: str | None = None) -> int:
    """The exit code of the act."""
    runner = examine(library).runner
    shown = await prepared(runner, Act(act))
    tell(left=shown.left)
    typed = codes(given, new)
    conclusion = await acting.perform(runner, Impatient(), shown, typed)
    tell(**concluded(conclusion), wiped=not any(map(len, typed)))
    return conclusion.exit_code


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
