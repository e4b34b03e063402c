"""Linux's USB bus as sysfs shows it (sysfs-bus-usb of the kernel)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

from diagcps.catalogue_parts import ReaderCatalogue
from diagcps.facts import UsbReader, UsbReaders
from diagcps.host.common import as_probe_errors, printable
from diagcps.host.files import attribute, entries

_DEVICES = "sys/bus/usb/devices"
_SMART_CARD_CLASS = "0b"
"""The USB class of CCID devices (USB device class definition for CCID, 1.1, 4.1)."""
_COMMUNICATION_CLASSES = frozenset({"02", "0a"})
"""CDC: a modem's interface and its data (USB class definitions for communications devices, 1.2)."""
_SERIAL_PORT = "tty"
"""A serial driver makes « tty/ttyACM0 » or « ttyUSB0 » below its interface."""
_USB_ID = re.compile(r"[0-9a-f]{4}")
_MOST_ENTRIES = 1024
"""Devices and interfaces; a bus has 127 devices at most."""
_LONGEST_NAME = 256
"""Characters; a USB string has 126 at most."""
_MAY_SLEEP = {"auto": True, "on": False}
"""power/control (sysfs-devices-power): « auto » lets the kernel suspend the device."""


def usb_readers(root: Path, known: ReaderCatalogue) -> UsbReaders:
    """The devices with a smart-card interface, and those that the catalogue knows, in the order of
    their place on the bus. Raises ProbeUnavailable where there is no bus.
    """
    folder = root / _DEVICES
    with as_probe_errors():
        names = sorted(islice((entry.name for entry in folder.iterdir()), _MOST_ENTRIES))
    # An interface is « 1-2:1.0 », its device « 1-2 ».
    interfaces: dict[str, list[Path]] = {name: [] for name in names if ":" not in name}
    for name in names:
        device, colon, _ = name.partition(":")
        if colon:
            interfaces.setdefault(device, []).append(folder / name)
    numbers = frozenset((each.vendor_id, each.product_id) for each in known.readers)
    found = (_reader(folder / name, parts, numbers) for name, parts in sorted(interfaces.items()))
    return UsbReaders(
        readers=tuple(reader for reader in found if reader is not None),
        source=f"/{_DEVICES}/*/bInterfaceClass",
    )


def _reader(
    device: Path, interfaces: Iterable[Path], known: frozenset[tuple[str, str]]
) -> UsbReader | None:
    """The reader; None for another device, or when it was unplugged meanwhile."""
    classes = {interface: attribute(interface / "bInterfaceClass") for interface in interfaces}
    is_card_reader = _SMART_CARD_CLASS in classes.values()
    vendor = attribute(device / "idVendor").lower()
    product = attribute(device / "idProduct").lower()
    if not (is_card_reader or (vendor, product) in known):
        return None
    if not (_USB_ID.fullmatch(vendor) and _USB_ID.fullmatch(product)):
        return None
    return UsbReader(
        vendor_id=vendor,
        product_id=product,
        name=printable(attribute(device / "product"))[:_LONGEST_NAME].strip(),
        serial=not is_card_reader and _is_serial(classes),
        may_sleep=_MAY_SLEEP.get(attribute(device / "power/control")),
    )


def _is_serial(classes: Mapping[Path, str]) -> bool:
    """A serial port: by its class, or by the driver that made one of it."""
    if not _COMMUNICATION_CLASSES.isdisjoint(classes.values()):
        return True
    parts = (part for interface in classes for part in entries(interface))
    return any(part.name.startswith(_SERIAL_PORT) for part in parts)
