"""Saved workstations: each is judged to its first cause, and healthy ones to none."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from diagcps import probes, registry, replay, snapshot
from diagcps.catalogue_files import CatalogueFiles
from diagcps.examination import Examination, assemble
from diagcps.facts import Session
from diagcps.model import Diagnosis, Level, Outcome, Platform, ProbeFailure, Reason, Verdict
from diagcps.profiles import choose
from diagcps.workstation import Components, Settings, Software

from .describe import HERE, SAVED, Description, descriptions
from .record import record

ALL = {f"{each.platform.value}-{each.name}": each for each in descriptions()}
OF_THIS_PART = re.compile(
    r"middleware\.|ca\.|browser\.(?!stale-choice)|os\.|session\.(?!stale$)|software\.(?!refused)"
    r"|reader\.(no-driver|pss-mode|power-saving|intermittent|macos-ccid|pss-emulation)$"
    r"|certificate\.not-propagated|galss\.|card\.obsolete|pcsc\.access-denied"
)
"""The causes of what is installed and set on a workstation."""
LINUX, MACOS, WINDOWS = Platform.LINUX, Platform.MACOS, Platform.WINDOWS
NOWHERE: dict[tuple[str, Platform], str] = {
    ("browser.duplicate-modules", LINUX): "Firefox takes no card from the system itself",
    ("galss.misconfigured", LINUX): "no source names the place of galss.ini",
    ("middleware.restart-needed", LINUX): "no source asks for a restart",
    ("session.remote-no-reader", LINUX): "no session passes on the cards of another computer",
    ("browser.none-supported", MACOS): "Safari is a part of the system",
    ("middleware.several", MACOS): "a package takes over the files of the one before",
    ("reader.power-saving", MACOS): "the system does not tell which devices it may suspend",
    ("session.remote-no-reader", MACOS): "no session passes on the cards of another computer",
    ("session.support-tool", MACOS): "no process tells that somebody looks on",
}
"""Causes that the catalogue allows on a system and that no source describes there."""
NEVER_FIRST = {
    "os.not-admin": "a remark beside what has to be installed",
    "middleware.restart-needed": "on Windows a remark beside what does not work",
    "reader.power-saving": "a remark beside a reader that went again and again",
}
"""Causes that stand beside another one and never before it."""


@cache
def notes() -> str:
    """The project's field notes."""
    return (HERE.parent.parent / "docs" / "field-notes.md").read_text(encoding="utf-8")


@cache
def found() -> registry.Registry:
    return registry.load(probes.BUILT_IN, installed=False)


@cache
def catalogue() -> CatalogueFiles:
    """What is known of the field, its files read once."""
    return CatalogueFiles()


def examined(
    described: Description, saved: snapshot.Snapshot | None = None, unread: type | None = None
) -> Examination:
    """The saved workstation, ready to be judged as `diagcps check --replay` judges it; without the
    fact `unread`, which the system refused."""
    saved = saved or snapshot.load(described.saved.read_bytes(), probes.KINDS)
    facts = {**saved.facts, **({unread: ProbeFailure(reason=Reason.DENIED)} if unread else {})}
    return assemble(
        registry=found(),
        probes={each.gives: each for each in probes.saved_probes(facts)},
        profile=choose(described.profile),
        world=replay.saved_world(saved, catalogue()),
        moment=saved.moment,
    )


@pytest.fixture(params=ALL.values(), ids=ALL)
def described(request: pytest.FixtureRequest) -> Description:
    description: Description = request.param
    return description


async def test_a_workstation_comes_to_its_first_cause(described: Description) -> None:
    diagnosis = await examined(described).runner.run()
    first = diagnosis.entries[0] if diagnosis.entries else None
    if described.cause:
        assert first is not None
        assert first.cause.id == described.cause
        assert first.level.value == (described.level or first.cause.level.value)
        assert {*described.beside} <= {entry.cause.id for entry in diagnosis.entries}
    if not described.cause or (first and first.level is Level.INFO):
        assert {entry.level for entry in diagnosis.entries} <= {Level.INFO}
        assert diagnosis.exit_code == 0


async def test_no_check_of_a_workstation_fails_to_judge(described: Description) -> None:
    subject = examined(described)
    diagnosis = await subject.runner.run()
    assert "check.failed" not in {entry.cause.id for entry in diagnosis.entries}
    if not described.cause:
        outcomes = {result.outcome for result in subject.runner.results.values()}
        assert outcomes <= {Outcome.PASS, Outcome.NOT_APPLICABLE}


async def without_each_fact(described: Description) -> dict[str, Diagnosis]:
    """What is said of the workstation where one fact was not read, by the fact's name."""
    saved = snapshot.load(described.saved.read_bytes(), probes.KINDS)
    used = {kind for check in examined(described, saved).checks for kind in check.uses}
    kinds = [
        k for k, fact in saved.facts.items() if k in used and not isinstance(fact, ProbeFailure)
    ]
    runs = (examined(described, saved, kind).runner.run() for kind in kinds)
    said = await asyncio.gather(*runs)
    return {kind.__name__: each for kind, each in zip(kinds, said, strict=True)}


