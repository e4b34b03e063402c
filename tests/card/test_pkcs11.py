"""A library is read in a process of its own, and whatever it does there becomes a fact."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from diagcps.card.pkcs11 import READ_LIBRARY, Pkcs11Library
from diagcps.card.process import NotUnderstood, own_command
from diagcps.facts import Library, LibraryState, LibraryToken
from diagcps.model import Private, PrivateKind, ProbeTimeout, ProbeUnavailable

pytestmark = pytest.mark.timeout(20)

SOURCE = Path(__file__).with_name("stub_pkcs11.c")
ROOT = Path(__file__).parents[2]

Stub = Callable[..., str]


class Impatient(Pkcs11Library):
    """Waits no longer than a test can."""

    LIMIT_S: ClassVar[float] = 2.0


@pytest.fixture
def stub(tmp_path: Path) -> Stub:
    """Compiles a library that does what the macros say, and returns its path."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C compiler for a library of the test's own (Debian: gcc libc6-dev)")

    def build(**macros: str) -> str:
        path = tmp_path / "libstub.so"
        defined = [f"-D{name}={value}" for name, value in macros.items()]
        command = [compiler, "-shared", "-fPIC", "-w", "-o", str(path), str(SOURCE), *defined]
        subprocess.run(command, check=True, timeout=30)
        return str(path)

    return build


async def read(path: str) -> Library:
    return await Impatient((path,)).read()


def token_of(library: Library) -> LibraryToken:
    (slot,) = library.slots
    assert slot.token is not None
    return slot.token


def fingerprint(text: str) -> Private:
    return Private(PrivateKind.CERTIFICATE, hashlib.sha256(text.encode()).hexdigest())


CERTIFICATES = tuple(fingerprint(f"certificate {number}") for number in range(3))


def quoted(path: Path) -> str:
    return json.dumps(str(path))


def pid_in(path: Path) -> int:
    """The number of a process that the stub wrote, once it has written it."""
    deadline = time.monotonic() + 10
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < deadline, "the stub did not come that far"
        time.sleep(0.01)
    return int(path.read_text())


def make_it_for_another_processor(path: Path) -> None:
    """Writes ELFCLASS32 and EM_386 into the header of a library (System V ABI, chapter 4)."""
    data = bytearray(path.read_bytes())
    data[4:5], data[18:20] = b"\x01", b"\x03\x00"
    path.write_bytes(data)


