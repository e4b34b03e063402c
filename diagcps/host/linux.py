"""Linux: what the files under /proc, /sys, /run and /etc say. No daemon is spoken to."""

from __future__ import annotations

import os
import platform
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diagcps.catalogue import Catalogue
from diagcps.facts import (
    PcscClients,
    PcscService,
    RunningPrograms,
    ServiceState,
    Session,
    SessionKind,
    StoredCertificate,
    System,
    UsbReader,
    UsbReaders,
)
from diagcps.host.base import Installed
from diagcps.host.common import (
    as_probe_errors,
    certificates_of_file,
    certificates_of_folder,
    library,
    printable,
)
from diagcps.host.programs import of_this_user, running_programs
from diagcps.host.unix_diag import list_unix_sockets
from diagcps.model import Platform, ProbeUnavailable, ProbeUnsupported

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

_LIBRARIES = (
    "opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so",
    "usr/lib64/libcps3_pkcs11_lux.so",
)

_ACCEPTS_CONNECTIONS = 0x10000
"""__SO_ACCEPTCON in the flags of /proc/net/unix (proc_pid_net(5))."""
_LISTED_COLUMNS = 8

_SMART_CARD_CLASS = "0b"
"""The USB class of CCID devices (USB device class definition for CCID, 1.1, 4.1)."""
_USB_ID = re.compile(r"[0-9a-f]{4}")
_ANCESTORS_AT_MOST = 64
_SOCKET_LINK = re.compile(r"socket:\[([0-9]+)\]")
"""What a descriptor of a socket links to (proc_pid_fd(5))."""

