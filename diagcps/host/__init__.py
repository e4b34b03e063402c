"""The seam to the operating system; the only module of the package that asks which one it is."""

from __future__ import annotations

import sys

from diagcps.host.base import Host


def this_host() -> Host:
    """The implementation for the system this program runs on, and no other, is imported.

    Any other Unix is asked as Linux is: what it does not have is a declared error of the probe.
    """
    host: Host
    if sys.platform == "win32":
        from diagcps.host.windows import WindowsHost

        host = WindowsHost()
    elif sys.platform == "darwin":
        from diagcps.host.macos import MacHost

        host = MacHost()
    else:
        from diagcps.host.linux import LinuxHost

        host = LinuxHost()
    return host
