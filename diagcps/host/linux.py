"""Linux: what the files under /proc, /sys, /run and /etc say. No daemon is spoken to."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

from diagcps.catalogue import Catalogue
from diagcps.facts import (
    PcscClients,
    PcscService,
    RunningPrograms,
    Session,
    SessionKind,
    StoredCertificate,
    System,
    UsbReaders,
)
from diagcps.host.base import Installed
from diagcps.host.common import certificates_of_file, certificates_of_folder
from diagcps.model import Platform, ProbeUnsupported

_LIBRARIES = (
    "opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so",
    "usr/lib64/libcps3_pkcs11_lux.so",
)

_BUNDLES = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/ssl/cert.pem",
)
"""Where distributions keep the system's authorities (Go, crypto/x509, root_linux.go)."""


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
        from diagcps.host.linux_system import read_name

        return System(
            platform=Platform.LINUX,
            name=read_name(self._root) or "Linux",
            architecture=platform.machine(),
        )

    def session(self) -> Session:
        """The session by its environment, or by a parent of this program that is xrdp.

        Cards are never redirected: PC/SC speaks to this machine's pcscd. Remote desktops other
        than xrdp leave no mark that is documented, and count as local.
        """
        from diagcps.host.linux_processes import ancestors

        for name in ("SSH_CONNECTION", "SSH_TTY"):
            if name in self._environ:
                return _session(SessionKind.SSH, name)
        # xrdp-sesman sets it for every session (sesman/env.c).
        if "XRDP_SESSION" in self._environ:
            return _session(SessionKind.RDP, "XRDP_SESSION")
        if any(process.name.startswith("xrdp") for process in ancestors(self._root)):
            return _session(SessionKind.RDP, "/proc/PID/stat")
        return _session(SessionKind.LOCAL, "SSH_CONNECTION, SSH_TTY, XRDP_SESSION, /proc/PID/stat")

    def pcsc_service(self) -> PcscService:
        """Whether pcscd runs, or systemd would start it."""
        from diagcps.host.linux_service import PcscDaemon

        return PcscDaemon(self._root, self._environ).service()

    def pcsc_clients(self) -> PcscClients:
        """The programs whose connection pcscd has accepted, as far as this user may see.

        Raises ProbeUnavailable when no such socket is in this network namespace: the service
        does not run, or runs in another one.
        """
        from diagcps.host.linux_service import PcscDaemon

        return PcscDaemon(self._root, self._environ).clients()

    def running_programs(self, catalogue: Catalogue) -> RunningPrograms:
        """Those that this user started, on this machine, whatever the root folder.

        Raises ProbeUnsupported without psutil.
        """
        from diagcps.host.programs import of_this_user, running_programs

        source = "/proc/PID/stat, /proc/PID/exe"
        return running_programs(self.platform, catalogue, is_ours=of_this_user, source=source)

    def usb_readers(self, catalogue: Catalogue) -> UsbReaders:
        """The USB devices with a smart-card interface, and those that the catalogue knows, in the
        order of their place on the bus. Raises ProbeUnavailable where there is no bus."""
        from diagcps.host.linux_usb import usb_readers

        return usb_readers(self._root, catalogue.readers)

    def authorities(self) -> tuple[StoredCertificate, ...]:
        """Those of the Cryptolib's Coffre, then those of the system's bundle.

        A store that is not there, or cannot be read, adds nothing.
        """
        from diagcps.host.linux_installed import COFFRE

        own = certificates_of_folder(self._root / COFFRE.lstrip("/"), COFFRE)
        bundles = (certificates_of_file(self._root / name, f"/{name}") for name in _BUNDLES)
        return own + next((found for found in bundles if found), ())

    def installed(self, kind: type[Installed], catalogue: Catalogue) -> Installed:
        """The fact of that kind. Raises ProbeUnsupported for what only other systems have, and for
        galss.ini."""
        # What reads the workstation is imported when it is read: the page opens before.
        from diagcps.host.linux_readings import readings

        read = readings(self._root, self._environ, catalogue).get(kind)
        if read is None:
            raise ProbeUnsupported(kind.__name__)
        found: Installed = read()
        return found

    def library_paths(self) -> tuple[str, ...]:
        """Where the RPM of the Cryptolib CPS 5.2.2 puts the library, and its link for 64 bits."""
        return tuple(str(self._root / path) for path in _LIBRARIES)


def _session(kind: SessionKind, source: str) -> Session:
    return Session(kind=kind, redirects_cards=False, source=source)
