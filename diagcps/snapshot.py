"""Facts as data: saved, moved to another machine, and read back exactly (`diagcps.snapshot/1`).

Private values stand apart from the facts, which refer to them by number, so that one deletion
makes a snapshot fit to be given away. Reading trusts nothing: a snapshot may come from anybody.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from diagcps.facts import Moment, System
from diagcps.model import Private, PrivateKind, ProbeFailure, Reason, UsageError

Table = TypeVar("Table")

SCHEMA = "diagcps.snapshot/1"
LARGEST_BYTES = 8 * 1024 * 1024
_DEEPEST = 40
_LONGEST_LIST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
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
    values: list[Private] = field(default_factory=list)

    def number(self, value: Private) -> int:
        if value not in self.values:
            self.values.append(value)
        return self.values.index(value)


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
    ours = kind.__module__ == System.__module__
    return kind.__name__ if ours else f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"


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
    private = [
        _from_data(_PrivateEntry, entry, f"private[{i}]", [])
        for i, entry in enumerate(_list(document.get("private", []), "private"))
    ]
    known = {name_of(kind): kind for kind in kinds}
    facts: dict[type, Any] = {}
    for name, entry in _table(document.get("facts", {}), "facts").items():
        if name in known:
            facts[known[name]] = _from_data(known[name], entry, name, private)
    for name, entry in _table(document.get("missing", {}), "missing").items():
        if name in known:
            facts[known[name]] = _from_data(ProbeFailure, entry, name, private)
    simulated = document.get("simulated", False)
    if not isinstance(simulated, bool):
        raise UsageError("not a snapshot: simulated is not true or false")
    snapshot = Snapshot(facts=facts, simulated=simulated)
    _ = snapshot.moment, snapshot.system
    return snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class _PrivateEntry:
    kind: PrivateKind
    value: str | None


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


def _from_data(kind: Any, value: Any, where: str, private: list[_PrivateEntry]) -> Any:
    """`value` as a `kind`, checked all the way down. Raises UsageError naming the place."""
    if kind is Private:
        return _private(value, where, private)
    if isinstance(kind, types.UnionType):
        return _from_union(kind, value, where, private)
    if typing.get_origin(kind) is tuple:
        (item, _) = typing.get_args(kind)
        values = enumerate(_list(value, where))
        return tuple(_from_data(item, entry, f"{where}[{i}]", private) for i, entry in values)
    if dataclasses.is_dataclass(kind):
        return _from_table(kind, _table(value, where), where, private)
    if kind in _LEAVES:
        return _leaf(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except (ValueError, TypeError):
            raise UsageError(f"not a snapshot: {where} is none of its values") from None
    raise UsageError(f"not a snapshot: {where} cannot be read back")


def _from_union(kind: Any, value: Any, where: str, private: list[_PrivateEntry]) -> Any:
    options = typing.get_args(kind)
    if value is None and types.NoneType in options:
        return None
    for option in options:
        if option is types.NoneType:
            continue
        try:
            return _from_data(option, value, where, private)
        except UsageError:
            continue
    raise UsageError(f"not a snapshot: {where} has the wrong type")


def from_table(kind: type[Table], table: object, where: str) -> Table:
    """A dataclass without private values from a table, every field of which it must have.

    Raises UsageError naming the place.
    """
    known = {each.name for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = set(_table(table, where)) - known
    if unknown:
        raise UsageError(f"{where} has no {', '.join(sorted(unknown))}")
    made: Table = _from_table(kind, _table(table, where), where, [])
    return made


def _from_table(
    kind: Any, table: Mapping[str, Any], where: str, private: list[_PrivateEntry]
) -> Any:
    hints = typing.get_type_hints(kind)
    given: dict[str, Any] = {}
    for each in dataclasses.fields(kind):
        if each.name in table:
            place = f"{where}.{each.name}"
            given[each.name] = _from_data(hints[each.name], table[each.name], place, private)
        elif each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING:
            raise UsageError(f"not a snapshot: {where} has no {each.name}")
    return kind(**given)


def _private(value: Any, where: str, private: list[_PrivateEntry]) -> Private:
    number = _table(value, where).get("private")
    if type(number) is not int or not 0 <= number < len(private):
        raise UsageError(f"not a snapshot: {where} refers to no private value")
    entry = private[number]
    # A shareable snapshot holds the place of the value without the value.
    return Private(
        entry.kind, entry.value if entry.value is not None else f"{entry.kind.value}-{number + 1}"
    )


_LEAVES: tuple[Any, ...] = (str, int, float, bool, bytes, datetime)


def _leaf(kind: Any, value: Any, where: str) -> Any:
    wrong = UsageError(f"not a snapshot: {where} has the wrong type")
    if kind is datetime:
        return _datetime(value, wrong)
    if kind is bytes:
        if not isinstance(value, str):
            raise wrong
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise wrong from None
    if kind is float and type(value) is int:
        return float(value)
    # bool is an int to Python, and not to us.
    if type(value) is not kind:
        raise wrong
    # JSON can write half a character (a lone surrogate), which nothing can print.
    if kind is str and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise wrong
    return value


def _datetime(value: Any, wrong: UsageError) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise wrong from None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise wrong
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise wrong from None


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"not a snapshot: {where} is not a table")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise UsageError(f"not a snapshot: {where} is not a list")
    if len(value) > _LONGEST_LIST:
        raise UsageError(f"not a snapshot: {where} has more than {_LONGEST_LIST} entries")
    return value


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
