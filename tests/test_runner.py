"""Reading facts and judging them: whatever one part does, the others have their results."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.check import Facts, MissingFact, NotApplicable, Trigger, World
from diagcps.events import Finished, Judged, Settled, Snapshot, Started
from diagcps.model import (
    CheckId,
    CheckResult,
    Evidence,
    Finding,
    Level,
    Outcome,
    Platform,
    Private,
    ProbeDenied,
    ProbeError,
    ProbeFailure,
    ProbeTimeout,
    ProbeUnavailable,
    ProbeUnsupported,
    Reason,
)
from diagcps.runner import Runner
from diagcps.threads import DaemonThreads
from tests.builders import cause, check, finding, probe, raises, runner, says
from tests.strategies import quick


@dataclass(frozen=True)
class Red:
    value: int = 0


@dataclass(frozen=True)
class Blue:
    value: int = 0


FAILS = says(finding("card.bad"))


def bad(id_: str, **options: Any) -> Any:
    """A check that always finds a cause that is ko."""
    return check(id_, FAILS, causes=["card.bad"], **options)


def result(examined: Runner, id_: str) -> CheckResult:
    return examined.results[CheckId(id_)]


def outcomes(examined: Runner) -> dict[str, str]:
    return {id_: each.outcome.value for id_, each in examined.results.items()}


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets every probe that hangs on it go at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


class Counted:
    """A probe's read that counts its calls; each answer is a new one."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.calls = 0

    async def __call__(self, _: World) -> Any:
        self.calls += 1
        await asyncio.sleep(0)
        return self.kind(self.calls)

    def probe(self, **options: Any) -> Any:
        async def read(world: World) -> Any:
            return await self(world)

        return probe(self.kind, read, **options)


async def test_a_check_without_findings_passes() -> None:
    examined = runner(check("test.a"))
    await examined.run()
    assert outcomes(examined) == {"test.a": "pass"}


@pytest.mark.parametrize(
    ("level", "outcome"),
    [(Level.KO, Outcome.FAIL), (Level.WARN, Outcome.WARN), (Level.INFO, Outcome.PASS)],
)
async def test_the_outcome_is_that_of_the_findings(level: Level, outcome: Outcome) -> None:
    examined = runner(bad("test.a"), causes=[cause("card.bad", level)])
    await examined.run()
    assert result(examined, "test.a").outcome is outcome


async def test_the_worst_finding_counts() -> None:
    judge = says(finding("card.odd"), finding("card.bad"), finding("card.odd"))
    causes = [cause("card.odd", Level.WARN), cause("card.bad")]
    examined = runner(check("test.a", judge, causes=["card.odd", "card.bad"]), causes=causes)
    await examined.run()
    assert result(examined, "test.a").outcome is Outcome.FAIL
    assert len(result(examined, "test.a").findings) == 3


async def test_the_evidence_of_a_finding_is_that_of_its_check() -> None:
    seen, shown = (Evidence(key=key, value=1, source="test") for key in ("seen", "shown"))
    found = Finding(cause=finding("card.bad").cause, evidence=(shown,))
    examined = runner(check("test.a", says(seen, found), causes=["card.bad"]))
    await examined.run()
    assert result(examined, "test.a").evidence == (seen, shown)


