"""The bench is a real workstation: programs that nobody here wrote see what a test sets up.

pcsc_scan (pcsc-tools) and opensc-tool (OpenSC) speak PC/SC by themselves and know nothing of
this project.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from . import vpcd
from .bench import RUN, SOCKET, Hold, Holder, HoldRefused, Pcscd, until
from .conftest import InsertCard
from .vpcd import CPS3, CPS4_T0, CPS4_T1, MUTE, OTHER, PORT, POWER_OFF, POWER_ON, reader_name

pytestmark = pytest.mark.timeout(30)

BENCH = Path(__file__).with_name("bench.sh")
SECONDS_TO_HANG = 1.5
"""Long enough to call a tool hung that otherwise answers in a tenth of a second."""

EVERY_ATR = {
    name: getattr(vpcd, name)
    for name in (
        *("CPS3", "CPS2TER", "CPS4_T1", "CPS4_RC", "CPS4_T0", "CPS3_CONTACTLESS"),
        *("VITALE_2", "VITALE_1", "AGENT", "OTHER"),
    )
}

StartHolder = Callable[[str, Hold], Holder]


class Sight(NamedTuple):
    """What pcsc_scan says of one reader."""

    state: str
    atr: str


@pytest.fixture(autouse=True)
def tools(inside_bench: None) -> None:
    """Skips where the programs that judge the bench are not installed."""
    missing = [tool for tool in ("pcsc_scan", "opensc-tool") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (pcsc-tools, opensc)")


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment, changed; None takes a variable away."""
    merged = {**os.environ, "LC_ALL": "C", "TERM": "dumb", **changes}
    return {name: value for name, value in merged.items() if value is not None}


