"""Which programs of the catalogue run, and who listens on the ports they share."""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.ports import listener, listening
from diagcps.host.programs import of_this_user_or_root, sought_programs
from diagcps.host.software import count_running, read_software
from diagcps.model import Platform, ProbeUnavailable, ProbeUnsupported
from diagcps.workstation import Listener, Running, Software
from tests.builders import CATALOGUE
from tests.strategies import quick

LINUX, MACOS, WINDOWS = Platform.LINUX, Platform.MACOS, Platform.WINDOWS
posix = pytest.mark.skipif(sys.platform == "win32", reason="what Windows has not")


class Denied(Exception):
    """What psutil raises where it is refused."""


class Process(SimpleNamespace):
    """A process as psutil shows it."""

    def oneshot(self) -> Any:
        return nullcontext()

    def name(self) -> str:
        return str(self.called)

    def exe(self) -> str:
        return f"/somewhere/{self.called}"


@pytest.fixture
def given_machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a psutil in place with these processes, and these listeners by process and port."""

    def put(processes: dict[int, str], connections: Any = ()) -> None:
        def process(pid: int) -> Process:
            if pid not in processes:
                raise Denied
            return Process(pid=pid, called=processes[pid])

        def net_connections(kind: str) -> list[Any]:
            assert kind == "tcp"
            if isinstance(connections, Exception):
                raise connections
            return [
                SimpleNamespace(pid=pid, laddr=SimpleNamespace(port=port), status=status)
                for pid, port, status in connections
            ]

        fake = SimpleNamespace(
            pids=lambda: sorted(processes), Process=process, net_connections=net_connections,
            Error=Denied, AccessDenied=Denied, CONN_LISTEN="LISTEN",
        )  # fmt: skip
        monkeypatch.setitem(sys.modules, "psutil", fake)

    return put


def read(platform: Platform = WINDOWS, *, ours: Any = lambda _: True, **options: Any) -> Software:
    return read_software(platform, CATALOGUE, is_ours=ours, source="test", **options)


def test_processes_are_counted_by_program_in_order_of_names(given_machine: Any) -> None:
    given_machine({1: "dmpconnect-js2.exe", 2: "dmpconnectjs_monitor.exe", 3: "CCM.exe", 4: "x"})
    assert read().running == (
        Running(name="DMP Connect-JS2", processes=2),
        Running(name="Gestionnaire de certificats CPS", processes=1),
    )


def test_only_ours_are_counted(given_machine: Any) -> None:
    given_machine({1: "CCM.exe", 2: "CCM.exe"})
    (found,) = read(ours=lambda process: process.pid == 2).running
    assert found.processes == 1


@pytest.mark.parametrize(("platform", "helping"), [(WINDOWS, 1), (LINUX, 1), (MACOS, 0)])
def test_what_exists_while_help_is_given_is_counted_where_it_does_not_always_run(
    given_machine: Any, platform: Platform, helping: int
) -> None:
    given_machine({1: "TeamViewer", 2: "TeamViewer_Desktop", 3: "TeamViewer_Service"})
    (found,) = read(platform).running
    assert (found.name, found.processes, found.helping) == ("TeamViewer", 2, helping)


def test_a_listener_goes_by_the_catalogues_name_else_by_its_own(given_machine: Any) -> None:
    given_machine(
        {1: "JuxtaLink.exe", 2: "fsenxt.exe", 3: "strange.exe"},
        [(1, 1234, "LISTEN"), (2, 10500, "LISTEN"), (3, 9982, "LISTEN"), (3, 9982, "LISTEN")],
    )
    assert read().listeners == (
        Listener(port=1234, program="JuxtaLink", known=True),
        Listener(port=9982, program="strange.exe", known=False),
        Listener(port=10500, program="Affid", known=False),
    )


def test_a_listener_that_the_system_hides_has_no_name(given_machine: Any) -> None:
    given_machine({1: "x"}, [(None, 1234, "LISTEN"), (77, 1922, "LISTEN")])
    assert read().listeners == (
        Listener(port=1234, program="", known=False),
        Listener(port=1922, program="", known=False),
    )


def test_other_ports_and_other_connections_are_left_out(given_machine: Any) -> None:
    given_machine({1: "x"}, [(1, 1234, "ESTABLISHED"), (1, 631, "LISTEN")])
    assert read().listeners == ()


@pytest.mark.parametrize("error", [Denied(), PermissionError()])
def test_where_the_system_does_not_tell_who_listens_nobody_is_known(
    given_machine: Any, error: Exception
) -> None:
    given_machine({1: "JuxtaLink.exe"}, error)
    found = read()
    assert found.listeners is None
    assert [each.name for each in found.running] == ["JuxtaLink"]
    assert listener(1234) == ""


def test_who_listens_is_not_asked_where_it_is_not_told(given_machine: Any) -> None:
    given_machine({1: "JuxtaLink.exe"}, AssertionError("asked"))
    assert read(listeners=False).listeners is None


def test_names_that_others_chose_are_printable_and_short(given_machine: Any) -> None:
    given_machine({1: "\x1b[2J<script>" + "x" * 1000}, [(1, 1234, "LISTEN")])
    (found,) = read().listeners or ()
    assert found.program == ("[2J<script>" + "x" * 1000)[:64]


def test_a_machine_that_lists_no_process_is_unavailable(
    given_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pids() -> list[int]:
        raise Denied

    given_machine({})
    monkeypatch.setattr(sys.modules["psutil"], "pids", pids)
    with pytest.raises(ProbeUnavailable):
        read()


def test_without_psutil_nothing_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(ProbeUnsupported):
        read()
    assert listener(1234) == ""


names = st.text(max_size=20) | st.sampled_from(
    ["CCM.exe", "firefox", "TeamViewer_Desktop", "dmpconnect-js2", "jfse-agent"]
)


@quick
@given(processes=st.lists(st.lists(names, max_size=2).map(tuple), max_size=8))
def test_any_processes_are_counted_as_if_each_were_alone(processes: list[tuple[str, ...]]) -> None:
    sought = sought_programs(CATALOGUE, LINUX)
    alone = Counter(found.name for each in processes for found in count_running([each], sought))
    together = {found.name: found.processes for found in count_running(processes, sought)}
    assert together == dict(alone)


@pytest.mark.skipif(sys.platform == "win32", reason="Wine names the owner of few sockets")
def test_this_process_listens_where_it_does() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert (port, os.getpid()) in listening((port,))
        assert listener(port)
    assert listening((port,)) == ()


@posix
def test_this_process_is_of_this_user_or_of_root() -> None:
    import psutil

    assert of_this_user_or_root(psutil.Process())
    assert of_this_user_or_root(psutil.Process(1))
