"""What LinuxHost reads: from files in a folder of its own, and from this machine's kernel."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from diagcps.facts import ServiceState, SessionKind
from diagcps.host import this_host
from diagcps.host.linux import LinuxHost
from diagcps.model import Platform, ProbeDenied, ProbeUnavailable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files and sockets of Linux")

LISTENING = "0000000000000000: 00000002 00000000 00010000 0001 01 {inode} {path}"
CONNECTED = "0000000000000000: 00000003 00000000 00000000 0001 03 {inode} {path}"
SOCKET = "/run/pcscd/pcscd.comm"
NOBODY = 65534


class Root:
    """A folder that looks like the root of a Linux system on which nothing is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("proc/net/unix", "Num       RefCount Protocol Flags    Type St Inode Path\n")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def link(self, path: str, target: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def socket_file(self, path: str = SOCKET) -> Path:
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(file, stat.S_IFSOCK | 0o666)
        file.chmod(0o666)
        return file

    def listed(self, path: str = SOCKET, line: str = LISTENING) -> None:
        with (self.folder / "proc/net/unix").open("a", encoding="utf-8") as table:
            table.write(line.format(inode=1234, path=path) + "\n")

    def process(self, pid: int, name: str, state: str = "S", parent: int = 1) -> None:
        self.write(f"proc/{pid}/stat", f"{pid} ({name}) {state} {parent} 4 4 0 -1 4194560")
        self.write(f"proc/{pid}/comm", f"{name}\n")

    def installed(self) -> None:
        self.write("usr/sbin/pcscd", "")
        self.write("usr/lib/systemd/system/pcscd.service", "[Service]\n")
        self.write("usr/lib/systemd/system/pcscd.socket", "[Socket]\n")

    def interface(self, name: str, usb_class: str) -> None:
        self.write(f"sys/bus/usb/devices/{name}/bInterfaceClass", f"{usb_class}\n")

    def device(self, name: str, vendor: str, product: str, text: str = "") -> None:
        self.write(f"sys/bus/usb/devices/{name}/idVendor", f"{vendor}\n")
        self.write(f"sys/bus/usb/devices/{name}/idProduct", f"{product}\n")
        if text:
            self.write(f"sys/bus/usb/devices/{name}/product", f"{text}\n")

    def host(self, **environ: str) -> LinuxHost:
        return LinuxHost(self.folder, environ)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Files are opened as nobody inside the block; root may open everything."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


def test_the_host_of_this_machine_is_the_linux_one() -> None:
    host = this_host()

    assert isinstance(host, LinuxHost)
    assert host.platform is Platform.LINUX


class TestSystem:
    def test_its_name_is_the_pretty_name_of_os_release(self, root: Root) -> None:
        root.write("etc/os-release", 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n')

        system = root.host().system()

        assert system.name == "Ubuntu 24.04.1 LTS"
        assert system.architecture == os.uname().machine

    def test_without_os_release_it_is_still_linux(self, root: Root) -> None:
        (root.folder / "etc").mkdir()

        assert root.host().system().name == "Linux"

    def test_an_os_release_that_is_no_text_is_unavailable(self, root: Root) -> None:
        root.write("etc/os-release", "")
        (root.folder / "etc/os-release").write_bytes(b"PRETTY_NAME=\xff\xfe\n")

        with pytest.raises(ProbeUnavailable):
            root.host().system()

    def test_an_os_release_with_an_open_quote_is_unavailable(self, root: Root) -> None:
        root.write("etc/os-release", 'PRETTY_NAME="Debian\n')

        with pytest.raises(ProbeUnavailable):
            root.host().system()


class TestSession:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("SSH_CONNECTION", SessionKind.SSH),
            ("SSH_TTY", SessionKind.SSH),
            ("XRDP_SESSION", SessionKind.RDP),
        ],
    )
    def test_the_environment_tells_a_remote_session(
        self, root: Root, name: str, kind: SessionKind
    ) -> None:
        session = root.host(**{name: "1"}).session()

        assert (session.kind, session.source) == (kind, name)
        assert not session.redirects_cards

    def test_a_parent_named_xrdp_makes_it_an_rdp_session(self, root: Root) -> None:
        root.process(os.getpid(), "python3", parent=700)
        root.process(700, "xfce4 (session)", parent=600)
        root.process(600, "xrdp-sesman", parent=1)

        assert root.host().session().kind is SessionKind.RDP

    def test_parents_that_name_each_other_end_the_search(self, root: Root) -> None:
        root.process(os.getpid(), "python3", parent=700)
        root.process(700, "loop", parent=os.getpid())

        assert root.host().session().kind is SessionKind.LOCAL

    def test_nothing_special_is_a_local_session(self, root: Root) -> None:
        assert root.host(DISPLAY=":0").session().kind is SessionKind.LOCAL


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


