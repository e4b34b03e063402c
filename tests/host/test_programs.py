"""Which running programs matter: the catalogue, the names, and the processes of this machine."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.catalogue import Catalogue
from diagcps.catalogue_parts import KnownProgram, ProcessNames
from diagcps.facts import PcscClients, ProgramKind, RunningProgram, RunningPrograms
from diagcps.host.base import Host
from diagcps.host.linux import LinuxHost
from diagcps.host.macos import MacHost
from diagcps.host.programs import (
    matching,
    of_this_user,
    programs_of_acts,
    running_programs,
    sought_programs,
    with_clients,
)
from diagcps.model import Platform, ProbeDenied, ProbeUnavailable, ProbeUnsupported
from diagcps.probes import BUILT_IN
from diagcps.replay import NoHost
from tests.builders import CATALOGUE, check, clients, runner
from tests.integration.bench import until
from tests.strategies import quick

LINUX, MACOS, WINDOWS = Platform.LINUX, Platform.MACOS, Platform.WINDOWS
KNOWN = {platform: sought_programs(CATALOGUE, platform) for platform in Platform}
TEAMVIEWER = RunningProgram(name="TeamViewer", kind=ProgramKind.SCREEN)
FIREFOX = RunningProgram(name="Firefox", kind=ProgramKind.BROWSER)

each_entry = pytest.mark.parametrize("entry", CATALOGUE.programs.programs, ids=lambda e: e.name)
posix = pytest.mark.skipif(sys.platform == "win32", reason="what Windows has not")
linux = pytest.mark.skipif(sys.platform != "linux", reason="files of Linux")


def running(*those: RunningProgram) -> RunningPrograms:
    return RunningPrograms(programs=those, source="test")


def names(platform: Platform, *processes: str) -> list[str]:
    return [program.name for program in matching(processes, KNOWN[platform])]


class TestCatalogue:
    @each_entry
    def test_every_program_has_a_source(self, entry: KnownProgram) -> None:
        sources = {source.name for source in CATALOGUE.programs.sources}
        assert set(entry.source.split(", ")) <= sources

    @each_entry
    def test_every_program_has_a_process(self, entry: KnownProgram) -> None:
        assert any(entry.processes.on(platform) for platform in Platform)

    @each_entry
    def test_what_runs_while_help_is_given_is_a_process_of_it(self, entry: KnownProgram) -> None:
        for platform in Platform:
            assert set(entry.helping.on(platform)) <= set(entry.processes.on(platform))
        assert entry.kind is ProgramKind.SCREEN or entry.helping == ProcessNames()

    @each_entry
    def test_what_uses_the_card_was_seen_in_the_field(self, entry: KnownProgram) -> None:
        assert (entry.kind is ProgramKind.CARD) == (entry.source == "FIELD")

    @pytest.mark.parametrize("platform", Platform)
    def test_the_manager_of_certificates_does_not_matter_to_an_act(
        self, platform: Platform
    ) -> None:
        for_acts = programs_of_acts(CATALOGUE, platform)
        assert for_acts == tuple(p for p in KNOWN[platform] if p.kind is not ProgramKind.MANAGER)

    @pytest.mark.parametrize("platform", Platform)
    def test_names_are_written_as_they_are_compared(self, platform: Platform) -> None:
        written = [name for program in KNOWN[platform] for name in program.processes]
        assert all(name == name.strip().casefold().removesuffix(".exe") for name in written)
        assert all(name.isascii() for name in written)

    @pytest.mark.parametrize("platform", Platform)
    def test_a_beginning_tells_enough_and_is_not_cut(self, platform: Platform) -> None:
        written = [name for program in KNOWN[platform] for name in program.processes]
        beginnings = [name for name in written if "*" in name]
        assert all(name.index("*") == len(name) - 1 for name in beginnings)
        assert all(4 <= len(name) - 1 <= 15 for name in beginnings)

    @pytest.mark.parametrize("platform", Platform)
    def test_no_process_is_two_programs(self, platform: Platform) -> None:
        for program in KNOWN[platform]:
            for process in program.processes:
                for name in {process.rstrip("*"), process.rstrip("*")[:15]}:
                    assert names(platform, name) == [program.name]

    def test_a_program_is_listed_where_there_is_one(self) -> None:
        assert all(program.processes for each in KNOWN.values() for program in each)
        where = {p for p, each in KNOWN.items() if "Safari" in [one.name for one in each]}
        assert where == {MACOS}

    @pytest.mark.parametrize("kind", [k for k in ProgramKind if k is not ProgramKind.MANAGER])
    def test_every_system_has_programs_of_every_kind(self, kind: ProgramKind) -> None:
        for platform in Platform:
            assert any(program.kind is kind for program in KNOWN[platform])


@pytest.mark.parametrize(
    ("platform", "process", "name"),
    [
        (WINDOWS, "dmpconnectjs_monitor.exe", "DMP Connect-JS2"),
        (MACOS, "dmpconnect-js2", "DMP Connect-JS2"),
        (WINDOWS, "SRVSVCNAM.exe", "SrvSvCnam (amelipro connect)"),
        (WINDOWS, "fsenxt.exe", "Affid"),
        (WINDOWS, "Pyxvital_SV.exe", "Pyxvital"),
        (WINDOWS, "DrSante.Api.exe", "DrSanté"),
        (MACOS, "Gestion Lecteur SV", "jFSE"),
        (WINDOWS, "JUXTALINK.EXE", "JuxtaLink"),
        (WINDOWS, "firefox.exe", "Firefox"),
        (MACOS, "firefox", "Firefox"),
        (LINUX, "firefox-esr", "Firefox"),
        (WINDOWS, "chrome.exe", "Google Chrome"),
        (MACOS, "Google Chrome", "Google Chrome"),
        (WINDOWS, "msedge.exe", "Microsoft Edge"),
        (LINUX, "chromium", "Chromium"),
        (LINUX, "chromium-browser --enable-pinch", "Chromium"),
        (MACOS, "Safari", "Safari"),
        (WINDOWS, "TeamViewer.exe", "TeamViewer"),
        (WINDOWS, "TeamViewerQS_x64.exe", "TeamViewer"),
        (LINUX, "TeamViewer_Desktop", "TeamViewer"),
        (WINDOWS, "AnyDesk.exe", "AnyDesk"),
        (WINDOWS, "AnyDesk-ad_42f4937a_msi.exe", "AnyDesk"),
        (LINUX, "anydesk", "AnyDesk"),
        (WINDOWS, "QuickAssist.exe", "Quick Assist"),
        (WINDOWS, "msra.exe", "Windows Remote Assistance"),
        (WINDOWS, "CCM.exe", "Gestionnaire de certificats CPS"),
    ],
)
def test_a_process_is_known_by_its_name(platform: Platform, process: str, name: str) -> None:
    assert names(platform, process) == [name]


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize(
    "process",
    [
        *("TeamViewer_Service.exe", "TeamViewer_Service", "TeamViewer_Serv", "teamviewerd"),
        *("java", "java.exe", "javaw.exe", "JavaAppLauncher", "python", "msedgewebview2.exe"),
        *("chromedriver", "SafariBookmarksSyncAgent", "shamanking", "", " ", ".exe", "*"),
    ],
)
def test_what_always_runs_and_what_may_be_anything_is_not_known(
    platform: Platform, process: str
) -> None:
    assert names(platform, process) == []


@pytest.mark.parametrize("cut", ["dmpconnectjs_mo", "gestion lecteur", "TeamViewer_Desk"])
def test_a_name_that_the_system_cut_is_known_by_what_is_left(cut: str) -> None:
    assert len(names(LINUX, cut)) == 1
    assert names(LINUX, cut[:-1]) == []


_listed = [name.rstrip("*") for each in KNOWN.values() for p in each for name in p.processes]
processes = st.lists(
    st.text(max_size=30)
    | st.sampled_from(_listed)
    | st.builds(lambda name, more: name + more, st.sampled_from(_listed), st.text(max_size=5))
)
platforms = st.sampled_from(Platform)


@quick
@given(platform=platforms, seen=processes)
def test_any_processes_give_programs_of_the_catalogue_in_order_each_once(
    platform: Platform, seen: list[str]
) -> None:
    found = matching(seen, KNOWN[platform])
    assert set(found) <= {RunningProgram(name=p.name, kind=p.kind) for p in KNOWN[platform]}
    assert len(set(found)) == len(found)
    assert list(found) == sorted(found, key=lambda program: program.name.casefold())


@quick
@given(platform=platforms, seen=processes)
def test_case_ending_order_and_repetition_change_nothing(
    platform: Platform, seen: list[str]
) -> None:
    ascii_names = [name for name in seen if name.isascii()]
    changed = [f"{name.upper()}.EXE" for name in reversed(ascii_names) if name[-4:] != ".exe"]
    plain = [name for name in ascii_names if name[-4:] != ".exe"]
    assert matching(changed * 2, KNOWN[platform]) == matching(plain, KNOWN[platform])


@quick
@given(platform=platforms, seen=processes)
def test_each_process_is_told_as_if_it_ran_alone(platform: Platform, seen: list[str]) -> None:
    together = set(matching(seen, KNOWN[platform]))
    alone = [set(matching([name], KNOWN[platform])) for name in seen]
    assert together == set().union(*alone)


class TestClients:
    def test_an_unknown_one_uses_the_card_under_the_name_of_its_process(self) -> None:
        found = with_clients(running(TEAMVIEWER), clients("facturation"), KNOWN[LINUX])
        card = RunningProgram(name="facturation", kind=ProgramKind.CARD)
        assert found.programs == (card, TEAMVIEWER)
        assert found.source == "test; test"

    def test_a_known_one_is_told_once_as_what_it_is(self) -> None:
        connected = clients("firefox", "firefox-esr", "dmpconnectjs_mo")
        found = with_clients(running(FIREFOX), connected, KNOWN[LINUX])
        dmp = RunningProgram(name="DMP Connect-JS2", kind=ProgramKind.CARD)
        assert found.programs == (dmp, FIREFOX)

    @quick
    @given(seen=processes)
    def test_names_that_others_chose_are_printable_short_and_never_empty(
        self, seen: list[str]
    ) -> None:
        connected = PcscClients(programs=tuple(seen), source="")
        for program in with_clients(running(), connected, KNOWN[LINUX]).programs:
            assert program.name.isprintable()
            assert program.name == program.name.strip()
            assert 0 < len(program.name) <= 64

    def test_a_long_name_is_cut(self) -> None:
        (program,) = with_clients(running(), clients("x" * 1000), KNOWN[LINUX]).programs
        assert program.name == "x" * 64


class Desk(NoHost):
    """A host on which Firefox runs, and which says who uses the service, or refuses to."""

    def __init__(self, *connected: str, refuses: bool = False) -> None:
        super().__init__(LINUX)
        self._connected = connected
        self._refuses = refuses

    def running_programs(self, catalogue: Catalogue) -> RunningPrograms:
        return running(FIREFOX)

    def pcsc_clients(self) -> PcscClients:
        if self._refuses:
            raise ProbeDenied
        return clients(*self._connected)


class TestProbe:
    async def read(self, host: Host) -> Any:
        examined = runner(check("a.check", uses=[RunningPrograms]), probes=BUILT_IN)
        examined.world = dataclasses.replace(examined.world, host=host)
        await examined.run()
        return examined.facts[RunningPrograms]

    async def test_programs_at_the_service_stand_beside_those_that_run(self) -> None:
        other = RunningProgram(name="other", kind=ProgramKind.CARD)
        assert (await self.read(Desk("other"))).programs == (FIREFOX, other)

    async def test_without_knowing_who_uses_the_service_the_others_stand(self) -> None:
        assert await self.read(Desk(refuses=True)) == running(FIREFOX)

    def test_a_replayed_workstation_names_none(self) -> None:
        with pytest.raises(ProbeUnavailable):
            NoHost(LINUX).running_programs(CATALOGUE)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose programs any user may start, which pytest's own do not allow."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


@contextmanager
def running_as(file: Path, *command: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program of this machine under another name, for as long as the block lasts."""
    shutil.copy(shutil.which(command[0]) or command[0], file)
    options = {"args": [str(file), *command[1:]], "stdout": subprocess.PIPE, **options}
    with subprocess.Popen(**options) as program:
        try:
            # The kernel tells the caller that the program began a moment before it renames it.
            until(lambda: comm_of(program.pid) != comm_of(os.getpid()), "the program has its name")
            yield program
        finally:
            program.kill()


