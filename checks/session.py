"""Does the diagnosis run on the machine that has the reader?"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Area,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    Pcsc,
    Session,
    SessionKind,
)


def judge_location(facts: Facts) -> Iterator[Finding | Evidence]:
    """In a redirected session PC/SC speaks to the machine in front of the person: so must we."""
    session = facts[Session]
    yield Evidence(key="session", value=session.kind.value, source=session.source)
    if session.kind is SessionKind.LOCAL:
        return
    pcsc = facts.get(Pcsc)
    if session.redirects_cards and isinstance(pcsc, Pcsc) and not pcsc.slots:
        yield Finding(cause=CauseId("session.remote-no-reader"))
    else:
        yield Finding(cause=CauseId("session.remote"))


LOCATION = Check(
    id=CheckId("session.location"),
    area=Area.SESSION,
    judge=judge_location,
    uses=(Session, Pcsc),
    causes=(CauseId("session.remote"), CauseId("session.remote-no-reader")),
)
