"""What the packages of the Cryptolib CPS, of CPS Gestion and of GALSS laid down on a Mac."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from diagcps.card import binary
from diagcps.catalogue_parts import CryptolibCatalogue
from diagcps.facts import FileState
from diagcps.host.common import as_probe_errors
from diagcps.host.components import read_components
from diagcps.host.cps_conf import parse_conf
from diagcps.host.files import is_allowed, state_of, text_of
from diagcps.host.manifests import read_module
from diagcps.host.plists import moment, read_plist, text
from diagcps.model import Platform
from diagcps.workstation import (
    Component,
    Components,
    FolderRights,
    Product,
    ProductKind,
    Products,
    Registration,
    Setting,
    Settings,
)

_RECEIPTS = "var/db/receipts"
_MOST_RECEIPTS = 4096
_MOST_PRODUCTS = 64
_RECEIPT = ".plist"
_CRYPTOLIB = "fr.asipsante.pkg.cryptolibcps"
_OF_CRYPTOLIB = (_CRYPTOLIB, "fr.asipsante.cryptolibcps", "org.asipsante.cryptolibcps")
"""Its identifiers, today's first, then those before: a later package takes over the files, and may
leave the receipts of others behind."""
_KINDS = {
    **dict.fromkeys(_OF_CRYPTOLIB, ProductKind.CRYPTOLIB),
    "com.gipcps.apicps": ProductKind.OLD,
    "com.gipcps.cryptolib": ProductKind.OLD,
    "com.gipcps.tokend": ProductKind.OLD,
    "fr.sesamvitale.galss.pkg": ProductKind.GALSS,
    "com.gipcps.galss": ProductKind.GALSS,
}
"""By the package's identifier, in lower case, as the publisher's preinstall and uninstall.sh name
them."""
_GESTION = "fr.asip.esante.cpsgestion"

_OWN = "Library/Preferences/santesocial/CPS"
_CONF = f"{_OWN}/cps3_pkcs11.conf"
_FOLDERS = {
    "coffre": f"{_OWN}/coffre",
    "log": "Library/Logs/santesocial/CPS",
    "cache": "Library/Caches/santesocial/CPS",
}
_MODULES = "Library/Application Support/Mozilla/PKCS11Modules"
_MODULE = "cps3.json"

_BUNDLES = (".app", ".framework", ".prefpane", ".bundle", ".tokend")
_PROPERTIES = ("Contents/Info.plist", "Resources/Info.plist", "Info.plist")
_PROGRAMS = ("Contents/MacOS", ".")


def read_products(root: Path) -> Products:
    """The packages of the card that the installer keeps receipts of; of the Cryptolib's the one
    that was installed last alone.

    Raises ProbeDenied, ProbeUnavailable when the receipts cannot be listed.
    """
    folder = root / _RECEIPTS
    with as_probe_errors():
        names = sorted(entry.name for entry in islice(folder.iterdir(), _MOST_RECEIPTS))
    found = [_product(folder / name) for name in names if name.endswith(_RECEIPT)]
    products = [product for product in found if product is not None][:_MOST_PRODUCTS]
    cryptolibs = [each for each in products if each.kind is ProductKind.CRYPTOLIB]
    last = max(cryptolibs, key=_order, default=None)
    return Products(
        products=tuple(p for p in products if p.kind is not ProductKind.CRYPTOLIB or p is last),
        source=f"/{_RECEIPTS}",
    )


def _order(cryptolib: Product) -> tuple[bool, datetime, int]:
    """Today's package after all others; of these the one that was installed later."""
    name = cryptolib.name.lower()
    place = _OF_CRYPTOLIB.index(name) if name in _OF_CRYPTOLIB else len(_OF_CRYPTOLIB)
    return place == 0, cryptolib.installed or datetime.min.replace(tzinfo=UTC), -place


def kind_of(identifier: str) -> ProductKind | None:
    """What the package of that identifier is; None for one of other things."""
    name = identifier.lower()
    return ProductKind.CPS_GESTION if name.startswith(_GESTION) else _KINDS.get(name)


def _product(receipt: Path) -> Product | None:
    identifier = receipt.name.removesuffix(_RECEIPT)
    kind = kind_of(identifier)
    if kind is None:
        return None
    said = read_plist(receipt)
    return Product(
        kind=kind,
        name=text(said.get("PackageIdentifier")) or text(identifier),
        version=text(said.get("PackageVersion")),
        installed=moment(said.get("InstallDate")),
        source=f"/{_RECEIPTS}",
    )


def read_mac_components(root: Path, cryptolib: CryptolibCatalogue) -> Components:
    """Every file and bundle that the catalogue names for macOS."""
    found = read_components(root, cryptolib, Platform.MACOS)
    return replace(
        found,
        expected=tuple(_with_bundle(root, each) for each in found.expected),
        copies=tuple(_with_bundle(root, each) for each in found.copies),
        leftovers=tuple(_with_bundle(root, each) for each in found.leftovers),
    )


def _with_bundle(root: Path, component: Component) -> Component:
    """The component with what a bundle says of itself; the same one, when it is none."""
    if component.state is not FileState.PRESENT or not component.name.lower().endswith(_BUNDLES):
        return component
    bundle = root / component.place.lstrip("/") / component.name
    said = next((found for path in _PROPERTIES if (found := read_plist(bundle / path))), {})
    return replace(
        component,
        version=text(said.get("CFBundleShortVersionString")),
        architectures=_architectures(bundle, text(said.get("CFBundleExecutable"))),
    )


def _architectures(bundle: Path, program: str) -> tuple[str, ...]:
    # A name and no path: what it says of itself leads nowhere else.
    if not program or program != os.path.basename(program):  # noqa: PTH119 (of any system)
        return ()
    found = (binary.of_file(str(bundle / folder / program)) for folder in _PROGRAMS)
    return next((each for each in found if each), ())


def read_registration(root: Path, home: Path | None) -> Registration:
    """The manifest by which Firefox finds the library: the machine's, and the person's own where
    there is one, which Firefox takes first."""
    found = [read_module(root / _MODULES / _MODULE, f"/{_MODULES}", lambda path: _at(root, path))]
    if home is not None:
        own = read_module(home / _MODULES / _MODULE, f"~/{_MODULES}", lambda path: _at(root, path))
        found = [own, *found] if own.manifest is not FileState.ABSENT else found
    return Registration(modules=tuple(found), source=f"/{_MODULES}")


def read_settings(root: Path) -> Settings:
    """The settings of cps3_pkcs11.conf, and who may write in the Cryptolib's folders."""
    made = parse_conf(text_of(root / _CONF) or "")
    return Settings(
        settings=tuple(Setting(name=name, value=value, source=f"/{_CONF}") for name, value in made),
        folders=tuple(_folders(root)),
        source=f"/{_CONF}, access(2)",
    )


def _folders(root: Path) -> Iterator[FolderRights]:
    for name, place in _FOLDERS.items():
        folder = root / place
        state = state_of(folder)
        writable = is_allowed(folder, os.W_OK) if state is FileState.PRESENT else None
        yield FolderRights(name=name, place=f"/{place}", state=state, writable=writable)


def _at(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
