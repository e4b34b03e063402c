"""Runs inside Windows: processes by the name that a test gives them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_WAIT = """\
import sys
if ports := sys.argv[1:]:
    import socket
    held = [socket.create_server(("127.0.0.1", int(port))) for port in ports]
    for each in held:  # until an option is asked for, Wine does not know whose it is
        each.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
print("ready", flush=True)
input()
"""


@contextmanager
def running(name: str, ports: Iterable[int] = ()) -> Iterator[None]:
    """A process of that name, which listens on these local ports: Python, copied, beside which its
    library is not found by itself."""
    path = f"{Path(sys.executable).parent};{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONHOME": sys.base_prefix}
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(sys.executable, Path(folder, name))
        command = [str(copy), "-S", "-c", _WAIT, *map(str, ports)]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"ready"
            try:
                yield
            finally:
                process.kill()
