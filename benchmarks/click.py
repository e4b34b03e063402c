"""From the click to the first settled check on the page, measured inside the page."""

from __future__ import annotations

import os
import statistics
import sys
from typing import TYPE_CHECKING

from tests.integration.vpcd import CPS4_T1, VirtualCard

from .bench import measure_in_bench, service
from .browser import chromium, open_agent
from .measure import Row, spread
from .program import Agent, Program

if TYPE_CHECKING:
    from playwright.sync_api import Page

CLICKS = 40
LIMIT = 2.0

_ARM = """() => {
  const settled = ".check:not(.state-pending):not(.state-idle)";
  window.measured = new Promise((resolve) => {
    document.querySelector("#start").addEventListener("click", () => {
      const began = performance.now();
      // Called when the script that changed the page has ended, before anything is drawn.
      new MutationObserver((changes, observer) => {
        const added = changes.flatMap((change) => [...change.addedNodes]);
        const shown = added.filter((node) => node.isConnected && node instanceof Element);
        if (shown.some((node) => node.matches(settled) || node.querySelector(settled))) {
          observer.disconnect();
          resolve(performance.now() - began);
        }
      }).observe(document.body, { childList: true, subtree: true });
    }, { once: true, capture: true });
  });
}"""


def measure() -> list[Row]:
    """Clicks on a simulated workstation and, where the bench can be made, on a real one."""
    return [*_compare("simulated", "--scenario", "vitale"), *measure_in_bench("click")]


def measure_real() -> list[Row]:
    """Clicks on a real workstation with a card in its reader, from inside the bench."""
    with service(), VirtualCard(CPS4_T1):
        return _compare("real")


def _compare(what: str, *options: str) -> list[Row]:
    """Clicks on the agent's page and on the bare one, in turn, in one browser."""
    bare_command = [sys.executable, "-m", f"{__package__}.bare_page"]
    with Agent(*options) as agent, Program(bare_command, os.environ) as bare, chromium() as browser:
        pages = open_agent(browser, agent.line), browser.new_context().new_page()
        with pages[1].expect_response(lambda response: "/events" in response.url):
            pages[1].goto(bare.line)
        first = tuple(map(_click, pages))
        pairs = [tuple(map(_click, pages)) for _ in range(CLICKS)]
    ours_ms, theirs_ms = zip(*pairs, strict=True)
    return [
        Row(
            what=f"click to first settled check ({what})",
            against="bare aiohttp page, one event",
            unit="ms",
            ours=statistics.median(ours_ms),
            theirs=statistics.median(theirs_ms),
            limit=LIMIT,
            note=f"{CLICKS} clicks each; ours {spread(ours_ms)} ms, theirs {spread(theirs_ms)} ms; "
            f"the very first click {first[0]:.1f} and {first[1]:.1f} ms",
        )
    ]


def _click(page: Page) -> float:
    """Milliseconds from a click to the first result, once all of them are shown."""
    page.bring_to_front()
    page.evaluate(_ARM)
    page.locator("#start").click()
    elapsed_ms: float = page.evaluate("() => window.measured")
    page.locator(".state-pending, .verdict-running").first.wait_for(state="detached")
    return elapsed_ms
