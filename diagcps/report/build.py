"""From results and words to a local report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from diagcps import __version__
from diagcps.check import Check
from diagcps.facts import System
from diagcps.model import CheckId, CheckResult, Diagnosed, Diagnosis, Platform, RemedyId
from diagcps.profiles import Profile
from diagcps.remedies import Remedies
from diagcps.report.base import CauseLine, CheckLine, EvidenceLine, Local, RemedyLine, Report
from diagcps.report.subject import Origin, Subject
from diagcps.report.text import plain
from diagcps.words import Words


def build(
    *,
    diagnosis: Diagnosis,
    results: Mapping[CheckId, CheckResult],
    checks: Iterable[Check],
    profile: Profile,
    words: Words,
    remedies: Remedies,
    created: datetime,
    system: System | None,
    subject: Subject,
    platform: Platform,
    simulated: bool,
) -> Report[Local]:
    """The report of one run, in the language of `words`."""
    known = tuple(checks)
    covered = {check.area for check in known}
    environment = {"os": platform.value, "architecture": "unknown"}
    if system is not None:
        environment = {
            "os": system.platform.value,
            "name": system.name,
            "architecture": system.architecture,
        }
    environment |= subject.environment()
    return Report[Local](
        created=created,
        version=__version__,
        simulated=simulated,
        replayed=subject.origin is Origin.RECORDED,
        profile=profile.id,
        language=words.language,
        verdict=diagnosis.verdict,
        diagnosis=tuple(
            cause_line(entry, words, remedies, platform) for entry in diagnosis.entries
        ),
        checks=tuple(
            check_line(check, results[check.id], words) for check in known if check.id in results
        ),
        not_covered=tuple(area.value for area in profile.areas if area not in covered),
        environment=environment,
        subject=subject,
    )


def cause_line(entry: Diagnosed, words: Words, remedies: Remedies, platform: Platform) -> CauseLine:
    """One entry of the diagnosis in words; remedies without a step on this system are left out."""
    cause = entry.cause
    # Names of programs and devices are whatever their makers chose.
    said = words.cause(cause.id, {name: plain(value) for name, value in entry.params.items()})
    found_by = next(iter(entry.because), None)
    lines = (remedy_line(id_, words, remedies, platform, found_by) for id_ in cause.remedies)
    return CauseLine(
        cause=cause.id,
        level=entry.level.value,
        owner=cause.owner.value,
        title=said.title,
        meaning=said.meaning,
        because=entry.because,
        explains=entry.explains,
        remedies=tuple(line for line in lines if line.steps),
    )


def remedy_line(
    id_: RemedyId,
    words: Words,
    remedies: Remedies,
    platform: Platform,
    found_by: CheckId | None = None,
) -> RemedyLine:
    """One remedy in words; without a step where it cannot be done on this system.

    `found_by`, the check that found the cause, proves a remedy that names no other.
    """
    said, known = words.remedy(id_, platform), remedies.get(id_)
    if known is None:
        return RemedyLine(
            id=id_, title=said.title, steps=said.steps, who=None, verify=found_by, contact=None
        )
    return RemedyLine(
        id=id_,
        title=said.title,
        steps=said.steps if platform in known.platforms else (),
        who=known.who.value,
        verify=known.verify or found_by,
        contact=known.contact,
        links=tuple(link for link in known.links if platform in link.platforms),
        act=known.act,
    )


def check_line(check: Check, result: CheckResult, words: Words) -> CheckLine[Local]:
    """One check in words, with all its evidence."""
    return CheckLine[Local](
        id=check.id,
        area=check.area.value,
        question=words.question(check.id),
        outcome=result.outcome,
        causes=tuple(dict.fromkeys(finding.cause for finding in result.findings)),
        blocked_by=result.blocked_by,
        reason=result.reason,
        evidence=tuple(
            EvidenceLine[Local](key=e.key, value=e.value, source=e.source) for e in result.evidence
        ),
        started_ms=result.started_ms,
        duration_ms=result.duration_ms,
    )
