"""What the README says is so: its commands run, its example works, its help text is real."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from diagcps.card.simulator import pki

TOP = Path(__file__).resolve().parent.parent
README = (TOP / "README.md").read_text(encoding="utf-8")
SLOW_S = 50.0

pytestmark = pytest.mark.skipif(os.name != "posix", reason="scripts, signals, permission bits")

READY, WARNINGS, NOT_READY, CANNOT_TELL = (0, 1, 2, 3)
VERDICTS = {READY, WARNINGS, NOT_READY, CANNOT_TELL}
NO_TERMINAL = 64


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def _environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    kept = ("PATH", "SYSTEMROOT", "PCSCLITE_CSOCK_NAME")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "DIAGCPS_LOAD_ENTRY_POINTS": "0",
        "HOME": str(home),
        "LOCALAPPDATA": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "XDG_STATE_HOME": str(home / "state"),
        **more,
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `diagcps` with these arguments, in a home of its own, to its end."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)

    def command(*arguments: str, **more: str) -> Ended:
        finished = subprocess.run(
            [sys.executable, "-m", "diagcps", *arguments],
            cwd=TOP,
            env=_environment(home, more),
            capture_output=True,
            encoding="utf-8",
            timeout=SLOW_S,
        )
        return Ended(code=finished.returncode, out=finished.stdout, err=finished.stderr)

    return command


def _block(name: str) -> str:
    """The code block between the markers of that name."""
    kind = name.split(":")[0]
    found = re.findall(
        rf"<!-- {re.escape(name)} -->\n```\w*\n(.*?)```\n<!-- /{kind} -->", README, re.DOTALL
    )
    assert len(found) == 1, name
    return str(found[0])


# --- its commands ------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["scripts/run", "scripts/test"])
def test_each_of_the_two_commands_is_there(script: str) -> None:
    assert f"```sh\n{script}\n```" in README
    assert os.access(TOP / script, os.X_OK)


def _commands() -> set[str]:
    """The commands of the README's table, as its first column writes them."""
    table = re.search(r"^\| command \| does \|\n.*?\n\n", README, re.MULTILINE | re.DOTALL)
    assert table is not None
    first = [line.split("|")[1] for line in table[0].splitlines()[2:] if line]
    return {command for cell in first for command in re.findall(r"`([^`]+)`", cell)}


RUNS: tuple[tuple[str, str, set[int]], ...] = (
    ("diagcps check", "check", VERDICTS),
    ("diagcps check", "check --format json --scenario healthy-cps3", {READY}),
    ("diagcps check", "check --only card.recognised --scenario vitale", {NOT_READY}),
    ("diagcps check", "check --only reader --scenario vitale", {READY}),
    ("diagcps list checks", "list checks", {0}),
    ("diagcps list checks", "list causes", {0}),
    ("diagcps list checks", "list profiles", {0}),
    ("diagcps list checks", "list scenarios", {0}),
    ("diagcps explain card.vitale", "explain card.vitale", {0}),
    ("diagcps explain card.vitale", "explain --search vitale", {0}),
    ("diagcps snapshot --output FILE", "snapshot --output {new}", {0}),
    ("diagcps snapshot --output FILE", "snapshot --shareable --output {new}", {0}),
    ("diagcps check --replay FILE", "check --replay {saved}", {NOT_READY}),
    ("diagcps check --scenario NAME", "check --scenario healthy-cps4", {READY}),
    ("diagcps check --scenario NAME", "check --scenario several-cards", {WARNINGS}),
    ("diagcps check --scenario NAME", "check --scenario no-reader", {NOT_READY}),
    ("diagcps check --scenario NAME", "check --scenario tool-incomplete", {CANNOT_TELL}),
    (
        "diagcps check --browser firefox",
        "check --scenario no-reader --browser firefox",
        {NOT_READY},
    ),
    (
        "diagcps check --pkcs11-module PATH",
        "check --only middleware.present --pkcs11-module {new}",
        {NOT_READY},
    ),
    (
        "diagcps check --pkcs11-module PATH",
        "check --only middleware.present --pkcs11-module none",
        {CANNOT_TELL},
    ),
    ("diagcps check --trust-anchors FILE", "check --trust-anchors {anchors}", VERDICTS),
    # These ask a person: tests/test_terminal.py answers in their place.
    ("diagcps unblock", "unblock --scenario pin-blocked", {NO_TERMINAL}),
    ("diagcps change-code", "change-code --scenario healthy-cps3", {NO_TERMINAL}),
    ("diagcps try-card", "try-card --scenario healthy-cps3", {NO_TERMINAL}),
)
OPEN_ENDED = {"diagcps", "diagcps serve", "diagcps simulate SCENARIO"}
"""Commands that end when they are interrupted."""


def test_every_command_of_the_table_is_run_here() -> None:
    assert _commands() == {command for command, _, _ in RUNS} | OPEN_ENDED


@pytest.mark.parametrize(("arguments", "codes"), [(line, codes) for _, line, codes in RUNS])
def test_command_ends_as_the_table_says(
    run: Run, tmp_path: Path, arguments: str, codes: set[int]
) -> None:
    saved, new = tmp_path / "saved.json", tmp_path / "new.json"
    if "{saved}" in arguments:
        assert run("snapshot", "--scenario", "vitale", "--output", str(saved)).code == 0
    places = {"saved": saved, "new": new, "anchors": pki.anchors_file()}
    filled = [word.format(**places) for word in arguments.split()]
    ended = run(*filled)
    assert ended.code in codes, ended.err
    assert new.exists() == ("output {new}" in arguments)


