"""Word of every reader and card that comes or goes, from PC/SC's own status changes.

One daemon thread waits inside PC/SC. Each wait is short, so that coming back is a heartbeat: when
it stays away, the service hangs. Only two things are asked again and again, because nobody tells:
a service that is gone whether it is back, and on macOS, where PC/SC reports no arrival of readers,
their list.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from enum import Enum

from diagcps.card import winscard
from diagcps.card.codes import PcscCode
from diagcps.card.winscard import PcscError, ReaderState, Winscard
from diagcps.model import ProbeUnavailable

_WAIT_MS = 2000
_LATE_S = 3.5
_GONE_S = 1.0
# Our own reading sets and clears these: heard as changes, they would make us read for ever.
_PASSING = winscard.CHANGED | winscard.IN_USE | winscard.UNPOWERED


class _Word(Enum):
    BEAT = "beat"
    CHANGE = "change"


class Watch:
    """One follower of the service; made for one call of `changes`."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._announces_readers = True

    async def changes(self) -> AsyncIterator[None]:
        """Yields after each change, when the service falls silent, and when it speaks again."""
        try:
            api = Winscard()
        except ProbeUnavailable:
            return
        loop = asyncio.get_running_loop()
        words: asyncio.Queue[_Word] = asyncio.Queue()

        def tell(word: _Word) -> None:
            try:
                loop.call_soon_threadsafe(words.put_nowait, word)
            except RuntimeError:
                self._stopped.set()  # the loop is closed: nobody listens any more

        threading.Thread(target=self._follow, args=(api, tell), daemon=True).start()
        silent = False
        try:
            while True:
                try:
                    word = await asyncio.wait_for(words.get(), _LATE_S)
                except TimeoutError:
                    if not silent:
                        silent = True
                        yield
                    continue
                # Changes heard while the last one was being looked at need one more look, not many.
                changed = word is _Word.CHANGE
                while not words.empty():
                    changed |= words.get_nowait() is _Word.CHANGE
                if silent or changed:
                    silent = False
                    yield
        finally:
            self._stopped.set()

    def _follow(self, api: Winscard, tell: Callable[[_Word], None]) -> None:
        gone = first = True
        while not self._stopped.is_set():
            try:
                with api.context() as context:
                    # The state at the start is no change; a service that came back is one.
                    tell(_Word.BEAT if first else _Word.CHANGE)
                    gone = first = False
                    self._follow_readers(api, context, tell)
            except PcscError:
                tell(_Word.BEAT if gone else _Word.CHANGE)
                gone, first = True, False
                self._stopped.wait(_GONE_S)

    def _follow_readers(self, api: Winscard, context: int, tell: Callable[[_Word], None]) -> None:
        """Returns when nobody listens any more. Raises PcscError when the service goes."""
        states = self._states(api, context)
        while not self._stopped.is_set():
            now = self._wait(api, context, states)
            names = api.readers(context)
            came_or_went = set(names) != {s.name for s in states if s.name != winscard.PNP}
            if came_or_went:
                now = self._states(api, context)
            changed = came_or_went or any(_differs(a, b) for a, b in zip(states, now, strict=True))
            tell(_Word.CHANGE if changed else _Word.BEAT)
            if now is not states and not changed:
                self._stopped.wait(
                    0.1
                )  # some services report a change that is none, at once, again
            states = now

    def _wait(
        self, api: Winscard, context: int, states: tuple[ReaderState, ...]
    ) -> tuple[ReaderState, ...]:
        """The states after the next change, or the same ones when there was none in time."""
        if not states:
            self._stopped.wait(_WAIT_MS / 1000)
            return states
        try:
            return api.states(context, states, wait_ms=_WAIT_MS)
        except PcscError as error:
            if error.code == PcscCode.SCARD_E_UNKNOWN_READER:
                # A reader has just gone; or, on macOS, the name that announces them is unknown.
                gone = {s.name for s in states} - {*api.readers(context), winscard.PNP}
                self._announces_readers &= bool(gone)
            elif error.code != PcscCode.SCARD_E_TIMEOUT:
                raise
            return states

    def _states(self, api: Winscard, context: int) -> tuple[ReaderState, ...]:
        names = api.readers(context)
        readers = api.states(context, [ReaderState(name=name) for name in names])
        if not self._announces_readers:
            return readers
        # Windows compares the upper half with the number of readers that the caller knows of.
        return (*readers, ReaderState(name=winscard.PNP, flags=len(names) << 16))


def _differs(before: ReaderState, after: ReaderState) -> bool:
    if before.name == winscard.PNP:
        return False  # what it reports is seen in the list of readers
    return before.flags & ~_PASSING != after.flags & ~_PASSING