class TestUsbReaders:
    def test_a_device_with_a_smart_card_interface_is_a_reader(self, root: Root) -> None:
        root.device("1-2", "08E6", "3437", "USB SmartCard Reader")
        root.interface("1-2:1.0", "0b")

        found = root.host().usb_readers()

        (reader,) = found.readers
        assert (reader.vendor_id, reader.product_id) == ("08e6", "3437")
        assert reader.name == "USB SmartCard Reader"
        assert found.source == "/sys/bus/usb/devices/*/bInterfaceClass"

    def test_other_devices_are_not(self, root: Root) -> None:
        root.device("1-1", "046d", "c31c", "USB Keyboard")
        root.interface("1-1:1.0", "03")
        root.device("usb1", "1d6b", "0002")

        assert root.host().usb_readers().readers == ()

    def test_a_device_with_two_slots_is_one_reader(self, root: Root) -> None:
        root.device("1-2.4", "0483", "ace1")
        root.interface("1-2.4:1.0", "0b")
        root.interface("1-2.4:1.1", "0b")

        assert len(root.host().usb_readers().readers) == 1

    def test_two_readers_of_one_model_are_two(self, root: Root) -> None:
        for place in ("1-3", "1-2"):
            root.device(place, "08e6", "3437")
            root.interface(f"{place}:1.0", "0b")

        assert len(root.host().usb_readers().readers) == 2

    def test_a_reader_unplugged_meanwhile_is_not_counted(self, root: Root) -> None:
        root.interface("1-2:1.0", "0b")

        assert root.host().usb_readers().readers == ()

    def test_a_name_cannot_command_a_terminal(self, root: Root) -> None:
        root.device("1-2", "08e6", "3437", "Rea\x1b[2Jder\x07")
        root.interface("1-2:1.0", "0b")

        assert root.host().usb_readers().readers[0].name == "Rea[2Jder"

    def test_a_system_without_usb_is_unavailable(self, root: Root) -> None:
        with pytest.raises(ProbeUnavailable):
            root.host().usb_readers()


CLIENT = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()
"""


@contextmanager
def connected_program(executable: Path, path: str) -> Iterator[None]:
    """Another program, with the name of the executable, that is connected to the socket."""
    with subprocess.Popen(
        [executable, "-c", CLIENT, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stdin is not None
        assert program.stdout.readline() == b"connected\n"
        yield
        program.stdin.close()


class TestClients:
    """On the kernel of this machine, with a socket of the test's own in the service's place."""

    @pytest.fixture
    def path(self) -> Iterator[str]:
        # A socket's path holds 107 characters, fewer than some temporary folders of pytest.
        with tempfile.TemporaryDirectory() as folder:
            yield f"{folder}/pcscd.comm"

    @pytest.fixture
    def service(self, path: str) -> Iterator[socket.socket]:
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(path)
            listener.listen()
            yield listener

    @pytest.fixture
    def billing(self, tmp_path: Path) -> Path:
        """Python under another name: a process is called as the file it was started from."""
        program = tmp_path / "billing"
        program.symlink_to(sys.executable)
        return program

    def host(self, path: str) -> LinuxHost:
        return LinuxHost(environ={"PCSCLITE_CSOCK_NAME": path})

    def test_a_program_is_named_while_it_is_connected(
        self, service: socket.socket, path: str, billing: Path
    ) -> None:
        with connected_program(billing, path):
            accepted, _ = service.accept()
            assert self.host(path).pcsc_clients().programs == ("billing",)
        accepted.close()

        assert self.host(path).pcsc_clients().programs == ()

    def test_two_copies_of_a_program_are_named_once(
        self, service: socket.socket, path: str, billing: Path
    ) -> None:
        with connected_program(billing, path), connected_program(billing, path):
            first, second = service.accept()[0], service.accept()[0]
            assert self.host(path).pcsc_clients().programs == ("billing",)
        first.close()
        second.close()

    def test_this_program_is_not_named(self, service: socket.socket, path: str) -> None:
        with socket.socket(socket.AF_UNIX) as ours:
            ours.connect(path)
            accepted, _ = service.accept()
            assert self.host(path).pcsc_clients().programs == ()
            accepted.close()

    def test_a_connection_that_waits_to_be_accepted_names_nobody(
        self, service: socket.socket, path: str, billing: Path
    ) -> None:
        with connected_program(billing, path):
            assert self.host(path).pcsc_clients().programs == ()

    def test_a_child_that_inherited_our_connection_is_not_another_program(
        self, service: socket.socket, path: str, billing: Path
    ) -> None:
        with socket.socket(socket.AF_UNIX) as ours:
            ours.connect(path)
            accepted, _ = service.accept()
            with subprocess.Popen(
                [billing, "-c", "import sys; sys.stdin.read()"],
                stdin=subprocess.PIPE,
                pass_fds=[ours.fileno()],
            ) as child:
                assert self.host(path).pcsc_clients().programs == ()
                child.communicate()
            accepted.close()

    def test_programs_connected_elsewhere_are_not_named(
        self, service: socket.socket, path: str, billing: Path
    ) -> None:
        with closing(socket.socket(socket.AF_UNIX)) as other:
            other.bind(f"{path}.other")
            other.listen()
            with connected_program(billing, f"{path}.other"):
                accepted, _ = other.accept()
                assert self.host(path).pcsc_clients().programs == ()
                accepted.close()

    def test_without_a_service_there_is_nobody_to_ask(self, path: str) -> None:
        with pytest.raises(ProbeUnavailable):
            self.host(path).pcsc_clients()

    def test_a_socket_in_its_place_is_a_service_that_runs(
        self, service: socket.socket, path: str
    ) -> None:
        found = self.host(path).pcsc_service()

        assert (found.state, found.may_connect) == (ServiceState.RUNNING, True)
        service.setblocking(False)
        with pytest.raises(BlockingIOError):
            service.accept()
