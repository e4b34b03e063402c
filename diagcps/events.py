"""What happens during a run, as an append-only log that any number of readers follow.

The page's stream, a second tab, a reconnection, the terminal's progress and the tests are all
readers of the same log; each keeps its own place, so none can slow or overflow another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from diagcps.model import CheckId, CheckResult, Diagnosis
from diagcps.records import record


@record
class Snapshot:
    """A run begins, or goes on after a change: the results that stand, and what is under way."""

    run: int
    results: Mapping[CheckId, CheckResult]
    pending: tuple[CheckId, ...]


@record
class Started:
    """A check's facts are being read."""

    check: CheckId


@record
class Settled:
    """A check has its result."""

    result: CheckResult


@record
class Judged:
    """The diagnosis of all that has settled."""

    diagnosis: Diagnosis


@record
class Finished:
    """The run is over; the next one begins with a click or a change on the workstation."""

    run: int
    afresh: bool
    """Somebody asked for the run; False when the workstation changed."""
    duration_ms: float


@record
class ActChanged:
    """What the page says of an act with a code has changed; it holds nothing of the act itself."""


@record
class Heartbeat:
    """Nothing happened for a while; never in the log itself."""


Event = Snapshot | Started | Settled | Judged | Finished | ActChanged | Heartbeat


class EventLog:
    """The events of the present run, numbered from 1 without gaps for the life of the process.

    A Snapshot holds all that came before it, so appending one forgets the older events: memory
    does not grow with the number of runs. All methods belong to one event loop.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._first = 1
        self.closed = False
        self._grown: asyncio.Future[None] | None = None

    @property
    def last(self) -> int:
        """The number of the newest event; 0 before the first."""
        return self._first + len(self._events) - 1

    def append(self, event: Event) -> int:
        """The number given to `event`; every follower is woken."""
        if isinstance(event, Snapshot):
            self._first += len(self._events)
            self._events = []
        self._events.append(event)
        self._wake()
        return self.last

    def close(self) -> None:
        """Ends every follower once it has read what is there."""
        self.closed = True
        self._wake()

    def since(self, after: int) -> tuple[tuple[int, Event], ...]:
        """The events after number `after` that are still kept, with their numbers."""
        start = max(after + 1, self._first)
        return tuple(enumerate(self._events[start - self._first :], start))

    async def follow(
        self, after: int = 0, *, heartbeat_s: float | None = None
    ) -> AsyncIterator[tuple[int, Event]]:
        """Events after number `after`, as they come, until the log is closed.

        With `heartbeat_s`, a Heartbeat under the last number after so many quiet seconds. A number
        that was never given here is another process's: then from the first event that is kept.
        """
        after = after if after <= self.last else 0
        while True:
            batch = self.since(after)
            for after, event in batch:
                yield after, event
            if batch:
                continue
            if self.closed:
                return
            done, _ = await asyncio.wait({self.growth()}, timeout=heartbeat_s)
            if not done:
                yield min(after, self.last), Heartbeat()

    def growth(self) -> asyncio.Future[None]:
        """Done at the next event, or when the log is closed; shared, so never to be cancelled."""
        if self._grown is None:
            self._grown = asyncio.get_running_loop().create_future()
        return self._grown

    def _wake(self) -> None:
        if self._grown is not None:
            self._grown.set_result(None)
            self._grown = None
