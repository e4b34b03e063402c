"""LinuxHost beside the real pcscd: `tests/integration/bench.sh python -m pytest tests/host`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from diagcps.facts import PcscService, ServiceState
from diagcps.host.linux import LinuxHost
from tests.integration.bench import (
    AS_NOBODY,
    SOCKET,
    Hold,
    Holder,
    HoldRefused,
    Pcscd,
    service_program,
    until,
    why_not,
)
from tests.integration.vpcd import CPS3, VirtualCard, reader_name

ASK = "from diagcps.host.linux import LinuxHost; print(LinuxHost().{question}())"
CONNECT = """
import sys
from smartcard import scard
scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
print("connected", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def inside_bench() -> None:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
def pcscd(tmp_path: Path) -> Iterator[Pcscd]:
    service = Pcscd(tmp_path)
    try:
        yield service
    finally:
        service.clean()


@pytest.fixture
def card(pcscd: Pcscd) -> Iterator[VirtualCard]:
    """A card in the first slot of the running service."""
    pcscd.start()
    card = VirtualCard(CPS3).insert()
    try:
        yield card
    finally:
        card.pull()


def state() -> ServiceState:
    return LinuxHost(environ={}).pcsc_service().state


def programs() -> tuple[str, ...]:
    return LinuxHost(environ={}).pcsc_clients().programs


def as_nobody(question: str) -> str:
    """What another, unprivileged, user is answered."""
    command = [*AS_NOBODY, sys.executable, "-c", ASK.format(question=question)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "setpriv" in done.stderr:
        pytest.skip("the bench was made without root: it holds no second user")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_service_is_running_until_it_is_stopped(pcscd: Pcscd) -> None:
    assert state() is ServiceState.STOPPED
    pcscd.start(readers=False)
    assert state() is ServiceState.RUNNING
    pcscd.stop()
    assert state() is ServiceState.STOPPED


def test_a_frozen_service_is_running_and_is_not_waited_for(pcscd: Pcscd) -> None:
    pcscd.start(readers=False)
    pcscd.freeze()

    assert state() is ServiceState.RUNNING
    assert programs() == ()


def test_a_killed_service_is_stopped_although_its_socket_stays(pcscd: Pcscd) -> None:
    pcscd.start(readers=False)
    pcscd.kill()

    assert SOCKET.is_socket()
    assert state() is ServiceState.STOPPED


def test_a_closed_socket_may_not_be_connected_to_by_another_user(pcscd: Pcscd) -> None:
    pcscd.start(readers=False)
    assert "may_connect=True" in as_nobody("pcsc_service")
    pcscd.admit(others=False)

    refused = as_nobody("pcsc_service")

    assert "may_connect=False" in refused
    assert "RUNNING" in refused
    assert LinuxHost(environ={}).pcsc_service().may_connect


@pytest.mark.parametrize("how", list(Hold))
def test_the_program_that_holds_a_card_is_named_until_it_ends(card: VirtualCard, how: Hold) -> None:
    held: list[Holder] = []

    def is_held() -> bool:
        try:
            held.append(Holder(reader_name(0), how))
        except HoldRefused:  # the service has not seen the card yet
            return False
        return True

    until(is_held, "another program holds the card")
    assert programs() == (Holder.NAME,)
    held[0].release()
    until(lambda: programs() == (), "the program is gone")


def test_a_frozen_service_still_tells_whose_connections_it_took(
    card: VirtualCard, pcscd: Pcscd
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CONNECT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        pcscd.freeze()
        assert programs() == (Path(f"/proc/{program.pid}/comm").read_text().strip(),)
        pcscd.thaw()
        program.communicate()


def test_another_user_sees_the_service_and_not_its_programs(card: VirtualCard) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CONNECT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        assert "programs=()" in as_nobody("pcsc_clients")
        program.communicate()


@pytest.fixture
def activation(pcscd: Pcscd) -> Iterator[Callable[[], PcscService]]:
    """A listener that starts pcscd at the first connection, as systemd's socket unit does."""
    starter, program = shutil.which("systemd-socket-activate"), service_program()
    if starter is None or program is None:
        pytest.skip("no systemd-socket-activate")
    if not Path("/usr/lib/systemd/system/pcscd.socket").exists():
        pytest.skip("pcscd came without a socket unit")
    command = [starter, "--listen", str(SOCKET), program, "--foreground"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        until(SOCKET.exists, "the socket is there")
        yield LinuxHost(environ={}).pcsc_service
        process.terminate()


def test_a_socket_that_starts_the_service_is_on_demand_and_asking_does_not_start_it(
    activation: Callable[[], PcscService],
) -> None:
    until(lambda: activation().state is ServiceState.ON_DEMAND, "on demand")
    assert activation().state is ServiceState.ON_DEMAND

    with subprocess.Popen(
        [sys.executable, "-c", CONNECT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        assert activation().state is ServiceState.RUNNING
        assert programs() == (Path(f"/proc/{program.pid}/comm").read_text().strip(),)
        program.communicate()
