"""Which programs of the catalogue run on this machine, and who listens on the ports they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from diagcps.catalogue import Catalogue
from diagcps.host.common import printable
from diagcps.host.ports import listening
from diagcps.host.programs import Sought, is_one_of, names_of, process_names, sought_programs
from diagcps.model import Platform, ProbeError
from diagcps.workstation import Listener, Running, Software

_LONGEST_NAME = 64


def read_software(
    platform: Platform,
    catalogue: Catalogue,
    *,
    is_ours: Callable[[Any], bool],
    listeners: bool = True,
    source: str,
) -> Software:
    """The programs of the catalogue among the processes that are ours, and the listeners on its
    ports, whosever; none asked for without `listeners`.

    `is_ours` lets through what runs in this person's session and for the system. Raises
    ProbeUnsupported without psutil, ProbeUnavailable when the system lists no processes.
    """
    sought = sought_programs(catalogue, platform)
    return Software(
        running=count_running(process_names(is_ours), sought),
        listeners=_listeners(catalogue, sought) if listeners else None,
        source=source,
    )


def count_running(
    processes: Iterable[tuple[str, ...]], sought: Iterable[Sought]
) -> tuple[Running, ...]:
    """The programs of which a process runs, by name, from the names of each process."""
    # Most of four hundred processes share their names with others.
    counted = Counter(processes)
    return tuple(
        Running(name=program.name, processes=total, helping=_total(counted, program.helping))
        for program in sorted(sought, key=lambda each: each.name.casefold())
        if (total := _total(counted, program.processes))
    )


def _total(counted: Counter[tuple[str, ...]], patterns: tuple[str, ...]) -> int:
    return sum(number for names, number in counted.items() if is_one_of(names, patterns))


def _listeners(catalogue: Catalogue, sought: tuple[Sought, ...]) -> tuple[Listener, ...] | None:
    expected: dict[int, set[str]] = {}
    for program in catalogue.ports.programs:
        for port in program.ports:
            expected.setdefault(port, set()).add(program.program)
    try:
        found = listening(expected)
    except ProbeError:
        return None
    holders = {pid: _holder(pid, sought) for _, pid in found}
    pairs = sorted({(port, holders[pid]) for port, pid in found})
    return tuple(
        Listener(port=port, program=name, known=name in expected[port]) for port, name in pairs
    )


def _holder(pid: int, sought: tuple[Sought, ...]) -> str:
    """The catalogue's name of the process, else its own; empty when it keeps them to itself."""
    names = names_of(pid) if pid else ()
    known = (program.name for program in sought if is_one_of(names, program.processes))
    own = (printable(name)[:_LONGEST_NAME].strip() for name in names)
    return next(known, None) or next(own, "")
