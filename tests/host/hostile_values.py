"""What a file may hold, or a command print, in the place of what a probe expects."""

from __future__ import annotations

import json
import plistlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

TEXT = (
    "<script>alert(1)</script>'\"><img src=x onerror=alert(1)>\x1b[2J\x07\x9b\u202eabc\u2066\u200f"
    "\ud800{{ 7 * 7 }}{% raw %}%(name)s&lt;"
)
LINES = "line\nevent: end\r\n\x0b\x0c\x85\u2028[Profile9]\nPath=/\x00"
NAMES = (
    "<script>alert(1)<\u2215script>", "\x1b[2J\x07\n\r", "\u202eabc\u2066", "\udcff\udcfe",
    "é" * 90, "%SystemRoot%{}%s", "'\"&;|$(x)", " ", "..", "-rf",
)  # fmt: skip
"""Of files: without « / » and NUL, which no name has."""

Change = Callable[[Any], Any]
_DEEP = 100_000
_MANY = 3000
_FILLED = 60_000
_WORDS = 200_000
_MEGABYTE = 1 << 20


def _first_word(value: Any) -> str:
    return (str(value).split() or ["x"])[0]


CHANGES: dict[str, Change] = {
    "text": lambda _: TEXT,
    "text-after": lambda value: f"{value}{TEXT}",
    "text-before": lambda value: f"{TEXT}{value}",
    "lines-after": lambda value: f"{value}{LINES}",
    "long": lambda value: f"{value}{'é' * 20_000}",
    "digits": lambda _: "9" * 5000,
    "word-after-word": lambda value: f"{_first_word(value)} " * (_WORDS // len(_first_word(value))),
    "less-than-nothing": lambda _: "-1",
    "last-day": lambda _: "9999-12-31T23:59:59Z",
    "no-day": lambda _: "0000-00-00",
    "elsewhere": lambda _: "//server/share/file",
    "above": lambda _: "../../../../../../../../etc/passwd",
    "nothing": lambda _: "",
}
TYPES: dict[str, Change] = {
    "number": lambda _: -1,
    "huge-number": lambda _: 10**18,
    "fraction": lambda _: 1.5,
    "truth": lambda _: True,
    "list": lambda value: [[value]],
    "table": lambda value: {"a": {"b": value}},
    "first-moment": lambda _: datetime(1, 1, 1),  # noqa: DTZ001 (as property lists have them)
    "epoch": lambda _: datetime(1970, 1, 1),  # noqa: DTZ001
    "last-moment": lambda _: datetime(9999, 12, 31, 23, 59, 59),  # noqa: DTZ001
}
"""For what has types: JSON and property lists."""
_IN_TURN = (
    "text", "text-after", "lines-after", "long", "digits", "word-after-word", "list", "table",
    "last-moment",
)  # fmt: skip

_VALUE = re.compile(r"(?m)^([^\n=:,]*[=:,][ \t]*)([^\n]*)$")
"""Of « key = value », « key: value », « call("key", value) »."""
_FILLERS = ("\n", " ", "\0", "x", "[", "{", '"', "%", "=", "a=b\n", "[a]\n", "<a>", "é")

_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">'
        for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
    )
    + ']><plist version="1.0"><dict><key>&k;</key><string>&k;</string></dict></plist>'
).encode()
_OUTSIDE = (
    b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    b'<plist version="1.0"><dict><key>ProductVersion</key><string>&a;</string></dict></plist>'
)
_IN_ITSELF = (
    b"bplist00\xd1\x01\x00\x51a"
    + bytes([8, 11]) + b"\0" * 6 + bytes([1, 1]) + (2).to_bytes(8, "big") + bytes(8)
    + (13).to_bytes(8, "big")
)  # fmt: skip
"""A binary property list of one dictionary, which holds itself."""
DOCUMENTS: dict[str, bytes] = {
    "nested-lists": b"[" * _DEEP,
    "nested-tables": b'{"a":' * _DEEP,
    "closed-lists": b"[" * _DEEP + b"]" * _DEEP,
    "nested-arrays": b'<plist version="1.0">' + b"<array>" * _DEEP,
    "closed-arrays": b'<plist version="1.0">' + b"<array>" * _DEEP + b"</array>" * _DEEP,
    "laughs": _LAUGHS,
    "outside": _OUTSIDE,
    "in-itself": _IN_ITSELF,
    "not-utf-8": bytes(range(255, 0, -1)) * 16,
    "megabyte": b"x" * (_MEGABYTE + 1),
    "many-megabytes": b"\0" * (20 * _MEGABYTE),
    "script": f"{TEXT}\n".encode("utf-8", "surrogatepass") * 100,
    **{f"filled-{number}": each.encode() * _FILLED for number, each in enumerate(_FILLERS)},
}
"""Whatever was expected."""


