"""From inserting a card to the page showing it, beside `pcsc_scan` seeing the same insertions.

One clock: time.monotonic() of this process. What the page stamps with its own performance.now() is
converted; the error is half the shortest round trip to the page, and is printed.
"""

from __future__ import annotations

import os
import pty
import random
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.integration.vpcd import CPS4_T1, EMPTY_S, VirtualCard

from .bench import measure_in_bench, service
from .browser import chromium, open_agent
from .measure import NotMeasured, Row, spread
from .program import Agent

if TYPE_CHECKING:
    from playwright.sync_api import Page

INSERTIONS = 20
LIMIT = 1.3
_PATIENCE_S = 10.0
_LOOK_S = 0.4
"""The service looks for a card this often: insertions are spread over the time between looks."""
_ROUND_TRIPS = 50

_SHOWN = "#check-card\\\\.present.state-pass"
_ARM = f"""() => {{
  window.measured = new Promise((resolve) => {{
    // Called when the script that changed the page has ended, before anything is drawn.
    new MutationObserver((_, observer) => {{
      if (document.querySelector("{_SHOWN}")) {{
        observer.disconnect();
        resolve(performance.now());
      }}
    }}).observe(document.body, {{ childList: true, subtree: true }});
  }});
}}"""


def measure() -> list[Row]:
    """Insertions seen by both, inside the bench. Raises NotMeasured where there is none."""
    return measure_in_bench("insert")


def measure_real() -> list[Row]:
    """The same, from inside the bench."""
    card = VirtualCard(CPS4_T1)
    with service(), _Scan.running() as scan, Agent() as agent, chromium() as browser:
        page = open_agent(browser, agent.line)
        page.locator("#start").click()
        page.locator(".verdict-running, .verdict-none").wait_for(state="detached")
        error_s, pairs = 0.0, []
        try:
            for _ in range(INSERTIONS):
                offset_s, half_trip_s = _clock(page)
                error_s = max(error_s, half_trip_s)
                pairs.append(_insert(card, scan, page, offset_s))
                _pull(card, scan, page)
        finally:
            card.pull()
    ours_ms, theirs_ms = ([s * 1000 for s in side] for side in zip(*pairs, strict=True))
    each = statistics.median(a / b for a, b in zip(ours_ms, theirs_ms, strict=True))
    return [
        Row(
            what="card inserted to page showing it",
            against="pcsc_scan on a pty",
            unit="ms",
            ours=statistics.median(ours_ms),
            theirs=statistics.median(theirs_ms),
            limit=LIMIT,
            note=f"{INSERTIONS} insertions; ours {spread(ours_ms)} ms, theirs {spread(theirs_ms)} "
            f"ms; median of the ratios {each:.2f}; clocks within {error_s * 1000:.2f} ms",
        )
    ]


def _insert(card: VirtualCard, scan: _Scan, page: Page, offset_s: float) -> tuple[float, float]:
    """Seconds from inserting the card to the page showing it, and to pcsc_scan saying so."""
    page.evaluate(_ARM)
    scan.clear()
    time.sleep(random.uniform(0, _LOOK_S))  # noqa: S311  # no secret
    began = time.monotonic()
    card.insert()
    shown_ms: float = page.evaluate("() => window.measured")
    return shown_ms / 1000 + offset_s - began, scan.wait_for(b"Card inserted") - began


def _pull(card: VirtualCard, scan: _Scan, page: Page) -> None:
    """Returns once everybody has seen that the slot is empty."""
    scan.clear()
    card.pull()
    scan.wait_for(b"Card removed")
    page.locator("#check-card\\.present.state-fail").wait_for()
    time.sleep(EMPTY_S)


def _clock(page: Page) -> tuple[float, float]:
    """What to add to the page's seconds for those of time.monotonic(), and the error of that."""
    trips = []
    for _ in range(_ROUND_TRIPS):
        before = time.monotonic()
        page_ms: float = page.evaluate("() => performance.now()")
        after = time.monotonic()
        trips.append(((after - before) / 2, (before + after) / 2 - page_ms / 1000))
    half_trip_s, offset_s = min(trips)
    return offset_s, half_trip_s


class _Scan:
    """`pcsc_scan` on a terminal of its own, each piece of its output stamped as it comes."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._pieces: list[tuple[float, bytes]] = []
        self._news = threading.Condition()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[_Scan]:
        """Ready: it has said what is in the readers. Raises NotMeasured when not installed."""
        program = shutil.which("pcsc_scan")
        if program is None:
            raise NotMeasured("it needs pcsc_scan: install pcsc-tools")
        terminal, theirs = pty.openpty()
        # Without -n it looks each card up in a list, for longer than it needs to see it.
        process = subprocess.Popen([program, "-n"], stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        scan = cls(terminal)
        reader = threading.Thread(target=scan._read, daemon=True)
        reader.start()
        try:
            scan.wait_for(b"Card removed")
            yield scan
        finally:
            process.kill()
            process.wait()
            reader.join()
            os.close(terminal)

    def clear(self) -> None:
        """Forgets what was said."""
        with self._news:
            self._pieces.clear()

    def wait_for(self, words: bytes) -> float:
        """When the words were said, on the monotonic clock. Raises TimeoutError."""
        with self._news:
            if not self._news.wait_for(lambda: self._said(words) is not None, _PATIENCE_S):
                raise TimeoutError(f"pcsc_scan did not say {words.decode()!r}")
            said = self._said(words)
        assert said is not None
        return said

    def _said(self, words: bytes) -> float | None:
        text = b""
        for at, piece in self._pieces:
            text += piece
            if words in text:
                return at
        return None

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._terminal, 4096)
            except OSError:  # EIO: the program has ended
                return
            with self._news:
                self._pieces.append((time.monotonic(), piece))
                self._news.notify_all()
