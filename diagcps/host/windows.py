"""Windows: the service manager, the device manager's list and the registry, read only.

Modules and functions that exist on Windows alone are taken inside the method that needs them,
so that this module is imported, type-checked and its parsers are tested everywhere.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

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
from diagcps.host.common import as_probe_errors, certificates_of_folder, library, printable
from diagcps.host.programs import running_programs
from diagcps.model import Platform, ProbeDenied, ProbeUnavailable, ProbeUnsupported

_SERVICE = "SCardSvr"

_FIRST_BUILD_OF_WINDOWS_11 = 22000
"""Windows 11 version 21H2 (Microsoft, « Windows 11 release information »)."""
_NAMES = {(6, 1): "Windows 7", (6, 2): "Windows 8", (6, 3): "Windows 8.1"}
_WORKSTATION = 1
"""VER_NT_WORKSTATION (OSVERSIONINFOEXW.wProductType)."""
_VERSION_KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_ENUM_KEY = r"SYSTEM\CurrentControlSet\Enum"

_SM_REMOTESESSION = 0x1000
_LOAD_LIBRARY_SEARCH_SYSTEM32 = 0x800

_SMART_CARD_READER_CLASS = "{50dd5230-ba8a-11d1-bf5d-0000f805f530}"
"""GUID_DEVCLASS_SMARTCARDREADER (devguid.h)."""
_FILTER_ENUMERATOR, _FILTER_PRESENT, _FILTER_CLASS = 0x1, 0x100, 0x200
"""CM_GETIDLIST_FILTER_… (cfgmgr32.h)."""
_CR_SUCCESS, _CR_BUFFER_SMALL, _CR_NO_SUCH_VALUE = 0x00, 0x1A, 0x25
_LIST_CHARACTERS = 1 << 20
_LIST_ATTEMPTS = 5
"""A device may be plugged in between asking for the size of the list and asking for the list."""

_COFFRE = ("santesocial", "cps", "coffre")
_SYSTEM_STORES = ("ROOT", "CA")
_X509 = "x509_asn"

_USB_DEVICE = re.compile(
    r"USB\\VID_(?P<vendor>[0-9A-F]{4})&PID_(?P<product>[0-9A-F]{4})(?:[&\\].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_SMART_CARD_INTERFACE = re.compile(r"USB\\Class_0B(?:&.*)?", re.ASCII | re.IGNORECASE | re.DOTALL)


def parse_multi_sz(text: str) -> tuple[str, ...]:
    """The strings of a REG_MULTI_SZ: each ends with a NUL, and an empty one ends the list."""
    strings = []
    for string in text.split("\0"):
        if not string:
            break
        strings.append(string)
    return tuple(strings)


def usb_ids(instance_id: str) -> tuple[str, str] | None:
    r"""Vendor and product of `USB\VID_08E6&PID_3437\…`, lower case; None for any other device."""
    found = _USB_DEVICE.fullmatch(instance_id)
    return (found["vendor"].lower(), found["product"].lower()) if found else None


def is_smart_card_interface(compatible_ids: Iterable[str]) -> bool:
    r"""Whether one of a device's compatible ids is `USB\Class_0b` or a subclass of it."""
    return any(_SMART_CARD_INTERFACE.fullmatch(name) for name in compatible_ids)


def plain_name(value: str) -> str:
    """The words of a device's name, without the file they are translated from.

    The registry holds « @oem12.inf,%reader%;USB Reader » for « USB Reader ».
    """
    return printable(value.partition(";")[2] if value.startswith("@") else value)


def windows_name(
    version: tuple[int, int, int], *, is_workstation: bool, product_name: str = ""
) -> str:
    """The name people use for a version (major, minor, build).

    A server goes by the registry's ProductName, a workstation does not: on Windows 11 that still
    says « Windows 10 ».
    """
    major, minor, build = version
    if not is_workstation:
        return product_name or "Windows Server"
    if (major, minor) == (10, 0):
        return "Windows 11" if build >= _FIRST_BUILD_OF_WINDOWS_11 else "Windows 10"
    return _NAMES.get((major, minor), f"Windows {major}.{minor}")


