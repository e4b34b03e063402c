"""The page's way through an act with a code: one question after the other, one act at a time.

Every form carries the state that it was made for. One that comes a second time, from a second tab,
or after the card was exchanged does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum

from diagcps import acting
from diagcps.acting import Closed, Conclusion, Shown
from diagcps.card.act import Act, Codes, Middleware
from diagcps.card.new_code import (
    ADVISED_AGAINST,
    Flaw,
    flaws_of_new,
    flaws_of_present,
    flaws_of_unblocking,
)
from diagcps.examination import Examination
from diagcps.facts import PcscClients, RunningPrograms
from diagcps.secret import Secret

logger = logging.getLogger(__name__)


class Step(Enum):
    """What the page shows of an act."""

    CLOSED = "closed"
    LETTER = "letter"
    LETTER_LOST = "letter-lost"
    WATCHED = "watched"
    PROGRAMS = "programs"
    LAST_TRY = "last-try"
    FORM = "form"
    DOING = "doing"
    DONE = "done"


_GATES = frozenset({Step.LETTER, Step.WATCHED, Step.PROGRAMS, Step.LAST_TRY})
"""Steps that a word of the person leads past."""

Fields = Mapping[str, Secret]
Flaws = Mapping[str, tuple[Flaw, ...]]


class Desk:
    """Where an act is prepared and done. Belongs to one event loop."""

    def __init__(self, examination: Examination, changed: Callable[[], None]) -> None:
        """`changed` is called whenever another thing is to be shown."""
        self._examination = examination
        self._changed = changed
        self._opened = 0
        self._turn = 0
        self._passed: set[Step] = set()
        self._without_letter = False
        self._task: asyncio.Task[None] | None = None
        self._shut = False
        self.act: Act | None = None
        self.offer: Shown | Closed = Closed.NO_CARD
        self.conclusion: Conclusion | None = None
        self.flaws: Flaws = {}
        self.notice = ""
        """The key of a word on what has just happened: the card changed, a form came twice."""

    @property
    def doing(self) -> bool:
        """An act is under way: it is never interrupted."""
        return self._task is not None and not self._task.done()

    @property
    def step(self) -> Step | None:
        """What is to be shown; None when no act was asked for."""
        if self.act is None:
            return None
        if self.doing:
            return Step.DOING
        if self.conclusion is not None:
            return Step.DONE
        if isinstance(self.offer, Closed):
            return Step.CLOSED
        return next(gate for gate in self._way(self.offer) if gate not in self._passed)

    def _way(self, shown: Shown) -> list[Step]:
        way: list[Step] = []
        if self.act is Act.UNBLOCK:
            way.append(Step.LETTER_LOST if self._without_letter else Step.LETTER)
        if shown.watchers:
            way.append(Step.WATCHED)
        if shown.programs and self.act is not Act.TRY:
            way.append(Step.PROGRAMS)
        if shown.is_last:
            way.append(Step.LAST_TRY)
        return [*way, Step.FORM]

    @property
    def state(self) -> str:
        """What a form of the present step carries: it is good for this step, once.

        Two numbers that only grow come first, by which a page tells the older of two.
        """
        step = self.step
        return f"{self._opened}-{self._turn}-{step.value if step else 'none'}"

    async def open(self, act: Act) -> None:
        """Begins `act` from its first question, unless another one is under way."""
        if self.doing:
            return
        state = self.state
        offer = await self._look(act)
        if self.state == state:  # else an act has begun meanwhile, or somebody went on
            self._begin(act, offer)

    async def look_again(self) -> None:
        """Asks again which programs run, for a person who has closed some."""
        await self.follow(answered=True)

    async def follow(self, *, answered: bool = False) -> None:
        """The workstation was read again, or is to be: what is offered must still be true.

        With `answered` the step is shown anew even when nothing has changed.
        """
        act, state = self.act, self.state
        if act is None or self.doing or self.conclusion is not None:
            return
        offer = await self._look(act)
        if self.state != state:
            return  # meanwhile somebody went on
        if _same_card(offer, self.offer):
            changed, self.offer = offer != self.offer, offer
            if changed or answered:
                self._show_next()
        elif offer != self.offer:
            was_shown = isinstance(self.offer, Shown)
            self._begin(act, offer)
            self.notice = "changed" if was_shown else ""

    def go_on(self) -> None:
        """Past the present question."""
        step = self.step
        if step in _GATES:
            self._passed.add(step)
            self._show_next()

    def without_letter(self) -> None:
        """The person has no letter: no code is asked for."""
        self._without_letter = True
        self._show_next()

    def refuse(self, notice: str) -> None:
        """Does nothing but say why, by the key of a word."""
        if self.act is not None:
            self._show_next()
            self.notice = notice

    def close(self) -> None:
        """Leaves the desk, unless an act is under way."""
        if not self.doing:
            self._begin(None)

    async def submit(self, fields: Fields, done: Callable[[], None]) -> None:
        """Does the act with the codes of the form, once they are in order; else says why not.

        `done` is called when it is over. The codes are taken over: the fields stay the caller's.
        """
        state = self.state
        await self.follow()  # a program that shows the screen may have been started since
        if self.state != state or self._shut:
            return
        shown, middleware = self.offer, self._examination.middleware
        assert isinstance(shown, Shown) and middleware is not None, "a form was shown"  # noqa: S101
        self.flaws = _flaws(shown, fields)
        if not self.flaws:
            new = None if shown.order.act is Act.TRY else _taken(fields["new"])
            codes = Codes(given=_taken(fields["given"]), new=new)
            self._task = asyncio.create_task(self._perform(middleware, shown, codes, done))
        self._show_next()

    async def shut(self) -> None:
        """Begins no act any more, and returns once none is under way."""
        self._shut = True
        if self._task is not None:
            await asyncio.wait({self._task})

    async def wait(self) -> None:
        """Returns once no act is under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _perform(
        self, middleware: Middleware, shown: Shown, codes: Codes, done: Callable[[], None]
    ) -> None:
        runner = self._examination.runner
        try:
            self.conclusion = await acting.perform(runner, middleware, shown, codes)
        except Exception:  # the boundary: a fault of ours must not leave the page waiting
            logger.exception("the act failed")
            self.conclusion = acting.lost(shown)
        self._task = None
        self._show_next()
        done()

    async def _look(self, act: Act) -> Shown | Closed:
        """What is offered now: programs come and go unseen, the rest is read when it changes."""
        await self._examination.runner.read((PcscClients, RunningPrograms), afresh=True)
        return self._examination.offer(act)

    def _begin(self, act: Act | None, offer: Shown | Closed = Closed.NO_CARD) -> None:
        self.act, self.offer = act, offer
        self._opened += 1
        self._turn = 0
        self._passed = set()
        self._without_letter = False
        self.conclusion = None
        self.flaws = {}
        self.notice = ""
        self._changed()

    def _show_next(self) -> None:
        self._turn += 1
        self.notice = ""
        self._changed()


