"""What LinuxHost reads of the system, the session and the bus, in files of the test's own."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import pytest

from diagcps.catalogue import ReaderKind
from diagcps.catalogue_parts import KnownReader, ReaderCatalogue
from diagcps.facts import SessionKind
from diagcps.host import this_host
from diagcps.host.linux import LinuxHost
from diagcps.model import Platform, ProbeUnavailable
from tests.builders import CATALOGUE
from tests.host.linux_root import Root

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files and sockets of Linux")

NUMBERS = ("abcd", "0001")
KNOWN = replace(
    CATALOGUE,
    readers=ReaderCatalogue(
        date="",
        source="",
        readers=(
            KnownReader(
                vendor_id=NUMBERS[0],
                product_id=NUMBERS[1],
                name="A reader",
                kind=ReaderKind.PSS,
                source="",
            ),
        ),
    ),
)


def test_the_host_of_this_machine_is_the_linux_one() -> None:
    host = this_host()

    assert isinstance(host, LinuxHost)
    assert host.platform is Platform.LINUX


class TestSystem:
    def test_its_name_is_the_pretty_name_of_os_release(self, root: Root) -> None:
        root.write("etc/os-release", 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n')

        system = root.host().system()

        assert system.name == "Ubuntu 24.04.1 LTS"
        assert system.architecture == os.uname().machine

    def test_without_os_release_it_is_still_linux(self, root: Root) -> None:
        (root.folder / "etc").mkdir()

        assert root.host().system().name == "Linux"

    def test_an_os_release_that_is_no_text_is_unavailable(self, root: Root) -> None:
        root.write("etc/os-release", "")
        (root.folder / "etc/os-release").write_bytes(b"PRETTY_NAME=\xff\xfe\n")

        with pytest.raises(ProbeUnavailable):
            root.host().system()

    def test_an_os_release_with_an_open_quote_is_unavailable(self, root: Root) -> None:
        root.write("etc/os-release", 'PRETTY_NAME="Debian\n')

        with pytest.raises(ProbeUnavailable):
            root.host().system()


class TestSession:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("SSH_CONNECTION", SessionKind.SSH),
            ("SSH_TTY", SessionKind.SSH),
            ("XRDP_SESSION", SessionKind.RDP),
        ],
    )
    def test_the_environment_tells_a_remote_session(
        self, root: Root, name: str, kind: SessionKind
    ) -> None:
        session = root.host(**{name: "1"}).session()

        assert (session.kind, session.source) == (kind, name)
        assert not session.redirects_cards

    def test_a_parent_named_xrdp_makes_it_an_rdp_session(self, root: Root) -> None:
        root.process(os.getpid(), "python3", parent=700)
        root.process(700, "xfce4 (session)", parent=600)
        root.process(600, "xrdp-sesman", parent=1)

        assert root.host().session().kind is SessionKind.RDP

    def test_parents_that_name_each_other_end_the_search(self, root: Root) -> None:
        root.process(os.getpid(), "python3", parent=700)
        root.process(700, "loop", parent=os.getpid())

        assert root.host().session().kind is SessionKind.LOCAL

    def test_nothing_special_is_a_local_session(self, root: Root) -> None:
        assert root.host(DISPLAY=":0").session().kind is SessionKind.LOCAL


class TestUsbReaders:
    def test_a_device_with_a_smart_card_interface_is_a_reader(self, root: Root) -> None:
        root.device("1-2", "08E6", "3437", "USB SmartCard Reader")
        root.interface("1-2:1.0", "0b")

        found = root.host().usb_readers(CATALOGUE)

        (reader,) = found.readers
        assert (reader.vendor_id, reader.product_id) == ("08e6", "3437")
        assert reader.name == "USB SmartCard Reader"
        assert found.source == "/sys/bus/usb/devices/*/bInterfaceClass"

    def test_other_devices_are_not(self, root: Root) -> None:
        root.device("1-1", "046d", "c31c", "USB Keyboard")
        root.interface("1-1:1.0", "03")
        root.device("usb1", "1d6b", "0002")

        assert root.host().usb_readers(CATALOGUE).readers == ()

    def test_a_device_with_two_slots_is_one_reader(self, root: Root) -> None:
        root.device("1-2.4", "0483", "ace1")
        root.interface("1-2.4:1.0", "0b")
        root.interface("1-2.4:1.1", "0b")

        assert len(root.host().usb_readers(CATALOGUE).readers) == 1

    def test_two_readers_of_one_model_are_two(self, root: Root) -> None:
        for place in ("1-3", "1-2"):
            root.device(place, "08e6", "3437")
            root.interface(f"{place}:1.0", "0b")

        assert len(root.host().usb_readers(CATALOGUE).readers) == 2

    def test_a_reader_unplugged_meanwhile_is_not_counted(self, root: Root) -> None:
        root.interface("1-2:1.0", "0b")

        assert root.host().usb_readers(CATALOGUE).readers == ()

    def test_a_name_cannot_command_a_terminal(self, root: Root) -> None:
        root.device("1-2", "08e6", "3437", "Rea\x1b[2Jder\x07")
        root.interface("1-2:1.0", "0b")

        assert root.host().usb_readers(CATALOGUE).readers[0].name == "Rea[2Jder"

    def test_a_system_without_usb_is_unavailable(self, root: Root) -> None:
        with pytest.raises(ProbeUnavailable):
            root.host().usb_readers(CATALOGUE)

    @pytest.mark.parametrize(("control", "may_sleep"), [("auto", True), ("on", False), ("", None)])
    def test_the_kernel_s_leave_to_suspend_it_is_told(
        self, root: Root, control: str, may_sleep: bool | None
    ) -> None:
        root.device("1-2", "08e6", "3437")
        root.interface("1-2:1.0", "0b")
        root.write("sys/bus/usb/devices/1-2/power/control", f"{control}\n")

        (reader,) = root.host().usb_readers(CATALOGUE).readers

        assert (reader.may_sleep, reader.serial) == (may_sleep, False)

    @pytest.mark.parametrize("usb_class", ["02", "0a"])
    def test_a_known_reader_on_a_serial_line_is_one(self, root: Root, usb_class: str) -> None:
        root.device("1-2", *NUMBERS)
        root.interface("1-2:1.0", usb_class)

        (reader,) = root.host().usb_readers(KNOWN).readers

        assert (reader.vendor_id, reader.product_id) == NUMBERS
        assert reader.serial

    def test_a_serial_port_that_a_driver_made_of_it_tells_too(self, root: Root) -> None:
        root.device("1-2", *NUMBERS)
        root.interface("1-2:1.0", "ff")
        root.write("sys/bus/usb/devices/1-2:1.0/ttyUSB0/uevent", "")

        assert root.host().usb_readers(KNOWN).readers[0].serial

    def test_a_known_reader_without_any_interface_is_no_serial_one(self, root: Root) -> None:
        root.device("1-2", *NUMBERS)

        assert not root.host().usb_readers(KNOWN).readers[0].serial

    def test_a_reader_that_speaks_both_ways_is_no_serial_one(self, root: Root) -> None:
        root.device("1-2", *NUMBERS)
        root.interface("1-2:1.0", "0b")
        root.interface("1-2:1.1", "02")

        assert not root.host().usb_readers(KNOWN).readers[0].serial

    def test_an_unknown_modem_is_no_reader(self, root: Root) -> None:
        root.device("1-2", "2341", "0043")
        root.interface("1-2:1.0", "02")

        assert root.host().usb_readers(KNOWN).readers == ()

    def test_values_of_another_kind_say_nothing(self, root: Root) -> None:
        root.device("1-2", *NUMBERS, "x" * 5000)
        root.link("sys/bus/usb/devices/1-2/power/control", "control")
        root.pipe("sys/bus/usb/devices/1-2:1.0/bInterfaceClass")

        (reader,) = root.host().usb_readers(KNOWN).readers

        assert (reader.may_sleep, reader.serial, len(reader.name)) == (None, False, 256)
