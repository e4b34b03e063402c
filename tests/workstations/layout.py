"""Lays a described Linux or macOS workstation out in a folder.

A layout is a list of tables, applied in turn. Keys:

- `files`: `path`, and what is in it: `text`, `hex`, `plist` (a table), `elf` or `macho` (kinds of
  processor), and `tail` (text after that); `mode`; `changed` (a day)
- `folders`, `remove`: paths
- `links`: `path`, `to`
- `environ`: variables of the person's session
- `commands` (macOS): what a command prints, by its whole command line: text, or the list of a
  property list
"""

from __future__ import annotations

import os
import plistlib
import shutil
import struct
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from diagcps.host.base import Host
from diagcps.model import ProbeUnavailable

HOME = "home/person"
_CHANGED = "2026-11-01T08:00:00+00:00"
"""When files were written that say nothing else: a recording is the same each time."""
_ELF_MACHINES = {"x86_64": 0x3E, "x86": 0x03, "arm64": 0xB7}
_MACH_O_TYPES = {"x86_64": 0x0100_0007, "x86": 7, "arm64": 0x0100_000C}


def lay_out(root: Path, layout: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Writes what the tables say under `root`; the variables of the person's session."""
    environ: dict[str, str] = {}
    for table in layout:
        for path in table.get("folders", ()):
            (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        for entry in table.get("files", ()):
            _write(root, entry)
        for entry in table.get("links", ()):
            link = root / entry["path"].lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(entry["to"])
        for path in table.get("remove", ()):
            _remove(root / path.lstrip("/"))
        environ |= table.get("environ", {})
    _settle(root)
    return environ


def _settle(root: Path) -> None:
    """Folders are as old as files that say nothing else, whenever they are laid out."""
    moment = datetime.fromisoformat(_CHANGED).timestamp()
    for folder, _, _ in os.walk(root, topdown=False):
        os.utime(folder, (moment, moment))


def _write(root: Path, entry: Mapping[str, Any]) -> None:
    path = root / entry["path"].lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_content(entry) + entry.get("tail", "").encode())
    if "mode" in entry:
        path.chmod(int(entry["mode"], 8))
    moment = datetime.fromisoformat(entry.get("changed", _CHANGED)).timestamp()
    os.utime(path, (moment, moment))


def _content(entry: Mapping[str, Any]) -> bytes:
    if "hex" in entry:
        return bytes.fromhex(entry["hex"])
    if "plist" in entry:
        return plistlib.dumps(entry["plist"])
    if "elf" in entry:
        return elf(entry["elf"])
    if "macho" in entry:
        return mach_o(entry["macho"])
    return str(entry.get("text", "")).encode()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def elf(architecture: str) -> bytes:
    """The header of a shared library for that processor (System V ABI, ELF header)."""
    bits = 1 if architecture == "x86" else 2
    head = b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9)
    return head + struct.pack("<HHI", 3, _ELF_MACHINES[architecture], 1) + bytes(44)


def mach_o(architectures: list[str]) -> bytes:
    """The header of a universal library for those processors (mach-o/fat.h)."""
    head = struct.pack(">II", 0xCAFEBABE, len(architectures))
    entries = (struct.pack(">5I", _MACH_O_TYPES[a], 0, 4096, 4096, 12) for a in architectures)
    return head + b"".join(entries)


def linux(root: Path, layout: Iterable[Mapping[str, Any]]) -> Host:
    """The Linux workstation that is laid out under `root`."""
    from diagcps.host.linux import LinuxHost

    environ = {"HOME": f"/{HOME}", "USER": "person", **lay_out(root, layout)}
    return LinuxHost(root, environ)


def macos(root: Path, layout: Iterable[Mapping[str, Any]]) -> Host:
    """The Mac that is laid out under `root`; a command that no table answers is not there."""
    from diagcps.host.macos import MacHost

    layout = tuple(layout)
    environ = {"HOME": "/Users/person", "USER": "person", **lay_out(root, layout)}
    return MacHost(environ, root=root, home=root / "Users/person", run=commands(layout))


def commands(layout: Iterable[Mapping[str, Any]]) -> Callable[..., bytes]:
    """What the commands of a Mac print; one that no table answers is not there."""
    printed = {line: text for table in layout for line, text in table.get("commands", {}).items()}

    def run(tool: str, *arguments: str) -> bytes:
        said = printed.get(" ".join((tool, *arguments)))
        if said is None:
            raise ProbeUnavailable(tool)
        return plistlib.dumps(said) if isinstance(said, list) else str(said).encode()

    return run
