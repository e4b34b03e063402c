"""Probe and Check: the two things a plug-in writes, and the typed bag of facts between them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from diagcps.model import (
    EVERY_PLATFORM,
    CauseId,
    CheckId,
    Evidence,
    Finding,
    Platform,
    ProbeFailure,
)
from diagcps.records import record

if TYPE_CHECKING:
    from diagcps.browsing import Visit
    from diagcps.card.base import Anchors, Cards, Libraries, Publish
    from diagcps.catalogue import Known
    from diagcps.host.base import Host

Fact = TypeVar("Fact")


class Area(Enum):
    """What a check is about. The order is that of repair: a session before a reader, and so on."""

    SESSION = "session"
    PCSC = "pcsc"
    READER = "reader"
    CARD = "card"
    PIN = "pin"
    CLOCK = "clock"
    CERTIFICATE = "certificate"
    MIDDLEWARE = "middleware"
    GALSS = "galss"
    BROWSER = "browser"
    NETWORK = "network"
    OS = "os"
    SOFTWARE = "software"
    TOOL = "tool"


class Trigger(Enum):
    """A change on the workstation after which a fact must be read again."""

    PCSC = "pcsc"
    """The service, a reader or a card came, went or changed."""
    PAGE = "page"
    """This tool's page is shown by another browser, or says more of it."""


@record
class World:
    """What a probe may ask: the seams to the workstation."""

    host: Host
    cards: Cards
    libraries: Libraries
    anchors: Anchors
    publish: Publish
    catalogue: Known
    """What is known of the field; read at the first call."""
    page: Visit
    """The browser that shows this tool's page, or that the person named; None for neither."""


@dataclass(frozen=True, kw_only=True)
class Probe(Generic[Fact]):
    """How one fact is read. Raises `ProbeError` subclasses and nothing else; never judges."""

    gives: type[Fact]
    read: Callable[..., Fact | Awaitable[Fact]]
    """Called with the world, and with the facts of `after` when there are any. A coroutine
    function, or a plain function that is then run on a thread of its own."""
    after: tuple[type, ...] = ()
    """Facts that are read before this one, which begins where they ended."""
    timeout_s: float = 5.0
    busy: bool = False
    """It keeps a processor busy rather than waits: these are read one after the other, so that the
    page stays quick."""
    refreshed_by: frozenset[Trigger] = frozenset()
    platforms: frozenset[Platform] = EVERY_PLATFORM


class MissingFact(Exception):
    """A judge asked for a fact that could not be read: the check is then unknown."""

    def __init__(self, failure: ProbeFailure) -> None:
        super().__init__(failure.reason.value)
        self.failure = failure


class NotApplicable(Exception):
    """Raised by a judge whose question has no object here; its evidence stands."""


class Facts:
    """The facts a check declared. `facts[T]` is a `T`; asking for an undeclared one is an error."""

    __slots__ = ("_facts",)

    def __init__(self, facts: Mapping[type, Any]) -> None:
        self._facts = facts

    def __getitem__(self, kind: type[Fact]) -> Fact:
        """The fact. Raises MissingFact, which the runner turns into « unknown »."""
        fact: Fact | ProbeFailure = self._facts[kind]
        if isinstance(fact, ProbeFailure):
            raise MissingFact(fact)
        return fact

    def get(self, kind: type[Fact]) -> Fact | ProbeFailure:
        """The fact, or why it is missing, for a check to which that means something."""
        fact: Fact | ProbeFailure = self._facts[kind]
        return fact


Judge = Callable[[Facts], Iterable[Finding | Evidence]]

_ID = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+")


@record
class Check:
    """A question about the workstation and the pure function that answers it.

    `judge` yields what it looked at (Evidence) and the causes it found (Finding); no finding is
    a pass. It does no I/O, has no clock and no randomness. `uses` are the facts it reads, `causes`
    all it may find. `needs` are the checks without whose success its question means nothing,
    `unless` those that answer it when they fail: where they cannot tell, it is asked all the same.
    """

    id: CheckId
    area: Area
    judge: Judge
    uses: tuple[type, ...] = ()
    needs: tuple[CheckId, ...] = ()
    unless: tuple[CheckId, ...] = ()
    causes: tuple[CauseId, ...] = ()
    platforms: frozenset[Platform] = EVERY_PLATFORM

    @property
    def waits_for(self) -> tuple[CheckId, ...]:
        """The checks that are judged before this one."""
        return (*self.needs, *self.unless)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"not a check id: {self.id!r}")