def changed(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The content, damaged in each way, by the name of the way."""
    yield from DOCUMENTS.items()
    yield "half", content[: len(content) // 2]
    yield "flipped", bytes(b ^ 0xFF if i % 7 == 3 else b for i, b in enumerate(content[:_MEGABYTE]))
    yield "again-and-again", content * min(_MANY, _MEGABYTE // (len(content) or 1))
    yield "utf-16", content.decode("latin-1").encode("utf-16")
    for values, rebuilt in _readings(content):
        for name, change in {**CHANGES, **TYPES}.items():
            yield from _built(name, rebuilt, [change(value) for value in values])
        for place, value in enumerate(values):
            for name in _IN_TURN:
                change = CHANGES.get(name) or TYPES[name]
                others = [*values[:place], change(value), *values[place + 1 :]]
                yield from _built(f"{name} at {place}", rebuilt, others)
    for name, tree, dump in _trees(content):
        yield from _built(f"many of {name}", lambda _, t=tree, d=dump: d(_many(t)), [])


Rebuilt = Callable[[list[Any]], bytes]


def _built(name: str, rebuilt: Rebuilt, values: list[Any]) -> Iterator[tuple[str, bytes]]:
    # A format that cannot hold the value needs no reader that stands it.
    with suppress(TypeError, ValueError, OverflowError, AttributeError):
        yield name, rebuilt(values)


def _readings(content: bytes) -> Iterator[tuple[list[Any], Rebuilt]]:
    """The values of the content, and what puts others in their place."""
    trees = list(_trees(content))
    for _, tree, dump in trees:
        yield list(_leaves(tree)), lambda v, t=tree, d=dump: d(_replaced(t, iter(v)))
    if not trees:
        text = content[:_MEGABYTE].decode("utf-8", "replace")
        spans = [found.span(2) for found in _VALUE.finditer(text)][:24] or [(0, len(text.rstrip()))]
        yield [text[a:b] for a, b in spans], lambda v: _spliced(text, spans, v)


def _spliced(text: str, spans: Iterable[tuple[int, int]], values: Iterable[Any]) -> bytes:
    parts, end = [], 0
    for (start, stop), value in zip(spans, values, strict=True):
        parts += [text[end:start], str(value)]
        end = stop
    return "".join((*parts, text[end:])).encode("utf-8", "surrogatepass")


def _trees(content: bytes) -> Iterator[tuple[str, Any, Callable[[Any], bytes]]]:
    with suppress(ValueError):
        if isinstance(tree := json.loads(content), dict | list):
            yield "json", tree, lambda each: json.dumps(each).encode()
    if content.startswith((b"<?xml", b"bplist")):
        with suppress(Exception):
            yield "plist", plistlib.loads(content), _as_plist


def _as_plist(tree: Any) -> bytes:
    """In XML where it can hold the characters, else binary."""
    try:
        return plistlib.dumps(tree)
    except ValueError:
        return plistlib.dumps(tree, fmt=plistlib.FMT_BINARY)


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict | list):
        for each in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(each)
    else:
        yield tree


def _replaced(tree: Any, values: Iterator[Any]) -> Any:
    if isinstance(tree, dict):
        return {key: _replaced(each, values) for key, each in tree.items()}
    return [_replaced(each, values) for each in tree] if isinstance(tree, list) else next(values)


def _many(tree: Any) -> Any:
    """The tree with many of each thing in a list that holds no other list."""
    if isinstance(tree, dict):
        return {key: _many(each) for key, each in tree.items()}
    if not isinstance(tree, list):
        return tree
    inner = [_many(each) for each in tree]
    return inner if "[" in repr(tree)[1:] else inner * _MANY
