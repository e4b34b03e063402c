"""Every simulated workstation, from its file to the verdict."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diagcps import registry, scenario
from diagcps.catalogue import Catalogue
from diagcps.facts import Moment, Tool
from diagcps.model import CauseId, Level, Outcome, UsageError
from diagcps.probes import BUILT_IN, KINDS
from diagcps.report.redact import Redaction
from diagcps.scenario import LATER, load, names
from tests.builders import simulated

FILES = Path(scenario.__file__).parent / "scenarios"

NOT_READY = ("not-ready", 2)
WARNINGS = ("ready-with-warnings", 1)
READY = ("ready", 0)

TABLE: dict[str, tuple[str | None, str, int]] = {
    "access-denied": ("pcsc.access-denied", *NOT_READY),
    "agent-card": ("card.not-cps", *NOT_READY),
    "card-falls-silent": ("card.mute", *NOT_READY),
    "card-kind-unsuited": ("card.kind-unsuited", *READY),
    "card-removed": ("card.removed", *NOT_READY),
    "certificate-damaged": ("card.unreadable", *NOT_READY),
    "certificate-missing": ("certificate.missing", *NOT_READY),
    "code-presented": (None, *READY),
    "contactless": ("reader.contactless-only", *NOT_READY),
    "cps4-old-middleware": ("middleware.too-old-for-cps4", *NOT_READY),
    "cps4-t0": (None, *READY),
    "directory-damaged": ("card.unreadable", *NOT_READY),
    "expired": ("certificate.expired", *NOT_READY),
    "expires-soon": ("certificate.expires-soon", *WARNINGS),
    "extension-missing": ("browser.extension-missing", *NOT_READY),
    "foreign-authority": ("certificate.untrusted", *NOT_READY),
    "healthy-cps3": ("middleware.no-pss", *READY),
    "healthy-cps4": (None, *READY),
    "middleware-absent": ("middleware.absent", *NOT_READY),
    "middleware-blind": ("middleware.card-not-seen", *NOT_READY),
    "middleware-load-failed": ("middleware.load-failed", *NOT_READY),
    "middleware-not-responding": ("middleware.not-responding", *NOT_READY),
    "middleware-stale": ("middleware.cache-corrupt", *NOT_READY),
    "middleware-wrong-arch": ("middleware.wrong-arch", *NOT_READY),
    "mute-beside-cps": ("card.mute", *NOT_READY),
    "mute-card": ("card.mute", *NOT_READY),
    "new-cps": ("middleware.card-not-seen", *NOT_READY),
    "no-card": ("card.absent", *NOT_READY),
    "no-pss": ("middleware.no-pss", *NOT_READY),
    "no-reader": ("reader.none", *NOT_READY),
    "not-yet-valid": ("certificate.not-yet-valid", *NOT_READY),
    "old-cps2ter": ("card.obsolete", *NOT_READY),
    "pin-blocked": ("pin.blocked", *NOT_READY),
    "pin-blocked-cps4": ("pin.blocked", *NOT_READY),
    "pin-blocked-cps4-lying": ("pin.blocked", *NOT_READY),
    "pin-blocked-last-unblocking": ("pin.blocked", *NOT_READY),
    "pin-blocked-slow": ("pin.blocked", *NOT_READY),
    "pin-last-try": ("pin.last-try", *WARNINGS),
    "pin-tries-low": ("pin.tries-low", *WARNINGS),
    "puk-blocked": ("puk.blocked", *NOT_READY),
    "puk-last-try": ("pin.blocked", *NOT_READY),
    "puk-tries-low": ("puk.tries-low", *WARNINGS),
    "puk-unusable": ("puk.unusable", *WARNINGS),
    "reader-in-use": ("reader.in-use", *NOT_READY),
    "remote": ("session.remote", *READY),
    "remote-help": ("pin.blocked", *NOT_READY),
    "remote-no-reader": ("session.remote-no-reader", *NOT_READY),
    "revoked": ("certificate.revoked", *NOT_READY),
    "serial-missing": ("card.unreadable", *NOT_READY),
    "service-absent": ("pcsc.unavailable", *NOT_READY),
    "service-not-responding": ("pcsc.not-responding", *NOT_READY),
    "service-stopped": ("pcsc.service-stopped", *NOT_READY),
    "several-cards": ("card.several", *WARNINGS),
    "signature-damaged": ("card.unreadable", *WARNINGS),
    "stale-session": ("session.stale-card", *WARNINGS),
    "test-card": ("card.test", *NOT_READY),
    "tool-incomplete": ("tool.incomplete", "undetermined", 3),
    "unknown-card": ("card.not-cps", *NOT_READY),
    "update-interrupted": ("card.update-interrupted", *NOT_READY),
    "vitale": ("card.vitale", *NOT_READY),
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


def test_every_scenario_is_in_the_table() -> None:
    assert set(names()) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
async def test_a_scenario_comes_to_its_first_cause_verdict_and_exit_code(name: str) -> None:
    found = await simulated(name).runner.run()
    first = found.entries[0].cause.id if found.entries else None
    assert (first, found.verdict.value, found.exit_code) == TABLE[name]


@pytest.mark.parametrize("name", [name for name in TABLE if name.startswith("healthy")])
async def test_a_healthy_workstation_has_nothing_to_repair_or_to_watch(name: str) -> None:
    examined = simulated(name)
    found = await examined.runner.run()
    assert {entry.level for entry in found.entries} <= {Level.INFO}
    outcomes = {each.outcome for each in examined.runner.results.values()}
    assert outcomes == {Outcome.PASS, Outcome.NOT_APPLICABLE}


@pytest.mark.parametrize("name", TABLE)
async def test_a_blocked_check_stands_under_the_root_and_is_no_entry(name: str) -> None:
    examined = simulated(name)
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
    (root,) = (await simulated("no-reader").runner.run()).entries
    assert "card.present" in root.explains


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_every_cause_of_a_scenario_is_told_with_what_to_do(name: str, language: str) -> None:
    examined = simulated(name)
    await examined.runner.run()
    report = Redaction().report(examined.report(language))
    for line in report.diagnosis:
        assert line.title != line.cause
        assert line.meaning
        known = examined.registry.causes[CauseId(line.cause)]
        assert bool(line.remedies) == bool(known.remedies)


@pytest.mark.parametrize("name", TABLE)
def test_a_scenario_is_complete(name: str) -> None:
    subject = load(name)
    assert set(subject.probes()) == {*KINDS, Catalogue}
    assert abs((datetime.now(UTC) - subject.facts[Moment].at).total_seconds()) < 60
    assert isinstance(subject.facts[Tool], Tool)


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
