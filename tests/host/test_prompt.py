"""A code is read without being shown, and the terminal is left as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from diagcps.host.prompt import MOST, collect
from diagcps.secret import Secret
from tests.pseudo_terminal import (
    CTRL_BACKSLASH,
    CTRL_C,
    CTRL_D,
    CTRL_U,
    CTRL_Z,
    DELETE,
    ROOT,
    Terminal,
    needs_one,
)


def keys(*pieces: bytes) -> Callable[[], bytes]:
    """Gives each piece once, then the end of the input."""
    left = iter(pieces)
    return lambda: next(left, b"")


def one_by_one(data: bytes) -> Callable[[], bytes]:
    return keys(*(bytes((byte,)) for byte in data))


TYPED = {
    "digits": (b"1234\n", b"1234"),
    "another enter": (b"1234\r", b"1234"),
    "nothing": (b"\n", b""),
    "nothing after enter": (b"12\n34\n", b"12"),
    "end of input by the keyboard": (b"12\x0434\n", b""),
    "delete": (b"125\x7f34\n", b"1234"),
    "backspace": (b"125\x0834\n", b"1234"),
    "too many deletes": (b"9\x7f\x7f\x7f1234\n", b"1234"),
    "a whole character deleted": ("12é\x7f34\n".encode(), b"1234"),
    "line deleted": (b"99\x151234\n", b"1234"),
    "spaces": (b" 1234 5678 \n", b"12345678"),
    "spaces that do not break": ("12\u00a034\u202f56\u200978\n".encode(), b"12345678"),
    "control characters": (b"\x011\x00\t2\x0c3\x1e4\n", b"1234"),
    "arrow keys": (b"12\x1b[D\x1b[1;5C\x1bOA34\n", b"1234"),
    "a lone escape": (b"\x1b1234\n", b"1234"),
    "letters are for the reader to judge": (b"12a4\n", b"12a4"),
    "other digits, too": ("１2\n".encode(), "１2".encode()),
    "too long": (b"7" * (MOST + 9) + b"\n", b"7" * MOST),
}


@pytest.mark.parametrize(("typed", "code"), TYPED.values(), ids=TYPED)
def test_a_code_is_what_was_typed_up_to_enter(typed: bytes, code: bytes) -> None:
    assert collect(one_by_one(typed)) == Secret(bytearray(code))


def test_a_key_may_give_several_bytes() -> None:
    assert collect(keys(b"1", "\u00a0".encode(), b"2", b"\r")) == Secret(bytearray(b"12"))


def test_a_terminal_that_is_gone_is_no_empty_code() -> None:
    with pytest.raises(EOFError):
        collect(one_by_one(b"12"))


def test_the_person_may_leave() -> None:
    with pytest.raises(KeyboardInterrupt):
        collect(one_by_one(b"12\x0334\n"))


@pytest.mark.parametrize("end", [b"\n", b"\x03", b"\x04", b""], ids=["enter", "c", "d", "gone"])
def test_what_was_typed_is_overwritten_however_it_ends(end: bytes) -> None:
    pieces, buffers = keys(b"7391", end), []

    def read() -> bytes:
        buffers.append(sys._getframe(1).f_locals["typed"]._buffer)
        return pieces()

    with suppress(EOFError, KeyboardInterrupt):
        collect(read)
    assert buffers[0] is buffers[-1]
    assert buffers[0] == bytes(MOST)


# In a terminal

CODE = """
from diagcps.host import prompt
code = prompt.read_code("code? ")
print("got", code.reveal().hex() or "nothing")
"""
LINE = """
import time
from diagcps.host import prompt
print("wait", flush=True)
time.sleep(0.6)
print("got", [prompt.read_line("line? "), prompt.read_line("more? ")])
"""
IS_TERMINAL = "from diagcps.host import prompt; print(prompt.is_terminal())"


def asks(program: str) -> Terminal:
    return Terminal(python=("-c", program))


@needs_one
def test_nothing_is_shown_while_a_code_is_typed() -> None:
    with asks(CODE) as terminal:
        terminal.expect("code? ")
        assert not terminal.shows_what_is_typed()
        terminal.types("12 34\u00a056\r")
        terminal.expect(f"got {b'123456'.hex()}")
        assert terminal.ends() == 0
        assert terminal.shows_what_is_typed()
    assert terminal.seen == f"code? \ngot {b'123456'.hex()}\n"


@needs_one
def test_keys_edit_a_code_that_nobody_sees() -> None:
    with asks(CODE) as terminal:
        terminal.expect("code? ")
        terminal.types(f"99{CTRL_U}{CTRL_Z}{CTRL_BACKSLASH}129{DELETE}34\r")
        terminal.expect(f"got {b'1234'.hex()}")


@needs_one
@pytest.mark.parametrize(
    ("ending", "code"), [(CTRL_C, -signal.SIGINT), (CTRL_D, 0)], ids=["ctrl-c", "ctrl-d"]
)
def test_the_terminal_shows_again_what_is_typed_however_it_ends(ending: str, code: int) -> None:
    with asks(CODE) as terminal:
        terminal.expect("code? ")
        terminal.types(f"7405{ending}")
        assert terminal.ends() == code
        assert terminal.shows_what_is_typed()
    assert "7405" not in terminal.seen
    assert ("got nothing" in terminal.seen) == (ending == CTRL_D)


@needs_one
def test_what_was_typed_before_a_question_is_no_answer() -> None:
    with asks(LINE) as terminal:
        terminal.expect("wait")
        terminal.types("early\rearlier\r")
        terminal.answers("line? ", "late", "more? ", "  later ")
        terminal.expect("got ['late', 'later']")


@needs_one
def test_a_line_ends_with_what_is_typed() -> None:
    with asks(LINE) as terminal:
        terminal.expect("line? ")
        terminal.types(CTRL_D)
        assert terminal.ends() == 1
    assert "EOFError" in terminal.seen


@needs_one
def test_a_terminal_is_one() -> None:
    with asks(IS_TERMINAL) as terminal:
        terminal.expect("True")


@pytest.mark.parametrize("stdin", [subprocess.PIPE, subprocess.DEVNULL], ids=["pipe", "nothing"])
def test_anything_else_is_no_terminal(stdin: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IS_TERMINAL], cwd=ROOT, stdin=stdin, capture_output=True,
        encoding="utf-8", timeout=20, check=True,
    )  # fmt: skip
    assert ended.stdout.strip() == "False"
