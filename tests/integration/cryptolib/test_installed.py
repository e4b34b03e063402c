"""What the official package lays down, found by the probes in a scratch root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from diagcps import workstation
from diagcps.facts import FileState
from diagcps.host.linux import LinuxHost
from diagcps.workstation import FolderRights, ProductKind
from tests.builders import CATALOGUE

from .official import PACKAGE, unpack

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="a package for Linux"),
    pytest.mark.skipif(not os.environ.get(PACKAGE), reason=f"{PACKAGE} names no package"),
]

LIBRARY = "/opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so"
COFFRE = "/etc/opt/santesocial/CPS/Coffre"


@pytest.fixture
def inside_bench() -> None:
    """Files alone are read: this needs no smart-card service."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's files, its links turned so that they stay below the folder."""
    folder = tmp_path_factory.mktemp("package") / "root"
    unpack(Path(os.environ[PACKAGE]), folder)
    for link in (path for path in folder.rglob("*") if path.is_symlink()):
        target = folder / str(link.readlink()).lstrip("/")
        link.unlink()
        link.symlink_to(target)
    return folder


@pytest.fixture
def host(root: Path) -> LinuxHost:
    return LinuxHost(root, {"HOME": "/root"})


def test_it_is_the_version_that_the_catalogue_knows(host: LinuxHost) -> None:
    (product,) = host.installed(workstation.Products, CATALOGUE).products

    assert (product.kind, product.version) == (ProductKind.CRYPTOLIB, "5.2.2")
    assert product.source == f"MD5 {LIBRARY}"


def test_every_file_of_it_is_there_and_as_published(host: LinuxHost) -> None:
    found = host.installed(workstation.Components, CATALOGUE)

    # Its script, which is not run here, writes one.
    absent = [each.name for each in found.expected if each.state is not FileState.PRESENT]
    assert absent == ["Cryptolib.conf"]
    for file, component in zip(
        (f for f in CATALOGUE.cryptolib.files if f.platform is host.platform),
        found.expected,
        strict=True,
    ):
        assert [each.md5 for each in file.checksums] in ([], [component.md5]), file.name
    assert found.copies == found.leftovers == ()


def test_its_programs_say_their_version_and_their_processor(host: LinuxHost) -> None:
    found = host.installed(workstation.Components, CATALOGUE).expected

    programs = {each.name: each for each in found if each.architectures}
    assert {name: each.version for name, each in programs.items()} == {
        "libcps3_pkcs11_lux.so": "3.1.0",
        "cpgeslux": "6.8.0",
        "libcptablux.so": "1.8",
    }
    assert {each.architectures for each in programs.values()} == {("x86_64",)}
    (dictionary,) = (each for each in found if each.name == "DICO-FR.GIP")
    assert dictionary.version == CATALOGUE.cryptolib.dictionary


def test_firefox_finds_its_module_in_both_folders(host: LinuxHost) -> None:
    modules = host.installed(workstation.Registration, CATALOGUE).modules

    assert [each.source for each in modules] == [
        "/usr/lib64/mozilla/pkcs11-modules",
        "/usr/lib/mozilla/pkcs11-modules",
    ]
    for module in modules:
        assert module.manifest is module.library is FileState.PRESENT
        assert module.allows == (CATALOGUE.cryptolib.extension,)


def test_it_traces_nothing(host: LinuxHost) -> None:
    found = host.installed(workstation.Settings, CATALOGUE)

    settings = {each.name: each.value for each in found.settings}
    assert settings == {"traces": "false", "debug": "0"}
    assert {
        each.name: each.writable for each in found.folders if each.state is FileState.PRESENT
    } == {
        "coffre": True,
        "cache": True,
    }
    (log,) = (each for each in found.folders if each.name == "log")
    assert log == FolderRights(name="log", place=log.place, state=FileState.ABSENT)


def test_its_coffre_holds_the_authorities_of_today_and_no_other(host: LinuxHost) -> None:
    (store,) = host.installed(workstation.AuthorityStores, CATALOGUE).stores

    today = [each.sha1 for each in CATALOGUE.authorities.authorities if not each.old]
    assert (store.name, store.state) == (COFFRE, FileState.PRESENT)
    assert sorted(store.held) == sorted(today)
    assert len(host.authorities()) == len(today)


def test_its_library_is_where_it_is_looked_for(host: LinuxHost, root: Path) -> None:
    assert all(Path(path).is_file() for path in host.library_paths())
    assert host.library_paths()[0] == str(root) + LIBRARY


def test_the_list_of_packages_names_it_once_it_is_converted(host: LinuxHost, root: Path) -> None:
    status = root / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text(
        "Package: cryptolibcps\nStatus: install ok installed\nVersion: 5.2.2-2\n", encoding="utf-8"
    )
    try:
        (product,) = host.installed(workstation.Products, CATALOGUE).products
    finally:
        status.unlink()
        status.parent.rmdir()

    assert (product.version, product.source) == ("5.2.2", "dpkg cryptolibcps")


def test_the_package_says_the_name_that_rpm_is_asked_for(root: Path) -> None:
    header = Path(os.environ[PACKAGE]).read_bytes()[: 1 << 16]

    assert b"\0CryptolibCPS\0" in header
    assert b"\0CryptoCpsPcsc\0" in header


def test_nothing_is_written_while_it_is_read(host: LinuxHost, root: Path) -> None:
    def seen() -> str:
        command = ("find", str(root), "-printf", "%p %T@ %C@ %s\\n")
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    before = seen()
    for kind in (workstation.Components, workstation.Settings, workstation.AuthorityStores):
        host.installed(kind, CATALOGUE)

    assert seen() == before
