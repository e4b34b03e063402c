"""Lines 1, 2 and 5: where the agent listens, and that it is each user's own."""

from __future__ import annotations

import ipaddress
import itertools
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from diagcps.model import UsageError
from diagcps.web import server

from . import wire
from .live import Live
from .process import CHECKOUT, SCENARIO, Running, environment, posix, run
from .squatter import Squatter
from .wire import LOOPBACK

NOBODY = 65534


def other_addresses() -> list[str]:
    """Addresses of this machine that the agent is not bound to."""
    own = {"127.0.0.2", "::1"}
    with suppress(OSError):  # Wine does not tell
        for entry in itertools.chain(*psutil.net_if_addrs().values()):
            with suppress(ValueError):
                own.add(str(ipaddress.ip_address(entry.address.partition("%")[0])))
    own.discard(LOOPBACK)
    return sorted(address for address in own if not address.startswith("fe80"))


@pytest.mark.parametrize("address", other_addresses())
def test_other_addresses_of_this_machine_are_refused(live: Live, address: str) -> None:
    with pytest.raises(OSError):
        socket.create_connection((address, live.port), timeout=5.0).close()


@posix
def test_agent_listens_on_the_loopback_address_alone(tmp_path: Path) -> None:
    with Running(tmp_path) as running:
        running.address()
        connections = psutil.Process(running.process.pid).net_connections(kind="all")
    listening = [each.laddr for each in connections if each.status == psutil.CONN_LISTEN]
    assert listening == [(LOOPBACK, running.port)]


def test_port_is_another_one_each_time() -> None:
    ports = set()
    for _ in range(5):
        with closing(server.listen(None)) as listening:
            ports.add(listening.getsockname()[1])
    assert len(ports) > 1
    assert min(ports) >= 1024


@posix
def test_fixed_port_is_taken(tmp_path: Path) -> None:
    with closing(server.listen(None)) as free:
        port = free.getsockname()[1]
    with Running(tmp_path, "--port", str(port)) as running:
        assert running.address().startswith(f"http://127.0.0.1:{port}/open/")


@posix
def test_squatter_is_named_and_told_nothing(tmp_path: Path) -> None:
    with Squatter() as squatter:
        taken = run(tmp_path, "serve", "--no-browser", *SCENARIO, "--port", str(squatter.port))
        assert (squatter.connections, squatter.heard) == (0, [])
    assert (taken.returncode, taken.stdout) == (64, "")
    name = psutil.Process().name()
    assert taken.stderr == f"diagcps: port {squatter.port} is taken by {name}\n"


RENAMED = """
import pathlib, socket
pathlib.Path("/proc/self/comm").write_bytes(b"a\\x1b[2J\\nb\\xe2\\x80\\xaec")
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a program renames itself in /proc")
def test_name_of_a_squatter_drives_no_terminal() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RENAMED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        port = int(program.stdout.readline())
        with pytest.raises(UsageError, match=f"port {port} is taken by a") as raised:
            server.listen(port)
        program.communicate("\n")
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("fixed", [False, True])
def test_no_second_socket_can_share_the_port(fixed: bool) -> None:
    with closing(server.listen(None)) as listening:
        port = listening.getsockname()[1]
        if fixed:
            listening.close()
            listening = server.listen(port)
        with closing(listening):
            for option in ("SO_REUSEADDR", "SO_REUSEPORT"):
                for address in (LOOPBACK, "0.0.0.0"):
                    with pytest.raises(OSError):
                        listen_too(address, port, getattr(socket, option, 0))
            with pytest.raises(UsageError):
                server.listen(port)


def listen_too(address: str, port: int, option: int) -> None:
    """Returns when another socket could listen on the same port. Raises OSError."""
    with closing(socket.socket()) as second:
        if option:
            second.setsockopt(socket.SOL_SOCKET, option, 1)
        second.bind((address, port))
        second.listen()


@posix
@pytest.mark.parametrize("kind", ["file", "link"])
def test_agent_starts_without_a_folder_of_its_own(tmp_path: Path, kind: str) -> None:
    (tmp_path / "state").mkdir()
    folder = tmp_path / "state" / "diagcps"
    if kind == "file":
        folder.write_text("")
    else:
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    with Running(tmp_path) as running:
        running.address()
        answer = wire.exchange(
            running.port, wire.request("GET", running.path, hosts=(running.host,))
        )
        assert answer.status == 200
        assert [path for path in tmp_path.rglob("*") if path.name == "agent.json"] == []
        assert running.end() == (0, "")
    assert folder.is_symlink() or folder.read_text() == ""


@posix
def test_agent_starts_below_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with Running(tmp_path / "home") as running:
        running.address()
        assert running.end() == (0, "")


@dataclass(frozen=True, kw_only=True)
class Nobody:
    """Another user of this machine, and a Python that this user may run."""

    home: Path
    python: str

    def run(self, *command: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
        """A program of that user, ended."""
        return subprocess.run(
            [self.python, *command],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=30.0,
            check=False,
            **self.options(home),
        )

    def options(self, home: Path | None = None) -> dict[str, Any]:
        """What makes a program that user's."""
        env = environment(home or self.home, PYTHONPATH=sysconfig.get_path("purelib"))
        return {"user": NOBODY, "group": NOBODY, "extra_groups": (), "env": env}


