"""What the last diagnosis came to, kept for the next start: repairs close browsers and computers.

Only a cause, a profile and a date: nothing that says who or where.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diagcps.model import CauseId, ProfileId
from diagcps.records import record

_KEPT_FOR = timedelta(days=7)


@record
class Unfinished:
    """A repair that was under way."""

    cause: CauseId
    profile: ProfileId
    at: datetime


def load(path: Path | None, now: datetime) -> Unfinished | None:
    """The repair kept at `path` within the last seven days, if any."""
    if path is None:
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8")[:4096])
        at = datetime.fromisoformat(data["at"])
        if not isinstance(data["cause"], str) or not isinstance(data["profile"], str):
            return None
        cause, profile = CauseId(data["cause"]), ProfileId(data["profile"])
        kept = Unfinished(cause=cause, profile=profile, at=at)
        fresh = timedelta(0) <= now - at < _KEPT_FOR
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return kept if fresh else None


def save(path: Path | None, unfinished: Unfinished) -> None:
    """Keeps `unfinished`; a disk that refuses is no reason to stop."""
    if path is None:
        return
    entry = {
        "cause": unfinished.cause,
        "profile": unfinished.profile,
        "at": unfinished.at.astimezone(UTC).isoformat(),
    }
    with suppress(OSError):
        path.write_text(json.dumps(entry), encoding="utf-8")


def forget(path: Path | None) -> None:
    """Removes what was kept."""
    if path is not None:
        with suppress(OSError):
            path.unlink()
