"""What a report speaks of: which machine, reached how, and which browser.

No name of a machine or a person is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, TypeVar

from diagcps.browsing import PageBrowser
from diagcps.facts import Session, SessionKind
from diagcps.records import record
from diagcps.words import Words
from diagcps.workstation import Account, AccountKind, Machine, MachineRole


class Place(Enum):
    """Which machine the facts are of, as seen by the person."""

    COMPUTER = "computer"
    """The one in front of them."""
    SERVER = "server"
    """A server, at its own screen."""
    REMOTE = "remote-session"
    """Another computer, in a session over the network."""
    REMOTE_SERVER = "remote-session-on-server"
    UNKNOWN = "unknown"
    """The machine of the session is not known."""


class Origin(Enum):
    """Where the facts come from."""

    HERE = "here"
    RECORDED = "recorded"
    SIMULATED = "simulated"


@record
class Subject:
    """What a report speaks of."""

    place: Place = Place.UNKNOWN
    session: SessionKind | None = None
    """How the person reaches the machine; None when it is not known."""
    by_system: bool = False
    """The system's own account runs this program: nothing of a person's was looked at."""
    browser: PageBrowser | None = None
    """The browser that the checks are about; None when none of them is about a browser."""
    origin: Origin = Origin.HERE

    @property
    def is_remote(self) -> bool:
        """The computer in front of the person is another one, which needs a run of its own."""
        return self.place in (Place.REMOTE, Place.REMOTE_SERVER)

    def environment(self) -> dict[str, str]:
        """The same as the report's `environment` says it to programs."""
        said = {"machine": self.place.value}
        if self.session is not None:
            said["session"] = self.session.value
        if self.by_system:
            said["account"] = AccountKind.SYSTEM.value
        if self.browser is not None:
            said["browser"] = self.browser.kind.value
            said["browser_version"] = self.browser.version
            said["browser_known_by"] = self.browser.how.value
        return said


FACTS: tuple[type, ...] = (Session, Machine, Account)
"""What `subject_of` looks at."""


def subject_of(
    facts: Mapping[type, object], *, origin: Origin, browser: PageBrowser | None = None
) -> Subject:
    """What a report of these facts speaks of; what could not be read is not guessed."""
    session, account = _known(facts, Session), _known(facts, Account)
    return Subject(
        place=_place(session, _known(facts, Machine)),
        session=session.kind if session else None,
        by_system=account is not None and account.kind is AccountKind.SYSTEM,
        browser=browser,
        origin=origin,
    )


Fact = TypeVar("Fact")


def _known(facts: Mapping[type, Any], kind: type[Fact]) -> Fact | None:
    fact = facts.get(kind)
    return fact if isinstance(fact, kind) else None


def _place(session: Session | None, machine: Machine | None) -> Place:
    is_server = machine is not None and machine.role is MachineRole.SERVER
    if session is None:
        return Place.UNKNOWN
    if session.kind is SessionKind.LOCAL:
        return Place.SERVER if is_server else Place.COMPUTER
    return Place.REMOTE_SERVER if is_server else Place.REMOTE


def machine_line(subject: Subject, words: Words) -> str:
    """Which machine is spoken of, and what must be looked at besides, on one line."""
    return " ".join(_machine_sentences(subject, words))


def _machine_sentences(subject: Subject, words: Words) -> Iterator[str]:
    place, kind = subject.place.value, subject.session
    if not subject.is_remote and subject.origin is not Origin.HERE:
        place = subject.origin.value
    elif subject.is_remote and subject.origin is Origin.RECORDED:
        place = f"recorded-{place}"
    session = words.value("session", kind.value) if kind else ""
    yield words.ui(f"machine.{place}", session=session)
    if subject.is_remote:
        yield words.ui("machine.other-one-too")
    if subject.by_system:
        yield words.ui("machine.by-system")


def browser_line(browser: PageBrowser, words: Words) -> str:
    """Which browser the checks are about, and why that one."""
    return words.ui(
        "browser.judged",
        browser=browser_name(browser, words),
        how=words.ui(f"browser.by.{browser.how.value}"),
    )


def browser_name(browser: PageBrowser, words: Words) -> str:
    """The browser as people call it, with its version where that is known."""
    name = words.ui(f"browser.{browser.kind.value}")
    return f"{name} {browser.version}" if browser.version else name
