"""The page follows the workstation: real smart-card service, real cards, real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.async_api import Route, expect

from tests.integration.bench import Pcscd
from tests.integration.conftest import InsertCard
from tests.integration.vpcd import CPS3, VITALE_2

from .agent import Agent, SlowQuestion
from .conftest import OpenTab, StartAgent, Workstation
from .page import (
    CHECKS,
    NOT_READY,
    READY,
    RUNNING,
    SILENCE_MS,
    check,
    run,
    sees_cause,
    sees_outcome,
    sees_verdict,
    start,
    switch_language,
)
from .witness import Witness

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

CTRL_C_S = 2.0
Watch = Callable[[Agent], Witness]


async def test_one_click_settles_every_check_and_says_the_verdict(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    page = await tab(agent())
    await expect(page.locator(".check.state-idle")).to_have_count(CHECKS)
    await page.get_by_role("button", name="Diagnostiquer mon poste").click()
    await sees_verdict(page, READY)
    settled = page.locator(".check.state-pass, .check.state-not-applicable")
    await expect(settled).to_have_count(CHECKS)
    await expect(start(page)).to_have_text("Relancer le diagnostic")


async def test_checks_settle_one_by_one(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, slow: SlowQuestion
) -> None:
    page = await tab(agent(*slow.arguments))
    await start(page).click()
    await sees_verdict(page, RUNNING)
    await sees_outcome(page, "card.recognised", "pass")
    await sees_outcome(page, slow.CHECK, "pending")
    await expect(page.locator(".progress")).to_contain_text(f"{CHECKS} sur {CHECKS + 1}")
    slow.answer()
    await sees_outcome(page, slow.CHECK, "pass")
    await sees_verdict(page, READY)


async def test_card_pulled_and_inserted_is_seen_without_a_click(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, card = workstation
    page = await tab(agent())
    await run(page, READY)
    card.pull()
    await sees_cause(page, "card.absent")
    await sees_verdict(page, NOT_READY)
    await sees_outcome(page, "card.recognised", "blocked")
    card.insert()
    await sees_verdict(page, READY)
    await sees_outcome(page, "card.recognised", "pass")


async def test_vitale_in_the_place_of_the_cps_is_named(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, card = workstation
    page = await tab(agent())
    await run(page, READY)
    card.swap(VITALE_2)
    await sees_cause(page, "card.vitale")
    card.swap(CPS3)
    await sees_verdict(page, READY)


async def test_second_cps_is_seen_without_a_click(
    workstation: Workstation, card: InsertCard, agent: StartAgent, tab: OpenTab
) -> None:
    page = await tab(agent())
    await run(page, READY)
    second = card(CPS3, slot=1)
    await sees_cause(page, "card.several")
    second.pull()
    await sees_verdict(page, READY)


async def test_service_restarted_without_then_with_its_readers_is_followed(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    pcscd, _ = workstation
    page = await tab(agent())
    await run(page, READY)
    pcscd.stop()
    pcscd.start(readers=False)
    await sees_cause(page, "reader.none")
    pcscd.stop()
    pcscd.start()
    await sees_verdict(page, READY)


async def test_stopped_service_is_said_and_its_return_seen(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    pcscd, _ = workstation
    page = await tab(agent())
    await run(page, READY)
    pcscd.stop()
    await sees_cause(page, "pcsc.service-stopped")
    await sees_outcome(page, "reader.present", "blocked")
    pcscd.start()
    await sees_verdict(page, READY)


async def test_service_killed_without_warning_is_said_and_its_return_seen(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    pcscd, _ = workstation
    page = await tab(agent())
    await run(page, READY)
    pcscd.kill()
    await sees_cause(page, "pcsc.service-stopped")
    pcscd.start()
    await sees_verdict(page, READY)


async def test_frozen_service_is_said_within_12_s_and_its_thaw_seen(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    pcscd, _ = workstation
    page = await tab(agent())
    await run(page, READY)
    pcscd.freeze()
    await sees_cause(page, "pcsc.not-responding", timeout_ms=12_000)
    pcscd.thaw()
    await sees_verdict(page, READY)


async def test_run_begun_while_the_service_is_frozen_says_so(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    pcscd, _ = workstation
    page = await tab(agent())
    pcscd.freeze()
    await start(page).click()
    await sees_cause(page, "pcsc.not-responding", timeout_ms=SILENCE_MS)


async def test_ctrl_c_ends_the_agent_within_two_seconds_of_a_frozen_service(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    pcscd, _ = workstation
    running = agent()
    page = await tab(running)
    await run(page, READY)
    pcscd.freeze()
    await start(page).click()
    await sees_verdict(page, RUNNING)
    began = time.monotonic()
    running.interrupt()
    assert await running.ended() == 0
    assert time.monotonic() - began < CTRL_C_S
    await expect(page.locator("#trouble")).to_have_text(re.compile("DiagCPS est arrêté"))


async def test_two_tabs_both_follow(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, card = workstation
    running = agent()
    one = await tab(running)
    other = await one.context.new_page()
    await other.goto(running.page)
    await run(one, READY)
    await sees_verdict(other, READY)
    card.pull()
    for page in (one, other):
        await sees_cause(page, "card.absent")


async def test_run_of_another_tab_leaves_the_focus_of_this_one(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    running = agent()
    one = await tab(running)
    other = await one.context.new_page()
    await other.goto(running.page)
    await start(other).focus()
    await run(one, READY)
    await sees_verdict(other, READY)
    await expect(start(other)).to_be_focused()


async def test_page_reloaded_in_the_middle_of_a_run_shows_it_and_goes_on(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, slow: SlowQuestion
) -> None:
    page = await tab(agent(*slow.arguments))
    await start(page).click()
    await sees_outcome(page, "card.recognised", "pass")
    await page.reload()
    await sees_verdict(page, RUNNING)
    await sees_outcome(page, "card.recognised", "pass")
    await sees_outcome(page, slow.CHECK, "pending")
    slow.answer()
    await sees_verdict(page, READY)
    await sees_outcome(page, slow.CHECK, "pass")


async def test_card_pulled_in_the_middle_of_a_run_is_in_its_verdict(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, slow: SlowQuestion
) -> None:
    _, card = workstation
    page = await tab(agent(*slow.arguments))
    await start(page).click()
    await sees_outcome(page, "card.recognised", "pass")
    card.pull()
    slow.answer()
    await sees_cause(page, "card.absent")


async def test_killed_agent_is_a_lost_contact_then_an_end(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, witness: Watch
) -> None:
    running = agent()
    page = await tab(running)
    witness(running).forgive("ERR_CONNECTION_REFUSED")
    witness(running).forgive("ERR_INCOMPLETE_CHUNKED_ENCODING")
    witness(running).forgive("ERR_CONNECTION_RESET")
    running.kill()
    trouble = page.get_by_role("alert")
    await expect(trouble).to_have_text(re.compile("perdu le contact"))
    await expect(trouble).to_have_text(re.compile("DiagCPS est arrêté"), timeout=SILENCE_MS)


async def test_session_taken_over_is_said_in_the_old_page(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    running = agent()
    old = await tab(running)
    await expect(old.locator("#trouble")).to_be_hidden()
    running.address = running.second_address()
    new = await tab(running)
    await expect(old.get_by_role("alert")).to_have_text(re.compile("rouvert dans une autre"))
    await run(new, READY)
    await expect(check(old, "card.present")).to_have_class("check state-idle")


async def test_page_of_the_same_browser_takes_the_new_session_up(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    running = agent()
    old = await tab(running)
    new = await old.context.new_page()
    await new.goto(running.second_address())
    await new.wait_for_url(running.page)
    await old.get_by_role("link", name="Reprendre ici").click()
    await expect(old.locator("#trouble")).to_be_hidden()
    await run(old, READY)


async def test_fifth_tab_says_that_it_does_not_follow(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, witness: Watch
) -> None:
    running = agent()
    witness(running).forgive("429")
    pages = [await tab(running)]
    for _ in range(4):
        pages.append(await pages[0].context.new_page())
        await pages[-1].goto(running.page)
    await expect(pages[4].get_by_role("alert")).to_have_text(re.compile("Trop d'onglets"))
    await expect(pages[0].locator("#trouble")).to_be_hidden()


async def test_language_is_switched_and_stays(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    page = await tab(agent())
    await run(page, READY)
    await page.get_by_role("button", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await sees_verdict(page, READY)
    await run(page, READY)
    await expect(start(page)).to_have_text("Run the diagnosis again")
    await page.get_by_role("button", name="Français").click()
    await expect(page.locator("html")).to_have_attribute("lang", "fr")


async def test_tab_follows_the_language_that_another_one_chose(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    running = agent()
    one = await tab(running)
    other = await one.context.new_page()
    await other.goto(running.page)
    await switch_language(one, "en")
    await run(one, READY)
    await expect(other.locator("html")).to_have_attribute("lang", "en")
    await sees_verdict(other, READY)


async def test_page_whose_session_is_gone_does_not_blame_the_tabs(
    agent: StartAgent, tab: OpenTab, witness: Watch
) -> None:
    running = agent("--scenario", "vitale")
    witness(running).forgive("403")
    page = await tab(running)

    async def without_session(route: Route) -> None:
        await page.context.clear_cookies()
        await route.continue_()

    await page.route("**/events*", without_session)
    await page.reload()
    await expect(page.get_by_role("alert")).to_have_text(re.compile("Relancez-le"))


async def test_quit_ends_the_agent_and_says_so_in_every_tab(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    running = agent()
    one = await tab(running)
    other = await one.context.new_page()
    await other.goto(running.page)
    await one.get_by_role("button", name="Quitter").click()
    await expect(one.get_by_role("heading")).to_have_text("DiagCPS est arrêté")
    await expect(other.get_by_role("alert")).to_have_text(re.compile("DiagCPS est arrêté"))
    assert await running.ended() == 0


async def test_problem_of_the_last_time_is_recalled_and_forgotten(
    pcscd: Pcscd, card: InsertCard, agent: StartAgent, tab: OpenTab
) -> None:
    pcscd.start()
    card(VITALE_2)
    first = agent()
    await run(await tab(first), NOT_READY)
    first.interrupt()
    await first.ended()
    page = await tab(agent(after=first))
    notice = page.locator(".notice")
    await expect(notice).to_contain_text("carte Vitale")
    await notice.get_by_role("button", name="Oublier").click()
    await expect(page.locator("main")).to_be_visible()
    await expect(notice).to_have_count(0)
    await page.reload()
    await expect(notice).to_have_count(0)
