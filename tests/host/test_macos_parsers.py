"""The readers and ports that ioreg(8) shows, and what macOS says without a question; the listings
are written by hand."""

from __future__ import annotations

import plistlib
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.catalogue import ReaderKind
from diagcps.catalogue_parts import KnownReader, ReaderCatalogue
from diagcps.facts import ServiceState, SessionKind, UsbReader
from diagcps.host import macos_usb
from diagcps.host.macos import MacHost
from diagcps.host.macos_usb import parse_ports
from diagcps.model import ProbeTimeout, ProbeUnavailable, ProbeUnsupported
from tests.builders import CATALOGUE
from tests.host.mac_root import INTERFACES, PORTS, Mac
from tests.strategies import quick

LISTING = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<array>
  <dict>
    <key>IORegistryEntryID</key><integer>4294984571</integer>
    <key>IOObjectClass</key><string>IOUSBHostInterface</string>
    <key>bInterfaceClass</key><integer>11</integer>
    <key>bInterfaceNumber</key><integer>0</integer>
    <key>idVendor</key><integer>2278</integer>
    <key>idProduct</key><integer>13367</integer>
    <key>locationID</key><integer>339804160</integer>
    <key>USB Product Name</key><string>USB SmartCard Reader</string>
    <key>USB Serial Number</key><string>0123456789</string>
    <key>UsbExclusiveOwner</key><data>AAEC</data>
  </dict>
