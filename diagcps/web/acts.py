"""What the page shows of an act with a code, and what a form of it does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from diagcps.act_words import Row, card_rows, certain, consequence, known_rows, last_words, told
from diagcps.acting import Closed, Shown, cause_of, people_who_help, ways_to_the_codes
from diagcps.card.act import Act
from diagcps.card.new_code import ADVISED_AGAINST, USUAL_DIGITS, without_spaces
from diagcps.examination import Examination
from diagcps.report.base import CauseLine, RemedyLine
from diagcps.secret import Secret
from diagcps.web.agent import Agent
from diagcps.web.desk import Desk, Step
from diagcps.web.pages import may_act
from diagcps.web.security import Refused
from diagcps.words import Words


@dataclass(frozen=True, kw_only=True)
class ActView:
    """All that the templates need of the present step."""

    words: Words
    desk: Desk
    examination: Examination

    @property
    def step(self) -> str:
        """The step, and so the template; empty when no act was asked for."""
        return self.desk.step.value if self.desk.step else ""

    @property
    def act(self) -> str:
        """The act, as its words are called."""
        conclusion = self.desk.conclusion
        act = self.desk.act if conclusion is None else conclusion.shown.order.act
        return act.value if act else ""

    @property
    def shown(self) -> Shown:
        """The card, at a step that shows one."""
        assert isinstance(self.desk.offer, Shown), "a step without a card"  # noqa: S101
        return self.desk.offer

    @property
    def title(self) -> str:
        """The heading of the step."""
        conclusion = self.desk.conclusion
        if self.desk.step is Step.DONE and conclusion is not None:
            return self.words.ui(f"act.result.{self.act}.{conclusion.result.value}")
        key = _TITLES.get(self.desk.step)
        if self.desk.step is Step.LAST_TRY and not self.shown.is_last_try:
            key = "act.last-unblocking-title"
        return self.words.ui(key or f"act.title.{self.act}")

    @property
    def closed(self) -> str:
        """Why the act cannot be offered."""
        offer = self.desk.offer
        return self.words.ui(f"act.closed.{offer.value}") if isinstance(offer, Closed) else ""

    @property
    def cause(self) -> CauseLine | None:
        """What to do about that, as the diagnosis says it."""
        offer = self.desk.offer
        if not isinstance(offer, Closed):
            return None
        cause = cause_of(offer, self.examination.runner.facts)
        return self.examination.cause_line(cause, self.words) if cause else None

    @property
    def unblock_instead(self) -> bool:
        """The code porteur is blocked: another act comes first."""
        return self.desk.offer is Closed.PIN_BLOCKED

    @property
    def ways(self) -> tuple[RemedyLine, ...]:
        """How to get the codes again, the one for this card first."""
        ways = ways_to_the_codes(self.shown.family)
        return tuple(self.examination.remedy_line(id_, self.words) for id_ in ways)

    @property
    def help(self) -> tuple[RemedyLine, ...]:
        """Who can help before a last try, people before papers."""
        found = people_who_help(self.shown.family)
        return tuple(self.examination.remedy_line(id_, self.words) for id_ in found)

    @property
    def card(self) -> tuple[Row, ...]:
        """The card as it was read."""
        return tuple(card_rows(self.shown, self.words))

    @property
    def is_blocked(self) -> bool:
        """The code porteur is blocked: there is something to unblock."""
        return self.shown.order.pin.left == 0

    @property
    def of_establishment(self) -> bool:
        """The card is one of those that an establishment's mandataire looks after."""
        return self.shown.of_establishment

    @property
    def consequence(self) -> str:
        """What a wrong code costs."""
        return consequence(self.shown, self.words)

    @property
    def last(self) -> tuple[str, ...]:
        """Why to stop, and to confirm a second time; empty when nothing is the last."""
        return last_words(self.shown, self.words)

    @property
    def certain(self) -> str:
        """What is then confirmed."""
        return certain(self.shown, self.words)

    @property
    def takes_long_codes(self) -> bool:
        """The token takes more than the usual four digits."""
        return self.shown.limits.longest > USUAL_DIGITS

    def flaw(self, field: str) -> str:
        """What is wrong with a field of the form; empty when nothing is."""
        limits = self.shown.limits
        return " ".join(
            self.words.ui(
                f"act.flaw.{flaw.value}", shortest=limits.shortest, longest=limits.longest
            )
            for flaw in self.desk.flaws.get(field, ())
        )

    @property
    def may_be_kept(self) -> bool:
        """All that is wrong with the new code is that it is advised against."""
        flaws = self.desk.flaws
        return set(flaws) == {"new"} and set(flaws["new"]) <= ADVISED_AGAINST

    @property
    def known(self) -> tuple[Row, ...]:
        """What is known of the card afterwards, and what it was before."""
        conclusion = self.desk.conclusion
        return tuple(known_rows(conclusion, self.words)) if conclusion else ()

    @property
    def told(self) -> str:
        """What the result means and what to do."""
        conclusion = self.desk.conclusion
        return told(conclusion, self.words) if conclusion else ""

    @property
    def stopped(self) -> str:
        """Why no code was used; empty when one was."""
        conclusion = self.desk.conclusion
        if conclusion is None or conclusion.course.stopped is None:
            return ""
        return self.words.ui(f"act.stopped.{conclusion.course.stopped.value}")

    @property
    def sign(self) -> str:
        """The icon of the result."""
        conclusion = self.desk.conclusion
        if conclusion is None:
            return "pending"
        return {0: "pass", 2: "fail", 3: "unknown"}[conclusion.exit_code]


_TITLES: Mapping[Step | None, str] = {
    Step.LETTER: "act.letter-question",
    Step.LETTER_LOST: "act.letter-lost",
    Step.WATCHED: "act.watched-title",
    Step.PROGRAMS: "act.programs-title",
    Step.LAST_TRY: "act.last-title",
    Step.DOING: "act.stay",
}


async def take(agent: Agent, fields: Mapping[str, Secret]) -> None:
    """Does what a form of the page asks for. Raises Refused for what is none of its forms."""
    if agent.stopping.is_set():
        raise Refused(503, "stopping")
    desk = agent.desk
    do = _word(fields, "do")
    if do.startswith("open-"):
        if not may_act(agent.examination):
            raise Refused(400, "malformed")
        await desk.open(_act(do.removeprefix("open-")))
    elif _word(fields, "state") != desk.state:
        # It came twice, from an older page, or after the card was exchanged.
        desk.refuse("busy" if desk.doing else "used")
    elif do == "close":
        desk.close()
    elif do == "go-on":
        desk.go_on()
    elif do == "no-letter":
        desk.without_letter()
    elif do == "look-again":
        await desk.look_again()
    elif do == "submit" and desk.step is Step.FORM:
        await _submit(agent, fields)
    else:
        raise Refused(400, "malformed")


async def _submit(agent: Agent, fields: Mapping[str, Secret]) -> None:
    needed = ("given",) if agent.desk.act is Act.TRY else ("given", "new", "again")
    if not all(name in fields for name in needed):
        raise Refused(400, "malformed")
    with ExitStack() as wiping:
        codes = {name: wiping.enter_context(without_spaces(fields[name])) for name in needed}
        await agent.desk.submit({**fields, **codes}, agent.keep)


def _act(word: str) -> Act:
    try:
        return Act(word)
    except ValueError:
        raise Refused(400, "malformed") from None


def _word(fields: Mapping[str, Secret], name: str) -> str:
    """A field that is no code, as a word; empty when it is not there."""
    field = fields.get(name)
    return "" if field is None else field.reveal().decode("ascii", "replace")
