"""Who may speak to the agent: one-time addresses, and the one session they open.

The tabs of one browser share a session by its cookie. A new one-time address begins a new session
and ends the old one, whose pages are told. Times are those of the monotonic clock.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

TOKEN_BYTES = 32
OPENING_S = 60.0
IDLE_S = 30 * 60.0
LONGEST_S = 12 * 3600.0
MOST_FAILURES = 20
FAILURES_S = 60.0


@dataclass(eq=False, kw_only=True)
class Session:
    """One browser's right to use the agent. Held in memory only."""

    key: str
    form_token: str
    language: str
    began: float
    seen: float
    replaced: bool = False
    """A newer session took over."""
    streams: int = 0
    on_end: list[Callable[[], None]] = field(default_factory=list)
    """Called once when the session ends, so that its pages can be told."""


class Sessions:
    """The present session and the one-time addresses that may begin the next."""

    def __init__(self, language: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.language = language
        self._clock = clock
        self._openings: dict[str, float] = {}
        self._failures: deque[float] = deque(maxlen=MOST_FAILURES)
        self.current: Session | None = None

    def new_token(self) -> str:
        """A token for one opening within the next 60 seconds, of 256 random bits."""
        now = self._clock()
        self._openings = {t: born for t, born in self._openings.items() if now - born < OPENING_S}
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._openings[token] = now
        return token

    def redeem(self, token: str) -> Session | None:
        """A new session for a token that is valid, once; the session before it is replaced."""
        known = next((t for t in self._openings if _same(t, token)), None)
        if known is None or self._clock() - self._openings.pop(known) >= OPENING_S:
            self._fail()
            return None
        language = self.current.language if self.current else self.language
        self.end(replaced=True)
        now = self._clock()
        self.current = Session(
            key=secrets.token_urlsafe(TOKEN_BYTES),
            form_token=secrets.token_urlsafe(TOKEN_BYTES),
            language=language,
            began=now,
            seen=now,
        )
        return self.current

    def find(self, key: str) -> Session | None:
        """The session whose cookie holds `key`, while it is neither idle for long nor too old."""
        session = self.current
        if session is None or not _same(session.key, key):
            self._fail()
            return None
        return session if self.touch(session) else None

    def touch(self, session: Session) -> bool:
        """Whether the session still holds: the present one, not idle for long, not too old."""
        now = self._clock()
        if session is not self.current:
            return False
        if now - session.seen >= IDLE_S or now - session.began >= LONGEST_S:
            self.end()
            return False
        session.seen = now
        return True

    def end(self, *, replaced: bool = False) -> None:
        """Ends the present session and tells its pages."""
        session, self.current = self.current, None
        if session is not None:
            session.replaced = replaced
            for tell in tuple(session.on_end):
                tell()

    @property
    def throttled(self) -> bool:
        """Too many wrong tokens lately: whoever sends one more is told to wait."""
        full = len(self._failures) == MOST_FAILURES
        return full and self._clock() - self._failures[0] < FAILURES_S

    def _fail(self) -> None:
        self._failures.append(self._clock())


def _same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode("utf-8", "surrogateescape"))