</array>
</plist>
"""
READER = UsbReader(vendor_id="08e6", product_id="3437", name="USB SmartCard Reader")

KNOWN = ReaderCatalogue(
    date="2026-01-01",
    source="test",
    readers=(
        KnownReader(
            vendor_id="079b",
            product_id="0001",
            name="A terminal",
            kind=ReaderKind.PSS,
            source="test",
        ),
    ),
)

Entry = dict[str, object]


def parse_ioreg(text: bytes) -> tuple[UsbReader, ...]:
    return macos_usb.parse_ioreg(text, KNOWN)


def interface(number: int, **properties: object) -> Entry:
    """A smart-card interface; `number` tells its entry and its place on the bus."""
    return {
        "IORegistryEntryID": number,
        "bInterfaceClass": 11,
        "idVendor": 0x08E6,
        "idProduct": 0x3437,
        "locationID": number,
        **properties,
    }


def listing(*entries: Entry) -> bytes:
    return plistlib.dumps(list(entries))


def test_an_interface_of_the_smart_card_class_is_a_reader() -> None:
    assert parse_ioreg(LISTING) == (READER,)


def test_interfaces_of_other_classes_are_not() -> None:
    assert parse_ioreg(listing(interface(1, bInterfaceClass=3))) == ()


def test_nothing_printed_means_no_reader() -> None:
    assert parse_ioreg(b"") == ()
    assert parse_ioreg(b"\n") == ()


def test_a_reader_behind_a_hub_is_found_once() -> None:
    reader = interface(2)
    hub = interface(1, bInterfaceClass=9, IORegistryEntryChildren=[{"x": 1}, reader])

    del reader["locationID"]  # the entry's own number is then what tells

    assert len(parse_ioreg(listing(hub, reader))) == 1


def test_a_device_with_two_slots_is_one_reader() -> None:
    assert len(parse_ioreg(listing(interface(1), interface(2, locationID=1)))) == 1


def test_two_readers_of_one_model_are_two() -> None:
    assert len(parse_ioreg(listing(interface(1), interface(2)))) == 2


def test_a_name_is_taken_where_it_is_and_cannot_command_a_terminal() -> None:
    (reader,) = parse_ioreg(listing(interface(1, kUSBProductString="Rea\x85der ")))

    assert reader.name == "Reader"


@pytest.mark.parametrize("value", [-1, 0x10000, "2278", True, 1.5, [1], b"\x08\xe6"])
def test_an_interface_without_usable_ids_is_passed_over(value: object) -> None:
    assert parse_ioreg(listing(interface(1, idVendor=value))) == ()


def test_readers_nested_beyond_any_stack_are_found() -> None:
    depth = 20_000
    text = b"<plist><array>" + b"<dict><key>IORegistryEntryChildren</key><array>" * depth
    text += plistlib.dumps(interface(1)).split(b'<plist version="1.0">')[1].split(b"</plist>")[0]
    text += b"</array></dict>" * depth + b"</array></plist>"

    assert len(parse_ioreg(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        b"no property list",
        b"<plist><array>",
        b"<plist><dict><integer>1</integer></dict></plist>",
        b"<plist><date>yesterday</date></plist>",
        b"<plist><integer>x</integer></plist>",
        b"<plist><array></dict></array></plist>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><plist><string>&b;</string></plist>',
    ],
)
def test_anything_else_than_a_property_list_is_unavailable(text: bytes) -> None:
    with pytest.raises(ProbeUnavailable):
        parse_ioreg(text)


@given(st.integers(0, len(LISTING) - 1), st.binary(max_size=8), st.integers(0, 40))
def test_no_damage_to_a_listing_raises_anything_undeclared(
    place: int, inserted: bytes, removed: int
) -> None:
    with suppress(ProbeUnavailable):
        parse_ioreg(LISTING[:place] + inserted + LISTING[place + removed :])


TAGS = ("dict", "array", "key", "string", "integer", "real", "data", "date", "true")


@given(st.lists(st.sampled_from([f"<{t}>" for t in TAGS] + [f"</{t}>" for t in TAGS] + ["a", "1"])))
def test_no_order_of_tags_raises_anything_undeclared(parts: list[str]) -> None:
    with suppress(ProbeUnavailable):
        parse_ioreg(f"<plist>{''.join(parts)}</plist>".encode())


def terminal(number: int, usb_class: int, place: int) -> Entry:
    return interface(
        number, bInterfaceClass=usb_class, idVendor=0x079B, idProduct=1, locationID=place
    )


def test_a_known_reader_with_a_serial_port_alone_is_told() -> None:
    parts = [terminal(1, 2, 7), terminal(2, 10, 7), interface(3, bInterfaceClass=3)]

    (reader,) = parse_ioreg(listing(*parts))

    assert (reader.vendor_id, reader.product_id, reader.serial) == ("079b", "0001", True)
    assert (reader.problem, reader.may_sleep) == (None, None)


def test_a_known_reader_of_another_class_has_no_serial_port() -> None:
    (reader,) = parse_ioreg(listing(terminal(1, 0xFF, 7)))

    assert not reader.serial


def test_a_smart_card_interface_beside_a_serial_port_makes_it_a_reader_of_cards() -> None:
    (reader,) = parse_ioreg(listing(terminal(1, 2, 7), terminal(2, 11, 7)))

    assert not reader.serial


def test_a_device_that_nobody_knows_is_no_reader_for_its_serial_port() -> None:
    assert parse_ioreg(listing(interface(1, bInterfaceClass=2))) == ()


def port(number: int, active: list[str], refused: object, *, connected: object = True) -> Entry:
    """A port of an Apple-silicon Mac, with the properties that tell."""
    return {
        "IORegistryEntryID": number,
        "PortTypeDescription": "USB-C",
        "ConnectionActive": connected,
        "TransportsActive": active,
        "TransportsUnauthorized": refused,
    }


def test_a_port_that_withholds_all_data_is_counted() -> None:
    ports = [port(1, ["CC", "USB2"], ["USB2"]), port(2, ["CC", "USB3", "USB2"], [])]

    assert parse_ports(listing(*ports)) == 1


@pytest.mark.parametrize(
    "fine",
    [
        port(1, ["CC", "USB2"], []),
        port(1, ["CC", "USB2", "USB3"], ["USB2"]),
        port(1, ["CC"], ["USB2"]),
        port(1, ["CC", "USB2"], ["USB2"], connected=False),
        port(1, ["CC", "USB2"], "USB2"),
        port(1, ["CC", "USB2"], [["USB2"], 7]),
        port(1, [], []),
    ],
)
def test_one_that_carries_data_or_has_none_to_carry_is_not(fine: Entry) -> None:
    assert parse_ports(listing(fine)) == 0


@pytest.mark.parametrize("text", [b"", b"\n", listing(), listing({"PortTypeDescription": "HDMI"})])
def test_a_mac_whose_ports_do_not_tell_says_nothing(text: bytes) -> None:
    assert parse_ports(text) is None


def test_readers_and_ports_are_asked_of_ioreg(tmp_path: Path) -> None:
    mac = Mac(tmp_path)
    mac.answer(INTERFACES, LISTING)
    mac.answer(PORTS, listing(port(1, ["USB2"], ["USB2"])))

    found = mac.host().usb_readers(CATALOGUE)

    assert (found.readers, found.withheld) == ((READER,), 1)


@pytest.mark.parametrize("failure", [ProbeTimeout("ioreg"), b"no property list"])
def test_ports_that_cannot_be_read_leave_the_readers(
    tmp_path: Path, failure: ProbeTimeout | bytes
) -> None:
    mac = Mac(tmp_path)
    mac.answer(INTERFACES, LISTING)
    mac.answer(PORTS, failure)

    found = mac.host().usb_readers(CATALOGUE)

    assert (found.readers, found.withheld) == ((READER,), None)


values = st.recursive(
    st.booleans() | st.integers(-1, 70_000) | st.sampled_from(["USB2", "USB3", "CC"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["ConnectionActive", "TransportsActive", "TransportsUnauthorized", "idVendor", "idProduct",
     "bInterfaceClass", "locationID", "IORegistryEntryID", "USB Product Name"]
)  # fmt: skip


@quick
@given(st.lists(st.dictionaries(keys, values), max_size=4))
def test_no_properties_raise_anything_undeclared(entries: list[dict[str, object]]) -> None:
    text = plistlib.dumps(entries)

    assert (parse_ports(text) or 0) <= len(entries)
    assert len(parse_ioreg(text)) <= len(entries)


@pytest.mark.parametrize("name", ["SSH_CONNECTION", "SSH_TTY"])
def test_the_environment_tells_an_ssh_session(name: str) -> None:
    assert MacHost({name: "1"}).session().kind is SessionKind.SSH
    assert MacHost({}).session().kind is SessionKind.LOCAL


def test_the_service_is_started_on_demand() -> None:
    assert MacHost({}).pcsc_service().state is ServiceState.ON_DEMAND


def test_the_programs_that_use_a_card_are_not_told() -> None:
    with pytest.raises(ProbeUnsupported):
        MacHost({}).pcsc_clients()


@pytest.mark.skipif(sys.platform == "darwin", reason="what other systems lack")
def test_without_ioreg_the_readers_are_unavailable() -> None:
    with pytest.raises(ProbeUnavailable):
        MacHost({}).usb_readers(CATALOGUE)
