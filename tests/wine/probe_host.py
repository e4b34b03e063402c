"""Runs inside Windows: writes what each probe of the workstation gives, as one JSON object.

Its arguments are names; under each of them another Python runs meanwhile. `--layout` names a file
of what is laid out before (layout.py), `--data` a folder of files in the place of the catalogue's.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tomllib
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from diagcps.catalogue import Catalogue
from diagcps.catalogue_files import CatalogueFiles
from diagcps.host.windows import WindowsHost
from diagcps.model import ProbeError
from diagcps.workstation import KINDS
from tests.wine.layout import laid_out

QUESTIONS = (
    "system", "session", "pcsc_service", "pcsc_clients", "running_programs", "usb_readers",
)  # fmt: skip
OF_THE_FIELD = ("running_programs", "usb_readers")
"""Those that are asked with the catalogue."""


def plain(value: Any) -> Any:
    """The value in JSON's types."""
    return value.value if isinstance(value, Enum) else str(value)


def answer(ask: Callable[[], Any]) -> Any:
    """The fact as a table, or the reason why there is none."""
    try:
        return dataclasses.asdict(ask())
    except ProbeError as error:
        return error.reason


def every_answer(host: WindowsHost, catalogue: Catalogue) -> dict[str, Any]:
    """What each question gave, by its name, and each kind of fact of what is installed."""
    asked: dict[str, Callable[[], Any]] = {}
    for question in QUESTIONS:
        known = (catalogue,) if question in OF_THE_FIELD else ()
        asked[question] = partial(getattr(host, question), *known)
    for kind in KINDS:
        asked[kind.__name__] = partial(host.installed, kind, catalogue)
    return {name: answer(ask) for name, ask in asked.items()}


def main() -> None:
    """Writes every answer while what the command line says is laid out and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", nargs="*")
    parser.add_argument("--layout", type=Path, action="append", default=[])
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    layout = [tomllib.loads(file.read_text(encoding="utf-8")) for file in asked.layout]
    with laid_out([*layout, {"processes": asked.programs}]) as environ:
        host = WindowsHost({**os.environ, **environ})
        given = every_answer(host, CatalogueFiles(asked.data)())
    json.dump(given, sys.stdout, default=plain)


if __name__ == "__main__":
    main()
