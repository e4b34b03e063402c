"""Runs inside Windows: processes by the name that a test gives them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(name: str) -> Iterator[None]:
    """A process of that name: Python, copied, beside which its library is not found by itself."""
    path = f"{Path(sys.executable).parent};{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONHOME": sys.base_prefix}
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(sys.executable, Path(folder, name))
        command = [str(copy), "-c", "print('ready', flush=True); input()"]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"ready"
            try:
                yield
            finally:
                process.kill()
