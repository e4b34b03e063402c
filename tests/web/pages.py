"""What a page is made of: its elements and what they could run or load."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from diagcps import probes, scenario, snapshot
from diagcps.snapshot import Snapshot

HARMLESS = "Kartenleser"
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
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
        if name in ("src", "href", "action", "formaction", "data", "poster", "srcset"):
            if not value.startswith(("/static/", "/", "#")) or value.startswith("//"):
                found.append(f"{tag} {name}={value}")
    return found


def document(name: str, text: str) -> dict[str, Any]:
    """The snapshot of a scenario in which every name that comes from outside is `text`."""
    plain: dict[str, Any] = json.loads(snapshot.dump(scenario.load(name)))
    _put(plain, text)
    return plain


def saved(name: str, text: str) -> Snapshot:
    """The same, read back."""
    return snapshot.load(json.dumps(document(name, text)).encode(), probes.KINDS)


def replay_file(folder: Path, name: str, text: str) -> Path:
    """The same, as a file for `--replay`."""
    path = folder / "replay.json"
    path.write_text(json.dumps(document(name, text)), encoding="utf-8")
    return path


def _put(node: Any, text: str) -> None:
    if isinstance(node, list):
        for each in node:
            _put(each, text)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in _PLACES and isinstance(value, str):
                node[key] = text
            elif key == "programs":
                node[key] = [text]
            else:
                _put(value, text)
