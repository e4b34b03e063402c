"""Records the described Windows workstations under Wine: `python -m tests.wine.record`.

Writes them to `saved/windows/` of tests/workstations; names as arguments choose some.
"""

from __future__ import annotations

import json
import sys

from diagcps.model import Platform
from tests.workstations.describe import describe

from .windows import HERE, WindowsPython, folder, why_not, windows_path

LIMIT_S = 300.0
"""For all of them, in seconds; half a minute is usual, two were seen on a busy machine."""


def record(windows: WindowsPython, *names: str) -> dict[str, str]:
    """The snapshots of these workstations, of all without a name; each by its name."""
    script = windows_path(HERE / "record_workstations.py")
    finished = windows.run(script, *names, timeout_s=LIMIT_S)
    assert finished.code == 0, finished.err
    recorded: dict[str, str] = json.loads(finished.out)
    return recorded


def main(names: list[str]) -> None:
    """Writes the snapshots of these workstations, or of all."""
    if reason := why_not():
        sys.exit(reason)
    windows = WindowsPython(folder())
    try:
        for name, snapshot in record(windows, *names).items():
            saved = describe(Platform.WINDOWS, name).saved
            saved.parent.mkdir(parents=True, exist_ok=True)
            saved.write_text(snapshot, encoding="utf-8")
    finally:
        windows.end()


if __name__ == "__main__":
    main(sys.argv[1:])
