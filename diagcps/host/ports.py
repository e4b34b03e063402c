"""Which program listens on a port of this machine."""

from __future__ import annotations

from contextlib import suppress

from diagcps.host.common import printable


def listener(port: int) -> str:
    """The name of the program that listens on TCP `port`, where the system tells; else nothing."""
    import psutil

    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            local = connection.laddr
            if local and local.port == port and connection.status == psutil.CONN_LISTEN:
                # Pid 0, or none: the system keeps it to itself.
                return printable(psutil.Process(connection.pid).name()) if connection.pid else ""
    return ""
