"""`python -m benchmarks [NAME ...]` from the checkout: runs the measurements, prints the table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from .measure import NotMeasured, Row, table

NAMES = (
    "start",
    "runner",
    "followers",
    "click",
    "insert",
    "reading",
    "line",
    "sixteen",
    "host",
    "judging",
    "network",
)
EXIT_OVER, EXIT_NOT_MEASURED = 1, 77


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 within every limit, 1 over one, 77 when one could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"one of {', '.join(NAMES)}; all by default")
    wanted = parser.parse_args(arguments).name or NAMES
    if unknown := set(wanted) - set(NAMES):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    missing: list[str] = []
    for name in wanted:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        # Imported in its turn: what a later measurement needs must not weigh on the memory of this.
        measure: Callable[[], list[Row]] = import_module(f"{__package__}.{name}").measure
        try:
            rows += measure()
        except NotMeasured as reason:
            missing.append(f"{name}: not measured: {reason}")
    print("\n".join([*([table(rows)] if rows else []), *missing]))
    if not all(row.ok for row in rows):
        return EXIT_OVER
    return EXIT_NOT_MEASURED if missing else 0


if __name__ == "__main__":
    sys.exit(main())
