"""Measurements that need a smart-card service: run inside the bench of tests/integration.

`python -m benchmarks.bench NAME`, inside it, prints the rows of NAME's `measure_real` as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from tests.integration.bench import Pcscd, why_not

from .measure import NotMeasured, Row
from .program import ROOT

_BENCH = ROOT / "tests" / "integration" / "bench.sh"
_PATIENCE_S = 300.0


def measure_in_bench(name: str) -> list[Row]:
    """The rows of `measure_real` in the module `name`. Raises NotMeasured, with why."""
    command = [str(_BENCH), sys.executable, "-m", f"{__package__}.bench", name]
    ended = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, timeout=_PATIENCE_S, check=False
    )
    if ended.returncode != 0:
        raise NotMeasured(ended.stdout.decode().strip() or f"the bench ended {ended.returncode}")
    return [Row(**row) for row in json.loads(ended.stdout)]


@contextmanager
def service() -> Iterator[Pcscd]:
    """The real pcscd with two virtual readers."""
    with tempfile.TemporaryDirectory(prefix="diagcps-") as folder:
        pcscd = Pcscd(Path(folder))
        pcscd.start()
        try:
            yield pcscd
        finally:
            pcscd.clean()


def main(name: str) -> int:
    """The exit code; what could not be measured is said on the output instead of rows."""
    reason = why_not()
    if reason is None:
        try:
            rows: list[Row] = import_module(f"{__package__}.{name}").measure_real()
        except NotMeasured as missing:
            reason = str(missing)
        else:
            print(json.dumps([dataclasses.asdict(row) for row in rows]))
            return 0
    print(reason)
    return 77


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
