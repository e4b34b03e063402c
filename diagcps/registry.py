"""What there is to check: built-in, installed and folder checks, all collected the same way.

Whatever cannot be used is kept as a problem to show, and the rest goes on without it.
"""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from diagcps.check import Check, Probe
from diagcps.model import (
    EVERY_PLATFORM,
    Cause,
    CauseId,
    CheckId,
    Level,
    LoadError,
    LoadProblem,
    Owner,
    Platform,
    Private,
    PrivateKind,
    RemedyId,
    UsageError,
)
from diagcps.records import record
from diagcps.resources import data_dir, import_folder

ENTRY_POINTS = "diagcps.checks"
BUILT_IN = "diagcps.checks"


@record
class Registry:
    """Every check in dependency order, every probe by the fact it gives, every cause."""

    checks: tuple[Check, ...]
    probes: Mapping[type, Probe[Any]]
    causes: Mapping[CauseId, Cause]
    problems: tuple[LoadProblem, ...] = ()
    content: tuple[Path, ...] = ()
    """Folders that hold the words of the checks, one subfolder per language."""

    def select(self, wanted: Iterable[CheckId]) -> tuple[Check, ...]:
        """The `wanted` checks and all that they wait for, in dependency order."""
        by_id = {check.id: check for check in self.checks}
        chosen: set[CheckId] = set()
        todo = [id_ for id_ in wanted if id_ in by_id]
        while todo:
            id_ = todo.pop()
            if id_ not in chosen:
                chosen.add(id_)
                todo.extend(by_id[id_].waits_for)
        return tuple(check for check in self.checks if check.id in chosen)


def load(
    probes: Iterable[Probe[Any]], *, folders: Iterable[Path] = (), installed: bool = True
) -> Registry:
    """The built-in checks, those of installed distributions and those of `folders`.

    `probes` are the built-in ones; a plug-in adds its own for facts of its own. Raises UsageError
    for a folder that cannot be trusted, LoadError when the built-in catalogue cannot be read.
    """
    collector = _Collector(causes=load_causes())
    for probe in probes:
        collector.probes[probe.gives] = probe
    collector.built_in()
    if installed and os.environ.get("DIAGCPS_LOAD_ENTRY_POINTS") != "0":
        collector.installed()
    for folder in folders:
        collector.folder(folder)
    return collector.registry()


