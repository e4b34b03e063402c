"""What RPM and dpkg list of the card's software, and a library that nothing lists."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.catalogue_parts import Checksum, CryptolibCatalogue
from diagcps.host import commands
from diagcps.host.linux_packages import ask_rpm, parse_rpm, parse_status, read_products
from diagcps.model import Platform, ProbeTimeout, ProbeUnavailable
from diagcps.workstation import Product, ProductKind
from tests.builders import CATALOGUE
from tests.host.linux_root import LIBRARY, Root
from tests.strategies import quick

posix = pytest.mark.skipif(sys.platform == "win32", reason="programs of Linux")

LISTED = "CryptolibCPS\t5.2.2\tx86_64\t1725275075\n"
CRYPTOLIB = Product(
    kind=ProductKind.CRYPTOLIB,
    name="CryptolibCPS",
    version="5.2.2",
    architecture="x86_64",
    installed=datetime(2024, 9, 2, 11, 4, 35, tzinfo=UTC),
    source="rpm CryptolibCPS",
)
STATUS = b"""Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2

Package: cryptolibcps
Status: install ok installed
Maintainer: root <root@localhost>
Architecture: amd64
Version: 5.2.2-2
Description: Composants Cryptographiques CPS v5.2.2
 Version: 9.9.9
 .