async def test_a_check_that_raises_is_unknown_and_harms_no_other() -> None:
    examined = runner(check("test.a", raises(RuntimeError("oops"))), bad("test.b"), check("test.c"))
    diagnosis = await examined.run()
    broken = result(examined, "test.a")
    assert (broken.outcome, broken.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
    assert [each.cause for each in broken.findings] == ["check.failed"]
    assert outcomes(examined) == {"test.a": "unknown", "test.b": "fail", "test.c": "pass"}
    assert [entry.cause.id for entry in diagnosis.entries] == ["card.bad", "check.failed"]


async def test_the_words_of_an_error_are_private_and_short() -> None:
    examined = runner(check("test.a", raises(RuntimeError("a\nb " + "x" * 500))))
    await examined.run()
    (said,) = result(examined, "test.a").evidence
    assert isinstance(said.value, Private)
    assert said.value.value.startswith("RuntimeError: a b xxx")
    assert len(said.value.value) <= 200


async def test_what_was_said_before_an_error_is_not_believed() -> None:
    def judge(_: Facts) -> Iterator[Finding]:
        yield finding("card.bad")
        raise RuntimeError

    examined = runner(check("test.a", judge, causes=["card.bad"]))
    await examined.run()
    assert result(examined, "test.a").outcome is Outcome.UNKNOWN
    assert [each.cause for each in result(examined, "test.a").findings] == ["check.failed"]


async def test_a_check_that_exits_is_unknown_and_harms_no_other() -> None:
    examined = runner(check("test.a", raises(SystemExit(1))), check("test.b"))
    try:
        await examined.run()
    except SystemExit:
        pytest.fail("the whole run ended")
    assert outcomes(examined) == {"test.a": "unknown", "test.b": "pass"}


@pytest.mark.parametrize("said", ["words", None, 3])
async def test_a_check_that_says_something_else_is_unknown(said: Any) -> None:
    examined = runner(check("test.a", says(said)), check("test.b"))
    await examined.run()
    assert outcomes(examined) == {"test.a": "unknown", "test.b": "pass"}


async def test_a_check_that_answers_with_nothing_to_read_is_unknown() -> None:
    examined = runner(check("test.a", lambda _: None), check("test.b"))  # type: ignore[arg-type, return-value]
    await examined.run()
    assert outcomes(examined) == {"test.a": "unknown", "test.b": "pass"}


async def test_a_cause_that_is_not_declared_is_an_error_of_the_check() -> None:
    undeclared = check("test.a", says(finding("card.other")), causes=["card.bad"])
    examined = runner(undeclared, causes=[cause("card.other")])
    await examined.run()
    assert result(examined, "test.a").reason is Reason.INTERNAL


async def test_a_fact_that_is_not_declared_is_an_error_of_the_check() -> None:
    def judge(facts: Facts) -> Iterator[Finding]:
        assert facts[Red] == Red(1)
        yield from ()
        facts[Blue]

    examined = runner(
        check("test.a", judge, uses=[Red]),
        check("test.b", uses=[Blue]),
        probes=[Counted(Red).probe(), Counted(Blue).probe()],
    )
    await examined.run()
    assert result(examined, "test.a").reason is Reason.INTERNAL
    assert result(examined, "test.b").outcome is Outcome.PASS


def reads_red(facts: Facts) -> Iterator[Finding]:
    facts[Red]
    yield from ()


RED = check("test.red", reads_red, uses=[Red])


def reads_blue(facts: Facts) -> Iterator[Finding]:
    facts[Blue]
    yield from ()


BLUE = check("test.blue", reads_blue, uses=[Blue])


async def unknown(examined: Runner) -> Reason | None:
    """Why the check of red is unknown, after a run in which blue is well."""
    began = time.monotonic()
    await asyncio.wait_for(examined.run(), 5)
    assert time.monotonic() - began < 2
    assert result(examined, "test.blue").outcome is Outcome.PASS
    assert result(examined, "test.red").outcome is Outcome.UNKNOWN
    return result(examined, "test.red").reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ProbeTimeout(), Reason.TIMEOUT),
        (ProbeDenied("no"), Reason.DENIED),
        (ProbeUnavailable("none"), Reason.UNAVAILABLE),
        (ProbeUnsupported(), Reason.UNSUPPORTED),
        (ProbeError("?"), Reason.INTERNAL),
        (OSError("?"), Reason.INTERNAL),
        (RecursionError(), Reason.INTERNAL),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_why_a_probe_failed_is_why_its_checks_are_unknown(
    error: Exception, reason: Reason
) -> None:
    examined = runner(RED, BLUE, probes=[probe(Red, raises(error)), Counted(Blue).probe()])
    assert await unknown(examined) is reason
    ours = [each.cause for each in result(examined, "test.red").findings] == ["check.failed"]
    assert ours == (reason is Reason.INTERNAL)


