"""A picture of every page, for people to look at: each scenario, language, scheme and width.

They are written into the folder that the environment variable DIAGCPS_PICTURES names, and into
`.cache/pictures` of the checkout without it.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Locator, Page, ViewportSize, expect

from diagcps.scenario import names

from .act import PUK, fill, press, sees_step, title
from .agent import CHECKOUT, SlowQuestion
from .conftest import OpenScenario, OpenTab, StartAgent, Workstation
from .page import judged, open_all_details, result, sees_outcome, start, switch_language
from .test_act import STEPS

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(120),
    pytest.mark.slow,
]

FOLDER = Path(os.environ.get("DIAGCPS_PICTURES") or CHECKOUT / ".cache" / "pictures")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LANGUAGES = ("fr", "en")
WIDTHS = {
    "desktop": ViewportSize(width=1280, height=800),
    "phone": ViewportSize(width=390, height=844),
}
FEWEST_ROWS = 40
"""Of different rows of pixels: a blank page has one or two, a page of text hundreds."""


def different_rows(png: bytes) -> int:
    """How many different rows a picture has, as they are filtered in it (PNG, sections 5 and 9)."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    data, place = b"", 8
    width = depth = 0
    while place < len(png):
        size, kind = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + size]
        if kind == b"IHDR":
            width, _, bits, colour = struct.unpack(">IIBB", body[:10])
            depth = {2: 3, 6: 4}[colour] * bits // 8
        elif kind == b"IDAT":
            data += body
        place += size + 12
    pixels = zlib.decompress(data)
    row = 1 + width * depth
    return len({pixels[at : at + row] for at in range(0, len(pixels), row)})


async def take(page: Page, name: str, top: Locator | None = None) -> None:
    """Takes the pictures of the page as it stands, in both schemes and widths.

    `top` is the heading that must be in sight; the page's own unless an act stands above it.
    """
    top = page.get_by_role("heading", level=1) if top is None else top
    language = await page.locator("html").get_attribute("lang")
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width, size in WIDTHS.items():
            await page.set_viewport_size(size)
            await page.evaluate("scrollTo(0, 0)")
            await expect(top).to_be_in_viewport(ratio=1)
            path = FOLDER / f"{name}-{language}-{scheme}-{width}.png"
            picture = await page.screenshot(path=path, full_page=True, animations="disabled")
            assert different_rows(picture) >= FEWEST_ROWS, path


@pytest.fixture(autouse=True)
def folder() -> None:
    """The folder of the pictures is there."""
    FOLDER.mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize("name", names())
async def test_picture_of_the_result_shows_its_verdict(scenario: OpenScenario, name: str) -> None:
    page = await scenario(name)
    await judged(page)
    for language in LANGUAGES:
        await switch_language(page, language)
        await expect(result(page)).to_be_visible()
        await take(page, name)


@pytest.mark.parametrize(("name", "way"), STEPS)
async def test_picture_of_a_step_of_an_act(
    scenario: OpenScenario, name: str, way: list[tuple[str, str]]
) -> None:
    page = await scenario(name)
    await judged(page)
    for do, step in way:
        await press(page, do, step)
    for language in LANGUAGES:
        await switch_language(page, language)
        await take(page, f"_act-{name}-{way[0][0].removeprefix('open-')}-{way[-1][1]}", title(page))


@pytest.mark.parametrize(("given", "result"), [(PUK, "done"), ("87654321", "wrong")])
async def test_picture_of_the_result_of_an_act(
    scenario: OpenScenario, given: str, result: str
) -> None:
    page = await scenario("pin-blocked")
    await judged(page)
    await press(page, "open-unblock", "letter")
    await press(page, "go-on", "form")
    await fill(page, given)
    await page.keyboard.press("Enter")
    await sees_step(page, "done")
    for language in LANGUAGES:
        await switch_language(page, language)
        await take(page, f"_act-result-{result}", title(page))


async def test_picture_of_open_details(scenario: OpenScenario) -> None:
    page = await scenario("reader-in-use")
    await judged(page)
    await open_all_details(page)
    await take(page, "_details")


async def test_picture_of_the_page_before_a_run_during_it_and_after(
    workstation: Workstation, agent: StartAgent, tab: OpenTab, slow: SlowQuestion
) -> None:
    _, card = workstation
    page = await tab(agent(*slow.arguments))
    await take(page, "_idle")
    await start(page).click()
    await sees_outcome(page, "card.recognised", "pass")
    await take(page, "_running")
    card.pull()
    slow.answer()
    await sees_outcome(page, "card.present", "fail")
    await expect(page.locator(".live")).to_be_visible()
    await take(page, "_real")


async def test_picture_of_a_page_that_is_no_longer_followed(
    agent: StartAgent, tab: OpenTab
) -> None:
    running = agent("--scenario", "vitale")
    page = await tab(running)
    running.address = running.second_address()
    await tab(running)
    await expect(page.get_by_role("alert")).to_be_visible()
    await take(page, "_taken-over")


async def test_picture_of_the_last_page(agent: StartAgent, tab: OpenTab) -> None:
    page = await tab(agent("--scenario", "vitale"))
    await page.locator("form[action='/quit'] button").click()
    await expect(page.locator("main.message")).to_be_visible()
    await take(page, "_stopped")


async def test_blank_picture_is_told_from_a_page() -> None:
    """What the pictures are judged by: ten rows of white, and ten rows that differ."""

    def png(rows: list[bytes]) -> bytes:
        def chunk(kind: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body))

        size = struct.pack(">IIBBBBB", 4, len(rows), 8, 2, 0, 0, 0)
        data = zlib.compress(b"".join(b"\0" + row for row in rows))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", data)

    assert different_rows(png([b"\xff" * 12] * 10)) == 1
    assert different_rows(png([bytes([n]) * 12 for n in range(10)])) == 10
