"""Which Windows this is, what it is for, and as whom this program runs on it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from diagcps.host.common import as_probe_errors, library
from diagcps.host.windows_api import function
from diagcps.host.windows_registry import Registry
from diagcps.host.windows_token import own_groups, own_user
from diagcps.model import ProbeError, ProbeUnavailable, ProbeUnsupported
from diagcps.records import record
from diagcps.workstation import Account, AccountKind, AppControl, Machine, MachineRole

Answer = TypeVar("Answer")

_FIRST_BUILD_OF_WINDOWS_11 = 22000
"""Windows 11 version 21H2 (Microsoft, « Windows 11 release information »)."""
_NAMES = {(6, 1): "Windows 7", (6, 2): "Windows 8", (6, 3): "Windows 8.1"}
_WORKSTATION = 1
"""VER_NT_WORKSTATION (OSVERSIONINFOEXW.wProductType)."""
_VERSION_KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_APP_CONTROL_KEY = r"SYSTEM\CurrentControlSet\Control\CI\Policy"
_APP_CONTROL = {0: AppControl.OFF, 1: AppControl.ON, 2: AppControl.EVALUATION}
"""VerifiedAndReputablePolicyState (Microsoft, « Test your app with Smart App Control »)."""
_IN_A_DOMAIN = 3
"""NetSetupDomainName (lmjoin.h)."""
_ADMINISTRATORS = "S-1-5-32-544"
_OF_THE_SYSTEM = ("S-1-5-18", "S-1-5-19", "S-1-5-20")
"""SYSTEM, LocalService, NetworkService."""
_OF_A_SERVICE = ("S-1-5-80-", "S-1-5-82-")
"""How the accounts of services and of the web server's pools begin."""


@record
class Version:
    """What this Windows says of itself."""

    numbers: tuple[int, int, int]
    """Major, minor, build."""
    is_workstation: bool


def read_version() -> Version:
    """The version by GetVersionEx and kernel32's own. Raises ProbeUnsupported elsewhere.

    A program without a manifest is told an older version by the first; the greater is true.
    """
    ask = getattr(sys, "getwindowsversion", None)
    if ask is None:
        raise ProbeUnsupported("not Windows")
    with as_probe_errors():
        told = ask()
        numbers = max(tuple(told[:3]), tuple(told.platform_version))
    return Version(numbers=numbers, is_workstation=told.product_type == _WORKSTATION)


def read_name(registry: Registry) -> str:
    """The name of this Windows; see `windows_name`."""
    version = read_version()
    product = registry.values(_VERSION_KEY, "ProductName").text("ProductName")
    return windows_name(
        version.numbers, is_workstation=version.is_workstation, product_name=product
    )


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


def read_machine(registry: Registry) -> Machine:
    """The version with the number of its last update, and what the machine is.

    Raises ProbeUnsupported elsewhere; what a single question does not tell is None.
    """
    version = read_version()
    update = registry.values(_VERSION_KEY, "UBR").number("UBR")
    numbers = version.numbers if update is None else (*version.numbers, update)
    return Machine(
        version=".".join(map(str, numbers)),
        role=MachineRole.WORKSTATION if version.is_workstation else MachineRole.SERVER,
        managed=managed(_told(_is_in_a_domain), _told(_is_enrolled)),
        started=_told(_started),
        app_control=_told(lambda: read_app_control(registry)),
        source="GetVersionEx, UBR, NetGetJoinInformation, IsDeviceRegisteredWithManagement",
    )


def managed(in_a_domain: bool | None, enrolled: bool | None) -> bool | None:
    """Whether an organisation manages the machine; None when neither question says yes and one was
    not answered."""
    if in_a_domain or enrolled:
        return True
    return None if in_a_domain is None or enrolled is None else False


def read_app_control(registry: Registry) -> AppControl | None:
    """The state of Smart App Control; None where there is none, or in no state that is known."""
    name = "VerifiedAndReputablePolicyState"
    state = registry.values(_APP_CONTROL_KEY, name).number(name)
    return None if state is None else _APP_CONTROL.get(state)


def read_account() -> Account:
    """Who runs this program, by its token. Raises ProbeUnavailable, or ProbeUnsupported."""
    user = own_user()
    return Account(
        kind=account_kind(user),
        administrator=_told(lambda: _ADMINISTRATORS in own_groups()),
        source="GetTokenInformation",
    )


def account_kind(sid: str) -> AccountKind:
    """Whether an account is a person's or the system's own."""
    is_own = sid in _OF_THE_SYSTEM or sid.startswith(_OF_A_SERVICE)
    return AccountKind.SYSTEM if is_own else AccountKind.PERSON


def _told(ask: Callable[[], Answer]) -> Answer | None:
    with suppress(ProbeError):
        return ask()
    return None


def _started() -> datetime | None:
    psutil = library("psutil")
    with suppress(OSError, ValueError, OverflowError, psutil.Error):
        return datetime.fromtimestamp(psutil.boot_time(), UTC)
    return None


def _is_in_a_domain() -> bool:
    ctypes = library("ctypes")
    pointer = ctypes.c_void_p
    ask = function("netapi32", "NetGetJoinInformation", ctypes.c_wchar_p, pointer, pointer)
    free = function("netapi32", "NetApiBufferFree", pointer)
    name, state = pointer(), ctypes.c_int(0)
    if code := ask(None, ctypes.byref(name), ctypes.byref(state)):
        raise ProbeUnavailable(f"NetGetJoinInformation: {code}")
    free(name)
    return bool(state.value == _IN_A_DOMAIN)


def _is_enrolled() -> bool:
    """Under the management of mobile devices (mdmregistration.h); a system without it is not."""
    ctypes = library("ctypes")
    name = "IsDeviceRegisteredWithManagement"
    pointer = ctypes.c_void_p
    try:
        ask = function("mdmregistration", name, pointer, ctypes.c_ulong, pointer)
    except ProbeUnsupported:
        return False
    enrolled = ctypes.c_int(0)
    if code := ask(ctypes.byref(enrolled), 0, None):
        raise ProbeUnavailable(f"{name}: {code:#x}")
    return bool(enrolled.value)
