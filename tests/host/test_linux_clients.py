"""Which programs LinuxHost names, by this machine's kernel and a socket of the test's own."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from diagcps.facts import ServiceState
from diagcps.host.linux import LinuxHost
from diagcps.model import ProbeUnavailable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files and sockets of Linux")

CLIENT = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()
"""


@contextmanager
def connected_program(executable: Path, path: str, *arguments: str) -> Iterator[None]:
    """Another program, with the name of the executable, that is connected to the socket."""
    with subprocess.Popen(
        [executable, "-c", CLIENT, path, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
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

    def test_the_process_in_which_a_library_is_read_is_no_other_program(
        self, service: socket.socket, path: str, billing: Path
    ) -> None:
        with connected_program(billing, path, "_read-library"):
            accepted, _ = service.accept()
            assert self.host(path).pcsc_clients().programs == ()
            accepted.close()

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
