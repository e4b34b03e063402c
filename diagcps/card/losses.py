"""Readers that go away: how often, within the last minute."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

WITHIN_S = 60.0
_MOST = 64


class Losses:
    """Remembers which readers were there at the last look, and which have gone since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._there: frozenset[str] = frozenset()
        self._gone: deque[tuple[float, str]] = deque(maxlen=_MOST)

    def look(self, models: Iterable[str]) -> None:
        """Takes note of the readers that are there now.

        While one comes as another goes, the person exchanges readers: that is no loss.
        """
        now = frozenset(models)
        if not now - self._there:
            self._gone.extend((self._clock(), model) for model in sorted(self._there - now))
        self._there = now

    def recent(self) -> tuple[str, ...]:
        """The model of each reader that went within the last minute, once for each time."""
        since = self._clock() - WITHIN_S
        return tuple(model for moment, model in self._gone if moment >= since)