Package: zlib1g
Status: install ok installed
Version: 1:1.2.13
"""


class TestRpm:
    def test_the_installed_package_is_told(self) -> None:
        assert parse_rpm(LISTED) == (CRYPTOLIB,)

    def test_the_package_of_before_is_an_old_one(self) -> None:
        (found,) = parse_rpm("CryptoCpsPcsc\t1.2\ti386\t1\n")

        assert (found.kind, found.architecture) == (ProductKind.OLD, "x86")

    @pytest.mark.parametrize(
        "text", ["", "package CryptolibCPS is not installed\n", "bash\t5\tx86_64\t1\n", "\t\t\t\n"]
    )
    def test_other_packages_and_sentences_are_none(self, text: str) -> None:
        assert parse_rpm(text) == ()

    @pytest.mark.parametrize("time", ["(none)", "", "9" * 400, "-9" * 9])
    def test_a_time_that_no_calendar_has_is_none(self, time: str) -> None:
        (found,) = parse_rpm(f"CryptolibCPS\t5.2.2\tx86_64\t{time}\n")

        assert found.installed is None

    def test_a_clock_of_1970_is_told(self) -> None:
        (found,) = parse_rpm("CryptolibCPS\t5.2.2\tx86_64\t0\n")

        assert found.installed == datetime(1970, 1, 1, tzinfo=UTC)

    @quick
    @given(st.lists(st.sampled_from(["CryptolibCPS", "\t", "\n", "5.2.2", "\x1b[2J"]) | st.text()))
    def test_any_text_is_read(self, parts: list[str]) -> None:
        for product in parse_rpm("".join(parts)):
            assert (product.name + product.version + product.architecture).isprintable()


@posix
class TestAskingRpm:
    def program(self, folder: Path, script: str) -> str:
        file = folder / "rpm"
        file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        file.chmod(0o755)
        return str(file)

    def test_it_is_asked_for_the_card_s_packages_alone(self, tmp_path: Path) -> None:
        rpm = self.program(
            tmp_path, f'test "$4 $5" = "CryptolibCPS CryptoCpsPcsc" && echo "{LISTED}"'
        )

        assert ask_rpm(rpm) == (CRYPTOLIB,)

    def test_one_that_does_not_end_is_ended(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(commands, "_TIMEOUT_S", 0.2)

        with pytest.raises(ProbeTimeout):
            ask_rpm(self.program(tmp_path, "exec sleep 60"))

    def test_one_that_fails_or_is_not_there_says_nothing(self, tmp_path: Path) -> None:
        for rpm in (self.program(tmp_path, "exit 1"), str(tmp_path / "none")):
            with pytest.raises(ProbeUnavailable):
                ask_rpm(rpm)


class TestDpkg:
    def test_a_converted_package_is_told_without_its_revision(self) -> None:
        assert parse_status(STATUS) == (
            Product(
                kind=ProductKind.CRYPTOLIB,
                name="cryptolibcps",
                version="5.2.2",
                architecture="x86_64",
                source="dpkg cryptolibcps",
            ),
        )

    @pytest.mark.parametrize("state", [b"deinstall ok config-files", b"install ok half-installed"])
    def test_one_that_was_removed_is_none(self, state: bytes) -> None:
        assert parse_status(STATUS.replace(b"install ok installed", state)) == ()

    @pytest.mark.parametrize(
        ("written", "version"),
        [(b"1:5.2.2-2", "5.2.2"), (b"5.2.2", "5.2.2"), (b"", ""), (b"5.2.2-1-3", "5.2.2-1")],
    )
    def test_a_version_is_the_publisher_s(self, written: bytes, version: str) -> None:
        (found,) = parse_status(STATUS.replace(b"5.2.2-2", written))

        assert found.version == version

    def test_an_unfinished_stanza_is_none(self) -> None:
        assert parse_status(b"Package: cryptolibcps\nStatus: install ok inst") == ()

    @quick
    @given(
        st.lists(
            st.sampled_from([b"Package: cryptolibcps\n", b"Status: x ok installed\n", b"Version: "])
            | st.binary()
        )
    )
    def test_any_bytes_are_read(self, parts: list[bytes]) -> None:
        for product in parse_status(b"".join(parts)):
            assert (product.name + product.version + product.architecture).isprintable()


@posix
class TestProducts:
    def known(self, root: Root) -> CryptolibCatalogue:
        """The catalogue, with the checksum of the library that lies there."""
        data = (root.folder / LIBRARY).read_bytes()
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        of_linux = next(f for f in CATALOGUE.cryptolib.files if f.platform is Platform.LINUX)
        file = replace(of_linux, checksums=(Checksum(version="7.8.9", md5=md5.upper()),))
        return replace(CATALOGUE.cryptolib, files=(file,))

    def test_a_library_that_no_package_brought_is_known_by_its_checksum(self, root: Root) -> None:
        root.cryptolib()

        found = read_products(root.folder, self.known(root))

        (product,) = found.products
        assert (product.kind, product.version) == (ProductKind.CRYPTOLIB, "7.8.9")
        assert product.source == f"MD5 /{LIBRARY}"
        assert found.source == "MD5"

    def test_a_package_is_believed_before_a_checksum(self, root: Root) -> None:
        root.cryptolib()
        root.data("var/lib/dpkg/status", STATUS)

        found = read_products(root.folder, self.known(root))

        assert [each.version for each in found.products] == ["5.2.2"]
        assert found.source == "/var/lib/dpkg/status"

    def test_an_unknown_library_and_none_at_all_are_no_product(self, root: Root) -> None:
        assert read_products(root.folder, CATALOGUE.cryptolib).products == ()
        root.cryptolib()
        assert read_products(root.folder, CATALOGUE.cryptolib).products == ()

    def test_of_another_root_rpm_is_not_asked(self, root: Root) -> None:
        root.write("usr/bin/rpm", "#!/bin/sh\nexit 3\n")
        root.write("var/lib/rpm/rpmdb.sqlite", "")

        assert read_products(root.folder, CATALOGUE.cryptolib).source == "MD5"

    @pytest.mark.parametrize("what", ["pipe", "loop", "folder", "large"])
    def test_whatever_stands_for_dpkg_s_file_is_no_fault(self, root: Root, what: str) -> None:
        path = "var/lib/dpkg/status"
        match what:
            case "pipe":
                root.pipe(path)
            case "loop":
                root.link(path, "status")
            case "folder":
                root.write(f"{path}/file", "")
            case _:
                root.data(path, b"Package: cryptolibcps\n" * (1 << 16))

        assert read_products(root.folder, CATALOGUE.cryptolib).products == ()
