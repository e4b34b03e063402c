"""The Linux system itself, and the account that this program runs as."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from diagcps.host.common import as_probe_errors, library, printable
from diagcps.host.files import text_of
from diagcps.model import ProbeUnavailable
from diagcps.workstation import Account, AccountKind, Machine, MachineRole

_OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
_MOST_OF_OS_RELEASE = 64 << 10
_ASSIGNMENT = re.compile(r"([A-Z][A-Z0-9_]{0,63})=(.{0,1024})")
_LONGEST = 64
_MOST_LIKE = 8

_STARTED = re.compile(r"^btime ([0-9]{1,12})$", re.MULTILINE)
"""Seconds since 1970 (proc_stat(5))."""
_SSSD = "etc/sssd/sssd.conf"
_IN_A_DOMAIN = re.compile(r"^[ \t]*id_provider[ \t]*=[ \t]*(?:ad|ipa)[ \t]*\r?$", re.MULTILINE)
"""Joined to Active Directory or FreeIPA (sssd.conf(5), sssd-ad(5), sssd-ipa(5)). Most systems keep
the file from everybody but root."""

_GROUPS = "etc/group"
_ADMINISTRATORS = frozenset({"sudo", "wheel", "admin"})
"""Whose members the sudoers file as delivered lets do everything: Debian and Ubuntu, Red Hat and
SUSE, older Ubuntu."""
_ROOT = 0


def read_name(root: Path) -> str:
    """The distribution by os-release(5), such as « Debian GNU/Linux 12 (bookworm) »; empty where no
    file says it. Raises ProbeUnavailable for an os-release that cannot be read."""
    distro = library("distro")
    with as_probe_errors():
        files = [file for name in _OS_RELEASE if (file := root / name).is_file()]
        # distro reads whatever size there is, and other files than this one where it says nothing.
        if any(file.stat().st_size > _MOST_OF_OS_RELEASE for file in files):
            raise ProbeUnavailable("os-release: too large")
        try:
            # With a root folder it runs no lsb_release; only files are read.
            found = distro.LinuxDistribution(root_dir=str(root), distro_release_file=os.devnull)
            name = found.os_release_attr("pretty_name") or found.name()
        except ValueError as error:
            raise ProbeUnavailable(f"os-release: {error}") from error
    return printable(name)[:_LONGEST]


def read_machine(root: Path) -> Machine:
    """The system by os-release(5), and when it started.

    Raises ProbeUnavailable when there is no os-release.
    """
    found, text = _os_release(root)
    release = parse_os_release(text)
    return Machine(
        version=release.get("VERSION_ID", ""),
        distribution=release.get("ID", "linux"),
        like=tuple(release.get("ID_LIKE", "").split()[:_MOST_LIKE]),
        role=_role(release),
        managed=_is_managed(root),
        started=parse_started(text_of(root / "proc/stat") or ""),
        source=f"/{found}, /proc/stat",
    )


def read_account(root: Path, *, user: int, groups: Collection[int]) -> Account:
    """Whom this program runs as, by the ids that count for it; who uses sudo is root."""
    if user == _ROOT:
        return Account(kind=AccountKind.SYSTEM, administrator=True, source="geteuid(2)")
    known = parse_groups(text_of(root / _GROUPS) or "")
    administrators = {number for name, number in known.items() if name in _ADMINISTRATORS}
    return Account(
        kind=AccountKind.PERSON,
        administrator=not administrators.isdisjoint(groups) if administrators else None,
        source=f"geteuid(2), getgroups(2), /{_GROUPS}",
    )


def parse_os_release(text: str) -> Mapping[str, str]:
    """The variables of an os-release(5), each of at most 64 characters that can be printed; a line
    that is none is passed over, the last of two counts. Never raises.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        assignment = _ASSIGNMENT.fullmatch(line.strip())
        if assignment is None:
            continue
        # It is written for shells.
        with suppress(ValueError):
            found[assignment[1]] = printable("".join(shlex.split(assignment[2])))[:_LONGEST]
    return found


def parse_started(text: str) -> datetime | None:
    """When the kernel started, in UTC, by /proc/stat; None when it does not say. Never raises."""
    found = _STARTED.search(text)
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(int(found[1]), UTC) if found else None
    return None


def parse_groups(text: str) -> Mapping[str, int]:
    """The groups of a group(5) file and their numbers. Never raises."""
    lines = (line.split(":") for line in text.splitlines())
    return {
        fields[0]: int(fields[2])
        for fields in lines
        if len(fields) == 4 and re.fullmatch(r"[0-9]{1,10}", fields[2])
    }


def _os_release(root: Path) -> tuple[str, str]:
    """Where it is, and its text. Raises ProbeUnavailable when none can be read."""
    for name in _OS_RELEASE:
        text = text_of(root / name, _MOST_OF_OS_RELEASE)
        if text is not None:
            return name, text
    raise ProbeUnavailable("os-release")


def _role(release: Mapping[str, str]) -> MachineRole:
    """What its publisher calls it (VARIANT_ID): « server » is an example of os-release(5)."""
    is_server = release.get("VARIANT_ID") == "server"
    return MachineRole.SERVER if is_server else MachineRole.WORKSTATION


def _is_managed(root: Path) -> bool | None:
    return _IN_A_DOMAIN.search(text_of(root / _SSSD) or "") is not None or None
