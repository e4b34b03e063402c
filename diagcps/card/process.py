"""A process of this very program in which a PKCS#11 library is loaded: how it starts and ends.

On each of its pipes a message is four bytes of length, big-endian, and what is said.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path

from diagcps.model import ProbeUnavailable

_MESSAGE_BYTES_AT_MOST = 1 << 20
_ENDING_S = 2.0
_HOME = Path(__file__).parents[2]
"""The folder that holds this package: Python looks for modules where such a process starts, which
must not be a folder that others write to."""

_NEEDED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
        *("LD_LIBRARY_PATH", "PCSCLITE_CSOCK_NAME", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP"),
        *("ALLUSERSPROFILE", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "USERPROFILE"),
        *("APPDATA", "LOCALAPPDATA", "USERNAME", "USERDOMAIN", "COMPUTERNAME", "SESSIONNAME"),
    }
)
"""What a library and the loader look at; anything else may be a secret of another program."""


class NotUnderstood(ProbeUnavailable):
    """What came from the process is no message: a library wrote over it, or on its pipe."""


def own_command(hidden: str) -> tuple[str, ...]:
    """The command of this very program for a hidden subcommand; a frozen one has no modules."""
    if getattr(sys, "frozen", False):
        return (sys.executable, hidden)
    return (sys.executable, "-m", "diagcps", hidden)


async def start(command: tuple[str, ...]) -> Process:
    """The process, its standard input and output being pipes. Raises ProbeUnavailable."""
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=_HOME,
            env={name: value for name, value in os.environ.items() if name.upper() in _NEEDED},
            # A library's own processes end with it, and none asks on the person's terminal.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise ProbeUnavailable(f"the process of the library: {error}") from error


def say(process: Process, message: bytes | bytearray) -> None:
    """Writes one message to the process, whose standard input stays open: its end ends it."""
    assert process.stdin is not None, "it was started with a pipe"  # noqa: S101
    process.stdin.write(len(message).to_bytes(4, "big"))
    process.stdin.write(message)


async def hear(process: Process) -> bytes | None:
    """The next message of the process; None when it has ended. Raises NotUnderstood."""
    assert process.stdout is not None, "it was started with a pipe"  # noqa: S101
    try:
        size = int.from_bytes(await process.stdout.readexactly(4), "big")
        if size > _MESSAGE_BYTES_AT_MOST:
            raise NotUnderstood("a message of the process is too long")
        return await process.stdout.readexactly(size)
    except asyncio.IncompleteReadError:
        return None


def kill(process: Process) -> None:
    """Ends the process, and those that it started, wherever they hang."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


async def end(process: Process) -> None:
    """Ends the process as `kill` does, and lets go of its pipes."""
    kill(process)
    # A process that a library detached may hold the pipes open; there is no public word for this.
    process._transport.close()  # type: ignore[attr-defined]
    # A driver may keep a process from ending: it is then the system's to end.
    with suppress(TimeoutError):
        async with asyncio.timeout(_ENDING_S):
            await process.wait()
