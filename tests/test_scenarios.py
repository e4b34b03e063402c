"""Every simulated workstation, from its file to the verdict."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diagcps import registry, scenario
from diagcps.check import World
from diagcps.examination import Examination, assemble
from diagcps.facts import Moment, Tool
from diagcps.model import CauseId, Level, Outcome, ProbeUnavailable, UsageError
from diagcps.probes import BUILT_IN, KINDS, saved_probes
from diagcps.profiles import choose
from diagcps.report.redact import Redaction
from diagcps.scenario import LATER, load, names, saved_world

FILES = Path(scenario.__file__).parent / "scenarios"

TABLE: dict[str, tuple[str | None, str, int]] = {
    "access-denied": ("pcsc.access-denied", "not-ready", 2),
    "agent-card": ("card.not-cps", "not-ready", 2),
    "card-removed": ("card.removed", "not-ready", 2),
    "contactless": ("reader.contactless-only", "not-ready", 2),
    "healthy-cps3": (None, "ready", 0),
    "healthy-cps4": (None, "ready", 0),
    "mute-card": ("card.mute", "not-ready", 2),
    "no-card": ("card.absent", "not-ready", 2),
    "no-reader": ("reader.none", "not-ready", 2),
    "old-cps2ter": ("card.obsolete", "not-ready", 2),
    "reader-in-use": ("reader.in-use", "not-ready", 2),
    "remote": ("session.remote", "ready", 0),
    "remote-no-reader": ("session.remote-no-reader", "not-ready", 2),
    "service-absent": ("pcsc.unavailable", "not-ready", 2),
    "service-not-responding": ("pcsc.not-responding", "not-ready", 2),
    "service-stopped": ("pcsc.service-stopped", "not-ready", 2),
    "several-cards": ("card.several", "ready-with-warnings", 1),
    "tool-incomplete": ("tool.incomplete", "undetermined", 3),
    "unknown-card": ("card.not-cps", "not-ready", 2),
    "vitale": ("card.vitale", "not-ready", 2),
}
"""The first cause, the verdict and the exit code of each scenario."""

CONTRACT = set(
    """
    healthy-cps3 healthy-cps4 no-reader no-card vitale unknown-card mute-card pin-blocked
    pin-last-try puk-blocked expired expires-soon not-yet-valid revoked test-card
    middleware-absent cps4-old-middleware middleware-blind service-stopped reader-in-use offline
    proxy-auth tls-intercepted clock-wrong extension-missing remote-no-reader puk-unusable
    card-kind-unsuited
    """.split()  # noqa: SIM905 (as the contract lists them)
)


def examination(name: str) -> Examination:
    saved = load(name)
    return assemble(
        registry=registry.load(BUILT_IN, installed=False),
        probes={probe.gives: probe for probe in saved_probes(saved.facts)},
        profile=choose("psc-card"),
        world=saved_world(saved),
        simulated=saved.simulated,
    )


def test_every_scenario_is_in_the_table() -> None:
    assert set(names()) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
async def test_a_scenario_comes_to_its_first_cause_verdict_and_exit_code(name: str) -> None:
    found = await examination(name).runner.run()
    first = found.entries[0].cause.id if found.entries else None
    assert (first, found.verdict.value, found.exit_code) == TABLE[name]


@pytest.mark.parametrize("name", [name for name in TABLE if name.startswith("healthy")])
async def test_a_healthy_workstation_has_nothing_to_repair_or_to_watch(name: str) -> None:
    examined = examination(name)
    found = await examined.runner.run()
    assert {entry.level for entry in found.entries} <= {Level.INFO}
    assert {each.outcome for each in examined.runner.results.values()} == {Outcome.PASS}


@pytest.mark.parametrize("name", TABLE)
async def test_a_blocked_check_stands_under_the_root_and_is_no_entry(name: str) -> None:
    examined = examination(name)
    found = await examined.runner.run()
    results = examined.runner.results.values()
    blocked = {each.check for each in results if each.outcome is Outcome.BLOCKED}
    explained = {check for entry in found.entries for check in entry.explains}
    if found.undecided:
        assert explained <= blocked
    else:
        assert explained == blocked
    assert not blocked & {check for entry in found.entries for check in entry.because}


async def test_no_reader_explains_no_card() -> None:
    (root,) = (await examination("no-reader").runner.run()).entries
    assert "card.present" in root.explains


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_every_cause_of_a_scenario_is_told_with_what_to_do(name: str, language: str) -> None:
    examined = examination(name)
    await examined.runner.run()
    report = Redaction().report(examined.report(language))
    for line in report.diagnosis:
        assert line.title != line.cause
        assert line.meaning
        known = examined.registry.causes[CauseId(line.cause)]
        assert bool(line.remedies) == bool(known.remedies)


@pytest.mark.parametrize("name", TABLE)
def test_a_scenario_is_simulated_and_complete(name: str) -> None:
    saved = load(name)
    assert saved.simulated
    assert set(saved.facts) == set(KINDS)
    assert abs((datetime.now(UTC) - saved.facts[Moment].at).total_seconds()) < 60
    assert isinstance(saved.facts[Tool], Tool)


@pytest.mark.parametrize("path", sorted(FILES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_scenario_names_no_cause_and_no_check(path: Path) -> None:
    found = registry.load(BUILT_IN, installed=False)
    text = path.read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", text))
    assert not words & {*found.causes, *(check.id for check in found.checks)}
    assert not re.search(r"\b(cause|check|finding|verdict|outcome)s?\s*=", text)


def test_every_scenario_of_the_contract_is_there_or_known_to_come() -> None:
    assert set(names()) | set(LATER) >= CONTRACT
    assert not set(names()) & set(LATER)


@pytest.mark.parametrize("name", LATER)
def test_a_scenario_of_a_later_version_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UsageError, match=rf"\Athe scenario {name} comes with a later version\Z"):
        load(name)


@pytest.mark.parametrize("name", ["", "_base", "../scenarios/vitale", "VITALE", "no-such", "a\nb"])
def test_an_unknown_scenario_is_refused_and_the_known_ones_are_named(name: str) -> None:
    with pytest.raises(UsageError, match=r"\Aunknown scenario .*; known: access-.*vitale\Z"):
        load(name)


async def test_a_saved_world_answers_no_question() -> None:
    world: World = saved_world(load("vitale"))
    asked = [
        world.host.system, world.host.session, world.host.pcsc_service, world.host.pcsc_clients,
        world.host.usb_readers,
    ]  # fmt: skip
    for question in asked:
        with pytest.raises(ProbeUnavailable):
            question()
    with pytest.raises(ProbeUnavailable):
        await world.cards.read()
    assert [change async for change in world.cards.changes()] == []
