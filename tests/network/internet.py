"""The Internet of a test: a second network namespace in this process, behind a pair of devices.

A network namespace belongs to a thread. One thread leaves the workstation's for a new one, in which
it makes every socket of a server; the rest of the process stays where it is.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import ParamSpec, TypeVar

from .router import Router

P = ParamSpec("P")
T = TypeVar("T")

CLONE_NEWNET = 0x40000000  # unshare(2)
SIOCGIFFLAGS = 0x8913  # netdevice(7)
IFF_RUNNING = 0x40
IP_FREEBIND = 15  # ip(7): a whole prefix is local, none of its addresses is on a device
TO_WORKSTATION = "inet0"
DEVICE = "eth0"
"""The workstation's device."""


@dataclass(frozen=True, kw_only=True)
class Prefix:
    """Addresses that servers stand at."""

    prefix4: str
    prefix6: str

    def v4(self, place: int) -> str:
        """The address of IPv4 at a place, from 1."""
        return self.prefix4.partition("/")[0].removesuffix("0") + str(place)

    def v6(self, place: int) -> str:
        """The address of IPv6 at a place, from 1."""
        return self.prefix6.partition("/")[0] + format(place, "x")


PUBLIC = Prefix(prefix4="192.175.48.0/24", prefix6="2620:4f:8000:48::/64")
"""Global, and no machine's that matters: IANA keeps them for those who answer the reverse lookups
of private addresses (RFC 7534, 3.4)."""
HOSPITAL = Prefix(prefix4="10.20.40.0/24", prefix6="fd20:40::/64")
"""The establishment's own servers."""
RESOLVER = HOSPITAL.v4(253)
BLACK_HOLE = "192.31.196.1"
"""An address that counts as public and that nobody stands at (RFC 7535)."""
WORKSTATION4, WORKSTATION6 = "10.20.30.2", "2620:4f:8000:30::2"
GATEWAY4, GATEWAY6 = "10.20.30.1", "2620:4f:8000:30::1"

_INTERNET4 = f"""
link set lo up
link add {TO_WORKSTATION} type veth peer name {DEVICE} netns {{process}}
link set {TO_WORKSTATION} addrgenmode none
link set {TO_WORKSTATION} up
addr add {GATEWAY4}/24 dev {TO_WORKSTATION}
route add local {PUBLIC.prefix4} dev lo
route add local {HOSPITAL.prefix4} dev lo
route add blackhole default
rule add pref 1 to {GATEWAY4}/24 lookup local
rule add pref 100 lookup local
rule del pref 0
"""
_INTERNET6 = f"""
addr add {GATEWAY6}/64 dev {TO_WORKSTATION} nodad
route add local {PUBLIC.prefix6} dev lo
route add local {HOSPITAL.prefix6} dev lo
route add blackhole default
rule add pref 1 to {GATEWAY6}/64 lookup local
rule add pref 1 to ff00::/8 lookup local
rule add pref 100 lookup local
rule del pref 0
"""
_WORKSTATION4 = f"""
link set {DEVICE} addrgenmode none
link set {DEVICE} up
addr add {WORKSTATION4}/24 dev {DEVICE}
route add default via {GATEWAY4}
"""
_WORKSTATION6 = f"""
addr add {WORKSTATION6}/64 dev {DEVICE} nodad
route add default via {GATEWAY6}
"""
_SETTINGS = {  # a name server that is not there is told at every question
    "ipv4/icmp_ratelimit": "0",
    "ipv6/icmp/ratelimit": "0",
}
_EVERY_ADDRESS = f"""
route del blackhole default
route add {{workstation}} dev {TO_WORKSTATION} table local
route add local default dev lo
"""
_RULES = "10"
"""After 1, the link itself: a router stays there when nothing passes it. Before 100, where the
addresses of the servers are."""