def comm_of(pid: int) -> str:
    """What the kernel calls a process."""
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8")


def told_of(pid: int) -> list[str]:
    """What is told of one process: others, of a test that runs beside this one, are passed over."""
    found = running_programs(
        LINUX, CATALOGUE, is_ours=lambda each: each.pid == pid and of_this_user(each), source="test"
    )
    return [program.name for program in found.programs]


@linux
class TestThisMachine:
    """With copies of small programs: a process is called as the file it was started from."""

    @pytest.mark.parametrize("host", [LinuxHost(), MacHost()], ids=["linux", "macos"])
    def test_a_host_names_a_program_that_runs(self, folder: Path, host: Host) -> None:
        with running_as(folder / "TeamViewer", "sleep", "60"):
            assert TEAMVIEWER in host.running_programs(CATALOGUE).programs

    def test_a_program_is_named_until_it_ends(self, folder: Path) -> None:
        with running_as(folder / "TeamViewer", "sleep", "60") as program:
            assert told_of(program.pid) == ["TeamViewer"]
            program.kill()
            os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
            assert told_of(program.pid) == []  # though nobody has waited for it
        assert told_of(program.pid) == []

    @pytest.mark.parametrize("called", ["dmpconnectjs_monitor", "something"])
    def test_a_name_longer_than_the_kernel_keeps_is_known(self, folder: Path, called: str) -> None:
        file = folder / "dmpconnectjs_monitor"
        options = {"args": [called, "60"], "executable": file}
        with running_as(file, "sleep", **options) as program:
            assert comm_of(program.pid) == "dmpconnectjs_mo\n"
            assert told_of(program.pid) == ["DMP Connect-JS2"]

    def test_psutil_completes_a_name_that_the_kernel_cut(self, folder: Path) -> None:
        import psutil

        with running_as(folder / "dmpconnectjs_monitor", "sleep", "60") as program:
            assert psutil.Process(program.pid).name() == "dmpconnectjs_monitor"

    def test_a_program_that_renames_its_process_is_known_by_its_file(self, folder: Path) -> None:
        script = "echo GeckoMain > /proc/$$/comm; echo renamed; read -r line"
        options = {"stdin": subprocess.PIPE}
        with running_as(folder / "firefox", "sh", "-c", script, **options) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == b"renamed\n"
            assert told_of(program.pid) == ["Firefox"]

    def test_the_program_of_another_user_is_not_named(self, folder: Path) -> None:
        if os.getuid() != 0:
            pytest.skip("only root may start a program for another user")
        with running_as(folder / "TeamViewer", "sleep", "60", user=65534) as program:
            assert told_of(program.pid) == []


