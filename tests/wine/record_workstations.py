"""Runs inside Windows: records described workstations with the probes, as JSON, each by its name.

Its arguments are names; without any it records all. A table of a description's layout may have,
besides the keys of layout.py:

- `laid_out`: names of files in layouts/, which come before the rest of the table
- `windows`: what answers in place of Wine: the `version` (10.0.26100), whether it is a `server`,
  when it `started`, and what acquiring the `key` of a certificate answers (0)
- a certificate with `card = true`: that with which the scenario's first card authenticates
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from diagcps import scenario
from diagcps.card import binary
from diagcps.card.simulator import pki
from diagcps.facts import Library
from diagcps.host.windows import WindowsHost, library_places
from diagcps.host.windows_places import Places
from diagcps.host.windows_system import Version
from diagcps.model import Platform
from tests.wine.layout import laid_out
from tests.workstations.describe import Description, describe, descriptions
from tests.workstations.record import NOW, complete, host_facts, library_among, stated

_LAYOUTS = Path(__file__).parent / "layouts"
_STARTED = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
_WINDOWS = r"C:\Windows"
_OF_64_BIT = (
    "PROGRAMFILES(X86)", "PROGRAMW6432", "COMMONPROGRAMFILES(X86)", "COMMONPROGRAMW6432",
)  # fmt: skip
"""Variables that a 32-bit Windows does not have."""


def tables(described: Description) -> Iterator[Mapping[str, Any]]:
    """The tables that layout.py knows; no services, which a description states: none runs here."""
    for table in described.layout:
        for name in table.get("laid_out", ()):
            laid = tomllib.loads((_LAYOUTS / f"{name}.toml").read_text(encoding="utf-8"))
            yield {key: value for key, value in laid.items() if key != "services"}
        rest = {k: v for k, v in table.items() if k not in ("laid_out", "windows")}
        if "certificates" in rest:
            found = [_certificate(described, each) for each in rest["certificates"]]
            rest["certificates"] = found
        yield rest


def _certificate(described: Description, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**entry, "pem": _of_card(described.scenario)} if entry.get("card") else entry


@functools.cache
def _of_card(name: str) -> str:
    plastic, *_ = scenario.load(name, now=NOW).plastics.values()
    issued = x509.load_der_x509_certificate(pki.certificates(plastic, NOW).authentication)
    return issued.public_bytes(Encoding.PEM).decode("ascii")


def record(described: Description) -> str:
    """The snapshot of that workstation."""
    said: dict[str, Any] = {}
    for table in described.layout:
        said |= table.get("windows", {})
    with ExitStack() as undo:
        environ = undo.enter_context(laid_out(tables(described)))
        is_64_bit = described.processor != "x86"
        for each in _standing_in(said, is_64_bit=is_64_bit):
            undo.enter_context(each)
        host = WindowsHost({**_variables(is_64_bit=is_64_bit), **environ})
        facts = asyncio.run(host_facts(host, stated(described)))
        places = library_places(_WINDOWS, is_64_bit=is_64_bit)
        kinds = {path: binary.of_file(path) for path in places if Path(path).exists()}
    return complete(described, {**facts, Library: library_among(described, kinds)})


def _standing_in(said: Mapping[str, Any], *, is_64_bit: bool) -> Iterator[Any]:
    """What answers in the place of this Windows, and of the card's provider, which it has not."""
    numbers = tuple(int(number) for number in said["version"].split("."))
    version = Version(numbers=numbers, is_workstation=not said.get("server"))
    system, readings = "diagcps.host.windows_system", "diagcps.host.windows_readings"
    yield patch(f"{system}.read_version", lambda: version)
    yield patch(f"{system}._started", lambda: said.get("started", _STARTED))
    yield patch(f"{readings}.acquire", lambda found: [said.get("key", 0)] * len(found))
    yield patch.dict(Places.__init__.__kwdefaults__, is_64_bit_program=is_64_bit)


def _variables(*, is_64_bit: bool) -> dict[str, str]:
    """The variables of a program that is as large as its Windows."""
    if is_64_bit:
        return dict(os.environ)
    kept = {name: value for name, value in os.environ.items() if name not in _OF_64_BIT}
    return {**kept, "PROCESSOR_ARCHITECTURE": "x86"}


def main(names: list[str]) -> None:
    """Writes the snapshots."""
    every = [describe(Platform.WINDOWS, name) for name in names]
    every = every or list(descriptions(Platform.WINDOWS))
    json.dump({each.name: record(each) for each in every}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
