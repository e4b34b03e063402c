"""What the catalogue names, looked for where files are files: Linux and macOS."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from diagcps.card import binary
from diagcps.catalogue import Part
from diagcps.catalogue_parts import CryptolibCatalogue, ExpectedFile, OtherFile
from diagcps.facts import FileState
from diagcps.host.files import beginning, md5_of, state_of
from diagcps.model import Platform
from diagcps.workstation import Component, Components

File = TypeVar("File", ExpectedFile, OtherFile)
_PROGRAMS = frozenset({Part.PKCS11, Part.PROGRAM, Part.SUPPORT})

_NUMBERS = rb"([0-9]{1,4}(?:\.[0-9]{1,4}){0,3})"
_DICTIONARY_VERSION = re.compile(
    rb"^G999\tVersion\t[^\r\n]{0,32}Version : " + _NUMBERS, re.MULTILINE
)
"""A line of DICO-FR.GIP: « G999 Version 28 Version : 02.18 - 28/02/2020 », its columns with tabs
between them."""
_PROGRAM_VERSION = re.compile(rb"##\[ProductVersion {1,4}" + _NUMBERS)
"""A mark that the Cryptolib's programs and libraries carry: « ##[ProductVersion  03.01.00 »."""
_MOST_OF_A_PROGRAM = 8 << 20
"""Bytes, in which the mark is looked for."""


def read_components(root: Path, cryptolib: CryptolibCatalogue, platform: Platform) -> Components:
    """Every file and folder that the catalogue names for that system, below `root`.

    Checksums are computed where the catalogue has one to compare with.
    """
    return Components(
        expected=tuple(_expected(root, file) for file in _on(platform, cryptolib.files)),
        copies=_there(root, _on(platform, cryptolib.copies)),
        leftovers=_there(root, _on(platform, cryptolib.leftovers)),
        source="stat(2)",
    )


def dictionary_version(data: bytes) -> str:
    """The version of a DICO-FR.GIP as release notes write it, such as 2.18; empty when it has none.

    Never raises.
    """
    return _plain(_DICTIONARY_VERSION.search(data))


def program_version(data: bytes) -> str:
    """The version that a program of the Cryptolib calls itself, such as 3.1.0; empty for none.

    Never raises.
    """
    return _plain(_PROGRAM_VERSION.search(data))


def _plain(found: re.Match[bytes] | None) -> str:
    """A version without the zeros before its numbers."""
    numbers = found[1].decode().split(".") if found is not None else ()
    return ".".join(number.lstrip("0") or "0" for number in numbers)


def _on(platform: Platform, files: Iterable[File]) -> Iterable[File]:
    return (file for file in files if file.platform is platform)


def _there(root: Path, files: Iterable[OtherFile]) -> tuple[Component, ...]:
    found = (_component(root, file.folder, file.name) for file in files)
    return tuple(each for each in found if each.state is not FileState.ABSENT)


def _expected(root: Path, file: ExpectedFile) -> Component:
    component = _component(root, file.folder, file.name)
    path = _below(root, file.folder) / file.name
    if component.state is not FileState.PRESENT or not path.is_file():
        return component
    return replace(
        component, version=_version(path, file.part), md5=md5_of(path) if file.checksums else ""
    )


def _component(root: Path, folder: str, name: str) -> Component:
    path = _below(root, folder) / name
    state = state_of(path)
    is_read = state is FileState.PRESENT and path.is_file()
    return Component(
        name=name,
        place=folder,
        state=state,
        architectures=binary.of_file(str(path)) if is_read else (),
    )


def _version(file: Path, part: Part) -> str:
    try:
        if part is Part.DICTIONARY:
            return dictionary_version(beginning(file))
        return program_version(beginning(file, _MOST_OF_A_PROGRAM)) if part in _PROGRAMS else ""
    except OSError:
        return ""


def _below(root: Path, folder: str) -> Path:
    return root / folder.lstrip("/")
