"""The software of the card as Windows lists it, and its files as they are.

The names and keys: MSI specification of the Cryptolib 3.3.4, 2.6 and annexes A and B.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from diagcps.card import binary
from diagcps.catalogue import Part
from diagcps.catalogue_parts import CryptolibCatalogue, ExpectedFile, OtherFile
from diagcps.facts import FileState
from diagcps.host.components import dictionary_version
from diagcps.host.files import beginning, md5_of, state_of
from diagcps.host.pe_version import file_version
from diagcps.host.windows_places import Places
from diagcps.host.windows_registry import Registry, Values, View
from diagcps.model import Platform
from diagcps.workstation import Component, Components, Product, ProductKind, Products

_UNINSTALL = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
_VALUES = ("DisplayName", "DisplayVersion", "InstallDate")
_OWN = r"SOFTWARE\ASIP\Cryptolib CPS"
_NAMES = ("composants cryptographiques cps", "cryptolib cps")
"""How the product's name begins, long and short."""
_FIRST_OF_CPS3 = 5
"""The first major version of the Cryptolib for the CPS3: those before are of the CPS2ter."""
_GALSS = re.compile(r"\bGALSS\b", re.IGNORECASE)
_ARCHITECTURES = {View.SYSTEM: "x86_64", View.PROGRAMS_32: "x86"}
_LONGEST = 256
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


def read_products(registry: Registry, places: Places, cryptolib: CryptolibCatalogue) -> Products:
    """What Windows lists as installed, in both views; the Cryptolib's own key where it is in none.

    Raises ProbeDenied when the list may not be opened, ProbeUnsupported without a registry.
    """
    codes = {each.code.upper() for each in cryptolib.product_codes}
    found = [
        product
        for view in places.views
        for key, values in registry.each(_UNINSTALL, *_VALUES, view=view)
        if (product := _product(places, view, key, values, codes)) is not None
    ]
    if not any(each.kind is ProductKind.CRYPTOLIB for each in found):
        found += _own_products(registry, places)
    return Products(products=tuple(found), source=rf"Uninstall, {_OWN}")


def product_kind(name: str, version: str) -> ProductKind | None:
    """What an entry of the list is, by its name and version; None for other software."""
    if name.lower().startswith(_NAMES):
        first = _DIGITS.match(version)
        is_old = first is not None and int(first.group()) < _FIRST_OF_CPS3
        return ProductKind.OLD if is_old else ProductKind.CRYPTOLIB
    return ProductKind.GALSS if _GALSS.search(name) else None


def install_date(text: str) -> datetime | None:
    """The beginning of the day of an InstallDate (20240821), in UTC; None for anything else."""
    if not re.fullmatch(r"[0-9]{8}", text, re.ASCII):
        return None
    try:
        return datetime(int(text[:4]), int(text[4:6]), int(text[6:]), tzinfo=UTC)
    except ValueError:
        return None


def _product(
    places: Places, view: View, key: str, values: Values, codes: Iterable[str]
) -> Product | None:
    name, version = (values.text(each)[:_LONGEST] for each in _VALUES[:2])
    kind = ProductKind.CRYPTOLIB if key.upper() in codes else product_kind(name, version)
    if kind is None:
        return None
    return Product(
        kind=kind,
        name=name,
        version=version,
        architecture=_architecture(places, view),
        installed=install_date(values.text("InstallDate")),
        source=rf"Uninstall ({view.value}-bit)",
    )


def _own_products(registry: Registry, places: Places) -> Iterator[Product]:
    """What the Cryptolib's own key says, for a list that does not name it."""
    for view in places.views:
        version = registry.values(_OWN, "Version", view=view).text("Version")[:_LONGEST]
        if version:
            yield Product(
                kind=product_kind(_NAMES[0], version) or ProductKind.CRYPTOLIB,
                name="Cryptolib CPS",
                version=version,
                architecture=_architecture(places, view),
                source=rf"{_OWN} ({view.value}-bit)",
            )


def _architecture(places: Places, view: View) -> str:
    return _ARCHITECTURES[view] if places.is_64_bit else _ARCHITECTURES[View.PROGRAMS_32]


def read_components(places: Places, cryptolib: CryptolibCatalogue) -> Components:
    """Every file and folder that the catalogue names for this kind of Windows.

    Checksums are computed where the catalogue has one to compare with.
    """
    files = (each for each in cryptolib.files if each.platform is Platform.WINDOWS)
    return Components(
        expected=tuple(
            _expected(places, file)
            for file in files
            if places.is_64_bit or file.architecture != _ARCHITECTURES[View.SYSTEM]
        ),
        copies=_there(places, cryptolib.copies),
        leftovers=_there(places, cryptolib.leftovers),
        source="GetFileAttributesEx, PE, VS_FIXEDFILEINFO",
    )


def _there(places: Places, files: Iterable[OtherFile]) -> tuple[Component, ...]:
    ours = (each for each in files if each.platform is Platform.WINDOWS)
    found = (_component(places, each)[0] for each in ours)
    return tuple(each for each in found if each.state is not FileState.ABSENT)


def _expected(places: Places, file: ExpectedFile) -> Component:
    component, path = _component(places, file)
    if path is None or component.state is not FileState.PRESENT:
        return component
    if file.part is Part.DICTIONARY:
        component = replace(component, version=_version_of_dictionary(path))
    return replace(component, md5=md5_of(path)) if file.checksums else component


def _component(places: Places, file: ExpectedFile | OtherFile) -> tuple[Component, Path | None]:
    """What is at the place of the file, and the path to it; none where there is no such folder."""
    path = places.find(rf"{file.folder}\{file.name}")
    state = state_of(path) if path is not None else FileState.ABSENT
    bare = Component(name=file.name, place=file.folder, state=state)
    if path is None or state is not FileState.PRESENT or not path.is_file():
        return bare, path
    architectures = binary.of_file(str(path))
    return replace(bare, version=file_version(path), architectures=architectures), path


def _version_of_dictionary(file: Path) -> str:
    try:
        return dictionary_version(beginning(file))
    except OSError:
        return ""
