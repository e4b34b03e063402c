"""Records described workstations with the probes themselves, as snapshots that can be replayed.

`python -m tests.workstations.record [linux|macos]` writes those of `saved/`; the Windows ones are
recorded by the probes under Wine (tests/wine/record.py).
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from diagcps import probes, scenario, snapshot, workstation
from diagcps.browsing import PageBrowser
from diagcps.card import binary
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import World
from diagcps.examination import assemble
from diagcps.facts import (
    Library,
    LibraryState,
    Moment,
    PcscClients,
    PcscService,
    RunningPrograms,
    Session,
    System,
    Tool,
    UsbReaders,
)
from diagcps.host.base import Host
from diagcps.model import Platform, Private, PrivateKind, ProbeFailure
from diagcps.profiles import DEFAULT, choose
from diagcps.registry import load as load_registry
from diagcps.replay import NO_ANCHORS, NoCards, NoLibraries, nobody, publish_nothing
from diagcps.runner import Runner
from diagcps.tables import PrivateEntry, Reading, read_value

from .describe import Description, descriptions
from .layout import linux, macos

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
MADE = datetime(2026, 11, 1, tzinfo=UTC)
OF_THE_HOST: tuple[type, ...] = (
    System, Session, PcscService, PcscClients, UsbReaders, RunningPrograms, *workstation.KINDS,
    PageBrowser,
)  # fmt: skip
"""What the probes of the host give; the rest is of the scenario's cards."""
_KINDS = {snapshot.name_of(kind): kind for kind in probes.KINDS}


def stated(described: Description) -> dict[type, Any]:
    """The facts that the description states, and those that it says are missing.

    Raises WrongShape for what is no such fact, and KeyError for the name of none.
    """
    private: list[dict[str, str]] = []
    facts = {name: _apart(fact, private) for name, fact in described.facts.items()}
    entries = (
        PrivateEntry(kind=PrivateKind(each["kind"]), value=each["value"]) for each in private
    )
    how = Reading(private=tuple(entries), strict=True)
    found = {
        _KINDS[name]: read_value(_KINDS[name], fact, name, how) for name, fact in facts.items()
    }
    missing = {
        _KINDS[name]: read_value(ProbeFailure, why, name, how)
        for name, why in described.missing.items()
    }
    return found | missing


def _apart(value: Any, private: list[dict[str, str]]) -> Any:
    """The value with each `{ private = { kind, value } }` of a description put apart."""
    if isinstance(value, list):
        return [_apart(each, private) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(entry := value.get("private"), dict):
        if entry not in private:
            private.append(entry)
        return {"private": private.index(entry)}
    return {key: _apart(each, private) for key, each in value.items()}


async def host_facts(host: Host, known: Mapping[type, Any] | None = None) -> dict[type, Any]:
    """What the probes read through `host`, each a fact or why it is missing; of what is `known`
    already nothing is asked."""
    world = World(
        host=host,
        cards=NoCards(),
        libraries=NoLibraries(),
        anchors=NO_ANCHORS,
        publish=publish_nothing,
        catalogue=CatalogueFiles(),
        page=nobody,
    )
    saved = probes.saved_probes(known or {})
    runner = Runner(
        checks=(),
        probes={each.gives: each for each in (*probes.BUILT_IN, *saved)},
        world=world,
        platform=host.platform,
        level=lambda _: NotImplemented,
        diagnose=lambda _: NotImplemented,
    )
    await runner.read(OF_THE_HOST)
    return {kind: runner.facts[kind] for kind in OF_THE_HOST}


@functools.cache
def card_facts(name: str) -> Mapping[type, Any]:
    """What is read from the cards of a scenario, and its readers, as of `NOW`."""
    subject = scenario.load(name, now=NOW)
    examined = assemble(
        registry=load_registry(probes.BUILT_IN, installed=False),
        probes=subject.probes(),
        profile=choose(DEFAULT),
        world=subject.world,
    )
    kinds = [kind for kind in probes.KINDS if kind not in OF_THE_HOST]
    asyncio.run(examined.runner.read(kinds))
    return {kind: examined.runner.facts[kind] for kind in kinds}


def complete(described: Description, host: Mapping[type, Any]) -> str:
    """The snapshot of the workstation: the facts of `host`, the cards of its scenario, and the
    facts that the description states, in place of what was recorded."""
    tool, moment = Tool(version="1", missing=()), Moment(at=NOW, not_before=MADE)
    recorded = {**card_facts(described.scenario), **host, Tool: tool, Moment: moment}
    recorded |= stated(described)
    whole = snapshot.Snapshot(facts={kind: recorded[kind] for kind in probes.KINDS}, simulated=True)
    return _in_lines(json.loads(snapshot.dump(whole)))


def _in_lines(document: dict[str, Any]) -> str:
    """JSON with a fact a line: a change shows where it is."""
    lines = []
    for key, value in document.items():
        if isinstance(value, dict):
            inner = [f"  {_json(name)}: {_json(each)}" for name, each in sorted(value.items())]
            lines.append(f"{_json(key)}: {{\n" + ",\n".join(inner) + "\n}")
        elif isinstance(value, list):
            inner = [f"  {_json(each)}" for each in value]
            lines.append(f"{_json(key)}: [\n" + ",\n".join(inner) + "\n]")
        else:
            lines.append(f"{_json(key)}: {_json(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def record(described: Description) -> str:
    """The snapshot of a described Linux or macOS workstation, laid out in a folder."""
    with (
        tempfile.TemporaryDirectory(prefix="diagcps-") as folder,
        patch("platform.machine", lambda: described.processor),
    ):
        root = Path(folder)
        host = _LAY_OUT[described.platform](root, described.layout)
        facts = asyncio.run(host_facts(host, stated(described)))
        there = [Path(path) for path in host.library_paths() if Path(path).exists()]
        kinds = {f"/{p.relative_to(root).as_posix()}": binary.of_file(str(p)) for p in there}
        return complete(described, {**facts, Library: library_among(described, kinds)})


def library_among(described: Description, kinds: Mapping[str, tuple[str, ...]]) -> Library:
    """What is read of a library that is laid out: what its scenario shows, where a program for the
    processor can load one. `kinds`: for which processors each of them is, the first choice first.
    """
    if not kinds:
        return Library(state=LibraryState.ABSENT, path="")
    fitting = (path for path, its in kinds.items() if not its or described.processor in its)
    file = next(fitting, None)
    place = Private(PrivateKind.PATH, file or next(iter(kinds)))
    if file is None:
        state = LibraryState.WRONG_ARCHITECTURE
        return Library(state=state, path=place, architectures=kinds[place.value])
    shown: Library = card_facts(described.scenario)[Library]
    return replace(shown, path=place, architectures=kinds[file])


_LAY_OUT: Mapping[Platform, Callable[..., Host]] = {Platform.LINUX: linux, Platform.MACOS: macos}


def main(wanted: list[str]) -> None:
    """Writes the snapshots of these systems; of both where none is named."""
    for platform in [Platform(each) for each in wanted] or list(_LAY_OUT):
        for described in descriptions(platform):
            described.saved.parent.mkdir(parents=True, exist_ok=True)
            described.saved.write_text(record(described), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
