"""A folder in the place of a Linux system's root."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diagcps.host.linux import LinuxHost

LISTENING = "0000000000000000: 00000002 00000000 00010000 0001 01 {inode} {path}"
CONNECTED = "0000000000000000: 00000003 00000000 00000000 0001 03 {inode} {path}"
SOCKET = "/run/pcscd/pcscd.comm"

LIBRARY = "opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so"
SETTINGS = "etc/opt/santesocial/CPS"
ELF_X86_64 = b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + b"\x3e\0"
"""The beginning of a program file: class, byte order, version, e_machine (System V ABI)."""
MANIFEST = (
    '{"name": "cps3", "path": "/opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so", "type": "pkcs11",'
    ' "allowed_extensions": ["CPS2ter-2020_Firefox@asipsante.fr"]}'
)

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Files are opened as nobody inside the block; root may open everything."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


class Root:
    """A folder that looks like the root of a Linux system on which nothing is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("proc/net/unix", "Num       RefCount Protocol Flags    Type St Inode Path\n")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def data(self, path: str, data: bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def pipe(self, path: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(file)

    def link(self, path: str, target: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def socket_file(self, path: str = SOCKET) -> Path:
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(file, stat.S_IFSOCK | 0o666)
        file.chmod(0o666)
        return file

    def listed(self, path: str = SOCKET, line: str = LISTENING) -> None:
        with (self.folder / "proc/net/unix").open("a", encoding="utf-8") as table:
            table.write(line.format(inode=1234, path=path) + "\n")

    def process(self, pid: int, name: str, state: str = "S", parent: int = 1) -> None:
        self.write(f"proc/{pid}/stat", f"{pid} ({name}) {state} {parent} 4 4 0 -1 4194560")
        self.write(f"proc/{pid}/comm", f"{name}\n")

    def installed(self) -> None:
        self.write("usr/sbin/pcscd", "")
        self.write("usr/lib/systemd/system/pcscd.service", "[Service]\n")
        self.write("usr/lib/systemd/system/pcscd.socket", "[Socket]\n")

    def interface(self, name: str, usb_class: str) -> None:
        self.write(f"sys/bus/usb/devices/{name}/bInterfaceClass", f"{usb_class}\n")

    def device(self, name: str, vendor: str, product: str, text: str = "") -> None:
        self.write(f"sys/bus/usb/devices/{name}/idVendor", f"{vendor}\n")
        self.write(f"sys/bus/usb/devices/{name}/idProduct", f"{product}\n")
        if text:
            self.write(f"sys/bus/usb/devices/{name}/product", f"{text}\n")

    def cryptolib(self) -> None:
        """Lays out a Cryptolib as its RPM does, with content of its own."""
        self.data(LIBRARY, ELF_X86_64 + b"\0##[ProductVersion  03.01.00Aug\0")
        for folder in ("usr/lib64", "usr/lib"):
            self.write(f"{folder}/mozilla/pkcs11-modules/cps3.json", MANIFEST)
        self.link("usr/lib64/libcps3_pkcs11_lux.so", f"../../{LIBRARY}")
        self.write(f"{SETTINGS}/cps3_pkcs11.conf", "Traces \n{\n\tactive = false;\n}\n")
        self.write(
            f"{SETTINGS}/DICO-FR.GIP", "G999\tVersion\t\t\t28\tVersion : 02.18 - 28/02/2020\n"
        )
        for folder in ("Coffre", "cache"):
            (self.folder / SETTINGS / folder).mkdir()

    def host(self, **environ: str) -> LinuxHost:
        return LinuxHost(self.folder, environ)
