"""A code is used in a process of its own, and whatever that process does becomes a course.

What needs a card is proven in tests/integration/test_acts.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest

from diagcps.card.act import Act, Call, Codes, Course, Order, Proof, Stopped
from diagcps.card.middleware import USE_CODE, LibraryMiddleware
from diagcps.card.process import _NEEDED, own_command
from diagcps.facts import Code
from diagcps.model import Private, PrivateKind
from diagcps.secret import Secret
from tests.card import test_pkcs11
from tests.card.test_pkcs11 import ROOT, Stub, is_gone, of_linux, pid_in, python, quoted

pytestmark = pytest.mark.timeout(30)

stub = test_pkcs11.stub

PUK, NEW = b"40718293", b"61947038"
READER = "SIMULE Lecteur"
"""No service has a reader of that name: where a real process looks for it, there is no card."""


class Impatient(LibraryMiddleware):
    """Waits no longer than a test can."""

    LIMIT_S: ClassVar[float] = 1.5


def order(library: str = "/nonexistent", act: Act = Act.UNBLOCK) -> Order:
    return Order(
        act=act,
        library=Private(PrivateKind.PATH, library),
        slot=Private(PrivateKind.READER, READER),
        atr=bytes.fromhex("3BAC00402A001225006480000310009000"),
        serial=Private(PrivateKind.SERIAL, "00000042"),
        pin=Code(reference=1, left=0, most=3),
        puk=Code(reference=2, left=3, most=3, uses_left=25),
        certificate=Private(PrivateKind.CERTIFICATE, "a" * 64),
    )


def codes(new: bytes | None = NEW) -> Codes:
    return Codes(given=Secret(bytearray(PUK)), new=None if new is None else Secret(bytearray(new)))


SAYS = """
import json, os, sys, time
def say(message):
    data = json.dumps(message).encode()
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()
def heard():
    return sys.stdin.buffer.read(int.from_bytes(sys.stdin.buffer.read(4), "big"))
