"""The saved Windows workstations are what the probes read, under Wine."""

from __future__ import annotations

import pytest

from diagcps.model import Platform
from tests.workstations.describe import Description, descriptions

from .record import LIMIT_S, record
from .windows import WindowsPython

pytestmark = pytest.mark.timeout(LIMIT_S + 20)
ALL = {each.name: each for each in descriptions(Platform.WINDOWS)}


@pytest.fixture(scope="module")
def recorded(windows: WindowsPython) -> dict[str, str]:
    """Every workstation, recorded anew."""
    return record(windows)


@pytest.mark.parametrize("described", ALL.values(), ids=ALL)
def test_a_saved_workstation_is_what_the_probes_read(
    described: Description, recorded: dict[str, str]
) -> None:
    assert recorded[described.name] == described.saved.read_text(encoding="utf-8")
