"""The property lists of macOS: settings, receipts, bundles and what its commands print."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diagcps.host.common import library, printable
from diagcps.host.files import beginning

_MOST_BYTES = 1 << 20
"""An application's Info.plist has a few KB."""
_LONGEST_TEXT = 256


def parse_plist(data: bytes, *, xml: bool = False) -> object:
    """What the property list says, XML or binary; XML alone with `xml`.

    Raises ValueError for anything else. A binary one may hold itself: follow it no deeper than
    what is expected.
    """
    plistlib, expat = library("plistlib"), library("xml.parsers.expat")
    try:
        return plistlib.loads(data, fmt=plistlib.FMT_XML if xml else None)
    # plistlib documents no base class: the parser's error, and those of converting a value.
    except (expat.ExpatError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error
    except (OverflowError, RecursionError, MemoryError) as error:
        raise ValueError(type(error).__name__) from error


def read_plist(file: Path) -> Mapping[str, Any]:
    """The dictionary of a property list of at most 1 MiB; empty for a file that cannot be read, or
    holds none."""
    try:
        found = parse_plist(beginning(file, _MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def text(value: object) -> str:
    """The value, when it is a text, without what would command a terminal; else empty."""
    return printable(value)[:_LONGEST_TEXT].strip() if isinstance(value, str) else ""


def moment(value: object) -> datetime | None:
    """The value, when it is a date: property lists write them in UTC."""
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