"""


async def said(code: str) -> Course:
    """The course of an act in whose process that Python code runs."""
    return await Impatient(python(SAYS + code)).carry_out(order(), codes())


async def carried_out(library: str) -> Course:
    """The course of an act with that library, where there is no card."""
    return await Impatient().carry_out(order(library), codes())


def calls(*made: tuple[str, int | None]) -> tuple[Call, ...]:
    return tuple(Call(name=name, code=code) for name, code in made)


# The side that orders, and a process that a test writes.


async def test_codes_follow_the_order_as_raw_bytes(tmp_path: Path) -> None:
    file = tmp_path / "heard"
    writes = f"open({str(file)!r}, 'w').write(repr([heard() for _ in range(3)]))"

    await said(writes)

    sent, given, new = eval(file.read_text())  # noqa: S307 (it was written by repr)
    assert Order.from_message(json.loads(sent)) == order()
    assert (given, new) == (PUK, NEW)


async def test_a_card_that_is_tried_is_sent_one_code(tmp_path: Path) -> None:
    file = tmp_path / "heard"
    writes = f"heard(); code = heard(); open({str(file)!r}, 'wb').write(code); time.sleep(9)"

    course = await Impatient(python(SAYS + writes)).carry_out(order(act=Act.TRY), codes(new=None))

    assert file.read_bytes() == PUK
    assert course == Course(stopped=Stopped.LIBRARY, ended=False)


async def test_a_process_that_does_not_start_used_no_code() -> None:
    course = await LibraryMiddleware(("/nonexistent",)).carry_out(order(), codes())

    assert course == Course(stopped=Stopped.NOT_STARTED, ended=False)


@pytest.mark.parametrize("code", ["", "raise SystemExit(64)", "say({'call': 'C_Initialize'})"])
async def test_a_process_that_ends_before_its_time_used_no_code(code: str) -> None:
    assert await said(code) == Course(stopped=Stopped.LIBRARY, ended=False)


async def test_a_process_that_reads_nothing_is_no_error() -> None:
    assert await said("os.close(0); say({'end': True})") == Course(stopped=Stopped.LIBRARY)


async def test_what_was_called_and_what_came_back_is_the_course() -> None:
    proof = Proof(challenge=b"\x01", signature=b"\x02", certificate=b"\x03")

    course = await said(
        "say({'call': 'C_Login'}); say({'call': 'C_Login', 'code': 0})\n"
        "say({'call': 'C_InitPIN'}); say({'call': 'C_InitPIN', 'code': 0xFFFFFFFF80000001})\n"
        "say({'proof': {'challenge': '01', 'signature': '02', 'certificate': '03'}})\n"
        "say({'end': True})"
    )

    made = calls(("C_Login", 0), ("C_InitPIN", 0x80000001))
    assert course == Course(calls=made, proof=proof)


@pytest.mark.parametrize("why", Stopped)
async def test_why_nothing_was_done_is_said(why: Stopped) -> None:
    assert await said(f"say({{'stopped': {why.value!r}}}); say({{'end': True}})") == Course(
        stopped=why
    )


async def test_once_a_code_was_used_nothing_was_stopped() -> None:
    course = await said(
        "say({'call': 'C_Login', 'code': 0xA0}); say({'stopped': 'library'}); say({'end': True})"
    )

    assert course == Course(calls=calls(("C_Login", 0xA0)))


@of_linux
@pytest.mark.parametrize(
    ("call", "course"),
    [
        ("C_Initialize", Course(stopped=Stopped.LIBRARY, ended=False)),
        ("C_Logout", Course(stopped=Stopped.LIBRARY, ended=False)),
        ("C_Login", Course(calls=calls(("C_Login", None)), ended=False)),
        ("C_InitPIN", Course(calls=calls(("C_InitPIN", None)), ended=False)),
    ],
)
async def test_a_call_that_hangs_is_ended_with_all_that_its_process_started(
    tmp_path: Path, call: str, course: Course
) -> None:
    files = [tmp_path / "parent", tmp_path / "child"]
    writes = "open(%r, 'w').write(f'{os.getpid()}\\n')"
    hangs = f"say({{'call': {call!r}}}); pid = os.fork()\n" + (
        f"{writes % str(files[0])} if pid else {writes % str(files[1])}\ntime.sleep(60)"
    )
    began = time.monotonic()

    assert await said(hangs) == course

    assert time.monotonic() - began < Impatient.LIMIT_S + 2.0
    assert [is_gone(pid_in(file)) for file in files] == [True, True]


@of_linux
async def test_what_was_said_in_time_and_not_yet_read_is_counted() -> None:
    """A machine that sleeps or is busy comes late to what the process said before its limit."""
    says = "time.sleep(0.8); say({'call': 'C_Login', 'code': 0xA0}); time.sleep(60)"
    asyncio.get_running_loop().call_later(0.5, time.sleep, 1.5)

    assert await said(says) == Course(calls=calls(("C_Login", 0xA0)), ended=False)


async def test_a_process_that_is_slow_at_every_call_comes_to_its_end() -> None:
    slow = "for _ in range(3): time.sleep(0.9); say({'call': 'C_Login', 'code': 0})\n"

    course = await said(slow + "say({'end': True})")

    assert course == Course(calls=calls(*[("C_Login", 0)] * 3))


NONSENSE = [
    "say(1)", "say([])", "say({})", "say({'call': 1})", "say({'code': 0})",
    "say({'stopped': 'why'})", "say({'proof': {}})", "say({'end': False})",
    "say({'proof': {'challenge': 'x', 'signature': '', 'certificate': ''}})",
    "os.write(1, b'\\0\\0\\0\\2no')", "os.write(1, b'\\xff' * 9)",
    "os.write(1, b'\\0\\0\\x20\\0' + b'[' * 8192)", "os.write(1, b'\\0\\0\\0\\x09{}')",
]  # fmt: skip


@pytest.mark.parametrize("code", NONSENSE)
async def test_nonsense_ends_the_process_and_what_was_said_before_stands(code: str) -> None:
    before = "say({'call': 'C_Login', 'code': 0}); say({'call': 'C_InitPIN'})\n"

    course = await said(before + code)

    assert course == Course(calls=calls(("C_Login", 0), ("C_InitPIN", None)), ended=False)


async def test_calls_without_end_do_not_fill_the_memory() -> None:
    many = "for _ in range(300): say({'call': 'C_Sign\\x1b' * 9, 'code': 0})\n"

    course = await said(many + "say({'end': True})")

    assert len(course.calls) == 256
    assert all(len(call.name) <= 40 and call.name.isprintable() for call in course.calls)


@of_linux
async def test_who_orders_an_act_and_goes_away_does_not_end_it(tmp_path: Path) -> None:
    file = tmp_path / "done"
    acts = f"time.sleep(0.8); open({str(file)!r}, 'w').write(f'{{os.getpid()}}\\n')"
    act = asyncio.create_task(Impatient(python(SAYS + acts)).carry_out(order(), codes()))
    await asyncio.sleep(0.4)

    act.cancel()

    with pytest.raises(asyncio.CancelledError):
        await act
    pid = await asyncio.to_thread(pid_in, file)
    assert await asyncio.to_thread(is_gone, pid)
    await asyncio.sleep(0.2)  # its pipes close by themselves


@of_linux
async def test_a_process_is_given_no_code_by_its_arguments_or_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_SECRET", "secret")
    file = tmp_path / "given"
    copies = "b'\\n'.join(open(f'/proc/self/{n}', 'rb').read() for n in ('environ', 'cmdline'))"

    await said(f"open({str(file)!r}, 'wb').write({copies})")

    environment, _, command = file.read_bytes().rpartition(b"\n" + sys.executable.encode())
    assert not any(each in file.read_bytes() for each in (PUK, NEW, b"secret"))
    assert {pair.split(b"=")[0].decode() for pair in environment.split(b"\0") if pair} <= _NEEDED
    assert command


async def test_no_module_beside_the_person_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = tmp_path / "loaded"
    for name in ("json", "ctypes", "signal", "diagcps"):
        (tmp_path / f"{name}.py").write_text(f"open({str(witness)!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)

    await carried_out("/nonexistent")

    assert not witness.exists()


# The process itself, which finds no card here.


async def test_a_library_that_does_not_load_used_no_code(tmp_path: Path) -> None:
    file = tmp_path / "text.so"
    file.write_text("not a library")

    assert await carried_out(str(file)) == Course(stopped=Stopped.LIBRARY)


async def test_without_the_card_no_code_is_used(stub: Stub, tmp_path: Path) -> None:
    witness = tmp_path / "called"
    noted = f'note({quoted(witness)}, "called")'

    course = await carried_out(stub(CODES="1", AT_INITIALIZE=noted, AT_LOGIN=noted))

    assert course == Course(stopped=Stopped.UNREAD)
    assert not witness.exists()


@pytest.mark.parametrize("end", ["abort()", "exit(0)", "*(volatile int *)0 = 0"])
async def test_a_library_that_ends_the_process_used_no_code(stub: Stub, end: str) -> None:
    assert await carried_out(stub(AT_LOAD=end)) == Course(stopped=Stopped.LIBRARY, ended=False)


@of_linux
async def test_a_library_that_hangs_is_ended(stub: Stub, tmp_path: Path) -> None:
    file = tmp_path / "pid"

    course = await carried_out(stub(AT_LOAD=f"say_pid({quoted(file)}); hang()"))

    assert course == Course(stopped=Stopped.LIBRARY, ended=False)
    assert is_gone(pid_in(file))


async def test_what_a_library_prints_and_reads_disturbs_nothing(stub: Stub) -> None:
    noise = 'puts("\\377\\377\\377\\377"); fflush(stdout); write(1, "noise", 5); getchar()'

    assert await carried_out(stub(AT_LOAD=noise)) == Course(stopped=Stopped.UNREAD)


CORE = "struct rlimit r; getrlimit(RLIMIT_CORE, &r); if (r.rlim_cur || r.rlim_max) abort()"
SIGNALS = "raise(2); raise(15); raise(1)"
SECRETS = 'if (getenv("OTHER_SECRET") || getenv("HTTPS_PROXY")) abort()'


@of_linux
@pytest.mark.parametrize("asked", [CORE, SIGNALS, SECRETS], ids=["core", "signals", "secrets"])
async def test_a_library_finds_no_core_file_no_signal_that_ends_it_and_no_secret(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("OTHER_SECRET", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://somebody:secret@proxy")

    assert await carried_out(stub(AT_LOAD=asked)) == Course(stopped=Stopped.UNREAD)


REQUEST = json.dumps(order().to_message()).encode()


def framed(*messages: bytes) -> bytes:
    return b"".join(len(each).to_bytes(4, "big") + each for each in messages)


NO_REQUESTS = [
    b"", b"\0", framed(b"{}"), framed(b"no"), framed(b"null"), framed(REQUEST),
    framed(REQUEST, PUK), framed(REQUEST, PUK) + b"\0\0\0\x04123", framed(REQUEST, b"1" * 65, NEW),
    framed(REQUEST, PUK) + b"\xff\xff\xff\xff", framed(b'{"act": "erase"}', PUK, NEW),
]  # fmt: skip


@pytest.mark.parametrize("sent", NO_REQUESTS)
def test_a_request_that_is_none_is_wrong_usage(sent: bytes) -> None:
    done = subprocess.run(
        own_command(USE_CODE), input=sent, capture_output=True, timeout=20, cwd=ROOT
    )

    assert (done.returncode, done.stdout, done.stderr) == (64, b"", b"")


@of_linux
def test_no_signal_of_a_terminal_ends_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        own_command(USE_CODE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdin is not None
        try:
            ignoring(child.pid)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(child.pid, number)

            child.stdin.write(framed(REQUEST, PUK, NEW))
            child.stdin.flush()

            assert child.wait(timeout=10) == 0
        finally:
            child.kill()


def ignoring(pid: int) -> None:
    """Returns once the process ignores SIGINT, SIGTERM and SIGHUP (proc(5), SigIgn)."""
    wanted = sum(1 << (n - 1) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    deadline = time.monotonic() + 10
    while status(pid) & wanted != wanted:
        assert time.monotonic() < deadline, "it did not come that far"
        time.sleep(0.01)


def status(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("SigIgn:")).split()[1], 16)


@of_linux
def test_it_goes_on_when_whoever_ordered_it_has_ended(stub: Stub, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    library = stub(AT_LOAD=f"say_pid({quoted(file)}); sleep(1)")
    request = framed(json.dumps(order(library).to_message()).encode(), PUK, NEW)
    with subprocess.Popen(
        own_command(USE_CODE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(request)
        child.stdin.close()  # as the system does for one that was killed
        pid_in(file)
        child.stdout.close()

        assert child.wait(timeout=10) == 0


def test_the_process_that_uses_a_code_is_not_the_one_that_reads() -> None:
    from diagcps.card.pkcs11 import READ_LIBRARY

    assert own_command(USE_CODE) != own_command(READ_LIBRARY)
    assert own_command(USE_CODE)[-1] == USE_CODE


def test_a_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert own_command(USE_CODE) == (sys.executable, "_use-code")


def test_the_hidden_command_is_in_no_help() -> None:
    command = [sys.executable, "-m", "diagcps", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    assert USE_CODE not in done.stdout


def test_what_uses_a_code_loads_nothing_heavy() -> None:
    code = "import sys, diagcps.card._acting_child; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)

    heavy = {"aiohttp", "cryptography", "jinja2", "psutil", "smartcard"}
    assert not heavy & set(done.stdout.split())
