"""Reads facts and judges them: concurrent, in the order of dependencies, each part on its own.

A check that raises, a probe that hangs or fails, a fact that nobody gives: each becomes a result
of the checks that depend on it, and nothing else is lost.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import Any, TypeVar

from diagcps.check import Check, Facts, MissingFact, NotApplicable, Probe, Trigger, World
from diagcps.diagnosis import root_of
from diagcps.events import EventLog, Finished, Judged, Settled, Snapshot, Started
from diagcps.model import (
    CauseId,
    CheckId,
    CheckResult,
    Diagnosis,
    Evidence,
    Finding,
    Level,
    Outcome,
    Platform,
    Private,
    PrivateKind,
    ProbeError,
    ProbeFailure,
    Reason,
)
from diagcps.threads import DaemonThreads

logger = logging.getLogger(__name__)

FactValue = Any  # a fact of any type: the bag's typing is that of `Facts.__getitem__`
Diagnose = Callable[[Mapping[CheckId, CheckResult]], Diagnosis]
Answer = TypeVar("Answer")

CHECK_FAILED = CauseId("check.failed")
_SATISFIED = frozenset({Outcome.PASS, Outcome.WARN, Outcome.NOT_APPLICABLE})
_PROBES_AT_ONCE = 16
_LONGEST_TURN_S = 0.5
"""A probe that takes longer waits for something: it keeps no processor busy, and no other probe."""
_BUSY_AFTER_S, _FIRST_TOLD_S = 0.04, 0.005
"""The page shows a first result before a processor is kept busy, and before the others are made."""


@dataclass(kw_only=True)
class Runner:
    """One examination of one workstation, begun by `run` and kept true by `refresh`."""

    checks: tuple[Check, ...]
    probes: Mapping[type, Probe[Any]]
    world: World
    platform: Platform
    level: Callable[[CauseId], Level]
    """What a cause means for the profile: it decides whether a finding fails a check or warns."""
    diagnose: Diagnose
    also: tuple[type, ...] = ()
    """Facts that every run reads for the report's own sake, whether or not a check uses them."""
    log: EventLog = field(default_factory=EventLog)
    facts: dict[type, FactValue | ProbeFailure] = field(default_factory=dict)
    results: dict[CheckId, CheckResult] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None
    runs: int = 0
    threads: DaemonThreads = field(default_factory=DaemonThreads)
    _began: float = 0.0
    _started: dict[CheckId, float] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> Diagnosis:
        """The diagnosis after reading every fact anew and judging every check."""
        return await self._examine(self.checks, self._needed(self.checks), afresh=True)

    async def refresh(self, trigger: Trigger) -> Diagnosis | None:
        """The diagnosis after reading again only what `trigger` may have changed.

        Facts that the trigger does not touch are kept, and so are the results that stand on them
        alone. None before the first run, when there is nothing to keep true.
        """
        if self.diagnosis is None and not self._lock.locked():
            return None
        stale_facts = self._stale(trigger)
        stale = _dependents(self.checks, stale_facts)
        return await self._examine(stale, stale_facts, afresh=False)

    async def read(self, kinds: Iterable[type], *, afresh: bool = False) -> None:
        """Reads the facts of these kinds that have not been read, for their own sake.

        With `afresh` those that have been, too; what stands on them is not judged again.
        """
        wanted = tuple(kinds)
        async with self._lock:
            if afresh:
                for kind in wanted:
                    self.facts.pop(kind, None)
            await self._settle_all((), self._with_prerequisites(wanted))

    def quiet(self) -> asyncio.Lock:
        """What keeps every probe waiting while it is held (`async with`)."""
        return self._lock

    def _needed(self, checks: tuple[Check, ...]) -> set[type]:
        """The facts that these checks stand on, and those of every run."""
        used = {fact for check in checks for fact in check.uses}
        return self._with_prerequisites({*self.also, *used})

    def _with_prerequisites(self, kinds: Iterable[type]) -> set[type]:
        """These facts, and all that are read before them."""
        found: set[type] = set()
        wanted = list(kinds)
        while wanted:
            kind = wanted.pop()
            if kind not in found:
                found.add(kind)
                wanted.extend(self._after(kind))
        return found

    def _after(self, kind: type) -> tuple[type, ...]:
        return self.probes[kind].after if kind in self.probes else ()

    def _stale(self, trigger: Trigger) -> set[type]:
        """The facts that `trigger` may have changed, and those that begin where they end."""
        stale = {kind for kind, probe in self.probes.items() if trigger in probe.refreshed_by}
        while more := {k for k, p in self.probes.items() if k not in stale and stale & {*p.after}}:
            stale |= more
        return stale

    async def _examine(
        self, checks: tuple[Check, ...], stale_facts: set[type], *, afresh: bool
    ) -> Diagnosis:
        async with self._lock:
            if afresh:
                self.diagnosis = None  # after a mere change, the last one stands until the next
            self.runs += 1
            self._began = time.perf_counter()
            self._started = {}
            pending = dict.fromkeys(check.id for check in checks)
            kept = {id_: r for id_, r in self.results.items() if id_ not in pending}
            self.results = dict(kept)
            self.log.append(Snapshot(run=self.runs, results=kept, pending=tuple(pending)))
            for kind in stale_facts:
                self.facts.pop(kind, None)
            await self._settle_all(checks, self._needed(checks))
            self.diagnosis = self.diagnose(self.results)
            self.log.append(Judged(diagnosis=self.diagnosis))
            ended = Finished(run=self.runs, afresh=afresh, duration_ms=self._now_ms())
            self.log.append(ended)
            return self.diagnosis

    async def _settle_all(
        self, checks: tuple[Check, ...], kinds: Iterable[type], later: float = 0.0
    ) -> None:
        """Walks the graph of facts and checks: facts read side by side, checks judged in turn.

        What keeps a processor busy is begun `later` seconds from now, or after the first result.
        """
        by_id = {check.id: check for check in checks}
        graph: TopologicalSorter[type | CheckId] = TopologicalSorter()
        for kind in kinds:
            graph.add(kind, *self._after(kind))
        for check in checks:
            graph.add(check.id, *check.uses, *(id_ for id_ in check.waits_for if id_ in by_id))
        graph.prepare()
        gate, turn = asyncio.Semaphore(_PROBES_AT_ONCE), asyncio.Lock()
        reading: dict[asyncio.Task[None], type] = {}
        settled = 0
        try:
            while graph.is_active():
                ready = graph.get_ready()
                for node in ready:
                    if isinstance(node, type):
                        self._announce(node, checks)
                        began = self._read(node, gate, turn, 0.0 if settled else later)
                        reading[asyncio.create_task(began)] = node
                    else:
                        self._settle(by_id[node])
                        graph.done(node)
                        settled += 1
                        if settled == 1:
                            await asyncio.sleep(_FIRST_TOLD_S)
                # What has just settled may have freed more: only then is a fact waited for.
                if not ready:
                    done, _ = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
                    graph.done(*(reading.pop(task) for task in done))
                    for task in done:
                        task.result()
        finally:
            for task in reading:
                task.cancel()

    def _announce(self, fact: type, checks: Iterable[Check]) -> None:
        if fact in self.facts:
            return
        for check in checks:
            if fact in check.uses:
                self._start(check.id)

    def _start(self, check: CheckId) -> float:
        if check not in self._started:
            self._started[check] = self._now_ms()
            self.log.append(Started(check=check))
        return self._started[check]

    async def _read(
        self, kind: type, gate: asyncio.Semaphore, turn: asyncio.Lock, later: float
    ) -> None:
        """Reads the fact: on a thread once a first result was told, and one that keeps a processor
        busy in its turn, `later` seconds from now."""
        if kind in self.facts:
            return
        probe = self.probes.get(kind)
        if probe is None or self.platform not in probe.platforms:
            reason = Reason.UNAVAILABLE if probe is None else Reason.UNSUPPORTED
            self.facts[kind] = ProbeFailure(reason=reason)
        elif probe.busy:
            await asyncio.sleep(later)
            self.facts[kind] = await self._ask_in_turn(probe, turn)
        else:
            if not inspect.iscoroutinefunction(probe.read):
                await asyncio.sleep(min(later, _FIRST_TOLD_S))
            async with gate:
                self.facts[kind] = await self._ask(probe)

    async def _ask_in_turn(self, probe: Probe[Any], turn: asyncio.Lock) -> FactValue | ProbeFailure:
        async with turn:
            asking = asyncio.create_task(self._ask(probe))
            try:
                await asyncio.wait({asking}, timeout=_LONGEST_TURN_S)
            except asyncio.CancelledError:
                asking.cancel()
                raise
        try:
            return await asking
        finally:
            asking.cancel()

    async def _ask(self, probe: Probe[Any]) -> FactValue | ProbeFailure:
        try:
            return await _within(probe.timeout_s, self._reading(probe))
        except TimeoutError:
            return ProbeFailure(reason=Reason.TIMEOUT)
        except MissingFact as missing:
            return missing.failure
        except ProbeError as error:
            return ProbeFailure(reason=error.reason, detail=_detail(error))
        except Exception as error:  # the boundary: whatever a probe raises is a result
            logger.exception("the probe of %s failed", probe.gives.__name__)
            return ProbeFailure(reason=Reason.INTERNAL, detail=_detail(error))

    async def _reading(self, probe: Probe[Any]) -> FactValue:
        fact: FactValue
        before = Facts({kind: self.facts[kind] for kind in probe.after})
        given = (self.world, before) if probe.after else (self.world,)
        if inspect.iscoroutinefunction(probe.read):
            fact = probe.read(*given)
        else:
            fact = await self.threads.run(lambda: probe.read(*given))
        if inspect.isawaitable(fact):
            try:
                fact = await fact
            except SystemExit as error:
                raise RuntimeError("a probe tried to end the program") from error
        if not isinstance(fact, probe.gives):
            raise TypeError(f"a probe of {probe.gives.__name__} gave {type(fact).__name__}")
        return fact

    def _settle(self, check: Check) -> None:
        started_ms = self._start(check.id)
        result = replace(
            self._judge(check), started_ms=started_ms, duration_ms=self._now_ms() - started_ms
        )
        self.results[check.id] = result
        self.log.append(Settled(result=result))

    def _judge(self, check: Check) -> CheckResult:
        if self.platform not in check.platforms:
            return CheckResult(check=check.id, outcome=Outcome.NOT_APPLICABLE)
        if blocked_by := self._blocker(check):
            return CheckResult(check=check.id, outcome=Outcome.BLOCKED, blocked_by=blocked_by)
        try:
            return self._judged(check)
        except MissingFact as missing:
            return _unknown(check, missing.failure)
        except (Exception, SystemExit) as error:  # the boundary: what a check raises is a result
            logger.exception("the check %s failed", check.id)
            return _unknown(check, ProbeFailure(reason=Reason.INTERNAL, detail=_detail(error)))

    def _blocker(self, check: Check) -> CheckId | None:
        """The check that keeps this one from being judged; one that comes of a failure first, which
        tells more than one that nobody knows."""
        for id_ in check.waits_for:
            root = root_of(id_, self.results)
            if root is not None and root.outcome is Outcome.FAIL:
                return id_
        settled = (id_ for id_ in check.needs if id_ in self.results)
        return next((id_ for id_ in settled if self.results[id_].outcome not in _SATISFIED), None)

    def _judged(self, check: Check) -> CheckResult:
        facts = Facts({kind: self.facts[kind] for kind in check.uses})
        findings: list[Finding] = []
        evidence: list[Evidence] = []
        try:
            for said in check.judge(facts):
                _sort(check, said, findings, evidence)
            outcome = _outcome(finding.level or self.level(finding.cause) for finding in findings)
        except NotApplicable:
            findings, outcome = [], Outcome.NOT_APPLICABLE
        return CheckResult(
            check=check.id, outcome=outcome, findings=tuple(findings), evidence=tuple(evidence)
        )

    def _now_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000


