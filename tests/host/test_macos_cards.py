"""How macOS looks at cards, and its stores of authorities."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.catalogue_parts import AuthorityCatalogue, KnownAuthority
from diagcps.facts import FileState
from diagcps.host.macos_cards import parse_reader_conf, parse_tokens
from diagcps.host.macos_stores import read_authority_stores
from diagcps.host.stores import fingerprint
from diagcps.model import ProbeError, ProbeTimeout, ProbeUnavailable
from diagcps.workstation import AuthorityStores, MacCards, StoreKind
from tests.builders import CATALOGUE
from tests.host.mac_root import KEYCHAIN, TOKENS, Mac
from tests.strategies import quick

CPS = "fr.asip.esante.CPSToken"
DRIVER = "usr/local/libexec/SmartCardServices/drivers/GALSSDriver.bundle"
PREFERENCES = "Library/Preferences/com.apple.security.smartcard.plist"
COFFRE = "Library/Preferences/santesocial/CPS/coffre"
READER_CONF = """# Configuration file for pcsc-lite
FRIENDLYNAME     "PSS SmartCard Reader"
LIBPATH          /usr/local/libexec/SmartCardServices/drivers/GALSSDriver.bundle/
CHANNELID        0x0
"""
ROOT, PERSONS, STRANGER = (bytes((0x30, 3, 2, 1, number)) for number in (1, 2, 3))
"""The stores are not parsed: any DER does."""
KNOWN = AuthorityCatalogue(
    date="2026-01-01",
    source="test",
    authorities=tuple(
        KnownAuthority(name=name, sha1=fingerprint(data))
        for name, data in (("AC RACINE", ROOT), ("AC PERSONNES", PERSONS))
    ),
)


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    found = Mac(tmp_path)
    found.answer(TOKENS, "No smartcards found.\n")
    return found


def cards(mac: Mac) -> MacCards:
    return mac.host().installed(MacCards, CATALOGUE)


class TestCards:
    def test_a_mac_with_nothing_of_it_says_so(self, mac: Mac) -> None:
        found = cards(mac)

        assert (found.tokens, found.emulation, found.own_driver) == ((), (), False)
        assert found.gestion is FileState.ABSENT

    def test_the_token_of_a_cps_is_told_without_its_number(self, mac: Mac) -> None:
        mac.answer(TOKENS, f"{CPS}:0123456789\ncom.apple.pivtoken:ABCD\n{CPS}:99\n")

        found = cards(mac)

        assert found.tokens == (CPS, "com.apple.pivtoken")
        assert "0123456789" not in repr(found)

    @pytest.mark.parametrize("failure", [ProbeTimeout("security"), ProbeUnavailable("security")])
    def test_no_answer_is_not_no_token(self, mac: Mac, failure: ProbeError) -> None:
        mac.answer(TOKENS, failure)

        with pytest.raises(type(failure)):
            cards(mac)

    def test_cps_gestion_is_told(self, mac: Mac) -> None:
        mac.application("Applications/CPSGestion.app", "1.7.1", "CPSGestion", "arm64")

        assert cards(mac).gestion is FileState.PRESENT

    @pytest.mark.parametrize(
        ("value", "own"), [(True, True), (1, True), (False, False), ("yes", False), ([1], False)]
    )
    def test_the_free_driver_is_told_by_the_preference(
        self, mac: Mac, value: Any, own: bool
    ) -> None:
        mac.plist(PREFERENCES, {"useIFDCCID": value}, binary=True)

        assert cards(mac).own_driver is own

    def test_an_emulation_that_is_switched_on_is_told(self, mac: Mac) -> None:
        mac.plist(f"{DRIVER}/Contents/Info.plist", {})

        assert cards(mac).emulation == ("GALSSDriver.bundle",)

    def test_one_that_was_switched_off_is_not(self, mac: Mac) -> None:
        mac.plist(f"{DRIVER}/Contents/Info.plist.deactivate", {})
        mac.write("private/etc/reader.gip", READER_CONF)

        assert cards(mac).emulation == ()

    def test_a_reader_conf_counts_where_its_driver_is(self, mac: Mac) -> None:
        mac.write("private/etc/reader.conf", READER_CONF)
        assert cards(mac).emulation == ()

        mac.at(f"{DRIVER}/Contents/MacOS/GALSSDriver")
        assert cards(mac).emulation == ("reader.conf",)

    @pytest.mark.parametrize("data", [b"", b"\0" * 1000, b"LIBPATH\t/\0\n", b"LIBPATH ../../x\n"])
    def test_no_content_of_a_reader_conf_is_an_emulation(self, mac: Mac, data: bytes) -> None:
        mac.write("private/etc/reader.conf", data)

        assert cards(mac).emulation == ()

    def test_a_remark_declares_no_reader(self) -> None:
        assert parse_reader_conf('#LIBPATH /a\n# LIBPATH /b\n  LIBPATH "/c d" \n') == ("/c d",)

    @quick
    @given(st.text(max_size=200))
    def test_any_listing_names_drivers_that_can_be_printed(self, listing: str) -> None:
        assert all(name.isascii() and name.isprintable() for name in parse_tokens(listing))
        assert all(path.isprintable() for path in parse_reader_conf(listing))

    @quick
    @given(st.lists(st.from_regex(r"[a-z][a-z.]{0,20}", fullmatch=True), unique=True, max_size=9))
    def test_what_is_listed_is_read_back(self, names: list[str]) -> None:
        listing = "".join(f"{name}:{number}\n" for number, name in enumerate(names))

        assert parse_tokens(listing) == tuple(names)


def pem(*certificates: bytes) -> bytes:
    texts = (base64.encodebytes(each).decode() for each in certificates)
    return "".join(
        f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n" for text in texts
    ).encode()


class TestStores:
    def stores(self, mac: Mac) -> AuthorityStores:
        return read_authority_stores(mac.folder, mac.run, KNOWN)

    def test_both_stores_say_which_of_the_known_they_hold(self, mac: Mac) -> None:
        mac.write(f"{COFFRE}/AC_FORT_PERSONNES.cer", PERSONS)
        mac.write(f"{COFFRE}/other.cer", STRANGER)
        mac.answer(KEYCHAIN, pem(STRANGER, PERSONS, ROOT))

        coffre, keychain = self.stores(mac).stores

        assert (coffre.kind, coffre.held) == (StoreKind.COFFRE, (fingerprint(PERSONS),))
        assert (keychain.kind, keychain.name) == (StoreKind.SYSTEM, "System.keychain")
        assert keychain.held == (fingerprint(ROOT), fingerprint(PERSONS))

    def test_stores_that_are_not_there_are_told(self, mac: Mac) -> None:
        states = [each.state for each in self.stores(mac).stores]

        assert states == [FileState.ABSENT, FileState.UNREADABLE]

    def test_a_coffre_without_a_certificate_is_empty(self, mac: Mac) -> None:
        mac.write(f"{COFFRE}/readme.txt", "")

        assert self.stores(mac).stores[0].state is FileState.EMPTY

    @pytest.mark.parametrize("printed", [b"", b"-----BEGIN CERTIFICATE-----\n!", b"\xff" * 99])
    def test_a_keychain_of_anything_holds_none(self, mac: Mac, printed: bytes) -> None:
        mac.answer(KEYCHAIN, printed)

        assert self.stores(mac).stores[1].held == ()

    def test_the_host_looks_for_the_catalogue_s_own(self, mac: Mac) -> None:
        mac.answer(KEYCHAIN, pem(ROOT))

        found = mac.host().installed(AuthorityStores, CATALOGUE)

        assert [each.held for each in found.stores] == [(), ()]