class Process(SimpleNamespace):
    """A process as psutil shows it."""

    def oneshot(self) -> Any:
        return nullcontext()

    def name(self) -> str:
        if self.refuses:
            raise OSError
        return str(self.called)

    def exe(self) -> str:
        raise PermissionError


def given_processes(
    monkeypatch: pytest.MonkeyPatch, *called: str, refuses: tuple[int, ...] = ()
) -> list[int]:
    """Puts a psutil in place with these processes; gives back the list of those it is asked for."""
    asked: list[int] = []

    def process(pid: int) -> Process:
        asked.append(pid)
        return Process(pid=pid, called=called[pid], refuses=pid in refuses)

    fake = SimpleNamespace(pids=lambda: list(range(len(called))), Process=process, Error=KeyError)
    monkeypatch.setitem(sys.modules, "psutil", fake)
    return asked


def all_programs(platform: Platform = LINUX) -> tuple[RunningProgram, ...]:
    return running_programs(platform, CATALOGUE, is_ours=lambda _: True, source="test").programs


class TestListing:
    def test_a_process_that_refuses_hides_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given_processes(monkeypatch, "other", "firefox", "TeamViewer", refuses=(0, 1))
        assert all_programs() == (TEAMVIEWER,)

    def test_only_ours_are_asked_for_their_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given_processes(monkeypatch, "firefox", "TeamViewer")
        found = running_programs(
            LINUX, CATALOGUE, is_ours=lambda process: process.pid == 0, source="test"
        )
        assert found == running(FIREFOX)

    def test_no_more_than_4096_are_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = given_processes(monkeypatch, *["firefox"] * 5, *["TeamViewer"] * 4096)
        assert all_programs() == (TEAMVIEWER,)
        assert asked == list(range(5, 4101))

    def test_a_system_that_lists_no_process_is_unavailable(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def pids() -> list[int]:
            raise KeyError("psutil's own")

        given_processes(monkeypatch)
        monkeypatch.setattr(sys.modules["psutil"], "pids", pids)
        with pytest.raises(ProbeUnavailable):
            all_programs()

    def test_without_psutil_nothing_can_be_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "psutil", None)
        with pytest.raises(ProbeUnsupported):
            all_programs()

    @posix
    def test_this_process_is_of_this_user(self) -> None:
        import psutil

        assert of_this_user(psutil.Process())
