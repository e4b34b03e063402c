"""The page is used with the keyboard alone, and never takes the focus from the person."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.integration.conftest import InsertCard
from tests.integration.vpcd import CPS3, MUTE

from .conftest import OpenScenario, OpenTab, StartAgent, Workstation
from .page import (
    NOT_READY,
    READY,
    check,
    open_all_details,
    result,
    run,
    sees_cause,
    sees_outcome,
    sees_verdict,
    start,
)

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

MOST_STOPS = 60
FOCUSED = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return at === document.body ? null : {
    name: at.innerText.trim().split("\\n")[0],
    inside: at.closest("[id]")?.id ?? "",
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    shown: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.left >= 0,
    size: Math.min(box.width, box.height),
  };
}"""


async def tab_stops(page: Page) -> list[dict[str, Any]]:
    """What takes the focus, from the top of the page to its end, by Tab alone."""
    stops: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(FOCUSED)
        if stop is None:
            return stops
        stops.append(stop)
    raise AssertionError(f"the focus goes round: {stops[-5:]}")


async def test_focus_goes_down_the_page(scenario: OpenScenario) -> None:
    page = await scenario("vitale")
    names = [stop["name"] for stop in await tab_stops(page)]
    assert names == ["Aller au résultat", "English", "Quitter", "Diagnostiquer mon poste"]


async def test_every_stop_is_seen(scenario: OpenScenario) -> None:
    page = await scenario("no-reader")
    await run(page, NOT_READY)
    await page.reload()
    stops = await tab_stops(page)
    assert len(stops) > 8
    assert [stop for stop in stops if not stop["shown"] or stop["outline"] < 2] == []


async def test_every_stop_is_large_enough_to_hit(scenario: OpenScenario) -> None:
    """WCAG 2.2, 2.5.8: 24 pixels."""
    page = await scenario("no-reader")
    await run(page, NOT_READY)
    await page.reload()
    small = [s for s in await tab_stops(page) if s["size"] < 24]
    assert small == []


async def test_skip_link_leads_to_the_result(scenario: OpenScenario) -> None:
    page = await scenario("vitale")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(result(page)).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(start(page)).to_be_focused()


@pytest.mark.parametrize("key", ["Enter", "Space"])
async def test_key_starts_a_run_and_the_result_takes_the_focus(
    scenario: OpenScenario, key: str
) -> None:
    page = await scenario("vitale")
    await start(page).focus()
    await page.keyboard.press(key)
    await sees_verdict(page, NOT_READY)
    await expect(result(page)).to_be_focused()
    assert (await page.evaluate(FOCUSED))["outline"] >= 2


async def test_second_run_takes_the_focus_again(scenario: OpenScenario) -> None:
    page = await scenario("vitale")
    for _ in range(2):
        await start(page).focus()
        await page.keyboard.press("Enter")
        await expect(result(page)).to_be_focused()
        await sees_verdict(page, NOT_READY)


async def test_hot_plug_leaves_the_focus_where_it_is(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, card = workstation
    page = await tab(agent())
    await run(page, READY)
    await start(page).focus()
    card.pull()
    await sees_cause(page, "card.absent")
    await expect(start(page)).to_be_focused()
    card.insert()
    await sees_verdict(page, READY)
    await expect(start(page)).to_be_focused()


async def test_hot_plug_gives_the_focus_to_nobody(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, card = workstation
    page = await tab(agent())
    await run(page, READY)
    await page.reload()
    card.pull()
    await sees_cause(page, "card.absent")
    assert await page.evaluate(FOCUSED) is None


async def test_open_details_and_their_focus_outlive_a_hot_plug(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    """One check that stands, one that is made again: their details are open as before."""
    _, card = workstation
    page = await tab(agent())
    await run(page, READY)
    for id_ in ("session.location", "card.present"):
        await check(page, id_).locator("summary").press("Enter")
        await expect(check(page, id_).locator("dd").first).to_be_visible()
    card.pull()
    await sees_outcome(page, "card.present", "fail")
    for id_ in ("session.location", "card.present"):
        await expect(check(page, id_).locator("dd").first).to_be_visible()
    await expect(check(page, "card.present").locator("summary")).to_be_focused()


async def test_closed_details_stay_closed(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, card = workstation
    page = await tab(agent())
    await run(page, READY)
    summary = check(page, "card.present").locator("summary")
    await summary.press("Enter")
    await expect(check(page, "card.present").locator("dd").first).to_be_visible()
    await summary.press("Enter")
    card.pull()
    await sees_outcome(page, "card.present", "fail")
    await expect(check(page, "card.present").locator("dd").first).to_be_hidden()


async def test_open_remedy_outlives_a_change_that_leaves_its_cause(
    workstation: Workstation, card: InsertCard, agent: StartAgent, tab: OpenTab
) -> None:
    _, first = workstation
    first.swap(MUTE)
    page = await tab(agent())
    await run(page, NOT_READY)
    remedy = page.locator('[id="remedy-card.mute-card.wipe-chip"]')
    await remedy.locator("summary").press("Enter")
    card(MUTE, slot=1)
    await expect(check(page, "card.present")).to_contain_text("qui ne répond pas", timeout=10_000)
    await sees_cause(page, "card.mute")
    await expect(remedy.locator("li").first).to_be_visible()
    await expect(remedy.locator("summary")).to_be_focused()


async def test_focus_that_the_person_moved_is_not_taken_back(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, card = workstation
    page = await tab(agent())
    await run(page, READY)
    await check(page, "card.recognised").locator("summary").focus()
    card.pull()
    await sees_outcome(page, "card.recognised", "blocked")
    await start(page).focus()
    card.atr = CPS3
    card.insert()
    await sees_outcome(page, "card.recognised", "pass")
    await expect(start(page)).to_be_focused()


async def test_every_remedy_is_reached_and_opened(scenario: OpenScenario) -> None:
    page = await scenario("no-reader")
    await run(page, NOT_READY)
    folded = page.locator(".verdict details")
    remedies = [await folded.nth(n).get_attribute("id") for n in range(await folded.count())]
    assert len(remedies) == 4  # three remedies, and what waits because of the cause
    for remedy in remedies:
        await page.keyboard.press("Tab")
        assert (await page.evaluate(FOCUSED))["inside"] == remedy
        await page.keyboard.press("Enter")
        await expect(page.locator(f'[id="{remedy}"] li').first).to_be_visible()


async def test_every_step_is_in_the_reading_order_of_its_cause(scenario: OpenScenario) -> None:
    page = await scenario("no-reader")
    await run(page, NOT_READY)
    await open_all_details(page)
    text = await page.locator(".verdict").inner_text()
    places = [text.index(part) for part in ("Ce poste ne peut pas", "Aucun lecteur", "Débranchez")]
    assert places == sorted(places)
