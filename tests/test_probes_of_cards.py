"""Where the authorities come from: the workstation first, the published address last."""

from __future__ import annotations

import dataclasses

from diagcps.card.base import Anchors
from diagcps.card.simulator import pki
from diagcps.card.simulator.base import Plastic
from diagcps.check import World
from diagcps.facts import Authorities, StoredCertificate
from diagcps.model import Platform, ProbeDenied
from diagcps.probes import BUILT_IN
from diagcps.replay import NoHost, empty_world
from diagcps.runner import Runner
from tests.builders import NOW, check, runner
from tests.card.reading import ANCHORS

PINNED = dataclasses.replace(ANCHORS, certificates=())
"""The simulator's authorities by fingerprint alone, as those of IGC-Santé are."""


class Store(NoHost):
    """A host whose store holds these certificates, or refuses to say."""

    def __init__(self, *held: bytes, refuses: bool = False) -> None:
        super().__init__(Platform.LINUX)
        self._held = held
        self._refuses = refuses

    def authorities(self) -> tuple[StoredCertificate, ...]:
        if self._refuses:
            raise ProbeDenied
        return tuple(StoredCertificate(data=each, source="store") for each in self._held)


async def found(store: Store, anchors: Anchors = PINNED) -> tuple[list[str], int]:
    """The sources of the authorities that were found, and how often the address was asked."""
    asked = 0

    async def publish() -> tuple[StoredCertificate, ...]:
        nonlocal asked
        asked += 1
        return tuple(StoredCertificate(data=each, source="published") for each in pki.anchors())

    world: World = dataclasses.replace(
        empty_world(Platform.LINUX), host=store, anchors=anchors, publish=publish
    )
    examined: Runner = runner(check("a.check", uses=[Authorities]), probes=BUILT_IN)
    examined.world = world
    await examined.run()
    fact = examined.facts[Authorities]
    assert isinstance(fact, Authorities)
    return [each.source for each in fact.found], asked


async def test_a_store_that_holds_some_of_the_pinned_authorities_is_not_enough() -> None:
    sources, asked = await found(Store(pki.anchors()[0]))
    assert (set(sources), asked) == ({"store", "published"}, 1)


async def test_a_certificate_of_a_person_is_never_kept() -> None:
    person = pki.certificates(Plastic(model="cps3"), NOW).authentication
    assert PINNED.are_named_in(person)
    assert await found(Store(*pki.anchors(), person)) == (["store", "store"], 0)


async def test_a_store_that_holds_the_pinned_authorities_is_enough() -> None:
    assert await found(Store(*pki.anchors(), b"another")) == (["store", "store"], 0)


async def test_the_address_is_asked_when_no_pinned_authority_is_stored() -> None:
    assert await found(Store(b"another")) == (["published", "published"], 1)


async def test_a_store_that_refuses_holds_nothing() -> None:
    assert await found(Store(refuses=True)) == (["published", "published"], 1)


async def test_nobody_is_asked_for_anchors_that_brought_their_certificates() -> None:
    assert await found(Store(), ANCHORS) == ([], 0)
