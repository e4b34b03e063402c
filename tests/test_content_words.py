"""The content files agree with each other: catalogue, remedies, contacts and both languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from diagcps.card.act import Act

CONTENT = Path(__file__).parent.parent / "checks" / "content"
FROZEN_IDS = Path(__file__).parent / "data" / "cause_ids.txt"
LANGUAGES = ("en", "fr")
KINDS = ("area", "cause", "check", "contact", "evidence", "remedy", "value")
SYSTEMS = {"windows", "macos", "linux"}
NBSP = "\u00a0"

Entries = dict[str, dict[str, Any]]
"""Entries of one kind by id."""


def _load(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return tomllib.load(file)


def _words(language: str) -> dict[str, Entries]:
    """All words of a language by kind. Fails on an id that two files hold."""
    merged: dict[str, Entries] = {kind: {} for kind in KINDS}
    for path in sorted((CONTENT / language).glob("*.toml")):
        for kind, entries in _load(path).items():
            twice = merged[kind].keys() & entries.keys()
            assert not twice, f"{path.name} repeats {kind} {twice}"
            merged[kind].update(entries)
    return merged


def _causes() -> Entries:
    groups = _load(CONTENT / "causes.toml").values()
    return {cause: entry for group in groups for cause, entry in group.items()}


def _texts(value: Any) -> Iterator[str]:
    """Every string at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _step_lists(entry: dict[str, Any]) -> dict[str, list[str]]:
    """The steps by system; the key is empty where they are the same everywhere."""
    steps = entry["steps"]
    return steps if isinstance(steps, dict) else {"": steps}


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _sentences(language: str) -> Iterator[tuple[str, str]]:
    """Each meaning and each step, with the id it belongs to."""
    words = _words(language)
    for cause, entry in words["cause"].items():
        for key in ("meaning", "meaning_named"):
            if key in entry:
                yield cause, entry[key]
    for remedy, entry in words["remedy"].items():
        for steps in _step_lists(entry).values():
            yield from ((remedy, step) for step in steps)


WORDS = {language: _words(language) for language in LANGUAGES}
CAUSES = _causes()
REMEDIES: Entries = _load(CONTENT / "remedies.toml")
CONTACTS = _load(CONTENT / "contacts.toml")

each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.mark.parametrize("kind", KINDS)
def test_both_languages_hold_the_same_ids(kind: str) -> None:
    assert WORDS["fr"][kind].keys() == WORDS["en"][kind].keys()


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_has_the_same_keys_and_placeholders_in_both_languages(kind: str) -> None:
    for identifier, french in WORDS["fr"][kind].items():
        english = WORDS["en"][kind][identifier]
        assert french.keys() == english.keys(), identifier
        for key in french.keys() - {"steps"}:
            assert _placeholders(french[key]) == _placeholders(english[key]), identifier


def test_the_steps_of_a_remedy_are_as_many_in_both_languages() -> None:
    for remedy, french in WORDS["fr"]["remedy"].items():
        counts = {system: len(steps) for system, steps in _step_lists(french).items()}
        english = _step_lists(WORDS["en"]["remedy"][remedy])
        assert counts == {system: len(steps) for system, steps in english.items()}, remedy


@each_language
def test_placeholders_stand_only_where_their_value_is_known(language: str) -> None:
    found = {
        (identifier, key)
        for entries in WORDS[language].values()
        for identifier, entry in entries.items()
        for key, value in entry.items()
        if any(_placeholders(text) for text in _texts(value))
    }
    named_too = (
        "reader.in-use", "card.kind-unsuited", "certificate.expired", "certificate.expires-soon",
        "certificate.not-yet-valid", "session.support-tool", "software.competing",
        "software.port-conflict",
    )  # fmt: skip
    assert found == {(cause, "meaning_named") for cause in named_too}
    named = WORDS[language]["cause"]["reader.in-use"]["meaning_named"]
    assert _placeholders(named) == {"program"}


def test_no_cause_was_ever_dropped() -> None:
    frozen = set(FROZEN_IDS.read_text(encoding="utf-8").split())
    assert len(frozen) >= 109
    assert frozen <= CAUSES.keys()


def test_no_cause_stands_in_two_groups() -> None:
    groups = _load(CONTENT / "causes.toml").values()
    assert sum(len(group) for group in groups) == len(CAUSES)


def test_the_catalogue_speaks_its_own_vocabulary() -> None:
    levels = {"ko", "warn", "info"}
    owners = {"user", "it", "vendor", "ans", "service", "authority", "establishment", "tool"}
    for cause, entry in CAUSES.items():
        assert entry.keys() <= {"level", "owner", "ref", "os", "remedies", "codes"}, cause
        assert entry["level"] in levels, cause
        assert entry["owner"] in owners, cause
        assert set(entry.get("os", [])) <= SYSTEMS, cause
        assert re.fullmatch(r"C\d\d|", entry["ref"]), cause


@each_language
def test_every_cause_has_a_title_and_no_title_lacks_its_cause(language: str) -> None:
    titled = {cause for cause, entry in WORDS[language]["cause"].items() if entry["title"]}
    assert titled == CAUSES.keys()


@each_language
def test_a_cause_whose_remedies_are_settled_says_what_it_means(language: str) -> None:
    meant = {cause for cause, entry in WORDS[language]["cause"].items() if entry.get("meaning")}
    assert meant == {cause for cause, entry in CAUSES.items() if "remedies" in entry}


def test_every_remedy_is_defined_and_used() -> None:
    used = {remedy for entry in CAUSES.values() for remedy in entry.get("remedies", [])}
    assert used == REMEDIES.keys()


@each_language
def test_every_remedy_has_words(language: str) -> None:
    assert WORDS[language]["remedy"].keys() == REMEDIES.keys()


