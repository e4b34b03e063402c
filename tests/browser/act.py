"""The steps of an act with a code on the page, and how a person goes through them."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

PIN, PUK, NEW = "1234", "12345678", "2580"
"""The codes of every simulated card, and one that it may be given."""
PATIENCE_MS = 20_000


def panel(page: Page) -> Locator:
    """Where the act is."""
    return page.locator("#act .act")


def title(page: Page) -> Locator:
    """The heading of the present step."""
    return page.locator("#act-title")


def field(page: Page, name: str) -> Locator:
    """A field of the form."""
    return page.locator(f"#act-{name}")


def button(page: Page, do: str) -> Locator:
    """A button of the present step, or the one that opens an act."""
    return page.locator(f'button[name=do][value="{do}"]').locator("visible=true").first


async def sees_step(page: Page, step: str) -> None:
    """Returns once the page shows the step."""
    await expect(page.locator(f"#act .act-{step}")).to_be_visible(timeout=PATIENCE_MS)


async def press(page: Page, do: str, step: str) -> None:
    """Reaches the button by the keyboard, presses it and waits for the next step."""
    await button(page, do).focus()
    await page.keyboard.press("Enter")
    await sees_step(page, step)


async def fill(page: Page, given: str = PUK, new: str | None = NEW) -> None:
    """Types the codes, from the first field on, by Tab alone."""
    await field(page, "given").focus()
    await page.keyboard.type(given)
    if new is not None:
        for _ in range(2):
            await page.keyboard.press("Tab")
            await page.keyboard.type(new)
