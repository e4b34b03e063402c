"""What the page shows, from results to HTML.

One rendering serves the first page, the page without script and every live update, so that they
cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from diagcps import __version__
from diagcps.browsing import BrowserKind, Browsers
from diagcps.check import Area, Check
from diagcps.examination import Examination
from diagcps.facts import CardStates
from diagcps.model import CheckId, Outcome, Private
from diagcps.options import BROWSERS
from diagcps.records import record
from diagcps.report.base import CauseLine, CheckLine, EvidenceLine, Local, Report
from diagcps.report.subject import browser_line, machine_line
from diagcps.report.text import contact_line, plain, verdict_sentence
from diagcps.resources import data_dir
from diagcps.words import Words

if TYPE_CHECKING:
    from jinja2 import Environment


@record
class CheckView:
    """One check as the page shows it, settled or not."""

    id: CheckId
    area: str
    question: str
    state: str
    """An outcome, or « pending » while it is made, « idle » before the first run."""
    note: str
    evidence: tuple[EvidenceLine[Local], ...]


@dataclass(frozen=True, kw_only=True)
class PageView:
    """All that the templates need, so that they compute nothing."""

    words: Words
    report: Report[Local]
    checks: tuple[CheckView, ...]
    running: bool
    begun: bool
    """A run has been asked for since the agent started."""
    live: bool
    """The workstation is followed: what is put right shows by itself."""
    after: int
    """The number of the last event that this view includes."""
    acts: bool = False
    """A card was read whose codes can be used here."""
    choices: tuple[BrowserKind, ...] = ()
    """The browsers that the person may name instead of the one that is judged."""
    named: bool = False
    """The person has named one, and may go back to that of this page."""
    asks: bool = False
    """The page's own script finds out whether the extension of the card answers."""

    @cached_property
    def areas(self) -> tuple[tuple[str, tuple[CheckView, ...]], ...]:
        """The checks by area, in the areas' own order: that of repair, this tool last."""
        by_area = {
            area.value: tuple(check for check in self.checks if check.area == area.value)
            for area in Area
        }
        return tuple((area, checks) for area, checks in by_area.items() if checks)

    @property
    def settling(self) -> bool:
        """Some check is being made, in a run or after a change on the workstation."""
        return self.begun and any(check.state == "pending" for check in self.checks)

    @property
    def judged(self) -> bool:
        """There is a verdict to show."""
        return self.begun and not self.running

    @property
    def machine(self) -> str:
        """Which machine the page speaks of."""
        return machine_line(self.report.subject, self.words)

    @property
    def browser(self) -> str:
        """Which browser is judged; empty when none is."""
        browser = self.report.subject.browser
        return "" if browser is None else browser_line(browser, self.words)

    @property
    def verdict(self) -> str:
        """The verdict in one sentence, or what goes on."""
        if self.running:
            return self.words.ui("running")
        if not self.begun:
            return self.words.ui("verdict.none")
        whole = not self.report.not_covered
        return verdict_sentence(self.report.verdict, whole=whole, words=self.words)

    @property
    def first(self) -> CauseLine | None:
        """The cause to repair first."""
        return self.report.diagnosis[0] if self.judged and self.report.diagnosis else None

    @property
    def others(self) -> tuple[CauseLine, ...]:
        """The other root causes, in their order."""
        return self.report.diagnosis[1:] if self.judged else ()

    @property
    def progress(self) -> str:
        """How far the run is, in one sentence for eyes and ears."""
        done = sum(check.state not in ("pending", "idle") for check in self.checks)
        problems = sum(check.state == Outcome.FAIL.value for check in self.checks)
        key = (
            "progress"
            if not problems
            else "progress-problem"
            if problems == 1
            else "progress-problems"
        )
        return self.words.ui(key, done=done, total=len(self.checks), problems=problems)


def view(examination: Examination, language: str) -> PageView:
    """The page's view of the examination as it stands now."""
    runner = examination.runner
    words = examination.words(language)
    report = examination.report(language)
    settled = {line.id: line for line in report.checks}
    begun = runner.runs > 0
    return PageView(
        words=words,
        report=report,
        checks=tuple(_check(check, settled, begun, words) for check in examination.checks),
        running=begun and runner.diagnosis is None,
        begun=begun,
        live=examination.live,
        after=runner.log.last,
        acts=may_act(examination),
        **_browser(examination),
    )


def _browser(examination: Examination) -> dict[str, Any]:
    """What the person and the page may say of the browser: of this workstation's alone."""
    visitor, judged = examination.visitor, examination.browser
    if visitor is None or judged is None:
        return {}
    found = examination.runner.facts.get(Browsers)
    installed = {each.kind for each in found.browsers} if isinstance(found, Browsers) else set()
    return {
        "choices": tuple(
            kind
            for kind in map(BrowserKind, BROWSERS)
            if kind in installed and kind is not judged.kind
        ),
        "named": visitor.named is not None,
        "asks": visitor.seen is not None and visitor.seen.kind is BrowserKind.FIREFOX,
    }


def may_act(examination: Examination) -> bool:
    """Whether acts with a code are offered: a card of the family was read, on no saved
    workstation."""
    states = examination.runner.facts.get(CardStates)
    return examination.acts and isinstance(states, CardStates) and bool(states.cards)


def _check(
    check: Check, settled: Mapping[CheckId, CheckLine[Local]], begun: bool, words: Words
) -> CheckView:
    line = settled.get(check.id)
    state, note = ("pending" if begun else "idle"), ""
    if line is not None:
        state = line.outcome.value
        if line.blocked_by:
            note = words.ui("blocked-by", question=words.question(line.blocked_by))
        elif line.reason:
            note = words.ui(f"reason.{line.reason.value}")
    return CheckView(
        id=check.id,
        area=check.area.value,
        question=words.question(check.id),
        state=state,
        note=note,
        evidence=line.evidence if line else (),
    )


def _shown(value: object) -> str:
    """Any value for the person in front of this workstation, from whom none is hidden."""
    return plain(value.value if isinstance(value, Private) else value)


def _said(line: EvidenceLine[Local], words: Words) -> str:
    """A piece of evidence in the person's language where it has words."""
    return words.value(line.key, _shown(line.value))


def _area_title(area: str, words: Words) -> str:
    return words.area(area)


class Renderer:
    """The templates, compiled once."""

    @cached_property
    def _templates(self) -> Environment:
        # Imported here: the agent listens, and the browser starts, without it.
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        templates = Environment(
            loader=FileSystemLoader(data_dir("templates")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters = {
            "shown": _shown,
            "said": _said,
            "contact": contact_line,
            "area_title": _area_title,
        }
        templates.filters.update(filters)
        templates.globals["version"] = __version__
        return templates

    def render(self, template: str, **values: Any) -> str:
        """The HTML of one template."""
        return self._templates.get_template(template).render(**values)
