"""How a value is declared here: frozen, with slots, its arguments named, equal by its fields.

What `dataclasses` would compile anew for each of more than a hundred classes, at every start, is
written once where it can be.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

Made = TypeVar("Made", bound=type)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def record(kind: Made) -> Made:
    """`kind` as a frozen dataclass with slots and keyword arguments.

    Equality, hash and representation are by its fields, as `dataclass` makes them; one that `kind`
    defines itself is kept.
    """
    made: Any = dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)(kind)
    names = [each.name for each in fields(made) if each.compare]
    made._compared = attrgetter(*names) if names else staticmethod(_nothing)
    for name, method in _SHARED.items():
        if name not in kind.__dict__:
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]  # with slots, a new class of the same kind


def _nothing(_: object) -> tuple[()]:
    return ()


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._compared(self) == self._compared(other)


def _hashed(self: Any) -> int:
    values: Hashable = self._compared(self)
    return hash(values)


def _shown(self: Any) -> str:
    values = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{self.__class__.__qualname__}({', '.join(values)})"


_SHARED = {"__eq__": _equal, "__hash__": _hashed, "__repr__": _shown}