async def test_a_coroutine_that_hangs_is_a_timeout() -> None:
    async def hang(_: World) -> Red:
        await asyncio.Event().wait()
        return Red()

    probes = [probe(Red, hang, timeout_s=0.05), Counted(Blue).probe()]
    assert await unknown(runner(RED, BLUE, probes=probes)) is Reason.TIMEOUT


async def test_a_call_that_hangs_is_a_timeout(release: threading.Event) -> None:
    def hang(_: World) -> Red:
        release.wait(30)
        return Red()

    probes = [probe(Red, hang, timeout_s=0.05), Counted(Blue).probe()]
    examined = runner(RED, BLUE, probes=probes)
    assert await unknown(examined) is Reason.TIMEOUT
    await asyncio.sleep(0)
    assert examined.threads.stuck == 1
    release.set()
    while examined.threads.stuck:  # noqa: ASYNC110 (a thread says so, not a coroutine)
        await asyncio.sleep(0.01)


async def test_a_probe_that_ignores_its_end_is_a_timeout() -> None:
    let_go = asyncio.Event()

    async def stubborn(_: World) -> Red:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        raise RuntimeError("too late to be heard")

    probes = [probe(Red, stubborn, timeout_s=0.05), Counted(Blue).probe()]
    assert await unknown(runner(RED, BLUE, probes=probes)) is Reason.TIMEOUT
    let_go.set()
    await asyncio.sleep(0.01)


async def test_the_limit_is_the_probes_own() -> None:
    async def slow(_: World) -> Red:
        await asyncio.sleep(0.1)
        return Red()

    examined = runner(RED, probes=[probe(Red, slow, timeout_s=2)])
    await examined.run()
    assert result(examined, "test.red").outcome is Outcome.PASS


async def test_a_fact_of_the_wrong_type_is_an_error_of_the_probe() -> None:
    probes = [probe(Red, lambda _: Blue()), Counted(Blue).probe()]
    assert await unknown(runner(RED, BLUE, probes=probes)) is Reason.INTERNAL


async def test_a_fact_that_nobody_gives_is_unavailable() -> None:
    examined = runner(RED, BLUE, probes=[Counted(Blue).probe()])
    assert await unknown(examined) is Reason.UNAVAILABLE


async def test_a_probe_of_another_system_is_not_asked() -> None:
    counted = Counted(Red)
    windows = counted.probe(platforms=frozenset({Platform.WINDOWS}))
    examined = runner(RED, BLUE, probes=[windows, Counted(Blue).probe()], platform=Platform.LINUX)
    assert await unknown(examined) is Reason.UNSUPPORTED
    assert counted.calls == 0


async def test_a_missing_fact_that_a_check_can_do_without_is_no_reason() -> None:
    def judge(facts: Facts) -> Iterator[Finding]:
        assert isinstance(facts.get(Red), ProbeFailure)
        yield from ()

    examined = runner(check("test.a", judge, uses=[Red]))
    await examined.run()
    assert result(examined, "test.a").outcome is Outcome.PASS


async def test_a_plain_function_is_read_on_a_thread_of_its_own() -> None:
    threads: list[bool] = []

    def read(_: World) -> Red:
        threads.append(threading.current_thread() is threading.main_thread())
        return Red()

    await runner(RED, probes=[probe(Red, read)]).run()
    assert threads == [False]


async def test_a_fact_is_read_once_for_many_checks() -> None:
    counted = Counted(Red)
    checks = [check(f"test.c{number}", reads_red, uses=[Red]) for number in range(50)]
    examined = runner(*checks, probes=[counted.probe()])
    await asyncio.gather(examined.run(), examined.read([Red, Red]))
    assert counted.calls == 1


async def test_every_run_reads_anew() -> None:
    counted = Counted(Red)
    examined = runner(RED, probes=[counted.probe()])
    await examined.run()
    await examined.run()
    assert (counted.calls, examined.facts[Red], examined.runs) == (2, Red(2), 2)


async def test_facts_are_read_side_by_side() -> None:
    both = asyncio.Barrier(2)

    async def read_red(_: World) -> Red:
        await both.wait()
        return Red()

    async def read_blue(_: World) -> Blue:
        await both.wait()
        return Blue()

    examined = runner(
        RED, BLUE, probes=[probe(Red, read_red, timeout_s=1), probe(Blue, read_blue, timeout_s=1)]
    )
    await examined.run()
    assert outcomes(examined) == {"test.red": "pass", "test.blue": "pass"}


