"""Where things are on the page, and what a person waits for."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

from diagcps import registry
from diagcps.host import this_host
from diagcps.probes import BUILT_IN
from diagcps.profiles import DEFAULT, choose

PATIENCE_MS = 15_000
"""From a change on the workstation to the page that shows it; the bench sees a card in 0.4 s."""
SILENCE_MS = 20_000
"""A service that hangs is given up after 7 to 12 seconds."""

READY = "ready"
NOT_READY = "not-ready"
RUNNING = "running"

_PROFILE = choose(DEFAULT)
CHECKS = sum(
    _PROFILE.covers(check) and this_host().platform in check.platforms
    for check in registry.load(BUILT_IN, installed=False).checks
)
"""How many checks the page of this workstation lists."""

JUDGED = re.compile(r"verdict-(ready|ready-with-warnings|not-ready|undetermined)$")


def check(page: Page, id_: str) -> Locator:
    """The line of a check."""
    return page.locator(f'[id="check-{id_}"]')


def cause(page: Page, id_: str) -> Locator:
    """A root cause, shown with what to do."""
    return page.locator(f'[id="cause-{id_}"]')


def first_cause(page: Page, id_: str) -> Locator:
    """The root cause, provided that it is the one to repair first."""
    return page.locator(f'.verdict > [id="cause-{id_}"]')


def result(page: Page) -> Locator:
    """The heading that says the verdict."""
    return page.locator("#result")


def start(page: Page) -> Locator:
    """The button that starts a run, and starts it again."""
    return page.locator("#start")


async def sees_verdict(page: Page, verdict: str, *, timeout_ms: float = PATIENCE_MS) -> None:
    """Returns once the page shows the verdict."""
    await expect(page.locator(f".verdict.verdict-{verdict}")).to_be_visible(timeout=timeout_ms)


async def sees_cause(page: Page, id_: str, *, timeout_ms: float = PATIENCE_MS) -> None:
    """Returns once the page shows the cause as the one to repair first."""
    await expect(first_cause(page, id_)).to_be_visible(timeout=timeout_ms)


async def sees_outcome(
    page: Page, id_: str, outcome: str, *, timeout_ms: float = PATIENCE_MS
) -> None:
    """Returns once the line of the check has the outcome."""
    line = check(page, id_)
    await expect(line).to_have_class(f"check state-{outcome}", timeout=timeout_ms)


async def run(page: Page, verdict: str) -> None:
    """Clicks the button and waits for the verdict."""
    await start(page).click()
    await sees_verdict(page, verdict)
    await expect(result(page)).to_be_focused()


async def judged(page: Page) -> None:
    """Clicks the button and waits for a verdict, whichever it is."""
    await start(page).click()
    await expect(page.locator(".verdict")).to_have_class(JUDGED, timeout=PATIENCE_MS)


async def switch_language(page: Page, language: str) -> None:
    """Switches to the language, unless the page speaks it already."""
    if await page.locator("html").get_attribute("lang") != language:
        await page.locator(".top form[action='/language'] button").click()
        await expect(page.locator("html")).to_have_attribute("lang", language)


async def open_all_details(page: Page) -> None:
    """Opens everything that is folded."""
    await page.evaluate(
        "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
    )