def _same_card(offer: Shown | Closed, before: Shown | Closed) -> bool:
    """The same card in the same state, or closed for the same reason: only the programs beside it
    may differ."""
    if isinstance(offer, Closed) or isinstance(before, Closed):
        return offer is before
    return replace(offer, programs=(), watchers=()) == replace(before, programs=(), watchers=())


def _taken(field: Secret) -> Secret:
    """The code in a memory of its own, which lives on when the form's fields are wiped."""
    return Secret(bytearray(field.reveal()))


def _flaws(shown: Shown, fields: Fields) -> Flaws:
    """Why the codes of a form reach no card, by the name of the field."""
    given = fields["given"]
    act = shown.order.act
    found = {"given": flaws_of_unblocking(given) if act is Act.UNBLOCK else flaws_of_present(given)}
    if act is not Act.TRY:
        flaws = flaws_of_new(
            fields["new"], fields["again"], shown.limits, long_accepted="long" in fields
        )
        kept = ADVISED_AGAINST if "keep" in fields else frozenset()
        found["new"] = tuple(f for f in flaws if f is not Flaw.DIFFERENT and f not in kept)
        found["again"] = tuple(f for f in flaws if f is Flaw.DIFFERENT)
    if shown.is_last and "sure" not in fields:
        found["sure"] = (Flaw.EMPTY,)
    return {name: flaws for name, flaws in found.items() if flaws}
