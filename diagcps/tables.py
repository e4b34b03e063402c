"""Values from the tables and lists of JSON or TOML, checked against their types all the way down.

Reading trusts nothing: what it reads may come from anybody.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any, TypeVar

from diagcps.model import DiagError, Private, PrivateKind
from diagcps.records import record

Table = TypeVar("Table")

_LONGEST_LIST = 1000


class WrongShape(DiagError):
    """A value is none of the type that its place asks for; the text names the place."""


def _written(pattern: str, case: Callable[[str], str] = str) -> Callable[[str], str]:
    """What brings a text of that form, in either case, to the one case in which it is kept."""

    def kept(text: str) -> str:
        if not re.fullmatch(pattern, text, re.IGNORECASE | re.ASCII):
            raise ValueError(f"not of the form {pattern}")
        return case(text)

    return kept


_form_of_a_day = _written("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(text: str) -> str:
    return date.fromisoformat(_form_of_a_day(text)).isoformat()


Day = Annotated[str, _day]
"""A day of the calendar, YYYY-MM-DD (ISO 8601)."""
Md5 = Annotated[str, _written("[0-9a-f]{32}", str.lower)]
Sha1 = Annotated[str, _written("[0-9a-f]{40}", str.upper)]
UsbNumber = Annotated[str, _written("[0-9a-f]{4}", str.lower)]
Guid = Annotated[str, _written(r"\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", str.upper)]
"""In braces, as Windows writes it."""


@record
class PrivateEntry:
    """A private value that stands apart; None when it was left out."""

    kind: PrivateKind
    value: str | None


@record
class Reading:
    """How values are read."""

    private: tuple[PrivateEntry, ...] = ()
    """What « { private = number } » refers to."""
    strict: bool = False
    """A field that a table should not have is an error; else it is ignored."""


def read_value(kind: Any, value: Any, where: str, how: Reading) -> Any:
    """`value` as a `kind`, checked all the way down. Raises WrongShape naming the place."""
    if kind is Private:
        return _private(value, where, how)
    if isinstance(kind, types.UnionType):
        return _from_union(kind, value, where, how)
    if typing.get_origin(kind) is typing.Annotated:
        return _as_kept(kind, value, where, how)
    if typing.get_origin(kind) is tuple:
        (item, _) = typing.get_args(kind)
        values = enumerate(as_list(value, where))
        return tuple(read_value(item, entry, f"{where}[{i}]", how) for i, entry in values)
    if dataclasses.is_dataclass(kind):
        return _from_table(kind, as_table(value, where), where, how)
    if kind in _LEAVES:
        return _leaf(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except (ValueError, TypeError):
            raise WrongShape(f"{where} is none of its values") from None
    raise WrongShape(f"{where} cannot be read back")


def _from_union(kind: Any, value: Any, where: str, how: Reading) -> Any:
    options = typing.get_args(kind)
    if value is None and types.NoneType in options:
        return None
    for option in options:
        if option is types.NoneType:
            continue
        try:
            return read_value(option, value, where, how)
        except WrongShape:
            continue
    raise WrongShape(f"{where} has the wrong type")


def _as_kept(kind: Any, value: Any, where: str, how: Reading) -> Any:
    """What the function in « Annotated[str, function] » makes of the text: it gives the one way in
    which it is kept, and raises ValueError for what cannot be written so."""
    base, kept = typing.get_args(kind)
    text = read_value(base, value, where, how)
    try:
        return kept(text)
    except ValueError as error:
        raise WrongShape(f"{where}: {error}") from None


def from_table(kind: type[Table], table: object, where: str) -> Table:
    """A dataclass without private values from a table that has its fields and no other.

    Raises WrongShape naming the place.
    """
    made: Table = read_value(kind, table, where, Reading(strict=True))
    return made


def _from_table(kind: Any, table: Mapping[str, Any], where: str, how: Reading) -> Any:
    hints, known = _hints(kind), dataclasses.fields(kind)
    unknown = set(table) - {each.name for each in known} if how.strict else None
    if unknown:
        raise WrongShape(f"{where} has no {', '.join(sorted(unknown))}")
    given: dict[str, Any] = {}
    for each in known:
        if each.name in table:
            place = f"{where}.{each.name}"
            given[each.name] = read_value(hints[each.name], table[each.name], place, how)
        elif each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING:
            raise WrongShape(f"{where} has no {each.name}")
    return kind(**given)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _private(value: Any, where: str, how: Reading) -> Private:
    private = how.private
    number = as_table(value, where).get("private")
    if type(number) is not int or not 0 <= number < len(private):
        raise WrongShape(f"{where} refers to no private value")
    entry = private[number]
    # A shareable snapshot holds the place of the value without the value.
    return Private(
        entry.kind, entry.value if entry.value is not None else f"{entry.kind.value}-{number + 1}"
    )


_LEAVES: tuple[Any, ...] = (str, int, float, bool, bytes, datetime)


def _leaf(kind: Any, value: Any, where: str) -> Any:
    wrong = WrongShape(f"{where} has the wrong type")
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


def _datetime(value: Any, wrong: WrongShape) -> datetime:
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


def as_table(value: Any, where: str) -> Mapping[str, Any]:
    """The value, which is a table. Raises WrongShape."""
    if not isinstance(value, dict):
        raise WrongShape(f"{where} is not a table")
    return value


def as_list(value: Any, where: str) -> list[Any]:
    """The value, which is a list that is not too long. Raises WrongShape."""
    if not isinstance(value, list):
        raise WrongShape(f"{where} is not a list")
    if len(value) > _LONGEST_LIST:
        raise WrongShape(f"{where} has more than {_LONGEST_LIST} entries")
    return value