def load_causes() -> dict[CauseId, Cause]:
    """The catalogue of causes, in its own order."""
    path = data_dir("checks") / "content" / "causes.toml"
    try:
        data: dict[str, dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            CauseId(id_): _cause(id_, entry)
            for group in data.values()
            for id_, entry in group.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadError(f"causes.toml: {error}") from error


def _cause(id_: str, entry: Mapping[str, Any]) -> Cause:
    return Cause(
        id=CauseId(id_),
        level=Level(entry["level"]),
        owner=Owner(entry["owner"]),
        platforms=frozenset(Platform(p) for p in entry["os"]) if "os" in entry else EVERY_PLATFORM,
        remedies=tuple(RemedyId(r) for r in entry.get("remedies", ())),
        ref=entry.get("ref", ""),
        codes=tuple(entry.get("codes", ())),
    )


class _Collector:
    """Gathers values by their type; registers nothing globally, so a double import is harmless."""

    def __init__(self, causes: dict[CauseId, Cause]) -> None:
        self.causes = causes
        self.probes: dict[type, Probe[Any]] = {}
        self.checks: dict[CheckId, Check] = {}
        self.problems: list[LoadProblem] = []
        self.content: list[Path] = []

    def built_in(self) -> None:
        try:
            package = import_folder(BUILT_IN, data_dir("checks"))
        except Exception as error:  # the boundary: a damaged installation is a finding
            self._problem("checks", error)
            return
        for name in sorted({path.stem for folder in package.__path__ for path in _modules(folder)}):
            self._module(f"{BUILT_IN}.{name}", name)
        self._content_beside(package)

    def installed(self) -> None:
        if not _may_have_plug_ins():
            return
        # Imported here: it reads the metadata of every distribution, which takes its time.
        from importlib.metadata import entry_points

        for point in entry_points(group=ENTRY_POINTS):
            self._module(point.module, point.name)

    def folder(self, folder: Path) -> None:
        _refuse_untrusted(folder)
        if not folder.is_dir():
            raise UsageError(f"not a folder: {folder}")
        for path in folder.glob("*.py"):
            _refuse_untrusted(path)
        # A private package name: a folder can hide no module of anybody else.
        package_name = f"_diagcps_folder_{abs(hash(folder.resolve()))}"
        package = ModuleType(package_name)
        package.__path__ = [str(folder)]
        package.__file__ = str(folder / "__init__.py")
        sys.modules[package_name] = package
        for path in sorted(folder.glob("[!_]*.py")):
            self._module(f"{package_name}.{path.stem}", path.stem)
        self._content_beside(package)

    def registry(self) -> Registry:
        return Registry(
            checks=self._in_order(),
            probes=self.probes,
            causes=self.causes,
            problems=tuple(self.problems),
            content=tuple(self.content),
        )

    def _module(self, name: str, part: str) -> None:
        try:
            module = import_module(name)
        except (
            Exception,
            SystemExit,
        ) as error:  # the boundary: a plug-in may do anything at import
            self._problem(part, error)
            return
        self._content_beside(module)
        # Causes first: the checks of the same module name them.
        for kind in (Cause, Probe, Check):
            for value in vars(module).values():
                if isinstance(value, kind):
                    self._take(value, part)

    def _take(self, value: Cause | Probe[Any] | Check, part: str) -> None:
        match value:
            case Cause():
                if self.causes.setdefault(value.id, value) is not value:
                    self._problem(part, LoadError(f"the cause {value.id} exists already"))
            case Probe():
                if self.probes.setdefault(value.gives, value) is not value:
                    self._problem(part, LoadError(f"{value.gives.__name__} is read already"))
            case Check():
                if self.checks.setdefault(value.id, value) is not value:
                    self._problem(part, LoadError(f"the check {value.id} exists already"))

    def _in_order(self) -> tuple[Check, ...]:
        while True:
            bad = self._first_bad()
            if bad is None:
                break
            self._problem(bad[0], LoadError(bad[1]))
            del self.checks[bad[0]]
        graph = {check.id: check.waits_for for check in self.checks.values()}
        return tuple(self.checks[id_] for id_ in TopologicalSorter(graph).static_order())

    def _first_bad(self) -> tuple[CheckId, str] | None:
        for check in self.checks.values():
            for other in check.waits_for:
                if other not in self.checks:
                    return check.id, f"{check.id} waits for {other}, which there is not"
            for cause in check.causes:
                if cause not in self.causes:
                    return (
                        check.id,
                        f"{check.id} may find {cause}, which the catalogue does not have",
                    )
        try:
            TopologicalSorter({c.id: c.waits_for for c in self.checks.values()}).prepare()
        except CycleError as error:
            circle: list[CheckId] = error.args[1]
            return circle[0], "checks that wait for each other: " + " → ".join(circle)
        return None

    def _content_beside(self, module: ModuleType) -> None:
        if module.__file__ is not None:
            content = Path(module.__file__).parent / "content"
            if content.is_dir() and content not in self.content:
                self.content.append(content)

    def _problem(self, part: str, error: BaseException) -> None:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        self.problems.append(LoadProblem(part=part, detail=Private(PrivateKind.TEXT, text)))


def _modules(folder: str) -> Iterable[Path]:
    """The modules of a package's folder, compiled or not, but the private ones."""
    found = (path for ending in ("py", "pyc") for path in Path(folder).glob(f"[!_]*.{ending}"))
    return (path for path in found if path.stem.isidentifier())


def _may_have_plug_ins() -> bool:
    """Whether a distribution that is installed on the path names our group of entry points.

    Where it cannot be told by a look at the files, it may.
    """
    finders = (each for each in sys.meta_path if each is not PathFinder)
    if any(hasattr(each, "find_distributions") for each in finders):
        return True
    return any(map(_names_our_group, dict.fromkeys(sys.path)))


def _names_our_group(folder: str) -> bool:
    """Whether a distribution in this folder does; a path that is no folder may hold anything."""
    path = Path(folder or ".")
    if not path.is_dir():
        return path.exists()
    group = ENTRY_POINTS.encode()
    with suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            if entry.name.endswith((".dist-info", ".egg-info", "EGG-INFO")):
                with suppress(OSError):
                    if group in Path(entry.path, "entry_points.txt").read_bytes():
                        return True
    return False


def _refuse_untrusted(path: Path) -> None:
    """Raises UsageError for a path that somebody else could write: its code would run as us."""
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if os.name != "posix":
        return  # Windows: the folder's access list is the administrator's to set
    if status.st_uid not in (os.getuid(), 0) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UsageError(f"refused: {path} can be written by another user")
