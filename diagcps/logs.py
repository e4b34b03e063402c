"""The log of `--verbose`: what happened, without a private value.

The words of an exception, and the folders of a traceback, may hold names: both are left out.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from types import TracebackType

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class PrivateFormatter(logging.Formatter):
    """One line per event; a traceback names modules and lines only; no control characters."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The record on one line, whatever is in it."""
        return _printable(super().formatMessage(record))

    def formatException(self, ei: ExcInfo | tuple[None, None, None]) -> str:  # noqa: N802
        """The kind of the error and where it rose."""
        kind, _, trace = ei
        frames = (
            _printable(f"  {Path(frame.filename).stem}:{frame.lineno} {frame.name}")
            for frame in traceback.extract_tb(trace)
        )
        return "\n".join([kind.__name__ if kind else "", *frames])


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def configure(*, verbose: bool) -> None:
    """Logs to a file of the user with `verbose`, to nowhere otherwise. Never fails."""
    logging.raiseExceptions = False  # a full disk is no reason to print tracebacks
    root = logging.getLogger("diagcps")
    root.propagate = False
    root.handlers = [logging.NullHandler()]
    if not verbose:
        # asyncio and aiohttp would otherwise print tracebacks, with their folders, on stderr.
        for name in ("asyncio", "aiohttp"):
            logging.getLogger(name).addHandler(logging.NullHandler())
            logging.getLogger(name).propagate = False
        return
    handler = _file_handler()
    handler.setFormatter(PrivateFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in ("diagcps", "asyncio", "aiohttp.server"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.DEBUG if name == "diagcps" else logging.WARNING)


def _file_handler() -> logging.Handler:
    from platformdirs import user_log_path

    try:
        folder = user_log_path("diagcps", appauthor=False)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return logging.FileHandler(folder / "diagcps.log", encoding="utf-8")
    except OSError:
        return logging.StreamHandler(sys.stderr)
