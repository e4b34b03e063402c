"""Simulated workstations (`scenarios/*.toml`): facts in the place of probes, and simulated cards.

The cards of a scenario are read as real ones are; all the rest is facts. A scenario names no cause,
no check and no finding.
"""

from __future__ import annotations

import base64
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from diagcps import __version__
from diagcps.card.base import Anchors
from diagcps.card.simulator.base import ANCHORS_FILE, ATRS, Plastic, SimulatedCard
from diagcps.card.simulator.cards import MakeCard, SimulatedCards
from diagcps.card.simulator.library import SimulatedLibrary
from diagcps.card.simulator.middleware import SimulatedMiddleware
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import Facts, Probe, Trigger, World
from diagcps.facts import Library, Pcsc, Slot, SlotState, Tool
from diagcps.model import LoadError, LoadProblem, Platform, Private, UsageError
from diagcps.probes import KINDS, OF_CARDS, saved_probes, with_problems
from diagcps.records import record
from diagcps.replay import NoHost, nobody, publish_nothing
from diagcps.snapshot import Snapshot, from_data
from diagcps.tables import WrongShape, from_table
from diagcps.workstation import PersonCertificate, PersonCertificates

_FOLDER = Path(__file__).parent / "scenarios"
_BASE = "_base"
_CSP = "ASIP Sante Cryptographic Provider"

LATER = ("offline", "proxy-auth", "tls-intercepted", "clock-wrong")
"""Scenarios that need a part of the tool which is not built yet."""


@record
class Scenario:
    """A simulated workstation: its facts as of now, and the world in which its cards are read."""

    facts: Mapping[type, Any]
    world: World
    middleware: SimulatedMiddleware
    """What uses a code of its cards."""
    plastics: Mapping[int, Plastic]
    """The cards, by the number of their slot in the list of slots."""

    def probes(self, problems: Iterable[LoadProblem] = ()) -> dict[type, Probe[Any]]:
        """Its facts as probes, and the built-in probes of what is read from its cards.

        What this tool lacks now stands beside what the scenario says is missing.
        """
        known = with_problems(self.facts, problems)
        saved = {probe.gives: probe for probe in saved_probes(known)}
        return {**{probe.gives: probe for probe in (*OF_CARDS, _OFFERED)}, **saved}


def names() -> tuple[str, ...]:
    """The scenarios there are, in alphabetical order."""
    return tuple(sorted(p.stem for p in _FOLDER.glob("*.toml") if not p.stem.startswith("_")))


def load(name: str, *, now: datetime | None = None) -> Scenario:
    """The scenario called `name`, as of `now`: of this moment where that is None.

    Raises UsageError for an unknown one and for one still to come, LoadError for a damaged file.
    """
    if name in LATER:
        raise UsageError(f"the scenario {name} comes with a later version")
    if name not in names():
        raise UsageError(f"unknown scenario {name!r}; known: {', '.join(names())}")
    base, own = _read(_BASE), _read(name)
    missing = {**base.get("missing", {}), **own.get("missing", {})}
    now = now or datetime.now(UTC)
    facts = {**base["facts"], **own.get("facts", {}), "Moment": {"at": now}}
    document = {
        **base,
        "facts": {kind: fact for kind, fact in facts.items() if kind not in missing},
        "missing": missing,
    }
    try:
        snapshot = from_data(document, KINDS)
        plastics = {
            entry.pop("slot"): from_table(Plastic, entry, "cards") for entry in own.get("cards", [])
        }
        return _scenario(snapshot, plastics, own.get("library", {}), now)
    except (UsageError, WrongShape, KeyError, IndexError, TypeError) as error:
        raise LoadError(f"{name}.toml: {error}") from error


async def _offer(_: World, facts: Facts) -> PersonCertificates:
    """As the Cryptolib's certificate manager does: what it sees of the cards is offered."""
    tokens = (slot.token for slot in facts[Library].slots if slot.token)
    shown = (each for token in tokens for each in token.certificates)
    offered = (PersonCertificate(fingerprint=each, provider=_CSP) for each in shown)
    return PersonCertificates(certificates=tuple(offered), source="simulation")


_OFFERED = Probe(
    gives=PersonCertificates,
    read=_offer,
    after=(Library,),
    platforms=frozenset({Platform.WINDOWS}),
    refreshed_by=frozenset({Trigger.PCSC}),
)
"""Where a scenario does not say what Windows offers."""


def _scenario(
    snapshot: Snapshot, plastics: dict[int, Plastic], library: Mapping[str, Any], now: datetime
) -> Scenario:
    tool = snapshot.facts.get(Tool, Tool(version=__version__, missing=()))
    facts = {**snapshot.facts, Tool: tool}
    inserted: dict[Private, MakeCard] = {}
    holding: tuple[Slot, ...] = ()
    pcsc = facts.get(Pcsc)
    if isinstance(pcsc, Pcsc):
        slots = list(pcsc.slots)
        for number, plastic in plastics.items():
            slots[number] = _holding(slots[number], bytes.fromhex(ATRS[plastic.model]))
            inserted[slots[number].name] = partial(_make, plastic, now)
        facts[Pcsc] = replace(pcsc, slots=tuple(slots))
        holding = tuple(slots[number] for number in plastics)
    cards = SimulatedCards(inserted)
    shown = SimulatedLibrary(tuple(plastics.values()), now, cards=cards, slots=holding, **library)
    world = World(
        host=NoHost(snapshot.system.platform),
        cards=cards,
        libraries=shown,
        anchors=_anchors(),
        publish=publish_nothing,
        catalogue=CatalogueFiles(),
        page=nobody,
    )
    middleware = SimulatedMiddleware(cards)
    return Scenario(facts=facts, world=world, middleware=middleware, plastics=plastics)


def _make(plastic: Plastic, now: datetime) -> SimulatedCard:
    # At its first use alone: what makes certificates takes longer to import than the page to open.
    from diagcps.card.simulator import build

    return build.make(plastic, now)


def _anchors() -> Anchors:
    """The simulator's authorities, for the same reason without looking into their certificates."""
    text = ANCHORS_FILE.read_text(encoding="ascii")
    found = re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", text, re.S)
    certificates = tuple(base64.b64decode(each) for each in found)
    fingerprints = frozenset(Anchors.fingerprint(each) for each in certificates)
    return Anchors(
        fingerprints=fingerprints, names=frozenset(), certificates=certificates, default=False
    )


def _holding(slot: Slot, atr: bytes) -> Slot:
    """The slot with a card that answered `atr`; the one without an answer is mute."""
    if slot.state is not SlotState.EMPTY:
        return slot
    return replace(slot, state=SlotState.READY if atr else SlotState.MUTE, atr=atr)


def _read(name: str) -> dict[str, Any]:
    path = _FOLDER / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"{path.name}: {error}") from error
