"""Asks the person in the terminal: a line that is seen, and a code that is not.

Both are read from the terminal itself, past the buffers of Python, and nothing that was typed
before the question counts as its answer: a try of the card would hang on it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from diagcps.card.new_code import SPACES
from diagcps.secret import Secret

MOST = 64
"""Bytes of a code that are kept."""
_LONGEST_LINE = 1024

_CTRL_C, _CTRL_D, _CTRL_U, _ESCAPE, _DELETE = 0x03, 0x04, 0x15, 0x1B, 0x7F
_BACKSPACES, _ENTER = (0x08, _DELETE), b"\r\n"
_SPACE = 0x20
_FINAL = 0x40
"""The least last byte of an escape sequence (ECMA-48, 5.4)."""


def is_terminal() -> bool:
    """Whether a person is there: what is typed comes from a terminal, what is asked goes to one."""
    return all(
        stream is not None and not stream.closed and _has_a_person(stream)
        for stream in (sys.stdin, sys.stderr)
    )


def read_line(prompt: str) -> str:
    """What the person answers, as they see it. Raises EOFError at its end, or the terminal's."""
    try:
        return _ask_line(prompt)
    except _GONE as error:
        raise EOFError from error


def read_code(prompt: str) -> Secret:
    """A code, which the terminal does not show: neither a str nor a bytes ever holds it whole.

    Empty at Ctrl-D. Raises EOFError when the terminal is gone. Whatever ends it, the terminal is
    left as it was, and what was typed is overwritten.
    """
    try:
        return _ask_code(prompt)
    except _GONE as error:
        raise EOFError from error


def collect(read: Callable[[], bytes]) -> Secret:
    """The code in what `read` gives, piece by piece, up to Enter. Raises as `read_code` does."""
    typed = _Typed()
    try:
        while True:
            piece = read()
            if not piece:
                raise EOFError
            for byte in piece:
                if byte in _ENTER:
                    return typed.code()
                if byte == _CTRL_C:
                    raise KeyboardInterrupt
                if byte == _CTRL_D:
                    return Secret(bytearray())
                typed.take(byte)
    finally:
        typed.wipe()


class _Typed:
    """What was typed so far, in one place that never moves: a growing buffer would leave copies."""

    def __init__(self) -> None:
        self._buffer = bytearray(MOST)
        self._length = 0
        self._escaped = 0
        """How far an escape sequence has come: an arrow key is no part of a code."""

    def code(self) -> Secret:
        """What is left of it."""
        return Secret(bytearray(memoryview(self._buffer)[: self._length]))

    def wipe(self) -> None:
        """Overwrites all of it."""
        self._buffer[:] = bytes(MOST)
        self._length = 0

    def take(self, byte: int) -> None:
        """One more byte; control characters and spaces are dropped."""
        if self._is_of_a_sequence(byte):
            return
        if byte in _BACKSPACES:
            self._erase()
        elif byte == _CTRL_U:
            self.wipe()
        elif byte > _SPACE and self._length < MOST:
            self._buffer[self._length] = byte
            self._length += 1
            self._drop_space()

    def _is_of_a_sequence(self, byte: int) -> bool:
        introduced = self._escaped == 1 and byte in b"[O"
        going_on = self._escaped > 1 and byte < _FINAL
        is_of_it = introduced or self._escaped > 1
        self._escaped = int(byte == _ESCAPE) or 2 * int(introduced or going_on)
        return is_of_it

    def _erase(self) -> None:
        """Takes the last character away, all bytes of it."""
        while self._length:
            self._length -= 1
            byte, self._buffer[self._length] = self._buffer[self._length], 0
            if byte & 0xC0 != 0x80:  # no continuation byte of UTF-8
                return

    def _drop_space(self) -> None:
        for space in SPACES:
            if self._buffer.endswith(space, 0, self._length):
                self._erase()


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


if sys.platform == "win32":
    import msvcrt

    _GONE: tuple[type[Exception], ...] = (OSError,)
    _SPECIAL = "\x00\xe0"
    """The first of the two characters of a special key (learn.microsoft.com, _getwch)."""

    def _has_a_person(stream: TextIO) -> bool:
        """Only a console has a mode: to `isatty` the null device is a terminal as well."""
        import ctypes

        handle = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
        mode = ctypes.c_ulong()
        return bool(ctypes.WinDLL("kernel32").GetConsoleMode(handle, ctypes.byref(mode)))

    def _forget_typed() -> None:
        while msvcrt.kbhit():
            msvcrt.getwch()

    def _key() -> bytes:
        while True:
            key = msvcrt.getwch()
            # « à » is a key of its own on a French keyboard, and nothing follows it.
            if key not in _SPECIAL or not msvcrt.kbhit():
                return key.encode("utf-8", "replace")
            msvcrt.getwch()

    def _ask_code(prompt: str) -> Secret:
        _forget_typed()
        _say(prompt)
        try:
            return collect(_key)
        finally:
            _say("\n")

    def _ask_line(prompt: str) -> str:
        _forget_typed()
        _say(prompt)
        line = sys.stdin.readline(_LONGEST_LINE)
        if not line:
            raise EOFError
        return line.strip()

else:
    import termios

    _GONE = (OSError, termios.error)
    _LOCAL, _CHARACTERS = 3, 6
    """Where the local modes and the special characters are in what tcgetattr gives."""
    _SHOWS = (
        termios.ECHO | termios.ECHOE | termios.ECHOK | termios.ECHONL
        | termios.ICANON | termios.IEXTEN | termios.ISIG
    )  # fmt: skip
    """Without ISIG no key stops or ends this process while the terminal hides what is typed."""

    def _has_a_person(stream: TextIO) -> bool:
        return stream.isatty()

    def _byte() -> bytes:
        return os.read(sys.stdin.fileno(), 1)

    def _ask_code(prompt: str) -> Secret:
        terminal = sys.stdin.fileno()
        before, hiding = termios.tcgetattr(terminal), termios.tcgetattr(terminal)
        hiding[_LOCAL] &= ~_SHOWS
        hiding[_CHARACTERS][termios.VMIN], hiding[_CHARACTERS][termios.VTIME] = 1, 0
        try:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, hiding)
            _say(prompt)
            return collect(_byte)
        finally:
            with suppress(termios.error):
                termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
            with suppress(OSError):
                _say("\n")

    def _ask_line(prompt: str) -> str:
        with suppress(termios.error):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
        _say(prompt)
        line = bytearray()
        while (byte := _byte()) not in (b"\n", b""):
            if len(line) < _LONGEST_LINE:
                line += byte
        if not byte and not line:
            raise EOFError
        return line.decode(sys.stdin.encoding, "replace").strip()
