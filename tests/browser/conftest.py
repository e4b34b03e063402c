"""A Chromium for the session, agents and tabs for a test, put away after it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from diagcps.card.simulator import pki
from tests.integration.bench import Pcscd
from tests.integration.conftest import InsertCard, card, holder, inside_bench, pcscd
from tests.integration.vpcd import CPS3, VirtualCard

from .agent import Agent, SlowQuestion
from .witness import Witness

__all__ = ["card", "holder", "inside_bench", "pcscd"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
"""No sandbox: the bench is run by root, and the browser opens the page of this checkout alone."""

Workstation = tuple[Pcscd, VirtualCard]


class StartAgent(Protocol):
    """Starts an agent with these arguments, in the state folder of the one before it if given."""

    def __call__(self, *arguments: str, after: Agent | None = None) -> Agent:
        """The agent, listening."""


class OpenTab(Protocol):
    """Opens the page of an agent in a browser of its own; options are those of a context."""

    async def __call__(self, agent: Agent, **options: Any) -> Page:
        """The page, opened with the one-time address."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, with a fresh profile; skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium: install it")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        expect.set_options(timeout=5_000)
        yield browser
        await browser.close()


def _proof() -> tuple[str, ...]:
    """What an agent needs to find nothing wrong with a simulated card: its authorities, and a real
    library that knows it."""
    libraries = sorted(Path("/usr/lib").glob("*/opensc-pkcs11.so"))
    if not libraries:
        pytest.skip("OpenSC's library is not installed (Debian: opensc-pkcs11)")
    anchors = ("--trust-anchors", str(pki.anchors_file()))
    return (*anchors, "--pkcs11-module", str(libraries[0]))


@pytest.fixture
def agent(inside_bench: None, tmp_path: Path) -> Iterator[StartAgent]:
    """Starts agents; ends every one after the test, and shows what went wrong in them."""
    agents: list[Agent] = []

    def start(*arguments: str, after: Agent | None = None) -> Agent:
        state = after.state if after else tmp_path / f"state-{len(agents)}"
        real = () if "--scenario" in arguments else _proof()
        agents.append(Agent(state, *real, *arguments))
        return agents[-1]

    yield start
    for each in agents:
        each.end()
    assert not [each.errors for each in agents if "Traceback" in each.errors]


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[SlowQuestion]:
    """A question that is answered when the test says so, and at its end."""
    question = SlowQuestion(tmp_path / "slow")
    yield question
    question.answer()


@pytest_asyncio.fixture(loop_scope="session")
async def witness() -> AsyncIterator[Callable[[Agent], Witness]]:
    """The witness of an agent's pages; after the test, nothing must have been complained about."""
    witnesses: dict[str, Witness] = {}

    def of(agent: Agent) -> Witness:
        return witnesses.setdefault(agent.origin, Witness(agent.origin.removeprefix("http://")))

    yield of
    assert [said for each in witnesses.values() for said in each.complaints] == []


@pytest_asyncio.fixture(loop_scope="session")
async def tab(
    browser: Browser, agent: StartAgent, witness: Callable[[Agent], Witness]
) -> AsyncIterator[OpenTab]:
    """Opens pages; closes every one after the test, before the agents end."""
    contexts: list[BrowserContext] = []

    async def open_tab(agent: Agent, **options: Any) -> Page:
        context = await browser.new_context(**options)
        contexts.append(context)
        witness(agent).listen(context)
        page = await context.new_page()
        await page.goto(agent.address)
        await page.wait_for_url(agent.page)
        return page

    yield open_tab
    for context in contexts:
        await context.close()


@pytest.fixture
def workstation(pcscd: Pcscd, card: InsertCard) -> Workstation:
    """The service with two readers, and a CPS3 in the first."""
    pcscd.start()
    return pcscd, card(CPS3)


OpenScenario = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def scenario(agent: StartAgent, tab: OpenTab) -> OpenScenario:
    """Opens the page of a simulated workstation."""

    async def open_scenario(name: str, *arguments: str, **options: Any) -> Page:
        return await tab(agent("--scenario", name, *arguments), **options)

    return open_scenario
