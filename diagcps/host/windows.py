"""Windows: the service manager, the device manager's list and the registry, read only.

Modules and functions that exist on Windows alone are taken inside the method that needs them,
so that this module is imported, type-checked and its parsers are tested everywhere.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
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
from diagcps.host.common import certificates_of_folder, library
from diagcps.host.programs import running_programs
from diagcps.host.windows_api import function
from diagcps.host.windows_devices import read_usb_readers
from diagcps.host.windows_registry import Registry
from diagcps.host.windows_services import read_smart_card_service
from diagcps.host.windows_sessions import sessions
from diagcps.host.windows_system import read_name
from diagcps.model import Platform, ProbeUnsupported

_SM_REMOTESESSION = 0x1000

_COFFRE = ("santesocial", "cps", "coffre")
_SYSTEM_STORES = ("ROOT", "CA")
_X509 = "x509_asn"


def library_places(windows_folder: str, *, is_64_bit: bool) -> tuple[str, ...]:
    """Where the Cryptolib CPS is for a program of that size, and then for one of the other.

    A 32-bit program on a 64-bit system sees SysWOW64 under the name System32 too, and the true
    System32 as Sysnative (Microsoft, « File system redirector »); a 32-bit one has System32 alone.
    """
    if is_64_bit:
        names = (r"System32\cps3_pkcs11_w64.dll", r"SysWOW64\cps3_pkcs11_w32.dll")
    else:
        names = (r"System32\cps3_pkcs11_w32.dll", r"Sysnative\cps3_pkcs11_w64.dll")
    return tuple(rf"{windows_folder}\{name}" for name in names)


class WindowsHost:
    """The Windows system this program runs on; `environ` is that of the person's session."""

    def __init__(
        self, environ: Mapping[str, str] = os.environ, *, registry: Registry | None = None
    ) -> None:
        self._environ = environ
        self._registry = Registry() if registry is None else registry

    @property
    def platform(self) -> Platform:
        """Windows."""
        return Platform.WINDOWS

    def system(self) -> System:
        """The version by GetVersionEx and kernel32's own, and the processor's architecture."""
        return System(
            platform=Platform.WINDOWS,
            name=read_name(self._registry),
            architecture=self._architecture(),
        )

    def session(self) -> Session:
        """RDP by SM_REMOTESESSION, Citrix by the station's name (« ICA-… »), SSH by its variable.

        In the first two, the system hands PC/SC calls to the machine in front of the person.
        """
        station = self._environ.get("SESSIONNAME", "")
        if station.upper().startswith("ICA"):
            return Session(kind=SessionKind.CITRIX, redirects_cards=True, source="SESSIONNAME")
        get_system_metrics = function("user32", "GetSystemMetrics", library("ctypes").c_int)
        source = "GetSystemMetrics(SM_REMOTESESSION)"
        if get_system_metrics(_SM_REMOTESESSION):
            return Session(kind=SessionKind.RDP, redirects_cards=True, source=source)
        # The server of OpenSSH for Windows sets it as on any other system.
        if "SSH_CONNECTION" in self._environ:
            return Session(kind=SessionKind.SSH, redirects_cards=False, source="SSH_CONNECTION")
        return Session(kind=SessionKind.LOCAL, redirects_cards=False, source=source)

    def pcsc_service(self) -> PcscService:
        """The state of « Carte à puce » (SCardSvr), asked of the service manager."""
        return read_smart_card_service()

    def pcsc_clients(self) -> PcscClients:
        """Raises ProbeUnsupported: the service keeps its clients to itself."""
        raise ProbeUnsupported("Windows does not tell which programs use a card")

    def running_programs(self, catalogue: Catalogue) -> RunningPrograms:
        """Those in the session of this program: no service, and nobody else's on the same server.

        By session and not by user: a program that was started with more rights, as JuxtaLink is,
        keeps its user to itself. Raises ProbeUnsupported without psutil.
        """
        session_of, ours = sessions()
        return running_programs(
            self.platform,
            catalogue,
            is_ours=lambda process: session_of(process.pid) == ours,
            source="EnumProcesses, ProcessIdToSessionId",
        )

    def usb_readers(self, catalogue: Catalogue) -> UsbReaders:
        """By the device manager's lists of readers and of USB."""
        return read_usb_readers(self._registry, catalogue.readers)

    def authorities(self) -> tuple[StoredCertificate, ...]:
        r"""Those of the Cryptolib in %ALLUSERSPROFILE%\santesocial\cps\coffre, then those of the
        system's stores of roots and of intermediates.

        A store that is not there, or cannot be read, adds nothing.
        """
        ask = getattr(library("ssl"), "enum_certificates", None)
        if ask is None:
            raise ProbeUnsupported("not Windows")
        folder, found = self._environ.get("ALLUSERSPROFILE"), list[StoredCertificate]()
        if folder:
            source = "\\".join(("%ALLUSERSPROFILE%", *_COFFRE))
            found += certificates_of_folder(Path(folder, *_COFFRE), source)
        for store in _SYSTEM_STORES:
            with suppress(OSError):
                found += (
                    StoredCertificate(data=data, source=f"certificate store {store}")
                    for data, encoding, _ in ask(store)
                    if encoding == _X509
                )
        return tuple(found)

    def installed(self, kind: type[Installed], catalogue: Catalogue) -> Installed:
        """The fact of that kind. Raises ProbeUnsupported for what only macOS has."""
        # Not before it is asked for: the page opens first.
        from diagcps.host.windows_readings import readings

        read = readings(self._environ, self._registry, catalogue).get(kind)
        if read is None:
            raise ProbeUnsupported(kind.__name__)
        found: Installed = read()
        return found

    def library_paths(self) -> tuple[str, ...]:
        """Where the installer of the Cryptolib CPS puts the library; see `library_places`."""
        folder = self._environ.get("SystemRoot", r"C:\Windows")
        return library_places(folder, is_64_bit=sys.maxsize > 2**32)

    def _architecture(self) -> str:
        # A 32-bit program reads its own architecture in PROCESSOR_ARCHITECTURE, and the
        # system's in PROCESSOR_ARCHITEW6432 (Microsoft, « WOW64 implementation details »).
        names = ("PROCESSOR_ARCHITEW6432", "PROCESSOR_ARCHITECTURE")
        return next((self._environ[n] for n in names if self._environ.get(n)), platform.machine())
