"""Files and folders as they are, of any size and kind: nothing here waits, and nothing is written.

A file that is too large for what it should be, or that is none at all (a pipe, a device), is
« there and not readable », never a fault by itself.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from diagcps.facts import FileState

_MOST_BYTES = 1 << 20
_MOST_OF_AN_ATTRIBUTE = 64 << 10
_MOST_OF_A_PROGRAM = 32 << 20
"""Bytes; the Cryptolib's largest program has 1.2 MB."""
_PIECE = 1 << 20
_MOST_ENTRIES = 1 << 16
"""Of a folder; /proc has one for each of some thousand processes."""


def state_of(path: Path) -> FileState:
    """What is at `path`, links followed: a link that leads nowhere is absent, one in a loop
    unreadable. A folder is never empty: what should be in it has facts of its own.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return FileState.ABSENT
    except (OSError, ValueError):
        return FileState.UNREADABLE
    if stat.S_ISDIR(found.st_mode):
        may_look = is_allowed(path, os.R_OK | os.X_OK)
        return FileState.PRESENT if may_look else FileState.UNREADABLE
    # A pipe or a device in the place of a file would be waited for.
    if not stat.S_ISREG(found.st_mode) or not is_allowed(path, os.R_OK):
        return FileState.UNREADABLE
    return FileState.PRESENT if found.st_size else FileState.EMPTY


def is_allowed(path: Path, mode: int) -> bool:
    """Whether this user may, by access(2) for the ids that count when a file is opened."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def beginning(file: Path, most: int = _MOST_BYTES) -> bytes:
    """The first `most` bytes of a file. Raises OSError when it cannot be read, or is no file."""
    # Not to wait for who would write into a pipe that takes the file's place meanwhile.
    # O_BINARY: without it Windows would end the file at its first Ctrl-Z.
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(file, os.O_RDONLY | flags)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(f"{file.name}: no file")
        return opened.read(most)


def text_of(file: Path, most: int = _MOST_BYTES) -> str | None:
    """The text of a file; None when it cannot be read, or is larger than `most` bytes."""
    try:
        data = beginning(file, most + 1)
    except (OSError, ValueError):
        return None
    return data.decode("utf-8", errors="replace") if len(data) <= most else None


def attribute(file: Path) -> str:
    """The text of a small file, as the kernel shows its values, without outer spaces; empty when it
    is not there, hidden, or its owner ended."""
    return (text_of(file, _MOST_OF_AN_ATTRIBUTE) or "").strip()


def entries(folder: Path) -> tuple[Path, ...]:
    """What is in the folder, the first 65,536 at most; nothing when it cannot be listed."""
    try:
        # Unlike a Path, it does not read the whole list first.
        with os.scandir(folder) as found:
            return tuple(folder / each.name for each in islice(found, _MOST_ENTRIES))
    except (OSError, ValueError):
        return ()


def changed(path: Path) -> datetime | None:
    """When the file was written last, in UTC; None when the system does not say, or a time that
    no calendar has."""
    with suppress(OSError, ValueError, OverflowError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return None


def md5_of(file: Path) -> str:
    """The MD5 in lower-case hexadecimal, as publishers print it; empty for what cannot be read and
    for more than 32 MiB."""
    import hashlib

    # A system in FIPS mode refuses it for anything else.
    found = hashlib.md5(usedforsecurity=False)
    with suppress(OSError, ValueError):
        if not stat.S_ISREG(file.stat().st_mode) or file.stat().st_size > _MOST_OF_A_PROGRAM:
            return ""
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE):
                found.update(piece)
        return found.hexdigest()
    return ""
