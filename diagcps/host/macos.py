"""macOS. Written from documentation and other projects' listings; not yet run on a Mac."""

from __future__ import annotations

import os
from collections.abc import Mapping
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
    UsbReaders,
)
from diagcps.host.base import Installed
from diagcps.host.commands import Run, output_of
from diagcps.host.common import certificates_in, certificates_of_folder
from diagcps.host.macos_stores import COFFRE, SYSTEM_KEYCHAIN
from diagcps.host.macos_system import read_processor, read_version
from diagcps.host.macos_usb import read_usb
from diagcps.host.programs import of_this_user, running_programs
from diagcps.model import Platform, ProbeError, ProbeUnsupported

_SECURITY = "/usr/bin/security"
_KEYCHAINS = (
    SYSTEM_KEYCHAIN,
    "/System/Library/Keychains/SystemRootCertificates.keychain",
)
"""What an administrator added, and what Apple delivers; neither is the person's own."""
_LIBRARY = "usr/local/lib/libcps3_pkcs11_osx.dylib"


class MacHost:
    """The Mac this program runs on.

    `environ` is that of the person's session, and `home` the person's folder, else that of the
    session. A folder in the place of `root`, and `run` in the place of the system's commands, are a
    Mac for tests.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        *,
        root: Path = Path("/"),
        home: Path | None = None,
        run: Run = output_of,
    ) -> None:
        self._environ, self._root, self._own_home, self._run = environ, root, home, run

    @property
    def platform(self) -> Platform:
        """macOS."""
        return Platform.MACOS

    def system(self) -> System:
        """The version by SystemVersion.plist, the processor by sysctl(8)."""
        version = read_version(self._root)
        return System(
            platform=Platform.MACOS,
            name=f"macOS {version}".strip(),
            architecture=read_processor(self._run),
        )

    def session(self) -> Session:
        """SSH by its environment, local otherwise: screen sharing shows the person's own session.

        Cards are never redirected: PC/SC speaks to this machine's readers.
        """
        for name in ("SSH_CONNECTION", "SSH_TTY"):
            if name in self._environ:
                return Session(kind=SessionKind.SSH, redirects_cards=False, source=name)
        return Session(
            kind=SessionKind.LOCAL, redirects_cards=False, source="SSH_CONNECTION, SSH_TTY"
        )

    def pcsc_service(self) -> PcscService:
        """Started on demand, always.

        PC/SC is the service com.apple.ctkpcscd inside PCSC.framework, which the system starts
        for the program that asks; nobody can stop or disable it by the usual means.
        """
        return PcscService(
            state=ServiceState.ON_DEMAND, may_connect=True, source="com.apple.ctkpcscd"
        )

    def pcsc_clients(self) -> PcscClients:
        """Raises ProbeUnsupported: no interface tells."""
        raise ProbeUnsupported("macOS does not tell which programs use a card")

    def running_programs(self, catalogue: Catalogue) -> RunningPrograms:
        """Those that this user started. Raises ProbeUnsupported without psutil."""
        source = "sysctl(3) KERN_PROC, proc_pidpath"
        return running_programs(self.platform, catalogue, is_ours=of_this_user, source=source)

    def usb_readers(self, catalogue: Catalogue) -> UsbReaders:
        """The USB devices with a smart-card interface, and those that the catalogue knows, by
        ioreg(8). Raises ProbeTimeout when ioreg does not end, ProbeUnavailable when it fails."""
        return read_usb(self._run, catalogue.readers)

    def authorities(self) -> tuple[StoredCertificate, ...]:
        """Those of the Cryptolib's coffre, then those of the system's keychains, by security(1).

        A store that is not there, or cannot be read, adds nothing.
        """
        own = certificates_of_folder(self._root / COFFRE.lstrip("/"), COFFRE)
        try:
            listing = self._run(_SECURITY, "find-certificate", "-a", "-p", *_KEYCHAINS)
        except ProbeError:
            return own
        return own + certificates_in(listing, "System.keychain, SystemRootCertificates.keychain")

    def installed(self, kind: type[Installed], catalogue: Catalogue) -> Installed:
        """The fact of that kind. Raises ProbeUnsupported for what only Windows has."""
        # What reads the workstation is imported when it is read: the page opens before.
        from diagcps.host.macos_readings import readings

        read = readings(self._root, self._home(), self._run, catalogue).get(kind)
        if read is None:
            raise ProbeUnsupported(kind.__name__)
        found: Installed = read()
        return found

    def _home(self) -> Path | None:
        """This person's folder; None where the session names none."""
        if self._own_home is not None:
            return self._own_home
        home = self._environ.get("HOME", "")
        return self._root / home.lstrip("/") if home.startswith("/") else None

    def library_paths(self) -> tuple[str, ...]:
        """Where the package of the Cryptolib CPS puts the library since OS X 10.11."""
        return ((self._root / _LIBRARY).as_posix(),)
