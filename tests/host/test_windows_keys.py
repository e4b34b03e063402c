"""The keys of certificates are acquired in a process of its own, and whatever it does is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host._provider_child import acquire_key
from diagcps.host.windows_certificates import read_authority_stores, read_person_certificates
from diagcps.host.windows_keys import ACQUIRE_PROVIDER, _code, acquire
from diagcps.host.windows_places import Places
from diagcps.model import ProbeUnsupported
from tests.builders import CATALOGUE
from tests.strategies import quick

pytestmark = pytest.mark.timeout(30)
elsewhere = pytest.mark.skipif(sys.platform == "win32", reason="what other systems lack")

ROOT = Path(__file__).parents[2]
FINGERPRINTS = ("a" * 64, "b" * 64, "c" * 64)
CHILD = """
import json, os, sys, time
def hear():
    size = int.from_bytes(sys.stdin.buffer.read(4), "big")
    return json.loads(sys.stdin.buffer.read(size))["fingerprints"]
def say(message):
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()
"""


def child(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", CHILD + code)


def test_each_certificate_has_its_answer() -> None:
    command = child("for number, _ in enumerate(hear()): say({'code': number})")

    assert acquire(FINGERPRINTS, command=command) == (0, 1, 2)


def test_a_process_that_hangs_is_ended_and_what_it_said_stands() -> None:
    command = child("hear(); say({'code': 0}); time.sleep(60)")

    assert acquire(FINGERPRINTS, command=command, limit_s=2.0) == (0, None, None)


def test_a_process_that_dies_says_nothing_of_the_rest() -> None:
    command = child("hear(); say({'code': 0x80090014}); os._exit(3)")

    assert acquire(FINGERPRINTS, command=command) == (0x80090014, None, None)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "hear(); say(b'[]'); say(b'\\xff'); say({'code': True})",
        "hear(); sys.stdout.buffer.write(b'\\xff' * 100)",
        "hear(); say({'code': -1}); say({'code': 1 << 32}); say({'code': None})",
    ],
    ids=["silent", "nonsense", "too long", "no codes"],
)
def test_a_process_that_says_nonsense_says_nothing(code: str) -> None:
    assert acquire(FINGERPRINTS, command=child(code), limit_s=5.0) == (None, None, None)


def test_a_process_that_cannot_start_says_nothing(tmp_path: Path) -> None:
    assert acquire(FINGERPRINTS, command=(str(tmp_path / "none"),)) == (None, None, None)


def test_the_process_is_this_program_and_gets_nothing_of_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_SECRET_OF_ANOTHER_PROGRAM", "1")
    command = child("hear(); [say({'code': int('A_SECRET_OF_ANOTHER_PROGRAM' in os.environ)})] * 3")

    assert acquire(FINGERPRINTS[:1], command=command) == (0,)


@quick
@given(st.binary(max_size=20) | st.integers(-2, 2**33).map(lambda n: f'{{"code": {n}}}'.encode()))
def test_a_message_is_a_code_or_nothing(message: bytes) -> None:
    code = _code(message)
    assert code is None or json.loads(message)["code"] == code


def run_child(request: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "diagcps", ACQUIRE_PROVIDER]
    return subprocess.run(command, input=request, capture_output=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("request_", [b"", b"\0\0\0\2{}", b"\0\0\0\1[", b"\0\0\0\x14" + b"x" * 20])
def test_what_is_no_request_is_not_answered(request_: bytes) -> None:
    done = run_child(request_)

    assert (done.returncode, done.stdout) == (64, b"")


@elsewhere
def test_where_there_is_no_store_no_key_is_had() -> None:
    assert acquire_key("a" * 64) is None
    assert acquire(FINGERPRINTS) == (None, None, None)


@elsewhere
def test_where_there_is_no_store_nothing_is_told_of_certificates() -> None:
    places = Places({}, is_64_bit_program=True)
    with pytest.raises(ProbeUnsupported):
        read_authority_stores(places, CATALOGUE.authorities)
    with pytest.raises(ProbeUnsupported):
        read_person_certificates(lambda _: ())


def test_the_process_loads_nothing_of_the_command_line() -> None:
    code = (
        f"import sys, runpy; sys.argv[1:] = ['{ACQUIRE_PROVIDER}']\n"
        "try: runpy.run_module('diagcps', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"", capture_output=True, check=True, cwd=ROOT
    )

    loaded = done.stderr.decode().split()
    assert "diagcps.host._provider_child" in loaded
    assert not {"diagcps.cli", "aiohttp", "asyncio", "cryptography"} & set(loaded)
