"""A folder in the place of a Windows system's drive, and a table in that of its registry."""

from __future__ import annotations

from pathlib import Path

from diagcps.host.windows_places import Places
from diagcps.host.windows_registry import Registry
from tests.host.windows_tree import Tree


class Windows:
    """A 64-bit Windows on which nothing is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tree = folder, Tree()
        self.registry = Registry(self.tree)
        self.environ = {
            "SystemRoot": str(folder / "Windows"),
            "ProgramFiles": str(folder / "Program Files"),
            "ProgramFiles(x86)": str(folder / "Program Files (x86)"),
            "ProgramW6432": str(folder / "Program Files"),
            "ALLUSERSPROFILE": str(folder / "ProgramData"),
            "PROCESSOR_ARCHITECTURE": "AMD64",
        }
        self.places = Places(self.environ, is_64_bit_program=True)

    def write(self, path: str, content: bytes = b"x") -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file
