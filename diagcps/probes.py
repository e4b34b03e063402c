"""The built-in probes: which seam gives which fact, its time limit, and what makes it stale."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from diagcps import __version__
from diagcps.check import Probe, Trigger, World
from diagcps.facts import (
    Moment,
    Pcsc,
    PcscClients,
    PcscService,
    Session,
    System,
    Tool,
    ToolPart,
    UsbReaders,
)
from diagcps.model import (
    LoadProblem,
    ProbeDenied,
    ProbeError,
    ProbeFailure,
    ProbeTimeout,
    ProbeUnavailable,
    ProbeUnsupported,
    Reason,
)

_PCSC = frozenset({Trigger.PCSC})


async def _read_cards(world: World) -> Pcsc:
    return await world.cards.read()


def _read_moment(_: World) -> Moment:
    return Moment(at=datetime.now(UTC))


BUILT_IN: tuple[Probe[Any], ...] = (
    Probe(gives=Moment, read=_read_moment),
    Probe(gives=System, read=lambda world: world.host.system()),
    Probe(gives=Session, read=lambda world: world.host.session()),
    Probe(gives=PcscService, read=lambda world: world.host.pcsc_service(), refreshed_by=_PCSC),
    Probe(gives=UsbReaders, read=lambda world: world.host.usb_readers(), refreshed_by=_PCSC),
    Probe(gives=PcscClients, read=lambda world: world.host.pcsc_clients(), refreshed_by=_PCSC),
    # The seam has limits of its own, shorter, so that one slot that hangs does not hide the others.
    Probe(gives=Pcsc, read=_read_cards, timeout_s=12.0, refreshed_by=_PCSC),
)

KINDS: tuple[type, ...] = (*(probe.gives for probe in BUILT_IN), Tool)


def tool_probe(problems: Iterable[LoadProblem]) -> Probe[Tool]:
    """The probe of this tool's own state: what could not be loaded, here and behind the seams."""
    unloaded = tuple(ToolPart(part=problem.part, detail=problem.detail) for problem in problems)

    async def read(world: World) -> Tool:
        # On no thread: it looks at what is imported already, and settles first on the page.
        return Tool(version=__version__, missing=(*unloaded, *world.cards.missing()))

    return Probe(gives=Tool, read=read)


def with_problems(facts: Mapping[type, Any], problems: Iterable[LoadProblem]) -> dict[type, Any]:
    """Saved facts, the tool's own with `problems` added to what was missing then."""
    tool = facts.get(Tool)
    saved = tool if isinstance(tool, Tool) else Tool(version=__version__, missing=())
    now = tuple(ToolPart(part=problem.part, detail=problem.detail) for problem in problems)
    return {**facts, Tool: Tool(version=saved.version, missing=(*saved.missing, *now))}


_ERRORS: Mapping[Reason, type[ProbeError]] = {
    Reason.TIMEOUT: ProbeTimeout,
    Reason.DENIED: ProbeDenied,
    Reason.UNAVAILABLE: ProbeUnavailable,
    Reason.UNSUPPORTED: ProbeUnsupported,
    Reason.INTERNAL: ProbeError,
}


def saved_probes(facts: Mapping[type, Any]) -> tuple[Probe[Any], ...]:
    """Probes that give saved facts again, and fail again as they failed then."""
    return tuple(Probe(gives=kind, read=_again(fact)) for kind, fact in facts.items())


def _again(fact: Any) -> Callable[[World], Any]:
    async def read(_: World) -> Any:
        if isinstance(fact, ProbeFailure):
            raise _ERRORS[fact.reason](fact.detail.value if fact.detail else "")
        return fact

    return read
