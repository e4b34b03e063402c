"""The Cryptolib's settings file on macOS and Linux, cps3_pkcs11.conf.

Its syntax is that of OpenSC's configuration (scconf), from which the Cryptolib's library derives:
« block { key = value; } », names in either case, « # » before a remark, the first of two values
counts. Spaces about « = » may be missing here, which that parser does not forgive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MOST_CHARACTERS = 64 << 10
"""The file that the installer lays down has five lines."""
_MARKS = re.compile(r'#[^\r\n]*|"[^"\r\n]*"?|[{}=;,]|[^\s{}=;,"][^\s{}=;,]*')
_NAMES = {
    ("traces", "active"): "traces",
    ("traces", "debug"): "debug",
    ("sign_hash", "active"): "sign-hash",
}
_ORDER = ("traces", "debug", "galss", "sign-hash")
_GALSS_KEYS = frozenset({"galss", "filiere"})
"""In any block: how a Cryptolib says that it goes through GALSS is seen in the field only."""
_GALSS_ON = frozenset({"1", "true", "galss"})
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,9}")


def parse_conf(text: str) -> tuple[tuple[str, str], ...]:
    """The settings that the file makes: traces, debug, galss, sign-hash, in this order.

    Each with its value: true or false; for debug its level as a decimal number, 0 where the file
    has no number. Those that the file does not name are not among them. Never raises.
    """
    found: dict[str, str] = {}
    for block, key, value in _assignments(text[:_MOST_CHARACTERS]):
        if key in _GALSS_KEYS:
            found.setdefault("galss", _word(value.lower() in _GALSS_ON))
        elif (name := _NAMES.get((block, key))) is not None:
            found.setdefault(name, _level(value) if name == "debug" else _word(_is_true(value)))
    return tuple((name, found[name]) for name in _ORDER if name in found)


def _assignments(text: str) -> Iterator[tuple[str, str, str]]:
    """Each « key = value », with the block of the outermost level in which it is (else "")."""
    blocks: list[str] = []
    words: list[str] = []
    key: str | None = None
    for mark in (*_MARKS.findall(text), ";"):
        if mark.startswith("#"):
            continue
        if mark == "=":
            key, words = (words[0] if words else None), []
        elif mark == "{":
            blocks.append(words[0].lower() if words else "")
            key, words = None, []
        elif mark in (";", "}") or (key is not None and words and mark != ","):
            # Where « ; » is missing, the next word ends a value.
            if key is not None and words:
                yield (blocks[0] if len(blocks) == 1 else "", key.lower(), words[0].strip('"'))
            key, words = None, ([] if mark in (";", "}") else [mark])
            if mark == "}" and blocks:
                blocks.pop()
        elif mark != ",":
            words.append(mark)


def _is_true(value: str) -> bool:
    """As scconf_get_bool() has it: by the first letter, of « true » or « yes »."""
    return value[:1].lower() in ("t", "y")


def _word(value: bool) -> str:
    return "true" if value else "false"


def _level(value: str) -> str:
    number = _NUMBER.match(value)
    if number is None:
        return "0"
    text = number.group()
    return str(int(text, 16) if text[:2].lower() == "0x" else int(text))
