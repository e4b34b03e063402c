"""The manifests by which Firefox finds a PKCS#11 module."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.facts import FileState
from diagcps.host.manifests import Manifest, parse_manifest, read_module
from diagcps.workstation import RegisteredModule
from tests.host.linux_root import MANIFEST
from tests.strategies import quick

EXTENSION = "CPS2ter-2020_Firefox@asipsante.fr"
NOTHING = Manifest(path="")


def read(file: Path) -> RegisteredModule:
    """The module, whose library is taken to lie beside the manifest."""
    return read_module(file, "a folder", lambda path: file.parent / path.rpartition("/")[2])


def test_the_published_form_is_read() -> None:
    library = "/opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so"

    assert parse_manifest(MANIFEST) == Manifest(path=library, allows=(EXTENSION,))


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "1" * 5000, '{"type": "stdio", "path": "/a"}', '{"type": "pkcs11"}',
        '{"type": "pkcs11", "path": 1, "allowed_extensions": {"a": 1}}',
        '{"type": "pkcs11", "path": "/a\\u0000b"}', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_firefox_would_not_take_says_nothing(text: str) -> None:
    assert parse_manifest(text) == NOTHING


@quick
@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_read(text: str) -> None:
    assert parse_manifest(text) == NOTHING


@quick
@given(st.lists(st.text(max_size=300) | st.none(), max_size=40), st.text(max_size=40))
def test_what_it_allows_can_be_shown(names: list[str | None], path: str) -> None:
    said = {"type": "pkcs11", "path": path, "allowed_extensions": names}

    found = parse_manifest(json.dumps(said))

    assert len(found.allows) <= 16
    assert all(name.isprintable() and 0 < len(name) <= 256 for name in found.allows)
    assert found.path in ("", path)


def test_a_module_is_told_with_its_library(tmp_path: Path) -> None:
    file = tmp_path / "cps3.json"
    file.write_text(MANIFEST, encoding="utf-8")
    assert read(file).library is FileState.ABSENT
    (tmp_path / "libcps3_pkcs11_lux.so").write_bytes(b"1")

    module = read(file)

    assert (module.name, module.source, module.allows) == ("cps3", "a folder", (EXTENSION,))
    assert module.manifest is module.library is FileState.PRESENT


def test_a_manifest_that_is_not_there_names_no_library(tmp_path: Path) -> None:
    module = read(tmp_path / "cps3.json")

    assert module.manifest is module.library is FileState.ABSENT


def test_of_one_that_is_too_large_nothing_is_known(tmp_path: Path) -> None:
    file = tmp_path / "cps3.json"
    file.write_text(MANIFEST + " " * (1 << 20), encoding="utf-8")

    module = read(file)

    assert module.manifest is module.library is FileState.UNREADABLE


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
def test_of_a_pipe_in_its_place_nothing_is_known(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "cps3.json")

    module = read(tmp_path / "cps3.json")

    assert module.manifest is module.library is FileState.UNREADABLE
