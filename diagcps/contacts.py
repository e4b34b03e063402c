"""Whom to call and where to click: the shipped `contacts.toml`, or an administrator's instead."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from diagcps.model import LoadError

Contacts = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Entries by group and name: `contacts["telephone"]["ans-support"]["number"]`."""

FILE = "contacts.toml"
_LARGEST_BYTES = 1 << 20
_SAID = ("number", "cost", "hours", "address", "url", "for", "source", "also")
"""What is text wherever it stands."""
_SEEN = "date_seen"


def read_contacts(path: Path, *, like: Contacts | None = None) -> Contacts:
    """The contacts of a file: tables of tables, whose texts are texts and whose pages are pages.

    With `like`, the file must have each entry of those, and what each of them is reached by, and
    must not be older: its newest entry counts. Raises LoadError that names the place.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise LoadError(f"{path.name}: larger than {_LARGEST_BYTES >> 20} MiB")
        contacts = tomllib.loads(data.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LoadError(f"{path.name}: {error}") from error
    for group, entries in contacts.items():
        for name, entry in _table(entries, f"{path.name}: {group}").items():
            _must_be_usable(_table(entry, f"{path.name}: {group}.{name}"), f"{group}.{name}")
    if like is not None:
        _must_have(contacts, like)
        _must_not_be_older(contacts, like)
    return contacts


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise LoadError(f"{where} is not a table")
    return value


def _must_be_usable(entry: Mapping[str, Any], where: str) -> None:
    for key in _SAID:
        if key in entry and not (isinstance(entry[key], str) and _is_plain(entry[key])):
            raise LoadError(f"{where}.{key} is no text")
    if _SEEN in entry and type(entry[_SEEN]) is not date:
        raise LoadError(f"{where}.{_SEEN} is no day")
    if not entry.get("url", "https://").startswith(("https://", "http://")):
        raise LoadError(f"{where}.url is no page")


def _is_plain(text: str) -> bool:
    """No character of it commands a terminal or breaks a line."""
    return not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in text)


def _must_have(contacts: Contacts, like: Contacts) -> None:
    for group, entries in like.items():
        for name, entry in entries.items():
            given = contacts.get(group, {}).get(name, {})
            for key in {"number", "address", "url"} & entry.keys():
                if key not in given:
                    raise LoadError(f"{group}.{name} has no {key}")


def _must_not_be_older(contacts: Contacts, like: Contacts) -> None:
    shipped = _newest(like)
    if _newest(contacts) < shipped:
        raise LoadError(f"{FILE}: no entry was seen on {shipped} or later")


def _newest(contacts: Contacts) -> date:
    seen = (entry.get(_SEEN) for entries in contacts.values() for entry in entries.values())
    return max((day for day in seen if day is not None), default=date.min)
