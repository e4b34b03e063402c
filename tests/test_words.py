"""The words of the interface and of the checks."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import diagcps
from diagcps.check import Area
from diagcps.model import (
    CauseId,
    CheckId,
    Level,
    Outcome,
    Owner,
    Platform,
    Reason,
    RemedyId,
    Verdict,
)
from diagcps.registry import load
from diagcps.words import LANGUAGES, Words

LOCALE = Path(diagcps.__file__).parent / "locale"
each_language = pytest.mark.parametrize("language", LANGUAGES)


def strings(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from strings(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def locale(language: str) -> dict[str, str]:
    text = (LOCALE / f"{language}.toml").read_text(encoding="utf-8")
    return dict(strings(tomllib.loads(text)))


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def built_in(language: str) -> Words:
    return Words(language, load((), installed=False).content)


def words_of(folder: Path, language: str, **files: str) -> Words:
    """Words beside a check, written into `folder`; a file is named by its language."""
    for name, text in files.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "own.toml").write_text(text, encoding="utf-8")
    return Words(language, [folder])


def test_there_is_one_file_for_each_language() -> None:
    assert {path.stem for path in LOCALE.glob("*.toml")} == set(LANGUAGES)
    assert LANGUAGES[0] == "fr"


def test_both_languages_have_the_same_keys() -> None:
    assert locale("fr").keys() == locale("en").keys()


def test_both_languages_have_the_same_placeholders() -> None:
    english = locale("en")
    for key, text in locale("fr").items():
        assert placeholders(text) == placeholders(english[key]), key


@each_language
def test_no_word_is_empty(language: str) -> None:
    assert all(text.strip() for text in locale(language).values())


@each_language
@pytest.mark.parametrize("kind", [Verdict, Outcome, Reason, Level, Owner], ids=lambda k: k.__name__)
def test_every_value_that_is_shown_has_a_word(language: str, kind: type[Enum]) -> None:
    words = Words(language)
    assert all(words.has(f"{kind.__name__.lower()}.{value.value}") for value in kind)


@each_language
def test_every_verdict_has_a_sentence_for_what_was_not_checked(language: str) -> None:
    words = Words(language)
    assert all(words.has(f"verdict.{verdict.value}-partly") for verdict in Verdict)


@each_language
def test_every_area_and_every_check_has_words(language: str) -> None:
    words = built_in(language)
    assert all(words.area(area.value) != area.value for area in Area)
    for check in load((), installed=False).checks:
        assert words.question(check.id) != check.id


def test_placeholders_are_filled() -> None:
    raw = locale("en")["progress"]
    assert Words("en").ui("progress", done=3, total=7) == raw.format(done=3, total=7)


def test_a_placeholder_without_a_value_stays() -> None:
    assert Words("en").ui("progress", done=3) == locale("en")["progress"]


@pytest.mark.parametrize("key", ["no-such", "verdict", "verdict.no-such", "title.deeper", ""])
def test_a_word_that_is_missing_shows_its_own_key(key: str) -> None:
    assert Words("fr").ui(key) == key
    assert not Words("fr").has(key)


def test_anything_that_has_no_words_shows_its_id() -> None:
    words = Words("fr")
    assert words.cause(CauseId("a.b")).title == "a.b"
    assert words.cause(CauseId("a.b")).meaning == ""
    assert words.remedy(RemedyId("a.b"), Platform.LINUX).title == "a.b"
    assert words.remedy(RemedyId("a.b"), Platform.LINUX).steps == ()
    assert words.question(CheckId("a.b")) == "a.b"
    assert words.area("a") == "a"
    assert words.evidence("a") == "a"


def test_a_language_that_there_is_not_shows_keys() -> None:
    assert Words("xx").ui("title") == "title"


def test_a_meaning_names_the_program_where_it_is_known() -> None:
    words = built_in("fr")
    id_ = CauseId("reader.in-use")
    named = words.cause(id_, {"program": "logiciel-x"}).meaning
    assert "logiciel-x" in named
    assert "logiciel-x" not in words.cause(id_).meaning
    assert words.cause(id_, {}).meaning == words.cause(id_).meaning


def test_what_fills_a_placeholder_is_no_placeholder(tmp_path: Path) -> None:
    words = words_of(tmp_path, "en", en='[cause."a.b"]\ntitle = "T"\nmeaning_named = "<{x}>"\n')
    assert words.cause(CauseId("a.b"), {"x": "{y} {0} {"}).meaning == "<{y} {0} {>"


def test_steps_are_those_of_the_system(tmp_path: Path) -> None:
    words = words_of(
        tmp_path,
        "en",
        en="""
            [remedy."a.every"]
            title = "E"
            steps = ["one", "two"]
            [remedy."a.some"]
            title = "S"
            steps = { windows = ["w"], linux = ["l"] }
        """,
    )
    assert {words.remedy(RemedyId("a.every"), each).steps for each in Platform} == {("one", "two")}
    some = {each: words.remedy(RemedyId("a.some"), each).steps for each in Platform}
    assert some == {Platform.WINDOWS: ("w",), Platform.LINUX: ("l",), Platform.MACOS: ()}


@pytest.mark.parametrize(
    ("spoken", "asked", "title"),
    [
        (("en", "fr"), "fr", "title in fr"),
        (("en", "fr"), "en", "title in en"),
        (("en",), "fr", "title in en"),
        (("fr",), "en", "title in fr"),
    ],
)
def test_a_plug_in_that_speaks_one_language_is_shown_in_it(
    tmp_path: Path, spoken: tuple[str, ...], asked: str, title: str
) -> None:
    files = {each: f'[cause."a.b"]\ntitle = "title in {each}"\n' for each in spoken}
    assert words_of(tmp_path, asked, **files).cause(CauseId("a.b")).title == title


def test_a_plug_in_renames_nothing_that_has_words(tmp_path: Path) -> None:
    own = words_of(tmp_path, "fr", fr='[check."card.present"]\nquestion = "X"\n[ui]\ntitle = "X"\n')
    content = (*load((), installed=False).content, *own._content)
    assert Words("fr", content).question(CheckId("card.present")) != "X"
    assert Words("fr", content).ui("title") != "X"


@pytest.mark.parametrize(
    "text", ["[broken", "cause = 3", '[cause]\n"a.b" = 3', '[cause."a.b"]\nother = 1'],
    ids=["no toml", "no table", "no entry", "no title"],
)  # fmt: skip
def test_damaged_words_stop_nothing(tmp_path: Path, text: str) -> None:
    words = words_of(tmp_path, "fr", fr=text)
    assert words.cause(CauseId("a.b")).title == "a.b"
    assert words.has("title")
