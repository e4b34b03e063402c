"""Programs that nobody here wrote, run on the workstation of the lab: they say what a lab is."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What became of a program."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """What it printed."""
        return self.output.decode(errors="replace").strip()


class Curl:
    """Exit codes of curl(1)."""

    NO_NAME = 6
    NO_CONNECTION = 7
    NOT_HTTP = 8
    CUT_SHORT = 18
    TOO_LATE = 28
    NO_TLS = 35
    NOTHING = 52
    NOT_SENT = 55
    BROKEN_OFF = 56
    NOT_TRUSTED = 60


def curl(address: str, *options: str, limit_s: float = 5.0) -> Ran:
    """GETs an address with curl(1), which prints the body, and its head with `-i`."""
    return run("curl", "-sS", "--max-time", str(limit_s), *options, address)


def s_client(host: str, *options: str) -> Ran:
    """A handshake with the client of openssl(1), which prints what it was shown."""
    words = ("-connect", f"{host}:443", "-servername", host, "-verify_hostname", host)
    return run("openssl", "s_client", *words, *options)


def python(program: str) -> Ran:
    """Runs a program of the standard library's making: `socket`, `ssl`, `urllib.request`."""
    return run(sys.executable, "-I", "-c", f"import socket, ssl, urllib.request\n{program}")


def getaddrinfo(name: str, family: str = "AF_UNSPEC") -> list[str]:
    """The addresses of a name by the system's own resolver, or the name of its error."""
    asked = python(
        "try:\n"
        f"    for each in socket.getaddrinfo({name!r}, 443, socket.{family}, socket.SOCK_STREAM):\n"
        "        print(each[4][0])\n"
        "except socket.gaierror as error:\n"
        "    names = {v: k for k, v in vars(socket).items() if k.startswith('EAI_')}\n"
        "    print(names[error.errno])\n"
    )
    assert asked.code == 0, asked.errors
    return sorted(asked.text.split())


def run(*command: str, limit_s: float = 20.0) -> Ran:
    """Runs a program that knows of no proxy and no store but those of its arguments."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=limit_s,
        check=False,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
    )
    return Ran(
        code=done.returncode, output=done.stdout, errors=done.stderr.decode(errors="replace")
    )
