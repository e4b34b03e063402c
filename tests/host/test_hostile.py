"""Each probe of Linux and macOS, whatever stands, is written or is printed where it looks.

A workstation is laid out in a folder, and it is noted what each probe looks at there. All of that
is then made hostile, one thing at a time: the probe gives a fact, or says why there is none, within
its own limit; no check fails; what is shown of it is harmless and of bounded size; and what only
hides something is no fault. The same on Windows: tests/wine/test_hostile_on_windows.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest

from diagcps import browsing, probes, snapshot, workstation
from diagcps.facts import Library, Moment, PcscService, Tool
from diagcps.model import Level, Platform, ProbeFailure, Reason
from tests.host import hostile_files, hostile_values
from tests.host.hostile_host import KINDS, Hostility, reading, together
from tests.host.hostile_report import Judged
from tests.host.hostile_workstations import HEALTHY, NAMES, Workstation, laid_out
from tests.workstations.record import MADE, NOW, card_facts

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="what other systems' files cannot be"),
    pytest.mark.timeout(240),
]

UNASKED = {
    Platform.LINUX: {workstation.Services, browsing.PageBrowser},
    Platform.MACOS: {browsing.PageBrowser, PcscService},
}
"""Kinds that are the same on every workstation of the system, or follow from another one."""
AT_ONCE = (
    *hostile_files.ERRORS, *hostile_files.STRANGE, *hostile_files.EMPTY, *hostile_files.YEARS,
    *hostile_values.CHANGES, "nested-lists", "laughs", "not-utf-8", "megabyte", "script", "flipped",
)  # fmt: skip


@cache
def usual(platform: Platform) -> Mapping[type, Any]:
    """The facts of a healthy workstation."""
    own = {Tool: Tool(version="1", missing=()), Moment: Moment(at=NOW, not_before=MADE)}
    facts = {**card_facts("healthy-cps4"), **own}
    facts[Library] = replace(facts[Library], architectures=("x86_64", "arm64"))
    healthy = laid_out(f"{platform.value}-healthy")
    with healthy as subject, subject.watching(), reading(subject.host, facts) as read:
        facts |= read(*KINDS)
    return {kind: facts[kind] for kind in probes.KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_probe_stands_all_that_it_may_find(name: str, kind: type) -> None:
    cards = card_facts("healthy-cps4")
    with laid_out(name) as subject, subject.watching(), reading(subject.host, cards) as read:
        hostile = subject.looked_at(lambda: read(*together(kind)))
        # What else there may be is found where there is everything.
        wanted = [each for each in hostile if each.excused or not subject.is_healthy]
        found = list(_problems(subject, partial(read, *together(kind)), wanted))
    assert found == []


@pytest.mark.parametrize("how", AT_ONCE)
@pytest.mark.parametrize("name", NAMES)
def test_a_workstation_is_judged_whatever_all_of_its_files_are(name: str, how: str) -> None:
    cards = card_facts("healthy-cps4")
    with laid_out(name) as subject, subject.watching(), reading(subject.host, cards) as read:
        hostile = subject.looked_at(lambda: read(*KINDS))
        files = [each for each in hostile if each.at_once and each.how == how]
        found = list(_problems(subject, partial(read, *KINDS), [all_of(files)]))
    assert len(files) > 10
    assert found == []


@pytest.mark.parametrize("platform", HEALTHY)
def test_each_probe_looks_at_something_that_can_be_hostile(platform: Platform) -> None:
    unasked = set()
    healthy = laid_out(f"{platform.value}-healthy")
    with healthy as subject, subject.watching(), reading(subject.host, {}) as read:
        for kind in KINDS:
            fact = read(kind)[kind]
            is_unsupported = isinstance(fact, ProbeFailure) and fact.reason is Reason.UNSUPPORTED
            if not is_unsupported and not subject.looked_at(lambda k=kind: read(k)):
                unasked.add(kind)
    assert unasked == UNASKED[platform]


def _problems(
    subject: Workstation, read: Callable[[], dict[type, Any]], hostile: Iterable[Hostility]
) -> Iterator[str]:
    """What goes wrong while each of these is."""
    platform = subject.host.platform
    known = Judged(usual(platform), platform).faults()
    if not subject.is_healthy:
        # All that there may be has faults of its own, felt or not.
        known |= Judged({**usual(platform), **read()}, platform).faults(frozenset(Level))
    seen, shown = set[tuple[str, bool]](), set[str]()
    for each in hostile:
        try:
            with each.act():
                facts = read()
            yield from (f"{each}: {fact}" for fact in facts.values() if is_ours(fact))
            key = snapshot.dump(snapshot.Snapshot(facts=facts)), each.excused
            if key in seen:
                continue
            seen.add(key)
            judged = Judged({**usual(platform), **facts}, platform)
            if each.excused and (new := judged.faults() - known):
                yield f"{each}: {new} of what cannot be read"
            if not shown.issuperset(said := set(judged.said())):
                shown |= said
                yield from (f"{each}: {problem}" for problem in judged.problems())
        except Exception as error:
            yield f"{each}: {error!r:.300}"


def is_ours(fact: object) -> bool:
    """The probe failed, or was given up, rather than say why there is no fact."""
    if not isinstance(fact, ProbeFailure):
        return False
    return fact.reason is Reason.INTERNAL or (fact.reason is Reason.TIMEOUT and not fact.detail)


def all_of(hostile: list[Hostility]) -> Hostility:
    """All of these at once."""

    @contextmanager
    def act() -> Iterator[None]:
        with ExitStack() as undo:
            for each in hostile:
                undo.enter_context(each.act())
            yield

    return Hostility(where="all", how=hostile[0].how, act=act, excused=hostile[0].excused)
