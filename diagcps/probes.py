"""The built-in probes: which seam gives which fact, its time limit, and what makes it stale."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from diagcps import RELEASED, __version__, browsing, workstation
from diagcps.card.base import Anchors
from diagcps.catalogue import Catalogue
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import Facts, Probe, Trigger, World
from diagcps.facts import (
    AuthenticationCertificates,
    Authorities,
    CardStates,
    Certificate,
    Library,
    Moment,
    OtherCertificates,
    Pcsc,
    PcscClients,
    PcscService,
    Role,
    RunningPrograms,
    Service,
    Session,
    StoredCertificate,
    System,
    Tool,
    ToolPart,
    UsbReaders,
)
from diagcps.model import (
    EVERY_PLATFORM,
    LoadProblem,
    Platform,
    ProbeDenied,
    ProbeError,
    ProbeFailure,
    ProbeTimeout,
    ProbeUnavailable,
    ProbeUnsupported,
    Reason,
)
from diagcps.network import Revocation, Revoked

_PCSC = frozenset({Trigger.PCSC})


async def _read_cards(world: World) -> Pcsc:
    return await world.cards.read()


def _read_usb(world: World) -> UsbReaders:
    return world.host.usb_readers(world.catalogue())


async def _read_losses(world: World, _: Facts) -> workstation.Losses:
    return workstation.Losses(readers=world.cards.losses())


def _read_moment(_: World) -> Moment:
    return Moment(at=datetime.now(UTC), not_before=datetime.fromisoformat(RELEASED + "T00:00Z"))


def _read_programs(world: World, facts: Facts) -> RunningPrograms:
    from diagcps.host.programs import programs_of_acts, with_clients

    catalogue, clients = world.catalogue(), facts.get(PcscClients)
    running = world.host.running_programs(catalogue)
    if isinstance(clients, ProbeFailure):
        return running
    return with_clients(running, clients, programs_of_acts(catalogue, world.host.platform))


# What reads a card is imported where one is read: the page opens before.


async def _read_states(world: World, facts: Facts) -> CardStates:
    from diagcps.card import contents

    return await contents.read_states(world.cards, facts[Pcsc])


async def _read_authentication(world: World, facts: Facts) -> AuthenticationCertificates:
    from diagcps.card import contents

    judge = contents.certificate_judge(world.anchors, _known(facts))
    return await contents.read_authentication(world.cards, facts[Pcsc], facts[CardStates], judge)


async def _read_others(world: World, facts: Facts) -> OtherCertificates:
    from diagcps.card import contents

    judge = contents.certificate_judge(world.anchors, _known(facts))
    before = facts[AuthenticationCertificates]
    return await contents.read_others(world.cards, facts[Pcsc], before, judge)


def _known(facts: Facts) -> tuple[StoredCertificate, ...]:
    """The authorities that were found; without them a chain is undecided, and all else is told."""
    authorities = facts.get(Authorities)
    return authorities.found if isinstance(authorities, Authorities) else ()


def _read_authorities(world: World) -> Authorities | Awaitable[Authorities]:
    anchors = world.anchors
    try:
        stored = world.host.authorities()
    except ProbeError:
        stored = ()
    found = _of_authorities(anchors, stored)
    pinned = {anchors.fingerprint(each.data) for each in found} & anchors.fingerprints
    if anchors.certificates or pinned == anchors.fingerprints:
        return Authorities(found=found)

    async def ask() -> Authorities:
        return Authorities(found=(*found, *_of_authorities(anchors, await world.publish())))

    return ask()


def _of_authorities(
    anchors: Anchors, certificates: Iterable[StoredCertificate]
) -> tuple[StoredCertificate, ...]:
    """Those of pinned authorities, and of authorities that name one: no person's own."""
    # Only where a card is diagnosed: cryptography takes longer to import than the page to open.
    from diagcps.card.x509 import is_authority

    return tuple(
        each
        for each in certificates
        if anchors.hold(each.data) or (anchors.are_named_in(each.data) and is_authority(each.data))
    )