async def test_a_check_settles_without_waiting_for_the_facts_of_others() -> None:
    released = asyncio.Event()

    async def read_blue(_: World) -> Blue:
        await released.wait()
        return Blue()

    examined = runner(RED, BLUE, probes=[Counted(Red).probe(), probe(Blue, read_blue)])
    task = asyncio.create_task(examined.run())
    async for _, event in examined.log.follow():
        if isinstance(event, Settled):
            assert event.result.check == "test.red"
            break
    released.set()
    await task


async def test_what_needs_a_failed_check_is_blocked_by_it() -> None:
    examined = runner(
        bad("test.root"),
        check("test.near", needs=["test.root"]),
        check("test.far", needs=["test.near"]),
        check("test.beside"),
    )
    await examined.run()
    blocked = {id_: each.blocked_by for id_, each in examined.results.items()}
    assert blocked == {
        "test.root": None,
        "test.near": "test.root",
        "test.far": "test.near",
        "test.beside": None,
    }
    assert result(examined, "test.far").outcome is Outcome.BLOCKED
    assert examined.diagnosis is not None
    assert examined.diagnosis.entries[0].explains == ("test.near", "test.far")


async def test_what_needs_an_unknown_check_is_blocked_by_it() -> None:
    examined = runner(RED, check("test.near", needs=["test.red"]))
    await examined.run()
    assert result(examined, "test.near").blocked_by == "test.red"


async def test_what_a_failure_would_answer_is_blocked_by_it_near_and_far() -> None:
    examined = runner(
        bad("test.root"),
        check("test.needs", needs=["test.root"]),
        check("test.near", unless=["test.root"]),
        check("test.far", unless=["test.needs"]),
    )
    diagnosis = await examined.run()
    blocked = {id_: each.blocked_by for id_, each in examined.results.items()}
    assert blocked == {
        "test.root": None,
        "test.needs": "test.root",
        "test.near": "test.root",
        "test.far": "test.needs",
    }
    assert [entry.cause.id for entry in diagnosis.entries] == ["card.bad"]
    assert {*diagnosis.entries[0].explains} == {"test.needs", "test.near", "test.far"}


async def test_what_a_failure_would_answer_is_asked_where_nobody_knows() -> None:
    examined = runner(
        RED,
        check("test.needs", needs=["test.red"]),
        bad("test.near", unless=["test.red"]),
        bad("test.far", unless=["test.needs"]),
    )
    diagnosis = await examined.run()
    assert outcomes(examined) == {
        "test.red": "unknown",
        "test.needs": "blocked",
        "test.near": "fail",
        "test.far": "fail",
    }
    assert {*diagnosis.entries[0].because} == {"test.near", "test.far"}


@pytest.mark.parametrize("judge", [says(), FAILS, raises(NotApplicable())])
async def test_what_a_failure_would_answer_is_judged_after_it(judge: Any) -> None:
    examined = runner(
        check("test.near", unless=["test.root"]),
        check("test.root", judge, causes=["card.bad"]),
        causes=[cause("card.bad", Level.WARN)],
    )
    await examined.run()
    assert list(examined.results) == ["test.root", "test.near"]
    assert result(examined, "test.near").outcome is Outcome.PASS


async def test_a_failure_blocks_before_what_nobody_knows() -> None:
    examined = runner(
        RED,
        bad("test.root"),
        check("test.near", needs=["test.red", "test.root"]),
        check("test.far", unless=["test.near"]),
    )
    diagnosis = await examined.run()
    assert result(examined, "test.near").blocked_by == "test.root"
    assert {*diagnosis.entries[0].explains} == {"test.near", "test.far"}


