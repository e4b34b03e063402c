"""Which running programs matter to an act with a code of the card, by the names of their processes.

A name is a hint and no proof: a program under another name is not seen, and one that is seen may do
nothing with the card, or show the screen to nobody. Not seen at all is who watches without a
program of their own in the session: a shadowed remote desktop session (Windows), the screen sharing
of macOS, a camera.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from diagcps.facts import PcscClients, ProgramKind, RunningProgram, RunningPrograms
from diagcps.host.common import as_probe_errors, library, printable
from diagcps.model import Platform, ProbeError, ProbeUnavailable

_FILE = "known_programs.toml"
_EVERY_PLATFORM = "any"
_ANY_ENDING = "*"
_MOST_PROCESSES = 4096
"""Those with the highest ids, which are the latest until ids start again."""
_LONGEST_NAME = 64
_LENGTH_OF_A_CUT_NAME = 15
"""What Linux keeps of a process's name (proc_pid_comm(5)); macOS keeps one character more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProgram:
    """A program of the catalogue, and how one system names its processes."""

    name: str
    """As people call it."""
    kind: ProgramKind
    processes: tuple[str, ...]
    """In lower case, without « .exe »; one that ends with « * » is a beginning."""


def known_programs(platform: Platform) -> tuple[KnownProgram, ...]:
    """The programs of `known_programs.toml` that there are on that system.

    Raises ProbeError when the file cannot be used.
    """
    path = Path(__file__).with_name(_FILE)
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        programs = [_program(entry, platform) for entry in data["programs"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProbeError(f"{_FILE}: {error}") from error
    return tuple(program for program in programs if program.processes)


def matching(processes: Iterable[str], known: Iterable[KnownProgram]) -> tuple[RunningProgram, ...]:
    """The known programs of which a process runs, each once, by name; all others are left out."""
    names = {_comparable(process) for process in processes}
    return _in_order(
        RunningProgram(name=program.name, kind=program.kind)
        for program in known
        if any(_is_named(name, pattern) for pattern in program.processes for name in names)
    )


def with_clients(
    running: RunningPrograms, clients: PcscClients, known: Iterable[KnownProgram]
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
    platform: Platform, *, is_ours: Callable[[Any], bool], source: str
) -> RunningPrograms:
    """The known programs among the processes that run, and are ours: psutil's `Process` is asked.

    Looks at 4096 processes at most. Raises ProbeUnsupported without psutil, ProbeUnavailable when
    the system lists no processes.
    """
    known = known_programs(platform)
    return RunningPrograms(programs=matching(_process_names(is_ours), known), source=source)


def of_this_user(process: Any) -> bool:
    """Whether the process is of this user and still runs; not for Windows, which has no uid."""
    psutil = library("psutil")
    # A killed program that nobody waited for keeps its name.
    return bool(process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE)


def _process_names(is_ours: Callable[[Any], bool]) -> Iterator[str]:
    psutil = library("psutil")
    try:
        with as_probe_errors():
            pids = psutil.pids()[-_MOST_PROCESSES:]
    except psutil.Error as error:
        raise ProbeUnavailable(str(error)) from error
    for pid in pids:
        # A process may end meanwhile, and others than ours may refuse.
        with suppress(psutil.Error, OSError):
            # Not psutil.process_iter: on Windows it keeps the name of a process whose id is reused.
            process = psutil.Process(pid)
            with process.oneshot():
                if is_ours(process):
                    yield process.name()
                    # Firefox has called its main thread, hence its process, « GeckoMain » on
                    # Linux (Mozilla bug 1649010). The file says which program it is.
                    yield Path(process.exe()).name


def _program(entry: dict[str, Any], platform: Platform) -> KnownProgram:
    processes = entry["processes"]
    names = (*processes.get(_EVERY_PLATFORM, ()), *processes.get(platform.value, ()))
    return KnownProgram(
        name=entry["name"],
        kind=ProgramKind(entry["kind"]),
        processes=tuple(_comparable(name) for name in names),
    )


def _comparable(name: str) -> str:
    """The name as names are compared, whatever the system adds to it."""
    return printable(name).casefold().removesuffix(".exe")


def _is_named(name: str, pattern: str) -> bool:
    if pattern.endswith(_ANY_ENDING):
        return name.startswith(pattern.removesuffix(_ANY_ENDING))
    is_cut = len(name) >= _LENGTH_OF_A_CUT_NAME
    return name == pattern or (is_cut and pattern.startswith(name))


def _in_order(programs: Iterable[RunningProgram]) -> tuple[RunningProgram, ...]:
    return tuple(sorted(set(programs), key=lambda each: (each.name.casefold(), each.kind.value)))
