"""What Windows offers to browsers is asked after the card was read, and once more."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from diagcps import probes
from diagcps.browsing import BrowserKind
from diagcps.catalogue import Catalogue
from diagcps.facts import AuthenticationCertificates, Certificate, Role
from diagcps.host.base import Installed
from diagcps.model import Platform
from diagcps.probes import BUILT_IN
from diagcps.replay import NoHost, empty_world
from diagcps.workstation import PersonCertificates
from tests.builders import bag, certificate, failed, secret, step
from tests.desks import own_certificate, person, signs_in_with

(PROBE,) = (each for each in BUILT_IN if each.gives is PersonCertificates)
OTHER = own_certificate(fingerprint=secret("b" * 64))


class Windows(NoHost):
    """A Windows whose store changes with each look into it, as far as it is said how."""

    def __init__(self, *looks: PersonCertificates) -> None:
        super().__init__(Platform.WINDOWS)
        self._looks = looks
        self.looked = 0

    def installed(self, kind: type[Installed], catalogue: Catalogue) -> Any:
        found = self._looks[min(self.looked, len(self._looks) - 1)]
        self.looked += 1
        return found


@pytest.fixture(autouse=True)
def _no_time_to_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_PROPAGATION_S", 0.2)


def read(
    host: Windows,
    *certificates: Certificate,
    unread: bool = False,
    page: BrowserKind = BrowserKind.EDGE,
) -> PersonCertificates:
    world = dataclasses.replace(empty_world(Platform.WINDOWS), host=host)
    cards = AuthenticationCertificates(cards=(step(*certificates),))
    missing = {AuthenticationCertificates: failed()} if unread else {}
    facts = bag(*(() if unread else (cards,)), signs_in_with(page), missing=missing)
    found = PROBE.read(world, facts)
    assert isinstance(found, PersonCertificates)
    return found


def test_a_certificate_that_comes_a_little_later_is_waited_for() -> None:
    host = Windows(person(), person(OTHER), person(own_certificate()))
    assert read(host, own_certificate()) == person(own_certificate())
    assert host.looked == 3


def test_a_certificate_that_never_comes_is_not_waited_for_for_ever() -> None:
    host = Windows(person(OTHER))
    assert read(host, own_certificate()) == person(OTHER)
    assert 1 < host.looked <= 10


@pytest.mark.parametrize(
    "own",
    [own_certificate(), certificate(issuer="Another CA"), own_certificate(role=Role.SIGNATURE)],
    ids=["there", "another authority", "another role"],
)
def test_a_certificate_that_is_there_or_never_will_be_is_looked_for_once(own: Certificate) -> None:
    host = Windows(person(own_certificate()))
    assert read(host, own) == person(own_certificate())
    assert host.looked == 1


def test_nothing_is_waited_for_where_firefox_is_the_browser() -> None:
    host = Windows(person(OTHER))
    assert read(host, own_certificate(), page=BrowserKind.FIREFOX) == person(OTHER)
    assert host.looked == 1


@pytest.mark.parametrize("unread", [True, False])
def test_without_a_card_nothing_is_waited_for(unread: bool) -> None:
    host = Windows(person())
    assert read(host, unread=unread) == person()
    assert host.looked == 1


def test_the_store_is_looked_into_again_after_a_card_came_or_went() -> None:
    assert AuthenticationCertificates in PROBE.after
    assert probes.Trigger.PCSC in PROBE.refreshed_by
