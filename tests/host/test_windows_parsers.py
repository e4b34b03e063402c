"""The parts of the Windows host that read text and numbers; they run on any system."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.catalogue import Catalogue
from diagcps.facts import ServiceState, SessionKind
from diagcps.host.windows import WindowsHost
from diagcps.host.windows_devices import (
    is_smart_card_interface,
    parse_multi_sz,
    plain_name,
    usb_ids,
)
from diagcps.host.windows_services import service_state
from diagcps.host.windows_system import windows_name
from diagcps.model import Platform, ProbeUnsupported
from tests.builders import CATALOGUE


@pytest.mark.parametrize(
    ("text", "strings"),
    [
        ("", ()),
        ("\0", ()),
        ("\0\0", ()),
        ("one\0\0", ("one",)),
        ("one\0two\0\0", ("one", "two")),
        ("one\0two", ("one", "two")),
        ("one\0\0behind the end\0", ("one",)),
    ],
)
def test_a_list_of_strings_ends_with_an_empty_one(text: str, strings: tuple[str, ...]) -> None:
    assert parse_multi_sz(text) == strings


@given(st.text())
def test_no_string_of_a_list_is_empty_or_holds_a_nul(text: str) -> None:
    assert all(string and "\0" not in string for string in parse_multi_sz(text))


@pytest.mark.parametrize(
    "instance_id",
    [
        r"USB\VID_08E6&PID_3437\6&2C2E1F5D&0&2",
        r"USB\VID_08E6&PID_3437&MI_01\7&1A2B3C4D&0&0001",
        r"USB\VID_08E6&PID_3437&REV_0100",
        r"usb\vid_08e6&pid_3437\serial",
        r"USB\VID_08E6&PID_3437",
    ],
)
def test_a_device_on_usb_has_a_vendor_and_a_product(instance_id: str) -> None:
    assert usb_ids(instance_id) == ("08e6", "3437")


@pytest.mark.parametrize(
    "instance_id",
    [
        "",
        r"ROOT\SMARTCARDREADER\0000",
        r"SWD\SCDEVICEENUM\0",
        r"USB\ROOT_HUB30\4&1",
        r"USB\VID_08E6&PID_34371\6",
        r"USB\VID_08EG&PID_3437\6",
        r"HID\VID_08E6&PID_3437\6",
        r"USB\VID_०८e६&PID_3437\6",
    ],
)
def test_any_other_device_has_none(instance_id: str) -> None:
    assert usb_ids(instance_id) is None


@given(st.text("0123456789abcdefABCDEFé&PID_\\"))
def test_ids_are_four_digits_of_lower_case_or_absent(rest: str) -> None:
    for number in usb_ids(f"USB\\VID_{rest}") or ():
        assert len(number) == 4
        assert set(number) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("names", "is_reader"),
    [
        ((r"USB\Class_0b&SubClass_00&Prot_00", r"USB\Class_0b&SubClass_00", r"USB\Class_0b"), True),
        ((r"USB\CLASS_0B",), True),
        ((r"USB\DevClass_00", r"USB\COMPOSITE"), False),
        ((r"USB\Class_03&SubClass_01",), False),
        ((r"USB\Class_0bc",), False),
        ((), False),
    ],
)
def test_a_smart_card_interface_is_told_by_its_usb_class(
    names: tuple[str, ...], is_reader: bool
) -> None:
    assert is_smart_card_interface(names) is is_reader


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("@oem12.inf,%gempc.devicedesc%;USB Smart Card Reader", "USB Smart Card Reader"),
        ("USB Smart Card Reader", "USB Smart Card Reader"),
        ("@oem12.inf,%gempc.devicedesc%", ""),
        ("Reader; second slot", "Reader; second slot"),
        ("Rea\x1b[2Jder\r\n", "Rea[2Jder"),
        ("", ""),
    ],
)
def test_a_name_is_freed_of_its_translation_and_of_commands(value: str, name: str) -> None:
    assert plain_name(value) == name


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ((10, 0, 26100), "Windows 11"),
        ((10, 0, 22000), "Windows 11"),
        ((10, 0, 21999), "Windows 10"),
        ((10, 0, 19045), "Windows 10"),
        ((6, 3, 9600), "Windows 8.1"),
        ((6, 1, 7601), "Windows 7"),
        ((11, 0, 30000), "Windows 11.0"),
    ],
)
def test_a_workstation_is_named_by_its_version(version: tuple[int, int, int], name: str) -> None:
    assert windows_name(version, is_workstation=True, product_name="Windows 10 Pro") == name


@pytest.mark.parametrize(
    ("product_name", "name"),
    [("Windows Server 2022 Standard", "Windows Server 2022 Standard"), ("", "Windows Server")],
)
def test_a_server_is_named_by_its_product(product_name: str, name: str) -> None:
    version = (10, 0, 20348)

    assert windows_name(version, is_workstation=False, product_name=product_name) == name


@pytest.mark.parametrize(
    ("status", "start_type", "state"),
    [
        ("running", "manual", ServiceState.RUNNING),
        ("running", "disabled", ServiceState.RUNNING),
        ("start_pending", "manual", ServiceState.RUNNING),
        ("stopped", "disabled", ServiceState.DISABLED),
        ("stopped", "manual", ServiceState.ON_DEMAND),
        ("stop_pending", "manual", ServiceState.ON_DEMAND),
        ("stopped", "automatic", ServiceState.STOPPED),
        ("paused", "automatic", ServiceState.STOPPED),
    ],
)
def test_the_service_manager_tells_the_state(
    status: str, start_type: str, state: ServiceState
) -> None:
    assert service_state(status, start_type) is state


def test_a_station_named_by_ica_is_a_citrix_session_that_redirects_cards() -> None:
    session = WindowsHost({"SESSIONNAME": "ICA-CGP#3"}).session()

    assert session.kind is SessionKind.CITRIX
    assert session.redirects_cards


def test_the_programs_that_use_a_card_are_not_told() -> None:
    with pytest.raises(ProbeUnsupported):
        WindowsHost().pcsc_clients()


@pytest.mark.skipif(sys.platform == "win32", reason="what other systems lack")
@pytest.mark.parametrize(
    ("question", "known"),
    [
        ("system", ()),
        ("session", ()),
        ("pcsc_service", ()),
        ("running_programs", (CATALOGUE,)),
        ("usb_readers", (CATALOGUE,)),
    ],
)
def test_elsewhere_than_on_windows_every_question_is_unsupported(
    question: str, known: tuple[Catalogue, ...]
) -> None:
    host = WindowsHost({})

    assert host.platform is Platform.WINDOWS
    with pytest.raises(ProbeUnsupported):
        getattr(host, question)(*known)
