"""The agent behind the page: runs on request, follows the workstation, and knows when to end."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from diagcps import resume
from diagcps.check import Trigger
from diagcps.events import ActChanged
from diagcps.examination import Examination
from diagcps.model import Level, Verdict
from diagcps.web.handshake import PortFile
from diagcps.web.security import Address
from diagcps.web.sessions import Sessions

if TYPE_CHECKING:
    from diagcps.visitor import Visitor
    from diagcps.web.desk import Desk

logger = logging.getLogger(__name__)

IDLE_EXIT_S = 15 * 60.0


class Agent:
    """One examination that any number of pages watch. Belongs to one event loop."""

    def __init__(
        self,
        examination: Examination,
        *,
        own: Address,
        language: str,
        port_file: PortFile,
        state: Path | None = None,
        folder: Path | None = None,
    ) -> None:
        self.examination = examination
        self.own = own
        self.port_file = port_file
        self.sessions = Sessions(language)
        self.stopping = asyncio.Event()
        self.folder = folder
        """This user's own folder, where pages that lead here are left for the browser."""
        kept = resume.load(state, datetime.now(UTC))
        known = kept is not None and kept.cause in examination.registry.causes
        self.unfinished = kept if known else None
        self._desk: Desk | None = None
        self.streams = 0
        self._state = state
        self._active = time.monotonic()
        self._run: asyncio.Task[None] | None = None
        self._judged_for = examination.visitor() if examination.visitor else None
        self._following: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """A run that somebody asked for is under way."""
        return self._run is not None and not self._run.done()

    @property
    def desk(self) -> Desk:
        """Where acts with a code are prepared and done.

        Made at the first one: what it needs takes longer to import than the page to open.
        """
        if self._desk is None:
            from diagcps.web.desk import Desk

            self._desk = Desk(self.examination, self._tell_act)
        return self._desk

    @property
    def has_desk(self) -> bool:
        """An act with a code was asked for since the agent started."""
        return self._desk is not None

    async def act_ended(self) -> None:
        """Returns once no act with a code is under way; none begins any more."""
        if self._desk is not None:
            await self._desk.shut()

    def touch(self) -> None:
        """Somebody is there: the time to exit begins anew."""
        self._active = time.monotonic()

    def start(self) -> None:
        """Starts a run, unless one is under way already."""
        self.forget()
        if not self.running:
            self._run = asyncio.create_task(self._examine())

    def _tell_act(self) -> None:
        self.examination.runner.log.append(ActChanged())

    def forget(self) -> None:
        """Forgets the repair that was kept from the last time."""
        self.unfinished = None
        resume.forget(self._state)

    async def watch(self) -> None:
        """Keeps the diagnosis true for as long as the workstation changes."""
        runner = self.examination.runner
        async for _ in runner.world.cards.changes():
            if await runner.refresh(Trigger.PCSC) is not None:
                await self._judged_anew()

    def visited(self) -> None:
        """Keeps the diagnosis true when another browser is the person's, or more is known of it."""
        visitor = self.examination.visitor
        if visitor is None or visitor() == self._judged_for:
            return
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow(visitor))

    async def settled(self, limit_s: float) -> None:
        """Returns once what `visited` began is over, and after `limit_s` in any case."""
        if self._following is not None:
            await asyncio.wait({self._following}, timeout=limit_s)

    async def _follow(self, visitor: Visitor) -> None:
        """Judges anew for as long as the browser is another one than that of the last judgement."""
        try:
            while (now := visitor()) != self._judged_for:
                self._judged_for = now
                if await self.examination.runner.refresh(Trigger.PAGE) is not None:
                    await self._judged_anew()
        except Exception:  # the boundary: a fault of ours must not end what follows the page
            logger.exception("the browser could not be judged")

    async def exit_when_idle(self, limit_s: float = IDLE_EXIT_S) -> None:
        """Asks to stop once no page has been open, and nobody has asked anything, for `limit_s`."""
        while not self.stopping.is_set():
            acting = self._desk is not None and self._desk.doing
            if self.streams or self.running or acting:
                self.touch()
            left = self._active + limit_s - time.monotonic()
            if left <= 0:
                logger.info("nobody is there any more")
                self.stopping.set()
                return
            await asyncio.sleep(min(left, 30.0))

    async def _examine(self) -> None:
        try:
            await self.examination.runner.run()
        except Exception:  # the boundary: a fault of ours must not leave the page waiting
            logger.exception("the run failed")
        else:
            await self._judged_anew()

    async def _judged_anew(self) -> None:
        self.keep()
        if self._desk is not None:
            await self._desk.follow()

    def keep(self) -> None:
        """Keeps which repair is under way for the next start, and forgets one that is done."""
        diagnosis = self.examination.diagnosis
        if diagnosis.verdict is Verdict.READY:
            resume.forget(self._state)
            return
        first = next((entry for entry in diagnosis.entries if entry.level is Level.KO), None)
        if first is not None:
            kept = resume.Unfinished(
                cause=first.cause.id, profile=self.examination.profile.id, at=datetime.now(UTC)
            )
            resume.save(self._state, kept)


AGENT = web.AppKey("agent", Agent)
