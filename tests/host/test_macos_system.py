"""The Mac and the account: what its commands print is written by hand, as their manuals have it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.macos import MacHost
from diagcps.host.macos_system import parse_boot_time, parse_enrollment, parse_id
from diagcps.model import ProbeError, ProbeTimeout, ProbeUnavailable, ProbeUnsupported
from diagcps.workstation import (
    KINDS,
    Account,
    AccountKind,
    Galss,
    Machine,
    PersonCertificates,
    Services,
    Software,
)
from tests.builders import CATALOGUE
from tests.host.mac_root import ID, PROFILES, SYSCTL_BOOT_TIME, SYSCTL_PROCESSOR, Mac
from tests.strategies import quick

PERSON = "uid=501(person) gid=20(staff) groups=20(staff),12(everyone),61(localaccounts)"
VERSION = "System/Library/CoreServices/SystemVersion.plist"


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


def machine(mac: Mac) -> Machine:
    return mac.host().installed(Machine, CATALOGUE)


class TestMachine:
    def test_an_intel_mac_translates_nothing_and_does_not_say_more(self, mac: Mac) -> None:
        found = machine(mac)

        assert found.version == "15.1"
        assert (found.managed, found.started, found.translates) == (None, None, None)

    def test_apple_silicon_is_told_by_the_system_and_not_by_this_program(self, mac: Mac) -> None:
        mac.answer(SYSCTL_PROCESSOR, "1\n")

        assert mac.host().system().architecture == "arm64"
        assert mac.host().system().name == "macOS 15.1"
        assert machine(mac).translates is False

    @pytest.mark.parametrize("folder", ["usr/share/rosetta", "usr/libexec/oah"])
    def test_rosetta_is_told_where_it_is_installed(self, mac: Mac, folder: str) -> None:
        mac.answer(SYSCTL_PROCESSOR, "1\n")
        (mac.folder / "Library/Apple" / folder).mkdir(parents=True)

        assert machine(mac).translates is True

    def test_the_moment_of_the_start_is_told(self, mac: Mac) -> None:
        mac.answer(SYSCTL_BOOT_TIME, "{ sec = 1764000000, usec = 73 } Mon Nov 24 17:00:00 2025\n")

        assert machine(mac).started == datetime(2025, 11, 24, 16, 0, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("printed", "managed"),
        [
            ("Enrolled via DEP: No\nMDM enrollment: No\n", False),
            ("Enrolled via DEP: No\nMDM enrollment: Yes (User Approved)\n", True),
            ("Enrolled via DEP: Yes\nMDM enrollment: Yes\n", True),
            ("profiles: this command requires root privileges\n", None),
        ],
    )
    def test_a_managed_mac_is_told(self, mac: Mac, printed: str, managed: bool | None) -> None:
        mac.answer(PROFILES, printed)

        assert machine(mac).managed is managed

    def test_a_command_that_hangs_leaves_the_rest(self, mac: Mac) -> None:
        mac.answer(PROFILES, ProbeTimeout("profiles"))
        mac.answer(SYSCTL_BOOT_TIME, "{ sec = 1764000000, usec = 0 }")

        assert machine(mac).managed is None
        assert machine(mac).started is not None

    @pytest.mark.parametrize("data", [b"", b"<plist/>", b"\0" * 100])
    def test_a_version_that_cannot_be_read_is_no_version(self, mac: Mac, data: bytes) -> None:
        mac.write(VERSION, data)

        assert mac.host().system().name == "macOS"
        with pytest.raises(ProbeUnavailable):
            machine(mac)

    @quick
    @given(st.text(max_size=80) | st.integers().map("{{ sec = {} , usec = 0 }}".format))
    def test_any_moment_is_a_moment_or_none(self, printed: str) -> None:
        found = parse_boot_time(printed)

        assert found is None or found.tzinfo is UTC

    @quick
    @given(st.text(max_size=80))
    def test_any_words_on_management_are_yes_no_or_nothing(self, printed: str) -> None:
        assert parse_enrollment(printed) in (True, False, None)
        assert parse_enrollment(f"{printed}\nMDM enrollment: Yes") is not None


class TestAccount:
    def account(self, mac: Mac, printed: str) -> Account:
        mac.answer(ID, printed)
        return mac.host().installed(Account, CATALOGUE)

    def test_a_person_is_no_administrator_by_default(self, mac: Mac) -> None:
        account = self.account(mac, PERSON)

        assert (account.kind, account.administrator) == (AccountKind.PERSON, False)

    def test_a_member_of_the_group_admin_is_one(self, mac: Mac) -> None:
        account = self.account(mac, f"{PERSON},80(admin),98(_lpadmin)\n")

        assert (account.kind, account.administrator) == (AccountKind.PERSON, True)

    def test_root_is_the_system(self, mac: Mac) -> None:
        account = self.account(mac, "uid=0(root) gid=0(wheel) groups=0(wheel),1(daemon)\n")

        assert (account.kind, account.administrator) == (AccountKind.SYSTEM, True)

    def test_a_name_in_it_is_not_kept(self, mac: Mac) -> None:
        assert "person" not in repr(self.account(mac, PERSON)).replace("PERSON: 'person'", "")

    @pytest.mark.parametrize("printed", ["", "id: no such user", "uid=person"])
    def test_an_account_that_is_not_told_is_unavailable(self, mac: Mac, printed: str) -> None:
        with pytest.raises(ProbeUnavailable):
            self.account(mac, printed)

    @quick
    @given(st.text(max_size=120))
    def test_any_words_are_read(self, printed: str) -> None:
        user, groups = parse_id(printed)

        assert user is None or user >= 0
        assert all(group >= 0 for group in groups)

    @quick
    @given(st.integers(0, 2**32 - 1), st.frozensets(st.integers(0, 2**32 - 1), min_size=1))
    def test_what_is_printed_is_read_back(self, user: int, groups: frozenset[int]) -> None:
        names = ",".join(f"{group}(g{group}_80)" for group in sorted(groups))

        assert parse_id(f"uid={user}(u{user}) gid=20(staff) groups={names}") == (user, groups)


READ_HERE = [kind for kind in KINDS if kind is not Software or sys.platform != "win32"]
"""Whose process it is, POSIX tells by its number."""


class TestEveryKind:
    def test_every_kind_is_read_or_unsupported_on_a_mac_without_commands(self, mac: Mac) -> None:
        unread = set()
        for kind in READ_HERE:
            try:
                assert isinstance(mac.host().installed(kind, CATALOGUE), kind)
            except ProbeUnsupported:
                unread.add(kind)
            except ProbeError:
                continue
        assert PersonCertificates in unread

    def test_only_commands_at_their_places_are_run(self, mac: Mac) -> None:
        host = mac.host()
        for kind in READ_HERE:
            try:
                host.installed(kind, CATALOGUE)
            except ProbeError:
                continue

        assert mac.asked
        assert all(command[0].startswith(("/usr/bin/", "/usr/sbin/")) for command in mac.asked)

    def test_there_is_no_service_beside_that_of_the_card(self, mac: Mac) -> None:
        assert mac.host().installed(Services, CATALOGUE).services == ()

    def test_galss_ini_is_read_where_macos_has_it(self, mac: Mac) -> None:
        mac.write("Library/Preferences/galss.ini", "[CONFIG]\nNbCanaux=1\n[CANAL1]\nTCanal=1\n")

        galss = mac.host().installed(Galss, CATALOGUE)

        assert len(galss.channels) == 1
        assert galss.source == "/Library/Preferences/galss.ini"

    def test_the_home_is_that_of_the_session(self, mac: Mac) -> None:
        host = MacHost({"HOME": "/Users/other"}, root=mac.folder, run=mac.run)

        assert host._home() == mac.folder / "Users/other"
