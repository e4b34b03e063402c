"""The page is complete without JavaScript: forms, links and a page that reloads itself."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.integration.conftest import InsertCard
from tests.integration.vpcd import CPS3, VITALE_2

from .agent import SlowQuestion
from .conftest import OpenScenario, OpenTab, StartAgent, Workstation
from .page import (
    CHECKS,
    NOT_READY,
    READY,
    RUNNING,
    check,
    sees_cause,
    sees_outcome,
    sees_verdict,
    start,
)

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]


async def click_until_judged(page: Page, verdict: str) -> None:
    """Clicks the button; the page may come back before the run is over, and reloads itself then."""
    await start(page).click()
    await sees_verdict(page, verdict)


async def test_page_starts_a_run_and_shows_its_result(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    page = await tab(agent(), java_script_enabled=False)
    await expect(page.locator(".check.state-idle")).to_have_count(CHECKS)
    await click_until_judged(page, READY)
    settled = page.locator(".check.state-pass, .check.state-not-applicable")
    await expect(settled).to_have_count(CHECKS)


async def test_page_reloads_itself_while_a_run_is_under_way(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, slow: SlowQuestion
) -> None:
    page = await tab(agent(*slow.arguments), java_script_enabled=False)
    await start(page).click()
    await sees_verdict(page, RUNNING)
    await expect(page.get_by_role("link", name="Actualiser")).to_be_visible()
    await sees_outcome(page, slow.CHECK, "pending")
    slow.answer()
    await sees_verdict(page, READY)


async def test_page_at_rest_does_not_reload_itself(scenario: OpenScenario) -> None:
    page = await scenario("vitale", java_script_enabled=False)
    await click_until_judged(page, NOT_READY)
    await expect(page.locator("meta[http-equiv=refresh]")).to_have_count(0)


async def test_page_seen_in_the_middle_of_a_change_reloads_itself(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    """A service that hangs makes a change that takes some seconds to look at."""
    pcscd, _ = workstation
    page = await tab(agent(), java_script_enabled=False)
    await click_until_judged(page, READY)
    pcscd.freeze()
    pending = check(page, "pcsc.service").and_(page.locator(".state-pending"))
    while await pending.count() == 0:
        await page.wait_for_timeout(200)
        await page.reload()
    await sees_cause(page, "pcsc.not-responding")


async def test_remedies_and_details_open(scenario: OpenScenario) -> None:
    page = await scenario("no-reader", java_script_enabled=False)
    await click_until_judged(page, NOT_READY)
    remedy = page.locator('[id="remedy-reader.none-reader.try-other-cable"]')
    await expect(remedy.locator("li").first).to_be_hidden()
    await remedy.locator("summary").click()
    await expect(remedy.locator("li").first).to_be_visible()
    evidence = check(page, "reader.present").locator("details")
    await evidence.locator("summary").click()
    await expect(evidence.locator("dd").first).to_be_visible()


async def test_page_promises_nothing_that_needs_a_script(
    card: InsertCard, workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, first = workstation
    first.swap(VITALE_2)
    running = agent()
    page = await tab(running, java_script_enabled=False)
    await click_until_judged(page, NOT_READY)
    await expect(page.locator(".live")).to_be_hidden()
    running.address = running.second_address()
    live = await tab(running)
    await expect(live.locator(".live")).to_be_visible()


async def test_language_is_switched(scenario: OpenScenario) -> None:
    page = await scenario("vitale", java_script_enabled=False)
    await click_until_judged(page, NOT_READY)
    await page.get_by_role("button", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await sees_verdict(page, NOT_READY)
    await page.get_by_role("button", name="Français").click()
    await expect(page.locator("html")).to_have_attribute("lang", "fr")


async def test_last_problem_is_resumed(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, card = workstation
    card.swap(VITALE_2)
    first = agent()
    await click_until_judged(await tab(first, java_script_enabled=False), NOT_READY)
    first.interrupt()
    await first.ended()
    card.swap(CPS3)
    page = await tab(agent(after=first), java_script_enabled=False)
    await expect(page.locator(".notice")).to_contain_text("carte Vitale")
    await page.get_by_role("button", name="Reprendre le diagnostic").click()
    await sees_verdict(page, READY)
    await expect(page.locator(".notice")).to_have_count(0)


async def test_quit_ends_the_agent(agent: StartAgent, tab: OpenTab) -> None:
    running = agent("--scenario", "vitale")
    page = await tab(running, java_script_enabled=False)
    await page.get_by_role("button", name="Quitter").click()
    await expect(page.get_by_role("heading")).to_have_text("DiagCPS est arrêté")
    assert await running.ended() == 0