class Internet:
    """The namespace of the servers, and the way to it; a context manager."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, initializer=_leave)
        self._rules: dict[str, int] = {"-4": 0, "-6": 0}
        self._router: Router | None = None

    def __enter__(self) -> Internet:
        try:
            self.run(self._prepare)
            _ip("-4", _WORKSTATION4)
            _ip("-6", _WORKSTATION6)
            _until_running(DEVICE)
            self.run(_until_running, TO_WORKSTATION)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._router is not None:
            self._router.close()
        # The kernel takes the namespace away in its own time, and the device with it.
        subprocess.run(["ip", "link", "del", DEVICE], capture_output=True, check=False)
        self._thread.shutdown()

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns; sockets and threads that it makes stay in the Internet."""
        return self._thread.submit(work, *args, **kwargs).result()

    def listener(self, address: str, port: int, kind: socket.SocketKind) -> socket.socket:
        """A socket bound to an address of the Internet, listening if it can."""
        return self.run(_bound, address, port, kind)

    def workstation(self, v4: Iterable[str] = (), v6: Iterable[str] = ()) -> None:
        """Runs commands of ip(8) on the workstation."""
        _ip("-4", "\n".join(v4))
        _ip("-6", "\n".join(v6))

    def drop(self, to: str, port: int | None) -> None:
        """What comes from the workstation for an address or prefix vanishes; what a server of the
        Internet sends there does not."""
        family = "-6" if ":" in to else "-4"
        only = "" if port is None else f"ipproto tcp dport {port}"
        rule = f"rule add pref {_RULES} iif {TO_WORKSTATION} to {to} {only} blackhole"
        self.run(_ip, family, rule)
        self._rules[family] += 1

    def reject(self, to: str, port: int | None, *, prohibited: bool) -> None:
        """As `drop`, and the workstation is told."""
        self.drop(to, port)
        if self._router is None:
            self._router = self.run(Router, TO_WORKSTATION)
        self._router.reject(to, port, prohibited=prohibited)

    def let_through(self) -> None:
        """Takes every rule back."""
        for family, count in self._rules.items():
            self.run(_ip, family, f"rule del pref {_RULES}\n" * count)
            self._rules[family] = 0
        if self._router is not None:
            self._router.clear()

    def unplug(self) -> None:
        """Takes the workstation's device away."""
        _ip("-4", f"link del {DEVICE}")

    def stand_for_every_address(self) -> None:
        """A server that listens at every address (0.0.0.0, ::) is then at all of the world's."""
        for family, workstation in (("-4", WORKSTATION4), ("-6", WORKSTATION6)):
            self.run(_ip, family, _EVERY_ADDRESS.format(workstation=workstation))

    def slow(self, delay_ms: int) -> None:
        """Delays what the workstation sends. Raises NotImplementedError without netem."""
        command = ["tc", "qdisc", "add", "dev", DEVICE, "root", "netem", "delay", f"{delay_ms}ms"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise NotImplementedError("no tc") from error
        if done.returncode != 0:
            raise NotImplementedError(done.stderr.strip())

    def _prepare(self) -> None:
        _ip("-4", _INTERNET4.format(process=os.getpid()))
        _ip("-6", _INTERNET6)
        for name, value in _SETTINGS.items():
            Path("/proc/sys/net", name).write_text(value)


def _leave() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def _ip(family: str, commands: str) -> None:
    """Runs commands of ip(8). Raises RuntimeError with the first that fails."""
    if not commands.strip():
        return
    done = subprocess.run(
        ["ip", family, "-batch", "-"],
        input=commands.strip() + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"ip {family}: {done.stderr.strip()} in\n{commands}")


def _until_running(device: str) -> None:
    """Waits until the kernel has noticed that the other end is up: it drops packets before."""
    import fcntl  # not on Windows, where the tests here are collected and skip

    deadline = time.monotonic() + 5.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", device.encode(), 0)
        while True:
            _, flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))
            if flags & IFF_RUNNING:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{device} does not come up")
            time.sleep(0.001)


def _bound(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    v6 = ip_address(address).version == 6
    made = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, kind)
    try:
        made.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if v6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen(64)
    except BaseException:
        made.close()
        raise
    return made
