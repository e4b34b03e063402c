"""The Mac itself and the account that this program runs as."""

from __future__ import annotations

import platform
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from diagcps.facts import FileState
from diagcps.host.commands import Run
from diagcps.host.files import state_of
from diagcps.host.plists import read_plist, text
from diagcps.model import ProbeError, ProbeUnavailable
from diagcps.workstation import Account, AccountKind, Machine

_VERSION = "System/Library/CoreServices/SystemVersion.plist"
_ROSETTA = ("Library/Apple/usr/share/rosetta", "Library/Apple/usr/libexec/oah")
"""Where macOS puts it when it is installed, which it is on demand (The Eclectic Light Company,
« Explainer: Rosetta 2 »)."""

_SYSCTL, _PROFILES, _ID = "/usr/sbin/sysctl", "/usr/bin/profiles", "/usr/bin/id"
_BOOT_TIME = re.compile(r"\bsec = ([0-9]{1,12})\b", re.ASCII)
_ENROLLED = re.compile(r"^MDM enrollment: (Yes|No)\b", re.MULTILINE)
_USER = re.compile(r"^uid=([0-9]{1,10})\b", re.ASCII)
_GROUPS = re.compile(r"\bgroups=(\S+)")
_GROUP = re.compile(r"(?:^|,)([0-9]{1,10})(?=\D|$)", re.ASCII)
_ROOT, _ADMIN = 0, 80
"""The numbers of the user root and of the group admin, whose members may install software."""


def read_version(root: Path) -> str:
    """The version of macOS, such as 15.1; empty when it cannot be read."""
    return text(read_plist(root / _VERSION).get("ProductVersion"))


def read_processor(run: Run) -> str:
    """arm64 on Apple silicon, also for a program that is translated; else what the system says."""
    try:
        answer = run(_SYSCTL, "-n", "hw.optional.arm64")
    except ProbeError:
        # An Intel Mac has no such value.
        return platform.machine()
    return "arm64" if answer.strip() == b"1" else platform.machine()


def read_machine(root: Path, run: Run) -> Machine:
    """The system in detail. Raises ProbeUnavailable when it does not tell its version."""
    version = read_version(root)
    if not version:
        raise ProbeUnavailable(f"/{_VERSION}")
    translates = _has_rosetta(root) if read_processor(run) == "arm64" else None
    return Machine(
        version=version,
        managed=parse_enrollment(_printed(run, _PROFILES, "status", "-type", "enrollment")),
        started=parse_boot_time(_printed(run, _SYSCTL, "-n", "kern.boottime")),
        translates=translates,
        source="SystemVersion.plist, sysctl(8), profiles(1)",
    )


def read_account(run: Run) -> Account:
    """The account that this program runs as, by id(1). Raises ProbeError subclasses."""
    user, groups = parse_id(run(_ID).decode("utf-8", errors="replace"))
    if user is None:
        raise ProbeUnavailable(_ID)
    return Account(
        kind=AccountKind.SYSTEM if user == _ROOT else AccountKind.PERSON,
        administrator=user == _ROOT or _ADMIN in groups,
        source=_ID,
    )


def parse_id(printed: str) -> tuple[int | None, frozenset[int]]:
    """The numbers of the user and of the groups in what id(1) prints: « uid=501(name) gid=20(staff)
    groups=20(staff),80(admin) ». Never raises."""
    user, groups = _USER.search(printed), _GROUPS.search(printed)
    return (
        int(user[1]) if user else None,
        frozenset(int(each) for each in _GROUP.findall(groups[1])) if groups else frozenset(),
    )


def parse_enrollment(printed: str) -> bool | None:
    """Whether a device management is enrolled, in what « profiles status » prints; None when it
    does not say."""
    found = _ENROLLED.search(printed)
    return found[1] == "Yes" if found else None


def parse_boot_time(printed: str) -> datetime | None:
    """The moment in « { sec = 1732500000, usec = 0 } Mon Nov 25 … »; None for anything else."""
    found = _BOOT_TIME.search(printed)
    if found is None:
        return None
    with suppress(OSError, OverflowError, ValueError):
        return datetime.fromtimestamp(int(found[1]), UTC)
    return None


def _printed(run: Run, tool: str, *arguments: str) -> str:
    """What the command prints; nothing when it fails."""
    try:
        return run(tool, *arguments).decode("utf-8", errors="replace")
    except ProbeError:
        return ""


def _has_rosetta(root: Path) -> bool | None:
    states = {state_of(root / folder) for folder in _ROSETTA}
    if FileState.PRESENT in states:
        return True
    return None if FileState.UNREADABLE in states else False
