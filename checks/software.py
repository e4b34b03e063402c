"""Do other programs on this computer stand in the card's way, or in each other's?"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Account,
    Area,
    Catalogue,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    Listener,
    MissingFact,
    NotApplicable,
    ProbeFailure,
    ProgramKind,
    Reason,
    Software,
)

from ._installed import of_a_person

_COMPETING = CauseId("software.competing")
_PORT_CONFLICT = CauseId("software.port-conflict")
_DMP_CONNECT = CauseId("software.dmp-connect")

_DMP = "DMP Connect-JS2"
"""Its name in the catalogue of programs."""


def judge_competing(facts: Facts) -> Iterator[Finding | Evidence]:
    """No program runs that is known to use the card."""
    software = facts[Software]
    kinds = {program.name: program.kind for program in facts[Catalogue].programs.programs}
    names = [each.name for each in software.running if kinds.get(each.name) is ProgramKind.CARD]
    for name in names:
        yield Evidence(key="program-running", value=name, source=software.source)
    if names:
        yield Finding(cause=_COMPETING, params={"program": ", ".join(names)})
        return
    # What runs in the person's session is not shown to the system's own account.
    yield from of_a_person(facts)


def judge_ports(facts: Facts) -> Iterator[Finding | Evidence]:
    """No program that runs has lost the ports on which it should listen to another program."""
    for program, ports in _expected(facts):
        on_them = _listeners(facts, ports)
        yield from _seen(facts, on_them)
        holders = {each.program for each in on_them if each.program}
        # One that listens somewhere took another of its ports.
        if holders and program not in holders:
            names = ", ".join(sorted(holders))
            yield Finding(cause=_PORT_CONFLICT, params={"program": names})
            return


def judge_dmp_connect(facts: Facts) -> Iterator[Finding | Evidence]:
    """DMP Connect listens, where it runs."""
    software = facts[Software]
    running = {each.name: each.processes for each in software.running}
    ports = [ports for program, ports in _expected(facts) if program == _DMP]
    if not ports:
        raise NotApplicable
    yield Evidence(key="processes", value=running[_DMP], source=software.source)
    on_them = _listeners(facts, ports[0])
    yield from _seen(facts, on_them)
    if not on_them:
        yield Finding(cause=_DMP_CONNECT)


def _expected(facts: Facts) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The programs that run and that the catalogue expects on some ports."""
    running = {each.name for each in facts[Software].running}
    for known in facts[Catalogue].ports.programs:
        if known.program in running and known.ports:
            yield known.program, known.ports


def _listeners(facts: Facts, ports: tuple[int, ...]) -> tuple[Listener, ...]:
    """Who listens on these ports. Raises MissingFact where the system does not tell."""
    listeners = facts[Software].listeners
    if listeners is None:
        raise MissingFact(ProbeFailure(reason=Reason.UNSUPPORTED))
    return tuple(each for each in listeners if each.port in ports)


def _seen(facts: Facts, listeners: tuple[Listener, ...]) -> Iterator[Evidence]:
    for each in listeners:
        named = f"{each.port}: {each.program}" if each.program else str(each.port)
        yield Evidence(key="listener", value=named, source=facts[Software].source)


COMPETING = Check(
    id=CheckId("software.competing"),
    area=Area.SOFTWARE,
    judge=judge_competing,
    uses=(Software, Account, Catalogue),
    causes=(_COMPETING,),
)

PORTS = Check(
    id=CheckId("software.ports"),
    area=Area.SOFTWARE,
    judge=judge_ports,
    uses=(Software, Catalogue),
    causes=(_PORT_CONFLICT,),
)

DMP_CONNECT = Check(
    id=CheckId("software.dmp-connect"),
    area=Area.SOFTWARE,
    judge=judge_dmp_connect,
    uses=(Software, Catalogue),
    causes=(_DMP_CONNECT,),
)