async def _not_asked(_: World) -> Revocation:
    return Revocation(revoked=Revoked.NOT_ASKED, source="none")


async def _read_library(world: World, facts: Facts) -> Library:
    slots = facts.get(Pcsc)
    if isinstance(slots, ProbeFailure) and slots.reason is Reason.TIMEOUT:
        # What waits for that service would wait as long, and for nothing.
        raise ProbeTimeout
    return await world.libraries.read()


OF_CARDS: tuple[Probe[Any], ...] = (
    Probe(gives=Authorities, read=_read_authorities, timeout_s=12.0, busy=True),
    Probe(gives=CardStates, read=_read_states, after=(Pcsc,), timeout_s=30.0, refreshed_by=_PCSC),
    Probe(
        gives=AuthenticationCertificates,
        read=_read_authentication,
        after=(Pcsc, CardStates, Authorities),
        timeout_s=30.0,
        refreshed_by=_PCSC,
    ),
    Probe(
        gives=OtherCertificates,
        read=_read_others,
        after=(Pcsc, AuthenticationCertificates, Authorities),
        timeout_s=30.0,
        refreshed_by=_PCSC,
    ),
    # After our own reading, so that neither waits for the other; its failure does not matter here.
    Probe(
        gives=Library,
        read=_read_library,
        after=(Pcsc, OtherCertificates),
        timeout_s=20.0,
        refreshed_by=_PCSC,
    ),
    # What tells these is not built yet: nobody was asked, and no service was named.
    Probe(gives=Revocation, read=_not_asked),
    Probe(gives=Service, read=lambda _: Service()),
)
"""The probes of what a card says, and of what is said of it."""


def _installed(kind: type[Any]) -> Probe[Any]:
    """The probe of a fact that the host answers by looking for what the catalogue names."""

    def read(world: World) -> Any:
        return world.host.installed(kind, world.catalogue())

    platforms, stale = _ONLY_ON.get(kind, EVERY_PLATFORM), _REFRESHED_BY.get(kind, frozenset())
    return Probe(gives=kind, read=read, platforms=platforms, refreshed_by=stale, busy=True)


_ONLY_ON = {workstation.MacCards: frozenset({Platform.MACOS})}
_REFRESHED_BY = {workstation.MacCards: _PCSC}
_PROPAGATION_S = 10.0
"""How long the certificates of a card that was just put in may take to come to Windows' store."""
_LOOKS = 5
"""How often the store is looked into meanwhile: each look asks for keys in a process of its own."""


def _read_person(world: World, facts: Facts) -> workstation.PersonCertificates:
    """What Windows offers to browsers: that of a card which was read too, unless it never does.

    Firefox does not look there: nothing is waited for then.
    """
    read, page = facts.get(AuthenticationCertificates), facts.get(browsing.PageBrowser)
    looks_elsewhere = (
        isinstance(page, browsing.PageBrowser) and page.kind is browsing.BrowserKind.FIREFOX
    )
    cards = () if isinstance(read, ProbeFailure) else read.cards
    wanted = {c.fingerprint.value.lower() for card in cards for c in card.found if _is_offered(c)}
    end = time.monotonic() + (0.0 if looks_elsewhere else _PROPAGATION_S)
    while True:
        found = world.host.installed(workstation.PersonCertificates, world.catalogue())
        there = {each.fingerprint.value.lower() for each in found.certificates}
        if wanted <= there or time.monotonic() >= end:
            return found
        time.sleep(_PROPAGATION_S / _LOOKS)


def _is_offered(own: Certificate) -> bool:
    """It authenticates, and is one of those that the host looks for."""
    return own.role is Role.AUTHENTICATION and "IGC-SANTE" in own.issuer.upper()


