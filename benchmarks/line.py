"""A CPS3 at its own line speed: when the page shows what decides, beside what its bytes need.

Counted from the moment at which the page shows that the agent has seen the card and begun to read.
"""

from __future__ import annotations

import json
import statistics
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from diagcps.card.simulator import build, pki, vpcd
from diagcps.card.simulator.base import Plastic
from tests.integration.vpcd import EMPTY_S

from .bench import measure_in_bench, service
from .browser import chromium, open_agent
from .cards import BAUD, Heard, line_seconds, parts, size
from .measure import Row, spread
from .program import Agent
from .reading import read_whole

if TYPE_CHECKING:
    from playwright.sync_api import Page

RUNS = 5
COUNTERS_LIMIT = 2.5
CERTIFICATE_LIMIT = 1.25
_PATIENCE_MS = 30_000

_SHOWN = {
    # No card any more, and not yet judged again: the agent has seen the card, and reads it.
    "began": "#check-card\\.present:not(.state-fail)",
    "generation": "#check-card\\.recognised.state-pass",
    "pin": "#check-pin\\.state.state-pass",
    "puk": "#check-puk\\.state.state-pass",
    "valid": "#check-certificate\\.valid.state-pass",
    "trusted": "#check-certificate\\.trusted.state-pass",
}
_ARM = f"""() => {{
  const wanted = Object.entries({json.dumps(_SHOWN)});
  const shown = {{}};
  window.measured = new Promise((resolve) => {{
    new MutationObserver((_, observer) => {{
      for (const [name, selector] of wanted) {{
        if (!(name in shown) && document.querySelector(selector)) {{
          shown[name] = performance.now();
        }}
      }}
      if (Object.keys(shown).length === wanted.length) {{
        observer.disconnect();
        resolve(shown);
      }}
    }}).observe(document.body, {{ childList: true, subtree: true }});
  }});
}}"""


def measure() -> list[Row]:
    """Measured inside the bench. Raises NotMeasured where there is none."""
    return measure_in_bench("line")


def measure_real() -> list[Row]:
    """The same, from inside the bench."""
    counters, certificate = [], []
    anchors = ("--trust-anchors", str(pki.anchors_file()), "--pkcs11-module", "none")
    with service(), Agent(*anchors) as agent, chromium() as browser:
        page = open_agent(browser, agent.line)
        page.locator("#start").click()
        page.locator(".verdict-running, .verdict-none").wait_for(state="detached")
        for _ in range(RUNS):
            shown = _insert(page)
            counters.append(max(shown[n] for n in ("generation", "pin", "puk")) - shown["began"])
            certificate.append(max(shown["valid"], shown["trusted"]) - shown["began"])
    own_counters, own_certificate = _own_bytes()
    return [
        _row("codes and generation of a CPS3 on the page", counters, own_counters, COUNTERS_LIMIT),
        _row("verdict on its certificate", certificate, own_certificate, CERTIFICATE_LIMIT),
    ]


def _row(what: str, ours_ms: list[float], own: int, limit: float) -> Row:
    return Row(
        what=what,
        against=f"{own} bytes on the line",
        unit="s",
        ours=statistics.median(ours_ms) / 1000,
        theirs=line_seconds(own),
        limit=limit,
        note=f"median of {len(ours_ms)}: {spread(ms / 1000 for ms in ours_ms)} s; {BAUD} baud",
    )


def _own_bytes() -> tuple[int, int]:
    """Bytes of commands and responses that lead to the counters, and to the certificate."""
    card = Heard(Plastic(model="cps3"))
    read_whole(card)
    found = parts(card.exchanges)
    shared = size(found["3F002F00"]) + size(found["3F0000015031"])
    counters = shared + size(found["3F0000017001"]) + size(found["codes"])
    certificate = shared + size(found["3F0000017005"]) + size(found["3F000001B002"])
    return counters, certificate


def _insert(page: Page) -> dict[str, float]:
    """When the page showed each thing, in its own milliseconds; the card is out on return."""
    page.evaluate(_ARM)
    slow = build.make(Plastic(model="cps3", baud=BAUD), datetime.now(UTC))
    with vpcd.insert(slow):
        shown: dict[str, float] = page.evaluate("() => window.measured")
        page.locator("#check-certificate\\.signature.state-pass").wait_for(timeout=_PATIENCE_MS)
    page.locator("#check-card\\.present.state-fail").wait_for()
    time.sleep(EMPTY_S)
    return shown
