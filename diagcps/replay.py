"""A world that answers no question: a replay must never look at the machine it runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from diagcps.card.base import Anchors, CardRemoved, Result, Transmit
from diagcps.catalogue import Catalogue, Known
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import World
from diagcps.facts import (
    Library,
    Pcsc,
    PcscClients,
    PcscService,
    RunningPrograms,
    Session,
    Slot,
    StoredCertificate,
    System,
    ToolPart,
    UsbReaders,
)
from diagcps.host.base import Installed
from diagcps.model import Platform, ProbeUnavailable

if TYPE_CHECKING:
    from diagcps.snapshot import Snapshot


class NoHost:
    """A `Host` that is not there."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @property
    def platform(self) -> Platform:
        """The family of the system that is replayed."""
        return self._platform

    def system(self) -> System:
        """Raises ProbeUnavailable, as every question about the machine does."""
        raise ProbeUnavailable

    def session(self) -> Session:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def pcsc_service(self) -> PcscService:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def pcsc_clients(self) -> PcscClients:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def running_programs(self, catalogue: Catalogue) -> RunningPrograms:  # noqa: ARG002
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def usb_readers(self, catalogue: Catalogue) -> UsbReaders:  # noqa: ARG002
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def installed(self, kind: type[Installed], catalogue: Catalogue) -> Installed:  # noqa: ARG002
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    def library_paths(self) -> tuple[str, ...]:
        """None."""
        return ()

    def authorities(self) -> tuple[StoredCertificate, ...]:
        """None."""
        return ()


class NoCards:
    """`Cards` that are not there."""

    async def read(self) -> Pcsc:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable

    async def use(self, slot: Slot, work: Callable[[Transmit], Result]) -> Result:  # noqa: ARG002
        """Raises CardRemoved."""
        raise CardRemoved

    def missing(self) -> tuple[ToolPart, ...]:
        """Nothing: what was missing is among the saved facts."""
        return ()

    def losses(self) -> tuple[str, ...]:
        """None."""
        return ()

    async def changes(self) -> AsyncIterator[None]:
        """Ends at once: saved facts do not change."""
        changes: tuple[None, ...] = ()
        for change in changes:
            yield change


class NoLibraries:
    """`Libraries` that are not there."""

    async def read(self) -> Library:
        """Raises ProbeUnavailable."""
        raise ProbeUnavailable


async def publish_nothing() -> tuple[StoredCertificate, ...]:
    """No authority is asked."""
    return ()


NO_ANCHORS = Anchors(fingerprints=frozenset(), names=frozenset(), default=False)


def nobody() -> None:
    """No page is open."""


def empty_world(platform: Platform, catalogue: Known | None = None) -> World:
    """A world of that platform that answers nothing but what is known of the field."""
    return World(
        host=NoHost(platform),
        cards=NoCards(),
        libraries=NoLibraries(),
        anchors=NO_ANCHORS,
        publish=publish_nothing,
        catalogue=catalogue or CatalogueFiles(),
        page=nobody,
    )


def saved_world(snapshot: Snapshot, catalogue: Known) -> World:
    """The world of saved facts: nothing is asked anew, and it is judged by what is known now."""
    return empty_world(snapshot.system.platform, catalogue)
