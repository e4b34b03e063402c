"""The report of a run (`diagcps.report/1`), local or fit to be shared.

Redaction is a change of type: what leaves the workstation takes a `Report[Shared]`, which only
`redact` makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from diagcps.model import CheckId, Outcome, Private, ProfileId, Reason, Scalar, Verdict
from diagcps.remedies import Contact, Link
from diagcps.report.subject import Subject

SCHEMA = "diagcps.report/1"

Local = Scalar | Private
"""A value as it was read."""


@dataclass(frozen=True, slots=True)
class Masked:
    """What stands for a private value in a shared report: the same each time, in one report."""

    token: str


Shared = Scalar | Masked

V = TypeVar("V", Local, Shared)


@dataclass(frozen=True, kw_only=True)
class EvidenceLine(Generic[V]):
    """One thing that was read."""

    key: str
    value: V
    source: str


@dataclass(frozen=True, kw_only=True)
class CheckLine(Generic[V]):
    """One check and how it settled."""

    id: CheckId
    area: str
    question: str
    outcome: Outcome
    causes: tuple[str, ...]
    blocked_by: CheckId | None
    reason: Reason | None
    evidence: tuple[EvidenceLine[V], ...]
    started_ms: float
    duration_ms: float


@dataclass(frozen=True, kw_only=True)
class RemedyLine:
    """One way to repair a cause."""

    id: str
    title: str
    steps: tuple[str, ...]
    who: str | None
    """The owner who does it; None where a plug-in does not say."""
    verify: CheckId | None
    """The check that passes once it worked."""
    contact: Contact | None
    links: tuple[Link, ...] = ()
    act: str | None = None
    """What this tool does with a code of the card, where that is the remedy."""


@dataclass(frozen=True, kw_only=True)
class CauseLine:
    """One root cause: what to do is in `remedies`, the cheapest first."""

    cause: str
    level: str
    owner: str
    title: str
    meaning: str
    because: tuple[CheckId, ...]
    explains: tuple[CheckId, ...]
    remedies: tuple[RemedyLine, ...]


@dataclass(frozen=True, kw_only=True)
class Report(Generic[V]):
    """All that a run found. `Report[Local]` stays here; `Report[Shared]` may leave."""

    created: datetime
    version: str
    simulated: bool
    replayed: bool
    """Saved facts were judged again: the report is of then, perhaps of another workstation."""
    profile: ProfileId
    language: str
    verdict: Verdict
    diagnosis: tuple[CauseLine, ...]
    checks: tuple[CheckLine[V], ...]
    not_covered: tuple[str, ...]
    """Areas that the profile asks for and no check covers in this version."""
    environment: Mapping[str, str]
    subject: Subject
    """Which machine and which browser it speaks of."""
