"""Records described workstations with the probes themselves, as snapshots that can be replayed.

`python -m tests.workstations.record [linux|macos]` writes those of `saved/`; the Windows ones are
recorded by the probes under Wine (tests/wine/record.py).
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diagcps import probes, scenario, snapshot, workstation
from diagcps.browsing import PageBrowser
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import World
from diagcps.examination import assemble
from diagcps.facts import (
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
from diagcps.model import Platform
from diagcps.profiles import DEFAULT, choose
from diagcps.registry import load as load_registry
from diagcps.replay import NO_ANCHORS, NoCards, NoLibraries, nobody, publish_nothing
from diagcps.runner import Runner

from .describe import Description, descriptions

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
MADE = datetime(2026, 11, 1, tzinfo=UTC)
OF_THE_HOST: tuple[type, ...] = (
    System, Session, PcscService, PcscClients, UsbReaders, RunningPrograms, *workstation.KINDS,
    PageBrowser,
)  # fmt: skip
"""What the probes of the host give; the rest is of the scenario's cards."""


async def host_facts(host: Host) -> dict[type, Any]:
    """What the probes read through `host`, each a fact or why it is missing."""
    world = World(
        host=host,
        cards=NoCards(),
        libraries=NoLibraries(),
        anchors=NO_ANCHORS,
        publish=publish_nothing,
        catalogue=CatalogueFiles(),
        page=nobody,
    )
    runner = Runner(
        checks=(),
        probes={each.gives: each for each in probes.BUILT_IN},
        world=world,
        platform=host.platform,
        level=lambda _: NotImplemented,
        diagnose=lambda _: NotImplemented,
    )
    await runner.read(OF_THE_HOST)
    return {kind: runner.facts[kind] for kind in OF_THE_HOST}


async def card_facts(name: str) -> dict[type, Any]:
    """What is read from the cards of a scenario, and its readers, as of `NOW`."""
    subject = scenario.load(name, now=NOW)
    examined = assemble(
        registry=load_registry(probes.BUILT_IN, installed=False),
        probes=subject.probes(),
        profile=choose(DEFAULT),
        world=subject.world,
    )
    kinds = [kind for kind in probes.KINDS if kind not in OF_THE_HOST]
    await examined.runner.read(kinds)
    return {kind: examined.runner.facts[kind] for kind in kinds}


def complete(described: Description, host: Mapping[type, Any]) -> str:
    """The snapshot of the workstation: the facts of `host`, the cards of its scenario, and the
    facts that the description states, in place of what was recorded."""
    cards = asyncio.run(card_facts(described.scenario))
    tool = Tool(version="1", missing=())
    moment = Moment(at=NOW, not_before=MADE)
    recorded = {**cards, **host, Tool: tool, Moment: moment}
    whole = snapshot.Snapshot(facts={kind: recorded[kind] for kind in probes.KINDS}, simulated=True)
    document = json.loads(snapshot.dump(whole))
    stated = {**described.facts, **described.missing}
    document["facts"] = {k: v for k, v in document["facts"].items() if k not in stated}
    document["missing"] = {k: v for k, v in document["missing"].items() if k not in stated}
    stated_facts = json.loads(json.dumps(described.facts, default=str))
    document["facts"] |= _apart(stated_facts, document["private"])
    document["missing"] |= described.missing
    return _in_lines(document)


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
    with tempfile.TemporaryDirectory(prefix="diagcps-") as folder:
        host = _LAY_OUT[described.platform](Path(folder), described)
        return complete(described, asyncio.run(host_facts(host)))


def _linux(root: Path, described: Description) -> Host:
    from .layout import linux

    return linux(root, described.layout)


def _macos(root: Path, described: Description) -> Host:
    from .layout import macos

    return macos(root, described.layout)


_LAY_OUT: Mapping[Platform, Callable[[Path, Description], Host]] = {
    Platform.LINUX: _linux,
    Platform.MACOS: _macos,
}


def main(wanted: list[str]) -> None:
    """Writes the snapshots of these systems; of both where none is named."""
    for platform in [Platform(each) for each in wanted] or list(_LAY_OUT):
        for described in descriptions(platform):
            described.saved.parent.mkdir(parents=True, exist_ok=True)
            described.saved.write_text(record(described), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
