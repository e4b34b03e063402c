"""Every word that people read, in their language: interface words, causes, remedies, questions.

Words are data: `locale/*.toml` for the interface, `content/<language>/*.toml` beside the checks.
A missing word shows its own id rather than nothing, and never stops a diagnosis.
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from diagcps.model import CauseId, CheckId, Platform, RemedyId
from diagcps.records import record

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

logger = logging.getLogger(__name__)

LANGUAGES = ("fr", "en")
_LOCALE = Path(__file__).parent / "locale"


@record
class CauseWords:
    """What a cause is called and what it means to the person."""

    title: str
    meaning: str


@record
class RemedyWords:
    """What to do, one action a step, for one system."""

    id: RemedyId
    title: str
    steps: tuple[str, ...]


class Words:
    """The words of one language; files are read at the first word, for start-up's sake."""

    def __init__(self, language: str, content: Iterable[Path] = ()) -> None:
        self.language = language
        self._content = tuple(content)
        self._tables: dict[str, Any] | None = None

    def ui(self, key: str, **params: object) -> str:
        """An interface word; `key` is a dotted path in `locale/`."""
        node: Any = self._all().get("ui", {})
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return _fill(node, params) if isinstance(node, str) else key

    def has(self, key: str) -> bool:
        """Whether the interface has a word under `key`."""
        return self.ui(key) != key

    def cause(self, id_: CauseId, params: Mapping[str, str] | None = None) -> CauseWords:
        """The cause's title and meaning; the meaning that names things where they are known."""
        entry = self._entry("cause", id_)
        meaning = entry.get("meaning", "")
        if params and "meaning_named" in entry:
            said = {key: self.date(value) for key, value in params.items()}
            meaning = _fill(entry["meaning_named"], said)
        return CauseWords(title=entry.get("title", id_), meaning=meaning)

    def remedy(self, id_: RemedyId, platform: Platform) -> RemedyWords:
        """The remedy's title and its steps on `platform`."""
        entry = self._entry("remedy", id_)
        steps = entry.get("steps", [])
        if isinstance(steps, dict):
            steps = steps.get(platform.value, [])
        return RemedyWords(id=id_, title=entry.get("title", id_), steps=tuple(steps))

    def question(self, check: CheckId) -> str:
        """The question that the check answers."""
        question: str = self._entry("check", check).get("question", check)
        return question

    def area(self, area: str) -> str:
        """The heading of an area of checks."""
        title: str = self._entry("area", area).get("title", area)
        return title

    def note(self, area: str) -> str:
        """What is said once of an area of checks; empty when there is nothing to say."""
        note: str = self._entry("area", area).get("note", "")
        return note

    def date(self, value: str) -> str:
        """A day (ISO 8601) as people write it in this language; anything else as it is."""
        if not _DAY.fullmatch(value):
            return value
        year, month, day = value.split("-")
        return f"{day}/{month}/{year}" if self.language == "fr" else value

    def contact(self, id_: str) -> str:
        """What an entry of the contacts is called."""
        title: str = self._entry("contact", id_).get("title", id_)
        return title

    def evidence(self, key: str) -> str:
        """The label of one piece of evidence."""
        label: str = self._entry("evidence", key).get("label", key)
        return label

    def value(self, key: str, value: str) -> str:
        """What a value of a piece of evidence is called; itself where it needs no word."""
        said = self._entry("value", key).get(value, value)
        return self.date(said) if isinstance(said, str) else value

    def _entry(self, table: str, key: str) -> Mapping[str, Any]:
        entry = self._all().get(table, {}).get(key, {})
        return entry if isinstance(entry, dict) else {}

    def _all(self) -> dict[str, Any]:
        if self._tables is None:
            self._tables = {"ui": _read(_LOCALE / f"{self.language}.toml")}
            for folder in self._content:
                # A plug-in may speak one language only: better its words than none.
                places = (folder / self.language, folder / LANGUAGES[0], folder / LANGUAGES[1])
                place = next((place for place in places if place.is_dir()), folder)
                for path in sorted(place.glob("*.toml")):
                    _merge(self._tables, _read(path))
        return self._tables


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for table, entries in more.items():
        if isinstance(entries, dict) and table != "ui":
            into.setdefault(table, {}).update(
                {k: v for k, v in entries.items() if k not in into.get(table, {})}
            )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        logger.warning("words of %s are missing: %s", path.name, type(error).__name__)
        return {}


def _fill(text: str, params: Mapping[str, object]) -> str:
    """The text with its named placeholders filled; unchanged when one is missing."""
    try:
        return text.format(**params) if params else text
    except (KeyError, IndexError, ValueError):
        return text