async def test_no_unread_fact_makes_a_workstation_ready(described: Description) -> None:
    if (await examined(described).runner.run()).verdict is not Verdict.NOT_READY:
        return
    for name, said in (await without_each_fact(described)).items():
        assert said.verdict in (Verdict.NOT_READY, Verdict.UNDETERMINED), name


@pytest.mark.parametrize(
    ("name", "unread", "cause"),
    [
        ("linux-reader-no-driver", Session, "reader.no-driver"),
        ("windows-session-remote-no-reader", Session, "reader.none"),
        ("windows-middleware-incomplete", Components, "certificate.not-propagated"),
        ("windows-middleware-ccm-stopped", Software, "certificate.not-propagated"),
        ("windows-middleware-ccm-not-watching", Settings, "certificate.not-propagated"),
    ],
)
async def test_where_the_root_cannot_be_told_what_follows_from_it_is(
    name: str, unread: type, cause: str
) -> None:
    diagnosis = await examined(ALL[name], unread=unread).runner.run()
    assert diagnosis.entries[0].cause.id == cause


HEALTHY = {name: each for name, each in ALL.items() if not each.cause}


@pytest.mark.parametrize("described", HEALTHY.values(), ids=HEALTHY)
async def test_no_unread_fact_is_a_fault(described: Description) -> None:
    for name, said in (await without_each_fact(described)).items():
        assert {entry.level for entry in said.entries} <= {Level.INFO}, name


def test_a_workstation_cites_the_entries_that_describe_it(described: Description) -> None:
    assert described.cites or not described.cause
    for entry in described.cites:
        assert re.search(rf"^## {entry} ", notes(), re.MULTILINE), entry


def test_a_described_workstation_is_saved_and_no_other_is() -> None:
    saved = {path.relative_to(SAVED) for path in SAVED.glob("*/*.json")}
    assert saved == {each.saved.relative_to(SAVED) for each in ALL.values()}


def test_nobody_is_in_a_saved_workstation() -> None:
    for path in SAVED.glob("*/*.json"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(?:work|root|tmp)/|/home/(?!person)|Users.{1,2}(?!person)", text), (
            path
        )


@pytest.mark.parametrize("platform", Platform)
def test_every_cause_has_a_workstation_on_each_system_where_it_occurs(platform: Platform) -> None:
    here = [each for each in ALL.values() if each.platform is platform]
    beside = {cause for each in here for cause in each.beside if cause in NEVER_FIRST}
    shown = {each.cause for each in here} | beside
    needed = {
        cause.id
        for cause in found().causes.values()
        if OF_THIS_PART.match(cause.id) and platform in cause.platforms
    }
    assert needed - shown == {cause for cause, where in NOWHERE if where is platform}


RECORDED_HERE = {k: v for k, v in ALL.items() if v.platform is not WINDOWS}


@pytest.mark.skipif(sys.platform == "win32", reason="lays out the links and rights of Unix")
@pytest.mark.parametrize("described", RECORDED_HERE.values(), ids=RECORDED_HERE)
def test_a_saved_workstation_is_what_the_probes_read(described: Description) -> None:
    assert record(described) == described.saved.read_text(encoding="utf-8")


def test_a_saved_workstation_survives_being_saved_again(described: Description) -> None:
    saved = snapshot.load(described.saved.read_bytes(), probes.KINDS)
    again = snapshot.dump(saved)
    reloaded = snapshot.load(again.encode(), probes.KINDS)
    assert reloaded == saved
    assert snapshot.dump(reloaded) == again


async def test_a_saved_workstation_that_is_given_away_comes_to_the_same(
    described: Description,
) -> None:
    saved = snapshot.load(described.saved.read_bytes(), probes.KINDS)
    shared = snapshot.load(snapshot.dump(saved, private=False).encode(), probes.KINDS)
    whole = await examined(described, saved).runner.run()
    bare = await examined(described, shared).runner.run()
    assert bare.exit_code == whole.exit_code
    assert [each.cause for each in bare.entries] == [each.cause for each in whole.entries]


def test_the_command_line_judges_a_saved_workstation() -> None:
    described = ALL["macos-os-usb-not-authorised"]
    command = ["check", "--replay", str(described.saved), "--format", "json"]
    ended = subprocess.run(
        [sys.executable, "-m", "diagcps", *command],
        env={**os.environ, "DIAGCPS_LOAD_ENTRY_POINTS": "0"},
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (2, b"")
    report = json.loads(ended.stdout)
    assert report["replayed"] is True
    assert report["diagnosis"][0]["cause"] == described.cause


def test_the_folder_of_saved_workstations_is_small() -> None:
    assert sum(Path(each).stat().st_size for each in SAVED.glob("*/*.json")) < 2 << 20
