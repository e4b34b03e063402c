"""From results to the ordered root causes, the verdict and the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from diagcps.check import Area, Check
from diagcps.diagnosis import diagnose
from diagcps.model import (
    Cause,
    CauseId,
    CheckId,
    CheckResult,
    Diagnosis,
    Level,
    Outcome,
    Reason,
    Verdict,
)
from diagcps.profiles import Profile
from tests.builders import catalogue, cause, check, finding, profile

KO = cause("card.bad", Level.KO)
WARN = cause("card.odd", Level.WARN)
INFO = cause("card.note", Level.INFO)
KNOWN = catalogue(KO, WARN, INFO)

BLOCKING = check("card.blocking", causes=["card.bad"])
ADVISING = check("card.advising", causes=["card.odd", "card.note"])


def result(id_: str, outcome: Outcome, *causes: str, blocked_by: str | None = None) -> CheckResult:
    return CheckResult(
        check=CheckId(id_),
        outcome=outcome,
        findings=tuple(finding(each) for each in causes),
        blocked_by=CheckId(blocked_by) if blocked_by else None,
        reason=Reason.TIMEOUT if outcome is Outcome.UNKNOWN else None,
    )


def diagnosis(
    results: Iterable[CheckResult], checks: Iterable[Check], *,
    causes: Mapping[CauseId, Cause] = KNOWN, use: Profile | None = None,
    named: frozenset[CheckId] | None = None,
) -> Diagnosis:  # fmt: skip
    return diagnose(
        {each.check: each for each in results},
        checks=checks,
        causes=causes,
        profile=use or profile(),
        named=named,
    )


def entries(of: Diagnosis) -> list[str]:
    return [entry.cause.id for entry in of.entries]


PASS, WARNED, FAIL, UNKNOWN = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.UNKNOWN

TABLE = [
    ("all pass", (PASS, ()), (PASS, ()), Verdict.READY, 0),
    ("a note", (PASS, ()), (PASS, ("card.note",)), Verdict.READY, 0),
    ("a warning", (PASS, ()), (WARNED, ("card.odd",)), Verdict.READY_WITH_WARNINGS, 1),
    ("a ko", (FAIL, ("card.bad",)), (PASS, ()), Verdict.NOT_READY, 2),
    ("a ko and a warning", (FAIL, ("card.bad",)), (WARNED, ("card.odd",)), Verdict.NOT_READY, 2),
    ("a ko and an unknown", (FAIL, ("card.bad",)), (UNKNOWN, ()), Verdict.NOT_READY, 2),
    ("unknown where it blocks", (UNKNOWN, ()), (PASS, ()), Verdict.UNDETERMINED, 3),
    (
        "unknown where it blocks, and a warning",
        (UNKNOWN, ()), (WARNED, ("card.odd",)), Verdict.UNDETERMINED, 3,
    ),
    ("unknown where it does not block", (PASS, ()), (UNKNOWN, ()), Verdict.READY, 0),
    ("unknown by our own fault", (PASS, ()), (UNKNOWN, ("check.failed",)), Verdict.READY, 0),
]  # fmt: skip

Told = tuple[Outcome, tuple[str, ...]]


@pytest.mark.parametrize(
    ("blocking", "advising", "verdict", "code"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_the_verdict_and_the_exit_code_are_those_of_the_contract(
    blocking: Told, advising: Told, verdict: Verdict, code: int
) -> None:
    results = [
        result("card.blocking", blocking[0], *blocking[1]),
        result("card.advising", advising[0], *advising[1]),
    ]
    found = diagnosis(results, [BLOCKING, ADVISING])
    assert (found.verdict, found.exit_code) == (verdict, code)


def test_the_checks_that_leave_it_undecided_are_named() -> None:
    results = [result("card.blocking", UNKNOWN), result("card.advising", UNKNOWN)]
    assert diagnosis(results, [BLOCKING, ADVISING]).undecided == ("card.blocking",)


@pytest.mark.parametrize(
    "results",
    [
        [],
        [result("card.blocking", Outcome.NOT_APPLICABLE)],
        [result("card.blocking", Outcome.BLOCKED, blocked_by="card.advising")],
    ],
    ids=["nothing", "not applicable", "blocked"],
)
def test_where_nothing_was_judged_nothing_is_ready(results: list[CheckResult]) -> None:
    found = diagnosis(results, [BLOCKING])
    assert (found.verdict, found.exit_code) == (Verdict.UNDETERMINED, 3)


BETWEEN = check("card.between", needs=["card.first"])
LAST = check("card.last", needs=["card.between"], causes=["card.bad"])


def chain(first: CheckResult) -> list[CheckResult]:
    """A check that is blocked by one that is blocked by `first`."""
    return [
        first,
        result("card.between", Outcome.BLOCKED, blocked_by="card.first"),
        result("card.last", Outcome.BLOCKED, blocked_by="card.between"),
        result("card.blocking", PASS),
    ]


def test_a_check_that_waits_for_what_nobody_knows_leaves_it_undecided() -> None:
    checks = [check("card.first", causes=["card.odd"]), BETWEEN, LAST, BLOCKING]
    found = diagnosis(chain(result("card.first", UNKNOWN)), checks)
    assert (found.undecided, found.verdict) == (("card.last",), Verdict.UNDETERMINED)


def test_a_check_that_could_only_warn_leaves_nothing_undecided() -> None:
    near = check("card.near", needs=["card.first"], causes=["card.odd"])
    results = [
        result("card.first", UNKNOWN),
        result("card.near", Outcome.BLOCKED, blocked_by="card.first"),
        result("card.blocking", PASS),
    ]
    found = diagnosis(results, [check("card.first"), near, BLOCKING])
    assert (found.undecided, found.verdict) == ((), Verdict.READY)


def test_a_check_that_waits_for_a_failure_leaves_nothing_undecided() -> None:
    checks = [check("card.first", causes=["card.bad"]), BETWEEN, LAST, BLOCKING]
    found = diagnosis(chain(result("card.first", FAIL, "card.bad")), checks)
    assert (found.undecided, found.verdict) == ((), Verdict.NOT_READY)


def test_a_check_that_waits_for_a_failure_that_does_not_count_is_undecided() -> None:
    checks = [check("card.first", causes=["card.bad"]), BETWEEN, LAST, BLOCKING]
    results = chain(result("card.first", FAIL, "card.bad"))
    found = diagnosis(results, checks, named=frozenset({LAST.id, BLOCKING.id}))
    assert (found.undecided, found.verdict) == (("card.last",), Verdict.UNDETERMINED)


def test_without_a_ko_cause_for_this_use_a_check_does_not_block() -> None:
    lenient = profile(levels={"card.bad": Level.WARN})
    assert diagnosis([result("card.blocking", PASS)], [BLOCKING], use=lenient).exit_code == 0
    strict = profile(levels={"card.odd": Level.KO})
    results = [result("card.blocking", PASS), result("card.advising", UNKNOWN)]
    assert diagnosis(results, [BLOCKING, ADVISING], use=strict).exit_code == 3


def test_a_profile_says_what_a_cause_means() -> None:
    lenient = profile(levels={"card.bad": Level.INFO})
    found = diagnosis([result("card.blocking", PASS, "card.bad")], [BLOCKING], use=lenient)
    assert found.verdict is Verdict.READY
    assert found.entries[0].level is Level.INFO


def test_the_root_comes_alone_with_what_only_follows_from_it() -> None:
    checks = [
        check("pcsc.service", causes=["pcsc.down"]),
        check("reader.present", causes=["reader.none"], needs=["pcsc.service"]),
        check("card.present", causes=["card.bad"], needs=["reader.present"]),
        check("clock.right"),
    ]
    results = [
        result("pcsc.service", FAIL, "pcsc.down"),
        result("reader.present", Outcome.BLOCKED, blocked_by="pcsc.service"),
        result("card.present", Outcome.BLOCKED, blocked_by="reader.present"),
        result("clock.right", PASS),
    ]
    causes = catalogue(cause("pcsc.down"), cause("reader.none"), KO)
    (entry,) = diagnosis(results, checks, causes=causes).entries
    assert entry.cause.id == "pcsc.down"
    assert entry.because == ("pcsc.service",)
    assert entry.explains == ("reader.present", "card.present")


def test_each_root_explains_its_own_consequences() -> None:
    checks = [
        check("reader.present", causes=["reader.none"]),
        check("network.up", causes=["network.offline"]),
        check("card.present", needs=["reader.present"]),
        check("network.psc", needs=["network.up"]),
    ]
    results = [
        result("reader.present", FAIL, "reader.none"),
        result("network.up", FAIL, "network.offline"),
        result("card.present", Outcome.BLOCKED, blocked_by="reader.present"),
        result("network.psc", Outcome.BLOCKED, blocked_by="network.up"),
    ]
    causes = catalogue(cause("network.offline"), cause("reader.none"))
    found = diagnosis(results, checks, causes=causes)
    assert {entry.cause.id: entry.explains for entry in found.entries} == {
        "reader.none": ("card.present",),
        "network.offline": ("network.psc",),
    }


def test_the_order_is_level_then_area_then_catalogue() -> None:
    given = {
        "card.z": Level.KO, "card.a": Level.KO, "network.a": Level.KO, "session.a": Level.KO,
        "session.b": Level.WARN, "clock.a": Level.WARN, "pcsc.a": Level.INFO,
    }  # fmt: skip
    causes = catalogue(*(cause(id_, level) for id_, level in given.items()))
    one = check("card.one", causes=given)
    results = [result("card.one", FAIL, *reversed(given))]
    assert entries(diagnosis(results, [one], causes=causes)) == [
        "session.a", "card.z", "card.a", "network.a", "session.b", "clock.a", "pcsc.a",
    ]  # fmt: skip


CONTRACT_ORDER = [
    "session", "pcsc", "reader", "card", "pin", "puk", "clock", "certificate", "middleware",
    "galss", "browser", "network", "os", "software",
]  # fmt: skip


def test_the_areas_stand_in_the_order_of_the_contract() -> None:
    ids = [f"{area}.a" for area in CONTRACT_ORDER]
    causes = catalogue(*(cause(id_) for id_ in ids))
    one = check("card.one", causes=ids)
    found = diagnosis([result("card.one", FAIL, *reversed(ids))], [one], causes=causes)
    assert entries(found) == ids


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("puk.a", "clock.a"),
        ("pin.a", "puk.a"),
        ("certificate.a", "ca.a"),
        ("crl.a", "middleware.a"),
        ("software.a", "tool.a"),
        ("software.a", "plug.a"),
    ],
)
def test_a_cause_stands_with_its_area(first: str, then: str) -> None:
    causes = catalogue(cause(first), cause(then))
    one = check("card.one", causes=[then, first])
    results = [result("card.one", FAIL, then, first)]
    assert entries(diagnosis(results, [one], causes=causes)) == [first, then]


def test_a_plug_ins_cause_comes_before_those_of_the_tool_itself() -> None:
    causes = catalogue(cause("tool.a"), cause("plug.a"))
    one = check("card.one", causes=["tool.a", "plug.a"])
    results = [result("card.one", FAIL, "tool.a", "plug.a")]
    assert entries(diagnosis(results, [one], causes=causes)) == ["plug.a", "tool.a"]


def test_a_cause_that_several_checks_find_is_one_entry() -> None:
    checks = [check("card.one", causes=["card.bad"]), check("card.two", causes=["card.bad"])]
    results = [result("card.one", FAIL, "card.bad"), result("card.two", FAIL, "card.bad")]
    (entry,) = diagnosis(results, checks).entries
    assert entry.because == ("card.one", "card.two")


def test_a_check_that_finds_a_cause_twice_is_named_once() -> None:
    twice = result("card.blocking", FAIL, "card.bad", "card.bad")
    (entry,) = diagnosis([twice], [BLOCKING]).entries
    assert entry.because == ("card.blocking",)


def test_what_the_words_need_comes_with_the_entry() -> None:
    found = CheckResult(
        check=BLOCKING.id, outcome=FAIL, findings=(finding("card.bad", program="other"),)
    )
    (entry,) = diagnosis([found], [BLOCKING]).entries
    assert entry.params == {"program": "other"}


def test_an_area_that_the_profile_leaves_out_does_not_count() -> None:
    clock = check("clock.right", area=Area.CLOCK)
    results = [result("card.blocking", FAIL, "card.bad"), result("clock.right", PASS)]
    found = diagnosis(results, [BLOCKING, clock], use=profile(Area.CLOCK))
    assert (found.verdict, found.entries) == (Verdict.READY, ())


def test_the_tools_own_state_always_counts() -> None:
    own = check("tool.complete", area=Area.TOOL, causes=["tool.incomplete"])
    causes = catalogue(cause("tool.incomplete", Level.WARN))
    results = [result("tool.complete", WARNED, "tool.incomplete")]
    found = diagnosis(results, [own], causes=causes, use=profile(Area.CLOCK))
    assert entries(found) == ["tool.incomplete"]


def test_only_the_named_checks_count() -> None:
    results = [result("card.blocking", FAIL, "card.bad"), result("card.advising", PASS)]
    checks = [BLOCKING, ADVISING]
    assert diagnosis(results, checks, named=frozenset({ADVISING.id})).exit_code == 0
    assert diagnosis(results, checks, named=frozenset({BLOCKING.id})).exit_code == 2


def test_a_named_check_counts_whatever_the_profile() -> None:
    results = [result("card.blocking", FAIL, "card.bad")]
    use = profile(Area.CLOCK)
    assert diagnosis(results, [BLOCKING], use=use, named=frozenset({BLOCKING.id})).exit_code == 2


def test_a_named_check_that_waits_for_another_leaves_it_undetermined() -> None:
    near = check("card.near", needs=["card.blocking"], causes=["card.odd"])
    results = [
        result("card.blocking", FAIL, "card.bad"),
        result("card.near", Outcome.BLOCKED, blocked_by="card.blocking"),
    ]
    found = diagnosis(results, [BLOCKING, near], named=frozenset({near.id}))
    assert (found.entries, found.exit_code) == ((), 3)


def test_checks_that_have_not_settled_do_not_count() -> None:
    found = diagnosis([result("card.advising", WARNED, "card.odd")], [BLOCKING, ADVISING])
    assert found.exit_code == 1
