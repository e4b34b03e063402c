"""The only bridge from a local report to one that may leave the workstation."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from diagcps.model import DiagError, Private, PrivateKind
from diagcps.report.base import CheckLine, EvidenceLine, Local, Masked, Report, Shared

# Shorter values are words that occur everywhere; they are masked, and not searched for.
_SHORTEST = 6


class LeakError(DiagError):
    """A private value is still in what would leave; `field` names its kind, never the value."""

    def __init__(self, field: str) -> None:
        super().__init__(
            f"a private value ({field}) would leave this workstation: nothing was written"
        )
        self.field = field


class Redaction:
    """The pseudonyms of one report: the same value becomes the same token, and only here."""

    def __init__(self) -> None:
        self._tokens: dict[Private, Masked] = {}
        self._counts: Counter[PrivateKind] = Counter()

    def report(self, local: Report[Local]) -> Report[Shared]:
        """The report with a pseudonym in the place of every private value."""
        checks = tuple(self._check(check) for check in local.checks)
        shared: Report[Shared] = Report(
            created=local.created.replace(microsecond=0),
            version=local.version,
            simulated=local.simulated,
            replayed=local.replayed,
            profile=local.profile,
            language=local.language,
            verdict=local.verdict,
            diagnosis=local.diagnosis,
            checks=checks,
            not_covered=local.not_covered,
            environment=local.environment,
            subject=local.subject,
        )
        return shared

    def refuse_leaks(self, rendered: str) -> str:
        """`rendered` itself. Raises LeakError when it holds a private value in a usual encoding."""
        folded = rendered.casefold()
        tokens = {masked.token for masked in self._tokens.values()}
        for private in self._tokens:
            # The place that a shareable snapshot keeps for a value looks like our own pseudonym.
            if private.value not in tokens and any(
                form.casefold() in folded for form in _forms(private.value)
            ):
                raise LeakError(private.kind.value)
        return rendered

    def _check(self, check: CheckLine[Local]) -> CheckLine[Shared]:
        evidence = tuple(
            EvidenceLine[Shared](key=line.key, value=self._value(line.value), source=line.source)
            for line in check.evidence
        )
        shared: CheckLine[Shared] = replace(check, evidence=evidence)  # type: ignore[arg-type, assignment]  # the field's type is what changes
        return shared

    def _value(self, value: Local) -> Shared:
        if not isinstance(value, Private):
            return value
        if value not in self._tokens:
            self._counts[value.kind] += 1
            self._tokens[value] = Masked(f"{value.kind.value}-{self._counts[value.kind]}")
        return self._tokens[value]


def _forms(value: str) -> Iterator[str]:
    if len(value) < _SHORTEST:
        return
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield quote(raw, safe="")
    yield raw.hex()
    yield base64.b64encode(raw).decode().rstrip("=")
