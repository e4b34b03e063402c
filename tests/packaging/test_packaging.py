"""The wheel, an editable install and a bare checkout all start, from another directory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = Path(__file__).parent / "plugin"
SHIPPED = ("diagcps", "checks", "static", "templates")

pytestmark = pytest.mark.timeout(300)


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The finished process; plug-ins of the environment are wanted here."""
    env = {
        k: v for k, v in os.environ.items() if k not in ("DIAGCPS_LOAD_ENTRY_POINTS", "PYTHONPATH")
    }
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**env, **environment},
        timeout=120,
        check=False,
    )


def pip(*arguments: str | Path, cwd: Path) -> None:
    """Runs pip of this environment. Raises AssertionError with what it said."""
    done = run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def source(folder: Path) -> Path:
    """A copy of what is shipped, so that a build leaves nothing in the checkout."""
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in SHIPPED:
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    return folder


class Python:
    """An environment that has the libraries of this one, and no diagcps."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        scheme = {"base": str(folder), "platbase": str(folder)}
        site = Path(sysconfig.get_path("purelib", "venv", scheme))
        # A folder that is named in a .pth file has its own .pth files left alone: the libraries
        # come along, this environment's editable diagcps does not.
        (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
        self.program = folder / "bin" / "python"
        self.command = folder / "bin" / "diagcps"

    def install(self, *what: str | Path) -> None:
        """Installs distributions without what they need, which is there."""
        options = ("--python", self.program, "install", "--quiet", "--no-deps")
        pip(*options, *what, cwd=self.program.parent)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-deps", "-w", folder, source(tmp_path_factory.mktemp("source")),
        cwd=folder)  # fmt: skip
    (built,) = folder.glob("diagcps-*.whl")
    return built


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory that holds nothing of the project."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def works(command: list[str | Path], elsewhere: Path, **environment: str) -> dict[str, Any]:
    """The checks' list, after a diagnosis that found words, checks and scenarios, and a page."""
    done = run(
        *command, "check", "--scenario", "vitale", "--format", "json", cwd=elsewhere, **environment
    )
    assert (done.returncode, done.stderr) == (2, "")
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["diagnosis"][0]["title"] == "C'est une carte Vitale qui est insérée"
    page_is_served(
        [*command, "serve", "--no-browser", "--scenario", "vitale"], elsewhere, environment
    )
    return report


def page_is_served(command: list[str | Path], elsewhere: Path, environment: dict[str, str]) -> None:
    """The agent serves its page with a style and a script."""
    env = {**os.environ, "XDG_STATE_HOME": str(elsewhere / "state"), **environment}
    env.pop("DIAGCPS_LOAD_ENTRY_POINTS", None)
    words = [str(word) for word in command]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, cwd=elsewhere, env=env
    ) as agent:
        try:
            assert agent.stdout is not None
            opened = agent.stdout.readline().strip()
            base = opened.partition("/open/")[0]
            fetched = [
                _get(url) for url in (opened, f"{base}/static/app.css", f"{base}/static/app.js")
            ]
        finally:
            agent.terminate()
            agent.wait(timeout=10)
    assert all(fetched)
    assert agent.returncode == 0


def _get(url: str) -> str:
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    assert response.status == 200, text
    return text


def test_wheel_starts_and_finds_its_parts(wheel: Path, tmp_path: Path, elsewhere: Path) -> None:
    python = Python(tmp_path / "env")
    python.install(wheel)
    works([python.command], elsewhere)


def test_wheel_holds_the_tree(wheel: Path) -> None:
    def shipped(top: str) -> set[str]:
        files = (ROOT / top).rglob("*")
        prefix = "" if top == "diagcps" else "diagcps/"
        return {
            prefix + str(file.relative_to(ROOT))
            for file in files
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
        }

    tree = set().union(*(shipped(top) for top in SHIPPED))
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == tree


def test_editable_install_starts_and_sees_new_files(tmp_path: Path, elsewhere: Path) -> None:
    tree = source(tmp_path)
    python = Python(tmp_path / "env")
    python.install("-e", tree)
    works([python.command], elsewhere)
    (tree / "checks" / "extra.py").write_text(
        "from diagcps.api import Area, Check, CheckId\n"
        "EXTRA = Check(id=CheckId('extra.one'), area=Area.CARD, judge=lambda facts: ())\n"
    )
    listed = run(python.command, "list", "checks", cwd=elsewhere).stdout
    assert re.search(r"^extra\.one\b", listed, re.MULTILINE)


def test_bare_checkout_starts(tmp_path: Path, elsewhere: Path) -> None:
    tree = source(tmp_path)
    python = Python(tmp_path / "env")
    works([python.program, "-m", "diagcps"], elsewhere, PYTHONPATH=str(tree))


def test_separate_distribution_adds_its_check(wheel: Path, tmp_path: Path, elsewhere: Path) -> None:
    python = Python(tmp_path / "env")
    plugin = tmp_path / "plugin"
    shutil.copytree(PLUGIN, plugin, ignore=shutil.ignore_patterns("__pycache__"))
    python.install(wheel)
    python.install(plugin)
    done = run(python.command, "check", "--format", "json", "--only", "practice.desk",
               "--only", "tool", cwd=elsewhere)  # fmt: skip
    report = json.loads(done.stdout)
    entries = {entry["cause"]: entry for entry in report["diagnosis"]}
    assert entries["practice.front-desk"]["title"] == "Ce poste est à l'accueil"
    assert entries["practice.front-desk"]["because"] == ["practice.desk"]
    # Its second entry point names a module that is not there: visible, and nothing else is lost.
    assert "tool.incomplete" in entries
    assert done.returncode == 1
