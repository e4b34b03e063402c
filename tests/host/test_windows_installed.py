"""What Windows lists as installed, and the files as they are."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.catalogue import Part
from diagcps.catalogue_parts import Checksum, ExpectedFile, OtherFile
from diagcps.facts import FileState
from diagcps.host.windows_installed import (
    install_date,
    product_kind,
    read_components,
    read_products,
)
from diagcps.host.windows_places import Places
from diagcps.host.windows_registry import Registry
from diagcps.model import Platform, ProbeDenied
from diagcps.workstation import Component, Product, ProductKind
from tests.builders import CATALOGUE
from tests.host.windows_root import Windows
from tests.host.windows_tree import Tree
from tests.pe_files import program
from tests.strategies import quick

CRYPTOLIB = CATALOGUE.cryptolib
UNINSTALL = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
OWN = r"SOFTWARE\ASIP\Cryptolib CPS"
NAME = "Composants Cryptographiques CPS v5.2.6 (x64)"
LIBRARY, HERE = "cps3_pkcs11_w64.dll", r"%SystemRoot%\System32"


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    return Windows(tmp_path)


def products(windows: Windows) -> tuple[Product, ...]:
    return read_products(windows.registry, windows.places, CRYPTOLIB).products


def test_nothing_is_listed_where_nothing_is_installed(windows: Windows) -> None:
    windows.tree.put(rf"{UNINSTALL}\Other", {"DisplayName": "Some other software"})

    assert products(windows) == ()


def test_an_installed_cryptolib_says_its_version_kind_and_day(windows: Windows) -> None:
    windows.tree.put(
        rf"{UNINSTALL}\{{X}}",
        {"DisplayName": NAME, "DisplayVersion": "5.2.6", "InstallDate": "20260601"},
        view="64",
    )

    assert products(windows) == (
        Product(
            kind=ProductKind.CRYPTOLIB,
            name=NAME,
            version="5.2.6",
            architecture="x86_64",
            installed=datetime(2026, 6, 1, tzinfo=UTC),
            source="Uninstall (64-bit)",
        ),
    )


def test_two_versions_are_listed_twice_and_their_own_key_adds_none(windows: Windows) -> None:
    windows.tree.put(rf"{UNINSTALL}\A", {"DisplayName": NAME, "DisplayVersion": "5.2.6"}, view="64")
    windows.tree.put(
        rf"{UNINSTALL}\B",
        {"DisplayName": "Composants Cryptographiques CPS v5.1.7", "DisplayVersion": "5.1.7"},
        view="32",
    )
    windows.tree.put(OWN, {"Version": "05.02.06"})

    found = [(each.version, each.architecture) for each in products(windows)]

    assert found == [("5.2.6", "x86_64"), ("5.1.7", "x86")]


def test_a_known_code_is_the_cryptolib_whatever_its_name(windows: Windows) -> None:
    code = CRYPTOLIB.product_codes[0].code.lower()
    windows.tree.put(rf"{UNINSTALL}\{code}", {"DisplayName": "CPS"}, view="64")

    assert [each.kind for each in products(windows)] == [ProductKind.CRYPTOLIB]


def test_its_own_key_speaks_where_the_list_is_silent(windows: Windows) -> None:
    windows.tree.put(OWN, {"Version": "05.02.02"}, view="64")

    (found,) = products(windows)

    assert (found.kind, found.version) == (ProductKind.CRYPTOLIB, "05.02.02")
    assert found.source == rf"{OWN} (64-bit)"


def test_a_32_bit_windows_is_looked_at_once() -> None:
    tree = Tree()
    tree.put(rf"{UNINSTALL}\A", {"DisplayName": NAME, "DisplayVersion": "5.2.6"})
    places = Places({"PROCESSOR_ARCHITECTURE": "x86"}, is_64_bit_program=False)

    (found,) = read_products(Registry(tree), places, CRYPTOLIB).products

    assert found.architecture == "x86"


def test_a_list_that_may_not_be_opened_is_denied(windows: Windows) -> None:
    windows.tree.put(rf"{UNINSTALL}\A", {"DisplayName": NAME})
    windows.tree.denied.add(rf"HKLM\{UNINSTALL}".upper())

    with pytest.raises(ProbeDenied):
        products(windows)


@pytest.mark.parametrize(
    ("name", "version", "kind"),
    [
        (NAME, "5.2.6", ProductKind.CRYPTOLIB),
        ("COMPOSANTS CRYPTOGRAPHIQUES CPS", "", ProductKind.CRYPTOLIB),
        ("Cryptolib CPS", "05.00.00", ProductKind.CRYPTOLIB),
        ("Composants Cryptographiques CPS v4.0.0", "4.0.0", ProductKind.OLD),
        ("Cryptolib CPS", "3.06.000", ProductKind.OLD),
        ("GALSS 3.45.01 (x64)", "3.45.01", ProductKind.GALSS),
        ("Galss", "", ProductKind.GALSS),
        ("GALSSIDE", "1", None),
        ("Firefox", "145", None),
        ("", "", None),
    ],
)
def test_software_is_known_by_how_its_name_begins(
    name: str, version: str, kind: ProductKind | None
) -> None:
    assert product_kind(name, version) is kind


@pytest.mark.parametrize("text", ["", "2026060", "20261301", "00000000", "20260601x", "²0260601"])
def test_a_day_that_no_calendar_has_is_none(text: str) -> None:
    assert install_date(text) is None


@quick
@given(
    st.dictionaries(
        st.sampled_from(["DisplayName", "DisplayVersion", "InstallDate"]),
        st.text(max_size=30).map("Cryptolib CPS".__add__) | st.integers(0, 9) | st.binary(),
    )
)
def test_no_entry_breaks_the_list(values: dict[str, Any]) -> None:
    tree = Tree()
    tree.put(rf"{UNINSTALL}\A", values, view="64")
    places = Places({"PROCESSOR_ARCHITECTURE": "AMD64"}, is_64_bit_program=True)

    for each in read_products(Registry(tree), places, CRYPTOLIB).products:
        assert each.name.isprintable()
        assert each.version.isprintable()


def expected(windows: Windows, *files: ExpectedFile) -> tuple[Component, ...]:
    return read_components(windows.places, replace(CRYPTOLIB, files=files)).expected


def file(part: Part = Part.PKCS11, **values: Any) -> ExpectedFile:
    asked = {"platform": Platform.WINDOWS, "name": LIBRARY, "folder": HERE, **values}
    return ExpectedFile(part=part, **asked)


def test_a_library_says_what_it_is(windows: Windows) -> None:
    data = program("x86_64", "3.4.0")
    windows.write("Windows/System32/cps3_pkcs11_w64.dll", data)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()

    (found,) = expected(windows, file(checksums=(Checksum(version="5.2.2", md5="0"),)))

    assert (found.name, found.place, found.state) == (LIBRARY, HERE, FileState.PRESENT)
    assert (found.version, found.architectures, found.md5) == ("3.4.0", ("x86_64",), md5)


def test_a_file_without_a_published_checksum_is_not_summed(windows: Windows) -> None:
    windows.write("Windows/System32/cps3_pkcs11_w64.dll", program())

    (found,) = expected(windows, file())

    assert found.md5 == ""


def test_what_is_not_there_is_absent_and_what_is_empty_is_empty(windows: Windows) -> None:
    windows.write("Windows/System32/empty.dll", b"")

    found = expected(windows, file(), file(name="empty.dll"), file(folder=r"%Nothing%\x"))

    states = [each.state for each in found]
    assert states == [FileState.ABSENT, FileState.EMPTY, FileState.ABSENT]


def test_a_dictionary_says_the_version_in_it(windows: Windows) -> None:
    text = b"A\t1\r\nG999\tVersion\t\t\t28\tVersion : 02.18 - 28/02/2020\r\n\x1ax"
    windows.write("Windows/DICO-FR.GIP", text)
    asked = file(Part.DICTIONARY, name="DICO-FR.GIP", folder="%SystemRoot%")

    (found,) = expected(windows, asked)

    assert found.version == "2.18"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_loop_of_links_is_unreadable(windows: Windows) -> None:
    loop = windows.write("Windows/System32/other").with_name(LIBRARY)
    loop.symlink_to(loop)

    (found,) = expected(windows, file())

    assert (found.state, found.architectures) == (FileState.UNREADABLE, ())


def test_what_is_for_another_system_is_not_looked_for(windows: Windows) -> None:
    assert expected(windows, file(platform=Platform.LINUX)) == ()


def test_a_32_bit_windows_is_asked_for_no_64_bit_file(tmp_path: Path) -> None:
    library = tmp_path / "Windows" / "System32" / "cps3_pkcs11_w32.dll"
    library.parent.mkdir(parents=True)
    library.write_bytes(program("x86"))
    environ = {"SystemRoot": str(tmp_path / "Windows"), "PROCESSOR_ARCHITECTURE": "x86"}
    places = Places(environ, is_64_bit_program=False)
    of_32 = file(name=library.name, folder=r"%SystemRoot%\SysWOW64", architecture="x86")
    files = (file(architecture="x86_64"), of_32)

    (found,) = read_components(places, replace(CRYPTOLIB, files=files)).expected

    assert (found.name, found.state) == (library.name, FileState.PRESENT)


def test_copies_and_leftovers_are_told_where_they_are_alone(windows: Windows) -> None:
    windows.write("Program Files (x86)/Other/a.dll", program("x86", "1.2.3.4"))
    (windows.folder / "Program Files" / "Cryptolib CPS").mkdir(parents=True)
    other = OtherFile(platform=Platform.WINDOWS, name="a.dll", folder=r"%ProgramFiles(x86)%\Other")
    old = replace(other, name="Cryptolib CPS", folder="%ProgramFiles%")
    cryptolib = replace(
        CRYPTOLIB,
        copies=(other, replace(other, name="b.dll")),
        leftovers=(old, replace(old, folder="%ProgramFiles(x86)%")),
    )

    found = read_components(windows.places, cryptolib)

    assert [(each.name, each.version) for each in found.copies] == [("a.dll", "1.2.3.4")]
    assert [(each.name, each.place) for each in found.leftovers] == [
        ("Cryptolib CPS", "%ProgramFiles%")
    ]


def test_every_file_of_the_catalogue_has_a_place_here(windows: Windows) -> None:
    ours = [each for each in CRYPTOLIB.files if each.platform is Platform.WINDOWS]
    others = [
        each
        for each in (*CRYPTOLIB.copies, *CRYPTOLIB.leftovers)
        if each.platform is Platform.WINDOWS
    ]

    assert ours and others
    for each in (*ours, *others):
        assert windows.places.find(rf"{each.folder}\{each.name}") is not None
