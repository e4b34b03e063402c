"""Processes and connections in the place of those that psutil would show, ordinary or hostile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from diagcps.host.unix_diag import UnixSocket
from diagcps.model import ProbeDenied, ProbeTimeout, ProbeUnsupported
from tests.builders import CATALOGUE
from tests.host.hostile_values import LINES, NAMES, TEXT

CLIENT, PEER = 4242, 77
"""A process, and the socket of it that pcscd has accepted."""
_SOCKET = UnixSocket(inode=1, peer=PEER, name="/run/pcscd/pcscd.comm")
_ORDINARY = ("systemd", "firefox", "bash")
_MANY = 10_000
_PORTS = tuple(port for each in CATALOGUE.ports.programs for port in each.ports)


class Error(Exception):
    """psutil's own."""


class AccessDenied(Error):
    """What it raises where it is refused."""


class Processes:
    """A psutil whose processes have these names; what it is asked in `failing` raises."""

    Error, AccessDenied = Error, AccessDenied
    STATUS_ZOMBIE, CONN_LISTEN = "zombie", "LISTEN"

    def __init__(self) -> None:
        self.names: tuple[str, ...] = _ORDINARY
        self.ports: tuple[int, ...] = ()
        self.failing: dict[str, Exception] = {}
        self.asked = False

    def pids(self) -> list[int]:
        self._ask("pids")
        return list(range(1, len(self.names) + 1))

    def net_connections(self, kind: str) -> list[Any]:
        self._ask("net_connections")
        return [
            SimpleNamespace(pid=1, laddr=SimpleNamespace(port=port), status=self.CONN_LISTEN)
            for port in self.ports
        ]

    def Process(self, pid: int) -> Any:  # noqa: N802 (psutil's name for it)
        self._ask("Process")
        name = self.names[pid - 1]
        return SimpleNamespace(
            pid=pid,
            oneshot=nullcontext,
            name=lambda: self._ask("name") or name,
            exe=lambda: self._ask("exe") or f"/somewhere/{name}",
            uids=lambda: self._ask("uids") or SimpleNamespace(real=os.getuid()),
            status=lambda: self._ask("status") or "running",
        )

    def _ask(self, question: str) -> None:
        self.asked = True
        if question in self.failing:
            raise self.failing[question]

    def hostilities(self) -> Iterator[tuple[str, Any, bool]]:
        """What may be wrong: its name, what makes it so, and whether it only hides something."""
        if not self.asked:
            return
        for number, name in enumerate((*NAMES, TEXT, LINES, "x" * 5000)):
            changes = {"names": (name, name), "ports": _PORTS}
            yield f"processes named {number}", patch.multiple(self, **changes), False
        yield "processes", patch.object(self, "names", _ORDINARY * _MANY), False
        for question in ("pids", "net_connections", "Process", "name", "exe", "uids", "status"):
            for error in (Error("no"), AccessDenied("no"), OSError("no"), PermissionError("no")):
                name = f"{question} {type(error).__name__}"
                yield name, patch.dict(self.failing, {question: error}), True


class Sockets:
    """The sockets of Linux, in the place of the kernel's list."""

    def __init__(self) -> None:
        self.listed: tuple[UnixSocket, ...] | Exception = (_SOCKET,)
        self.asked = False

    def __call__(self) -> tuple[UnixSocket, ...]:
        self.asked = True
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.listed

    def hostilities(self) -> Iterator[tuple[str, Any, bool]]:
        """As those of processes."""
        if not self.asked:
            return
        named = tuple(UnixSocket(inode=2, peer=PEER, name=name) for name in (*NAMES, TEXT))
        yield "sockets named oddly", patch.object(self, "listed", (*named, _SOCKET)), False
        yield "sockets", patch.object(self, "listed", (_SOCKET,) * _MANY), False
        for error in (ProbeDenied("no"), ProbeTimeout("no"), ProbeUnsupported("no")):
            name = f"sockets {type(error).__name__}"
            yield name, patch.object(self, "listed", error), True
