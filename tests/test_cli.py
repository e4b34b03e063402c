"""The command line: what it prints, what it writes and with which code it ends."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from diagcps import __version__, options, scenario
from diagcps.check import Area
from diagcps.cli import main
from diagcps.model import Level, Outcome, Owner, Reason, Verdict
from diagcps.profiles import load_profiles
from diagcps.report.subject import Place
from diagcps.words import LANGUAGES

ROOT = Path(__file__).parent.parent
SCENARIOS = scenario.names()
posix = pytest.mark.skipif(os.name != "posix", reason="signals and devices of POSIX")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """The command line sets loggers up for its own process; other tests share this one."""
    loggers = [logging.getLogger(n) for n in ("diagcps", "asyncio", "aiohttp", "aiohttp.server")]
    before = [(each.handlers, each.propagate, each.level) for each in loggers]
    for each in loggers:
        each.handlers = list(each.handlers)
    yield
    for each, (handlers, propagate, level) in zip(loggers, before, strict=True):
        each.handlers, each.propagate = handlers, propagate
        each.setLevel(level)


@pytest.fixture(autouse=True)
def _built_in_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAGCPS_LOAD_ENTRY_POINTS", "0")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run_it(*arguments: object) -> Ended:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ended(code=code, out=out, err=err)

    return run_it


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    own = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **own, **(changes or {})}


def process(*arguments: object, env: Mapping[str, str] | None = None, **options: Any) -> Ended:
    """Runs a command in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-m", "diagcps", *map(str, arguments)],
        env=environment(env),
        encoding="utf-8",
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 20, **options},
    )
    return Ended(code=finished.returncode, out=finished.stdout or "", err=finished.stderr or "")


def assert_refused(ended: Ended, code: int = 64) -> str:
    """One line on stderr, nothing on stdout; returns the line."""
    assert (ended.code, ended.out) == (code, "")
    assert re.fullmatch(r"diagcps: [^\n]+\n", ended.err), ended.err
    return ended.err


