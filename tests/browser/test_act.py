"""An act with a code in a real browser: by keyboard, without a reload, in tabs, without script."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from diagcps.card.simulator import vpcd
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.build import make
from tests.integration.bench import Pcscd
from tests.integration.cryptolib import official
from tests.integration.vpcd import EMPTY_S

from .act import NEW, PIN, PUK, button, field, fill, panel, press, sees_step, title
from .conftest import OpenScenario, OpenTab, StartAgent
from .page import (
    NOT_READY,
    READY,
    judged,
    result,
    run,
    sees_cause,
    sees_verdict,
    start,
    switch_language,
)
from .test_accessibility import assert_fit

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

Insert = Callable[[Plastic], SimulatedCard]
LANGUAGES = ("fr", "en")


@pytest.fixture
def insert(pcscd: Pcscd) -> Iterator[Insert]:
    """Inserts simulated cards into the real service; a new one takes the place of the last."""
    pcscd.start()
    cards: list[SimulatedCard] = []
    with ExitStack() as inserted:

        def put(plastic: Plastic) -> SimulatedCard:
            if cards:
                inserted.close()
                time.sleep(EMPTY_S)  # no faster than the service can see
            card = make(plastic, datetime.now(UTC))
            inserted.enter_context(vpcd.insert(card))
            cards.append(card)
            return card

        yield put


@pytest_asyncio.fixture(loop_scope="session")
async def loads(tab: OpenTab) -> AsyncIterator[Callable[[Page], list[str]]]:
    """Notes every document that a page loads from now on."""

    def note(page: Page) -> list[str]:
        found: list[str] = []
        page.on("framenavigated", lambda frame: found.append(frame.url))
        return found

    yield note


async def unblock_by_keyboard(page: Page) -> None:
    """From the cause to the result, by the keyboard alone."""
    await press(page, "open-unblock", "letter")
    await expect(title(page)).to_be_focused()
    await button(page, "go-on").focus()
    await page.keyboard.press("Enter")
    await past_programs(page)
    await expect(title(page)).to_be_focused()
    await fill(page)
    await page.keyboard.press("Enter")
    await sees_step(page, "done")
    await expect(title(page)).to_have_text("La carte est débloquée")


@pytest.mark.parametrize("name", ["pin-blocked", "pin-blocked-cps4"])
async def test_blocked_card_is_ready_without_a_reload_and_without_a_mouse(
    scenario: OpenScenario, loads: Callable[[Page], list[str]], name: str
) -> None:
    page = await scenario(name)
    await run(page, NOT_READY)
    await sees_cause(page, "pin.blocked")
    loaded = loads(page)
    await unblock_by_keyboard(page)
    await sees_verdict(page, READY)
    await press_close(page)
    assert loaded == []


async def press_close(page: Page) -> None:
    """Closes the act; the result of the diagnosis takes the focus."""
    await button(page, "close").focus()
    await page.keyboard.press("Enter")
    await expect(panel(page)).to_have_count(0)
    await expect(result(page)).to_be_focused()


@pytest.mark.parametrize("model", ["cps3", "cps4"])
async def test_official_library_unblocks_a_card_on_the_real_service(
    agent: StartAgent, tab: OpenTab, pcscd: Pcscd, insert: Insert, tmp_path: Path, model: str
) -> None:
    reason = official.why_not()
    if reason is not None:
        pytest.skip(reason)
    with official.in_place(tmp_path) as settings, official.with_empty_cache(settings):
        insert(Plastic(model=model, pin_left=0))
        page = await tab(agent("--pkcs11-module", str(official.MODULE)))
        await run(page, NOT_READY)
        await unblock_by_keyboard(page)
        await sees_verdict(page, READY)


async def test_real_library_changes_the_code_of_a_card_on_the_real_service(
    agent: StartAgent, tab: OpenTab, insert: Insert
) -> None:
    card = insert(Plastic(model="cps3", update="none"))
    page = await tab(agent())
    await run(page, READY)
    await button(page, "open-change-code").click()
    await past_programs(page)
    await fill(page, PIN)
    await page.keyboard.press("Enter")
    await sees_step(page, "done")
    await expect(title(page)).to_have_text("Le code porteur est changé")
    assert card.transmit(bytes.fromhex("0020000104") + NEW.encode()) == b"\x90\x00"


async def past_programs(page: Page) -> None:
    """To the form, whether or not a browser that runs here is named first."""
    await expect(page.locator("#act .act-form, #act .act-programs")).to_be_visible()
    if await page.locator("#act .act-programs").count():
        await press(page, "go-on", "form")


async def test_wrong_code_is_said_with_the_tries_that_are_left(
    agent: StartAgent, tab: OpenTab, insert: Insert
) -> None:
    insert(Plastic(model="cps3", update="none"))
    page = await tab(agent())
    await run(page, READY)
    await button(page, "open-try-card").click()
    await sees_step(page, "form")
    await fill(page, "9753", None)
    await page.keyboard.press("Enter")
    await sees_step(page, "done")
    await expect(title(page)).to_have_text("Le code porteur est erroné")
    await expect(panel(page)).to_contain_text("2 essais restants")
    await sees_cause(page, "pin.tries-low")


async def test_card_that_is_exchanged_closes_the_form(
    agent: StartAgent, tab: OpenTab, insert: Insert
) -> None:
    insert(Plastic(model="cps3", update="none"))
    page = await tab(agent())
    await run(page, READY)
    await button(page, "open-change-code").click()
    await past_programs(page)
    await fill(page, PIN)
    insert(Plastic(model="cps3", update="none", serial="00000042"))
    await expect(panel(page).get_by_role("alert")).to_contain_text("La carte a changé")
    await past_programs(page)
    for name in ("given", "new", "again"):
        await expect(field(page, name)).to_have_value("")


@pytest.mark.slow
async def test_what_was_typed_stays_until_the_form_is_in_order(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked")
    await run(page, NOT_READY)
    await press(page, "open-unblock", "letter")
    await press(page, "go-on", "form")
    await fill(page, new="1111")
    await page.keyboard.press("Enter")
    await expect(page.locator("#wrong-new")).to_contain_text("répétition")
    await expect(field(page, "given")).to_have_value(PUK)
    await expect(field(page, "new")).to_have_value("")
    await expect(field(page, "new")).to_have_attribute("aria-invalid", "true")


@pytest.mark.slow
async def test_a_change_elsewhere_leaves_what_is_being_typed(
    agent: StartAgent, tab: OpenTab, insert: Insert
) -> None:
    insert(Plastic(model="cps3", update="none"))
    page = await tab(agent())
    await run(page, READY)
    await button(page, "open-change-code").click()
    await past_programs(page)
    await fill(page, PIN)
    with vpcd.insert(make(Plastic(model="vitale"), datetime.now(UTC)), port=vpcd.PORT + 1):
        await expect(page.locator('[id="check-card.present"]')).to_contain_text("Vitale")
        await expect(field(page, "given")).to_have_value(PIN)
        await expect(field(page, "again")).to_have_value(NEW)


async def test_second_tab_follows_and_shows_the_result(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked")
    await run(page, NOT_READY)
    other = await page.context.new_page()
    await other.goto(page.url)
    await press(page, "open-unblock", "letter")
    await sees_step(other, "letter")
    await press(other, "go-on", "form")
    await sees_step(page, "form")
    await fill(page)
    await page.keyboard.press("Enter")
    await sees_step(other, "done")
    await sees_step(page, "done")


@pytest.mark.slow
async def test_answer_that_the_stream_has_overtaken_changes_nothing(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked")
    await run(page, NOT_READY)
    await press(page, "open-unblock", "letter")
    await press(page, "go-on", "form")
    await fill(page)

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await sees_step(page, "done")
        await route.fulfill(response=answer)

    await page.route("**/act", late)
    async with page.expect_response("**/act"):
        await page.keyboard.press("Enter")
    await page.wait_for_timeout(300)
    await sees_step(page, "done")


async def test_page_that_is_closed_in_the_middle_loses_nothing(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked-slow")
    await run(page, NOT_READY)
    await press(page, "open-unblock", "letter")
    await press(page, "go-on", "form")
    await fill(page)
    await page.keyboard.press("Enter")
    await sees_step(page, "doing")
    other = await page.context.new_page()
    await page.close()
    await other.goto("about:blank")
    await other.goto(page.url)
    await sees_step(other, "done")
    await expect(title(other)).to_have_text("La carte est débloquée")


async def test_second_click_does_nothing_more(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked-slow")
    await run(page, NOT_READY)
    await press(page, "open-unblock", "letter")
    await press(page, "go-on", "form")
    await fill(page, given="87654321")
    await button(page, "submit").dblclick(force=True)
    await sees_step(page, "done")
    await expect(panel(page)).to_contain_text("2 essais restants")


@pytest.mark.slow
async def test_fields_are_numeric_labelled_and_never_completed(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked")
    await run(page, NOT_READY)
    await press(page, "open-unblock", "letter")
    await press(page, "go-on", "form")
    for label in ("Code de déblocage (8 chiffres)", "Nouveau code porteur (4 chiffres)"):
        code = page.get_by_label(label)
        await expect(code).to_have_attribute("autocomplete", "off")
        await expect(code).to_have_attribute("inputmode", "numeric")
        await expect(code).to_have_attribute("type", "text")


@pytest.mark.slow
async def test_codes_are_hidden_until_the_person_wants_to_see_them(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked")
    await run(page, NOT_READY)
    await press(page, "open-unblock", "letter")
    await press(page, "go-on", "form")
    hidden = "getComputedStyle(document.querySelector('#act-given')).webkitTextSecurity"
    assert await page.evaluate(hidden) == "disc"
    await field(page, "show").check()
    assert await page.evaluate(hidden) == "none"


@pytest.mark.slow
async def test_paste_is_allowed(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked")
    await run(page, NOT_READY)
    await press(page, "open-unblock", "letter")
    await press(page, "go-on", "form")
    await field(page, "given").evaluate(
        """(it) => { it.focus(); document.execCommand("insertText", false, "1234 5678"); }"""
    )
    await expect(field(page, "given")).to_have_value("1234 5678")


async def test_last_try_stops_and_offers_help_first(scenario: OpenScenario) -> None:
    page = await scenario("puk-last-try")
    await run(page, NOT_READY)
    await press(page, "open-unblock", "letter")
    await press(page, "go-on", "last-try")
    await expect(panel(page)).to_contain_text("0 809 40 00 82")
    await page.keyboard.press("Tab")
    stops = page.locator("#act button")
    await expect(stops.first).to_have_text("Arrêter là")
    await press(page, "go-on", "form")
    await fill(page)
    await page.keyboard.press("Enter")
    await expect(field(page, "sure")).to_be_focused()  # the browser itself asks for it
    await page.keyboard.press("Space")
    await button(page, "submit").press("Enter")
    await sees_step(page, "done")


async def test_without_script_the_whole_act_is_done_by_forms(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked", java_script_enabled=False)
    await start(page).click()
    await sees_verdict(page, NOT_READY)
    await button(page, "open-unblock").click()
    await button(page, "go-on").click()
    await fill(page)
    await button(page, "submit").click()
    await sees_step(page, "done")
    await sees_verdict(page, READY)


LETTER, FORM = ("open-unblock", "letter"), ("go-on", "form")
LAST = ("go-on", "last-try")
STEPS = [
    ("pin-blocked", [LETTER]),
    ("pin-blocked", [LETTER, ("no-letter", "letter-lost")]),
    ("pin-blocked", [LETTER, FORM]),
    ("puk-last-try", [LETTER, LAST]),
    ("puk-last-try", [LETTER, LAST, FORM]),
    ("remote-help", [LETTER, ("go-on", "watched")]),
    ("healthy-cps3", [("open-change-code", "form")]),
    ("healthy-cps4", [("open-try-card", "form")]),
    ("pin-blocked", [("open-change-code", "closed")]),
    ("middleware-absent", [("open-try-card", "closed")]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "way"), STEPS)
async def test_step_has_no_violation(
    scenario: OpenScenario, name: str, way: list[tuple[str, str]]
) -> None:
    page = await scenario(name)
    await judged(page)
    for do, step in way:
        await press(page, do, step)
    for language in LANGUAGES:
        await switch_language(page, language)
        await sees_step(page, way[-1][1])
        await assert_fit(page)


@pytest.mark.slow
async def test_result_has_no_violation(scenario: OpenScenario) -> None:
    page = await scenario("pin-blocked")
    await run(page, NOT_READY)
    await unblock_by_keyboard(page)
    for language in LANGUAGES:
        await switch_language(page, language)
        await assert_fit(page)
