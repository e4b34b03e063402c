"""Linux's smart-card service, pcscd: whether it runs, would be started, and who is connected.

The socket is never connected to: that would start the service, or wait on a frozen one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from diagcps.facts import PcscClients, PcscService, ServiceState
from diagcps.host.common import as_probe_errors, printable
from diagcps.host.files import attribute, beginning, entries, is_allowed
from diagcps.host.linux_processes import process, process_folders
from diagcps.host.unix_diag import list_unix_sockets
from diagcps.model import ProbeUnavailable
from diagcps.records import record

_LIBRARY_READER = "_read-library"
"""The argument of the process in which this tool reads a PKCS#11 library."""
_SOCKET_PATH = "/run/pcscd/pcscd.comm"
_SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"
"""pcsc-lite's client library takes the socket's path from it (getSocketName, winscard_msg.c)."""
_PID_FILE = "run/pcscd/pcscd.pid"
_DAEMON = "pcscd"
_BINARIES = ("usr/sbin/pcscd", "usr/bin/pcscd", "usr/local/sbin/pcscd")
_UNIT_FOLDERS = (
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)
"""The part of systemd's search path that matters here, what wins first (systemd.unit(5))."""
_SOCKET_UNIT = "pcscd.socket"
_SERVICE_UNIT = "pcscd.service"

_ACCEPTS_CONNECTIONS = 0x10000
"""__SO_ACCEPTCON in the flags of /proc/net/unix (proc_pid_net(5))."""
_LISTED_COLUMNS = 8
_MOST_OF_THE_LIST = 16 << 20
"""Bytes; a socket has a hundred of them."""

_SOCKET_LINK = re.compile(r"socket:\[([0-9]+)\]")
"""What a descriptor of a socket links to (proc_pid_fd(5))."""


@record
class _Endpoint:
    """The socket that programs connect to for PC/SC."""

    path: str
    label: str
    """How evidence names it: a path from the environment may hold a person's name."""
    exists: bool
    may_connect: bool

    @property
    def is_default(self) -> bool:
        return self.path == _SOCKET_PATH

    def is_named(self, name: str) -> bool:
        """Whether a socket of that name is this one: /var/run is the older word for /run."""
        return name in (self.path, "/var" + self.path)


