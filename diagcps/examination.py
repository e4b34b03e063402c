"""One examination of one workstation: what is checked, for what use, and the report of it.

Made once by the command line, which chooses real, saved or simulated facts; the page and the
terminal both read from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from diagcps.browsing import PageBrowser
from diagcps.check import Check, Probe, World
from diagcps.contacts import Contacts
from diagcps.diagnosis import diagnose
from diagcps.facts import System
from diagcps.model import (
    CauseId,
    CheckId,
    CheckResult,
    Diagnosed,
    Diagnosis,
    Platform,
    RemedyId,
)
from diagcps.profiles import Profile
from diagcps.registry import Registry
from diagcps.remedies import Remedies
from diagcps.report.base import CauseLine, Local, RemedyLine, Report
from diagcps.report.build import build, cause_line, remedy_line
from diagcps.report.subject import FACTS, Origin, subject_of
from diagcps.runner import Runner
from diagcps.visitor import Visitor
from diagcps.words import Words

if TYPE_CHECKING:
    from diagcps.acting import Closed, Shown
    from diagcps.card.act import Act, Middleware


@dataclass(frozen=True, kw_only=True)
class Examination:
    """The parts of an examination, put together and ready to run."""

    registry: Registry
    checks: tuple[Check, ...]
    """Those that the profile, or the person, asked for, and what they need."""
    profile: Profile
    runner: Runner
    simulated: bool
    live: bool
    """This workstation, whose changes are followed; not a saved or a simulated one."""
    moment: datetime | None
    """When the facts were read, for saved ones; None for this workstation, now."""
    remedies: Remedies
    middleware: Middleware | None = None
    """What uses a code of the card, at the person's word alone; None for a saved workstation."""
    visitor: Visitor | None = None
    """The person's browser, as far as it is known; None for a saved or simulated workstation."""
    _words: dict[str, Words] = field(default_factory=dict)

    def words(self, language: str) -> Words:
        """The words of `language`, each language read once."""
        if language not in self._words:
            self._words[language] = Words(language, self.registry.content)
        return self._words[language]

    @property
    def platform(self) -> Platform:
        """The family of the system that is examined."""
        return self.runner.platform

    @property
    def diagnosis(self) -> Diagnosis:
        """The last diagnosis, or that of what has settled so far."""
        return self.runner.diagnosis or self.runner.diagnose(self.runner.results)

    @property
    def acts(self) -> bool:
        """The page offers acts with a code, if only to say why one is closed: a saved workstation
        has no card."""
        return self.moment is None

    def offer(self, act: Act) -> Shown | Closed:
        """What to show before `act`, or why it is closed, from what was read last."""
        from diagcps import acting  # it takes longer to import than the page to open

        if self.middleware is None:
            return acting.Closed.NO_LIBRARY
        return acting.prepare(act, self.runner.facts)

    def remedy_line(self, id_: RemedyId, words: Words) -> RemedyLine:
        """One remedy in words."""
        return remedy_line(id_, words, self.remedies, self.platform)

    def cause_line(self, id_: CauseId, words: Words) -> CauseLine:
        """One cause in words, as a diagnosis shows it."""
        cause = self.registry.causes[id_]
        entry = Diagnosed(cause=cause, level=self.profile.level(cause), because=(), explains=())
        return cause_line(entry, words, self.remedies, self.platform)

    @property
    def browser(self) -> PageBrowser | None:
        """The browser that the checks are about; None when none is about a browser, or before
        anything tells which."""
        if not any(PageBrowser in check.uses for check in self.checks):
            return None
        now = self.visitor() if self.visitor is not None else None
        read = self.runner.facts.get(PageBrowser)
        return now or (read if isinstance(read, PageBrowser) else None)

    @property
    def _origin(self) -> Origin:
        if self.moment is not None:
            return Origin.RECORDED
        return Origin.HERE if self.live else Origin.SIMULATED

    def report(self, language: str) -> Report[Local]:
        """The report of what has settled, in `language`."""
        system = self.runner.facts.get(System)
        return build(
            diagnosis=self.diagnosis,
            results=self.runner.results,
            checks=self.checks,
            profile=self.profile,
            words=self.words(language),
            remedies=self.remedies,
            created=self.moment or datetime.now(UTC),
            system=system if isinstance(system, System) else None,
            subject=subject_of(self.runner.facts, origin=self._origin, browser=self.browser),
            platform=self.platform,
            simulated=self.simulated,
        )


def assemble(
    *,
    registry: Registry,
    probes: Mapping[type, Probe[Any]],
    profile: Profile,
    world: World,
    named: frozenset[CheckId] | None = None,
    simulated: bool = False,
    live: bool = False,
    moment: datetime | None = None,
    middleware: Middleware | None = None,
    visitor: Visitor | None = None,
    contacts: Callable[[], Contacts | None] = lambda: None,
) -> Examination:
    """An examination of `world` for `profile`; with `named`, of those checks alone."""
    if named is not None:
        checks = registry.select(named)
    else:
        # A question about another system would only be in the way; one that is named is answered.
        covered = _covered(registry.checks, profile)
        checks = tuple(check for check in covered if world.host.platform in check.platforms)

    def judge(results: Mapping[CheckId, CheckResult]) -> Diagnosis:
        return diagnose(
            results, checks=checks, causes=registry.causes, profile=profile, named=named
        )

    runner = Runner(
        checks=checks,
        probes=probes,
        world=world,
        platform=world.host.platform,
        level=lambda cause: profile.level(registry.causes[cause]),
        diagnose=judge,
        also=FACTS,
    )
    return Examination(
        registry=registry,
        checks=checks,
        profile=profile,
        runner=runner,
        simulated=simulated,
        live=live,
        moment=moment,
        remedies=Remedies(registry.content, contacts),
        middleware=middleware,
        visitor=visitor,
    )


def _covered(checks: tuple[Check, ...], profile: Profile) -> Iterable[Check]:
    """The checks of the areas that count, but those that need one of another area."""
    left = {check.id: check for check in checks if profile.covers(check)}
    known = {check.id for check in checks}
    while lacking := [c.id for c in left.values() if any(n in known - {*left} for n in c.needs)]:
        for id_ in lacking:
            del left[id_]
    return left.values()