@pytest.fixture
def plug_in(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a folder with one module of checks."""

    def write(code: str) -> Path:
        folder = tmp_path / "plug"
        folder.mkdir(mode=0o755)
        module = folder / "plug.py"
        module.write_text(textwrap.dedent(code), encoding="utf-8")
        module.chmod(0o644)
        return folder

    return write


PLUG_IN = """
    import asyncio
    from dataclasses import dataclass
    from diagcps.api import (
        Area, CauseId, Check, CheckId, Evidence, Finding, Private, PrivateKind, Probe,
    )

    @dataclass(frozen=True, kw_only=True)
    class Thing:
        value: int

    async def read(world):
        {read}

    def judge(facts):
        thing = facts[Thing]
        {judge}

    READ = Probe(gives=Thing, read=read, timeout_s={limit})
    ONE = Check(id=CheckId("plug.one"), area=Area.SOFTWARE, judge=judge, uses=(Thing,),
                causes=(CauseId("card.absent"),))
"""


def plug_in_code(
    read: str = "return Thing(value=1)", judge: str = "return ()", limit: float = 5
) -> str:
    return PLUG_IN.format(read=read, judge=judge, limit=limit)


ONLY = ("--only", "plug.one", "--format", "json")


# The verdict


@pytest.mark.parametrize(
    ("name", "code"),
    [("healthy-cps3", 0), ("several-cards", 1), ("vitale", 2), ("tool-incomplete", 3)],
)
def test_the_exit_code_is_that_of_the_verdict(run: Run, name: str, code: int) -> None:
    ended = run("check", "--scenario", name)
    assert (ended.code, ended.err) == (code, "")


def test_another_process_ends_with_the_same_code(tmp_path: Path) -> None:
    ended = process("check", "--scenario", "vitale", cwd=tmp_path)
    assert (ended.code, ended.err) == (2, "")
    assert "[card.vitale]" in ended.out
    assert list(tmp_path.iterdir()) == []


def test_french_is_the_language_and_english_can_be_asked_for(run: Run) -> None:
    assert "C'est une carte Vitale" in run("check", "--scenario", "vitale").out
    for arguments in (["check", "--lang", "en"], ["--lang", "en", "check"]):
        ended = run(*arguments, "--scenario", "vitale")
        assert "The card inserted is a Vitale card" in ended.out


def test_a_terminal_without_accents_still_gets_the_diagnosis() -> None:
    ended = process("check", "--scenario", "vitale", env={"PYTHONIOENCODING": "ascii"})
    assert (ended.code, ended.err) == (2, "")
    assert "[card.vitale]" in ended.out


def test_nothing_is_found_on_this_machine_by_a_simulation(run: Run) -> None:
    shown = run("check", "--scenario", "healthy-cps3", "--format", "json").document
    assert shown["environment"]["os"] == "windows"
    said = [e for check in shown["checks"] for e in check["evidence"]]
    assert all("SIMULE" in e["value"] for e in said if e["key"] == "reader")
    assert all("SIMULE" in e["source"] for e in said if e["key"] == "slot")


# The report


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def assert_contract(report: dict[str, Any]) -> None:
    """Every field of `diagcps.report/1`, with a value that it may have."""
    assert report["schema"] == "diagcps.report/1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", report["created"])
    assert report["tool"] == {"name": "diagcps", "version": __version__}
    assert report["simulated"] is True
    assert report["profile"] in load_profiles()
    assert report["verdict"] in {each.value for each in Verdict}
    assert report["code"] is None
    assert {"os", "architecture"} <= report["environment"].keys()
    ids = {check["id"] for check in report["checks"]}
    for entry in report["diagnosis"]:
        assert_entry(entry, ids)
    for check in report["checks"]:
        assert_check(check, ids)


def assert_entry(entry: dict[str, Any], ids: set[str]) -> None:
    assert is_text(entry["cause"])
    assert is_text(entry["title"])
    assert entry["level"] in {each.value for each in Level}
    assert entry["owner"] in {each.value for each in Owner}
    assert entry["because"]
    assert {*entry["because"], *entry["explains"]} <= ids
    for remedy in entry["remedies"]:
        assert is_text(remedy["id"])
        assert is_text(remedy["title"])
        assert remedy["steps"]
        assert all(is_text(step) for step in remedy["steps"])


def assert_check(check: dict[str, Any], ids: set[str]) -> None:
    assert check["area"] in {each.value for each in Area}
    assert is_text(check["question"])
    assert check["outcome"] in {each.value for each in Outcome}
    assert (check["blocked_by"] in ids) == (check["outcome"] == "blocked")
    assert (check["reason"] in {each.value for each in Reason}) == (check["outcome"] == "unknown")
    assert isinstance(check["causes"], list)
    for evidence in check["evidence"]:
        assert evidence.keys() == {"key", "value", "source"}
        assert isinstance(evidence["value"], str | int | float | bool | None)
    assert check["started_ms"] >= 0
    assert check["duration_ms"] >= 0


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_report_has_every_field_of_the_contract(run: Run, name: str) -> None:
    ended = run("check", "--scenario", name, "--format", "json")
    assert ended.err == ""
    assert_contract(ended.document)


def test_every_cause_of_a_report_is_a_listed_one(run: Run) -> None:
    listed = {row["id"] for row in run("list", "causes", "--format", "json").document}
    for name in SCENARIOS:
        report = run("check", "--scenario", name, "--format", "json").document
        assert {entry["cause"] for entry in report["diagnosis"]} <= listed
        assert {cause for check in report["checks"] for cause in check["causes"]} <= listed


def test_the_report_is_written_where_it_is_asked_for(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("an older report", encoding="utf-8")
    ended = run("check", "--scenario", "vitale", "--format", "json", "--output", path)
    assert (ended.code, ended.out, ended.err) == (2, "", "")
    assert_contract(json.loads(path.read_text(encoding="utf-8")))
    assert list(tmp_path.iterdir()) == [path]


def test_only_the_named_checks_are_judged(run: Run) -> None:
    ended = run(
        "check", "--scenario", "vitale", "--only", "reader.present", "--only", "session",
        "--format", "json",
    )  # fmt: skip
    assert (ended.code, ended.document["verdict"]) == (0, "ready")
    ids = {check["id"] for check in ended.document["checks"]}
    assert {"reader.present", "session.location", "pcsc.service"} <= ids
    assert not ids & {"card.present", "card.recognised"}


@pytest.mark.parametrize(("only", "code"), [("card", 2), ("card.single", 0), ("tool", 0)])
def test_the_exit_code_is_that_of_the_named_checks(run: Run, only: str, code: int) -> None:
    assert run("check", "--scenario", "vitale", "--only", only).code == code


def test_a_named_check_that_waits_for_another_cannot_tell(run: Run) -> None:
    ended = run("check", "--scenario", "no-reader", "--only", "card", "--format", "json")
    assert (ended.code, ended.document["verdict"]) == (3, "undetermined")
    assert ended.document["diagnosis"] == []


def test_a_workstation_without_a_card_is_ready_where_none_is_needed(run: Run) -> None:
    ended = run("check", "--scenario", "no-card", "--profile", "workstation", "--format", "json")
    assert (ended.code, ended.document["profile"]) == (0, "workstation")
    assert "card" not in {check["area"] for check in ended.document["checks"]}


# Snapshots


@pytest.fixture
def saved(run: Run, tmp_path: Path) -> Callable[..., Path]:
    def save(name: str, *options: str) -> Path:
        path = tmp_path / f"{name}.json"
        ended = run("snapshot", "--scenario", name, "--output", path, *options)
        assert (ended.code, ended.out, ended.err) == (0, "", "")
        return path

    return save


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    times = ("started_ms", "duration_ms")
    checks = [{k: v for k, v in check.items() if k not in times} for check in report["checks"]]
    return {**{k: v for k, v in report.items() if k != "created"}, "checks": checks}


@pytest.mark.parametrize("name", SCENARIOS[::3])
@pytest.mark.parametrize("options", [[], ["--shareable"]], ids=["whole", "shareable"])
def test_a_saved_workstation_gets_the_same_diagnosis(
    run: Run, saved: Callable[..., Path], name: str, options: list[str]
) -> None:
    then = run("check", "--scenario", name, "--format", "json")
    again = run("check", "--replay", saved(name, *options), "--format", "json")
    assert (again.code, again.err) == (then.code, "")
    assert (then.document["replayed"], again.document["replayed"]) == (False, True)
    assert without_times(again.document | {"replayed": False}) == without_times(then.document)


def test_a_replay_judges_at_the_moment_of_the_snapshot(
    run: Run, saved: Callable[..., Path]
) -> None:
    path = saved("vitale")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["facts"]["Moment"]["at"] = "2024-02-29T23:30:00.5+01:00"
    path.write_text(json.dumps(data), encoding="utf-8")
    report = run("check", "--replay", path, "--format", "json").document
    assert report["created"] == "2024-02-29T22:30:00Z"


def test_a_snapshot_that_is_given_away_has_no_reader_name(saved: Callable[..., Path]) -> None:
    assert "(0001)" in saved("vitale").read_text(encoding="utf-8")
    assert "(0001)" not in saved("vitale", "--shareable").read_text(encoding="utf-8")


def test_a_snapshot_with_the_facts_of_a_plug_in_is_replayed_with_it(
    tmp_path: Path, plug_in: Callable[[str], Path]
) -> None:
    judge = "yield Evidence(key='value', value=thing.value, source='plug-in')"
    folder = plug_in(plug_in_code(judge=judge))
    path = tmp_path / "snapshot.json"
    assert process("snapshot", "--output", path, "--checks-dir", folder).code == 0
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["facts"]["plug.Thing"] == {"value": 1}
    data["facts"]["plug.Thing"]["value"] = 42
    path.write_text(json.dumps(data), encoding="utf-8")
    ended = process(
        "check", "--replay", path, "--checks-dir", folder, "--only", "plug.one", "--format", "json"
    )
    (check,) = (each for each in ended.document["checks"] if each["id"] == "plug.one")
    assert check["evidence"] == [{"key": "value", "value": 42, "source": "plug-in"}]


# Wrong use


WRONG: dict[str, tuple[str, ...]] = {
    "no such command": ("no-such",),
    "no such option": ("check", "--no-such"),
    "no such check": ("check", "--scenario", "vitale", "--only", "no.such"),
    "one known check and one not": (
        "check", "--scenario", "vitale", "--only", "card", "--only", "no.such",
    ),
    "no such profile": ("check", "--scenario", "vitale", "--profile", "no-such"),
    "no such scenario": ("check", "--scenario", "no-such"),
    "a scenario outside": ("check", "--scenario", "../../etc/passwd"),
    "no such format": ("check", "--scenario", "vitale", "--format", "xml"),
    "no such language": ("check", "--scenario", "vitale", "--lang", "de"),
    "no value": ("check", "--scenario"),
    "no number": ("check", "--scenario", "vitale", "--timeout", "soon"),
    "no time": ("check", "--scenario", "vitale", "--timeout", "0"),
    "not a number": ("check", "--scenario", "vitale", "--timeout", "nan"),
    "time without end": ("check", "--scenario", "vitale", "--timeout", "inf"),
    "less than no time": ("check", "--scenario", "vitale", "--timeout=-1"),
    "a port of the system": ("serve", "--port", "80"),
    "no such port": ("serve", "--port", "70000"),
    "a word too many": ("check", "vitale"),
    "two sources": ("check", "--scenario", "vitale", "--replay", "x"),
    "no such snapshot": ("check", "--replay", "no-such.json"),
    "a snapshot without a place": ("snapshot", "--scenario", "vitale"),
    "nothing to list": ("list",),
    "no such list": ("list", "cards"),
    "a later list": ("list", "endpoints"),
    "nothing to explain": ("explain",),
    "no such cause": ("explain", "no.such"),
    "a cause and a search": ("explain", "card.absent", "--search", "x"),
    "nothing found": ("explain", "--search", "xyzzy"),
    "no such config": ("check", "--scenario", "vitale", "--config", "no-such.toml"),
    "no such folder": ("check", "--scenario", "vitale", "--checks-dir", "no-such"),
    "a line break": ("check", "--scenario", "a\nb"),
    "later anchors": ("check", "--scenario", "vitale", "--trust-anchors", "x"),
    "later module": ("check", "--scenario", "vitale", "--pkcs11-module", "none"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_one_line_and_64(
    run: Run, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(run(*WRONG[name]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", options.LATER)
def test_a_command_of_a_later_version_says_so(run: Run, command: str) -> None:
    assert assert_refused(run(command, "--any", "thing")) == (
        f"diagcps: the command {command} comes with a later version\n"
    )


@pytest.mark.parametrize("name", scenario.LATER)
def test_a_scenario_of_a_later_version_says_so(run: Run, name: str) -> None:
    assert "comes with a later version" in assert_refused(run("check", "--scenario", name))


@pytest.mark.parametrize("id_", [id_ for id_, known in load_profiles().items() if known.later])
def test_a_profile_of_a_later_version_says_so(run: Run, id_: str) -> None:
    said = assert_refused(run("check", "--scenario", "vitale", "--profile", id_))
    assert "comes with a later version" in said


BAD_FILES = {
    "empty": b"",
    "not text": b"\xff\xfe\x00",
    "not json": b"{",
    "another json": b"[]",
    "a report": b'{"schema": "diagcps.report/1"}',
    "brackets": b"[" * 100_000,
    "closed brackets": b"[" * 100_000 + b"]" * 100_000,
    "huge": b" " * (8 * 1024 * 1024 + 1),
    "huge number": b'{"schema": ' + b"9" * 100_000 + b"}",
    "no facts": b'{"schema": "diagcps.snapshot/1"}',
    "wrong facts": b'{"schema": "diagcps.snapshot/1", "facts": {"Pcsc": "\\u001b[2J\\n"}}',
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_snapshot_is_one_line_and_64_and_nothing_is_written(
    run: Run, tmp_path: Path, name: str
) -> None:
    path, output = tmp_path / "bad.json", tmp_path / "report.json"
    path.write_bytes(BAD_FILES[name])
    output.write_text("an older report", encoding="utf-8")
    assert_refused(run("check", "--replay", path, "--format", "json", "--output", output))
    assert output.read_text(encoding="utf-8") == "an older report"
    assert set(tmp_path.iterdir()) == {path, output}


def test_a_snapshot_from_before_the_calendar_is_one_line_and_64(
    run: Run, saved: Callable[..., Path]
) -> None:
    path = saved("vitale")
    data = json.loads(path.read_text(encoding="utf-8"))
    data["facts"]["Moment"]["at"] = "0001-01-01T00:00:00+14:00"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert_refused(run("check", "--replay", path, "--format", "json"))


def test_a_snapshot_with_half_a_character_is_one_line_and_64(
    run: Run, saved: Callable[..., Path], tmp_path: Path
) -> None:
    path, output = saved("vitale"), tmp_path / "report.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["facts"]["Pcsc"]["slots"][0]["model"] = "\ud800"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert_refused(run("check", "--replay", path, "--format", "json", "--output", output))
    assert list(tmp_path.iterdir()) == [path]


BAD_CONFIGS = {
    "no toml": "[",
    "not text": "\udcff",
    "unknown key": "colour = 'red'",
    "no such language": "lang = 'de'",
    "language of a wrong type": "lang = 3",
    "no such profile": "profile = 'no-such'",
    "port of a wrong type": "port = true",
    "port out of range": "port = 70000",
    "folders of a wrong type": "checks_dir = 'here'",
    "folder of a wrong type": "checks_dir = [3]",
    "no such folder": "checks_dir = ['no-such']",
    "a table": "[lang]\nfr = 1",
}


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_a_bad_config_is_one_line_and_64(run: Run, tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(BAD_CONFIGS[name].encode("utf-8", "surrogateescape"))
    assert_refused(run("check", "--scenario", "vitale", "--config", path))


def test_a_config_says_what_the_command_line_leaves_open(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("lang = 'en'\nprofile = 'full'\n", encoding="utf-8")
    arguments = ("check", "--scenario", "vitale", "--config", path, "--format", "json")
    report = run(*arguments).document
    assert (report["language"], report["profile"]) == ("en", "full")
    report = run(*arguments, "--lang", "fr", "--profile", "psc-card").document
    assert (report["language"], report["profile"]) == ("fr", "psc-card")


def test_another_process_refuses_with_the_same_code(tmp_path: Path) -> None:
    assert_refused(process("check", "--scenario", "no-such", cwd=tmp_path))


# What cannot be written


@pytest.mark.parametrize("place", ["no-such/report.json", "folder"])
def test_what_cannot_be_written_is_one_line_and_74(run: Run, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    assert_refused(run("check", "--scenario", "vitale", "--output", tmp_path / place), 74)
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_snapshot_that_cannot_be_written_is_74(run: Run, tmp_path: Path) -> None:
    ended = run("snapshot", "--scenario", "vitale", "--output", tmp_path / "no-such" / "s.json")
    assert_refused(ended, 74)


@pytest.mark.parametrize("place", ["", ".", "/"])
def test_a_place_without_a_name_is_74(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(run("check", "--scenario", "vitale", "--output", place), 74)


@posix
def test_a_pipe_is_written_to_and_not_replaced(run: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("check", "--scenario", "vitale", "--output", pipe).code == 2
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        assert b"card.vitale" in os.read(reader, 65536)
    finally:
        os.close(reader)


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_is_one_line_and_74() -> None:
    with Path("/dev/full").open("w") as full:
        ended = process("check", "--scenario", "vitale", stdout=full)
    assert_refused(ended, 74)


@posix
def test_a_reader_who_left_is_74_without_a_word() -> None:
    readable, writable = os.pipe()
    os.close(readable)
    try:
        ended = process("list", "causes", stdout=writable)
    finally:
        os.close(writable)
    assert (ended.code, ended.err) == (74, "")


# What takes too long


@posix
def test_an_interruption_ends_it_with_130(tmp_path: Path, plug_in: Callable[[str], Path]) -> None:
    begun = tmp_path / "begun"
    read = f"open({str(begun)!r}, 'w').close(); await asyncio.sleep(60)"
    folder = plug_in(plug_in_code(read=read, limit=60))
    started = subprocess.Popen(
        [sys.executable, "-m", "diagcps", "check", "--checks-dir", str(folder), *ONLY],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 15
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=5)
    finally:
        started.kill()
        started.communicate()
    assert (started.returncode, out, err) == (130, b"", b"")


def unknown_for(ended: Ended) -> str | None:
    """Why the plug-in's check is unknown."""
    (check,) = (each for each in ended.document["checks"] if each["id"] == "plug.one")
    assert check["outcome"] == "unknown"
    reason: str | None = check["reason"]
    return reason


def test_the_limit_for_each_fact_can_be_lowered(plug_in: Callable[[str], Path]) -> None:
    folder = plug_in(plug_in_code(read="await asyncio.sleep(60)", limit=60))
    ended = process("check", "--checks-dir", folder, "--timeout", "0.05", *ONLY)
    assert (ended.code, unknown_for(ended)) == (3, "timeout")


def test_a_probe_that_ignores_its_end_does_not_keep_the_command(
    plug_in: Callable[[str], Path],
) -> None:
    read = """
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
    """
    folder = plug_in(plug_in_code(read=textwrap.indent(textwrap.dedent(read), " " * 8).strip()))
    started = time.monotonic()
    try:
        ended = process("check", "--checks-dir", folder, "--timeout", "0.05", *ONLY, timeout=3)
    except subprocess.TimeoutExpired:
        pytest.fail(f"still there after {time.monotonic() - started:.0f} s")
    assert (ended.code, unknown_for(ended)) == (3, "timeout")


# What a plug-in does


def test_a_plug_in_that_raises_is_a_result_and_its_words_stay_here(
    plug_in: Callable[[str], Path],
) -> None:
    folder = plug_in(plug_in_code(judge="raise RuntimeError('in C:\\\\Users\\\\Jo')"))
    ended = process("check", "--checks-dir", folder, *ONLY)
    assert (ended.code, unknown_for(ended), ended.err) == (3, "internal", "")
    assert "Jo" not in ended.out
    assert [entry["cause"] for entry in ended.document["diagnosis"]] == ["check.failed"]


@pytest.mark.parametrize("part", ["read", "judge"])
def test_a_plug_in_that_exits_is_a_result(plug_in: Callable[[str], Path], part: str) -> None:
    code = plug_in_code(**{part: "raise SystemExit(5)"})  # type: ignore[arg-type]  # not `limit`
    ended = process("check", "--checks-dir", plug_in(code), *ONLY)
    assert (ended.code, unknown_for(ended)) == (3, "internal")


def test_a_plug_in_that_cannot_be_imported_is_a_result(plug_in: Callable[[str], Path]) -> None:
    folder = plug_in("import sys; sys.exit(9)")
    ended = process("check", "--checks-dir", folder, "--only", "tool", "--format", "json")
    assert "tool.incomplete" in [entry["cause"] for entry in ended.document["diagnosis"]]
    assert "plug" in [e["value"] for c in ended.document["checks"] for e in c["evidence"]]


def test_a_plug_in_that_cannot_be_imported_is_a_result_of_a_simulation_too(
    plug_in: Callable[[str], Path],
) -> None:
    folder = plug_in("import sys; sys.exit(9)")
    ended = process("check", "--scenario", "vitale", "--checks-dir", folder, "--format", "json")
    assert "tool.incomplete" in [entry["cause"] for entry in ended.document["diagnosis"]]


def test_a_report_that_would_tell_a_private_value_is_not_written(
    tmp_path: Path, plug_in: Callable[[str], Path]
) -> None:
    judge = (
        "yield Evidence(key='a', value=Private(PrivateKind.USER, 'Jo Private'), source='x'); "
        "yield Evidence(key='b', value='of jo private', source='x')"
    )
    folder, output = plug_in(plug_in_code(judge=judge)), tmp_path / "report.json"
    ended = process("check", "--checks-dir", folder, *ONLY, "--output", output)
    assert "private value (user)" in assert_refused(ended, 70)
    assert not output.exists()
    assert "of jo private" not in ended.err


@posix
def test_the_log_holds_no_private_value(tmp_path: Path, plug_in: Callable[[str], Path]) -> None:
    folder = plug_in(plug_in_code(judge="raise RuntimeError('in the house of Jo')"))
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    assert process("check", "--verbose", "--checks-dir", folder, *ONLY, env=home).code == 3
    (log,) = tmp_path.rglob("*.log")
    text = log.read_text(encoding="utf-8")
    assert "plug.one" in text
    assert "RuntimeError" in text
    assert "Jo" not in text
    assert str(tmp_path) not in text


# What there is


@pytest.mark.parametrize("arguments", [["--version"], ["--version", "check"]])
def test_the_version_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"diagcps {__version__}\n"


def test_help_names_every_command_of_this_version() -> None:
    ended = process("--help")
    assert ended.code == 0
    assert all(word in ended.out for word in ("serve", "check", "list", "explain", "snapshot"))


@pytest.mark.parametrize("what", ["checks", "causes", "profiles", "scenarios"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_there_is_is_listed_as_text_and_as_json(run: Run, what: str, language: str) -> None:
    rows = run("list", what, "--format", "json", "--lang", language).document
    assert isinstance(rows, list)
    lines = run("list", what, "--lang", language).out.splitlines()
    assert [line.split()[0] for line in lines] == [row["id"] for row in rows]


@pytest.mark.parametrize(("language", "word"), [("fr", "fente"), ("en", "slot")])
def test_a_cause_is_explained_and_found_in_both_languages(
    run: Run, language: str, word: str
) -> None:
    ended = run("explain", "card.vitale", "--lang", language)
    assert (ended.code, ended.err) == (0, "")
    assert "[card.vitale]" in ended.out
    assert word in ended.out
    found = run("explain", "--search", "carte vitale" if language == "fr" else "vitale card",
                "--lang", language)  # fmt: skip
    assert found.code == 0
    assert "card.vitale" in found.out


def test_the_browser_that_is_named_is_judged_and_the_machine_is_told(
    run: Run, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('browser = "edge"\n', encoding="utf-8")
    for said in (("--browser", "edge"), ("--config", config)):
        ended = run("check", "--only", "browser.supported", "--format", "json", *said)
        environment = ended.document["environment"]
        assert (environment["browser"], environment["browser_known_by"]) == ("edge", "named")
        assert environment["machine"] in {each.value for each in Place}