def _sort(check: Check, said: object, findings: list[Finding], evidence: list[Evidence]) -> None:
    """Puts what a judge said where it belongs."""
    if isinstance(said, Finding):
        if said.cause not in check.causes:
            raise ValueError(f"{check.id} found a cause it does not declare: {said.cause}")
        findings.append(said)
        evidence.extend(said.evidence)
    elif isinstance(said, Evidence):
        evidence.append(said)
    else:
        raise TypeError(f"{check.id} said a {type(said).__name__}")


def _outcome(levels: Iterable[Level]) -> Outcome:
    """The outcome is computed from the findings: a check cannot claim a pass against them."""
    found = set(levels)
    if Level.KO in found:
        return Outcome.FAIL
    return Outcome.WARN if Level.WARN in found else Outcome.PASS


def _unknown(check: Check, failure: ProbeFailure) -> CheckResult:
    """What cannot be told; our own failure is also a cause, so that somebody hears of it."""
    ours = failure.reason is Reason.INTERNAL
    detail = failure.detail
    return CheckResult(
        check=check.id,
        outcome=Outcome.UNKNOWN,
        reason=failure.reason,
        findings=(Finding(cause=CHECK_FAILED),) if ours else (),
        evidence=(Evidence(key="missing", value=detail, source="exception"),) if detail else (),
    )


def _detail(error: BaseException) -> Private | None:
    """The error's own words, which may hold anything: private, one line, 200 characters at most."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return Private(PrivateKind.TEXT, text[:200]) if str(error) else None


def _dependents(checks: tuple[Check, ...], stale: set[type]) -> tuple[Check, ...]:
    """The checks that stand on a stale fact, or wait for one that does, in their own order."""
    found: set[CheckId] = {check.id for check in checks if stale & set(check.uses)}
    while True:
        more = {c.id for c in checks if c.id not in found and found & set(c.waits_for)}
        if not more:
            return tuple(check for check in checks if check.id in found)
        found |= more


async def _within(limit_s: float, answer: Awaitable[Answer]) -> Answer:
    """The answer, or TimeoutError after `limit_s` seconds even if the coroutine ignores its end."""
    task = asyncio.ensure_future(answer)
    try:
        done, _ = await asyncio.wait({task}, timeout=limit_s)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        return task.result()
    task.cancel()
    task.add_done_callback(_look_away)
    raise TimeoutError


def _look_away(task: asyncio.Future[Any]) -> None:
    """An abandoned probe may still fail: its error is taken, so that asyncio reports none."""
    if not task.cancelled():
        task.exception()
