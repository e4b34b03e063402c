"""What a process that holds a code keeps from others."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl of Linux")

ASKS = """
import ctypes
from diagcps.host.no_dump import forbid_looking_in
PR_GET_DUMPABLE = 3
before = ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)
forbid_looking_in()
print(before, ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0))
"""


def test_no_program_of_the_same_user_looks_in() -> None:
    said = subprocess.run(
        [sys.executable, "-c", ASKS], capture_output=True, text=True, timeout=30, check=True
    )
    assert said.stdout.split() == ["1", "0"]
