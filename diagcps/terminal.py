"""The acts with a code in the terminal: what is shown, what is asked, and what came of it.

Codes are typed, by a person and unseen: none comes from an argument, the environment, a pipe or a
file. Questions are asked on stderr; what is known at the end goes to stdout.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from diagcps import loops
from diagcps.act_words import Row, card_rows, consequence, known_rows, last_words, told
from diagcps.acting import (
    Closed,
    Conclusion,
    Result,
    Shown,
    cause_of,
    lost,
    people_who_help,
    perform,
    ways_to_the_codes,
)
from diagcps.card.act import Act, Codes
from diagcps.card.new_code import (
    ADVISED_AGAINST,
    Flaw,
    Limits,
    flaws_of_new,
    flaws_of_present,
    flaws_of_unblocking,
)
from diagcps.diagnosis import diagnose
from diagcps.examination import Examination
from diagcps.facts import Family, PcscClients, RunningPrograms
from diagcps.host import prompt
from diagcps.host.no_dump import leave_no_dump
from diagcps.model import Level, RemedyId, UsageError
from diagcps.report.base import RemedyLine
from diagcps.report.text import plain, remedy_lines
from diagcps.secret import Secret
from diagcps.words import Words

logger = logging.getLogger(__name__)

CHECKS = ("pin.state", "puk.state", "middleware.sees-card", "card.single")
"""The checks whose facts an act begins from."""
ALSO = (PcscClients, RunningPrograms)
"""What runs beside this tool, read again until it is closed."""

NOT_DONE = 2
"""The exit code when nothing was sent to the card."""

_OF_THE_CARD, _OF_THE_LIBRARY = ("session", "pcsc", "reader", "card"), ("middleware",)
_BEHIND = {
    Closed.NO_CARD: _OF_THE_CARD,
    Closed.UNREAD: _OF_THE_CARD,
    Closed.NO_LIBRARY: _OF_THE_LIBRARY,
    Closed.NOT_SHOWN: _OF_THE_LIBRARY,
}
"""Areas in which a diagnosis may know better why an act is closed."""

_ENDING = ("SIGTERM", "SIGHUP", "SIGBREAK")
_INTERRUPTING = ("SIGINT", "SIGQUIT", "SIGTSTP", *_ENDING)


def must_be_there(act: Act) -> None:
    """Raises UsageError where no person can be asked."""
    if not prompt.is_terminal():
        raise UsageError(f"{act.value} asks in a terminal, and takes a code from nowhere else")


def converse(act: Act, examination: Examination, words: Words, write: Callable[[str], None]) -> int:
    """The exit code of `act` on what was examined: 0 verified, 2 refused or not done, 3 unknown.

    `write` puts the result out. Raises KeyboardInterrupt when the person leaves before the act;
    from its first command to the last word of its result nothing that a terminal sends ends it.
    """
    leave_no_dump()
    person = _Person(words)
    try:
        with _signals(_ENDING, signal.default_int_handler):
            return _Conversation(act, examination, person, write).hold()
    except EOFError as error:
        raise KeyboardInterrupt from error


@contextmanager
def _signals(names: Sequence[str], handler: Any) -> Iterator[None]:
    """Each of these signals, where the system has it, goes to `handler` meanwhile."""
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in known}
    try:
        for number in known:
            signal.signal(number, handler)
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, signal.SIG_DFL if former is None else former)


@dataclass(frozen=True)
class _Person:
    """Whoever sits at the terminal: told on stderr, asked, and heard."""

    words: Words

    def tell(self, *lines: str) -> None:
        """Each on a line of its own."""
        sys.stderr.write(_text(*lines))
        sys.stderr.flush()

    def agrees(self, question: str) -> bool:
        """Asked until it is a yes or a no."""
        ask = self.words.ui("terminal.ask", question=question)
        while True:
            answer = prompt.read_line(f"{ask} ").casefold()
            for said, agreed in (("yes", True), ("no", False)):
                if answer in self.words.ui(f"terminal.{said}").split():
                    return agreed
            self.tell(self.words.ui("terminal.yes-or-no"))

    def types(self, question: str, expected: str) -> bool:
        """Whether the answer is what only somebody who has read the question types."""
        answer = prompt.read_line(f"{question} ")
        return " ".join(answer.casefold().split()) == expected.casefold()

    def code(self, label: str) -> Secret:
        """A code, unseen."""
        return prompt.read_code(self.words.ui("terminal.code", label=label) + " ")

    def explain(self, flaws: Sequence[Flaw], limits: Limits) -> None:
        """Why a code is not sent."""
        lengths = {"shortest": limits.shortest, "longest": limits.longest}
        self.tell(*(self.words.ui(f"act.flaw.{flaw.value}", **lengths) for flaw in flaws))


@dataclass(frozen=True)
class _Conversation:
    """One act, from the card that is shown to the result."""

    act: Act
    examination: Examination
    person: _Person
    write: Callable[[str], None]

    def hold(self) -> int:
        """See `converse`."""
        ui, person = self._ui, self.person
        person.tell(*self._simulated(), ui(f"act.title.{self.act.value}"))
        shown = self.examination.offer(self.act)
        if isinstance(shown, Closed):
            return self._closed(shown)
        if self.act is Act.UNBLOCK:
            question = f"{ui('act.letter-question')} {ui('act.letter-text')}"
            if not person.agrees(question):
                return self._without_letter(shown.family)
        self._show(shown)
        if not self._wants_to(shown):
            return self._nothing_sent()
        shown = self._undisturbed(shown)
        if shown.is_last and not self._insists(shown):
            return self._nothing_sent()
        codes = self._codes(shown)
        try:
            person.tell("", ui(f"act.sent.{self.act.value}"), ui("act.not-retried"))
            if not person.agrees(ui("terminal.send")):
                return self._nothing_sent()
            return self._perform(shown, codes)
        finally:
            codes.wipe()

    def _ui(self, key: str, **params: object) -> str:
        return self.person.words.ui(key, **params)

    def _simulated(self) -> tuple[str, ...]:
        return (self._ui("simulated"),) if self.examination.simulated else ()

    def _nothing_sent(self) -> int:
        self.write(_text(self._ui("terminal.nothing-sent")))
        return NOT_DONE

    def _closed(self, why: Closed) -> int:
        remedies = self._remedies(self._openers(why))
        self.write(_text(*self._simulated(), self._ui(f"act.closed.{why.value}"), *remedies))
        return NOT_DONE

    def _without_letter(self, family: Family) -> int:
        ways = self._lines_of(ways_to_the_codes(family))
        heading = (self._ui("act.letter-lost"), self._ui("act.letter-lost-text"))
        self.write(_text(*self._simulated(), *heading, *self._remedies(ways)))
        return NOT_DONE

    def _lines_of(self, ids: Iterable[RemedyId]) -> list[RemedyLine]:
        return [self.examination.remedy_line(id_, self.person.words) for id_ in ids]

    def _openers(self, why: Closed) -> tuple[RemedyLine, ...]:
        """What to do about it: of the cause that was found, or of the one it usually has."""
        known, words = self.examination, self.person.words
        found = diagnose(
            known.runner.results,
            checks=known.checks,
            causes=known.registry.causes,
            profile=known.profile,
        ).entries
        for entry in found:
            behind = entry.cause.id.split(".")[0] in _BEHIND.get(why, ())
            if behind and entry.level is Level.KO:
                return known.cause_line(entry.cause.id, words).remedies
        cause = cause_of(why, known.runner.facts)
        return known.cause_line(cause, words).remedies if cause else ()

    def _remedies(self, remedies: Iterable[RemedyLine]) -> Iterator[str]:
        for remedy in remedies:
            act = remedy.act
            # What the page does at a click is a command here.
            steps = remedy.steps if act is None else (self._ui("terminal.command", act=act),)
            yield from remedy_lines(remedy, steps, self.person.words)

    def _show(self, shown: Shown) -> None:
        ui, act = self._ui, self.act.value
        rows = self._rows(card_rows(shown, self.person.words))
        self.person.tell("", ui(f"act.intro.{act}"), "", ui("act.your-card"), *rows, "")
        if self.act is Act.UNBLOCK:
            who = "-establishment" if shown.of_establishment else ""
            self.person.tell(ui("act.where-printed"), ui(f"act.who-sends{who}"))
        self.person.tell(consequence(shown, self.person.words))
        if self.act is Act.TRY:
            self.person.tell(ui("act.no-browser"))

    def _rows(self, rows: Iterable[Row]) -> Iterator[str]:
        for row in rows:
            value = f"{row.value} ({row.before})" if row.before else row.value
            yield self._field(row.label, value)

    def _field(self, label: str, value: str) -> str:
        return "  " + self._ui("field", label=label, value=value)

    def _wants_to(self, shown: Shown) -> bool:
        """A code that is not blocked is better changed than unblocked."""
        if self.act is not Act.UNBLOCK or shown.order.pin.left == 0:
            return True
        self.person.tell("", self._ui("act.not-blocked"))
        return self.person.agrees(self._ui("terminal.unblock-anyway"))

    def _undisturbed(self, shown: Shown) -> Shown:
        """Once no program holds a code or shows the screen, or the person goes on all the same."""
        person, ui = self.person, self._ui
        for kind, titles, word, question in (
            ("programs", ("programs-title", "programs"), "continue-word", "closed-anyway"),
            ("watchers", ("watched-title", "watched"), "watched-word", "watched-anyway"),
        ):
            expected = ui(f"terminal.{word}")
            while names := getattr(shown, kind):
                person.tell("", *(ui(f"act.{title}") for title in titles))
                person.tell(*(f"  - {plain(name)}" for name in names))
                if person.types(ui(f"terminal.{question}", word=expected), expected):
                    break
                shown = self._read_programs_again(shown)
        return shown

    def _read_programs_again(self, shown: Shown) -> Shown:
        runner = self.examination.runner
        loops.run(runner.read(ALSO, afresh=True))
        again = self.examination.offer(self.act)
        # Nothing else was read: what is known of the card is as it was.
        return shown if isinstance(again, Closed) else again

    def _insists(self, shown: Shown) -> bool:
        """Whether the person tries all the same, who was shown what it may end, and who helps."""
        ui, person = self._ui, self.person
        title = "last-title" if shown.is_last_try else "last-unblocking-title"
        lines = ["", ui(f"act.{title}"), *last_words(shown, person.words)]
        helpers = self._lines_of(people_who_help(shown.family))
        lines += [ui("act.last-help"), *self._remedies(helpers), ""]
        person.tell(*lines)
        phrase = ui("terminal.last-phrase")
        return person.types(ui("terminal.last-anyway", phrase=phrase), phrase)

    def _codes(self, shown: Shown) -> Codes:
        self.person.tell("", self._ui("terminal.hidden"))
        given = self._given()
        try:
            new = None if self.act is Act.TRY else self._new(shown.limits)
        except BaseException:
            given.wipe()
            raise
        return Codes(given=given, new=new)

    def _given(self) -> Secret:
        find = flaws_of_unblocking if self.act is Act.UNBLOCK else flaws_of_present
        while True:
            code = self.person.code(self._ui(f"act.given-{self.act.value}"))
            flaws = find(code)
            if not flaws:
                return code
            code.wipe()
            self.person.explain(flaws, Limits())

    def _new(self, limits: Limits) -> Secret:
        """A code that may be set, typed twice the same."""
        lengths = {"shortest": limits.shortest, "longest": limits.longest}
        kind = "fixed" if limits.shortest == limits.longest else "limits"
        self.person.tell(self._ui(f"act.new-{kind}", **lengths), self._ui("act.new-hint"))
        long_accepted = False
        while True:
            with ExitStack() as wiping:
                code = wiping.enter_context(self.person.code(self._ui("act.new")))
                with self.person.code(self._ui("act.again")) as again:
                    flaws = flaws_of_new(code, again, limits, long_accepted=long_accepted)
                if flaws == (Flaw.LONGER_THAN_USUAL,):
                    taken = long_accepted = self._accepts_long()
                else:
                    taken = self._keeps(flaws, limits)
                if taken:
                    wiping.pop_all()
                    return code

    def _accepts_long(self) -> bool:
        self.person.tell(self._ui("act.long-title"), self._ui("act.long-warning"))
        return self.person.agrees(self._ui("terminal.long"))

    def _keeps(self, flaws: Sequence[Flaw], limits: Limits) -> bool:
        """Whether the code is taken, after what is against it was said."""
        self.person.explain(flaws, limits)
        if {*flaws} - ADVISED_AGAINST:
            return False
        return not flaws or self.person.agrees(self._ui("terminal.keep"))

    def _perform(self, shown: Shown, codes: Codes) -> int:
        with _signals(_INTERRUPTING, signal.SIG_IGN):
            self.person.tell("", self._ui("act.stay"), self._ui("terminal.doing"), "")
            middleware = self.examination.middleware
            assert middleware is not None, "an act that was not offered"  # noqa: S101
            try:
                act = perform(self.examination.runner, middleware, shown, codes)
                conclusion = loops.run(act)
            except Exception:  # the boundary: what is not known after a fault is said as well
                logger.exception("the act was lost track of")
                conclusion = lost(shown)
            self.write(_text(*self._simulated(), *self._concluded(conclusion)))
        return conclusion.exit_code

    def _concluded(self, conclusion: Conclusion) -> Iterator[str]:
        """What came of it, and what that rests on."""
        ui, of = self._ui, f"{self.act.value}.{conclusion.result.value}"
        yield ui(f"act.result.{of}")
        yield told(conclusion, self.person.words)
        if conclusion.course.stopped is not None:
            yield ui(f"act.stopped.{conclusion.course.stopped.value}")
        if conclusion.result is Result.UNPROVEN and self.act is not Act.TRY:
            yield ui("terminal.command", act=Act.TRY.value)
        yield from self._rows(known_rows(conclusion, self.person.words))


def _text(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)
