"""Facts that begin where others ended, questions without an object, levels that the facts give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diagcps.check import Facts, NotApplicable, Trigger, World
from diagcps.model import Level, Outcome, ProbeDenied, ProbeFailure, Reason
from tests.builders import cause, check, finding, probe, runner


@dataclass(frozen=True)
class First:
    value: int = 1


@dataclass(frozen=True)
class Second:
    value: int = 0


@dataclass(frozen=True)
class Third:
    value: int = 0


def chain(read: list[str], *, first: Any = None) -> list[Any]:
    """Three probes, each after the one before, that note when they are read."""

    def read_first(_: World) -> First:
        read.append("first")
        if first is not None:
            raise first
        return First()

    async def read_second(_: World, facts: Facts) -> Second:
        read.append("second")
        return Second(facts[First].value + 1)

    def read_third(_: World, facts: Facts) -> Third:
        read.append("third")
        return Third(facts[Second].value + 1)

    return [
        probe(Third, read_third, after=[Second]),
        probe(Second, read_second, after=[First]),
        probe(First, read_first, refreshed=True),
    ]


async def test_a_fact_is_read_after_those_it_begins_from() -> None:
    read: list[str] = []
    examined = runner(check("a.third", uses=[Third]), probes=chain(read))
    await examined.run()
    assert read == ["first", "second", "third"]
    assert examined.facts[Third] == Third(3)


async def test_each_is_read_once_for_all_that_ask() -> None:
    read: list[str] = []
    checks = [check("a.one", uses=[First, Third]), check("a.two", uses=[Second])]
    await runner(*checks, probes=chain(read)).run()
    assert read == ["first", "second", "third"]


async def test_what_kept_the_first_from_being_read_is_told_of_the_last() -> None:
    examined = runner(check("a.third", uses=[Third]), probes=chain([], first=ProbeDenied()))
    await examined.run()
    assert examined.facts[Third] == ProbeFailure(reason=Reason.DENIED)


async def test_a_check_of_the_first_does_not_wait_for_the_last() -> None:
    settled: list[str] = []
    examined = runner(
        check("a.third", uses=[Third]), check("a.first", uses=[First]), probes=chain(settled)
    )
    await examined.run()
    assert list(examined.results) == ["a.first", "a.third"]


async def test_a_change_reads_again_all_that_begins_from_what_changed() -> None:
    read: list[str] = []
    examined = runner(check("a.third", uses=[Third]), probes=chain(read))
    await examined.run()
    await examined.refresh(Trigger.PCSC)
    assert read == ["first", "second", "third"] * 2


async def test_facts_read_for_their_own_sake_bring_those_before() -> None:
    read: list[str] = []
    examined = runner(check("a.check"), probes=chain(read))
    await examined.read([Third])
    assert read == ["first", "second", "third"]
    assert examined.facts[Third] == Third(3)


def _no_object(_: Facts) -> Any:
    yield finding("a.cause")
    raise NotApplicable


async def test_a_question_without_an_object_is_not_applicable_and_blocks_nothing() -> None:
    examined = runner(
        check("a.first", _no_object, causes=["a.cause"]), check("a.next", needs=["a.first"])
    )
    await examined.run()
    assert examined.results["a.first"].outcome is Outcome.NOT_APPLICABLE  # type: ignore[index]
    assert examined.results["a.first"].findings == ()  # type: ignore[index]
    assert examined.results["a.next"].outcome is Outcome.PASS  # type: ignore[index]


async def test_the_facts_may_give_a_cause_another_level() -> None:
    def judge(_: Facts) -> Any:
        yield finding("a.cause", level=Level.KO)

    info = cause("a.cause", Level.INFO)
    examined = runner(check("a.first", judge, causes=["a.cause"]), causes=[info])
    diagnosis = await examined.run()
    assert examined.results["a.first"].outcome is Outcome.FAIL  # type: ignore[index]
    assert [entry.level for entry in diagnosis.entries] == [Level.KO]
    assert diagnosis.exit_code == 2


async def test_of_several_levels_the_most_serious_counts() -> None:
    def judge(_: Facts) -> Any:
        yield finding("a.cause")

    def graver(_: Facts) -> Any:
        yield finding("a.cause", level=Level.WARN)

    checks = [check("a.first", judge, causes=["a.cause"]),
              check("a.next", graver, causes=["a.cause"])]  # fmt: skip
    diagnosis = await runner(*checks, causes=[cause("a.cause", Level.INFO)]).run()
    assert [(entry.level, entry.because) for entry in diagnosis.entries] == [
        (Level.WARN, ("a.first", "a.next"))
    ]
