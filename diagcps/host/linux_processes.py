"""Linux's processes, by the files under /proc that every user may read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from diagcps.host.files import attribute, entries
from diagcps.records import record

_ANCESTORS_AT_MOST = 64


@record
class Process:
    """What proc_pid_stat(5) says of a process."""

    name: str
    is_alive: bool
    """A killed process that nobody waited for stays as a zombie, which serves nobody."""
    parent: int


def process(root: Path, pid: str) -> Process | None:
    """The process; None when it ended or is hidden."""
    head, _, tail = attribute(root / "proc" / pid / "stat").rpartition(")")
    fields = tail.split()
    # An id has seven digits at most; int() refuses thousands of them.
    if len(fields) < 2 or not re.fullmatch(r"[0-9]{1,10}", fields[1]):
        return None
    name = head.partition("(")[2]
    return Process(name=name, is_alive=fields[0] not in "ZXx", parent=int(fields[1]))


def process_folders(root: Path) -> Iterator[Path]:
    """The folder of each process."""
    return (entry for entry in entries(root / "proc") if entry.name.isdecimal())


def ancestors(root: Path) -> Iterator[Process]:
    """This process, its parent, and so on; 64 at most."""
    pid = str(os.getpid())
    for _ in range(_ANCESTORS_AT_MOST):
        found = process(root, pid)
        if found is None:
            return
        yield found
        pid = str(found.parent)
