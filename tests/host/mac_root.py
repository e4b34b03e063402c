"""A folder in the place of a Mac's root, and answers in the place of its commands."""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from diagcps.host.macos import MacHost
from diagcps.model import ProbeError, ProbeUnavailable

HOME = "Users/person"
_TYPES = {"x86_64": 0x0100_0007, "arm64": 0x0100_000C}

SYSCTL_PROCESSOR = ("/usr/sbin/sysctl", "-n", "hw.optional.arm64")
SYSCTL_BOOT_TIME = ("/usr/sbin/sysctl", "-n", "kern.boottime")
PROFILES = ("/usr/bin/profiles", "status", "-type", "enrollment")
ID = ("/usr/bin/id",)
TOKENS = ("/usr/bin/security", "list-smartcards")
KEYCHAIN = (
    "/usr/bin/security", "find-certificate", "-a", "-p", "/Library/Keychains/System.keychain",
)  # fmt: skip
INTERFACES = ("/usr/sbin/ioreg", "-r", "-c", "IOUSBHostInterface", "-l", "-a")
PORTS = ("/usr/sbin/ioreg", "-r", "-c", "IOPort", "-d", "1", "-l", "-a")


def universal(*architectures: str) -> bytes:
    """The header of a Mach-O file for these processors (mach-o/fat.h)."""
    head = struct.pack(">II", 0xCAFEBABE, len(architectures))
    return head + b"".join(struct.pack(">5I", _TYPES[a], 0, 4096, 64, 12) for a in architectures)


class Mac:
    """A folder that looks like the root of a Mac on which nothing is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, ...]] = []
        self.answers: dict[tuple[str, ...], bytes | ProbeError] = {}
        (folder / "var/db/receipts").mkdir(parents=True)
        self.plist(
            "System/Library/CoreServices/SystemVersion.plist",
            {"ProductName": "macOS", "ProductVersion": "15.1"},
        )

    def at(self, path: str) -> Path:
        """The file of that path, its folder made."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def write(self, path: str, data: bytes | str) -> Path:
        file = self.at(path)
        file.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
        return file

    def plist(self, path: str, value: Mapping[str, Any], *, binary: bool = False) -> Path:
        kind = plistlib.FMT_BINARY if binary else plistlib.FMT_XML
        return self.write(path, plistlib.dumps(value, fmt=kind))

    def receipt(self, identifier: str, version: str, installed: datetime) -> None:
        said = {
            "PackageIdentifier": identifier,
            "PackageVersion": version,
            # Property lists hold moments in UTC, without saying so.
            "InstallDate": installed.replace(tzinfo=None),
        }
        self.plist(f"var/db/receipts/{identifier}.plist", said, binary=True)

    def application(self, path: str, version: str, program: str, *architectures: str) -> None:
        said = {"CFBundleShortVersionString": version, "CFBundleExecutable": program}
        self.plist(f"{path}/Contents/Info.plist", said)
        self.write(f"{path}/Contents/MacOS/{program}", universal(*architectures))

    def answer(self, command: tuple[str, ...], printed: bytes | str | ProbeError) -> None:
        """What the command prints, or how it fails; one that has no answer is not there."""
        self.answers[command] = printed.encode() if isinstance(printed, str) else printed

    def run(self, tool: str, *arguments: str) -> bytes:
        self.asked.append((tool, *arguments))
        printed = self.answers.get((tool, *arguments), ProbeUnavailable(tool))
        if isinstance(printed, ProbeError):
            raise printed
        return printed

    def host(self, **environ: str) -> MacHost:
        return MacHost(environ, root=self.folder, home=self.folder / HOME, run=self.run)
