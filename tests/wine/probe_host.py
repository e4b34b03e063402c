"""Runs inside Windows: writes what each probe of the workstation gives, as one JSON object.

Its arguments are names; under each of them another Python runs meanwhile.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from diagcps.host.windows import WindowsHost
from diagcps.model import ProbeError

QUESTIONS = (
    "system", "session", "pcsc_service", "pcsc_clients", "running_programs", "usb_readers",
)  # fmt: skip


def plain(value: Any) -> Any:
    """The value in JSON's types."""
    return value.value if isinstance(value, Enum) else str(value)


def answer(host: WindowsHost, question: str) -> Any:
    """The fact as a table, or the reason why there is none."""
    try:
        return dataclasses.asdict(getattr(host, question)())
    except ProbeError as error:
        return error.reason


@contextmanager
def program(name: str) -> Iterator[None]:
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
            yield
            process.kill()


if __name__ == "__main__":
    with ExitStack() as programs:
        for name in sys.argv[1:]:
            programs.enter_context(program(name))
        given = {question: answer(WindowsHost(), question) for question in QUESTIONS}
    json.dump(given, sys.stdout, default=plain)
