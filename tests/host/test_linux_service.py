"""What LinuxHost reads of the smart-card service, in files of the test's own."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagcps.facts import ServiceState
from diagcps.model import ProbeDenied, ProbeUnavailable
from tests.host.linux_root import CONNECTED, SOCKET, Root, unprivileged

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files and sockets of Linux")


class TestService:
    def test_nothing_of_it_is_absent(self, root: Root) -> None:
        service = root.host().pcsc_service()

        assert service.state is ServiceState.ABSENT
        assert service.may_connect

    def test_installed_without_a_socket_is_stopped(self, root: Root) -> None:
        root.installed()

        assert root.host().pcsc_service().state is ServiceState.STOPPED

    def test_a_binary_alone_is_an_installed_service(self, root: Root) -> None:
        root.write("usr/bin/pcscd", "")

        assert root.host().pcsc_service().state is ServiceState.STOPPED

    def test_a_recorded_daemon_with_its_socket_is_running(self, root: Root) -> None:
        root.socket_file()
        root.write("run/pcscd/pcscd.pid", "812\n")
        root.process(812, "pcscd")

        assert root.host().pcsc_service().state is ServiceState.RUNNING

    def test_a_visible_daemon_that_listens_is_running(self, root: Root) -> None:
        root.installed()
        root.socket_file()
        root.listed()
        root.process(812, "pcscd")

        assert root.host().pcsc_service().state is ServiceState.RUNNING

    def test_a_frozen_daemon_is_running(self, root: Root) -> None:
        root.socket_file()
        root.listed()
        root.process(812, "pcscd", state="T")

        assert root.host().pcsc_service().state is ServiceState.RUNNING

    def test_a_listening_socket_without_a_daemon_is_on_demand(self, root: Root) -> None:
        root.installed()
        root.socket_file()
        root.listed()
        root.process(812, "bash")

        service = root.host().pcsc_service()

        assert service.state is ServiceState.ON_DEMAND
        assert service.source == f"/proc/net/unix: {SOCKET}, pcscd.socket"

    def test_a_socket_listed_under_var_run_is_the_same(self, root: Root) -> None:
        root.installed()
        root.socket_file()
        root.listed("/var/run/pcscd/pcscd.comm")

        assert root.host().pcsc_service().state is ServiceState.ON_DEMAND

    def test_a_listener_that_systemd_does_not_know_is_running(self, root: Root) -> None:
        root.socket_file()
        root.listed()

        assert root.host().pcsc_service().state is ServiceState.RUNNING

    @pytest.mark.parametrize("pid", ["812", "999", "nonsense", "../812", ""])
    def test_a_stale_socket_is_stopped(self, root: Root, pid: str) -> None:
        root.installed()
        root.socket_file()
        root.write("run/pcscd/pcscd.pid", pid)
        root.process(812, "firefox")

        assert root.host().pcsc_service().state is ServiceState.STOPPED

    def test_a_killed_daemon_that_is_a_zombie_is_stopped(self, root: Root) -> None:
        root.installed()
        root.socket_file()
        root.write("run/pcscd/pcscd.pid", "812")
        root.process(812, "pcscd", state="Z")

        assert root.host().pcsc_service().state is ServiceState.STOPPED

    def test_connections_left_on_a_closed_socket_do_not_listen(self, root: Root) -> None:
        root.installed()
        root.socket_file()
        root.listed(line=CONNECTED)

        assert root.host().pcsc_service().state is ServiceState.STOPPED

    def test_a_daemon_whose_socket_was_removed_is_stopped(self, root: Root) -> None:
        root.write("run/pcscd/pcscd.pid", "812")
        root.process(812, "pcscd")
        root.listed()

        assert root.host().pcsc_service().state is ServiceState.STOPPED

    @pytest.mark.parametrize("unit", ["pcscd.service", "pcscd.socket"])
    def test_a_masked_unit_is_disabled(self, root: Root, unit: str) -> None:
        root.installed()
        root.link(f"etc/systemd/system/{unit}", "/dev/null")

        service = root.host().pcsc_service()

        assert service.state is ServiceState.DISABLED
        assert service.source == f"systemd: {unit} is masked"

    def test_an_empty_unit_file_is_a_mask(self, root: Root) -> None:
        root.installed()
        root.write("etc/systemd/system/pcscd.service", "")

        assert root.host().pcsc_service().state is ServiceState.DISABLED

    def test_a_unit_in_etc_wins_over_a_mask_in_run(self, root: Root) -> None:
        root.write("etc/systemd/system/pcscd.service", "[Service]\n")
        root.link("run/systemd/system/pcscd.service", "/dev/null")

        assert root.host().pcsc_service().state is ServiceState.STOPPED

    def test_a_listening_socket_whose_service_is_masked_is_disabled(self, root: Root) -> None:
        root.installed()
        root.socket_file()
        root.listed()
        root.link("etc/systemd/system/pcscd.service", "/dev/null")

        assert root.host().pcsc_service().state is ServiceState.DISABLED

    def test_a_daemon_runs_whatever_its_unit_says(self, root: Root) -> None:
        root.installed()
        root.socket_file()
        root.listed()
        root.process(812, "pcscd")
        root.link("etc/systemd/system/pcscd.service", "/dev/null")

        assert root.host().pcsc_service().state is ServiceState.RUNNING

    def test_a_socket_named_by_the_environment_is_the_one_asked(self, root: Root) -> None:
        root.installed()
        root.socket_file("/home/someone/pcscd.comm")
        root.listed("/home/someone/pcscd.comm")

        service = root.host(PCSCLITE_CSOCK_NAME="/home/someone/pcscd.comm").pcsc_service()

        assert service.state is ServiceState.RUNNING
        assert "someone" not in service.source

    def test_a_wrong_socket_in_the_environment_hides_a_running_service(self, root: Root) -> None:
        root.installed()
        root.socket_file()
        root.listed()
        root.write("run/pcscd/pcscd.pid", "812")
        root.process(812, "pcscd")

        service = root.host(PCSCLITE_CSOCK_NAME="/nowhere/pcscd.comm").pcsc_service()

        assert service.state is ServiceState.STOPPED
        assert service.source == "nothing listens on PCSCLITE_CSOCK_NAME"

    def test_a_running_daemon_does_not_listen_on_a_socket_of_another_name(self, root: Root) -> None:
        root.installed()
        root.socket_file("/tmp/left.comm")
        root.write("run/pcscd/pcscd.pid", "812")
        root.process(812, "pcscd")

        service = root.host(PCSCLITE_CSOCK_NAME="/tmp/left.comm").pcsc_service()

        assert service.state is ServiceState.STOPPED

    @pytest.mark.parametrize("line", ["\n", "a b\n", "a b c zz 1 1 1 " + SOCKET + "\n"])
    def test_a_line_of_the_table_that_makes_no_sense_is_passed_over(
        self, root: Root, line: str
    ) -> None:
        root.installed()
        root.socket_file()
        root.write("proc/net/unix", "header\n" + line)
        root.listed()

        assert root.host().pcsc_service().state is ServiceState.ON_DEMAND

    def test_without_the_kernels_table_a_socket_cannot_be_judged(self, root: Root) -> None:
        root.socket_file()
        (root.folder / "proc/net/unix").unlink()

        with pytest.raises(ProbeUnavailable):
            root.host().pcsc_service()


class TestPermission:
    """A folder under /tmp of its own: pytest's are closed to other users, and nobody is one."""

    @pytest.fixture
    def open_root(self) -> Iterator[Root]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            root = Root(folder)
            root.installed()
            yield root

    def test_a_socket_that_anybody_may_write_to_may_be_connected_to(self, open_root: Root) -> None:
        open_root.socket_file()
        open_root.listed()

        with unprivileged():
            assert open_root.host().pcsc_service().may_connect

    def test_a_socket_without_write_permission_may_not_be_connected_to(
        self, open_root: Root
    ) -> None:
        open_root.socket_file().chmod(0o444)
        open_root.listed()

        with unprivileged():
            service = open_root.host().pcsc_service()

        assert service.state is ServiceState.ON_DEMAND
        assert not service.may_connect

    def test_a_socket_in_a_closed_folder_may_not_be_connected_to(self, open_root: Root) -> None:
        folder = open_root.socket_file().parent
        open_root.listed()
        folder.chmod(0o600)

        with unprivileged():
            service = open_root.host().pcsc_service()
        folder.chmod(0o755)

        assert service.state is ServiceState.ON_DEMAND
        assert not service.may_connect

    def test_a_table_that_may_not_be_read_is_a_refusal(self, open_root: Root) -> None:
        open_root.socket_file()
        (open_root.folder / "proc/net/unix").chmod(0)

        with unprivileged(), pytest.raises(ProbeDenied):
            open_root.host().pcsc_service()
