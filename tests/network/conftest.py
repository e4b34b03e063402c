"""The lab that a test asks for, put away after it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagcps.catalogue_files import CatalogueFiles
from diagcps.catalogue_parts import KnownEndpoint

from .authorities import Authorities
from .lab import Lab
from .machine import Machine


def why_not() -> str | None:
    """Why the lab cannot be built here, or None when it can."""
    if not sys.platform.startswith("linux"):
        return "the lab needs Linux"
    interfaces = [name for _, name in socket.if_nameindex()]
    if os.environ.get("DIAGCPS_BENCH") != "1" or interfaces != ["lo"]:
        return "not inside the bench: run it with tests/integration/bench.sh"
    if not Path("/proc/net/if_inet6").exists():
        return "the kernel speaks no IPv6"
    missing = [each for each in ("ip", "openssl", "curl") if shutil.which(each) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


@pytest.fixture(scope="session")
def inside() -> None:
    """Skips, and says why, where the lab cannot be built."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """Keys are made once."""
    return Authorities(tmp_path_factory.mktemp("authorities"))


@pytest.fixture(scope="session")
def machine(inside: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The workstation's files."""
    with Machine(tmp_path_factory.mktemp("machine")) as machine:
        yield machine


@pytest.fixture(scope="session")
def endpoints() -> tuple[KnownEndpoint, ...]:
    """The endpoints of the field, as shipped."""
    return CatalogueFiles()().endpoints.endpoints


@pytest.fixture
def lab(machine: Machine, authorities: Authorities, tmp_path: Path) -> Iterator[Lab]:
    """A workstation with a healthy link, names and authorities, and an empty Internet."""
    with Lab(machine, authorities, tmp_path) as lab:
        yield lab
