"""The parts of the macOS host that read text; the listings are written by hand."""

from __future__ import annotations

import plistlib
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.facts import ServiceState, SessionKind, UsbReader
from diagcps.host.macos import MacHost, parse_ioreg
from diagcps.model import ProbeUnavailable, ProbeUnsupported
from tests.builders import CATALOGUE

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

Entry = dict[str, object]


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