def _read_page(world: World, facts: Facts) -> browsing.PageBrowser:
    page = world.page()
    if page is not None:
        return page
    default = facts[browsing.Browsers].default
    if default is None:
        raise ProbeUnavailable("no default browser")
    how = browsing.How.DEFAULT
    return browsing.PageBrowser(kind=default, version="", extension=None, how=how)


OF_THE_WORKSTATION: tuple[Probe[Any], ...] = (
    *(_installed(kind) for kind in workstation.KINDS if kind is not workstation.PersonCertificates),
    Probe(
        gives=workstation.PersonCertificates,
        read=_read_person,
        after=(AuthenticationCertificates, browsing.PageBrowser),
        timeout_s=2 * _PROPAGATION_S,
        platforms=frozenset({Platform.WINDOWS}),
        refreshed_by=_PCSC,
    ),
    Probe(
        gives=browsing.PageBrowser,
        read=_read_page,
        after=(browsing.Browsers,),
        refreshed_by=frozenset({Trigger.PAGE}),
    ),
)
"""The probes of what is installed and set."""

CATALOGUE: Probe[Catalogue] = Probe(
    gives=Catalogue, read=lambda world: world.catalogue(), busy=True
)
"""What is known of the field: of now, and never saved, so that a replay is judged by it."""

BUILT_IN: tuple[Probe[Any], ...] = (
    Probe(gives=Moment, read=_read_moment, refreshed_by=_PCSC),
    Probe(gives=System, read=lambda world: world.host.system()),
    Probe(gives=Session, read=lambda world: world.host.session()),
    Probe(gives=PcscService, read=lambda world: world.host.pcsc_service(), refreshed_by=_PCSC),
    Probe(gives=UsbReaders, read=_read_usb, refreshed_by=_PCSC, busy=True),
    Probe(
        gives=PcscClients,
        read=lambda world: world.host.pcsc_clients(),
        refreshed_by=_PCSC,
        busy=True,
    ),
    Probe(
        gives=RunningPrograms,
        read=_read_programs,
        after=(PcscClients,),
        refreshed_by=_PCSC,
        busy=True,
    ),
    # The seam has limits of its own, shorter, so that one slot that hangs does not hide the others.
    Probe(gives=Pcsc, read=_read_cards, timeout_s=12.0, refreshed_by=_PCSC),
    Probe(gives=workstation.Losses, read=_read_losses, after=(Pcsc,), refreshed_by=_PCSC),
    *OF_CARDS,
    *OF_THE_WORKSTATION,
    CATALOGUE,
)

KINDS: tuple[type, ...] = (*(each.gives for each in BUILT_IN if each is not CATALOGUE), Tool)
"""The facts of a workstation, as they are saved."""


def saved_kinds(also: Iterable[type]) -> tuple[type, ...]:
    """The facts of a snapshot: the built-in ones and those of plug-ins, but never the catalogue."""
    return tuple(kind for kind in dict.fromkeys((*KINDS, *also)) if kind is not Catalogue)


def tool_probe(problems: Iterable[LoadProblem], files: CatalogueFiles) -> Probe[Tool]:
    """The probe of this tool's own state: what could not be loaded, here and behind the seams."""

    async def read(world: World) -> Tool:
        # On no thread: it looks at what is imported already, and settles first on the page.
        unloaded = (*problems, *files.refused())
        parts = tuple(ToolPart(part=problem.part, detail=problem.detail) for problem in unloaded)
        return Tool(version=__version__, missing=(*parts, *world.cards.missing()))

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
    """Probes that give saved facts again, and fail again as they failed then; the catalogue is of
    now."""
    saved = tuple(Probe(gives=kind, read=_again(fact)) for kind, fact in facts.items())
    return (*saved, CATALOGUE)


def _again(fact: Any) -> Callable[[World], Any]:
    async def read(_: World) -> Any:
        if isinstance(fact, ProbeFailure):
            raise _ERRORS[fact.reason](fact.detail.value if fact.detail else "")
        return fact

    return read
