"""Devices on USB, by the lists of Windows' device manager: with a driver, or without."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from diagcps.catalogue_parts import ReaderCatalogue
from diagcps.facts import UsbReader, UsbReaders
from diagcps.host.common import library, printable
from diagcps.host.windows_api import function
from diagcps.host.windows_registry import Registry, Values
from diagcps.model import ProbeDenied, ProbeUnavailable
from diagcps.records import record

_ENUM_KEY = r"SYSTEM\CurrentControlSet\Enum"
_SMART_CARD_READER_CLASS = "{50dd5230-ba8a-11d1-bf5d-0000f805f530}"
_PORTS_CLASS = "{4d36e978-e325-11ce-bfc1-08002be10318}"
"""GUID_DEVCLASS_SMARTCARDREADER, GUID_DEVCLASS_PORTS (devguid.h)."""
_SPLITTER = "usbccgp"
"""The driver of a device that is several in one: each of them has an entry of its own."""
_SLEEP = ("EnhancedPowerManagementEnabled", "SelectiveSuspendEnabled")
"""Device Parameters (Microsoft, « USB selective suspend »)."""
_LONGEST_NAME = 128

_FILTER_ENUMERATOR, _FILTER_PRESENT, _FILTER_CLASS = 0x1, 0x100, 0x200
"""CM_GETIDLIST_FILTER_… (cfgmgr32.h)."""
_CR_SUCCESS, _CR_BUFFER_SMALL, _CR_NO_SUCH_VALUE = 0x00, 0x1A, 0x25
_HAS_PROBLEM = 0x400
"""DN_HAS_PROBLEM (cfg.h)."""
_LIST_CHARACTERS = 1 << 20
_LIST_ATTEMPTS = 5
"""A device may be plugged in between asking for the size of the list and asking for the list."""

_USB_DEVICE = re.compile(
    r"USB\\VID_(?P<vendor>[0-9A-F]{4})&PID_(?P<product>[0-9A-F]{4})(?:[&\\].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_SMART_CARD_INTERFACE = re.compile(r"USB\\Class_0B(?:&.*)?", re.ASCII | re.IGNORECASE | re.DOTALL)


@record
class Device:
    """A device on USB, or one of the several that it is."""

    numbers: tuple[str, str]
    """Vendor and product, four hexadecimal digits each, lower case."""
    name: str = ""
    smart_card: bool = False
    """It has a driver for card readers, or offers the interface of one."""
    ports: bool = False
    several: bool = False
    """It is several devices in one, and this entry is the whole."""
    problem: int | None = None
    may_sleep: bool | None = None


def read_usb_readers(registry: Registry, known: ReaderCatalogue) -> UsbReaders:
    """The card readers among the devices that are present, and those that the catalogue names.

    Raises ProbeUnsupported where there is no device manager, ProbeUnavailable when it fails.
    """
    numbers = frozenset((each.vendor_id, each.product_id) for each in known.readers)
    of_readers = _device_ids(_SMART_CARD_READER_CLASS, _FILTER_CLASS | _FILTER_PRESENT)
    classed = {instance_id.upper() for instance_id in of_readers}
    on_usb = _device_ids("USB", _FILTER_ENUMERATOR | _FILTER_PRESENT)
    others = [instance_id for instance_id in on_usb if instance_id.upper() not in classed]
    devices = (
        *(_device(registry, instance_id, numbers, classed=True) for instance_id in of_readers),
        *(_device(registry, instance_id, numbers, classed=False) for instance_id in others),
    )
    return UsbReaders(
        readers=readers_among((each for each in devices if each is not None), numbers),
        source="CM_Get_Device_ID_List, CM_Get_DevNode_Status, CompatibleIDs",
    )


def readers_among(
    devices: Iterable[Device], known: Collection[tuple[str, str]]
) -> tuple[UsbReader, ...]:
    """Each card reader, then each known device that none of them is a part of, once."""
    devices = tuple(devices)
    readers = [each for each in devices if each.smart_card]
    told = {each.numbers for each in readers}
    rest: dict[tuple[str, str], list[Device]] = {}
    for each in devices:
        if each.numbers in known and each.numbers not in told:
            rest.setdefault(each.numbers, []).append(each)
    return (*(_reader((each,)) for each in readers), *(_reader(parts) for parts in rest.values()))


def _reader(devices: Iterable[Device]) -> UsbReader:
    """One device from its parts: what any of them tells, and the problem of the first that has
    one."""
    devices = tuple(devices)
    parts = [each for each in devices if not each.several] or devices
    problems = [each.problem for each in parts if each.problem is not None]
    sleeps = [each.may_sleep for each in parts if each.may_sleep is not None]
    return UsbReader(
        vendor_id=parts[0].numbers[0],
        product_id=parts[0].numbers[1],
        name=next((each.name for each in (*parts, *devices) if each.name), ""),
        problem=next((each for each in problems if each), 0) if problems else None,
        serial=any(each.ports for each in parts) and not any(each.smart_card for each in parts),
        may_sleep=any(sleeps) if sleeps else None,
    )


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


def may_sleep(parameters: Values) -> bool | None:
    """Whether the system may cut the power of the device while it idles: each of the values that
    are there must allow it; None where there is none."""
    found = [parameters.number(name) for name in _SLEEP]
    # Drivers write a byte in the place of a number, too.
    found += [int(any(data)) for data in map(parameters.data, _SLEEP) if data]
    allowed = [value != 0 for value in found if value is not None]
    return all(allowed) if allowed else None


def _device(
    registry: Registry, instance_id: str, known: Collection[tuple[str, str]], *, classed: bool
) -> Device | None:
    """The device; None for one that is not on USB, such as a virtual smart card, or no reader."""
    numbers = usb_ids(instance_id)
    if numbers is None:
        return None
    try:
        values, parameters = _entry(registry, instance_id)
    except ProbeDenied:
        # Its entry is closed to this program; that it is there is known.
        values = parameters = Values(found={})
    is_reader = classed or is_smart_card_interface(values.texts("CompatibleIDs"))
    if not is_reader and numbers not in known:
        return None
    names = (plain_name(values.text(name)) for name in ("FriendlyName", "DeviceDesc"))
    return Device(
        numbers=numbers,
        name=next((name[:_LONGEST_NAME] for name in names if name), ""),
        smart_card=is_reader,
        ports=values.text("ClassGUID").lower() == _PORTS_CLASS,
        several=values.text("Service").lower() == _SPLITTER,
        problem=_problem(instance_id),
        may_sleep=may_sleep(parameters),
    )


def _entry(registry: Registry, instance_id: str) -> tuple[Values, Values]:
    """What the registry says of a device, and of how it is driven."""
    names = ("FriendlyName", "DeviceDesc", "ClassGUID", "Service", "CompatibleIDs")
    path = rf"{_ENUM_KEY}\{instance_id}"
    return registry.values(path, *names), registry.values(rf"{path}\Device Parameters", *_SLEEP)


def _problem(instance_id: str) -> int | None:
    """The device manager's problem code (CM_PROB_…), 0 for none; None when it does not say."""
    ctypes = library("ctypes")
    number, pointer = ctypes.c_ulong, ctypes.c_void_p
    find = function("cfgmgr32", "CM_Locate_DevNodeW", pointer, ctypes.c_wchar_p, number)
    ask = function("cfgmgr32", "CM_Get_DevNode_Status", pointer, pointer, number, number)
    node, status, problem = number(0), number(0), number(0)
    if find(ctypes.byref(node), instance_id, 0) != _CR_SUCCESS:
        return None
    if ask(ctypes.byref(status), ctypes.byref(problem), node, 0) != _CR_SUCCESS:
        return None
    return int(problem.value) if status.value & _HAS_PROBLEM else 0


def _device_ids(wanted: str, flags: int) -> tuple[str, ...]:
    """The instance ids of the devices that the filter lets through."""
    ctypes = library("ctypes")
    text, number, pointer = ctypes.c_wchar_p, ctypes.c_ulong, ctypes.c_void_p
    ask_size = function("cfgmgr32", "CM_Get_Device_ID_List_SizeW", pointer, text, number)
    ask = function("cfgmgr32", "CM_Get_Device_ID_ListW", text, text, number, number)
    for _ in range(_LIST_ATTEMPTS):
        size = number(0)
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
