"""macOS. Written from documentation and other projects' listings; not yet run on a Mac."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

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
from diagcps.host.common import (
    as_probe_errors,
    certificates_in,
    certificates_of_folder,
    library,
    printable,
)
from diagcps.host.programs import of_this_user, running_programs
from diagcps.model import Platform, ProbeError, ProbeTimeout, ProbeUnavailable, ProbeUnsupported

_IOREG = "/usr/sbin/ioreg"
_IOREG_ARGUMENTS = ("-r", "-c", "IOUSBHostInterface", "-l", "-a")
_TOOL_TIMEOUT_S = 4.0
_SMART_CARD_CLASS = 0x0B
"""The USB class of CCID devices (USB device class definition for CCID, 1.1, 4.1)."""
_NAME_KEYS = ("USB Product Name", "kUSBProductString", "Product Name")
_CHILDREN_KEY = "IORegistryEntryChildren"
_ID_KEY = "IORegistryEntryID"

_COFFRE = "/Library/Preferences/santesocial/CPS/coffre"
_SECURITY = "/usr/bin/security"
_KEYCHAINS = (
    "/Library/Keychains/System.keychain",
    "/System/Library/Keychains/SystemRootCertificates.keychain",
)
"""What an administrator added, and what Apple delivers; neither is the person's own."""


class MacHost:
    """The Mac this program runs on; `environ` is that of the person's session."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    @property
    def platform(self) -> Platform:
        """macOS."""
        return Platform.MACOS

    def system(self) -> System:
        """The version by /System/Library/CoreServices/SystemVersion.plist."""
        version = platform.mac_ver()[0]
        return System(
            platform=Platform.MACOS,
            name=f"macOS {version}".strip(),
            architecture=platform.machine(),
        )

    def session(self) -> Session:
        """SSH by its environment, local otherwise: screen sharing shows the person's own session.

        Cards are never redirected: PC/SC speaks to this machine's readers.
        """
        for name in ("SSH_CONNECTION", "SSH_TTY"):
            if name in self._environ:
                return Session(kind=SessionKind.SSH, redirects_cards=False, source=name)
        return Session(
            kind=SessionKind.LOCAL, redirects_cards=False, source="SSH_CONNECTION, SSH_TTY"
        )

    def pcsc_service(self) -> PcscService:
        """Started on demand, always.

        PC/SC is the service com.apple.ctkpcscd inside PCSC.framework, which the system starts
        for the program that asks; nobody can stop or disable it by the usual means.
        """
        return PcscService(
            state=ServiceState.ON_DEMAND, may_connect=True, source="com.apple.ctkpcscd"
        )

    def pcsc_clients(self) -> PcscClients:
        """Raises ProbeUnsupported: no interface tells."""
        raise ProbeUnsupported("macOS does not tell which programs use a card")

    def running_programs(self) -> RunningPrograms:
        """Those that this user started. Raises ProbeUnsupported without psutil."""
        source = "sysctl(3) KERN_PROC, proc_pidpath"
        return running_programs(self.platform, is_ours=of_this_user, source=source)

    def usb_readers(self, catalogue: Catalogue) -> UsbReaders:  # noqa: ARG002
        """The USB devices with a smart-card interface, by ioreg(8).

        Raises ProbeTimeout when ioreg does not end, ProbeUnavailable when it fails.
        """
        with as_probe_errors():
            listing = _output_of(_IOREG, *_IOREG_ARGUMENTS)
        return UsbReaders(
            readers=parse_ioreg(listing), source=" ".join((_IOREG, *_IOREG_ARGUMENTS))
        )

    def authorities(self) -> tuple[StoredCertificate, ...]:
        """Those of the Cryptolib's coffre, then those of the system's keychains, by security(1).

        A store that is not there, or cannot be read, adds nothing.
        """
        own = certificates_of_folder(Path(_COFFRE), _COFFRE)
        try:
            with as_probe_errors():
                listing = _output_of(_SECURITY, "find-certificate", "-a", "-p", *_KEYCHAINS)
        except ProbeError:
            return own
        return own + certificates_in(listing, "System.keychain, SystemRootCertificates.keychain")

    def installed(self, kind: type[Installed], catalogue: Catalogue) -> Installed:  # noqa: ARG002
        """Raises ProbeUnsupported: not written yet."""
        raise ProbeUnsupported(kind.__name__)

    def library_paths(self) -> tuple[str, ...]:
        """Where the package of the Cryptolib CPS puts the library since OS X 10.11."""
        return ("/usr/local/lib/libcps3_pkcs11_osx.dylib",)


def parse_ioreg(listing: bytes) -> tuple[UsbReader, ...]:
    """The readers in the property list that `ioreg -r -c IOUSBHostInterface -l -a` prints.

    A device with two smart-card interfaces is one reader. Raises ProbeUnavailable for bytes that
    are no property list; nothing printed means that nothing matched.
    """
    if not listing.strip():
        return ()
    plistlib, expat = library("plistlib"), library("xml.parsers.expat")
    try:
        tree = plistlib.loads(listing, fmt=plistlib.FMT_XML)
    # plistlib documents no base class: the parser's error, and those of converting a value.
    except (expat.ExpatError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ProbeUnavailable(f"ioreg: {error}") from error
    found: dict[object, UsbReader] = {}
    for number, entry in enumerate(_entries(tree)):
        if entry.get("bInterfaceClass") != _SMART_CARD_CLASS:
            continue
        reader = _reader(entry)
        if reader is not None:
            # locationID is the device's place on the bus, the same for each of its interfaces.
            place = entry.get("locationID")
            found.setdefault(place if isinstance(place, int) else f"entry {number}", reader)
    return tuple(found.values())


def _entries(tree: object) -> Iterator[dict[str, object]]:
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


def _reader(entry: dict[str, object]) -> UsbReader | None:
    vendor, product = _usb_id(entry.get("idVendor")), _usb_id(entry.get("idProduct"))
    if vendor is None or product is None:
        return None
    names = (entry.get(key) for key in _NAME_KEYS)
    name = next((name for name in names if isinstance(name, str) and name), "")
    return UsbReader(vendor_id=vendor, product_id=product, name=printable(name))


def _usb_id(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFFFF:
        return f"{value:04x}"
    return None


def _output_of(tool: str, *arguments: str) -> bytes:
    """What a tool of the system prints. Raises ProbeTimeout, ProbeUnavailable when it fails."""
    try:
        done = subprocess.run(  # noqa: S603 (an absolute path and constants)
            (tool, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C"},
            timeout=_TOOL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeTimeout(tool) from error
    if done.returncode:
        raise ProbeUnavailable(f"{tool}: exit code {done.returncode}")
    return done.stdout
