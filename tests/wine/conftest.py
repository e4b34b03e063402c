"""A Windows of the tests' own, put away after them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration import bench, vpcd

from .windows import HERE, WindowsPython, folder, why_not, windows_path

SERVICES = windows_path(HERE / "services.py")
SMART_CARD_SERVICE = "SCardSvr"

Insert = Callable[[bytes], vpcd.VirtualCard]
CreateService = Callable[[int], None]


@pytest.fixture(scope="session")
def windows() -> Iterator[WindowsPython]:
    """The Windows Python; skips, and says why, where there is none. It is ended after the tests."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    python = WindowsPython(folder())
    # Windows starts with its first program and ends with its last: this one spares the others that.
    with python.start("-c", "print('up', flush=True); input()") as first:
        assert first.line() == "up\n"
        try:
            # A run that was killed may have left it behind.
            _delete_service(python)
            yield python
        finally:
            python.end()


@pytest.fixture
def shared(windows: WindowsPython) -> Iterator[Path]:
    """A folder in which Windows programs may write; under sudo, pytest's own is closed to them."""
    with tempfile.TemporaryDirectory(dir=folder() / "home") as path:
        owner = (folder() / "prefix").stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        yield Path(path)


@pytest.fixture
def pcscd(tmp_path: Path) -> Iterator[bench.Pcscd]:
    """A running pcscd with two virtual readers; skips, and says why, outside the bench."""
    reason = bench.why_not()
    if reason is not None:
        pytest.skip(reason)
    service = bench.Pcscd(tmp_path)
    try:
        service.start()
        yield service
    finally:
        service.clean()


@pytest.fixture
def card(pcscd: bench.Pcscd) -> Iterator[Insert]:
    """Inserts a card into the first virtual reader; it is pulled after the test."""
    inserted: list[vpcd.VirtualCard] = []

    def insert(atr: bytes) -> vpcd.VirtualCard:
        inserted.append(vpcd.VirtualCard(atr).insert())
        inserted[-1].wait_for(vpcd.GET_ATR)
        return inserted[-1]

    try:
        yield insert
    finally:
        for each in inserted:
            each.pull()


@pytest.fixture
def smart_card_service(windows: WindowsPython) -> Iterator[CreateService]:
    """Creates Windows' smart-card service, stopped, with the given start type; deleted after."""

    def create(start_type: int) -> None:
        done = windows.run(SERVICES, "create", SMART_CARD_SERVICE, str(start_type))
        assert done.code == 0, done.err

    try:
        yield create
    finally:
        _delete_service(windows)


def _delete_service(python: WindowsPython) -> None:
    done = python.run(SERVICES, "delete", SMART_CARD_SERVICE)
    assert done.code == 0, done.err
