"""Profiles: what a person wants to do with the workstation, and so what counts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagcps.check import Area, Check
from diagcps.model import Cause, CauseId, Level, LoadError, ProfileId, UsageError
from diagcps.records import record

DEFAULT = ProfileId("psc-card")


@record
class Profile:
    """Which areas count for a use of the workstation, and what a cause means for it."""

    id: ProfileId
    areas: tuple[Area, ...]
    levels: Mapping[CauseId, Level]
    """Causes that mean something else for this use than the catalogue says."""
    later: bool = False
    """Known by name; what it needs is not built yet."""

    def covers(self, check: Check) -> bool:
        """The check belongs to an area that counts. The state of the tool itself always does."""
        return check.area in self.areas or check.area is Area.TOOL

    def level(self, cause: Cause) -> Level:
        """What `cause` means for this use."""
        return self.levels.get(cause.id, cause.level)

    def blocks(self, check: Check, causes: Mapping[CauseId, Cause]) -> bool:
        """One of the check's causes would make this use impossible."""
        return any(self.level(causes[id_]) is Level.KO for id_ in check.causes if id_ in causes)


def load_profiles() -> dict[ProfileId, Profile]:
    """The profiles of `profiles.toml`, in its order. Raises LoadError when it cannot be read."""
    path = Path(__file__).with_name("profiles.toml")
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return {ProfileId(id_): _profile(id_, entry) for id_, entry in data.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadError(f"profiles.toml: {error}") from error


def choose(id_: str) -> Profile:
    """The profile called `id_`. Raises UsageError for an unknown one, and for one still to come."""
    profiles = load_profiles()
    profile = profiles.get(ProfileId(id_))
    if profile is None:
        known = ", ".join(name for name, known in profiles.items() if not known.later)
        raise UsageError(f"unknown profile {id_!r}; known: {known}")
    if profile.later:
        raise UsageError(f"the profile {id_} comes with a later version")
    return profile


def _profile(id_: str, entry: Mapping[str, Any]) -> Profile:
    return Profile(
        id=ProfileId(id_),
        areas=tuple(Area(area) for area in entry["areas"]),
        levels={CauseId(c): Level(level) for c, level in entry.get("levels", {}).items()},
        later=entry.get("later", False),
    )
