"""An agent for each test that needs one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .live import Live


@pytest.fixture
def live() -> Iterator[Live]:
    """The agent on a simulated workstation, answering."""
    with Live() as agent:
        yield agent


@pytest.fixture
def cookie(live: Live) -> str:
    """The Cookie header of an open session of `live`."""
    return live.open()
