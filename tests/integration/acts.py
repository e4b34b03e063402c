"""An act with a code on the real service: prepared, carried out in its own process, read again."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from diagcps import acting, probes, profiles, registry, replay
from diagcps.acting import Closed, Conclusion, Shown
from diagcps.card.act import Act, Codes, Middleware
from diagcps.card.anchors import read_anchors
from diagcps.card.middleware import LibraryMiddleware
from diagcps.card.pcsc import PcscCards
from diagcps.card.pkcs11 import Pkcs11Library
from diagcps.card.simulator import pki
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import World
from diagcps.examination import Examination, assemble
from diagcps.host import this_host
from diagcps.model import CheckId
from diagcps.runner import Runner
from diagcps.secret import Secret

CHECKS = frozenset(map(CheckId, ("pin.state", "puk.state", "middleware.sees-card", "card.single")))


class Impatient(LibraryMiddleware):
    """Waits no longer than a test can."""

    LIMIT_S: ClassVar[float] = 4.0


def examine(library: str) -> Examination:
    """This workstation, read through `library`, trusting the simulator's authorities."""
    world = World(
        host=this_host(),
        cards=PcscCards(),
        libraries=Pkcs11Library((library,), given=True),
        anchors=read_anchors(Path(pki.anchors_file())),
        publish=replay.publish_nothing,
        catalogue=CatalogueFiles(),
        page=replay.nobody,
    )
    found = registry.load(probes.BUILT_IN, installed=False)
    return assemble(
        registry=found,
        probes={**found.probes, **{p.gives: p for p in (probes.tool_probe((), CatalogueFiles()),)}},
        profile=profiles.choose(profiles.DEFAULT),
        world=world,
        named=CHECKS,
        live=True,
    )


def codes(given: str, new: str | None = None) -> Codes:
    """The codes that somebody typed."""
    return Codes(
        given=Secret(bytearray(given.encode())),
        new=None if new is None else Secret(bytearray(new.encode())),
    )


async def prepared(runner: Runner, act: Act) -> Shown:
    """What the person is shown; the act must be offered."""
    await runner.run()
    offer = acting.prepare(act, runner.facts)
    assert not isinstance(offer, Closed), offer
    return offer


async def do(
    library: str, act: Act, given: str, new: str | None = None, *,
    middleware: Middleware | None = None,
) -> Conclusion:  # fmt: skip
    """The whole act, as the page does it."""
    runner = examine(library).runner
    shown = await prepared(runner, act)
    return await acting.perform(runner, middleware or Impatient(), shown, codes(given, new))