def service_state(status: str, start_type: str) -> ServiceState:
    """The state from psutil's words for the service's status and start type.

    A service that starts or resumes counts as running; one that pauses or stops, as stopped.
    """
    if status in ("running", "start_pending", "continue_pending"):
        return ServiceState.RUNNING
    if start_type == "disabled":
        return ServiceState.DISABLED
    return ServiceState.ON_DEMAND if start_type == "manual" else ServiceState.STOPPED


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

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    @property
    def platform(self) -> Platform:
        """Windows."""
        return Platform.WINDOWS

    def system(self) -> System:
        """The version by GetVersionEx and kernel32's own, and the processor's architecture.

        A program without a manifest is told an older version by the first; the greater is true.
        """
        ask = getattr(sys, "getwindowsversion", None)
        if ask is None:
            raise ProbeUnsupported("not Windows")
        with as_probe_errors():
            told = ask()
            version = max(tuple(told[:3]), tuple(told.platform_version))
            product = _registry_values(_VERSION_KEY, "ProductName").get("ProductName")
        name = windows_name(
            version,
            is_workstation=told.product_type == _WORKSTATION,
            product_name=printable(product) if isinstance(product, str) else "",
        )
        return System(platform=Platform.WINDOWS, name=name, architecture=self._architecture())

    def session(self) -> Session:
        """RDP by SM_REMOTESESSION, Citrix by the station's name (« ICA-… »), SSH by its variable.

        In the first two, the system hands PC/SC calls to the machine in front of the person.
        """
        station = self._environ.get("SESSIONNAME", "")
        if station.upper().startswith("ICA"):
            return Session(kind=SessionKind.CITRIX, redirects_cards=True, source="SESSIONNAME")
        get_system_metrics = _function("user32", "GetSystemMetrics")
        get_system_metrics.argtypes = [library("ctypes").c_int]
        source = "GetSystemMetrics(SM_REMOTESESSION)"
        if get_system_metrics(_SM_REMOTESESSION):
            return Session(kind=SessionKind.RDP, redirects_cards=True, source=source)
        # The server of OpenSSH for Windows sets it as on any other system.
        if "SSH_CONNECTION" in self._environ:
            return Session(kind=SessionKind.SSH, redirects_cards=False, source="SSH_CONNECTION")
        return Session(kind=SessionKind.LOCAL, redirects_cards=False, source=source)

    def pcsc_service(self) -> PcscService:
        """The state of « Carte à puce » (SCardSvr), asked of the service manager.

        Any user may connect to it. Stopped with the manual start it has by default, it starts
        with the first reader.
        """
        psutil = library("psutil")
        ask = getattr(psutil, "win_service_get", None)
        if ask is None:
            raise ProbeUnsupported("not Windows")
        try:
            with as_probe_errors():
                service = ask(_SERVICE)
                status, start_type = service.status(), service.start_type()
        except psutil.NoSuchProcess:
            return PcscService(state=ServiceState.ABSENT, may_connect=True, source=_SERVICE)
        except psutil.AccessDenied as error:
            raise ProbeDenied(str(error)) from error
        except psutil.Error as error:
            raise ProbeUnavailable(str(error)) from error
        return PcscService(
            state=service_state(status, start_type),
            may_connect=True,
            source=f"{_SERVICE}: {status}, {start_type}",
        )

    def pcsc_clients(self) -> PcscClients:
        """Raises ProbeUnsupported: the service keeps its clients to itself."""
        raise ProbeUnsupported("Windows does not tell which programs use a card")

    def running_programs(self) -> RunningPrograms:
        """Those in the session of this program: no service, and nobody else's on the same server.

        By session and not by user: a program that was started with more rights, as JuxtaLink is,
        keeps its user to itself. Raises ProbeUnsupported without psutil.
        """
        session_of = _sessions()
        ours = session_of(os.getpid())
        if ours is None:
            raise ProbeUnavailable("ProcessIdToSessionId")
        return running_programs(
            self.platform,
            is_ours=lambda process: session_of(process.pid) == ours,
            source="EnumProcesses, ProcessIdToSessionId",
        )

    def usb_readers(self, catalogue: Catalogue) -> UsbReaders:  # noqa: ARG002
        """Devices of the smart-card reader class, and those without a driver that offer USB 0Bh."""
        with as_probe_errors():
            classed = _device_ids(_SMART_CARD_READER_CLASS, _FILTER_CLASS | _FILTER_PRESENT)
            on_usb = _device_ids("USB", _FILTER_ENUMERATOR | _FILTER_PRESENT)
            known = {instance_id.upper() for instance_id in classed}
            others = [name for name in on_usb if name.upper() not in known and _is_reader(name)]
            readers = [_usb_reader(instance_id) for instance_id in (*classed, *others)]
        return UsbReaders(
            readers=tuple(reader for reader in readers if reader is not None),
            source="CM_Get_Device_ID_List, CompatibleIDs",
        )

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

    def installed(self, kind: type[Installed], catalogue: Catalogue) -> Installed:  # noqa: ARG002
        """Raises ProbeUnsupported: not written yet."""
        raise ProbeUnsupported(kind.__name__)

    def library_paths(self) -> tuple[str, ...]:
        """Where the installer of the Cryptolib CPS puts the library; see `library_places`."""
        folder = self._environ.get("SystemRoot", r"C:\Windows")
        return library_places(folder, is_64_bit=sys.maxsize > 2**32)

    def _architecture(self) -> str:
        # A 32-bit program reads its own architecture in PROCESSOR_ARCHITECTURE, and the
        # system's in PROCESSOR_ARCHITEW6432 (Microsoft, « WOW64 implementation details »).
        names = ("PROCESSOR_ARCHITEW6432", "PROCESSOR_ARCHITECTURE")
        return next((self._environ[n] for n in names if self._environ.get(n)), platform.machine())


