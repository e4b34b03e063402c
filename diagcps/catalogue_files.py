"""Reads the catalogue from `data/*.toml`, and from an administrator's files in their place."""

from __future__ import annotations

import threading
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from diagcps.catalogue import Catalogue
from diagcps.contacts import FILE, Contacts, read_contacts
from diagcps.model import LoadError, LoadProblem, Private, PrivateKind
from diagcps.resources import data_dir
from diagcps.tables import WrongShape, from_table

_SHIPPED = Path(__file__).with_name("data")
_LARGEST_BYTES = 1 << 20


@dataclass
class CatalogueFiles:
    """The catalogue, read once, when it is first asked for.

    Each file of `folder` takes the place of the shipped one of the same name; one that cannot be
    used, or that is older, is refused whole, and the shipped one is used.
    """

    folder: Path | None = None
    _catalogue: Catalogue | None = None
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> Catalogue:
        """The catalogue. Raises LoadError when a shipped file is damaged."""
        with self._reading:  # probes ask from several threads
            if self._catalogue is None:
                self._catalogue = Catalogue(**{name: self._part(name) for name in _names()})
            return self._catalogue

    def _part(self, name: str) -> Any:
        given = self._given(name)
        return _shipped(name) if given is None or isinstance(given, LoadError) else given

    def contacts(self) -> Contacts | None:
        """The administrator's contacts; None where there are none, or none that can be used."""
        given = self._given_contacts()
        return None if isinstance(given, LoadError) else given

    def refused(self) -> tuple[LoadProblem, ...]:
        """The administrator's files that are not used, and why."""
        given = [(name, self._given(name)) for name in _names()]
        given.append((Path(FILE).stem, self._given_contacts()))
        return tuple(
            LoadProblem(part=f"{name}.toml", detail=Private(PrivateKind.TEXT, str(problem)))
            for name, problem in given
            if isinstance(problem, LoadError)
        )

    def _given_contacts(self) -> Contacts | LoadError | None:
        path = self.folder / FILE if self.folder is not None else None
        if path is None or not path.exists():
            return None
        try:
            return read_contacts(path, like=read_contacts(data_dir("checks") / "content" / FILE))
        except LoadError as error:
            return error

    def _given(self, name: str) -> Any:
        """The administrator's part; None where there is none, a LoadError where it is of no use."""
        path = self.folder / f"{name}.toml" if self.folder is not None else None
        if path is None or not path.exists():
            return None
        try:
            given, shipped = _read(path, _kind(name)), _shipped(name)
            if given.date < shipped.date:
                raise LoadError(f"{path.name}: of {given.date}, older than {shipped.date}")
        except LoadError as error:
            return error
        return given


def _shipped(name: str) -> Any:
    return _read(_SHIPPED / f"{name}.toml", _kind(name))


def _names() -> tuple[str, ...]:
    return tuple(each.name for each in fields(Catalogue))


def _kind(name: str) -> Any:
    """The type of a part of the catalogue; those types are imported here and not before."""
    from diagcps import catalogue_parts

    return get_type_hints(Catalogue, vars(catalogue_parts))[name]


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise LoadError(f"{path.name}: larger than {_LARGEST_BYTES >> 20} MiB")
        return from_table(kind, tomllib.loads(data.decode("utf-8")), path.stem)
    except (OSError, ValueError, WrongShape, RecursionError) as error:
        raise LoadError(f"{path.name}: {error}") from error
