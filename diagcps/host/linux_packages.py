"""The card's software that is installed on Linux: what RPM lists, or dpkg for a package that alien
converted; else a library that is known by its checksum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from diagcps.catalogue import Part
from diagcps.catalogue_parts import CryptolibCatalogue
from diagcps.host.commands import output_of
from diagcps.host.common import as_probe_errors, printable
from diagcps.host.files import beginning, entries, md5_of
from diagcps.model import Platform
from diagcps.workstation import Product, ProductKind, Products

_RPM = "/usr/bin/rpm"
_KINDS = {"CryptolibCPS": ProductKind.CRYPTOLIB, "CryptoCpsPcsc": ProductKind.OLD}
"""The names of the Cryptolib's RPM, and of the one that it declares obsolete."""
_QUERY = ("-qa", "--qf", r"%{NAME}\t%{VERSION}\t%{ARCH}\t%{INSTALLTIME}\n")
"""Of all packages: to ask for one that is not installed is an error."""
_DATABASES = ("usr/lib/sysimage/rpm", "var/lib/rpm")
"""Where RPM keeps its database, today and before (rpm, %_dbpath)."""

_DPKG_STATUS = "var/lib/dpkg/status"
_MOST_OF_STATUS = 64 << 20
"""Bytes; a desktop with 3000 packages has 4 MB."""
_STANZA = re.compile(rb"^Package: (cryptolibcps[a-z0-9+.-]*)\n((?:[^\n]+\n)*)", re.MULTILINE)
"""alien writes a package's name in lower case (deb-control(5): Package)."""
_FIELD = re.compile(rb"^([A-Za-z-]+): ([^\n]*)$", re.MULTILINE)
_ARCHITECTURES = {"amd64": "x86_64", "i386": "x86", "i586": "x86", "i686": "x86"}
_LONGEST = 64
_MOST_PACKAGES = 64


def read_products(root: Path, cryptolib: CryptolibCatalogue) -> Products:
    """The packages of the card's software that are installed; a Cryptolib that none of them brought
    by the checksum of its library, whose own number is not the Cryptolib's.

    RPM is asked where the system under `root` is the one that runs. Raises ProbeTimeout when it
    does not end, other ProbeErrors when it fails.
    """
    found: list[Product] = []
    sources: list[str] = []
    if root == Path("/") and Path(_RPM).is_file() and _has_database(root):
        found.extend(ask_rpm())
        sources.append("rpm -qa")
    status = root / _DPKG_STATUS
    with as_probe_errors():
        if status.is_file():
            found.extend(parse_status(beginning(status, _MOST_OF_STATUS)))
            sources.append(f"/{_DPKG_STATUS}")
    if not any(each.kind is ProductKind.CRYPTOLIB for each in found):
        found.extend(_of_checksums(root, cryptolib))
        sources.append("MD5")
    return Products(products=tuple(found), source=", ".join(sources))


def ask_rpm(rpm: str = _RPM) -> tuple[Product, ...]:
    """The packages that RPM lists: its database has no format that others may read.

    Raises ProbeTimeout when `rpm` does not end, other ProbeErrors when it fails.
    """
    return parse_rpm(output_of(rpm, *_QUERY, *_KINDS).decode("utf-8", errors="replace"))


def parse_rpm(listing: str) -> tuple[Product, ...]:
    """The packages in what `rpm` prints for the query above. Never raises."""
    return tuple(islice(_of_rpm(listing), _MOST_PACKAGES))


def parse_status(data: bytes) -> tuple[Product, ...]:
    """The Cryptolib's packages that are installed, by dpkg's status file (deb-control(5)).

    Never raises.
    """
    return tuple(islice(_of_dpkg(data), _MOST_PACKAGES))


def _of_rpm(listing: str) -> Iterator[Product]:
    for line in listing.split("\n"):
        fields = [printable(field)[:_LONGEST] for field in line.split("\t")]
        if len(fields) == 4 and fields[0] in _KINDS:
            name, version, architecture, installed = fields
            yield Product(
                kind=_KINDS[name],
                name=name,
                version=version,
                architecture=_ARCHITECTURES.get(architecture, architecture),
                installed=_time(installed),
                source=f"rpm {name}",
            )


def _of_dpkg(data: bytes) -> Iterator[Product]:
    for stanza in _STANZA.finditer(data):
        name = stanza[1].decode("ascii")[:_LONGEST]
        fields = dict(_FIELD.findall(stanza[2]))
        if fields.get(b"Status", b"").split()[-1:] != [b"installed"]:
            continue
        architecture = _text(fields.get(b"Architecture", b""))
        yield Product(
            kind=ProductKind.CRYPTOLIB,
            name=name,
            version=_upstream(_text(fields.get(b"Version", b""))),
            architecture=_ARCHITECTURES.get(architecture, architecture),
            source=f"dpkg {name}",
        )


def _of_checksums(root: Path, cryptolib: CryptolibCatalogue) -> Iterator[Product]:
    for file in cryptolib.files:
        if file.platform is not Platform.LINUX or file.part is not Part.PKCS11:
            continue
        place = f"{file.folder}/{file.name}"
        found = md5_of(root / place.lstrip("/")) if file.checksums else ""
        for version in (each.version for each in file.checksums if each.md5.lower() == found):
            yield Product(
                kind=ProductKind.CRYPTOLIB, name=file.name, version=version, source=f"MD5 {place}"
            )
            return


def _upstream(version: str) -> str:
    """Without epoch and revision (deb-version(7)): « 5.2.2-2 » is 5.2.2."""
    without_epoch = version.partition(":")[2] or version
    return without_epoch.rpartition("-")[0] or without_epoch


def _text(value: bytes) -> str:
    return printable(value.decode("utf-8", errors="replace"))[:_LONGEST]


def _time(seconds: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _has_database(root: Path) -> bool:
    """Whether there is one: asked by root, rpm would make an empty one."""
    return any(entries(root / folder) for folder in _DATABASES)
