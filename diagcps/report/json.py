"""A shared report as JSON, for programs."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from diagcps.report.base import SCHEMA, CheckLine, Masked, Report, Shared


def render(report: Report[Shared]) -> str:
    """One JSON document (`diagcps.report/1`), with a newline at its end."""
    document = {
        "schema": SCHEMA,
        "created": report.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tool": {"name": "diagcps", "version": report.version},
        "simulated": report.simulated,
        "replayed": report.replayed,
        "profile": report.profile,
        "language": report.language,
        "verdict": report.verdict.value,
        "code": None,
        "diagnosis": [
            {
                "cause": line.cause,
                "level": line.level,
                "owner": line.owner,
                "title": line.title,
                "because": list(line.because),
                "explains": list(line.explains),
                "remedies": [
                    {
                        "id": remedy.id,
                        "title": remedy.title,
                        "steps": list(remedy.steps),
                        "who": remedy.who,
                        "verify": remedy.verify,
                    }
                    for remedy in line.remedies
                ],
            }
            for line in report.diagnosis
        ],
        "checks": [_check(line) for line in report.checks],
        "not_covered": list(report.not_covered),
        "environment": dict(report.environment),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _check(line: CheckLine[Shared]) -> dict[str, Any]:
    return {
        "id": line.id,
        "area": line.area,
        "question": line.question,
        "outcome": line.outcome.value,
        "causes": list(line.causes),
        "blocked_by": line.blocked_by,
        "reason": line.reason.value if line.reason else None,
        "evidence": [
            {
                "key": evidence.key,
                "value": evidence.value.token
                if isinstance(evidence.value, Masked)
                else evidence.value,
                "source": evidence.source,
            }
            for evidence in line.evidence
        ],
        "started_ms": round(line.started_ms, 1),
        "duration_ms": round(line.duration_ms, 1),
    }
