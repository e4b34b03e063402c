"""The words every part of the project shares: outcomes, findings, evidence and errors.

Standard library only, and no behaviour beyond what keeps a value consistent.

    DiagError
    ├── UsageError         the person's input cannot be used (exit code 64)
    ├── OutputError        a result cannot be written (exit code 74)
    ├── LoadError          a plug-in, or a data file of this tool, cannot be used
    └── ProbeError         a fact could not be read
        ├── ProbeTimeout      the time limit ran out
        ├── ProbeDenied       the system refused
        ├── ProbeUnavailable  what would be asked is not there
        └── ProbeUnsupported  this system cannot tell
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NewType

from diagcps.records import record

CheckId = NewType("CheckId", str)
CauseId = NewType("CauseId", str)
RemedyId = NewType("RemedyId", str)
ProfileId = NewType("ProfileId", str)


class Platform(Enum):
    """A family of operating systems."""

    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"


EVERY_PLATFORM = frozenset(Platform)


class Outcome(Enum):
    """What a check came to. A plain Enum: « unknown » is not worse or better than « fail »."""

    PASS = "pass"  # noqa: S105 (no password)
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    NOT_APPLICABLE = "not-applicable"


class Level(Enum):
    """What a cause means for the profile that was asked for."""

    KO = "ko"
    WARN = "warn"
    INFO = "info"


class Owner(Enum):
    """Who can repair a cause (`causes.toml` says more about each)."""

    USER = "user"
    IT = "it"
    VENDOR = "vendor"
    ANS = "ans"
    SERVICE = "service"
    AUTHORITY = "authority"
    ESTABLISHMENT = "establishment"
    TOOL = "tool"


class Reason(Enum):
    """Why an outcome is unknown."""

    TIMEOUT = "timeout"
    DENIED = "denied"
    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"
    INTERNAL = "internal"


class Verdict(Enum):
    """The answer to « can this workstation use the card? »."""

    READY = "ready"
    READY_WITH_WARNINGS = "ready-with-warnings"
    NOT_READY = "not-ready"
    UNDETERMINED = "undetermined"


class PrivateKind(Enum):
    """What a private value is: its pseudonym in a shared report begins with this word."""

    READER = "reader"
    USER = "user"
    HOST = "host"
    PATH = "path"
    SERIAL = "serial"
    PERSON = "person"
    IDENTIFIER = "identifier"
    CERTIFICATE = "certificate"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Private:
    """A value that may be shown on this workstation and must not leave it."""

    kind: PrivateKind
    value: str

    def __repr__(self) -> str:
        return f"<private {self.kind.value}>"

    __str__ = __repr__


Scalar = str | int | float | bool | None
Value = Scalar | Private


@record
class Evidence:
    """One thing that was read, and where: what a claim on the page rests on."""

    key: str
    value: Value
    source: str
    """The function, file or command that gave the value, as a system administrator names it."""


@record
class Finding:
    """A cause that the facts show. No prose: its words are in the content files."""

    cause: CauseId
    evidence: tuple[Evidence, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    """Values for the placeholders of the cause's words."""
    level: Level | None = None
    """What it means here, when the facts make it another than the profile's for this cause."""


@record
class CheckResult:
    """How one check settled."""

    check: CheckId
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    blocked_by: CheckId | None = None
    reason: Reason | None = None
    started_ms: float = 0.0
    """Milliseconds since the run began, on the monotonic clock."""
    duration_ms: float = 0.0


@record
class ProbeFailure:
    """Why a fact is missing; never a fact with empty fields."""

    reason: Reason
    detail: Private | None = None


@record
class Cause:
    """One entry of the catalogue of causes. An id is never renamed and never reused."""

    id: CauseId
    level: Level
    owner: Owner
    platforms: frozenset[Platform] = EVERY_PLATFORM
    remedies: tuple[RemedyId, ...] = ()
    ref: str = ""
    """The section of the project's field notes that describes it, such as C10."""
    codes: tuple[str, ...] = ()
    """What other programs display when it occurs: the names and values of status codes."""


@record
class Diagnosed:
    """One root cause, with what it rests on and what only follows from it."""

    cause: Cause
    level: Level
    because: tuple[CheckId, ...]
    explains: tuple[CheckId, ...]
    params: Mapping[str, str] = field(default_factory=dict)


@record
class Diagnosis:
    """The verdict and the root causes, what to repair first being first."""

    verdict: Verdict
    entries: tuple[Diagnosed, ...]
    undecided: tuple[CheckId, ...] = ()
    """Checks that could have found a `ko`, and are unknown or wait for one that is: why a verdict
    may be undetermined."""

    @property
    def exit_code(self) -> Literal[0, 1, 2, 3]:
        """The exit code of monitoring plug-ins: 0 ready, 1 warnings, 2 not ready, 3 cannot tell."""
        codes: dict[Verdict, Literal[0, 1, 2, 3]] = {
            Verdict.READY: 0,
            Verdict.READY_WITH_WARNINGS: 1,
            Verdict.NOT_READY: 2,
            Verdict.UNDETERMINED: 3,
        }
        return codes[self.verdict]


@record
class LoadProblem:
    """A part of the tool, or a plug-in, that could not be used."""

    part: str
    """Its public name: a module, an entry point, a folder's last component."""
    detail: Private
    """The error's own words; they may hold paths, so they stay on this workstation."""


class DiagError(Exception):
    """The root of every error this project raises on purpose."""


class UsageError(DiagError):
    """The person's input cannot be used; the text is one line made for them."""


class OutputError(DiagError):
    """A result cannot be written; the text is one line made for the person."""


class LoadError(DiagError):
    """A plug-in, or a data file of this tool, cannot be used."""


class ProbeError(DiagError):
    """A fact could not be read; `reason` says why."""

    reason = Reason.INTERNAL


class ProbeTimeout(ProbeError):
    """The time limit ran out before the system answered."""

    reason = Reason.TIMEOUT


class ProbeDenied(ProbeError):
    """The system refused to answer."""

    reason = Reason.DENIED


class ProbeUnavailable(ProbeError):
    """What would be asked is not on this workstation."""

    reason = Reason.UNAVAILABLE


class ProbeUnsupported(ProbeError):
    """This system has no way to tell."""

    reason = Reason.UNSUPPORTED
