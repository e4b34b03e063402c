"""Which running programs matter, by the names of their processes.

A name is a hint and no proof: a program under another name is not seen, and one that is seen may do
nothing with the card, or show the screen to nobody. Not seen at all is who watches without a
program of their own in the session: a shadowed remote desktop session (Windows), the screen sharing
of macOS, a camera.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

from diagcps.catalogue import Catalogue
from diagcps.facts import PcscClients, ProgramKind, RunningProgram, RunningPrograms
from diagcps.host.common import as_probe_errors, library, printable
from diagcps.model import Platform, ProbeUnavailable
from diagcps.records import record

_ANY_ENDING = "*"
_MOST_PROCESSES = 4096
"""Those with the highest ids, which are the latest until ids start again."""
_LONGEST_NAME = 64
_LENGTH_OF_A_CUT_NAME = 15
"""What Linux keeps of a process's name (proc_pid_comm(5)); macOS keeps one character more."""
_OF_ACTS = frozenset({ProgramKind.CARD, ProgramKind.BROWSER, ProgramKind.SCREEN})


@record
class Sought:
    """A program of the catalogue, and how one system names its processes."""

    name: str
    """As people call it."""
    kind: ProgramKind
    processes: tuple[str, ...]
    """In lower case, without « .exe »; one that ends with « * » is a beginning."""
    helping: tuple[str, ...] = ()
    """Those among them that exist only while somebody else looks at this screen."""


def sought_programs(catalogue: Catalogue, platform: Platform) -> tuple[Sought, ...]:
    """The programs of the catalogue that there are on that system."""
    programs = (
        Sought(
            name=program.name,
            kind=program.kind,
            processes=tuple(_comparable(name) for name in program.processes.on(platform)),
            helping=tuple(_comparable(name) for name in program.helping.on(platform)),
        )
        for program in catalogue.programs.programs
    )
    return tuple(program for program in programs if program.processes)


def programs_of_acts(catalogue: Catalogue, platform: Platform) -> tuple[Sought, ...]:
    """Those of them that matter to an act with a code of the card."""
    programs = sought_programs(catalogue, platform)
    return tuple(program for program in programs if program.kind in _OF_ACTS)


def matching(processes: Iterable[str], known: Iterable[Sought]) -> tuple[RunningProgram, ...]:
    """The known programs of which a process runs, each once, by name; all others are left out."""
    names = {_comparable(process) for process in processes}
    return _in_order(
        RunningProgram(name=program.name, kind=program.kind)
        for program in known
        if _is_any_named(names, program.processes)
    )


def with_clients(
    running: RunningPrograms, clients: PcscClients, known: Iterable[Sought]
) -> RunningPrograms:
    """The same, and the programs that are connected to the smart-card service.

    One that is not known uses the card, whatever it is; it goes by the name of its process.
    """
    known = tuple(known)
    unknown = (
        RunningProgram(name=name, kind=ProgramKind.CARD)
        for name in (printable(client)[:_LONGEST_NAME].strip() for client in clients.programs)
        if name and not matching([name], known)
    )
    return RunningPrograms(
        programs=_in_order(chain(running.programs, matching(clients.programs, known), unknown)),
        source=f"{running.source}; {clients.source}",
    )


def running_programs(
    platform: Platform, catalogue: Catalogue, *, is_ours: Callable[[Any], bool], source: str
) -> RunningPrograms:
    """The programs of acts among the processes that run, and are ours: psutil's `Process` is asked.

    Looks at 4096 processes at most. Raises ProbeUnsupported without psutil, ProbeUnavailable when
    the system lists no processes.
    """
    names = chain.from_iterable(process_names(is_ours))
    known = programs_of_acts(catalogue, platform)
    return RunningPrograms(programs=matching(names, known), source=source)


def of_this_user(process: Any) -> bool:
    """Whether the process is of this user and still runs; not for Windows, which has no uid."""
    psutil = library("psutil")
    # A killed program that nobody waited for keeps its name.
    return bool(process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE)


def of_this_user_or_root(process: Any) -> bool:
    """The same, and the system's services: not what others run on the same machine."""
    psutil = library("psutil")
    owners = (os.getuid(), 0)
    return bool(process.uids().real in owners and process.status() != psutil.STATUS_ZOMBIE)


def process_names(is_ours: Callable[[Any], bool]) -> Iterator[tuple[str, ...]]:
    """The names of each process that is ours: its own, and that of its file where it is told.

    4096 processes at most. Raises ProbeUnsupported without psutil, ProbeUnavailable when the system
    lists no processes.
    """
    psutil = library("psutil")
    try:
        with as_probe_errors():
            pids = psutil.pids()[-_MOST_PROCESSES:]
    except psutil.Error as error:
        raise ProbeUnavailable(str(error)) from error
    for pid in pids:
        names = names_of(pid, is_ours)
        if names:
            yield names


def names_of(pid: int, is_ours: Callable[[Any], bool] = lambda _: True) -> tuple[str, ...]:
    """The names of one process; none when it is not ours, ended, or tells none."""
    psutil = library("psutil")
    names: list[str] = []
    # A process may end meanwhile, and others than ours may refuse.
    with suppress(psutil.Error, OSError):
        # Not psutil.process_iter: on Windows it keeps the name of a process whose id is reused.
        process = psutil.Process(pid)
        with process.oneshot():
            if is_ours(process):
                names.append(process.name())
                # Firefox has called its main thread, hence its process, « GeckoMain » on
                # Linux (Mozilla bug 1649010). The file says which program it is.
                names.append(os.path.basename(process.exe()))  # noqa: PTH119 (of 400 processes)
    return tuple(names)


def is_one_of(names: Iterable[str], patterns: Iterable[str]) -> bool:
    """Whether a process with one of these names is one that a pattern of the catalogue names."""
    return _is_any_named({_comparable(name) for name in names}, patterns)


def _comparable(name: str) -> str:
    """The name as names are compared, whatever the system adds to it."""
    return printable(name).casefold().removesuffix(".exe")


def _is_any_named(names: Collection[str], patterns: Iterable[str]) -> bool:
    return any(_is_named(name, pattern) for pattern in patterns for name in names)


def _is_named(name: str, pattern: str) -> bool:
    if pattern.endswith(_ANY_ENDING):
        return name.startswith(pattern.removesuffix(_ANY_ENDING))
    is_cut = len(name) >= _LENGTH_OF_A_CUT_NAME
    return name == pattern or (is_cut and pattern.startswith(name))


def _in_order(programs: Iterable[RunningProgram]) -> tuple[RunningProgram, ...]:
    return tuple(sorted(set(programs), key=lambda each: (each.name.casefold(), each.kind.value)))
