"""What the checks make of hostile facts, and whether all that is shown of them is harmless."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from diagcps import probes, profiles, replay, snapshot
from diagcps.examination import Examination, assemble
from diagcps.facts import System
from diagcps.model import Diagnosis, Level, Platform, Private, ProbeFailure
from diagcps.report import json as as_json
from diagcps.report import text as as_text
from diagcps.report.redact import Redaction
from diagcps.report.subject import Origin, subject_of
from diagcps.web.acts import ActView
from diagcps.web.desk import Desk
from diagcps.web.pages import Renderer, view
from diagcps.words import Words
from tests.builders import NOW
from tests.host.hostile_host import KNOWN
from tests.web.live import built_in
from tests.web.pages import Elements

_LARGEST = 1 << 20
"""Characters of a report."""
_SPACES = "\n\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
_BAD = frozenset({Level.KO, Level.WARN})
_ELEMENTS_OF_OTHERS = ("img", "style", "base", "iframe", "object", "comment")
_RENDERER, _FORM = Renderer(), {"token": "t"}
_WORDS: dict[str, Words] = {}
"""Read once: a file of words does not change."""


class Judged:
    """A workstation that was examined, by its facts."""

    def __init__(self, facts: Mapping[type, Any], platform: Platform) -> None:
        self._saved = snapshot.Snapshot(facts=dict(facts))
        examination = assemble(
            registry=built_in(),
            probes={each.gives: each for each in probes.saved_probes(facts)},
            profile=profiles.choose(profiles.DEFAULT),
            world=replay.empty_world(platform, lambda: KNOWN),
            moment=NOW,
        )
        self._examination: Examination = replace(examination, _words=_WORDS)
        self._diagnosis: Diagnosis = asyncio.run(self._examination.runner.run())

    def said(self) -> Iterator[str]:
        """Each thing on which what is shown depends."""
        for each in self._examination.runner.results.values():
            yield repr((each.check, each.outcome, each.reason, each.findings))
            for said in each.evidence:
                value = said.value.value if isinstance(said.value, Private) else said.value
                yield repr((said.key, value, said.source))
        yield repr(subject_of(self._examination.runner.facts, origin=Origin.RECORDED))
        yield repr(self._saved.facts[System])

    def faults(self, levels: frozenset[Level] = _BAD) -> set[str]:
        """The causes that were found."""
        return {each.cause.id for each in self._diagnosis.entries if each.level in levels}

    def problems(self) -> Iterator[str]:
        """What is wrong with the judgement, and with what is shown of it."""
        if "check.failed" in self.faults(frozenset(Level)):
            yield "a check failed"
        for entry in self._diagnosis.entries:
            results = [self._examination.runner.results[check] for check in entry.because]
            if entry.level is Level.KO and not any(each.evidence for each in results):
                yield f"{entry.cause.id} without evidence"
        for name, shown in self._shown():
            yield from (f"{name}: {problem}" for problem in _wrong(shown))
        yield from self._wrong_page()
        yield from self._wrong_snapshot()

    def _shown(self) -> Iterator[tuple[str, str]]:
        report, words = self._examination.report("fr"), self._examination.words("fr")
        shared = Redaction().report(report)
        yield "text", as_text.render(report, words)
        yield "shared text", as_text.render(shared, words)
        document = as_json.render(shared)
        yield "json", document
        yield from (("text of json", each) for each in _texts(json.loads(document)))

    def _page(self) -> str:
        page = view(self._examination, "fr")
        desk = Desk(self._examination, lambda: None)
        act = ActView(words=page.words, desk=desk, examination=self._examination)
        return _RENDERER.render("page.html", page=page, act=act, unfinished="", **_FORM)

    def _wrong_page(self) -> Iterator[str]:
        page = self._page()
        yield from (f"page: {problem}" for problem in _wrong(page))
        elements = Elements(page)
        odd = [each for each in elements.shape if each.split()[0] in _ELEMENTS_OF_OTHERS]
        odd += [each for each in elements.shape if each.startswith("script")][1:]
        odd += [name for _, name, _ in elements.attributes if name.startswith("on")]
        if odd:
            yield f"page: {odd}"

    def _wrong_snapshot(self) -> Iterator[str]:
        if isinstance(self._saved.facts[System], ProbeFailure):
            return  # such a snapshot is none
        data = snapshot.dump(self._saved).encode()
        if snapshot.load(data, probes.KINDS) != self._saved:
            yield "the snapshot is another one"


def _wrong(shown: str) -> Iterator[str]:
    shown.encode()
    if odd := {each for each in shown if not each.isprintable() and each not in _SPACES}:
        yield f"characters {sorted(map(ascii, odd))}"
    if len(shown) > _LARGEST:
        yield f"{len(shown)} characters"


def _texts(document: Any) -> Iterator[str]:
    """Every text of a JSON document."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for each in document.values() if isinstance(document, dict) else document:
            yield from _texts(each)
