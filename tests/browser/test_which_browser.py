"""The page says which browser it is about, and what only a page can find out of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from .agent import Agent
from .conftest import OpenTab, StartAgent
from .page import PATIENCE_MS, check, judged
from .test_accessibility import assert_fit

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
OF_THIS_PAGE = re.compile(r"^Navigateur contrôlé : Chromium \d+ \(celui de cette page\)\.$")
NAMED = "Navigateur contrôlé : Microsoft Edge (celui que vous avez indiqué)."
ANSWER = "window.isCpsWebExAlive = () => 'CPS Web Extension is available !'"

SEEN = "browser.seen"
CHECK = '''
"""Says which browser it was given."""

from diagcps.api import Area, Check, CheckId, Evidence, PageBrowser


def judge(facts):
    """Passes."""
    page = facts[PageBrowser]
    yield Evidence(key="seen", value=f"{page.kind.value} {page.extension}", source="page")


SEEN = Check(id=CheckId("browser.seen"), area=Area.BROWSER, judge=judge, uses=(PageBrowser,))
'''


@pytest.fixture
def looking(agent: StartAgent, tmp_path: Path) -> Agent:
    """An agent with a question about the browser, in which the person named another one."""
    folder = tmp_path / "checks"
    folder.mkdir(mode=0o700)
    (folder / "seen.py").write_text(CHECK, encoding="utf-8")
    (folder / "seen.py").chmod(0o600)
    return agent("--checks-dir", str(folder), "--browser", "edge")


async def as_firefox(page: Page) -> None:
    """From now on the tab calls itself Firefox, which sends no brands."""
    nothing = dict.fromkeys(("platform", "platformVersion", "architecture", "model"), "")
    metadata = {"brands": [], "mobile": False, **nothing}
    session = await page.context.new_cdp_session(page)
    override = {"userAgent": FIREFOX, "userAgentMetadata": metadata}
    await session.send("Emulation.setUserAgentOverride", override)


async def sees(page: Page, browser: str) -> None:
    """Returns once the question was answered for that browser."""
    evidence = check(page, SEEN).locator("dd")
    await expect(evidence).to_contain_text(browser, timeout=PATIENCE_MS)


@pytest.mark.parametrize("script", [True, False])
async def test_page_names_its_browser_and_another_by_the_keyboard(
    looking: Agent, tab: OpenTab, script: bool
) -> None:
    page = await tab(looking, java_script_enabled=script)
    await expect(page.locator("#browser")).to_have_text(NAMED)
    await page.locator("#other-browser summary").focus()
    await page.keyboard.press("Enter")
    back = page.get_by_role("button", name="Celui de cette page")
    await back.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#browser")).to_have_text(OF_THIS_PAGE)


async def test_naming_another_browser_has_no_violation(looking: Agent, tab: OpenTab) -> None:
    page = await tab(looking)
    await page.locator("#other-browser summary").click()
    await assert_fit(page)


async def test_extension_that_answers_is_judged_without_a_reload(
    looking: Agent, tab: OpenTab
) -> None:
    page = await tab(looking)
    await as_firefox(page)
    await page.locator("#other-browser summary").click()
    await page.get_by_role("button", name="Celui de cette page").click()
    await expect(page.locator("#browser")).to_contain_text("Firefox 145")
    await judged(page)
    await sees(page, "firefox False")
    await page.evaluate(ANSWER)
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await sees(page, "firefox True")
    await page.reload()
    await sees(page, "firefox True")
