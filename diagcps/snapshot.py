"""Facts as data: saved, moved to another machine, and read back exactly (`diagcps.snapshot/1`).

Private values stand apart from the facts, which refer to them by number, so that one deletion
makes a snapshot fit to be given away. Reading trusts nothing: a snapshot may come from anybody.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from diagcps import browsing, network, workstation
from diagcps import facts as card_facts
from diagcps.facts import Moment, System
from diagcps.model import Private, ProbeFailure, Reason, UsageError
from diagcps.records import record
from diagcps.tables import PrivateEntry, Reading, WrongShape, as_list, as_table, read_value

SCHEMA = "diagcps.snapshot/1"
LARGEST_BYTES = 8 * 1024 * 1024
_DEEPEST = 40
_OURS = frozenset(each.__name__ for each in (card_facts, workstation, browsing, network))


@record
class Snapshot:
    """The facts of one workstation at one moment, and why the others are missing."""

    facts: Mapping[type, Any]
    simulated: bool = False

    @property
    def moment(self) -> datetime:
        """When the facts were read. Raises UsageError when the snapshot does not say."""
        moment: datetime = self._need(Moment).at
        return moment

    @property
    def system(self) -> System:
        """The system the facts are of. Raises UsageError when the snapshot does not say."""
        system: System = self._need(System)
        return system

    def _need(self, kind: type[Any]) -> Any:
        fact = self.facts.get(kind)
        if not isinstance(fact, kind):
            raise UsageError(f"the snapshot has no {kind.__name__}")
        return fact


@dataclass
class _Apart:
    """Private values on their way out, each once."""

    kept: bool
    values: dict[Private, int] = field(default_factory=dict)

    def number(self, value: Private) -> int:
        return self.values.setdefault(value, len(self.values))


def dump(snapshot: Snapshot, *, private: bool = True) -> str:
    """The snapshot as JSON text; without `private`, every private value is left out."""
    apart = _Apart(kept=private)
    facts: dict[str, Any] = {}
    missing: dict[str, Any] = {}
    for kind, fact in snapshot.facts.items():
        try:
            place = missing if isinstance(fact, ProbeFailure) else facts
            place[name_of(kind)] = _to_data(fact, apart)
        except TypeError:  # a plug-in's fact of a shape that no snapshot holds
            missing[name_of(kind)] = {"reason": Reason.UNSUPPORTED.value}
    document = {
        "schema": SCHEMA,
        "simulated": snapshot.simulated,
        "facts": facts,
        "missing": missing,
        "private": [
            {"kind": value.kind.value, "value": value.value if private else None}
            for value in apart.values
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def name_of(kind: type) -> str:
    """What a fact is called in a snapshot; a plug-in's has the name of its module before it."""
    module = kind.__module__
    return kind.__name__ if module in _OURS else f"{module.rpartition('.')[2]}.{kind.__name__}"


def read_file(path: Path) -> bytes:
    """The bytes of a snapshot file. Raises UsageError when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > LARGEST_BYTES:
        raise UsageError(f"{path}: larger than {LARGEST_BYTES // 1024 // 1024} MiB")
    return data


def load(data: bytes, kinds: Iterable[type]) -> Snapshot:
    """The snapshot in `data`; facts that are none of `kinds` are left out.

    Raises UsageError, with one line that says what is wrong, for anything that is no snapshot.
    """
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a snapshot: {_one_line(error)}") from error
    return from_data(document, kinds)


def from_data(document: object, kinds: Iterable[type]) -> Snapshot:
    """The snapshot that parsed JSON or TOML holds. Raises UsageError as `load` does."""
    _limit_depth(document)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UsageError(f"not a snapshot: its schema is not {SCHEMA}")
    try:
        facts = _facts(document, {name_of(kind): kind for kind in kinds})
    except WrongShape as error:
        raise UsageError(f"not a snapshot: {error}") from error
    simulated = document.get("simulated", False)
    if not isinstance(simulated, bool):
        raise UsageError("not a snapshot: simulated is not true or false")
    snapshot = Snapshot(facts=facts, simulated=simulated)
    _ = snapshot.moment, snapshot.system
    return snapshot


def _facts(document: Mapping[str, Any], known: Mapping[str, type]) -> dict[type, Any]:
    private = as_list(document.get("private", []), "private")
    how = Reading(
        private=tuple(
            read_value(PrivateEntry, entry, f"private[{i}]", Reading())
            for i, entry in enumerate(private)
        )
    )
    facts: dict[type, Any] = {}
    for name, entry in as_table(document.get("facts", {}), "facts").items():
        if name in known:
            facts[known[name]] = read_value(known[name], entry, name, how)
    for name, entry in as_table(document.get("missing", {}), "missing").items():
        if name in known:
            facts[known[name]] = read_value(ProbeFailure, entry, name, how)
    return facts


def _to_data(value: Any, apart: _Apart) -> Any:
    if isinstance(value, Private):
        return {"private": apart.number(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, tuple):
        return [_to_data(item, apart) for item in value]
    if dataclasses.is_dataclass(value):
        return {f.name: _to_data(getattr(value, f.name), apart) for f in dataclasses.fields(value)}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(type(value).__name__)


def _limit_depth(document: object) -> None:
    level: list[Any] = [document]
    for _ in range(_DEEPEST):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return
    raise UsageError("not a snapshot: nested too deeply")


def _one_line(error: BaseException) -> str:
    return (
        "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
    )
