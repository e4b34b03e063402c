"""The world of a replay: no question reaches the machine it runs on."""

from __future__ import annotations

from functools import partial

import pytest

from diagcps import workstation
from diagcps.card.base import CardRemoved
from diagcps.model import Platform, ProbeUnavailable
from diagcps.replay import empty_world
from tests.builders import CATALOGUE, empty


async def test_a_saved_world_answers_no_question() -> None:
    world = empty_world(Platform.WINDOWS)
    asked = [
        world.host.system, world.host.session, world.host.pcsc_service, world.host.pcsc_clients,
        *(partial(ask, CATALOGUE) for ask in (world.host.running_programs, world.host.usb_readers)),
        *(partial(world.host.installed, kind, CATALOGUE) for kind in workstation.KINDS),
    ]  # fmt: skip
    for question in asked:
        with pytest.raises(ProbeUnavailable):
            question()
    with pytest.raises(ProbeUnavailable):
        await world.cards.read()
    with pytest.raises(CardRemoved):
        await world.cards.use(empty(), lambda _: None)
    with pytest.raises(ProbeUnavailable):
        await world.libraries.read()
    assert world.host.authorities() == ()
    assert world.host.library_paths() == ()
    assert world.cards.losses() == ()
    assert world.page() is None
    assert [change async for change in world.cards.changes()] == []
    assert not world.anchors.default