class PcscDaemon:
    """The pcscd of the system under `root`, as a session with `environ` finds it."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        self._environ = environ

    def service(self) -> PcscService:
        """Whether it runs, or systemd would start it."""
        with as_probe_errors():
            endpoint = self._endpoint()
            state, source = self._service_state(endpoint)
        return PcscService(state=state, may_connect=endpoint.may_connect, source=source)

    def clients(self) -> PcscClients:
        """The programs whose connection it has accepted, as far as this user may see.

        Raises ProbeUnavailable when no such socket is in this network namespace: the service
        does not run, or runs in another one.
        """
        with as_probe_errors():
            endpoint = self._endpoint()
            served = [found for found in list_unix_sockets() if endpoint.is_named(found.name)]
            if not served:
                raise ProbeUnavailable(f"no socket {endpoint.label}")
            inodes = frozenset(found.peer for found in served)
            return PcscClients(
                programs=self._programs(inodes),
                source=f"sock_diag(7) {endpoint.label}, /proc/PID/fd",
            )

    def _endpoint(self) -> _Endpoint:
        given = self._environ.get(_SOCKET_VARIABLE)
        path = _SOCKET_PATH if given is None else given
        file = self._root / path.lstrip("/")
        try:
            exists = stat.S_ISSOCK(file.stat().st_mode)
        except PermissionError:
            # A folder that this user may not search: nothing can be said but that it refuses.
            exists, may_connect = True, False
        except OSError:
            exists, may_connect = False, True
        else:
            # connect(2) asks for write permission on the socket and search permission on its
            # folders (unix(7)); access(2) judges both, by the user that would connect.
            may_connect = not exists or is_allowed(file, os.W_OK)
        label = _SOCKET_PATH if given is None else _SOCKET_VARIABLE
        return _Endpoint(path=path, label=label, exists=exists, may_connect=may_connect)

    def _service_state(self, endpoint: _Endpoint) -> tuple[ServiceState, str]:
        if endpoint.exists:
            # A pcscd in another network namespace is not in /proc/net/unix, but can be reached.
            if endpoint.is_default and self._recorded_daemon_is_alive():
                return ServiceState.RUNNING, f"/{_PID_FILE}"
            if self._listens(endpoint):
                return self._listening_state(endpoint)
        masked = self._masked_unit()
        if masked:
            return ServiceState.DISABLED, f"systemd: {masked} is masked"
        if self._is_installed() or self._daemon_is_visible():
            return ServiceState.STOPPED, f"nothing listens on {endpoint.label}"
        return ServiceState.ABSENT, f"/usr/sbin/pcscd, {_SOCKET_UNIT}, {endpoint.label}"

    def _listening_state(self, endpoint: _Endpoint) -> tuple[ServiceState, str]:
        """Who listens: pcscd itself, or systemd in its place until a program connects."""
        source = f"/proc/net/unix: {endpoint.label}"
        if not endpoint.is_default or self._daemon_is_visible() or not self._unit(_SOCKET_UNIT):
            return ServiceState.RUNNING, source
        if self._is_masked(_SERVICE_UNIT):
            return ServiceState.DISABLED, f"systemd: {_SERVICE_UNIT} is masked"
        return ServiceState.ON_DEMAND, f"{source}, {_SOCKET_UNIT}"

    def _listens(self, endpoint: _Endpoint) -> bool:
        listed = beginning(self._root / "proc/net/unix", _MOST_OF_THE_LIST)
        text = listed.decode("utf-8", errors="surrogateescape")
        for line in text.split("\n")[1:]:
            columns = line.split(maxsplit=_LISTED_COLUMNS - 1)
            if len(columns) < _LISTED_COLUMNS or not endpoint.is_named(columns[-1]):
                continue
            with suppress(ValueError):
                if int(columns[3], 16) & _ACCEPTS_CONNECTIONS:
                    return True
        return False

    def _recorded_daemon_is_alive(self) -> bool:
        pid = attribute(self._root / _PID_FILE)
        if not pid.isdecimal():
            return False
        found = process(self._root, pid)
        return found is not None and found.is_alive and found.name == _DAEMON

    def _daemon_is_visible(self) -> bool:
        folders = process_folders(self._root)
        processes = (process(self._root, folder.name) for folder in folders)
        return any(found and found.is_alive and found.name == _DAEMON for found in processes)

    def _is_installed(self) -> bool:
        if any(os.path.lexists(self._root / binary) for binary in _BINARIES):
            return True
        return bool(self._unit(_SOCKET_UNIT) or self._unit(_SERVICE_UNIT))

    def _masked_unit(self) -> str:
        """The unit that keeps pcscd from starting; empty when none does."""
        units = (_SERVICE_UNIT, _SOCKET_UNIT)
        return next((unit for unit in units if self._is_masked(unit)), "")

    def _is_masked(self, unit: str) -> bool:
        """Whether the unit's file is a link to /dev/null or empty (systemd.unit(5))."""
        file = self._unit(unit)
        if file is None:
            return False
        if file.is_symlink():
            return str(file.readlink()) == "/dev/null"
        return file.is_file() and file.stat().st_size == 0

    def _unit(self, name: str) -> Path | None:
        """The file that systemd would read for the unit."""
        files = (self._root / folder / name for folder in _UNIT_FOLDERS)
        return next((file for file in files if os.path.lexists(file)), None)

    def _programs(self, inodes: frozenset[int]) -> tuple[str, ...]:
        """The names of the processes that hold one of these sockets, but this one and those in
        which this tool reads a library."""
        ours = self._socket_inodes(self._root / "proc" / str(os.getpid()))
        wanted = inodes - frozenset(ours)
        if not any(wanted):
            return ()  # nobody else: the folders of every process need not be read
        return tuple(
            sorted(
                {
                    name
                    for folder in process_folders(self._root)
                    if not wanted.isdisjoint(self._socket_inodes(folder))
                    and _LIBRARY_READER not in attribute(folder / "cmdline").split("\0")
                    and (name := printable(attribute(folder / "comm")))
                }
            )
        )

    def _socket_inodes(self, process: Path) -> Iterable[int]:
        """The sockets a process has open; none for another user's process or one that ended."""
        found = []
        for descriptor in entries(process / "fd"):
            # A descriptor may be closed meanwhile: the one that listed our own folder always is.
            with suppress(OSError):
                link = _SOCKET_LINK.fullmatch(str(descriptor.readlink()))
                if link:
                    found.append(int(link[1]))
        return tuple(found)
