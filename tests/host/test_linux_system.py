"""The Linux system and the account, in files of the test's own."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.linux_system import (
    parse_groups,
    parse_os_release,
    parse_started,
    read_account,
    read_machine,
)
from diagcps.model import ProbeUnavailable
from diagcps.workstation import AccountKind, MachineRole
from tests.host.linux_root import Root
from tests.strategies import quick

posix = pytest.mark.skipif(sys.platform == "win32", reason="files of Linux")

RHEL = 'NAME="Red Hat Enterprise Linux"\nVERSION_ID="9.4"\nID="rhel"\nID_LIKE="fedora"\n'
GROUPS = "root:x:0:\nwheel:x:10:root\nusers:x:100:\n"


class TestOsRelease:
    def test_values_are_those_that_a_shell_reads(self) -> None:
        text = "# a remark\nID=debian\nVERSION_ID=\"12\"\nID_LIKE='a b'\n\nPRETTY_NAME=Deb\\ ian\n"

        assert parse_os_release(text) == {
            "ID": "debian",
            "VERSION_ID": "12",
            "ID_LIKE": "a b",
            "PRETTY_NAME": "Deb ian",
        }

    def test_what_is_no_assignment_is_passed_over(self) -> None:
        text = 'ID="debian\nVERSION_ID\n=1\nexport A=1\nid=2\n' + "LONG=" + "x" * (1 << 20)

        assert parse_os_release(text) == {}

    @quick
    @given(st.lists(st.sampled_from(["ID", "=", '"', "'", "\\", "\n", "\x1b"]) | st.text()))
    def test_any_text_is_read(self, parts: list[str]) -> None:
        found = parse_os_release("".join(parts))

        assert all(value.isprintable() and len(value) <= 64 for value in found.values())

    @quick
    @given(st.text("abc .-09é", max_size=40))
    def test_what_was_written_is_read(self, value: str) -> None:
        assert parse_os_release(f'ID="{value}"\n') == {"ID": value.strip()}


class TestStarted:
    def test_it_is_told_in_utc(self) -> None:
        text = "cpu  1 2 3\nintr 9 0 0\nctxt 5\nbtime 1725275075\nprocesses 7\n"

        assert parse_started(text) == datetime(2024, 9, 2, 11, 4, 35, tzinfo=UTC)

    def test_a_clock_of_1970_is_told(self) -> None:
        assert parse_started("btime 60\n") == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text", ["", "btime\n", "btime -1\n", "xbtime 1\n", "btime 999999999999\n"]
    )
    def test_else_nothing_is_said(self, text: str) -> None:
        assert parse_started(text) is None


@quick
@given(st.text() | st.from_regex(r"btime [0-9]{1,20}\n"))
def test_any_text_has_a_start_or_none(text: str) -> None:
    found = parse_started(text)

    assert found is None or found.tzinfo is UTC


@posix
class TestMachine:
    def test_a_supported_system_is_told(self, root: Root) -> None:
        root.write("etc/os-release", RHEL)
        root.write("proc/stat", "btime 1725275075\n")

        machine = read_machine(root.folder)

        assert (machine.distribution, machine.version) == ("rhel", "9.4")
        assert (machine.like, machine.role) == (("fedora",), MachineRole.WORKSTATION)
        assert machine.started == datetime(2024, 9, 2, 11, 4, 35, tzinfo=UTC)
        assert machine.managed is None
        assert machine.source == "/etc/os-release, /proc/stat"

    def test_the_vendor_s_file_is_read_where_there_is_no_other(self, root: Root) -> None:
        root.write("usr/lib/os-release", "ID=fedora\nVARIANT_ID=server\n")

        machine = read_machine(root.folder)

        assert (machine.distribution, machine.version) == ("fedora", "")
        assert machine.role is MachineRole.SERVER
        assert machine.started is None

    def test_a_system_that_does_not_say_its_name_is_linux(self, root: Root) -> None:
        root.write("etc/os-release", "")

        assert read_machine(root.folder).distribution == "linux"

    def test_a_member_of_a_domain_is_managed(self, root: Root) -> None:
        root.write("etc/os-release", RHEL)
        root.write("etc/sssd/sssd.conf", "[domain/chu]\nid_provider = ad\n")

        assert read_machine(root.folder).managed is True

    def test_another_provider_says_nothing(self, root: Root) -> None:
        root.write("etc/os-release", RHEL)
        root.write("etc/sssd/sssd.conf", "[domain/x]\n# id_provider = ad\nid_provider = ldap\n")

        assert read_machine(root.folder).managed is None

    @pytest.mark.parametrize("what", ["none", "pipe", "loop", "large"])
    def test_without_an_os_release_nothing_is_known(self, root: Root, what: str) -> None:
        match what:
            case "pipe":
                root.pipe("etc/os-release")
            case "loop":
                root.link("etc/os-release", "os-release")
            case "large":
                root.write("etc/os-release", RHEL + "#" * (1 << 20))

        with pytest.raises(ProbeUnavailable):
            read_machine(root.folder)


@posix
class TestAccount:
    def test_root_is_the_system_whoever_asked_for_it(self, root: Root) -> None:
        account = read_account(root.folder, user=0, groups=(0,))

        assert account.kind is AccountKind.SYSTEM
        assert account.administrator is True

    @pytest.mark.parametrize("group", ["sudo", "wheel", "admin"])
    def test_a_member_of_the_administrators_is_one(self, root: Root, group: str) -> None:
        root.write("etc/group", f"users:x:100:\n{group}:x:27:person\n")

        account = read_account(root.folder, user=1000, groups=(1000, 27))

        assert account.kind is AccountKind.PERSON
        assert account.administrator is True

    def test_anybody_else_is_none(self, root: Root) -> None:
        root.write("etc/group", GROUPS)

        assert read_account(root.folder, user=1000, groups=(100,)).administrator is False

    @pytest.mark.parametrize("groups", [None, "", "users:x:100:\n"])
    def test_a_system_without_administrators_does_not_say(
        self, root: Root, groups: str | None
    ) -> None:
        if groups is not None:
            root.write("etc/group", groups)

        assert read_account(root.folder, user=1000, groups=(100,)).administrator is None


def test_groups_are_read_with_their_numbers() -> None:
    text = f"{GROUPS}# a remark\nbroken:x\nnumber:x:ten:\nlarge:x:{'9' * 5000}:\n+::-1:\n"

    assert parse_groups(text) == {"root": 0, "wheel": 10, "users": 100}


@quick
@given(st.lists(st.sampled_from([":", "\n", "wheel", "10", "٣"]) | st.text()).map("".join))
def test_any_text_has_groups_or_none(text: str) -> None:
    assert all(number >= 0 for number in parse_groups(text).values())
