"""Whether Windows can acquire the keys of certificates: asked in a process that can be ended.

To acquire a key, Windows loads the library of its provider, a vendor's, which may hang or crash.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from diagcps.card import process
from diagcps.model import ProbeError

ACQUIRE_PROVIDER = "_acquire-provider"
"""The hidden command of this program that does so."""

LIMIT_S = 5.0
"""Seconds for all of them: the probe has eight, and starting the process takes some."""


def acquire(
    fingerprints: Sequence[str], *, command: tuple[str, ...] | None = None, limit_s: float = LIMIT_S
) -> tuple[int | None, ...]:
    """What acquiring the key of each certificate of CurrentUser\\My answered, by its SHA-256.

    0, or the code of Windows, unsigned. None for those to which the process did not come: it hung,
    died or could not be started. Not to be called where an event loop runs.
    """
    command = process.own_command(ACQUIRE_PROVIDER) if command is None else command
    codes = asyncio.run(_ask(fingerprints, command, limit_s))
    return (*codes, *[None] * (len(fingerprints) - len(codes)))


async def _ask(
    fingerprints: Sequence[str], command: tuple[str, ...], limit_s: float
) -> list[int | None]:
    codes: list[int | None] = []
    try:
        child = await process.start(command)
    except ProbeError:
        return codes
    try:
        async with asyncio.timeout(limit_s):
            process.say(child, json.dumps({"fingerprints": list(fingerprints)}).encode())
            for _ in fingerprints:
                message = await process.hear(child)
                if message is None:
                    break
                codes.append(_code(message))
    except (TimeoutError, ProbeError):
        pass
    finally:
        await process.end(child)
    return codes


def _code(message: bytes) -> int | None:
    try:
        code = json.loads(message)["code"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return code if type(code) is int and 0 <= code <= 0xFFFF_FFFF else None
