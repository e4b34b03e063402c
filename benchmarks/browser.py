"""A real Chromium without a window, and what is measured inside its pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .measure import NotMeasured

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own, with an empty profile. Raises NotMeasured where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NotMeasured("it needs the package playwright") from None
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise NotMeasured("it needs Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


def open_agent(browser: Browser, one_time_address: str) -> Page:
    """The agent's page, its event stream open."""
    page = browser.new_context().new_page()
    with page.expect_response(lambda response: "/events" in response.url):
        page.goto(one_time_address)
        page.locator("#start").wait_for()
    return page
