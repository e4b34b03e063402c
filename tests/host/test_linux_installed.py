"""Every fact of what is installed, of a Linux system made of files, however hostile they are."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from diagcps import browsing, workstation
from diagcps.catalogue_parts import AuthorityCatalogue, KnownAuthority
from diagcps.facts import FileState
from diagcps.host.base import Installed
from diagcps.host.linux_installed import read_settings
from diagcps.model import ProbeError, ProbeUnavailable, ProbeUnsupported
from diagcps.workstation import StoreKind
from tests.builders import CATALOGUE
from tests.host.linux_root import ELF_X86_64, LIBRARY, MANIFEST, SETTINGS, Root, unprivileged

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files and programs of Linux")

ONE = bytes((0x30, 3, 2, 1, 1))
FINGERPRINT = hashlib.sha1(ONE, usedforsecurity=False).hexdigest().upper()
KNOWN = replace(
    CATALOGUE,
    authorities=AuthorityCatalogue(
        date="", source="", authorities=(KnownAuthority(name="AC", sha1=FINGERPRINT),)
    ),
)
OWN_MANIFEST = ".mozilla/pkcs11-modules/cps3.json"
ON_LINUX = [
    kind
    for kind in workstation.KINDS
    if kind not in (workstation.PersonCertificates, workstation.MacCards, workstation.Galss)
]


def read(root: Root, kind: type[Installed], **environ: str) -> Installed:
    return root.host(**environ).installed(kind, KNOWN)


@pytest.mark.parametrize(
    "kind", [workstation.PersonCertificates, workstation.MacCards, workstation.Galss]
)
def test_what_only_other_systems_have_is_unsupported(root: Root, kind: type) -> None:
    with pytest.raises(ProbeUnsupported):
        read(root, kind)


@pytest.mark.parametrize("kind", ON_LINUX)
def test_every_other_kind_is_told_of_an_installed_cryptolib(root: Root, kind: type) -> None:
    root.write("etc/os-release", "ID=rhel\nVERSION_ID=9.4\n")
    root.cryptolib()

    assert isinstance(read(root, kind, HOME="/home/person"), kind)


@pytest.mark.parametrize("kind", ON_LINUX)
def test_on_a_bare_system_each_kind_is_told_or_declared_unavailable(root: Root, kind: type) -> None:
    try:
        assert isinstance(read(root, kind), kind)
    except ProbeUnavailable:
        assert kind in (workstation.Machine, browsing.Browsers, browsing.FirefoxProfiles)


@pytest.mark.parametrize("what", ["pipe", "loop", "folder", "large", "control"])
@pytest.mark.parametrize("kind", ON_LINUX)
def test_whatever_stands_in_the_place_of_its_files_is_no_fault(
    root: Root, kind: type, what: str
) -> None:
    places = [
        *("etc/os-release", "proc/stat", "etc/group", "etc/sssd/sssd.conf", "var/lib/dpkg/status"),
        *(LIBRARY, f"{SETTINGS}/cps3_pkcs11.conf", f"{SETTINGS}/DICO-FR.GIP"),
        *(f"{SETTINGS}/Coffre/a.cer", f"{SETTINGS}/cache", "var/opt/santesocial/CPS/log"),
        *("usr/lib64/mozilla/pkcs11-modules/cps3.json", f"home/person/{OWN_MANIFEST}"),
    ]
    for place in places:
        match what:
            case "pipe":
                root.pipe(place)
            case "loop":
                root.link(place, Path(place).name)
            case "folder":
                root.write(f"{place}/{Path(place).name}", "")
            case "large":
                root.write(place, "ID=a\n\x1b[2J\0" * (1 << 17))
            case _:
                root.write(place, 'ID="\x1b[2J<script>\x07\n{"path": "\x1b"}')
    try:
        found = repr(read(root, kind, HOME="/home/person"))
    except ProbeError:
        return
    assert found.isprintable()
    assert "\\x1b" not in found


class TestRegistration:
    def modules(self, root: Root, **environ: str) -> tuple[workstation.RegisteredModule, ...]:
        return read(root, workstation.Registration, **environ).modules

    def test_the_module_is_found_in_both_folders_with_its_library(self, root: Root) -> None:
        root.cryptolib()

        found = self.modules(root)

        folders = [each.source for each in found]
        assert folders == ["/usr/lib64/mozilla/pkcs11-modules", "/usr/lib/mozilla/pkcs11-modules"]
        assert all(each.library is FileState.PRESENT for each in found)

    def test_a_person_s_own_comes_first_and_does_not_say_whose_it_is(self, root: Root) -> None:
        root.cryptolib()
        root.write(f"home/person/{OWN_MANIFEST}", MANIFEST)

        found = self.modules(root, HOME="/home/person")

        assert found[0].source == "~/.mozilla/pkcs11-modules"
        assert "person" not in repr(found)

    def test_a_library_that_was_removed_is_told(self, root: Root) -> None:
        root.cryptolib()
        (root.folder / LIBRARY).unlink()

        assert {each.library for each in self.modules(root)} == {FileState.ABSENT}

    def test_without_a_manifest_there_is_no_module(self, root: Root) -> None:
        assert self.modules(root) == ()


class TestSettings:
    def test_traces_that_are_on_are_told(self, root: Root) -> None:
        root.cryptolib()
        root.write(f"{SETTINGS}/cps3_pkcs11.conf", "Traces\n{\n active = true;\n debug = 10;\n}\n")

        found = read(root, workstation.Settings).settings

        assert [(each.name, each.value) for each in found] == [("traces", "true"), ("debug", "10")]

    def test_variables_that_the_library_does_not_read_say_nothing(self, root: Root) -> None:
        environ = {"CPS3_PCS11_TRACES": "true", "CPS3_DEBUG": "10"}

        assert read(root, workstation.Settings, **environ).settings == ()

    def test_rights_are_those_of_this_user_and_nothing_is_written(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            Path(name).chmod(0o755)
            root = Root(Path(name))
            root.cryptolib()
            (root.folder / SETTINGS / "cache").chmod(0o777)
            (root.folder / SETTINGS / "Coffre").chmod(0o555)
            with unprivileged():
                folders = read_settings(root.folder).folders
            assert list((root.folder / SETTINGS / "cache").iterdir()) == []

        found = [(each.name, each.state, each.writable) for each in folders]
        assert found == [
            ("coffre", FileState.PRESENT, False),
            ("log", FileState.ABSENT, None),
            ("cache", FileState.PRESENT, True),
        ]


class TestAuthorityStores:
    def store(self, root: Root) -> workstation.AuthorityStore:
        (store,) = read(root, workstation.AuthorityStores).stores
        return store

    def test_the_coffre_alone_is_asked(self, root: Root) -> None:
        root.data(f"{SETTINGS}/Coffre/AC.cer", ONE)
        root.data("etc/ssl/certs/ca-certificates.crt", ONE)

        store = self.store(root)

        assert (store.kind, store.name) == (StoreKind.COFFRE, f"/{SETTINGS}/Coffre")
        assert (store.state, store.held) == (FileState.PRESENT, (FINGERPRINT,))

    def test_one_without_certificates_is_empty_and_none_is_absent(self, root: Root) -> None:
        assert self.store(root).state is FileState.ABSENT
        root.cryptolib()
        assert self.store(root).state is FileState.EMPTY

    def test_a_certificate_that_cannot_be_read_makes_it_unreadable(self, root: Root) -> None:
        root.data(f"{SETTINGS}/Coffre/AC.cer", ONE)
        root.pipe(f"{SETTINGS}/Coffre/AD.cer")

        store = self.store(root)

        assert (store.state, store.held) == (FileState.UNREADABLE, (FINGERPRINT,))

    def test_an_authority_that_the_catalogue_does_not_know_is_not_told(self, root: Root) -> None:
        root.data(f"{SETTINGS}/Coffre/AC.cer", bytes((0x30, 3, 2, 1, 2)))

        store = self.store(root)

        assert (store.state, store.held) == (FileState.PRESENT, ())


class TestComponents:
    def test_each_file_of_the_catalogue_is_told_once(self, root: Root) -> None:
        root.cryptolib()

        found = read(root, workstation.Components).expected

        there = {(c.place, c.name) for c in found if c.state is FileState.PRESENT}
        assert ("/opt/santesocial/CPS/lib", "libcps3_pkcs11_lux.so") in there
        assert (f"/{SETTINGS}", "DICO-FR.GIP") in there
        assert len({(each.place, each.name) for each in found}) == len(found)

    def test_the_library_and_its_link_are_the_same(self, root: Root) -> None:
        root.cryptolib()

        found = read(root, workstation.Components).expected

        both = [each for each in found if each.name == "libcps3_pkcs11_lux.so"]
        assert len({(each.md5, each.version, each.architectures) for each in both}) == 1
        assert (both[0].version, both[0].architectures) == ("3.1.0", ("x86_64",))

    def test_what_the_generation_before_left_is_told(self, root: Root) -> None:
        root.data("usr/local/galss/libcps_pkcs11_lux.so", ELF_X86_64)

        (found,) = read(root, workstation.Components).leftovers

        assert (found.place, found.name) == ("/usr/local/galss", "libcps_pkcs11_lux.so")


def test_the_account_is_the_one_that_counts_for_this_process(root: Root) -> None:
    root.write("etc/group", "sudo:x:27:\n")
    with unprivileged():
        account = read(root, workstation.Account)

    is_root = os.geteuid() == 0
    # Nobody may look below pytest's own folders: whether it is an administrator is not told then.
    assert account.kind is workstation.AccountKind.PERSON
    assert account.administrator is (None if is_root else 27 in os.getgroups())


def test_no_service_but_the_smart_card_s_matters(root: Root) -> None:
    assert read(root, workstation.Services).services == ()