@pytest.mark.parametrize("command", ["diagcps", "diagcps serve"])
def test_page_opens_at_a_one_time_address(tmp_path: Path, command: str) -> None:
    assert command in _commands()
    with subprocess.Popen(
        [sys.executable, "-m", *command.split(), "--no-browser", "--scenario", "vitale"],
        cwd=TOP,
        env=_environment(tmp_path, {}),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as agent:
        try:
            assert agent.stdout is not None
            address = agent.stdout.readline()
        finally:
            agent.send_signal(signal.SIGINT)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/open/[\w-]{43}\n", address)
    assert agent.returncode == 0


def test_simulated_card_is_inserted_where_a_virtual_reader_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reader:
        reader.settimeout(SLOW_S)
        host, port = reader.getsockname()
        options = ["pin-blocked", "--vpcd", f"{host}:{port}"]
        with subprocess.Popen(
            [sys.executable, "-m", "diagcps", "simulate", *options],
            cwd=TOP,
            env=_environment(tmp_path, {}),
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ) as simulation:
            try:
                slot, _ = reader.accept()
                with slot:
                    slot.settimeout(SLOW_S)
                    slot.sendall(b"\x00\x01\x04")  # vsmartcard's order: the answer to reset
                    answer = slot.recv(2 + 17, socket.MSG_WAITALL)
                assert simulation.stdout is not None
                said = [simulation.stdout.readline() for _ in range(2)]
            finally:
                simulation.send_signal(signal.SIGINT)
                try:
                    code = simulation.wait(timeout=SLOW_S)
                finally:
                    simulation.kill()
    assert answer.hex().upper() == "00113BAC00402A001225006480000310009000"
    assert said == [f"cps3 at {host}:{port}\n", f"--trust-anchors {pki.anchors_file()}\n"]
    assert code == 130


def test_other_authorities_make_a_simulated_result(run: Run) -> None:
    anchors = str(pki.anchors_file())
    ended = run("check", "--only", "tool", "--format", "json", "--trust-anchors", anchors)
    assert json.loads(ended.out)["simulated"] is True


@pytest.mark.parametrize(
    "arguments",
    ["decode X", "check --scenario offline", "check --profile dmp", "list endpoints"],
)
def test_what_belongs_to_later_versions_is_refused_with_one_line(run: Run, arguments: str) -> None:
    ended = run(*arguments.split())
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)


def test_what_cannot_be_written_is_told_by_the_exit_code(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "no-such-folder" / "file.json"
    assert run("snapshot", "--scenario", "vitale", "--output", str(target)).code == 74


def test_every_exit_code_is_in_the_readme() -> None:
    said = re.search(r"^Exit codes .*?\n\n", README, re.MULTILINE | re.DOTALL)
    assert said is not None
    assert re.findall(r"\b\d+\b", said[0])[:8] == ["0", "1", "2", "3", "64", "70", "74", "130"]


def test_help_text_is_the_real_one(run: Run) -> None:
    ended = run("--help", COLUMNS="100", NO_COLOR="1")
    assert ended.code == 0
    assert _block("help") == ended.out


# --- its example -------------------------------------------------------------------------------


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example's files in a folder that nobody else can write."""
    folder = tmp_path / "checks"
    folder.mkdir(mode=0o700)
    for name in re.findall(r"<!-- example: (\S+) -->", README):
        file = folder / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(_block(f"example: {name}"), encoding="utf-8")
        file.chmod(0o600)
    return folder


def _report(run: Run, folder: Path, *more: str) -> Any:
    shown = ("--scenario", "vitale", "--format", "json", *more)
    ended = run("check", "--checks-dir", str(folder), *shown)
    assert ended.code == NOT_READY, ended.err
    return json.loads(ended.out)


def test_example_is_a_check_in_twenty_lines(example: Path) -> None:
    (module,) = example.glob("*.py")
    lines = module.read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 20


def test_example_finds_its_cause_in_its_own_words(run: Run, example: Path) -> None:
    report = _report(run, example)
    (found,) = [e for e in report["diagnosis"] if e["cause"] == "practice.other-brand"]
    assert found["title"] == "Ce lecteur n'est pas de la marque habituelle"
    assert found["because"] == ["practice.brand"]
    (check,) = [c for c in report["checks"] if c["id"] == "practice.brand"]
    assert check["question"] == "Le lecteur est-il de la marque habituelle ?"


def test_example_adds_to_the_diagnosis_and_changes_nothing_else(run: Run, example: Path) -> None:
    causes = [entry["cause"] for entry in _report(run, example)["diagnosis"]]
    assert causes == ["card.vitale", "practice.other-brand"]


def test_example_without_its_words_shows_the_ids(run: Run, example: Path) -> None:
    for file in (example / "content").rglob("*.toml"):
        file.unlink()
    titles = [entry["title"] for entry in _report(run, example)["diagnosis"]]
    assert "practice.other-brand" in titles


def test_example_in_a_folder_that_others_can_write_is_refused(run: Run, example: Path) -> None:
    example.chmod(0o777)
    ended = run("check", "--checks-dir", str(example), "--scenario", "vitale")
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)


def test_readme_links_to_no_other_site() -> None:
    assert not re.search(r"https?:", README)
