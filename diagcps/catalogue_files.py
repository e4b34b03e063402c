"""Reads the catalogue from `data/*.toml`, and from an administrator's files in their place."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from diagcps.catalogue import Catalogue
from diagcps.contacts import FILE, Contacts, read_contacts
from diagcps.model import LoadError, LoadProblem, Private, PrivateKind
from diagcps.resources import data_dir
from diagcps.tables import WrongShape, from_table

_SHIPPED = Path(__file__).with_name("data")
_LARGEST_BYTES = 1 << 20
_PARTS: Mapping[str, Any] = get_type_hints(Catalogue)


@dataclass
class CatalogueFiles:
    """The catalogue, read once, when it is first asked for.

    Each file of `folder` takes the place of the shipped one of the same name; one that cannot be
    used is refused whole, and the shipped one is used.
    """

    folder: Path | None = None
    _catalogue: Catalogue | None = None

    def __call__(self) -> Catalogue:
        """The catalogue. Raises LoadError when a shipped file is damaged."""
        if self._catalogue is None:
            given = {name: self._given(name) for name in _PARTS}
            self._catalogue = Catalogue(
                **{
                    name: _read(_SHIPPED / f"{name}.toml", _PARTS[name])
                    if part is None or isinstance(part, LoadError)
                    else part
                    for name, part in given.items()
                }
            )
        return self._catalogue

    def contacts(self) -> Contacts | None:
        """The administrator's contacts; None where there are none, or none that can be used."""
        given = self._given_contacts()
        return None if isinstance(given, LoadError) else given

    def refused(self) -> tuple[LoadProblem, ...]:
        """The administrator's files that cannot be used, and why."""
        given = [(name, self._given(name)) for name in _PARTS]
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
            return _read(path, _PARTS[name])
        except LoadError as error:
            return error


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise LoadError(f"{path.name}: larger than {_LARGEST_BYTES >> 20} MiB")
        return from_table(kind, tomllib.loads(data.decode("utf-8")), path.stem)
    except (OSError, ValueError, WrongShape, RecursionError) as error:
        raise LoadError(f"{path.name}: {error}") from error
