"""A measured ratio, and the table of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class NotMeasured(Exception):
    """This machine lacks what the measurement needs; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of ours beside that of the bare thing, both taken in the same run."""

    what: str
    against: str
    unit: str
    ours: float
    theirs: float
    limit: float
    """The largest ratio of ours to theirs that is accepted."""
    note: str = ""

    @property
    def ratio(self) -> float:
        """Ours over theirs."""
        return self.ours / self.theirs

    @property
    def ok(self) -> bool:
        """The ratio is within the limit."""
        return self.ratio <= self.limit


_HEADINGS = ("what", "against", "ours", "theirs", "ratio", "limit", "")


def table(rows: Sequence[Row]) -> str:
    """The rows under their headings, and their notes below."""
    lines = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    text = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*text, *_notes(rows)])


def spread(values: Iterable[float]) -> str:
    """The smallest and the largest value, for a note."""
    ordered = sorted(values)
    return f"{_figure(ordered[0])} to {_figure(ordered[-1])}"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        row.against,
        f"{_figure(row.ours)} {row.unit}",
        f"{_figure(row.theirs)} {row.unit}",
        f"{row.ratio:.3f}" if row.limit < 1.1 else f"{row.ratio:.2f}",
        f"{row.limit:g}",
        "ok" if row.ok else "OVER",
    )


def _figure(value: float) -> str:
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _notes(rows: Iterable[Row]) -> list[str]:
    return [
        textwrap.fill(f"{row.what}: {row.note}", 100, initial_indent="- ", subsequent_indent="  ")
        for row in rows
        if row.note
    ]
