"""The probes of Windows, where every value of the registry and every file is something else.

Each gives a fact or says why there is none; no check fails; what is shown is harmless and bounded.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from diagcps import browsing, probes, snapshot, workstation
from diagcps.model import Platform, ProbeFailure, Reason
from tests.host.hostile_report import Judged

from .windows import HERE, WindowsPython, windows_path

LIMIT_S = 240.0
HARMS = (
    "megabyte", "script", "controls", "surrogate", "empty", "number", "bytes", "many", "variables",
    "path", "folders", "behind-megabyte", "behind-script", "behind-controls", "behind-surrogate",
    "behind-empty", "behind-number", "behind-bytes", "behind-many", "behind-variables",
    "behind-path",
)  # fmt: skip


@pytest.fixture(scope="module")
def recorded(windows: WindowsPython) -> dict[str, str]:
    finished = windows.run(windows_path(HERE / "record_hostile.py"), timeout_s=LIMIT_S)
    assert finished.code == 0, finished.err
    found: dict[str, str] = json.loads(finished.out)
    assert set(found) == set(HARMS)
    assert len(set(found.values())) > len(HARMS) // 2  # each reaches the probes in its own way
    return found


@pytest.mark.parametrize("harm", HARMS)
def test_what_the_probes_read_is_judged_and_shown_without_harm(
    recorded: dict[str, str], harm: str
) -> None:
    facts: dict[type, Any] = dict(snapshot.load(recorded[harm].encode(), probes.KINDS).facts)
    assert facts.keys() >= {*workstation.KINDS, browsing.Browsers, browsing.FirefoxProfiles}
    failed = {
        kind.__name__: fact
        for kind, fact in facts.items()
        if isinstance(fact, ProbeFailure) and fact.reason in (Reason.INTERNAL, Reason.TIMEOUT)
    }
    assert failed == {}
    assert list(Judged(facts, Platform.WINDOWS).problems()) == []
