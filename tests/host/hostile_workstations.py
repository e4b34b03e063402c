"""Workstations of Linux and macOS, laid out in a folder, and all in them that can be hostile."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from diagcps.host import linux_readings, linux_service
from diagcps.host.base import Host
from diagcps.host.linux import LinuxHost
from diagcps.host.linux_system import read_account
from diagcps.host.macos import MacHost
from diagcps.model import Platform
from tests.host.hostile_host import ANCHORS, AUTHORITIES, Commands, Environ, Hostility, of_files
from tests.host.hostile_processes import Processes, Sockets
from tests.host.watched import Watched
from tests.workstations import layout
from tests.workstations.describe import Description, describe, descriptions

LINUX, MACOS = Platform.LINUX, Platform.MACOS
HEALTHY: dict[Platform, Description] = {
    LINUX: describe(LINUX, "healthy-debian-12"),
    MACOS: describe(MACOS, "healthy-firefox"),
}
NAMES = tuple(f"{each.value}-{what}" for each in HEALTHY for what in ("healthy", "everything"))
_PROFILES = {
    LINUX: "home/person/.mozilla/firefox/abcd.default-release",
    MACOS: "Users/person/Library/Application Support/Firefox/Profiles/abcd.default-release",
}
_COFFRES = {
    LINUX: "etc/opt/santesocial/CPS/Coffre",
    MACOS: "Library/Preferences/santesocial/CPS/coffre",
}

_FIND = "/usr/bin/security find-certificate -a -p"
_KEYCHAIN = "/Library/Keychains/System.keychain"
_ROOTS = "/System/Library/Keychains/SystemRootCertificates.keychain"
_KEYCHAINS = {f"{_FIND} {_KEYCHAIN}{more}": ANCHORS.decode() for more in ("", f" {_ROOTS}")}


class Workstation:
    """One that is laid out, while the block of `laid_out` lasts."""

    def __init__(self, root: Path, host: Host, environ: Environ, commands: Commands) -> None:
        self.host = host
        self.is_healthy = False
        self._root, self._environ, self._commands = root, environ, commands
        self._watched, self._processes, self._sockets = Watched(root), Processes(), Sockets()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """What probes look at is noticed while the block runs."""
        with ExitStack() as undo:
            undo.enter_context(self._watched.watching())
            undo.enter_context(patch.dict(sys.modules, psutil=self._processes))
            undo.enter_context(patch.object(linux_service, "list_unix_sockets", self._sockets))
            account = partial(read_account, user=1000, groups=(27,))
            undo.enter_context(patch.object(linux_readings, "_account", account))
            yield

    def looked_at(self, read: Callable[[], object]) -> tuple[Hostility, ...]:
        """All that `read` looks at, each as it should not be."""
        for asked in (self._watched.seen, self._environ.asked, self._commands.asked):
            asked.clear()
        self._processes.asked = self._sockets.asked = False
        read()
        others = (*self._processes.hostilities(), *self._sockets.hostilities())
        return (
            *of_files(self._watched, self._root),
            *self._environ.hostilities(),
            *self._commands.hostilities(),
            *(Hostility(where="", how=how, act=lambda a=a: a, excused=e) for how, a, e in others),
        )


@contextmanager
def laid_out(name: str) -> Iterator[Workstation]:
    """The workstation of that name: of NAMES."""
    system, _, what = name.partition("-")
    platform = Platform(system)
    # Not one of pytest's own: nobody but root could look into it.
    with tempfile.TemporaryDirectory(prefix="diagcps-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        tables = _everything(platform) if what == "everything" else HEALTHY[platform].layout
        subject = (_linux if platform is LINUX else _mac)(root, tables)
        subject.is_healthy = what == "healthy"
        yield subject


def _linux(root: Path, tables: tuple[Mapping[str, Any], ...]) -> Workstation:
    given = layout.lay_out(root, tables)
    _lay_more(root, LINUX)
    _file(root / f"proc/{os.getpid()}/stat", b"1 (python) S 2 1 1 0")
    os.mknod(root / "run/pcscd/pcscd.comm", stat.S_IFSOCK | 0o666)
    environ = Environ({"HOME": "/home/person", "USER": "person", **given})
    return Workstation(root, LinuxHost(root, environ), environ, Commands(_no_command))


def _mac(root: Path, tables: tuple[Mapping[str, Any], ...]) -> Workstation:
    given = layout.lay_out(root, tables)
    _lay_more(root, MACOS)
    environ = Environ({"HOME": "/Users/person", "USER": "person", **given})
    commands = Commands(layout.commands((*tables, {"commands": _KEYCHAINS})))
    host = MacHost(environ, root=root, run=commands)
    return Workstation(root, host, environ, commands)


def _no_command(tool: str, *_: str) -> bytes:
    raise AssertionError(tool)


def _everything(platform: Platform) -> tuple[Mapping[str, Any], ...]:
    """All that is described of any workstation of the system, in one, and more."""
    extra = tomllib.loads((Path(__file__).parent / f"hostile/{platform.value}.toml").read_text())
    tables = [table for each in descriptions(platform) for table in each.layout]
    tables += [*HEALTHY[platform].layout, extra]
    files = {each["path"]: each for table in tables for each in table.get("files", ())}
    links = {each["path"]: each for table in tables for each in table.get("links", ())}
    return (
        {
            "files": tuple(files.values()),
            "links": tuple(links.values()),
            "folders": [path for table in tables for path in table.get("folders", ())],
            "commands": {k: v for table in tables for k, v in table.get("commands", {}).items()},
        },
    )


def _lay_more(root: Path, platform: Platform) -> None:
    """What no layout can give: certificates, and a store of Firefox."""
    for number, each in enumerate(AUTHORITIES):
        _file(root / _COFFRES[platform] / f"{number}.cer", each)
    store = root / _PROFILES[platform] / "cert9.db"
    with closing(sqlite3.connect(store)) as opened:
        opened.execute("CREATE TABLE nssPublic (id, a0, a11)")
        opened.executemany("INSERT INTO nssPublic VALUES (1, 2, ?)", [(a,) for a in AUTHORITIES])
        opened.commit()


def _file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
