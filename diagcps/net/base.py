"""What the project asks of the network: each question answered by a typed fact."""

from __future__ import annotations

from typing import Protocol

from diagcps.catalogue import Catalogue
from diagcps.facts import AuthenticationCertificates
from diagcps.network import Clocks, Links, NeededHosts, OtherHosts, Proxies, Revocation


class Network(Protocol):
    """The network of a workstation, asked for what one profile needs. Raises `ProbeError`
    subclasses only; sends nothing of the person, and speaks to the hosts of the catalogue alone."""

    def links(self) -> Links:
        """The links that are up, and where they lead. May block."""

    async def proxies(self, catalogue: Catalogue) -> Proxies:
        """The proxies that the system has set, and those of each endpoint."""

    async def needed(self, catalogue: Catalogue, proxies: Proxies | None) -> NeededHosts:
        """The ways to the endpoints that the profile needs; without `proxies` the direct ones."""

    async def others(self, catalogue: Catalogue, proxies: Proxies | None) -> OtherHosts:
        """The ways to the other endpoints; those that are optional only where they are wanted."""

    async def clocks(self, *answers: NeededHosts | OtherHosts) -> Clocks:
        """What the dates of answers say of this clock, and time servers where they are wanted."""

    async def revocation(self, cards: AuthenticationCertificates) -> Revocation:
        """Whether the authority has revoked the certificate of the card."""
