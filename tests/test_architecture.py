"""The shape of the code: who imports whom, what is packaged, how long things are."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diagcps import api

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = sorted([*(ROOT / "diagcps").rglob("*.py"), *(ROOT / "checks").rglob("*.py")])
each_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix()
)

KNOWS_POSIX = {"diagcps/registry.py", "diagcps/web/browser.py", "diagcps/web/handshake.py"}
"""Modules that look at POSIX permission bits, or at desktop settings that Windows does not have."""

BEHIND_THE_SEAMS = {"smartcard", "pkcs11", "psutil", "distro", "winreg", "ctypes", "_ctypes"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[str]:
    """The module of every import, dots of relative ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_the_modules_were_found() -> None:
    assert len(MODULES) > 30


def test_the_layers_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_its_layer() -> None:
    contract = next(
        each for each in PYPROJECT["tool"]["importlinter"]["contracts"] if each["type"] == "layers"
    )
    layers = {name.strip() for line in contract["layers"] for name in line.split("|")}
    for path in (path for path in MODULES if name_of(path).startswith("diagcps/")):
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        above = {dotted.rsplit(".", depth)[0] for depth in range(1, dotted.count(".") + 1)}
        package = path.name == "__init__.py" and any(each.startswith(dotted) for each in layers)
        entry = dotted in ("diagcps", "diagcps.__main__")
        assert entry or package or {dotted, *above} & layers, f"{dotted} has no layer"


def test_the_packages_are_those_of_the_tree() -> None:
    declared = PYPROJECT["tool"]["setuptools"]
    mapped = declared["package-dir"]
    expected = {
        ".".join(folder.relative_to(ROOT).parts)
        for folder in [ROOT / "diagcps", *(ROOT / "diagcps").rglob("*")]
        if folder.is_dir() and list(folder.glob("*.py"))
    }
    beside = {name for name in mapped if name != "diagcps"}
    assert set(declared["packages"]) == expected | beside
    assert all((ROOT / folder).is_dir() for folder in mapped.values())


def test_every_file_that_is_no_code_is_packaged() -> None:
    declared = PYPROJECT["tool"]["setuptools"]
    patterns = declared["package-data"]["diagcps"]
    packaged = {path for pattern in patterns for path in (ROOT / "diagcps").glob(pattern)}
    data = {
        path
        for path in (ROOT / "diagcps").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert data == packaged


@each_module
def test_only_the_seam_asks_which_system_it_is(path: Path) -> None:
    asked = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    } & {"sys.platform", "os.name", "platform.system"}
    if not name_of(path).startswith("diagcps/host/"):
        assert asked <= ({"os.name"} if name_of(path) in KNOWS_POSIX else set())


@each_module
def test_libraries_of_the_workstation_stay_behind_the_seams(path: Path) -> None:
    if name_of(path).startswith(("diagcps/host/", "diagcps/card/")):
        return
    roots = {module.split(".")[0] for module in imports(tree_of(path))}
    assert not roots & BEHIND_THE_SEAMS


@each_module
def test_a_check_imports_the_public_vocabulary_and_helpers_beside_it_alone(path: Path) -> None:
    if not name_of(path).startswith("checks/"):
        return
    for module in imports(tree_of(path)):
        own = module == "diagcps.api" or module.startswith("._")
        assert own or module.split(".")[0] in sys.stdlib_module_names, module


@each_module
def test_the_core_imports_no_check(path: Path) -> None:
    if name_of(path).startswith("diagcps/"):
        roots = set(imports(tree_of(path)))
        assert not {each for each in roots if each.split(".")[0] == "checks"}
        assert not {each for each in roots if each.startswith("diagcps.checks")}


@pytest.mark.parametrize("name", ["model", "facts", "check"])
def test_the_vocabulary_needs_the_standard_library_alone(name: str) -> None:
    for module in imports(tree_of(ROOT / "diagcps" / f"{name}.py")):
        root = module.split(".")[0]
        assert root == "diagcps" or root in sys.stdlib_module_names


def test_every_public_name_exists_once_and_in_order() -> None:
    assert len(api.__all__) == len(set(api.__all__))
    assert all(hasattr(api, name) for name in api.__all__)


def test_every_public_name_is_documented() -> None:
    plain = {name for name in api.__all__ if not callable(getattr(api, name))}
    ids = {name for name in api.__all__ if hasattr(getattr(api, name), "__supertype__")}
    assert plain | ids == {"EVERY_PLATFORM", "CauseId", "CheckId"}
    for name in set(api.__all__) - plain - ids:
        value = getattr(api, name)
        # A dataclass without a docstring is given its own signature as one.
        assert inspect.getdoc(value) and not (value.__doc__ or "").startswith(f"{name}("), name


@each_module
def test_every_module_says_what_it_is(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree) or not tree.body


@each_module
def test_no_module_is_longer_than_five_hundred_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


@each_module
def test_no_function_is_longer_than_sixty_lines(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= 60, f"{node.name}: {lines} lines"
