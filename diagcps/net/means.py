"""With what the ways are gone: each part of it can be another in a test."""

from __future__ import annotations

from dataclasses import field

from diagcps.card.base import Anchors
from diagcps.catalogue_parts import Interceptor
from diagcps.net.chain import PublicRoots
from diagcps.net.names import Resolve, system_resolver
from diagcps.net.stages import Limits
from diagcps.net.trust import Trust
from diagcps.records import record
from diagcps.threads import DaemonThreads

_MOST_HUNG_NAMES = 64
"""The system's resolver gives up by itself, later than anybody waits for it."""


@record
class Means:
    """Good for one run after another; the workstation's store and the roots are read once."""

    anchors: Anchors
    trust: Trust
    """The workstation's own, or that of a test."""
    interceptors: tuple[Interceptor, ...] = ()
    limits: Limits = Limits()
    resolve: Resolve = system_resolver
    roots: PublicRoots = field(default_factory=PublicRoots)
    naming: DaemonThreads = field(default_factory=lambda: DaemonThreads(_MOST_HUNG_NAMES))
    verifying: DaemonThreads = field(default_factory=DaemonThreads)
    judging: DaemonThreads = field(default_factory=DaemonThreads)

    def read(self) -> None:
        """Reads what is read once. May block; raises OSError."""
        self.roots()
        self.trust()
