"""A check with a fact, a probe, a cause and words of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

from diagcps.api import (
    Area,
    Cause,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    Level,
    Owner,
    Probe,
    World,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where the workstation stands."""

    room: str


async def read_desk(_: World) -> Desk:
    """The desk, as the practice's own records have it."""
    return Desk(room="accueil")


CAUSE = Cause(id=CauseId("practice.front-desk"), level=Level.WARN, owner=Owner.IT)


def judge(facts: Facts) -> Iterator[Finding | Evidence]:
    """The workstation does not stand at the front desk."""
    desk = facts[Desk]
    yield Evidence(key="room", value=desk.room, source="example_practice")
    if desk.room == "accueil":
        yield Finding(cause=CAUSE.id)


PROBE = Probe(gives=Desk, read=read_desk)
CHECK = Check(
    id=CheckId("practice.desk"), area=Area.SOFTWARE, judge=judge, uses=(Desk,), causes=(CAUSE.id,)
)