def is_gone(pid: int) -> bool:
    """Whether the process ends, an orphan that nobody collects included; else it is ended here."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    return False


of_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for a process in /proc")


async def test_all_that_a_library_shows_is_read(stub: Stub) -> None:
    path = stub()

    library = await read(path)

    assert library.state is LibraryState.READ
    assert library.path == path
    assert len(library.architectures) == 1
    assert (library.description, library.version) == ("stub", "3.1")
    (slot,) = library.slots
    assert slot.description == Private(PrivateKind.READER, "SIMULE Lecteur")
    assert slot.token == LibraryToken(
        serial=Private(PrivateKind.SERIAL, "00000042"),
        model="IAS ECC",
        flags=0x40D,
        certificates=CERTIFICATES,
        mechanisms=(0x01, 0x0D),
        pin_lengths=(4, 8),
    )


async def test_nothing_that_needs_a_code_is_called(stub: Stub, tmp_path: Path) -> None:
    witness = tmp_path / "forbidden"

    library = await read(stub(FORBIDDEN=quoted(witness)))

    assert library.state is LibraryState.READ
    assert not witness.exists()


async def test_no_library_at_any_place_is_absent(tmp_path: Path) -> None:
    places = (str(tmp_path / "one"), str(tmp_path / "two"))

    library = await Pkcs11Library(places).read()

    assert library == Library(state=LibraryState.ABSENT, path="")
    assert (await Pkcs11Library(()).read()).state is LibraryState.ABSENT


async def test_the_first_place_that_has_a_library_is_read(stub: Stub, tmp_path: Path) -> None:
    path = stub()

    library = await Pkcs11Library((str(tmp_path / "none"), path, "/dev/null")).read()

    assert library.place == path


async def test_a_library_that_the_person_named_and_is_not_there_failed_to_load(
    tmp_path: Path,
) -> None:
    library = await Pkcs11Library((str(tmp_path / "none"),), given=True).read()

    assert library.state is LibraryState.LOAD_FAILED
    assert library.detail is not None
    assert library.detail.kind is PrivateKind.TEXT


async def test_a_relative_path_is_that_of_the_person(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(stub())
    monkeypatch.chdir(path.parent)

    library = await Pkcs11Library((path.name,), given=True).read()

    assert library.state is LibraryState.READ
    assert library.place == str(path)


async def test_a_file_that_is_no_library_failed_to_load(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("INPUT(libother.so)\n")

    library = await read(str(path))

    assert library.state is LibraryState.LOAD_FAILED
    assert library.detail is not None
    assert library.detail.value != ""


async def test_a_library_of_another_kind_failed_to_load(stub: Stub) -> None:
    library = await read(stub(C_GetFunctionList="other"))

    assert library.state is LibraryState.LOAD_FAILED
    assert library.detail is not None
    assert "C_GetFunctionList" in library.detail.value


@pytest.mark.skipif(sys.platform != "linux", reason="changes the header of an ELF file")
async def test_a_library_for_another_processor_is_not_loaded(stub: Stub, tmp_path: Path) -> None:
    witness = tmp_path / "loaded"
    path = stub(AT_LOAD=f"say_pid({quoted(witness)})")
    make_it_for_another_processor(Path(path))

    library = await read(path)

    assert library == Library(
        state=LibraryState.WRONG_ARCHITECTURE,
        path=path,
        architectures=("x86",),
    )
    assert not witness.exists()


@of_linux
@pytest.mark.parametrize(
    ("macro", "call"),
    [
        ("AT_LOAD", "dlopen"),
        ("AT_INITIALIZE", "C_Initialize"),
        ("AT_TOKEN_INFO", "C_GetTokenInfo"),
    ],
)
async def test_a_call_that_does_not_come_back_is_named_and_its_process_ended(
    stub: Stub, tmp_path: Path, macro: str, call: str
) -> None:
    pid = tmp_path / "pid"

    library = await read(stub(**{macro: f"say_pid({quoted(pid)}); hang()"}))

    assert (library.state, library.call) == (LibraryState.NOT_RESPONDING, call)
    assert library.slots == ()
    assert is_gone(pid_in(pid))


@of_linux
async def test_processes_that_a_library_started_end_with_it(stub: Stub, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    forks = f"if (fork() == 0) {{ say_pid({quoted(pid)}); hang(); }} hang()"

    library = await read(stub(AT_INITIALIZE=forks))

    assert library.state is LibraryState.NOT_RESPONDING
    assert is_gone(pid_in(pid))


@of_linux
async def test_a_process_that_a_library_detached_does_not_keep_the_reading(
    stub: Stub, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    detaches = f"if (fork() == 0) {{ setsid(); say_pid({quoted(pid)}); hang(); }}"

    try:
        library = await read(stub(AT_INITIALIZE=detaches))
    finally:
        os.kill(pid_in(pid), signal.SIGKILL)

    assert library.state is LibraryState.READ


async def test_a_library_that_is_slow_at_every_call_responds(stub: Stub) -> None:
    slow = "usleep(900000)"

    library = await read(stub(AT_INITIALIZE=slow, AT_SLOT_LIST=slow, AT_TOKEN_INFO=slow))

    assert library.state is LibraryState.READ


@of_linux
async def test_a_reading_that_is_cancelled_leaves_no_process(stub: Stub, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    path = stub(AT_INITIALIZE=f"say_pid({quoted(pid)}); hang()")
    reading = asyncio.create_task(Pkcs11Library((path,)).read())
    hung = await asyncio.to_thread(pid_in, pid)

    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading
    assert is_gone(hung)


@of_linux
def test_a_process_that_hangs_ends_when_its_parent_has_ended(stub: Stub, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    path = stub(AT_INITIALIZE=f"say_pid({quoted(pid)}); hang()")
    request = json.dumps({"path": path}).encode()
    with subprocess.Popen(
        own_command(READ_LIBRARY), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=ROOT
    ) as child:
        try:
            assert child.stdin is not None
            child.stdin.write(len(request).to_bytes(4, "big") + request)
            child.stdin.flush()
            pid_in(pid)

            child.stdin.close()

            assert child.wait(timeout=10) == -signal.SIGKILL
        finally:
            child.kill()


@pytest.mark.parametrize("end", ["abort()", "exit(0)", "*(volatile int *)0 = 0"])
async def test_a_library_that_ends_its_process_crashed(stub: Stub, end: str) -> None:
    library = await read(stub(AT_SLOT_LIST=end))

    assert (library.state, library.call) == (LibraryState.CRASHED, "C_GetSlotList")


@pytest.mark.parametrize(
    ("macro", "call"),
    [
        ("AT_GET_LIST", "C_GetFunctionList"),
        ("AT_INITIALIZE", "C_Initialize"),
        ("AT_SLOT_LIST", "C_GetSlotList"),
    ],
)
async def test_an_error_before_the_first_slot_is_a_failure_with_its_code(
    stub: Stub, macro: str, call: str
) -> None:
    library = await read(stub(**{macro: "return 0x30"}))

    assert (library.state, library.call, library.code) == (LibraryState.FAILED, call, 0x30)


async def test_a_library_without_a_function_list_failed(stub: Stub) -> None:
    library = await read(stub(AT_GET_LIST="*answer = NULL; return 0"))

    assert (library.state, library.call) == (LibraryState.FAILED, "C_GetFunctionList")
    assert library.code != 0


async def test_an_empty_entry_of_the_function_list_is_not_called(stub: Stub) -> None:
    library = await read(stub(FIRST_FUNCTION="0"))

    assert (library.state, library.call) == (LibraryState.FAILED, "C_Initialize")
    assert library.code == 0x54  # CKR_FUNCTION_NOT_SUPPORTED


async def test_a_library_that_does_not_say_its_name_is_read(stub: Stub) -> None:
    library = await read(stub(AT_GET_INFO="return 0x54"))

    assert (library.state, library.description) == (LibraryState.READ, "")
    assert token_of(library).certificates == CERTIFICATES


@pytest.mark.parametrize("code", [0xE0, 0xE1])
async def test_a_slot_without_a_token_keeps_the_code_that_says_why(stub: Stub, code: int) -> None:
    library = await read(stub(AT_TOKEN_INFO=f"return {code}"))

    (slot,) = library.slots
    assert library.state is LibraryState.READ
    assert (slot.token, slot.code) == (None, code)


async def test_a_library_without_a_slot_is_read(stub: Stub) -> None:
    assert (await read(stub(SLOTS="0"))).state is LibraryState.READ


async def test_slots_without_end_are_read_no_further_than_reason(stub: Stub) -> None:
    library = await read(stub(SLOTS="1000000000", AT_OPEN="return 0xE0"))

    assert library.state is LibraryState.READ
    assert 0 < len(library.slots) <= 64


async def test_the_flags_of_a_locked_code_are_read(stub: Stub) -> None:
    flags = 0x40D | 0x40000 | 0x400000  # CKF_USER_PIN_LOCKED, CKF_SO_PIN_LOCKED

    assert token_of(await read(stub(FLAGS=hex(flags)))).flags == flags


async def test_a_code_is_unsigned_and_of_32_bits(stub: Stub) -> None:
    library = await read(stub(AT_OPEN="return 0xFFFFFFFF80000001UL"))

    assert library.state is LibraryState.READ
    assert token_of(library).code == 0x80000001
    assert token_of(library).certificates == ()


async def test_a_certificate_without_a_value_is_a_dash(stub: Stub) -> None:
    library = await read(stub(AT_VALUE="if (object == 101) { template->length = 0; return 0; }"))

    dash = Private(PrivateKind.CERTIFICATE, "-")
    assert token_of(library).certificates == (CERTIFICATES[0], dash, CERTIFICATES[2])
    assert token_of(library).code == 0


@pytest.mark.parametrize("code", [0x11, 0x12])
async def test_a_certificate_whose_value_is_not_shown_is_a_dash(stub: Stub, code: int) -> None:
    library = await read(stub(AT_VALUE=f"if (object == 100) return {code}"))

    assert token_of(library).certificates[0].value == "-"
    assert token_of(library).certificates[1:] == CERTIFICATES[1:]


@pytest.mark.parametrize("length", ["-1UL", "1UL << 40"])
async def test_a_certificate_of_an_impossible_length_is_a_dash(stub: Stub, length: str) -> None:
    library = await read(stub(LENGTH_SHOWN=length))

    assert [each.value for each in token_of(library).certificates] == ["-", "-", "-"]


async def test_the_certificates_before_an_error_stand(stub: Stub) -> None:
    library = await read(stub(AT_VALUE="if (object == 101) return 0x30"))

    assert token_of(library).certificates == CERTIFICATES[:1]
    assert token_of(library).code == 0x30


async def test_a_token_that_does_not_say_how_it_signs_is_read(stub: Stub) -> None:
    library = await read(stub(AT_MECHANISMS="return 0x54"))

    assert token_of(library).mechanisms == ()
    assert token_of(library).certificates == CERTIFICATES


@pytest.mark.parametrize("end", ["return 0x30", "abort()", "hang()"])
async def test_what_a_library_showed_stands_when_it_fails_at_its_end(stub: Stub, end: str) -> None:
    library = await read(stub(AT_FINALIZE=end))

    assert library.state is LibraryState.READ
    assert token_of(library).certificates == CERTIFICATES


async def test_a_library_is_put_away_after_it_was_read(stub: Stub, tmp_path: Path) -> None:
    witness = tmp_path / "finalized"

    await read(stub(AT_FINALIZE=f"say_pid({quoted(witness)})"))

    assert witness.exists()


async def test_what_a_library_prints_does_not_disturb_its_reading(stub: Stub) -> None:
    noise = 'puts("\\377\\377\\377\\377"); fflush(stdout); write(1, "noise", 5); getchar()'

    library = await read(stub(AT_INITIALIZE=noise, AT_FINALIZE=noise))

    assert token_of(library).certificates == CERTIFICATES


async def test_a_text_of_a_library_drives_no_terminal(stub: Stub) -> None:
    library = await read(stub(LIBRARY='"\\033[31m\\377\\nstub"'))

    assert library.description.isprintable()
    assert library.description.endswith("stub")


@pytest.mark.skipif(sys.platform != "linux", reason="asks getrlimit(2)")
async def test_a_crash_would_write_no_memory_to_disk(stub: Stub) -> None:
    asked = "struct rlimit r; getrlimit(RLIMIT_CORE, &r); if (r.rlim_cur || r.rlim_max) return 1"

    assert (await read(stub(AT_INITIALIZE=asked))).state is LibraryState.READ


async def test_a_library_sees_no_secret_of_another_program(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://somebody:secret@proxy")
    monkeypatch.setenv("OTHER_SECRET", "secret")

    library = await read(
        stub(AT_INITIALIZE='if (getenv("HTTPS_PROXY") || getenv("OTHER_SECRET")) return 1')
    )

    assert library.state is LibraryState.READ


async def test_no_module_beside_the_person_is_loaded(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, witness = stub(), tmp_path / "downloads" / "loaded"
    witness.parent.mkdir()
    for name in ("json", "ctypes", "diagcps"):
        hostile = f"open({str(witness)!r}, 'w').close()\n"
        (witness.parent / f"{name}.py").write_text(hostile)
    monkeypatch.chdir(witness.parent)

    library = await read(path)

    assert library.state is LibraryState.READ
    assert not witness.exists()


def python(code: str) -> tuple[str, ...]:
    """A command that runs in the place of the process that reads."""
    return (sys.executable, "-c", code)


ENDS = "import sys; sys.stdin.buffer.read(4)"
WRITES = "import sys; sys.stdin.buffer.read(4); sys.stdout.buffer.write({!r})"


@pytest.mark.parametrize("command", [("/nonexistent",), python(ENDS), python("raise SystemExit")])
async def test_a_process_that_does_not_start_says_nothing_of_the_library(
    command: tuple[str, ...],
) -> None:
    with pytest.raises(ProbeUnavailable):
        await Pkcs11Library(("x",), given=True, command=command).read()


async def test_a_process_that_comes_to_no_call_says_nothing_of_the_library() -> None:
    waits = python("import time; time.sleep(60)")

    with pytest.raises(ProbeTimeout):
        await Impatient(("x",), given=True, command=waits).read()


@pytest.mark.parametrize(
    "written", [b"\xff\xff\xff\xff", b"\0\0\0\x02no", b"\0\0\0\x02{}", b"\0\0\0\x04null"]
)
async def test_a_process_that_says_nonsense_is_not_understood(written: bytes) -> None:
    with pytest.raises(NotUnderstood):
        await Pkcs11Library(("x",), given=True, command=python(WRITES.format(written))).read()


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\0\0\x09{}", b"\0\0\0\x02{}", b"\0\0\0\x02no"])
def test_a_request_that_is_none_is_wrong_usage(sent: bytes) -> None:
    done = subprocess.run(
        own_command(READ_LIBRARY), input=sent, capture_output=True, timeout=20, cwd=ROOT
    )

    assert (done.returncode, done.stdout, done.stderr) == (64, b"", b"")


def test_a_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert own_command(READ_LIBRARY) == (sys.executable, "_read-library")


def test_the_hidden_command_is_in_no_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "diagcps", "--help"], capture_output=True, text=True, cwd=ROOT
    )

    assert "read-library" not in done.stdout


def test_what_reads_a_library_loads_nothing_heavy() -> None:
    code = "import sys, diagcps.cli, diagcps.card._pkcs11_child; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    heavy = {"aiohttp", "cryptography", "jinja2", "smartcard", "psutil"}
    assert not heavy & set(done.stdout.split())


@of_linux
async def test_where_a_person_named_it_the_place_is_private(tmp_path: Path) -> None:
    path = str(tmp_path / "mine.so")
    library = await Pkcs11Library((path,), given=True).read()
    assert library.path == Private(PrivateKind.PATH, path)
