"""The manifests by which Firefox finds a PKCS#11 module (Mozilla, « Native manifests »)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from diagcps.facts import FileState
from diagcps.host.common import printable
from diagcps.host.files import state_of, text_of
from diagcps.records import record
from diagcps.workstation import RegisteredModule

_MOST_BYTES = 64 << 10
"""The Cryptolib's has 211."""
_MOST_EXTENSIONS = 16
_LONGEST = 256


@record
class Manifest:
    """What a manifest says."""

    path: str
    """The library, as the manifest writes it; empty when it names none."""
    allows: tuple[str, ...] = ()


def parse_manifest(text: str) -> Manifest:
    """What a manifest of a PKCS#11 module says; one that Firefox would not take says nothing.

    Never raises.
    """
    import json

    nothing = Manifest(path="")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return nothing
    if not isinstance(found, dict) or found.get("type") != "pkcs11":
        return nothing
    path = found.get("path")
    return Manifest(
        path=path if isinstance(path, str) and path.isprintable() else "",
        allows=_extensions(found.get("allowed_extensions")),
    )


def read_module(file: Path, source: str, find: Callable[[str], Path | None]) -> RegisteredModule:
    """The module that the manifest `file` declares; `source` is how evidence names its folder.

    `find` gives the file of a library by the path that the manifest writes; None for one that must
    not be looked at.
    """
    state, text = state_of(file), text_of(file, _MOST_BYTES)
    if text is None and state is FileState.PRESENT:
        state = FileState.UNREADABLE
    manifest = parse_manifest(text or "")
    return RegisteredModule(
        name=printable(file.stem),
        source=source,
        manifest=state,
        library=_library(manifest, state, find),
        allows=manifest.allows,
    )


def _library(manifest: Manifest, state: FileState, find: Callable[[str], Path | None]) -> FileState:
    if not manifest.path:
        # What a manifest names that cannot be read cannot be known.
        return state if state is FileState.UNREADABLE else FileState.ABSENT
    named = find(manifest.path)
    return state_of(named) if named is not None else FileState.UNREADABLE


def _extensions(value: Any) -> tuple[str, ...]:
    names = value[:_MOST_EXTENSIONS] if isinstance(value, list) else ()
    texts = (printable(name)[:_LONGEST] for name in names if isinstance(name, str))
    return tuple(text for text in texts if text)