@pytest.fixture(scope="module")
def nobody() -> Iterator[Nobody]:
    """Another user; skips, and says why, where none can be had."""
    if os.name != "posix" or os.getuid() != 0:
        pytest.skip("only root can run a program as another user")
    minor = f"python3.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory() as home:
        shutil.chown(home, NOBODY, NOBODY)
        for python in (sys.executable, shutil.which(minor, path="/usr/bin:/usr/local/bin")):
            user = Nobody(home=Path(home), python=python or "")
            with suppress(OSError):
                if user.run("-c", "import aiohttp, diagcps.cli").returncode == 0:
                    yield user
                    return
    pytest.skip("no Python here that another user may run")


@pytest.fixture
def theirs(nobody: Nobody) -> Iterator[Running]:
    """The agent of the other user."""
    with Running(nobody.home, python=nobody.python, user=nobody.options()) as running:
        running.address()
        yield running


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Running]:
    """Our own agent."""
    with Running(tmp_path) as running:
        running.address()
        yield running


def test_agents_of_two_users_run_side_by_side(ours: Running, theirs: Running) -> None:
    assert ours.port != theirs.port
    for agent in (ours, theirs):
        raw = wire.request("GET", agent.path, hosts=(agent.host,))
        assert wire.exchange(agent.port, raw).status == 200


def test_session_of_one_user_is_none_for_the_other(ours: Running, theirs: Running) -> None:
    raw = wire.request("GET", theirs.path, hosts=(theirs.host,))
    key = wire.exchange(theirs.port, raw).one("Set-Cookie").split(";")[0].partition("=")[2]
    for path in ("/", "/events", theirs.path):
        cookie = (("Cookie", f"diagcps-{ours.port}={key}"),)
        raw = wire.request("GET", path, hosts=(ours.host,), headers=cookie)
        assert wire.exchange(ours.port, raw).status == 403


READ = "import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())"


def test_port_file_is_closed_to_other_users(ours: Running, theirs: Running, nobody: Nobody) -> None:
    own = nobody.run("-c", READ, str(theirs.port_file))
    assert str(theirs.port) in own.stdout
    other = nobody.run("-c", READ, str(ours.port_file))
    assert other.stdout == ""
    assert "PermissionError" in other.stderr


def test_second_start_of_another_user_does_not_reach_our_agent(
    ours: Running, nobody: Nobody
) -> None:
    folder = ours.folder.parent.parent
    with Running(folder, python=nobody.python, user=nobody.options(folder)) as running:
        running.address()
        assert running.port != ours.port


def test_foreign_port_file_is_not_believed(theirs: Running, tmp_path: Path) -> None:
    """Root can read it all the same: it is refused for its owner."""
    folder = tmp_path / "state" / "diagcps"
    folder.mkdir(parents=True, mode=0o700)
    copy = shutil.copy(theirs.port_file, folder / "agent.json")
    os.chown(copy, NOBODY, NOBODY)
    Path(copy).chmod(0o600)
    with Running(tmp_path) as running:
        running.address()
        assert running.port != theirs.port
