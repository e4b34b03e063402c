"""A Linux system made of files, for each test its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.linux_root import Root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)
