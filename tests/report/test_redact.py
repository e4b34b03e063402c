"""No private value leaves the workstation in a shared report."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.model import CheckId, Outcome, Private, PrivateKind, ProfileId, Verdict
from diagcps.report import json as as_json
from diagcps.report.base import CheckLine, EvidenceLine, Local, Masked, Report
from diagcps.report.redact import LeakError, Redaction
from diagcps.report.subject import Subject
from tests.builders import NOW, secret
from tests.strategies import quick


def report(*values: Local) -> Report[Local]:
    """A report of two checks that each show `values`."""
    lines = tuple(
        CheckLine[Local](
            id=CheckId(id_),
            area="card",
            question="?",
            outcome=Outcome.FAIL,
            causes=(),
            blocked_by=None,
            reason=None,
            evidence=tuple(EvidenceLine[Local](key="k", value=v, source="test") for v in values),
            started_ms=0,
            duration_ms=0,
        )
        for id_ in ("test.one", "test.two")
    )
    return Report[Local](
        created=NOW,
        version="1",
        simulated=False,
        replayed=False,
        profile=ProfileId("psc-card"),
        language="fr",
        verdict=Verdict.NOT_READY,
        diagnosis=(),
        checks=lines,
        not_covered=(),
        environment={"os": "linux", "architecture": "x"},
        subject=Subject(),
    )


def shared(*values: Local) -> str:
    """The JSON of a report that shows `values`, after the last scan."""
    redaction = Redaction()
    return redaction.refuse_leaks(as_json.render(redaction.report(report(*values))))


def shown(*values: Local) -> list[object]:
    """What stands for `values` in the first check."""
    return [each["value"] for each in json.loads(shared(*values))["checks"][0]["evidence"]]


LETTERS = 'δφψωЖЩЮЯéß"\\/ %+\t'
HIDDEN = st.text(alphabet=LETTERS, min_size=6, max_size=30).filter(
    lambda value: len(value.strip()) >= 6
)
"""Values that no report holds by chance, with what JSON and URLs write otherwise."""

PRIVATE = st.builds(Private, st.sampled_from(PrivateKind), HIDDEN)


@quick
@given(values=st.lists(PRIVATE, min_size=1, max_size=6))
def test_no_private_value_is_in_the_report_in_any_form(values: list[Private]) -> None:
    text = shared(*values).casefold()
    for private in values:
        raw = private.value.encode()
        forms = (
            private.value,
            json.dumps(private.value)[1:-1],
            json.dumps(private.value, ensure_ascii=False)[1:-1],
            quote(private.value, safe=""),
            raw.hex(),
            base64.b64encode(raw).decode().rstrip("="),
        )
        assert not any(form.casefold() in text for form in forms)


@quick
@given(values=st.lists(PRIVATE, min_size=1, max_size=6))
def test_one_value_has_one_pseudonym_within_a_report(values: list[Private]) -> None:
    document = json.loads(shared(*values, *reversed(values)))
    by_value: dict[Private, set[str]] = {}
    for check in document["checks"]:
        for private, line in zip([*values, *reversed(values)], check["evidence"], strict=True):
            by_value.setdefault(private, set()).add(line["value"])
    assert all(len(tokens) == 1 for tokens in by_value.values())
    assert len({next(iter(tokens)) for tokens in by_value.values()}) == len(by_value)


def test_a_pseudonym_says_what_kind_of_value_it_stands_for() -> None:
    values = [secret("first value", PrivateKind.READER), secret("a person", PrivateKind.USER)]
    assert shown(*values, secret("second value", PrivateKind.READER), values[0]) == [
        "reader-1", "user-1", "reader-2", "reader-1",
    ]  # fmt: skip


def test_the_same_words_of_two_kinds_are_two_values() -> None:
    assert shown(secret("shared words"), secret("shared words", PrivateKind.PATH)) == [
        "text-1", "path-1",
    ]  # fmt: skip


def test_what_is_not_private_stays_as_it_is() -> None:
    assert shown("words", 3, 2.5, True, None) == ["words", 3, 2.5, True, None]


def test_a_short_private_value_is_masked_too() -> None:
    assert shown(secret("x"), secret("")) == ["text-1", "text-2"]


def test_a_shared_report_holds_masks_where_the_local_one_holds_values() -> None:
    local = report(secret("a private value"))
    public = Redaction().report(local)
    assert [line.value for check in public.checks for line in check.evidence] == [
        Masked("text-1"), Masked("text-1"),
    ]  # fmt: skip
    assert isinstance(local.checks[0].evidence[0].value, Private)
    assert replace(public, checks=()) == replace(local, checks=())


@quick
@given(value=HIDDEN, form=st.sampled_from(["raw", "upper", "ascii", "url", "hex", "base64"]))
def test_a_private_value_that_slipped_in_elsewhere_stops_the_report(value: str, form: str) -> None:
    slipped = {
        "raw": value,
        "upper": value.upper(),
        "ascii": json.dumps(value)[1:-1],
        "url": quote(value, safe=""),
        "hex": value.encode().hex(),
        "base64": base64.b64encode(value.encode()).decode(),
    }[form]
    redaction = Redaction()
    redaction.report(report(secret(value, PrivateKind.PATH)))
    with pytest.raises(LeakError) as leak:
        redaction.refuse_leaks(f"before {slipped} after")
    assert leak.value.field == "path"
    assert value not in str(leak.value)


@pytest.mark.parametrize("value", ["C:\\Users\\Hélène", 'reader « é "x" »', "Élodie\tMartin"])
def test_a_private_value_that_json_escapes_stops_the_report(value: str) -> None:
    with pytest.raises(LeakError):
        shared(secret(value, PrivateKind.PATH), f"in {value}")


def test_a_report_without_a_leak_is_returned_unchanged() -> None:
    redaction = Redaction()
    redaction.report(report(secret("a private value")))
    assert redaction.refuse_leaks("nothing of it") == "nothing of it"


def test_half_a_character_is_masked_too() -> None:
    assert shown(secret("\ud800 half of one")) == ["text-1"]