LEVELS = {"card.bad": Level.KO, "card.odd": Level.WARN}
JUDGES: dict[str, Any] = {
    "pass": says(),
    "warn": says(finding("card.odd")),
    "fail": FAILS,
    "unknown": raises(MissingFact(ProbeFailure(reason=Reason.TIMEOUT))),
    "not-applicable": raises(NotApplicable()),
}
"""What a check would come to, were it judged."""
Waiting = tuple[str, tuple[int, ...], tuple[int, ...]]


@st.composite
def waiting(draw: st.DrawFn) -> list[Waiting]:
    """Checks, each with what it would come to and which of those before it it waits for, how."""
    made: list[Waiting] = []
    for number in range(draw(st.integers(1, 7))):
        ways = [draw(st.sampled_from(["", "needs", "unless"])) for _ in range(number)]
        needs, unless = (
            tuple(other for other, way in enumerate(ways) if way == wanted)
            for wanted in ("needs", "unless")
        )
        made.append((draw(st.sampled_from(list(JUDGES))), needs, unless))
    return made


def expected(made: list[Waiting]) -> list[tuple[str, bool]]:
    """The outcome of each, and whether it is, or waits for, a failure."""
    known: list[tuple[str, bool]] = []
    for own, needs, unless in made:
        failed = any(known[other][1] for other in (*needs, *unless))
        open_ = any(known[other][0] in ("unknown", "blocked") for other in needs)
        outcome = "blocked" if failed or open_ else own
        known.append((outcome, failed or outcome == "fail"))
    return known


@quick
@given(made=waiting())
def test_whatever_waits_for_whatever_nothing_is_ready_on_what_nobody_knows(
    made: list[Waiting],
) -> None:
    def ids(numbers: tuple[int, ...]) -> list[str]:
        return [f"test.c{number}" for number in numbers]

    examined = runner(
        *(
            check(f"test.c{number}", JUDGES[own], needs=ids(needs), unless=ids(unless),
                  causes=LEVELS)
            for number, (own, needs, unless) in enumerate(made)
        ),
        causes=[cause(id_, level) for id_, level in LEVELS.items()],
    )  # fmt: skip
    diagnosis = asyncio.run(examined.run())
    known = expected(made)
    assert outcomes(examined) == {f"test.c{n}": outcome for n, (outcome, _) in enumerate(known)}
    assert {*diagnosis.undecided} == {
        f"test.c{number}"
        for number, (outcome, failed) in enumerate(known)
        if outcome in ("unknown", "blocked") and not failed
    }
    explained = {id_ for entry in diagnosis.entries for id_ in entry.explains}
    blocked = {f"test.c{n}" for n, (outcome, failed) in enumerate(known)
               if outcome == "blocked" and failed}  # fmt: skip
    assert blocked <= explained


async def test_a_blocked_check_is_not_judged() -> None:
    judge = raises(AssertionError("judged"))
    examined = runner(bad("test.root"), check("test.near", judge, needs=["test.root"]))
    await examined.run()
    assert result(examined, "test.near").outcome is Outcome.BLOCKED


async def test_a_warning_blocks_nothing() -> None:
    examined = runner(
        bad("test.root"),
        check("test.near", needs=["test.root"]),
        causes=[cause("card.bad", Level.WARN)],
    )
    await examined.run()
    assert outcomes(examined) == {"test.root": "warn", "test.near": "pass"}


async def test_a_check_of_another_system_is_not_applicable_and_blocks_nothing() -> None:
    examined = runner(
        bad("test.windows", platforms=frozenset({Platform.WINDOWS})),
        check("test.near", needs=["test.windows"]),
        platform=Platform.LINUX,
    )
    await examined.run()
    assert outcomes(examined) == {"test.windows": "not-applicable", "test.near": "pass"}


async def test_results_stand_in_the_order_of_dependencies() -> None:
    chain = [
        check(f"test.c{number}", needs=[f"test.c{number - 1}"] if number else [], uses=[Red])
        for number in range(30)
    ]
    examined = runner(*reversed(chain), probes=[Counted(Red).probe()])
    await examined.run()
    assert list(examined.results) == [each.id for each in chain]


