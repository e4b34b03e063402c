"""The probes of the workstation, asked of a real service manager, registry and window system."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import CreateService
from .windows import HERE, WindowsPython, windows_path

AUTOMATIC, MANUAL, DISABLED = 2, 3, 4


def facts(windows: WindowsPython, *programs: str) -> dict[str, Any]:
    """What each probe gave, by its name, while processes of these names ran."""
    finished = windows.run(windows_path(HERE / "probe_host.py"), *programs)
    assert finished.code == 0, finished.err
    given: dict[str, Any] = json.loads(finished.out)
    return given


def test_every_probe_answers_or_says_why_not(windows: WindowsPython) -> None:
    given = facts(windows)
    assert given["system"] == {"platform": "windows", "name": "Windows 10", "architecture": "AMD64"}
    assert given["session"]["kind"] == "local"
    assert given["pcsc_service"]["state"] == "absent"
    assert given["pcsc_clients"] == "unsupported"
    assert given["running_programs"]["programs"] == []
    assert given["usb_readers"]["readers"] == []


def test_a_program_that_may_show_the_screen_is_named_and_its_service_is_not(
    windows: WindowsPython,
) -> None:
    given = facts(windows, "TeamViewer.exe")["running_programs"]
    assert given["programs"] == [{"name": "TeamViewer", "kind": "screen"}]
    assert facts(windows, "TeamViewer_Service.exe")["running_programs"]["programs"] == []


@pytest.mark.parametrize(
    ("start_type", "state"),
    [(AUTOMATIC, "stopped"), (MANUAL, "on-demand"), (DISABLED, "disabled")],
    ids=["automatic", "manual", "disabled"],
)
def test_stopped_service_is_told_with_its_start_type(
    windows: WindowsPython,
    smart_card_service: CreateService,
    start_type: int,
    state: str,
) -> None:
    smart_card_service(start_type)
    service = facts(windows)["pcsc_service"]
    assert (service["state"], service["may_connect"]) == (state, True)
