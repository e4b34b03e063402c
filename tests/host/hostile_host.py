"""A workstation whose every answer to a probe can be made hostile, one at a time."""

from __future__ import annotations

import asyncio
import re
import time
from binascii import a2b_base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from diagcps import probes
from diagcps.card import simulator
from diagcps.card.anchors import default_anchors
from diagcps.catalogue_parts import KnownAuthority
from diagcps.check import World
from diagcps.facts import Authorities, Moment, Pcsc, Tool
from diagcps.host.base import Host
from diagcps.host.stores import fingerprint
from diagcps.model import ProbeDenied, ProbeError, ProbeTimeout, ProbeUnavailable
from diagcps.replay import NoCards, NoLibraries, nobody, publish_nothing
from diagcps.runner import Runner
from diagcps.workstation import Losses
from tests.builders import CATALOGUE
from tests.host import hostile_files, hostile_values
from tests.host.watched import Watched

_PEM = re.compile(b"-----BEGIN CERTIFICATE-----(.+?)-----END", re.DOTALL)
ANCHORS = (Path(simulator.__file__).parent / "anchors.pem").read_bytes()
"""The authorities of these workstations, which have their certificates."""
AUTHORITIES = tuple(a2b_base64(each) for each in _PEM.findall(ANCHORS))
KNOWN = replace(
    CATALOGUE,
    authorities=replace(
        CATALOGUE.authorities,
        authorities=tuple(
            KnownAuthority(name=f"AC {number}", sha1=fingerprint(each))
            for number, each in enumerate(AUTHORITIES)
        ),
    ),
)
"""What is known of the field, and that these are the authorities."""

_OF_CARDS = {each.gives for each in probes.OF_CARDS} - {Authorities}
KINDS: tuple[type, ...] = tuple(
    kind for kind in probes.KINDS if kind not in {Moment, Pcsc, Losses, Tool, *_OF_CARDS}
)
"""What the probes of a workstation give, the cards apart: a new one is among them by itself."""


Read = Callable[..., dict[type, Any]]


def together(kind: type) -> tuple[type, ...]:
    """The kind, and those that are read from a fact of it."""
    return kind, *(each.gives for each in probes.BUILT_IN if kind in each.after)


@dataclass(frozen=True, kw_only=True)
class Hostility:
    """One thing that is not as it should be, while `act()` lasts."""

    where: str
    how: str
    act: Callable[[], AbstractContextManager[object]]
    excused: bool = False
    """It hides something and shows nothing: no check may hold it against the workstation."""
    at_once: bool = False
    """It can be while all the others of its `how` are."""

    def __str__(self) -> str:
        return f"{self.where} {self.how}"


@contextmanager
def reading(host: Host, known: Mapping[type, Any]) -> Iterator[Read]:
    """What reads facts as the agent does, each within its probe's own limit: each fact, or why
    there is none. What is `known` is not asked."""
    world = World(
        host=host,
        cards=NoCards(),
        libraries=NoLibraries(),
        anchors=default_anchors(),
        publish=publish_nothing,
        catalogue=lambda: KNOWN,
        page=nobody,
    )
    sources = {each.gives: each for each in (*probes.BUILT_IN, *probes.saved_probes(known))}
    runner = Runner(
        checks=(),
        probes=sources,
        world=world,
        platform=host.platform,
        level=lambda _: NotImplemented,
        diagnose=lambda _: NotImplemented,
    )

    def read(*kinds: type) -> dict[type, Any]:
        began, limit = time.process_time(), sum(sources[kind].timeout_s for kind in kinds)
        loop.run(runner.read(kinds, afresh=True))
        # A probe that lets no other thread run is never told that its time is over.
        assert time.process_time() - began < limit, f"computed for {limit} s"
        return {kind: runner.facts[kind] for kind in kinds}

    with asyncio.Runner() as loop:
        yield read


class Environ(dict[str, str]):
    """The variables of a session, and which of them were asked for."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(given)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)

    def hostilities(self) -> Iterator[Hostility]:
        """Each variable that was asked for, as nobody sets it."""
        for name in sorted(self.asked):
            usual = super().get(name, "/")
            for how, change in hostile_values.CHANGES.items():
                # What no variable of a Unix can hold.
                value = change(usual).replace("\0", "").replace("\ud800", "\udcff")
                act = partial(patch.dict, self, {name: value})
                yield Hostility(where=f"${name}", how=how, act=act)


class Commands:
    """The commands of a Mac, and which of them were asked for."""

    def __init__(self, run: Callable[..., bytes]) -> None:
        self._run = run
        self._answers: dict[tuple[str, ...], bytes | ProbeError] = {}
        self.asked: set[tuple[str, ...]] = set()

    def __call__(self, *command: str) -> bytes:
        self.asked.add(command)
        answer = self._answers.get(command)
        if isinstance(answer, ProbeError):
            raise answer
        return self._run(*command) if answer is None else answer

    def hostilities(self) -> Iterator[Hostility]:
        """Each command that was asked for, as it never prints, or does not run."""
        for command in sorted(self.asked):
            failures = [ProbeTimeout("no"), ProbeDenied("no"), ProbeUnavailable("no")]
            answers: list[tuple[str, bytes | ProbeError]] = [
                *hostile_values.changed(self._usual(command)),
                *((type(error).__name__, error) for error in failures),
            ]
            for how, answer in answers:
                yield Hostility(
                    where=" ".join(command),
                    how=how,
                    act=partial(patch.dict, self._answers, {command: answer}),
                    excused=isinstance(answer, ProbeError),
                )

    def _usual(self, command: tuple[str, ...]) -> bytes:
        try:
            return self._run(*command)
        except ProbeError:
            return b""


def of_files(watched: Watched, root: Path) -> Iterator[Hostility]:
    """Each file or folder that was looked at, as none is."""
    for path in sorted(watched.seen):
        label = path.relative_to(root).as_posix()
        for how, act, excused in (*_hidden(path, watched), *_odd(path)):
            yield Hostility(where=label, how=how, act=act, excused=excused, at_once=path.is_file())


Acts = Iterator[tuple[str, Callable[[], AbstractContextManager[object]], bool]]


def _hidden(path: Path, watched: Watched) -> Acts:
    for name, error in hostile_files.ERRORS.items():
        yield name, partial(watched.failing, path, error), True
    for name, make in hostile_files.STRANGE.items():
        # Where no file was, a folder tells something: that it is there, or that nothing is in it.
        is_news = name == "folder-in-itself" and not path.is_file()
        yield name, partial(hostile_files.instead, path, make), not is_news
    if path.exists():
        yield "locked", partial(hostile_files.locked, path), True


def _odd(path: Path) -> Acts:
    for name, make in hostile_files.EMPTY.items():
        yield name, partial(hostile_files.instead, path, make), False
    if path.is_dir():
        for name, (make_like, count) in hostile_files.CROWDS.items():
            yield name, partial(hostile_files.crowded, path, make_like, count), False
    else:
        for name, data in hostile_values.changed(path.read_bytes() if path.is_file() else b""):
            written = partial(_write, data)
            yield name, partial(hostile_files.instead, path, written), False
    if path.exists():
        for name, seconds in hostile_files.YEARS.items():
            yield name, partial(hostile_files.written_in, path, seconds), False


def _write(data: bytes, path: Path) -> None:
    path.write_bytes(data)
