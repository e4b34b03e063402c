"""A workstation as a test describes it: what is laid out, and what no layout can give.

`windows/*.toml`, `macos/*.toml` and `linux/*.toml` hold one each. A description begins from
another one (`base`), adds files and removes some, and says which cause comes first (`cause`, empty
for none). `facts` replaces whole facts that a layout cannot give: the session, what PC/SC answered,
the programs that run; `read` names those that the base states and that the probes read here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diagcps.model import Platform

HERE = Path(__file__).parent
SAVED = HERE / "saved"
_KEYS = frozenset(
    {"cause", "level", "beside", "cites", "says", "base", "scenario", "profile", "processor"}
    | {"facts", "missing", "read", "layout"}
)


@dataclass(frozen=True, kw_only=True)
class Description:
    """One workstation."""

    platform: Platform
    name: str
    cause: str
    """The cause that comes first; empty for a healthy workstation."""
    level: str
    """The level of that cause here; empty for its usual one."""
    beside: tuple[str, ...]
    """Causes that come after it, and are nowhere the first."""
    cites: tuple[str, ...]
    """The entries of the field notes (C21) that describe it."""
    scenario: str
    """The scenario whose cards are in the reader."""
    profile: str
    processor: str
    """As the system names it: x86_64, arm64."""
    layout: tuple[dict[str, Any], ...]
    """What is laid out, the first base first: tables whose keys the system's own layout knows."""
    facts: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, Any] = field(default_factory=dict)

    @property
    def saved(self) -> Path:
        """Where its snapshot is."""
        return SAVED / self.platform.value / f"{self.name}.json"


def describe(platform: Platform, name: str) -> Description:
    """The description of that name. Raises KeyError for a key that there is not."""
    path = HERE / platform.value / f"{name}.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    if unknown := data.keys() - _KEYS:
        raise KeyError(f"{path.name}: {', '.join(sorted(unknown))}")
    base = describe(platform, data["base"]) if "base" in data else None
    facts, missing = data.get("facts", {}), data.get("missing", {})
    # What is read, or stated anew, is no longer as the base states it.
    own = {*facts, *missing, *data.get("read", ())}
    return Description(
        platform=platform,
        name=name,
        cause=data.get("cause", ""),
        level=data.get("level", ""),
        beside=tuple(data.get("beside", ())),
        cites=tuple(data.get("cites", ())),
        scenario=data.get("scenario", base.scenario if base else "healthy-cps4"),
        profile=data.get("profile", base.profile if base else "psc-card"),
        processor=data.get("processor", base.processor if base else "x86_64"),
        layout=(*(base.layout if base else ()), data.get("layout", {})),
        facts=_without(base.facts if base else {}, own) | facts,
        missing=_without(base.missing if base else {}, own) | missing,
    )


def _without(table: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    return {name: each for name, each in table.items() if name not in names}


def descriptions(*platforms: Platform) -> Iterator[Description]:
    """Every description of these systems, by name; those that begin with « _ » are only bases."""
    for platform in platforms or tuple(Platform):
        for path in sorted((HERE / platform.value).glob("[!_]*.toml")):
            yield describe(platform, path.stem)
