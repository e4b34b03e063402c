"""The first process inside the bench: prepares the namespaces, runs the command, ends with it.

Started by bench.sh in new network and mount namespaces, with a new process namespace for its
children. Standard library only: it runs with whichever python3 the machine has.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from types import FrameType

SIOCGIFFLAGS = 0x8913  # netdevice(7)
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
PR_SET_PDEATHSIG = 1  # prctl(2)
DRIVERS = Path("/usr/lib/pcsc/drivers")
VIRTUAL_READERS = "35963,35964"
ENDING = frozenset((signal.SIGTERM, signal.SIGHUP))
"""Held back from the start until `follow` can pass them on: the first process of a namespace would
otherwise ignore one that comes too early."""
OF_THE_LOGIN_SESSION = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


def raise_loopback() -> None:
    """Brings the loopback interface up; a new network namespace holds it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        name, flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", name, flags | IFF_UP))


def mount(kind: str, directory: Path, options: str = "nosuid,nodev") -> None:
    """Mounts a new file system over a directory, for the processes of the bench alone."""
    subprocess.run(["mount", "-t", kind, "-o", options, "bench", str(directory)], check=True)


def prepare() -> dict[str, str]:
    """Readies the namespaces and returns the environment of the command."""
    mount("proc", Path("/proc"))  # shows the processes of the bench, and no other
    raise_loopback()
    # Linux hands these ports out as source ports too: a browser would keep the driver from
    # listening, and a card that looks for the driver would end up connected to itself.
    Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text(VIRTUAL_READERS)
    # The whole of /run: the machine's pcscd has its socket there, and its service manager, which
    # would answer about that pcscd and not about the bench's.
    empty = "mode=0755,nosuid,nodev"
    mount("tmpfs", Path("/run"), empty)
    Path("/run/pcscd").mkdir(mode=0o755)
    Path("/run/lock").mkdir(mode=0o755)
    # Without their drivers the machine's own USB readers stay with its own pcscd.
    for bundle in sorted(DRIVERS.glob("*.bundle")):
        mount("tmpfs", bundle, empty)
    environment = {k: v for k, v in os.environ.items() if k not in OF_THE_LOGIN_SESSION}
    return {**environment, "DIAGCPS_BENCH": "1"}


def follow(child: int) -> int:
    """Waits for a process and returns its exit code, 128 and the number for one that a signal ends.

    The signals that ask this process to end are passed on.
    """

    def forward(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have just ended
            os.kill(child, number)

    for number in ENDING:
        signal.signal(number, forward)
    # A terminal sends Ctrl-C to the command as well, which decides what becomes of it.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    while True:
        # The first process of a namespace also inherits, and must collect, every orphan.
        process, status = os.wait()
        if process == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def run(command: list[str], environment: dict[str, str]) -> int:
    """Runs the command and returns its exit code; 126 or 127 when it cannot be started."""
    # Python ignores two of these; a shell's background job ignores Ctrl-C. The command must not.
    default = (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)
    try:
        child = os.posix_spawnp(command[0], command, environment, setsigdef=default, setsigmask=())
    except OSError as error:
        sys.stderr.write(f"bench.sh: {command[0]}: {error.strerror}\n")
        return 127 if isinstance(error, FileNotFoundError) else 126
    return follow(child)


def main() -> int:
    """Runs the arguments in the new process namespace and returns their exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    first = os.fork()
    if first:
        return follow(first)
    # Whoever kills the parent ends this process and with it, as its namespace ends, every other.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return run(sys.argv[1:], prepare())


if __name__ == "__main__":
    sys.exit(main())
