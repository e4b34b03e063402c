"""What the tests of the network on the loopback address share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.net.loopback import Loopback
from tests.network.authorities import Authorities


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """Authorities of the session; their keys are made once."""
    return Authorities(tmp_path_factory.mktemp("authorities"))


@pytest.fixture
async def loopback(authorities: Authorities) -> AsyncIterator[Loopback]:
    """Servers on the loopback address, put away after the test."""
    async with Loopback(authorities) as made:
        yield made