async def test_a_run_is_told_from_its_snapshot_to_its_end() -> None:
    examined = runner(RED, check("test.near", needs=["test.red"]), probes=[Counted(Red).probe()])
    diagnosis = await examined.run()
    events = [event for _, event in examined.log.since(0)]
    assert [type(event) for event in events] == [
        Snapshot, Started, Settled, Started, Settled, Judged, Finished,
    ]  # fmt: skip
    assert events[0] == Snapshot(run=1, results={}, pending=(RED.id, CheckId("test.near")))
    assert events[1] == Started(check=RED.id)
    assert events[2] == Settled(result=examined.results[RED.id])
    assert events[5] == Judged(diagnosis=diagnosis)
    assert isinstance(events[6], Finished)
    assert events[6].run == 1
    assert events[6].duration_ms >= 0


async def test_every_check_starts_once_and_settles_once_in_that_order() -> None:
    checks = [check(f"test.c{number}", uses=[Red, Blue]) for number in range(5)]
    examined = runner(*checks, probes=[Counted(Red).probe(), Counted(Blue).probe()])
    await examined.run()
    told = [event for _, event in examined.log.since(0)]
    for each in checks:
        begun = [n for n, e in enumerate(told) if isinstance(e, Started) and e.check == each.id]
        ended = [
            n for n, e in enumerate(told) if isinstance(e, Settled) and e.result.check == each.id
        ]
        assert len(begun) == len(ended) == 1
        assert begun[0] < ended[0]


async def test_times_are_those_of_the_run() -> None:
    async def slow(_: World) -> Red:
        await asyncio.sleep(0.05)
        return Red()

    examined = runner(RED, probes=[probe(Red, slow)])
    await examined.run()
    red = result(examined, "test.red")
    whole = next(e for _, e in examined.log.since(0) if isinstance(e, Finished)).duration_ms
    assert 0 <= red.started_ms <= red.started_ms + red.duration_ms <= whole
    assert red.duration_ms >= 30


async def test_a_change_reads_and_judges_again_what_depends_on_it() -> None:
    red, blue = Counted(Red), Counted(Blue)
    examined = runner(
        RED,
        BLUE,
        check("test.near", needs=["test.red"]),
        check("test.far", needs=["test.near"]),
        probes=[red.probe(refreshed=True), blue.probe()],
    )
    await examined.run()
    before = dict(examined.results)
    await examined.refresh(Trigger.PCSC)
    assert (red.calls, blue.calls) == (2, 1)
    begin = examined.log.since(0)[0][1]
    assert begin == Snapshot(
        run=2,
        results={BLUE.id: before[BLUE.id]},
        pending=(RED.id, CheckId("test.near"), CheckId("test.far")),
    )
    assert examined.results[BLUE.id] is before[BLUE.id]
    assert examined.results[RED.id] is not before[RED.id]
    assert outcomes(examined) == dict.fromkeys(
        ["test.blue", "test.red", "test.near", "test.far"], "pass"
    )


async def test_a_change_judges_again_what_its_failure_would_answer() -> None:
    def judge(facts: Facts) -> list[Finding]:
        return [finding("card.bad")] if facts[Red].value == 1 else []

    examined = runner(
        check("test.red", judge, uses=[Red], causes=["card.bad"]),
        check("test.near", unless=["test.red"]),
        probes=[Counted(Red).probe(refreshed=True)],
    )
    await examined.run()
    assert result(examined, "test.near").blocked_by == "test.red"
    await examined.refresh(Trigger.PCSC)
    assert outcomes(examined) == {"test.red": "pass", "test.near": "pass"}


async def test_a_change_repairs_what_was_blocked() -> None:
    def judge(facts: Facts) -> list[Finding]:
        return [finding("card.bad")] if facts[Red].value == 1 else []

    examined = runner(
        check("test.red", judge, uses=[Red], causes=["card.bad"]),
        check("test.near", reads_red, uses=[Red], needs=["test.red"]),
        probes=[Counted(Red).probe(refreshed=True)],
    )
    first = await examined.run()
    second = await examined.refresh(Trigger.PCSC)
    assert (first.exit_code, second and second.exit_code) == (2, 0)
    assert outcomes(examined) == {"test.red": "pass", "test.near": "pass"}


