"""Simulated workstations (`scenarios/*.toml`) and saved ones: facts in the place of probes."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diagcps import __version__
from diagcps.check import World
from diagcps.facts import (
    Pcsc,
    PcscClients,
    PcscService,
    Session,
    System,
    Tool,
    ToolPart,
    UsbReaders,
)
from diagcps.model import LoadError, Platform, ProbeUnavailable, UsageError
from diagcps.probes import KINDS
from diagcps.snapshot import Snapshot, from_data

_FOLDER = Path(__file__).parent / "scenarios"
_BASE = "_base"

LATER = (
    "pin-blocked", "pin-last-try", "puk-blocked", "expired", "expires-soon", "not-yet-valid",
    "revoked", "test-card", "middleware-absent", "cps4-old-middleware", "middleware-blind",
    "offline", "proxy-auth", "tls-intercepted", "clock-wrong", "extension-missing", "puk-unusable",
    "card-kind-unsuited",
)  # fmt: skip
"""Scenarios that need a part of the tool which is not built yet."""


def names() -> tuple[str, ...]:
    """The scenarios there are, in alphabetical order."""
    return tuple(sorted(p.stem for p in _FOLDER.glob("*.toml") if not p.stem.startswith("_")))


def load(name: str) -> Snapshot:
    """The facts of the scenario called `name`, as of now.

    Raises UsageError for an unknown one and for one still to come, LoadError for a damaged file.
    """
    if name in LATER:
        raise UsageError(f"the scenario {name} comes with a later version")
    if name not in names():
        raise UsageError(f"unknown scenario {name!r}; known: {', '.join(names())}")
    base, own = _read(_BASE), _read(name)
    missing = own.get("missing", {})
    facts = {**base["facts"], **own.get("facts", {})}
    document = {
        **base,
        "facts": {kind: fact for kind, fact in facts.items() if kind not in missing},
        "missing": missing,
    }
    snapshot = from_data(
        {**document, "facts": {**document["facts"], "Moment": {"at": datetime.now(UTC)}}}, KINDS
    )
    tool = snapshot.facts.get(Tool, Tool(version=__version__, missing=()))
    return Snapshot(facts={**snapshot.facts, Tool: tool}, simulated=True)


def _read(name: str) -> dict[str, Any]:
    path = _FOLDER / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"{path.name}: {error}") from error


class NoHost:
    """A `Host` that is not there: a replay must never look at the machine it runs on."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @property
    def platform(self) -> Platform:
        """The family of the system that is replayed."""
        return self._platform

    def system(self) -> System:
        """Raises ProbeUnavailable, as every method here does."""
        raise ProbeUnavailable

    def session(self) -> Session:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def pcsc_service(self) -> PcscService:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def pcsc_clients(self) -> PcscClients:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def usb_readers(self) -> UsbReaders:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable


class NoCards:
    """`Cards` that are not there."""

    async def read(self) -> Pcsc:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def missing(self) -> tuple[ToolPart, ...]:
        """Nothing: what was missing is among the saved facts."""
        return ()

    async def changes(self) -> AsyncIterator[None]:
        """Ends at once: saved facts do not change."""
        changes: tuple[None, ...] = ()
        for change in changes:
            yield change


def saved_world(snapshot: Snapshot) -> World:
    """A world in which every question to the workstation is refused."""
    return World(host=NoHost(snapshot.system.platform), cards=NoCards())
