"""Does the diagnosis run on the machine that has the reader, and who else is at it?"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Account,
    Area,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    Machine,
    Pcsc,
    Session,
    SessionKind,
    Software,
)

from ._installed import of_a_person

_SUPPORT_TOOL = CauseId("session.support-tool")


def judge_location(facts: Facts) -> Iterator[Finding | Evidence]:
    """In a redirected session PC/SC speaks to the machine in front of the person: so must we."""
    session = facts[Session]
    yield Evidence(key="session", value=session.kind.value, source=session.source)
    machine = facts.get(Machine)
    if isinstance(machine, Machine):
        yield Evidence(key="machine", value=machine.role.value, source=machine.source)
    yield Evidence(key="reader-place", value=_place_of_reader(session), source=session.source)
    if session.kind is SessionKind.LOCAL:
        return
    pcsc = facts.get(Pcsc)
    if session.redirects_cards and isinstance(pcsc, Pcsc) and not pcsc.slots:
        yield Finding(cause=CauseId("session.remote-no-reader"))
    else:
        yield Finding(cause=CauseId("session.remote"))


def _place_of_reader(session: Session) -> str:
    """To which computer the reader must be plugged for this session to see it (field notes C61)."""
    if session.kind is SessionKind.LOCAL:
        return "here"
    return "in-front" if session.redirects_cards else "distant"


def judge_help(facts: Facts) -> Iterator[Finding | Evidence]:
    """Nobody is shown this screen by a program for remote help.

    Only a process that exists while help is given tells: such programs mostly run and wait.
    """
    software = facts[Software]
    names = [each.name for each in software.running if each.helping]
    for name in names:
        yield Evidence(key="program-running", value=name, source=software.source)
    if names:
        yield Finding(cause=_SUPPORT_TOOL, params={"program": ", ".join(names)})
        return
    # What runs in the person's session is not shown to the system's own account.
    yield from of_a_person(facts)


LOCATION = Check(
    id=CheckId("session.location"),
    area=Area.SESSION,
    judge=judge_location,
    uses=(Session, Pcsc, Machine),
    causes=(CauseId("session.remote"), CauseId("session.remote-no-reader")),
)

HELP = Check(
    id=CheckId("session.help"),
    area=Area.SESSION,
    judge=judge_help,
    uses=(Software, Account),
    causes=(_SUPPORT_TOOL,),
)