async def test_a_kept_result_still_blocks() -> None:
    def judge(facts: Facts) -> list[Finding]:
        facts[Blue]
        return [finding("card.bad")]

    examined = runner(
        check("test.blue", judge, uses=[Blue], causes=["card.bad"]),
        check("test.red", reads_red, uses=[Red], needs=["test.blue"]),
        probes=[Counted(Red).probe(refreshed=True), Counted(Blue).probe()],
    )
    await examined.run()
    await examined.refresh(Trigger.PCSC)
    assert result(examined, "test.red").blocked_by == "test.blue"


async def test_a_change_before_the_first_run_asks_nothing() -> None:
    counted = Counted(Red)
    examined = runner(RED, probes=[counted.probe(refreshed=True)])
    assert await examined.refresh(Trigger.PCSC) is None
    assert (counted.calls, examined.runs, examined.log.last) == (0, 0, 0)


async def test_a_run_and_a_change_come_one_after_the_other() -> None:
    at_once = most = 0

    async def read(_: World) -> Red:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return Red()

    examined = runner(RED, probes=[probe(Red, read, refreshed=True)])
    first = asyncio.create_task(examined.run())
    await asyncio.sleep(0)
    await asyncio.gather(
        first, examined.refresh(Trigger.PCSC), examined.run(), examined.refresh(Trigger.PCSC)
    )
    assert (most, examined.runs) == (1, 4)
    assert [type(event) for _, event in examined.log.since(0)] == [
        Snapshot, Started, Settled, Judged, Finished,
    ]  # fmt: skip


async def test_a_run_that_is_cancelled_can_be_begun_again() -> None:
    hang = True

    async def read(_: World) -> Red:
        if hang:
            await asyncio.Event().wait()
        return Red()

    examined = runner(RED, probes=[probe(Red, read)])
    task = asyncio.create_task(examined.run())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hang = False
    assert (await examined.run()).exit_code == 0


async def test_after_three_calls_that_hang_no_thread_is_spent_on_another(
    release: threading.Event,
) -> None:
    threads = DaemonThreads(most_stuck=3)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(threads.run(lambda: release.wait(30)), 0.02)
    with pytest.raises(ProbeTimeout):
        await threads.run(lambda: pytest.fail("asked again"))
    release.set()
    while threads.stuck:  # noqa: ASYNC110 (a thread says so, not a coroutine)
        await asyncio.sleep(0.01)
    assert await threads.run(lambda: 7) == 7


@pytest.mark.parametrize("error", [SystemExit(1), StopIteration()], ids=["exit", "stop"])
async def test_a_call_that_raises_what_no_future_takes_is_an_error(error: BaseException) -> None:
    probes = [probe(Red, raises(error), timeout_s=0.2), Counted(Blue).probe()]
    examined = runner(RED, BLUE, probes=probes)
    assert await unknown(examined) is Reason.INTERNAL
    assert examined.threads.stuck == 0


async def test_the_probes_that_keep_a_processor_busy_are_read_one_after_the_other() -> None:
    at_once: list[int] = []
    reading = 0

    def read(_: World) -> Any:
        nonlocal reading
        reading += 1
        at_once.append(reading)
        time.sleep(0.02)
        reading -= 1
        raise ProbeUnavailable

    kinds = [type(f"Fact{number}", (), {}) for number in range(6)]
    subject = runner(probes=[replace(probe(kind, read), busy=True) for kind in kinds])
    await subject.read(kinds)
    assert at_once == [1] * 6


async def test_a_probe_that_waits_though_it_should_be_busy_keeps_no_other_from_its_turn() -> None:
    class Slow:
        pass

    class Quick:
        pass

    ended = asyncio.Event()

    async def wait(_: World) -> Any:
        await ended.wait()
        return Slow()

    async def answer(_: World) -> Any:
        ended.set()
        return Quick()

    probes = [probe(Slow, wait), probe(Quick, answer)]
    subject = runner(probes=[replace(each, busy=True) for each in probes])
    await subject.read([Slow, Quick])
    assert isinstance(subject.facts[Quick], Quick)
    assert isinstance(subject.facts[Slow], Slow)
