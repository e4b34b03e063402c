"""Which programs listen on ports of this machine."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from diagcps.host.common import as_probe_errors, library, printable
from diagcps.model import ProbeDenied, ProbeError, ProbeUnavailable


def listener(port: int) -> str:
    """The name of the program that listens on TCP `port`, where the system tells; else nothing."""
    with suppress(ProbeError):
        psutil = library("psutil")
        for _, pid in listening((port,)):
            with suppress(psutil.Error, OSError):
                return printable(psutil.Process(pid).name()) if pid else ""
    return ""


def listening(ports: Collection[int]) -> tuple[tuple[int, int], ...]:
    """Each of these TCP ports on which a process listens, with its id, each pair once, in order.

    The id is 0 where the system keeps it to itself. Raises ProbeDenied where it tells nothing of
    others' (macOS, but to root), other ProbeError subclasses when it fails.
    """
    psutil = library("psutil")
    try:
        with as_probe_errors():
            connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied as error:
        raise ProbeDenied(str(error)) from error
    except psutil.Error as error:
        raise ProbeUnavailable(str(error)) from error
    found = {
        (each.laddr.port, each.pid or 0)
        for each in connections
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port in ports
    }
    return tuple(sorted(found))