@contextmanager
def started(*command: str, **changes: str | None) -> Iterator[subprocess.Popen[str]]:
    """A running program, whose output is caught; ended at the end of the block if it still runs."""
    process = subprocess.Popen(
        command,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run(*command: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; raises TimeoutExpired, having ended it, after 20 seconds."""
    with started(*command, **changes) as process:
        output, _ = process.communicate(timeout=20)
    return subprocess.CompletedProcess(command, process.returncode, output)


def scan() -> dict[str, Sight]:
    """Each reader's state and ATR, from pcsc_scan."""
    row = r"Reader \d+: (.+)\n.*Event number.*\n *Card state: (.*)\n(?: *ATR: ([0-9A-F ]+)\n)?"
    found = re.findall(row, run("pcsc_scan", "-c").stdout)
    return {name: Sight(state, atr.replace(" ", "")) for name, state, atr in found}


def atr_of(reader: str) -> str:
    """The ATR of a reader's card, from opensc-tool."""
    printed = run("opensc-tool", "--reader", reader, "--atr").stdout
    return "".join(re.findall(r"[0-9a-f]{2}(?=[:\n])", printed)).upper()


def has_state(reader: str, state: str) -> Callable[[], bool]:
    """Whether pcsc_scan sees this state in this reader."""
    return lambda: state in scan()[reader].state


def hangs(process: subprocess.Popen[str]) -> bool:
    """Whether a program is still waiting when it should have ended long ago."""
    try:
        process.wait(timeout=SECONDS_TO_HANG)
    except subprocess.TimeoutExpired:
        return True
    return False


def runs(word: str, *, program: str = "") -> bool:
    """Whether a process of that program, or any, has the word among its arguments."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (directory / "cmdline").read_text(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if word in arguments and arguments[0].endswith(program):
            return True
    return False


@pytest.mark.parametrize("family", EVERY_ATR)
def test_inserted_card_is_seen_with_its_atr(pcscd: Pcscd, card: InsertCard, family: str) -> None:
    pcscd.start()
    atr = EVERY_ATR[family]
    inserted = card(atr)
    until(has_state(inserted.reader, "Card inserted"), "the card is seen")
    assert scan()[inserted.reader].atr == atr.hex().upper()
    assert atr_of(inserted.reader) == atr.hex().upper()
    assert inserted.apdus == ()


def test_each_slot_has_its_own_card(pcscd: Pcscd, card: InsertCard) -> None:
    pcscd.start()
    card(CPS3, slot=0)
    card(OTHER, slot=1)
    until(lambda: all(sight.atr for sight in scan().values()), "both cards are seen")
    assert {name: sight.atr for name, sight in scan().items()} == {
        reader_name(0): CPS3.hex().upper(),
        reader_name(1): OTHER.hex().upper(),
    }


def test_mute_card_is_there_and_does_not_answer(
    pcscd: Pcscd, card: InsertCard, holder: StartHolder
) -> None:
    pcscd.start()
    reader = card(MUTE).reader
    until(has_state(reader, "Unresponsive"), "the card is seen to be mute")
    assert "Card inserted" in scan()[reader].state
    with pytest.raises(HoldRefused, match="0x80100067"):
        holder(reader, Hold.SHARED)


def test_pulled_card_is_gone(pcscd: Pcscd, card: InsertCard) -> None:
    pcscd.start()
    inserted = card(CPS3)
    until(has_state(inserted.reader, "Card inserted"), "the card is seen")
    inserted.pull()
    until(has_state(inserted.reader, "Card removed"), "the slot is empty")
    assert "No " in run("opensc-tool", "--list-readers").stdout.splitlines()[2]


def test_swapped_card_is_the_new_one(pcscd: Pcscd, card: InsertCard) -> None:
    pcscd.start()
    swapped = card(OTHER)
    swapped.wait_for(POWER_ON)  # from here to its power-off the service notices least
    swapped.swap(CPS4_T0)
    until(lambda: scan()[swapped.reader].atr == CPS4_T0.hex().upper(), "the new card is seen")


def test_card_leaves_when_it_is_powered_again(
    pcscd: Pcscd, card: InsertCard, holder: StartHolder
) -> None:
    pcscd.start()
    leaving = card(CPS3, leaves_at_power_on=2)
    leaving.wait_for(POWER_OFF)
    assert "Card inserted" in scan()[leaving.reader].state
    with pytest.raises(HoldRefused):
        holder(leaving.reader, Hold.SHARED)
    assert not leaving.inserted
    until(has_state(leaving.reader, "Card removed"), "the slot is empty")


def test_every_apdu_is_recorded_and_answered(pcscd: Pcscd, card: InsertCard) -> None:
    pcscd.start()
    apdu = bytes.fromhex("00A4040C023F00")
    inserted = card(CPS4_T1, respond=lambda sent: b"\x90\x00" if sent == apdu else b"\x6d\x00")
    until(has_state(inserted.reader, "Card inserted"), "the card is seen")
    sent = run("opensc-tool", "--reader", inserted.reader, "--send-apdu", apdu.hex())
    assert "SW1=0x90, SW2=0x00" in sent.stdout
    assert apdu in inserted.apdus


def test_slow_card_is_seen_late(pcscd: Pcscd, card: InsertCard) -> None:
    pcscd.start()
    powered: list[int] = []
    slow = card(CPS3, delay_s=0.5, on_control=powered.append)
    until(has_state(slow.reader, "Card inserted"), "the card is seen")
    first, second = [at for at, body in slow.log if body == bytes((vpcd.GET_ATR,))][:2]
    assert second - first >= 0.5
    assert POWER_ON in powered


def test_stopped_service_leaves_nothing_and_finds_the_card_again(
    pcscd: Pcscd, card: InsertCard
) -> None:
    pcscd.start()
    reader = card(CPS3).reader
    until(has_state(reader, "Card inserted"), "the card is seen")
    pcscd.stop()
    assert not pcscd.running
    assert list(RUN.iterdir()) == []
    assert "Service not available" in run("pcsc_scan", "-c").stdout
    pcscd.start()
    until(has_state(reader, "Card inserted"), "the card is seen again")


def test_card_may_be_there_before_the_service(pcscd: Pcscd, card: InsertCard) -> None:
    reader = card(CPS3).reader
    pcscd.start()
    until(has_state(reader, "Card inserted"), "the card is seen")


def test_killed_service_leaves_its_socket_and_can_be_started_again(pcscd: Pcscd) -> None:
    pcscd.start()
    pcscd.kill()
    assert SOCKET.exists()
    assert "Service not available" in run("pcsc_scan", "-r").stdout
    pcscd.start()
    assert set(scan()) == {reader_name(0), reader_name(1)}


def test_service_can_run_without_readers(pcscd: Pcscd) -> None:
    pcscd.start(readers=False)
    assert "No reader found" in run("pcsc_scan", "-r").stdout
    assert "No smart card readers found" in run("opensc-tool", "--list-readers").stdout


def test_put_away_service_leaves_nothing_even_when_frozen(tmp_path: Path) -> None:
    service = Pcscd(tmp_path)
    service.start()
    service.freeze()
    process = Path(f"/proc/{service.pid}")
    service.clean()
    assert not process.exists()
    assert list(RUN.iterdir()) == []


def test_frozen_service_hangs_a_call_until_it_thaws(pcscd: Pcscd) -> None:
    pcscd.start()
    pcscd.freeze()
    with started("opensc-tool", "--list-readers") as call:
        assert hangs(call)
        assert pcscd.running
        pcscd.thaw()
        output, _ = call.communicate(timeout=10)
    assert reader_name(0) in output
    assert call.returncode == 0


def test_exclusive_program_keeps_others_out_until_it_ends(
    pcscd: Pcscd, card: InsertCard, holder: StartHolder
) -> None:
    pcscd.start()
    reader = card(CPS4_T1).reader
    until(has_state(reader, "Card inserted"), "the card is seen")
    program = holder(reader, Hold.EXCLUSIVE)
    assert "Exclusive Mode" in scan()[reader].state
    refused = run("opensc-tool", "--reader", reader, "--name")
    assert "Reader in use by another application" in refused.stdout
    with pytest.raises(HoldRefused, match="0x8010000B"):
        holder(reader, Hold.SHARED)
    program.release()
    holder(reader, Hold.SHARED)


def test_transaction_makes_a_second_connection_wait(
    pcscd: Pcscd, card: InsertCard, holder: StartHolder
) -> None:
    pcscd.start()
    reader = card(CPS4_T1).reader
    until(has_state(reader, "Card inserted"), "the card is seen")
    program = holder(reader, Hold.TRANSACTION)
    with started("opensc-tool", "--reader", reader, "--atr") as call:
        assert hangs(call)
        program.release()
        output, _ = call.communicate(timeout=10)
    assert CPS4_T1.hex(":") in output


def test_other_program_has_its_own_name_and_sends_nothing(
    pcscd: Pcscd, card: InsertCard, holder: StartHolder
) -> None:
    pcscd.start()
    inserted = card(CPS4_T1)
    until(has_state(inserted.reader, "Card inserted"), "the card is seen")
    program = holder(inserted.reader, Hold.SHARED)
    assert Path(f"/proc/{program.pid}/comm").read_text().strip() == Holder.NAME
    assert "Shared Mode" in scan()[inserted.reader].state
    program.end()
    assert not program.running
    assert inserted.apdus == ()


def test_closed_socket_refuses_another_user_alone(pcscd: Pcscd, as_nobody: tuple[str, ...]) -> None:
    connect = f"import socket; print(socket.socket(socket.AF_UNIX).connect_ex({str(SOCKET)!r}))"
    pcscd.start()
    assert reader_name(0) in run(*as_nobody, "opensc-tool", "--list-readers").stdout
    pcscd.admit(others=False)
    assert "No smart card readers" in run(*as_nobody, "opensc-tool", "--list-readers").stdout
    assert run(*as_nobody, sys.executable, "-c", connect).stdout == "13\n"
    assert reader_name(0) in run("opensc-tool", "--list-readers").stdout
    pcscd.admit(others=True)
    assert run(*as_nobody, sys.executable, "-c", connect).stdout == "0\n"


def test_bench_has_the_loopback_interface_alone_and_no_service_manager() -> None:
    assert socket.if_nameindex() == [(1, "lo")]
    reserved = Path("/proc/sys/net/ipv4/ip_local_reserved_ports").read_text()
    assert reserved.strip() == f"{PORT}-{PORT + 1}"
    assert not Path("/run/systemd").exists()
    assert not Path("/run/dbus").exists()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "kill -TERM $$"), 143),
        (("/nonexistent",), 127),
        (("/etc",), 126),
        ((), 64),
    ],
)
def test_bench_keeps_the_exit_code(command: tuple[str, ...], code: int) -> None:
    assert run(str(BENCH), *command, DIAGCPS_BENCH=None).returncode == code


def test_bench_keeps_path_and_leaves_ctrl_c_alone() -> None:
    path = f"/nowhere:{os.environ['PATH']}"
    script = "echo $PATH; grep SigIgn /proc/self/status"
    answer = run(str(BENCH), "sh", "-c", script, PATH=path, DIAGCPS_BENCH=None)
    kept, ignored = answer.stdout.splitlines()
    assert kept == path
    assert not int(ignored.split()[1], 16) & 1 << 1  # SIGINT is signal 2, bit 1


def test_bench_ends_what_the_command_left_behind() -> None:
    mark = f"60.{os.getpid()}"
    run(str(BENCH), "sh", "-c", f"setsid sleep {mark} & sleep 0.2", DIAGCPS_BENCH=None)
    until(lambda: not runs(mark), "the orphan ended")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_ended_bench_takes_its_processes_along(how: signal.Signals, code: int) -> None:
    mark = f"61.{os.getpid()}"
    with started(str(BENCH), "sleep", mark, DIAGCPS_BENCH=None) as whole:
        until(lambda: runs(mark, program="sleep"), "it sleeps")
        whole.send_signal(how)
        assert whole.wait(timeout=5) == code
    until(lambda: not runs(mark), "the sleeper ended")


def test_bench_without_the_right_says_so_in_one_line(tmp_path: Path) -> None:
    for tool in ("unshare", "sudo"):
        (tmp_path / tool).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / tool).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    answer = run(str(BENCH), "true", PATH=path, DIAGCPS_BENCH=None)
    assert answer.returncode == 77
    assert len(answer.stdout.splitlines()) == 1


def test_outside_the_bench_every_test_skips_with_a_reason() -> None:
    options = ("-p", "no:cacheprovider", "-c", os.devnull, "-rs", "-k", "mute")
    command = (sys.executable, "-m", "pytest", *options, str(Path(__file__)))
    answer = run(*command, DIAGCPS_BENCH=None, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert "1 skipped" in answer.stdout
    assert "run it with tests/integration/bench.sh" in answer.stdout
