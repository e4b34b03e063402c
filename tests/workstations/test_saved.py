"""Saved workstations: each is judged to its first cause, and healthy ones to none."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from diagcps import probes, registry, replay, snapshot
from diagcps.catalogue_files import CatalogueFiles
from diagcps.examination import Examination, assemble
from diagcps.model import Level, Outcome, Platform
from diagcps.profiles import choose

from .describe import HERE, SAVED, Description, descriptions
from .record import record

ALL = {f"{each.platform.value}-{each.name}": each for each in descriptions()}
NOTES = (HERE.parent.parent / "docs" / "field-notes.md").read_text(encoding="utf-8")
OF_THIS_PART = re.compile(
    r"middleware\.|ca\.|browser\.(?!stale-choice)|os\.|session\.(?!stale$)|software\.(?!refused)"
    r"|reader\.(no-driver|pss-mode|power-saving|intermittent|macos-ccid|pss-emulation)$"
    r"|certificate\.not-propagated|galss\.|card\.obsolete|pcsc\.access-denied"
)
"""The causes of what is installed and set on a workstation."""
NOWHERE: dict[tuple[str, Platform], str] = {}
"""Causes that the catalogue allows on a system and that no source describes there."""


@cache
def found() -> registry.Registry:
    return registry.load(probes.BUILT_IN, installed=False)


def examined(described: Description) -> Examination:
    """The saved workstation, ready to be judged as `diagcps check --replay` judges it."""
    saved = snapshot.load(described.saved.read_bytes(), probes.KINDS)
    return assemble(
        registry=found(),
        probes={each.gives: each for each in probes.saved_probes(saved.facts)},
        profile=choose(described.profile),
        world=replay.saved_world(saved, CatalogueFiles()),
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
    else:
        assert {entry.level for entry in diagnosis.entries} <= {Level.INFO}
        assert diagnosis.exit_code == 0


async def test_no_check_of_a_workstation_fails_to_judge(described: Description) -> None:
    subject = examined(described)
    diagnosis = await subject.runner.run()
    assert "check.failed" not in {entry.cause.id for entry in diagnosis.entries}
    if not described.cause:
        outcomes = {result.outcome for result in subject.runner.results.values()}
        assert outcomes <= {Outcome.PASS, Outcome.NOT_APPLICABLE}


def test_a_workstation_cites_the_entries_that_describe_it(described: Description) -> None:
    assert described.cites or not described.cause
    for entry in described.cites:
        assert re.search(rf"^## {entry} ", NOTES, re.MULTILINE), entry


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
    shown = {each.cause for each in ALL.values() if each.platform is platform}
    needed = {
        cause.id
        for cause in found().causes.values()
        if OF_THIS_PART.match(cause.id) and platform in cause.platforms
    }
    assert needed - shown == {cause for cause, where in NOWHERE if where is platform}


RECORDED_HERE = {k: v for k, v in ALL.items() if v.platform is not Platform.WINDOWS}


@pytest.mark.parametrize("described", RECORDED_HERE.values(), ids=RECORDED_HERE)
def test_a_saved_workstation_is_what_the_probes_read(described: Description) -> None:
    assert record(described) == described.saved.read_text(encoding="utf-8")


def test_the_folder_of_saved_workstations_is_small() -> None:
    assert sum(Path(each).stat().st_size for each in SAVED.glob("*/*.json")) < 2 << 20
