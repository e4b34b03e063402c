"""What a page is made of: its elements and what they could run or load."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from diagcps import scenario, snapshot
from diagcps.facts import PcscClients
from diagcps.snapshot import Snapshot

HARMLESS = "Kartenleser"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></textarea></template><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "line\nevent: end\ndata: {}\n\nid: 9",
    "carriage\rreturn\x0b\x0c\x1c\x85\u2028\u2029",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "\u202eabc\u2066def\u2069\u200f",
    "nul\x00byte",
    "half \ud800 a character \udcff",
    "{program} %s %(name)s",
    "&lt;b&gt;&amp;",
    "é" * 500,
)
LEADING = ("src", "href", "action", "formaction", "data", "poster", "srcset")
OWN = re.compile(r"#|/(?!/)")
_PLACES = ("model", "value", "name", "source")


class Elements(HTMLParser):
    """The elements of a page: their names and the names of their attributes, in order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append(" ".join([tag, *(name for name, _ in attrs)]))
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.shape.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.shape.append("comment")

    def handle_pi(self, data: str) -> None:
        self.shape.append("instruction")


def dangers(page: str) -> list[str]:
    """What in the page the policy would have to stop: inline code and style, foreign addresses."""
    elements = Elements(page)
    found = [f"<{each}>" for each in elements.shape if each.split()[0] in ("style", "base")]
    found += ["inline script" for each in elements.shape if each == "script"]
    for tag, name, value in elements.attributes:
        if name == "style" or name.startswith("on"):
            found.append(f"{tag} {name}")
        if name in LEADING and not OWN.match(value):
            found.append(f"{tag} {name}={value}")
    return found


def saved(name: str, text: str) -> Snapshot:
    """The facts of a scenario in which every name that comes from outside is `text`."""
    facts = scenario.load(name).facts
    return Snapshot(facts={kind: _renamed(fact, text) for kind, fact in facts.items()})


def replay_file(folder: Path, name: str, text: str) -> Path:
    """The same, as a file for `--replay`."""
    path = folder / "replay.json"
    path.write_text(snapshot.dump(saved(name, text)), encoding="utf-8")
    return path


def _renamed(fact: Any, text: str) -> Any:
    if isinstance(fact, tuple):
        return tuple(_renamed(each, text) for each in fact)
    if not dataclasses.is_dataclass(fact) or isinstance(fact, type):
        return fact
    changed: dict[str, Any] = {"programs": (text,)} if isinstance(fact, PcscClients) else {}
    for each in dataclasses.fields(fact):
        value = getattr(fact, each.name)
        if each.name in _PLACES and isinstance(value, str):
            changed[each.name] = text
        elif each.name != "programs":
            changed[each.name] = _renamed(value, text)
    return dataclasses.replace(fact, **changed)
