"""Acts on a watched card, and whether what is said of them is true of the card."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from diagcps import acting
from diagcps.acting import Conclusion, Result, Shown
from diagcps.card.act import Act, Codes, Course, Middleware, Order
from diagcps.runner import Runner

from .acts import Impatient, codes, examine, prepared
from .bench import until
from .watched import State, Watched

MOST = 3
"""Tries of a code porteur that was just set."""


@dataclass(frozen=True, kw_only=True)
class Deed:
    """An act, and the codes that somebody types for it."""

    act: Act
    given: str
    new: str | None = None

    def codes(self) -> Codes:
        """In memory that is wiped."""
        return codes(self.given, self.new)

    def with_code(self, given: str) -> Deed:
        """The same with another code than the card's."""
        return replace(self, given=given)


UNBLOCK = Deed(act=Act.UNBLOCK, given="12345678", new="4821")
CHANGE = Deed(act=Act.CHANGE, given="1234", new="4821")
TRY = Deed(act=Act.TRY, given="1234")


async def do(
    library: str, card: Watched, deed: Deed, *, before: Callable[[], None] = lambda: None,
    middleware: Middleware | None = None,
) -> Conclusion:  # fmt: skip
    """The whole act, as the page does it; `before` happens once the card was shown.

    What is said of it must be true of the card.
    """
    runner = examine(library).runner
    shown = await prepared(runner, deed.act)
    await asyncio.to_thread(before)
    return await perform(runner, shown, card, deed, middleware or Impatient())


async def perform(
    runner: Runner, shown: Shown, card: Watched, deed: Deed, middleware: Middleware
) -> Conclusion:
    """The act on a card that was shown. What is said of it must be true of the card."""
    was = card.state
    card.mark()
    given = deed.codes()
    conclusion = await acting.perform(runner, middleware, shown, given)
    assert [len(code) for code in given] == [0] * len([*given]), "the codes were not wiped"
    said = f"{conclusion.result} of {was}, which is {card.state} now"
    assert is_true(conclusion, deed, was, card.state), said
    return conclusion


def is_true(conclusion: Conclusion, deed: Deed, was: State, now: State) -> bool:
    """Whether the card holds what the result says, and the counters that go with it."""
    if conclusion.pin and conclusion.pin.left not in (None, now.pin_left):
        return False
    if conclusion.puk and conclusion.puk.left not in (None, now.puk_left):
        return False
    kept = now.pin == was.pin
    lost = _left(deed.act, was) - _left(deed.act, now)
    match conclusion.result:
        case Result.DONE:
            return now.pin == (deed.new or was.pin) and now.pin_left == MOST
        case Result.WRONG_CODE:
            return kept and lost == 1 and _left(deed.act, now) > 0
        case Result.NOW_BLOCKED:
            return kept and lost == 1 and _left(deed.act, now) == 0
        case Result.NEW_REFUSED:
            return kept and now.pin_left == 0 and now.puk_left >= was.puk_left
        case Result.NOT_SET:
            return kept and now.pin_left > 0
        case Result.REFUSED:
            # « By its counters »: it may be blocked with another code than before (a CPS4).
            return replace(now, pin=was.pin) == was and (kept or now.pin_left == 0)
        case Result.NOT_BEGUN:
            return now == was
        case Result.UNPROVEN:
            return now.pin_left > 0
        case Result.UNKNOWN:
            return True


def _left(act: Act, state: State) -> int:
    """Tries of the code that the act asks for."""
    return state.puk_left if act is Act.UNBLOCK else state.pin_left


class Counting(Impatient):
    """Says how many commands the card was sent by the act alone."""

    def __init__(self, card: Watched) -> None:
        super().__init__()
        self._card = card
        self.commands = 0

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        """See `Middleware.carry_out`."""
        course = await super().carry_out(order, codes)
        self.commands = len(self._card.commands)
        return course


class PutBack(Impatient):
    """The card is put back once the act has ended, before it is read again."""

    def __init__(self, card: Watched) -> None:
        super().__init__()
        self._card = card

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        """See `Middleware.carry_out`."""
        course = await super().carry_out(order, codes)
        await asyncio.to_thread(self._put_back)
        return course

    def _put_back(self) -> None:
        self._card.pull()
        self._card.insert()


def acting_processes() -> list[int]:
    """The processes of the bench that use a code, or read a library, and have not ended."""
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if {"_use-code", "_read-library"} & set(_words(folder / "cmdline"))
    ]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").split("\0")
    except OSError:  # it ended meanwhile
        return []


def nothing_is_left() -> None:
    """Returns once no such process is left; a killed one takes a moment."""
    until(lambda: not acting_processes(), "the processes of the library ended", timeout_s=2.0)
