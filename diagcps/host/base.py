"""What the project asks of an operating system: each question answered by a typed fact."""

from __future__ import annotations

from typing import Protocol, TypeVar

from diagcps.catalogue import Catalogue
from diagcps.facts import (
    PcscClients,
    PcscService,
    RunningPrograms,
    Session,
    StoredCertificate,
    System,
    UsbReaders,
)
from diagcps.model import Platform

Installed = TypeVar("Installed")
"""One of `workstation.KINDS`."""


class Host(Protocol):
    """One operating system. A method may block, and raises `ProbeError` subclasses only."""

    @property
    def platform(self) -> Platform:
        """The family of the system."""

    def system(self) -> System:
        """Name, version and architecture."""

    def session(self) -> Session:
        """Whether somebody sits here or far away."""

    def pcsc_service(self) -> PcscService:
        """The smart-card service, asked without starting it."""

    def pcsc_clients(self) -> PcscClients:
        """The other programs that use the smart-card service, where the system tells."""

    def running_programs(self, catalogue: Catalogue) -> RunningPrograms:
        """The programs in the session of this user that matter to an act with a code."""

    def usb_readers(self, catalogue: Catalogue) -> UsbReaders:
        """The readers on the USB bus, whether or not a driver takes them."""

    def installed(self, kind: type[Installed], catalogue: Catalogue) -> Installed:
        """A fact of `workstation.KINDS`, looking for what the catalogue names.

        Raises ProbeUnsupported for one that this kind of system does not have.
        """

    def library_paths(self) -> tuple[str, ...]:
        """Where the Cryptolib's PKCS#11 library is installed here, the most likely place first."""

    def authorities(self) -> tuple[StoredCertificate, ...]:
        """The certificates of authorities in the Cryptolib's own store and in the system's."""
