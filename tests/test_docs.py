"""The documents name what there is, and what they point to is there."""

from __future__ import annotations

import argparse
import enum
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from diagcps import browsing, cli, events, facts, options, probes, registry, workstation
from diagcps.card.atr import recognise
from diagcps.card.codes import PcscCode
from diagcps.check import Check, Probe, World
from diagcps.model import Cause, CauseId, Diagnosis, Outcome, Owner, Reason, Verdict

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"
CONTENT = TOP / "checks" / "content"
PAGES = {path.name: path for path in (TOP / "README.md", *sorted(DOCS.glob("*.md")))}
REFERENCE = ("README.md", "architecture.md", "checks.md")
"""Where a reader looks up a name."""
ROOTS = "diagcps|checks|tests|scripts|docs|static|templates|benchmarks|\\.ci"
FOUND = registry.load(probes.BUILT_IN, installed=False)


def _text(name: str) -> str:
    return PAGES[name].read_text(encoding="utf-8")


def _code(text: str) -> Iterator[str]:
    """What stands in code spans and code blocks."""
    yield from re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", prose)


NAMED = "\n".join(span for name in REFERENCE for span in _code(_text(name)))


def _is_named(word: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", NAMED) is not None


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from (name for name in action.option_strings if name.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            for command, below in action.choices.items():
                yield command
                yield from _options(below)


def _kinds(*modules: ModuleType) -> list[str]:
    """The classes that modules of facts define."""
    return [
        name
        for module in modules
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
    ]


@pytest.mark.parametrize("kind", [kind.__name__ for kind in get_args(events.Event)])
def test_every_event_is_documented(kind: str) -> None:
    assert _is_named(kind)


@pytest.mark.parametrize("kind", _kinds(facts, workstation, browsing))
def test_every_fact_is_documented(kind: str) -> None:
    assert _is_named(kind)


@pytest.mark.parametrize("option", sorted(set(_options(options.parser()))))
def test_every_command_and_option_is_documented(option: str) -> None:
    assert _is_named(option)


@pytest.mark.parametrize("key", sorted(options.CONFIG))
def test_every_key_of_the_configuration_is_documented(key: str) -> None:
    assert _is_named(key)


@pytest.mark.parametrize("value", [v.value for kind in (Owner, Outcome, Reason) for v in kind])
def test_every_owner_outcome_and_reason_is_documented(value: str) -> None:
    assert _is_named(value)


@pytest.mark.parametrize("name", [f.name for kind in (Probe, Check) for f in fields(kind)])
def test_every_part_of_a_probe_and_a_check_is_documented(name: str) -> None:
    assert _is_named(name)


@pytest.mark.parametrize("seam", [field.type for field in fields(World)])
def test_every_seam_is_documented(seam: str) -> None:
    assert f"| `{seam}` |" in _text("architecture.md")


@pytest.mark.parametrize("probe", probes.BUILT_IN, ids=lambda probe: probe.gives.__name__)
def test_every_time_limit_is_documented(probe: Probe[object]) -> None:
    table = re.search(r"^\| what \| seconds \|.*?\n\n", _text("architecture.md"), re.M | re.S)
    assert table is not None
    limits = dict(re.findall(r"^\| (.+?) \| (\d+)", table[0], re.MULTILINE))
    steps = (facts.CardStates, facts.AuthenticationCertificates, facts.OtherCertificates)
    name = "each step of the cards" if probe.gives in steps else f"`{probe.gives.__name__}`"
    assert float(limits.get(name, limits["anything else"])) == probe.timeout_s


@pytest.mark.parametrize("check", [check.id for check in FOUND.checks])
def test_every_check_is_documented(check: str) -> None:
    assert _is_named(check)


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_stands_beside_its_exit_code(verdict: Verdict) -> None:
    code = Diagnosis(verdict=verdict, entries=()).exit_code
    assert f"| `{code}` | `{verdict.value}` |" in _text("architecture.md")


@pytest.mark.parametrize("name", [name for name in vars(cli) if name.startswith("EXIT_")])
def test_every_other_exit_code_is_documented(name: str) -> None:
    assert f"| `{vars(cli)[name]}` |" in _text("architecture.md")


def test_every_module_is_documented() -> None:
    modules = {path.relative_to(TOP).as_posix() for path in (TOP / "diagcps").rglob("*.py")}
    named = set(_code(_text("architecture.md")))
    assert {name for name in modules - named if not name.endswith("/__init__.py")} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        assert ":" not in target, f"{target} is not relative"
        file, _, anchor = target.partition("#")
        path = (PAGES[page].parent / file).resolve() if file else PAGES[page]
        assert path.exists(), target
        assert not anchor or anchor in _anchors(path), target


def _anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as Markdown readers make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_path_in_a_page_exists(page: str) -> None:
    for span in _code(_text(page)):
        for path in re.findall(rf"(?<![\w./-])(?:{ROOTS})/[\w./*-]*[\w*/]", span):
            assert list(TOP.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("page", PAGES)
def test_every_name_after_a_path_is_in_that_file(page: str) -> None:
    for path, name in re.findall(r"`([\w./]+\.py):([\w.]+)`", _text(page)):
        defined = rf"^\s*(?:(?:async )?def|class) {name.rpartition('.')[2]}\b|^{name}\b"
        source = (TOP / path).read_text(encoding="utf-8")
        assert re.search(defined, source, re.MULTILINE), f"{path}:{name}"


def _noted() -> set[str]:
    """The entries of the field notes that the causes of this version and their remedies name."""
    remedies = tomllib.loads((CONTENT / "remedies.toml").read_text(encoding="utf-8"))
    causes: list[Cause] = list(FOUND.causes.values())
    findable = {cause for check in FOUND.checks for cause in check.causes}
    findable.add(CauseId("check.failed"))
    kept = [cause for cause in causes if cause.id in findable or cause.remedies]
    sources = [remedies[id_]["source"] for cause in kept for id_ in cause.remedies]
    return set(re.findall(r"\bC\d+\b", " ".join([*(cause.ref for cause in kept), *sources])))


def test_field_notes_have_an_entry_for_every_cause_and_remedy() -> None:
    headings = re.findall(r"^## (C\d+) ", _text("field-notes.md"), re.MULTILINE)
    assert headings == sorted(_noted())


def test_every_entry_of_the_field_notes_names_its_sources() -> None:
    entries = re.split(r"^## ", _text("field-notes.md"), flags=re.MULTILINE)
    for entry in (entry for entry in entries if re.match(r"C\d", entry)):
        parts = re.findall(r"^- ([A-Z][a-z ]+):", entry, re.MULTILINE)
        assert parts == ["Known", "Detected here", "Remedies", "Sources"], entry[:40]


def _answers() -> Iterator[tuple[bytes, str]]:
    """Each answer to reset of the field notes' table, and the kind beside it."""
    row = r"^\| [^|]+ \| ((?:[0-9A-Fx]{2} ?)+) \| ([0-9A-F ]*)\| `([\w-]+)` \|$"
    for pattern, values, kind in re.findall(row, _text("field-notes.md"), re.MULTILINE):
        for value in values.split() or [""]:
            yield bytes.fromhex(pattern.replace("xx", value)), kind


@pytest.mark.parametrize(("atr", "kind"), list(_answers()))
def test_answers_to_reset_are_those_of_the_field_notes(atr: bytes, kind: str) -> None:
    assert recognise(atr).value == kind


def test_field_notes_show_all_families_of_cards() -> None:
    assert len(list(_answers())) == 24


def test_every_statement_about_cards_bears_the_mark_of_its_origin() -> None:
    table = re.search(r"^\| question \| CPS3 \|.*?\n\n", _text("field-notes.md"), re.M | re.S)
    assert table is not None
    rows = [line.strip("| \n").split(" | ")[1:] for line in table[0].splitlines()[2:] if line]
    assert len(rows) > 5
    for cell in (cell for row in rows for cell in row):
        assert re.search(r"\((?:[OSRA], )*[OSRA]\)", cell), cell


@pytest.mark.parametrize("code", list(PcscCode), ids=lambda code: code.name)
def test_every_pcsc_code_is_in_the_field_notes(code: PcscCode) -> None:
    assert f"| 0x{code.value:08X} | `{code.name}` |" in _text("field-notes.md")


def test_documents_repeat_the_code_exactly() -> None:
    finished = subprocess.run(
        [sys.executable, str(TOP / "scripts" / "update-docs"), "--check"],
        capture_output=True,
        encoding="utf-8",
        timeout=50,
    )
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES)
def test_pages_speak_of_this_project_alone(page: str) -> None:
    text = _text(page)
    assert not re.search(r"/(?:work|home|root|tmp)/", text)
    assert not re.search(r"https?://", text)


def test_enumerations_of_facts_are_told_from_facts() -> None:
    named = re.search(r"^\| fact \|.*?\n\n", _text("architecture.md"), re.MULTILINE | re.DOTALL)
    assert named is not None
    shown = set(re.findall(r"^\| `(\w+)`", named[0], re.MULTILINE))
    assert shown == {kind.__name__ for kind in probes.KINDS}
    assert not any(issubclass(kind, enum.Enum) for kind in probes.KINDS)
