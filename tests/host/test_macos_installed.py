"""What a Mac keeps of the packages of the card; what is laid out is as the package 5.2.1 has it."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.facts import FileState
from diagcps.host.macos import MacHost
from diagcps.host.macos_installed import kind_of, read_products
from diagcps.model import ProbeUnavailable
from diagcps.workstation import (
    Component,
    Components,
    Product,
    ProductKind,
    Products,
    Registration,
    Setting,
    Settings,
)
from tests.builders import CATALOGUE
from tests.host.mac_root import HOME, Mac, universal
from tests.strategies import quick

links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
unprivileged = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="everything is open to root"
)

WHEN = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
CRYPTOLIB = "fr.asipsante.pkg.cryptolibCPS"
OWN = "Library/Preferences/santesocial/CPS"
MANIFEST = "Library/Application Support/Mozilla/PKCS11Modules/cps3.json"
LIBRARY = "usr/local/lib/libcps3_pkcs11_osx.dylib"


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


def products(mac: Mac) -> tuple[Product, ...]:
    return mac.host().installed(Products, CATALOGUE).products


def component(mac: Mac, name: str) -> Component:
    found = mac.host().installed(Components, CATALOGUE)
    return next(each for each in (*found.expected, *found.leftovers) if each.name == name)


def settings(mac: Mac) -> Settings:
    return mac.host().installed(Settings, CATALOGUE)


class TestProducts:
    def test_the_receipt_says_version_and_day(self, mac: Mac) -> None:
        mac.receipt(CRYPTOLIB, "5.2.1", WHEN)

        assert products(mac) == (
            Product(
                kind=ProductKind.CRYPTOLIB,
                name=CRYPTOLIB,
                version="5.2.1",
                installed=WHEN,
                source="/var/db/receipts",
            ),
        )

    def test_packages_of_other_things_are_not_told(self, mac: Mac) -> None:
        mac.receipt("com.apple.pkg.CLTools_Executables", "16.0", WHEN)
        mac.write(f"var/db/receipts/{CRYPTOLIB}.bom", b"BOMStore")

        assert products(mac) == ()

    def test_cps_gestion_and_galss_are_told_apart(self, mac: Mac) -> None:
        mac.receipt("fr.asip.esante.cpsgestion.dev", "1.7.1", WHEN)
        mac.receipt("fr.sesamvitale.galss.pkg", "3.43.02", WHEN)
        mac.receipt("com.gipcps.tokend", "4.0", WHEN)

        kinds = [each.kind for each in products(mac)]

        assert kinds == [ProductKind.OLD, ProductKind.CPS_GESTION, ProductKind.GALSS]

    def test_a_receipt_of_the_name_before_is_no_second_cryptolib(self, mac: Mac) -> None:
        mac.receipt("org.asipsante.cryptolibCPS", "5.0.2", WHEN)
        assert [each.version for each in products(mac)] == ["5.0.2"]

        mac.receipt(CRYPTOLIB, "5.2.1", WHEN)
        assert [each.version for each in products(mac)] == ["5.2.1"]

    def test_of_two_names_before_the_one_that_was_installed_last_is_the_cryptolib(
        self, mac: Mac
    ) -> None:
        mac.receipt("fr.asipsante.cryptolibCPS", "5.0.20", WHEN)
        mac.receipt("org.asipsante.cryptolibCPS", "5.0.2", WHEN - timedelta(days=400))
        assert [each.version for each in products(mac)] == ["5.0.20"]

        mac.receipt("org.asipsante.cryptolibCPS", "5.0.30", WHEN + timedelta(days=1))
        assert [each.version for each in products(mac)] == ["5.0.30"]

    @pytest.mark.parametrize("data", [b"", b"bplist00", b"<plist>", b"bplist00" + b"\xff" * 64])
    def test_a_damaged_receipt_is_still_a_package(self, mac: Mac, data: bytes) -> None:
        mac.write(f"var/db/receipts/{CRYPTOLIB}.plist", data)

        (product,) = products(mac)

        assert (product.kind, product.version) == (ProductKind.CRYPTOLIB, "")
        assert product.installed is None

    @pytest.mark.parametrize("value", [7, True, ["5.2.1"], {"a": "b"}, b"5.2.1"], ids=repr)
    def test_a_version_that_is_no_text_is_none(self, mac: Mac, value: Any) -> None:
        mac.plist(f"var/db/receipts/{CRYPTOLIB}.plist", {"PackageVersion": value})

        assert products(mac)[0].version == ""

    def test_a_version_of_a_million_letters_is_shortened_and_commands_no_terminal(
        self, mac: Mac
    ) -> None:
        long = "5.2.1\N{ESCAPE}[2J" + "1" * 500_000
        mac.plist(f"var/db/receipts/{CRYPTOLIB}.plist", {"PackageVersion": long}, binary=True)

        version = products(mac)[0].version

        assert version.startswith("5.2.1[2J1")
        assert len(version) <= 256

    def test_receipts_that_cannot_be_listed_are_not_none_installed(self, mac: Mac) -> None:
        (mac.folder / "var/db/receipts").rmdir()

        with pytest.raises(ProbeUnavailable):
            mac.host().installed(Products, CATALOGUE)

    @links
    def test_a_receipt_that_is_a_loop_is_harmless(self, mac: Mac) -> None:
        mac.at(f"var/db/receipts/{CRYPTOLIB}.plist").symlink_to(f"{CRYPTOLIB}.plist")

        assert [each.version for each in products(mac)] == [""]

    @quick
    @given(st.text(max_size=60))
    def test_any_identifier_is_of_one_kind_or_of_none(self, identifier: str) -> None:
        assert kind_of(identifier) in (None, *ProductKind)
        assert kind_of("fr.asip.esante.cpsgestion" + identifier) is ProductKind.CPS_GESTION

    @quick
    @given(st.binary(max_size=200))
    def test_no_content_of_a_receipt_stops_the_reading(
        self, tmp_path_factory: pytest.TempPathFactory, data: bytes
    ) -> None:
        mac = Mac(tmp_path_factory.mktemp("mac"))
        mac.write(f"var/db/receipts/{CRYPTOLIB}.plist", data)

        assert [each.kind for each in read_products(mac.folder).products] == [ProductKind.CRYPTOLIB]


class TestComponents:
    def test_a_mac_without_a_cryptolib_has_nothing_of_it(self, mac: Mac) -> None:
        found = mac.host().installed(Components, CATALOGUE)

        assert {each.state for each in found.expected} == {FileState.ABSENT}
        assert found.leftovers == found.copies == ()

    def test_the_library_says_its_processors_and_its_checksum(self, mac: Mac) -> None:
        mac.write(LIBRARY, universal("x86_64", "arm64"))

        library = component(mac, "libcps3_pkcs11_osx.dylib")

        assert library.state is FileState.PRESENT
        assert library.place == "/usr/local/lib"
        assert library.architectures == ("x86_64", "arm64")
        assert len(library.md5) == 32

    def test_an_application_says_its_version_and_its_processors(self, mac: Mac) -> None:
        mac.application("Applications/cpgesosx.app", "6.09", "cpgesosx", "x86_64", "arm64")

        gestion = component(mac, "cpgesosx.app")

        assert (gestion.version, gestion.architectures) == ("6.09", ("x86_64", "arm64"))

    def test_a_framework_says_them_in_its_own_places(self, mac: Mac) -> None:
        folder = "Library/Frameworks/cptabosx.framework"
        said = {"CFBundleShortVersionString": "5.13", "CFBundleExecutable": "cptabosx"}
        mac.plist(f"{folder}/Resources/Info.plist", said)
        mac.write(f"{folder}/cptabosx", universal("arm64"))

        framework = component(mac, "cptabosx.framework")

        assert (framework.version, framework.architectures) == ("5.13", ("arm64",))

    @pytest.mark.parametrize("program", ["../../../LIBRARY", "/etc/passwd", "", "..", 7])
    def test_a_bundle_leads_to_no_program_outside_of_it(self, mac: Mac, program: Any) -> None:
        mac.application("Applications/cpgesosx.app", "6.09", "cpgesosx", "x86_64")
        mac.plist("Applications/cpgesosx.app/Contents/Info.plist", {"CFBundleExecutable": program})
        mac.write("Applications/cpgesosx.app/LIBRARY", universal("arm64"))

        assert component(mac, "cpgesosx.app").architectures == ()

    def test_an_empty_bundle_is_there_and_says_nothing(self, mac: Mac) -> None:
        mac.at("Applications/cpgesosx.app/Contents/PkgInfo")

        gestion = component(mac, "cpgesosx.app")

        assert (gestion.state, gestion.version) == (FileState.PRESENT, "")

    def test_what_is_left_of_the_generation_before_is_told(self, mac: Mac) -> None:
        mac.write("usr/local/lib/libcps_pkcs11_osx.dylib", universal("x86_64"))
        mac.plist("Applications/cpgesosx_cps2.app/Contents/Info.plist", {})

        left = {each.name for each in mac.host().installed(Components, CATALOGUE).leftovers}

        assert left == {"libcps_pkcs11_osx.dylib", "cpgesosx_cps2.app"}

    @links
    def test_a_library_that_is_a_loop_is_unreadable(self, mac: Mac) -> None:
        mac.at(LIBRARY).symlink_to("libcps3_pkcs11_osx.dylib")

        assert component(mac, "libcps3_pkcs11_osx.dylib").state is FileState.UNREADABLE


class TestRegistration:
    def manifest(self, mac: Mac, path: str, *, of: str = MANIFEST) -> None:
        said = {
            "name": "cps3",
            "description": "Module de sécurité CPS",
            "path": path,
            "type": "pkcs11",
            "allowed_extensions": [CATALOGUE.cryptolib.extension],
        }
        mac.write(of, json.dumps(said))

    def test_the_manifest_that_the_installer_writes_leads_to_the_library(self, mac: Mac) -> None:
        self.manifest(mac, f"/{LIBRARY}")
        mac.write(LIBRARY, universal("arm64"))

        (module,) = mac.host().installed(Registration, CATALOGUE).modules

        assert (module.manifest, module.library) == (FileState.PRESENT, FileState.PRESENT)
        assert module.allows == (CATALOGUE.cryptolib.extension,)
        assert module.source == "/Library/Application Support/Mozilla/PKCS11Modules"

    def test_without_one_the_absence_is_told(self, mac: Mac) -> None:
        (module,) = mac.host().installed(Registration, CATALOGUE).modules

        assert (module.name, module.manifest) == ("cps3", FileState.ABSENT)
        assert module.library is FileState.ABSENT

    def test_a_manifest_to_a_library_that_is_gone_is_told(self, mac: Mac) -> None:
        self.manifest(mac, f"/{LIBRARY}")

        (module,) = mac.host().installed(Registration, CATALOGUE).modules

        assert (module.manifest, module.library) == (FileState.PRESENT, FileState.ABSENT)

    def test_a_manifest_of_the_person_comes_first_and_tells_no_name(self, mac: Mac) -> None:
        self.manifest(mac, f"/{LIBRARY}")
        self.manifest(mac, "/elsewhere.dylib", of=f"{HOME}/{MANIFEST}")
        mac.write(LIBRARY, universal("arm64"))

        own, machine = mac.host().installed(Registration, CATALOGUE).modules

        assert own.source == "~/Library/Application Support/Mozilla/PKCS11Modules"
        assert (own.library, machine.library) == (FileState.ABSENT, FileState.PRESENT)
        assert "person" not in repr(own)

    def test_without_a_home_the_machine_s_is_told(self, mac: Mac) -> None:
        self.manifest(mac, f"/{LIBRARY}")
        host = MacHost({}, root=mac.folder, run=mac.run)

        (module,) = host.installed(Registration, CATALOGUE).modules

        assert module.manifest is FileState.PRESENT


class TestSettings:
    def test_what_the_installer_lays_down_is_told(self, mac: Mac) -> None:
        mac.write(f"{OWN}/cps3_pkcs11.conf", "Traces\n{\n  active = false;\n  debug = 0;\n}\n")
        place = "/Library/Preferences/santesocial/CPS/cps3_pkcs11.conf"

        assert settings(mac).settings == (
            Setting(name="traces", value="false", source=place),
            Setting(name="debug", value="0", source=place),
        )

    @pytest.mark.parametrize("data", [b"", b"\xff\xfe\0", b"{" * 100_000])
    def test_a_file_that_says_nothing_sets_nothing(self, mac: Mac, data: bytes) -> None:
        mac.write(f"{OWN}/cps3_pkcs11.conf", data)

        assert settings(mac).settings == ()

    def test_without_the_file_and_the_folders_nothing_is_set_and_nothing_is_there(
        self, mac: Mac
    ) -> None:
        found = settings(mac)

        assert found.settings == ()
        assert [each.name for each in found.folders] == ["coffre", "log", "cache"]
        assert {(f.state, f.writable) for f in found.folders} == {(FileState.ABSENT, None)}

    def test_a_folder_in_which_the_person_may_write_is_told(self, mac: Mac) -> None:
        (mac.folder / "Library/Logs/santesocial/CPS").mkdir(parents=True)

        log = settings(mac).folders[1]

        assert (log.place, log.writable) == ("/Library/Logs/santesocial/CPS", True)

    @modes
    @unprivileged
    def test_a_folder_in_which_the_person_may_not_write_is_told_and_not_tried(
        self, mac: Mac
    ) -> None:
        folder = mac.folder / "Library/Logs/santesocial/CPS"
        folder.mkdir(parents=True)
        folder.chmod(0o555)

        log = settings(mac).folders[1]
        folder.chmod(0o755)

        assert (log.state, log.writable) == (FileState.PRESENT, False)
        assert list(folder.iterdir()) == []