def test_a_remedy_is_verified_by_a_check_that_has_a_question() -> None:
    checks = WORDS["fr"]["check"].keys()
    assert {entry["verify"] for entry in REMEDIES.values() if "verify" in entry} <= checks


def test_a_remedy_says_who_does_it_where_and_on_what_authority() -> None:
    contact_names = {name for group in CONTACTS.values() for name in group}
    for remedy, entry in REMEDIES.items():
        known = {"who", "verify", "source", "os", "contact", "links", "act", "minutes"}
        assert entry.keys() <= known, remedy
        assert entry["who"] in {"user", "it", "vendor", "ans", "establishment"}, remedy
        assert set(entry.get("os", [])) <= SYSTEMS, remedy
        for source in entry["source"].split(", "):
            note = re.fullmatch(r"C\d\d|contacts\.toml ([a-zA-Z0-9-]+)", source)
            assert note, f"{remedy}: {source}"
            assert note[1] is None or note[1] in contact_names, f"{remedy}: {source}"


def test_the_contact_of_a_remedy_exists() -> None:
    for remedy, entry in REMEDIES.items():
        if "contact" in entry:
            group, _, name = entry["contact"].partition(".")
            assert name in CONTACTS[group], remedy


def test_the_links_of_a_remedy_are_for_its_own_systems() -> None:
    for remedy, entry in REMEDIES.items():
        links = entry.get("links", [])
        if isinstance(links, dict):
            assert links.keys() <= set(entry.get("os", SYSTEMS)), remedy


@each_language
def test_the_links_of_a_remedy_exist_and_have_words(language: str) -> None:
    linked = {link for entry in REMEDIES.values() for link in _texts(entry.get("links", []))}
    assert linked == WORDS[language]["contact"].keys()
    for group, _, name in (link.partition(".") for link in linked):
        assert {"url", "address"} & CONTACTS[group][name].keys(), name


def test_what_a_remedy_does_with_a_code_is_an_act() -> None:
    assert {entry["act"] for entry in REMEDIES.values() if "act" in entry} <= {a.value for a in Act}


@each_language
def test_no_two_remedies_have_the_same_steps(language: str) -> None:
    every: dict[str, list[str]] = {}
    for remedy, entry in WORDS[language]["remedy"].items():
        every.setdefault(str(entry["steps"]), []).append(remedy)
    assert [same for same in every.values() if len(same) > 1] == []


@each_language
def test_steps_that_differ_by_system_cover_every_system_of_the_remedy(language: str) -> None:
    for remedy, entry in WORDS[language]["remedy"].items():
        lists = _step_lists(entry)
        assert all(lists.values()), remedy
        if "" not in lists:
            assert lists.keys() == set(REMEDIES[remedy].get("os", SYSTEMS)), remedy


def test_a_cause_has_a_remedy_on_each_of_its_systems_or_none_at_all() -> None:
    for cause, entry in CAUSES.items():
        remedies = entry.get("remedies", [])
        reached = {s for remedy in remedies for s in REMEDIES[remedy].get("os", SYSTEMS)}
        assert not remedies or set(entry.get("os", SYSTEMS)) <= reached, cause


@each_language
def test_titles_hold_sixty_characters_at_most(language: str) -> None:
    for kind in ("area", "cause", "remedy"):
        for identifier, entry in WORDS[language][kind].items():
            assert len(entry["title"]) <= 60, identifier
            assert not entry["title"].endswith("."), identifier


@each_language
def test_a_step_holds_twenty_words_at_most(language: str) -> None:
    for remedy, entry in WORDS[language]["remedy"].items():
        for step in (step for steps in _step_lists(entry).values() for step in steps):
            assert len(step.split(" ")) <= 20, f"{remedy}: {step}"


@each_language
def test_a_meaning_holds_two_sentences_at_most(language: str) -> None:
    for cause, entry in WORDS[language]["cause"].items():
        for key in ("meaning", "meaning_named"):
            assert len(re.findall(r"[.!?](?=\s|$)", entry.get(key, ""))) <= 2, cause


@each_language
def test_a_sentence_begins_with_a_capital_and_ends_with_a_period(language: str) -> None:
    for identifier, text in _sentences(language):
        assert text.startswith("macOS") or text[0].isupper(), f"{identifier}: {text}"
        assert text.endswith("."), f"{identifier}: {text}"


@each_language
def test_a_question_ends_with_a_question_mark(language: str) -> None:
    for check, entry in WORDS[language]["check"].items():
        assert entry["question"].endswith("?"), check


def test_french_punctuation_is_held_to_its_word_by_a_no_break_space() -> None:
    for text in _texts(WORDS["fr"]):
        prose = re.sub(r"https?://\S+|about:\w+|\d:\d|\b[A-Z]:\\", "", text)
        assert not re.search(f"[^{NBSP}][:;?!»]", prose), text
        assert not re.search(f"«[^{NBSP}]", prose), text


@each_language
def test_words_hold_straight_apostrophes_and_no_stray_space(language: str) -> None:
    for text in _texts(WORDS[language]):
        assert "\u2019" not in text, text
        assert text == text.strip(), text
        assert "  " not in text, text


@each_language
def test_words_hold_no_telephone_number_cost_or_address(language: str) -> None:
    for text in _texts(WORDS[language]):
        assert not re.search(r"€|\d[\d ]{7,}\d|https?:|\S@\S", text), text


def test_every_contact_has_a_source_and_says_whether_it_was_verified() -> None:
    for group, entries in CONTACTS.items():
        for name, entry in entries.items():
            assert {"source", "date_seen", "verified"} <= entry.keys(), f"{group}.{name}"
            assert entry["verified"] == ("date_verified" in entry), f"{group}.{name}"
