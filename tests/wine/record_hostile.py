"""Runs inside Windows: what the probes read where every value and every file is hostile, as JSON.

Everything that a healthy workstation and one to which much has happened have in the registry and in
files is laid out with something else in its place, one kind of harm at a time.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from diagcps.model import Platform
from tests.wine.record_workstations import record, tables
from tests.workstations.describe import Description, describe

_CHANGED = Path(__file__).parent / "layouts" / "changed.toml"
_MEGABYTE = 1 << 20
VALUES: Mapping[str, Any] = {
    "megabyte": "A" * _MEGABYTE,
    "script": "<script>alert(1)</script>\"'&",
    "controls": "\x1b[2J\x07\r\n\u202eabc\u2066",
    "surrogate": "half \ud800 a character",
    "empty": "",
    "number": 0xFFFFFFFF,
    "bytes": {"hex": "00ff" * 5000},
    "many": ["%SystemRoot%"] * 5000,
    "variables": {"expand": "%SystemRoot%%PATH%" * 500},
    "path": "\\\\?\\C:\\" + "long\\" * 5000,
}
FILES: Mapping[str, bytes] = {
    "megabyte": b"A" * _MEGABYTE,
    "script": b"<script>alert(1)</script>",
    "controls": b"\x1b[2J\x07\x00\r\n[a]\r\nb=\x00",
    "surrogate": "\ud800".encode("utf-16-le", "surrogatepass") * 50,
    "empty": b"",
    "number": b"4294967295",
    "bytes": bytes(range(256)) * 40,
    "many": b"[" * 100_000,
    "variables": b'{"a":' * 20_000,
    "path": b"MZ" + bytes(58) + b"\xff\xff\xff\x7f",
}
FOLDERS = "folders"
"""A folder stands where a file is expected."""
BEHIND = "behind-"
"""Before a kind of harm: the list of Firefox profiles is in order, what it leads to is not."""
KINDS = (*VALUES, FOLDERS, *(f"{BEHIND}{how}" for how in FILES))


def main() -> None:
    """Writes the snapshot of each kind of harm, by its name."""
    healthy = describe(Platform.WINDOWS, "healthy-firefox-32-bit")
    json.dump({how: record(_hostile(healthy, how)) for how in KINDS}, sys.stdout)


def _hostile(described: Description, how: str) -> Description:
    said = [{"windows": table["windows"]} for table in described.layout if "windows" in table]
    changed = tomllib.loads(_CHANGED.read_text(encoding="utf-8"))
    also = {key: changed[key] for key in ("files", "registry", "certificates")}
    laid = (dict(_parts(table, how)) for table in (*tables(described), also))
    return replace(described, layout=(*said, *laid))


def _parts(table: Mapping[str, Any], how: str) -> Iterator[tuple[str, Any]]:
    for key, entries in table.items():
        if key == "registry" and how in VALUES:
            yield key, [_key(entry, VALUES[how]) for entry in entries]
        elif key == "files" and how == FOLDERS:
            yield "folders", [*table.get("folders", ()), *(entry["path"] for entry in entries)]
        elif key == "files":
            yield key, [_file(entry, how) for entry in entries]
        elif not (key == "folders" and how == FOLDERS and "files" in table):
            yield key, entries


def _file(entry: Mapping[str, Any], how: str) -> Mapping[str, Any]:
    """The same file with another content, written in 1970; a list of profiles may stay."""
    if how.startswith(BEHIND) and entry["path"].endswith(".ini"):
        return entry
    content = FILES[how.removeprefix(BEHIND)].hex()
    return {"path": entry["path"], "hex": content, "changed": "1970-01-02T00:00:00+00:00"}


def _key(entry: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    return {**entry, "values": dict.fromkeys(entry.get("values", ()), value)}


if __name__ == "__main__":
    main()
