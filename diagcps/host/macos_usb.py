"""The USB bus of a Mac, and its ports, as ioreg(8) shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from diagcps.catalogue_parts import ReaderCatalogue
from diagcps.facts import UsbReader, UsbReaders
from diagcps.host.commands import Run
from diagcps.host.plists import parse_plist, text
from diagcps.model import ProbeError, ProbeUnavailable

_IOREG = "/usr/sbin/ioreg"
_INTERFACES = ("-r", "-c", "IOUSBHostInterface", "-l", "-a")
_PORTS = ("-r", "-c", "IOPort", "-d", "1", "-l", "-a")
_SMART_CARD_CLASS = 0x0B
"""The USB class of CCID devices (USB device class definition for CCID, 1.1, 4.1)."""
_COMMUNICATION_CLASSES = frozenset({0x02, 0x0A})
"""CDC: a modem's interface and its data (USB class definitions for communications devices, 1.2)."""
_NAME_KEYS = ("USB Product Name", "kUSBProductString", "Product Name")
_CHILDREN_KEY = "IORegistryEntryChildren"
_ID_KEY = "IORegistryEntryID"
_DATA = frozenset({"USB2", "USB3", "CIO"})
"""What carries data over a USB-C port; CIO is USB4 and Thunderbolt."""

Entry = Mapping[str, Any]


def read_usb(run: Run, known: ReaderCatalogue) -> UsbReaders:
    """The readers on the bus, and the ports at which macOS lets nothing through.

    Raises ProbeTimeout when ioreg does not end, ProbeUnavailable when it fails.
    """
    readers = parse_ioreg(run(_IOREG, *_INTERFACES), known)
    return UsbReaders(
        readers=readers, withheld=_withheld(run), source=" ".join((_IOREG, *_INTERFACES))
    )


def parse_ioreg(listing: bytes, known: ReaderCatalogue) -> tuple[UsbReader, ...]:
    """The readers in the property list that `ioreg -r -c IOUSBHostInterface -l -a` prints: the
    devices with a smart-card interface, and those that are known, a device once.

    Raises ProbeUnavailable for bytes that are no property list; nothing printed means that nothing
    matched.
    """
    numbers = frozenset((each.vendor_id, each.product_id) for each in known.readers)
    devices: dict[object, list[Entry]] = {}
    for number, entry in enumerate(_entries(_tree(listing))):
        # locationID is the device's place on the bus, the same for each of its interfaces.
        place = entry.get("locationID")
        devices.setdefault(place if isinstance(place, int) else f"entry {number}", []).append(entry)
    found = (_reader(interfaces, numbers) for interfaces in devices.values())
    return tuple(reader for reader in found if reader is not None)


def parse_ports(listing: bytes) -> int | None:
    """At how many ports macOS withholds data from what is plugged in, in the property list that
    `ioreg -r -c IOPort -d 1 -l -a` prints; None where no port tells (an Intel Mac).

    A port keeps a transport that waits for « Allow accessory to connect » among its active ones and
    names it unauthorized; one that carries data beside another that is withheld works (GitHub
    darrylmorley/whatcable, which measured it). Raises ProbeUnavailable for bytes that are no
    property list.
    """
    ports = [each for each in _entries(_tree(listing)) if "TransportsUnauthorized" in each]
    return sum(map(_withholds, ports)) if ports else None


def _withholds(port: Entry) -> bool:
    active = _texts(port.get("TransportsActive")) & _DATA
    refused = _texts(port.get("TransportsUnauthorized"))
    return port.get("ConnectionActive") is True and bool(active) and active <= refused


def _withheld(run: Run) -> int | None:
    try:
        return parse_ports(run(_IOREG, *_PORTS))
    except ProbeError:
        return None


def _tree(listing: bytes) -> object:
    if not listing.strip():
        return None
    try:
        return parse_plist(listing, xml=True)
    except ValueError as error:
        raise ProbeUnavailable(f"ioreg: {error}") from error


def _entries(tree: object) -> Iterator[Entry]:
    """Every entry of the registry's tree once: a hub's interface holds those behind it."""
    waiting, seen = [tree], set[int]()
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(reversed(node))
        elif isinstance(node, dict):
            waiting.append(node.get(_CHILDREN_KEY))
            identity = node.get(_ID_KEY)
            if isinstance(identity, int):
                if identity in seen:
                    continue
                seen.add(identity)
            yield node


def _reader(interfaces: Iterable[Entry], known: frozenset[tuple[str, str]]) -> UsbReader | None:
    """The reader of these interfaces; None for another device."""
    classes = {_class(entry): entry for entry in interfaces if _numbers(entry) is not None}
    if not classes:
        return None
    card = classes.get(_SMART_CARD_CLASS)
    entry = card if card is not None else next(iter(classes.values()))
    numbers = _numbers(entry)
    if numbers is None or (card is None and numbers not in known):
        return None
    return UsbReader(
        vendor_id=numbers[0],
        product_id=numbers[1],
        name=next((name for key in _NAME_KEYS if (name := text(entry.get(key)))), ""),
        serial=card is None and not _COMMUNICATION_CLASSES.isdisjoint(classes),
    )


def _class(entry: Entry) -> int | None:
    value = entry.get("bInterfaceClass")
    return value if isinstance(value, int) else None


def _numbers(entry: Entry) -> tuple[str, str] | None:
    vendor, product = _usb_id(entry.get("idVendor")), _usb_id(entry.get("idProduct"))
    return (vendor, product) if vendor is not None and product is not None else None


def _usb_id(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFFFF:
        return f"{value:04x}"
    return None


def _texts(value: object) -> frozenset[str]:
    items = value if isinstance(value, list) else ()
    return frozenset(each for each in items if isinstance(each, str))