def _function(dll: str, name: str) -> Any:
    """A function of a system library, from the system's own folder and no other."""
    loader = getattr(library("ctypes"), "WinDLL", None)
    if loader is None:
        raise ProbeUnsupported("not Windows")
    with as_probe_errors():
        loaded = loader(f"{dll}.dll", winmode=_LOAD_LIBRARY_SEARCH_SYSTEM32)
    function = getattr(loaded, name, None)
    if function is None:
        raise ProbeUnsupported(f"{dll}.dll has no {name}")
    return function


def _sessions() -> Callable[[int], int | None]:
    """What gives the number of a process's session, or None where the system does not say."""
    ctypes = library("ctypes")
    ask = _function("kernel32", "ProcessIdToSessionId")
    ask.argtypes = [ctypes.c_ulong, ctypes.POINTER(ctypes.c_ulong)]

    def session_of(pid: int) -> int | None:
        session = ctypes.c_ulong(0)
        return session.value if ask(pid, ctypes.byref(session)) else None

    return session_of


def _device_ids(wanted: str, flags: int) -> tuple[str, ...]:
    """The instance ids of the devices that the filter lets through."""
    ctypes = library("ctypes")
    ask_size = _function("cfgmgr32", "CM_Get_Device_ID_List_SizeW")
    ask_size.argtypes = [ctypes.POINTER(ctypes.c_ulong), ctypes.c_wchar_p, ctypes.c_ulong]
    ask = _function("cfgmgr32", "CM_Get_Device_ID_ListW")
    ask.argtypes = [ctypes.c_wchar_p, ctypes.c_wchar_p, ctypes.c_ulong, ctypes.c_ulong]
    for _ in range(_LIST_ATTEMPTS):
        size = ctypes.c_ulong(0)
        code = ask_size(ctypes.byref(size), wanted, flags)
        if code == _CR_SUCCESS and size.value <= _LIST_CHARACTERS:
            buffer = ctypes.create_unicode_buffer(max(size.value, 1))
            code = ask(wanted, buffer, len(buffer), flags)
            if code == _CR_SUCCESS:
                return parse_multi_sz(buffer[:])
        if code == _CR_NO_SUCH_VALUE:
            return ()
        if code != _CR_BUFFER_SMALL:
            break
    else:
        raise ProbeUnavailable("CM_Get_Device_ID_List: the list keeps growing")
    raise ProbeUnavailable(f"CM_Get_Device_ID_List: code {code:#x}, {size.value} characters")


def _is_reader(instance_id: str) -> bool:
    values = _registry_values(rf"{_ENUM_KEY}\{instance_id}", "CompatibleIDs")
    names = values.get("CompatibleIDs")
    return isinstance(names, list) and is_smart_card_interface(names)


def _usb_reader(instance_id: str) -> UsbReader | None:
    """The reader; None for one that is not on USB, such as a virtual smart card."""
    ids = usb_ids(instance_id)
    if ids is None:
        return None
    values = _registry_values(rf"{_ENUM_KEY}\{instance_id}", "FriendlyName", "DeviceDesc")
    name = next((name for name in values.values() if isinstance(name, str) and name), "")
    return UsbReader(vendor_id=ids[0], product_id=ids[1], name=plain_name(name))


def _registry_values(path: str, *names: str) -> dict[str, object]:
    """These values of a key of HKEY_LOCAL_MACHINE, as far as they are there and may be read."""
    winreg = library("winreg")
    # A 32-bit program is shown another SOFTWARE tree unless it asks for the system's own.
    access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
    values: dict[str, object] = {}
    with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, access) as key:
        for name in names:
            with suppress(FileNotFoundError):
                values[name] = winreg.QueryValueEx(key, name)[0]
    return values
