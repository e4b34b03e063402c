"""No violation found by axe-core on any page; what a screen reader is told; large text."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page, ViewportSize, expect

from diagcps.scenario import names

from .agent import Agent, SlowQuestion
from .conftest import OpenScenario, OpenTab, StartAgent, Workstation
from .page import (
    CHECKS,
    READY,
    RUNNING,
    judged,
    open_all_details,
    run,
    sees_outcome,
    sees_verdict,
    start,
    switch_language,
)
from .witness import Witness

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

LANGUAGES = ("fr", "en")
AXE = Axe()
NARROW = ViewportSize(width=320, height=256)
"""What is left of 1280 by 1024 pixels at 400 % (WCAG 2.2, 1.4.10)."""
AT_MOST_ONCE_S = 1.0
TIMER_S = 0.05

HEAR = """
document.addEventListener("DOMContentLoaded", () => {
  window.heard = [];
  const say = document.querySelector("[role=status]");
  if (say === null) return;
  window.heard.push([performance.now() / 1000, say.textContent]);
  new MutationObserver(() => {
    window.heard.push([performance.now() / 1000, say.textContent]);
  }).observe(say, { childList: true, characterData: true, subtree: true });
});
"""


async def violations(page: Page, **options: Any) -> list[str]:
    """What axe-core finds, one line for each element."""
    report = await AXE.run(page, options={"resultTypes": ["violations"], **options})
    found = report.response["violations"]
    return [
        f"{each['id']}: {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for each in found
        for node in each["nodes"]
    ]


async def assert_fit(page: Page) -> None:
    """The page as it stands has no violation in either scheme, and fits a narrow window."""
    await page.emulate_media(color_scheme="light")
    assert await violations(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await violations(page, runOnly=["color-contrast"]) == []  # nothing else can differ
    assert await overflow(page) == []


async def overflow(page: Page) -> list[str]:
    """What sticks out of a window of 320 pixels to the right."""
    size = page.viewport_size
    await page.set_viewport_size(NARROW)
    out: list[str] = await page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [...document.querySelectorAll("body *")]
               .filter((each) => each.getBoundingClientRect().right > innerWidth)
               .map((each) => `${each.localName} ${each.className} ${each.id}`)"""
    )
    if size is not None:
        await page.set_viewport_size(size)
    return out


async def heard(page: Page) -> list[tuple[float, str]]:
    """What the status sentence was at load and became, each with its time in seconds."""
    said: list[list[Any]] = await page.evaluate("window.heard")
    return [(at, text) for at, text in said]


