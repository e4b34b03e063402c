"""The JSON of a shared report, as the contract says it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from diagcps.model import CheckId, Outcome, ProfileId, Reason, Verdict
from diagcps.report.base import (
    CauseLine,
    CheckLine,
    EvidenceLine,
    Masked,
    RemedyLine,
    Report,
    Shared,
)
from diagcps.report.json import render
from diagcps.report.subject import Subject
from tests.builders import NOW


def report(**changes: Any) -> Report[Shared]:
    check: CheckLine[Shared] = CheckLine(
        id=CheckId("card.recognised"),
        area="card",
        question="Est-ce une carte « CPS » ?",
        outcome=Outcome.FAIL,
        causes=("card.vitale",),
        blocked_by=None,
        reason=None,
        evidence=(
            EvidenceLine[Shared](key="atr", value="3B 75", source="SCardStatus"),
            EvidenceLine[Shared](key="reader", value=Masked("reader-1"), source="SCardListReaders"),
        ),
        started_ms=12.3456,
        duration_ms=0.04,
    )
    waiting: CheckLine[Shared] = CheckLine(
        id=CheckId("certificate.valid"),
        area="certificate",
        question="?",
        outcome=Outcome.UNKNOWN,
        causes=(),
        blocked_by=CheckId("card.recognised"),
        reason=Reason.TIMEOUT,
        evidence=(),
        started_ms=0,
        duration_ms=0,
    )
    cause = CauseLine(
        cause="card.vitale",
        level="ko",
        owner="user",
        title="C'est une carte Vitale",
        meaning="not part of the contract",
        because=(CheckId("card.recognised"),),
        explains=(CheckId("certificate.valid"),),
        remedies=(
            RemedyLine(
                id="card.insert-cps",
                title="T",
                steps=("one", "two"),
                who="user",
                verify=CheckId("card.recognised"),
                contact=None,
            ),
        ),
    )
    values: dict[str, Any] = {
        "created": NOW,
        "version": "1.2",
        "simulated": True,
        "replayed": False,
        "profile": ProfileId("psc-card"),
        "language": "fr",
        "verdict": Verdict.NOT_READY,
        "diagnosis": (cause,),
        "checks": (check, waiting),
        "not_covered": ("network",),
        "environment": {"os": "windows", "architecture": "AMD64"},
        "subject": Subject(),
    }
    return Report(**{**values, **changes})


def test_the_document_is_that_of_the_contract() -> None:
    assert json.loads(render(report())) == {
        "schema": "diagcps.report/1",
        "created": "2026-11-21T20:00:00Z",
        "tool": {"name": "diagcps", "version": "1.2"},
        "simulated": True,
        "replayed": False,
        "profile": "psc-card",
        "language": "fr",
        "verdict": "not-ready",
        "code": None,
        "diagnosis": [
            {
                "cause": "card.vitale",
                "level": "ko",
                "owner": "user",
                "title": "C'est une carte Vitale",
                "because": ["card.recognised"],
                "explains": ["certificate.valid"],
                "remedies": [
                    {
                        "id": "card.insert-cps",
                        "title": "T",
                        "steps": ["one", "two"],
                        "who": "user",
                        "verify": "card.recognised",
                    }
                ],
            }
        ],
        "checks": [
            {
                "id": "card.recognised",
                "area": "card",
                "question": "Est-ce une carte « CPS » ?",
                "outcome": "fail",
                "causes": ["card.vitale"],
                "blocked_by": None,
                "reason": None,
                "evidence": [
                    {"key": "atr", "value": "3B 75", "source": "SCardStatus"},
                    {"key": "reader", "value": "reader-1", "source": "SCardListReaders"},
                ],
                "started_ms": 12.3,
                "duration_ms": 0.0,
            },
            {
                "id": "certificate.valid",
                "area": "certificate",
                "question": "?",
                "outcome": "unknown",
                "causes": [],
                "blocked_by": "card.recognised",
                "reason": "timeout",
                "evidence": [],
                "started_ms": 0,
                "duration_ms": 0,
            },
        ],
        "not_covered": ["network"],
        "environment": {"os": "windows", "architecture": "AMD64"},
    }


def test_a_moment_elsewhere_is_told_in_utc() -> None:
    there = datetime(2026, 11, 21, 22, 30, tzinfo=timezone(timedelta(hours=2, minutes=30)))
    assert json.loads(render(report(created=there)))["created"] == "2026-11-21T20:00:00Z"


def test_the_text_is_one_document_with_accents_as_they_are() -> None:
    text = render(report())
    assert text.endswith("}\n")
    assert "« CPS »" in text


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_is_a_word_of_the_contract(verdict: Verdict) -> None:
    words = {"ready", "ready-with-warnings", "not-ready", "undetermined"}
    assert json.loads(render(report(verdict=verdict)))["verdict"] in words
