"""A smart-card service that refuses this session, as pcscd does when polkit says so.

pcscd closes the connection before it reads from it (pcsc-lite, winscard_svc.c, ContextThread).
"""

from __future__ import annotations

import importlib.util
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from checks.pcsc import judge_service
from diagcps.card.codes import PcscCode
from diagcps.facts import Pcsc, ServiceState, SessionKind
from diagcps.host.linux import LinuxHost
from tests.builders import bag, causes_of, usb

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="sockets of Linux"),
    pytest.mark.skipif(importlib.util.find_spec("smartcard") is None, reason="without pyscard"),
]

CLIENT = """
from smartcard.scard import SCardEstablishContext
print(SCardEstablishContext(0)[0] & 0xFFFFFFFF)
"""


@pytest.fixture
def path() -> Iterator[Path]:
    # A socket's path holds 107 characters, fewer than some temporary folders of pytest.
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "pcscd.comm"


@pytest.fixture
def service(path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(20)
        yield listener


def refused(service: socket.socket, path: Path) -> int:
    """What PC/SC answers to a program whose connection is closed unread."""
    environ = {**os.environ, "PCSCLITE_CSOCK_NAME": str(path)}
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT], env=environ, stdout=subprocess.PIPE, text=True
    ) as program:
        connection, _ = service.accept()
        select.select([connection], [], [], 20)
        connection.close()
        printed, _ = program.communicate(timeout=20)
    return int(printed)


def test_a_remote_session_that_polkit_refuses_is_told_as_refused(
    service: socket.socket, path: Path
) -> None:
    # A client that is overtaken while it still writes says that there is no service.
    codes = (refused(service, path) for _ in range(10))
    code = next(each for each in codes if each != PcscCode.SCARD_E_NO_SERVICE)
    if code == PcscCode.SCARD_F_COMM_ERROR:
        pytest.skip("pcsc-lite before 1.9.9 does not tell a refusal from a lost connection")
    host = LinuxHost(environ={"PCSCLITE_CSOCK_NAME": str(path), "SSH_CONNECTION": "1"})

    facts = bag(
        host.system(),
        host.session(),
        host.pcsc_service(),
        Pcsc(error=code, call="SCardEstablishContext"),
        usb(),
    )

    assert host.session().kind is SessionKind.SSH
    assert host.pcsc_service().state is ServiceState.RUNNING
    assert causes_of(judge_service, facts) == ("pcsc.access-denied",)
