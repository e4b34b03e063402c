"""Takes each guard away in turn and shows that a test turns red. Exits 1 when one stays green.

Usage: python tests/guards/run.py [WORD]  (only the guards whose line or name holds WORD)

A guard is one entry of mutations.toml: a text that must be in its file exactly once, what it is
replaced by, and the tests that must fail then. The work is done on copies in a temporary folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
COPIED = ("diagcps", "checks", "static", "templates", "tests", "pyproject.toml")
AT_ONCE = 3
# The other plug-ins of pytest cost as much time as the tests.
PLUGINS = ("-ppytest_asyncio.plugin", "-ppytest_timeout", "-p_hypothesis_pytestplugin")
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "DIAGCPS_LOAD_ENTRY_POINTS": "0"}
LIMIT_S = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One guard, and how it is taken away."""

    line: str
    """Of the checklist in the project's notes on security."""
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    as_root: bool = False
    """The tests need another user, whom only root can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it: red is what is wanted."""

    guard: Guard
    red: bool
    skipped: bool = False
    """Its tests cannot run on this machine, with the guard or without."""
    said: str
    took_s: float


def guards(word: str) -> tuple[Guard, ...]:
    """The guards of mutations.toml whose line or name holds `word`."""
    entries = tomllib.loads((HERE / "mutations.toml").read_text(encoding="utf-8"))["guard"]
    known = (Guard(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries)
    return tuple(guard for guard in known if word in f"{guard.line} {guard.name}")


def copy(target: Path) -> None:
    """A copy of what the tests need, which every user may read."""
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".cache", "*.pyc")
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target / name)
    target.chmod(0o755)


def run(folder: Path, tests: Sequence[str]) -> tuple[int, str]:
    """The exit code of pytest and what it said."""
    options = ("-x", "-q", "--no-header", "--tb=line", "-pno:cacheprovider", *PLUGINS)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=folder,
            env={**os.environ, **ENVIRONMENT},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"not done after {LIMIT_S:.0f} s"
    return done.returncode, done.stdout + done.stderr


@contextmanager
def without(folder: Path, guard: Guard) -> Iterator[None]:
    """The copy without the guard, while the block runs. Raises ValueError when it has no such."""
    path = folder / guard.file
    text = path.read_text(encoding="utf-8")
    if text.count(guard.old) != 1 or guard.old == guard.new:
        raise ValueError(f"{guard.file} has the text {text.count(guard.old)} times")
    rewrite(path, text.replace(guard.old, guard.new))
    try:
        yield
    finally:
        rewrite(path, text)


def rewrite(path: Path, text: str) -> None:
    """Writes the file as if a minute after the last time: Python keeps what it compiled by that."""
    written = path.stat().st_mtime
    path.write_text(text, encoding="utf-8")
    os.utime(path, (written + 60, written + 60))


def try_without(folder: Path, guard: Guard) -> Result:
    """Whether a test fails without the guard."""
    began = time.monotonic()
    try:
        with without(folder, guard):
            code, said = run(folder, guard.tests)
    except (OSError, ValueError) as error:
        return Result(guard=guard, red=False, said=str(error), took_s=0.0)
    # A test that fails is a proof; one that cannot be set up, or collected, is none.
    failed = re.search(r"\b(\d+) failed", said)
    red = code == 1 and failed is not None
    first = re.search(r"^FAILED \S*?::(\S+)", said, re.MULTILINE)
    told = first[1] if red and first else said.strip().splitlines()[-1] if said.strip() else ""
    # With the guard or without, this machine cannot run its tests: they say why in their skip.
    skipped = code == 0 and re.search(r"\b\d+ skipped", said) and not re.search(r"\d+ passed", said)
    took_s = time.monotonic() - began
    return Result(guard=guard, red=red, skipped=bool(skipped), said=told, took_s=took_s)


def green(folders: Sequence[Path], tests: Sequence[str]) -> bool:
    """Whether all tests pass with every guard in its place; what fails is shown."""
    shares = [tests[number :: len(folders)] for number in range(len(folders))]
    with ThreadPoolExecutor(len(folders)) as pool:
        ended = list(pool.map(run, folders, [share for share in shares if share]))
    for code, said in ended:
        if code != 0:
            sys.stdout.write(said)
    return all(code == 0 for code, _ in ended)


def show(result: Result) -> None:
    """One line of the table."""
    state = "red  " if result.red else "skip " if result.skipped else "GREEN"
    guard = result.guard
    row = f"{state} {result.took_s:5.1f} s  {guard.line:>3}  {guard.name:<44} {result.said[:90]}"
    sys.stdout.write(f"{row}\n")
    sys.stdout.flush()


def judge(folders: Sequence[Path], wanted: Sequence[Guard]) -> list[Result]:
    """Every guard's result, each shown as soon as it is there."""
    free: SimpleQueue[Path] = SimpleQueue()
    for folder in folders:
        free.put(folder)

    def one(guard: Guard) -> Result:
        folder = free.get()
        try:
            result = try_without(folder, guard)
        finally:
            free.put(folder)
        show(result)
        return result

    with ThreadPoolExecutor(len(folders)) as pool:
        return list(pool.map(one, wanted))


def main(word: str = "") -> int:
    """The exit code: 0 when every guard's tests were green with it and red without it."""
    root = getattr(os, "getuid", lambda: 1)() == 0
    known = guards(word)
    wanted = [guard for guard in known if root or not guard.as_root]
    tests = sorted({test for guard in wanted for test in guard.tests})
    with tempfile.TemporaryDirectory(prefix="diagcps-guards-") as top:
        Path(top).chmod(0o755)
        folders = [Path(top) / str(number) for number in range(AT_ONCE)]
        for folder in folders:
            folder.mkdir()
            copy(folder)
        if not green(folders, tests):
            sys.stdout.write("the tests fail with every guard in its place\n")
            sys.stdout.write(f"0 passed, {len(wanted)} failed\n")
            return 1
        results = judge(folders, wanted)
    for guard in known:
        if guard not in wanted:
            sys.stdout.write(f"skipped: {guard.line} {guard.name} (needs root)\n")
    passed = sum(result.red for result in results)
    skipped = sum(result.skipped for result in results)
    failed = len(results) - passed - skipped
    sys.stdout.write(f"{passed} passed, {failed} failed, {skipped} skipped\n")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
