"""From the results of the checks to the ordered root causes: what to repair first comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from diagcps.check import Area, Check
from diagcps.model import (
    Cause,
    CauseId,
    CheckId,
    CheckResult,
    Diagnosed,
    Diagnosis,
    Level,
    Outcome,
    Verdict,
)
from diagcps.profiles import Profile

_LEVELS = (Level.KO, Level.WARN, Level.INFO)
# The area a cause belongs to is the first word of its id; two of them have another one.
_AREA_OF = {"puk": Area.PIN, "ca": Area.CERTIFICATE, "crl": Area.CERTIFICATE, "check": Area.TOOL}
_AREAS = tuple(Area)
_JUDGED = frozenset({Outcome.PASS, Outcome.WARN, Outcome.FAIL})


def diagnose(
    results: Mapping[CheckId, CheckResult],
    *,
    checks: Iterable[Check],
    causes: Mapping[CauseId, Cause],
    profile: Profile,
    named: frozenset[CheckId] | None = None,
) -> Diagnosis:
    """The verdict and the root causes of the checks that count for `profile`.

    With `named`, only those checks count: the others ran as their prerequisites.
    """
    counted = {
        check.id: check
        for check in checks
        if check.id in results
        and (check.id in named if named is not None else profile.covers(check))
    }
    entries = _entries(results, counted, causes, profile)
    undecided = tuple(
        id_
        for id_, check in counted.items()
        if _is_open(id_, results, counted) and profile.blocks(check, causes)
    )
    judged = any(results[id_].outcome in _JUDGED for id_ in counted)
    return Diagnosis(
        verdict=_verdict(entries, undecided=bool(undecided), judged=judged),
        entries=entries,
        undecided=undecided,
    )


def root_of(id_: CheckId, results: Mapping[CheckId, CheckResult]) -> CheckResult | None:
    """The result from which that of a blocked check follows, near or far; any other check's own.

    None where that check has not settled.
    """
    result = results.get(id_)
    while result is not None and result.blocked_by is not None:
        result = results.get(result.blocked_by)
    return result


def _is_open(
    id_: CheckId, results: Mapping[CheckId, CheckResult], counted: Mapping[CheckId, Check]
) -> bool:
    """No entry says what this check would have: it is unknown, or waits for one that is, or for
    one that does not count."""
    root = root_of(id_, results)
    return root is None or root.outcome is Outcome.UNKNOWN or root.check not in counted


def _entries(
    results: Mapping[CheckId, CheckResult],
    counted: Mapping[CheckId, Check],
    causes: Mapping[CauseId, Cause],
    profile: Profile,
) -> tuple[Diagnosed, ...]:
    because: dict[CauseId, list[CheckId]] = {}
    params: dict[CauseId, Mapping[str, str]] = {}
    levels: dict[CauseId, set[Level]] = {}
    for id_ in counted:
        for finding in results[id_].findings:
            because.setdefault(finding.cause, []).append(id_)
            params.setdefault(finding.cause, finding.params)
            if finding.cause in causes:
                level = finding.level or profile.level(causes[finding.cause])
                levels.setdefault(finding.cause, set()).add(level)
    entries = [
        Diagnosed(
            cause=causes[cause],
            level=min(levels[cause], key=_LEVELS.index),
            because=tuple(dict.fromkeys(shown_by)),
            explains=_explained(shown_by, results, counted),
            params=params[cause],
        )
        for cause, shown_by in because.items()
        if cause in causes
    ]
    rank = {cause: place for place, cause in enumerate(causes)}
    entries.sort(key=lambda e: (_LEVELS.index(e.level), _area(e.cause.id), rank[e.cause.id]))
    return tuple(entries)


def _explained(
    roots: Iterable[CheckId],
    results: Mapping[CheckId, CheckResult],
    counted: Mapping[CheckId, Check],
) -> tuple[CheckId, ...]:
    """The checks that could not be made because one of `roots` did not pass, near and far."""
    explained: dict[CheckId, None] = {}
    reached = set(roots)
    for id_ in counted:  # in dependency order: a consequence comes after what it needs
        if results[id_].blocked_by in reached:
            reached.add(id_)
            explained[id_] = None
    return tuple(explained)


def _area(cause: CauseId) -> float:
    word = cause.split(".", 1)[0]
    if word in _AREA_OF:
        return _AREAS.index(_AREA_OF[word])
    known = {area.value: float(place) for place, area in enumerate(_AREAS)}
    # A plug-in's own area comes after every built-in one but the tool's, which is the last.
    return known.get(word, known[Area.TOOL.value] - 0.5)


def _verdict(entries: tuple[Diagnosed, ...], *, undecided: bool, judged: bool) -> Verdict:
    levels = {entry.level for entry in entries}
    if Level.KO in levels:
        return Verdict.NOT_READY
    if undecided or not judged:
        return Verdict.UNDETERMINED
    return Verdict.READY_WITH_WARNINGS if Level.WARN in levels else Verdict.READY