_COFFRE = "etc/opt/santesocial/CPS/Coffre"
_BUNDLES = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/ssl/cert.pem",
)
"""Where distributions keep the system's authorities (Go, crypto/x509, root_linux.go)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    name: str
    is_alive: bool
    parent: int


@dataclass(frozen=True, slots=True, kw_only=True)
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


class LinuxHost:
    """The Linux system whose files lie under `root`; `environ` is that of the person's session."""

    def __init__(self, root: Path = Path("/"), environ: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._environ = environ

    @property
    def platform(self) -> Platform:
        """Linux."""
        return Platform.LINUX

    def system(self) -> System:
        """The distribution by os-release(5), and the machine's architecture."""
        distro = library("distro")
        with as_probe_errors():
            # With a root folder distro runs no lsb_release; only files are read.
            try:
                name = distro.LinuxDistribution(root_dir=str(self._root)).name(pretty=True)
            except ValueError as error:
                raise ProbeUnavailable(f"os-release: {error}") from error
        return System(
            platform=Platform.LINUX,
            name=printable(name) or "Linux",
            architecture=platform.machine(),
        )

    def session(self) -> Session:
        """The session by its environment, or by a parent of this program that is xrdp.

        Cards are never redirected: PC/SC speaks to this machine's pcscd. Remote desktops other
        than xrdp leave no mark that is documented, and count as local.
        """
        for name in ("SSH_CONNECTION", "SSH_TTY"):
            if name in self._environ:
                return _session(SessionKind.SSH, name)
        # xrdp-sesman sets it for every session (sesman/env.c).
        if "XRDP_SESSION" in self._environ:
            return _session(SessionKind.RDP, "XRDP_SESSION")
        if any(process.name.startswith("xrdp") for process in self._ancestors()):
            return _session(SessionKind.RDP, "/proc/PID/stat")
        return _session(SessionKind.LOCAL, "SSH_CONNECTION, SSH_TTY, XRDP_SESSION, /proc/PID/stat")

    def pcsc_service(self) -> PcscService:
        """Whether pcscd runs, or systemd would start it.

        The socket is never connected to: that would start the service, or wait on a frozen one.
        """
        with as_probe_errors():
            endpoint = self._endpoint()
            state, source = self._service_state(endpoint)
        return PcscService(state=state, may_connect=endpoint.may_connect, source=source)

    def pcsc_clients(self) -> PcscClients:
        """The programs whose connection the service has accepted, as far as this user may see.

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

    def running_programs(self) -> RunningPrograms:
        """Those that this user started, on this machine, whatever the root folder.

        Raises ProbeUnsupported without psutil.
        """
        source = "/proc/PID/stat, /proc/PID/exe"
        return running_programs(self.platform, is_ours=of_this_user, source=source)

    def usb_readers(self, catalogue: Catalogue) -> UsbReaders:  # noqa: ARG002
        """The USB devices with a smart-card interface, in the order of their place on the bus."""
        folder = self._root / "sys/bus/usb/devices"
        with as_probe_errors():
            # An interface is « 1-2:1.0 », its device « 1-2 » (sysfs-bus-usb of the kernel).
            devices = {
                interface.name.partition(":")[0]
                for interface in folder.iterdir()
                if _read(interface / "bInterfaceClass") == _SMART_CARD_CLASS
            }
        found = (_usb_reader(folder / name) for name in sorted(devices))
        return UsbReaders(
            readers=tuple(reader for reader in found if reader is not None),
            source="/sys/bus/usb/devices/*/bInterfaceClass",
        )

    def authorities(self) -> tuple[StoredCertificate, ...]:
        """Those of the Cryptolib's Coffre, then those of the system's bundle.

        A store that is not there, or cannot be read, adds nothing.
        """
        own = certificates_of_folder(self._root / _COFFRE, f"/{_COFFRE}")
        bundles = (certificates_of_file(self._root / name, f"/{name}") for name in _BUNDLES)
        return own + next((found for found in bundles if found), ())

    def installed(self, kind: type[Installed], catalogue: Catalogue) -> Installed:  # noqa: ARG002
        """Raises ProbeUnsupported: not written yet."""
        raise ProbeUnsupported(kind.__name__)

    def library_paths(self) -> tuple[str, ...]:
        """Where the RPM of the Cryptolib CPS 5.2.2 puts the library, and its link for 64 bits."""
        return tuple(str(self._root / path) for path in _LIBRARIES)

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
            effective = os.access in os.supports_effective_ids
            may_connect = not exists or os.access(file, os.W_OK, effective_ids=effective)
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
        file = self._root / "proc/net/unix"
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
        for line in text.split("\n")[1:]:
            columns = line.split(maxsplit=_LISTED_COLUMNS - 1)
            if len(columns) < _LISTED_COLUMNS or not endpoint.is_named(columns[-1]):
                continue
            with suppress(ValueError):
                if int(columns[3], 16) & _ACCEPTS_CONNECTIONS:
                    return True
        return False

    def _recorded_daemon_is_alive(self) -> bool:
        pid = _read(self._root / _PID_FILE)
        if not pid.isdecimal():
            return False
        process = self._process(pid)
        return process is not None and process.is_alive and process.name == _DAEMON

    def _daemon_is_visible(self) -> bool:
        processes = (self._process(folder.name) for folder in self._process_folders())
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
        return file.stat().st_size == 0

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
                    for folder in self._process_folders()
                    if not wanted.isdisjoint(self._socket_inodes(folder))
                    and _LIBRARY_READER not in _read(folder / "cmdline").split("\0")
                    and (name := printable(_read(folder / "comm")))
                }
            )
        )

    def _socket_inodes(self, process: Path) -> Iterable[int]:
        """The sockets a process has open; none for another user's process or one that ended."""
        found = []
        for descriptor in _entries(process / "fd"):
            # A descriptor may be closed meanwhile: the one that listed our own folder always is.
            with suppress(OSError):
                link = _SOCKET_LINK.fullmatch(str(descriptor.readlink()))
                if link:
                    found.append(int(link[1]))
        return tuple(found)

    def _process_folders(self) -> Iterator[Path]:
        return (entry for entry in _entries(self._root / "proc") if entry.name.isdecimal())

    def _ancestors(self) -> Iterator[_Process]:
        pid = str(os.getpid())
        for _ in range(_ANCESTORS_AT_MOST):
            process = self._process(pid)
            if process is None:
                return
            yield process
            pid = str(process.parent)

    def _process(self, pid: str) -> _Process | None:
        """The process by proc_pid_stat(5); None when it ended or is hidden.

        A killed pcscd that nobody waited for stays as a zombie, which serves nobody.
        """
        head, _, tail = _read(self._root / "proc" / pid / "stat").rpartition(")")
        fields = tail.split()
        if len(fields) < 2 or not fields[1].isdecimal():
            return None
        name = head.partition("(")[2]
        return _Process(name=name, is_alive=fields[0] not in "ZXx", parent=int(fields[1]))


def _session(kind: SessionKind, source: str) -> Session:
    return Session(kind=kind, redirects_cards=False, source=source)


def _usb_reader(device: Path) -> UsbReader | None:
    """The reader, or None when it was unplugged meanwhile."""
    vendor, product = _read(device / "idVendor").lower(), _read(device / "idProduct").lower()
    if not (_USB_ID.fullmatch(vendor) and _USB_ID.fullmatch(product)):
        return None
    name = printable(_read(device / "product"))
    return UsbReader(vendor_id=vendor, product_id=product, name=name)


def _entries(folder: Path) -> tuple[Path, ...]:
    """What is in the folder; nothing when it cannot be listed."""
    try:
        return tuple(folder.iterdir())
    except OSError:
        return ()


def _read(file: Path) -> str:
    """The text of a small file; empty when it is not there, hidden, or its owner ended."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