SOME = (
    "healthy-cps3", "pin-blocked", "puk-unusable", "expires-soon", "middleware-stale", "no-card",
    "several-cards", "service-stopped", "remote", "tool-incomplete",
)  # fmt: skip
"""Pages of every shape: all went well, a root with what follows, warnings, information, unknown."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in SOME else pytest.mark.slow) for n in names()],
)
async def test_result_has_no_violation(scenario: OpenScenario, name: str) -> None:
    page = await scenario(name)
    await judged(page)
    for language in LANGUAGES:
        await switch_language(page, language)
        await open_all_details(page)
        await assert_fit(page)


async def test_page_before_the_first_run_has_no_violation(scenario: OpenScenario) -> None:
    page = await scenario("no-card")
    for language in LANGUAGES:
        await switch_language(page, language)
        await assert_fit(page)


async def test_page_of_a_run_under_way_has_no_violation(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, slow: SlowQuestion
) -> None:
    page = await tab(agent(*slow.arguments), reduced_motion="reduce")
    await start(page).click()
    await sees_verdict(page, RUNNING)
    await sees_outcome(page, slow.CHECK, "pending")
    await assert_fit(page)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_page_with_trouble_has_no_violation(
    agent: StartAgent, tab: OpenTab, language: str
) -> None:
    running = agent("--scenario", "vitale", "--lang", language)
    page = await tab(running)
    running.second_address()
    running.address = running.second_address()
    await tab(running)
    await expect(page.get_by_role("alert")).to_be_visible()
    await assert_fit(page)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_page_of_an_error_has_no_violation(
    agent: StartAgent, tab: OpenTab, witness: Callable[[Agent], Witness], language: str
) -> None:
    running = agent("--scenario", "vitale", "--lang", language)
    witness(running).forgive("404")
    page = await tab(running)
    await page.goto(f"{running.origin}/nowhere")
    await expect(page.locator("html")).to_have_attribute("lang", language)
    await expect(page.get_by_role("heading")).to_be_visible()
    await assert_fit(page)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_last_page_has_no_violation(agent: StartAgent, tab: OpenTab, language: str) -> None:
    page = await tab(agent("--scenario", "vitale", "--lang", language))
    await page.locator("form[action='/quit'] button").click()
    await expect(page.locator("main.message")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", language)
    await assert_fit(page)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_page_that_leads_on_has_no_violation(
    agent: StartAgent, tab: OpenTab, language: str
) -> None:
    """It is left at once: its text is looked at where the address it leads to is not followed."""
    running = agent("--scenario", "vitale", "--lang", language)
    page = await (await tab(running)).context.new_page()
    shown = await page.request.get(running.second_address())
    text = (await shown.text()).replace('http-equiv="refresh"', "")

    await page.route("**/opened", lambda route: route.fulfill(response=shown, body=text))
    await page.goto(f"{running.origin}/opened")
    await expect(page.get_by_role("link")).to_have_attribute("href", "/")
    await assert_fit(page)


async def test_status_is_empty_at_load_then_tells_progress_and_the_verdict(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, slow: SlowQuestion
) -> None:
    running = agent(*slow.arguments)
    page = await tab(running)
    await page.context.add_init_script(HEAR)
    await page.reload()
    await start(page).click()
    await sees_outcome(page, "card.recognised", "pass")
    almost_all = f"Contrôles faits : {CHECKS} sur {CHECKS + 1}."
    await expect(page.get_by_role("status")).to_have_text(almost_all)
    slow.answer()
    await expect(page.get_by_role("status")).to_have_text(
        "Diagnostic terminé. Tout ce qui a été contrôlé fonctionne."
    )
    said = [text for _, text in await heard(page)]
    assert said[0] == ""
    assert said[-2:] == [
        almost_all,
        "Diagnostic terminé. Tout ce qui a été contrôlé fonctionne.",
    ]


async def test_status_is_empty_after_a_reload(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    page = await tab(agent())
    await run(page, READY)
    await page.reload()
    await expect(page.get_by_role("status")).to_be_attached()
    await expect(page.get_by_role("status")).to_have_text("")


async def test_status_changes_at_most_once_a_second(
    workstation: Workstation, agent: StartAgent, tab: OpenTab
) -> None:
    _, card = workstation
    page = await tab(agent())
    await page.context.add_init_script(HEAR)
    await page.reload()
    await run(page, READY)
    card.pull()
    await expect(page.get_by_role("status")).to_have_text(re.compile("ne peut pas"))
    card.insert()
    await expect(page.get_by_role("status")).to_have_text(re.compile("Tout ce qui a été"))
    times = [at for at, _ in await heard(page)][1:]
    assert len(times) >= 3
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) >= AT_MOST_ONCE_S - TIMER_S


async def test_list_of_checks_is_in_no_live_region(scenario: OpenScenario) -> None:
    page = await scenario("vitale")
    live = page.locator("[aria-live], [role=status], [role=alert], [role=log]")
    assert [await each.get_attribute("id") for each in await live.all()] == ["say", "trouble"]


async def test_languages_are_marked(scenario: OpenScenario) -> None:
    page = await scenario("vitale")
    await expect(page.locator("html")).to_have_attribute("lang", "fr")
    english = page.get_by_role("button", name="English")
    await expect(english).to_have_attribute("lang", "en")
    await english.click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.get_by_role("button", name="Français")).to_have_attribute("lang", "fr")


async def test_headings_leave_no_level_out(scenario: OpenScenario) -> None:
    page = await scenario("remote-no-reader")
    await judged(page)
    levels: list[int] = await page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((each) => +each.localName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


async def test_outcome_is_said_in_words_and_not_by_its_colour_alone(
    scenario: OpenScenario,
) -> None:
    page = await scenario("several-cards")
    await judged(page)
    for line in await page.locator(".check .state").all():
        assert (await line.inner_text()).strip()


async def test_nothing_moves_for_who_wants_less_motion(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, slow: SlowQuestion
) -> None:
    page = await tab(agent(*slow.arguments), reduced_motion="reduce")
    await start(page).click()
    await sees_outcome(page, slow.CHECK, "pending")
    assert await page.evaluate("document.getAnimations().length") == 0


async def test_witness_hears_what_the_policy_forbids(
    agent: StartAgent, tab: OpenTab, witness: Callable[[Agent], Witness]
) -> None:
    """Without it, the silence that every test here asks for would prove nothing."""
    running = agent("--scenario", "vitale")
    page = await tab(running)
    assert witness(running).complaints == []
    await page.evaluate("document.body.setAttribute('style', 'color: red')")
    await page.evaluate("fetch('http://127.0.0.1:9/').catch(() => {})")
    await expect(page.locator("h1")).to_be_visible()
    heard_of = "\n".join(witness(running).complaints)
    assert "style-src" in heard_of
    assert "connect-src" in heard_of
    witness(running).forgive("Content Security Policy")
    witness(running).forgive("127.0.0.1:9/")
