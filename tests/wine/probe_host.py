"""Runs inside Windows: writes what each probe of the workstation gives, as one JSON object."""

from __future__ import annotations

import dataclasses
import json
import sys
from enum import Enum
from typing import Any

from diagcps.host.windows import WindowsHost
from diagcps.model import ProbeError

QUESTIONS = ("system", "session", "pcsc_service", "pcsc_clients", "usb_readers")


def plain(value: Any) -> Any:
    """The value in JSON's types."""
    return value.value if isinstance(value, Enum) else str(value)


def answer(host: WindowsHost, question: str) -> Any:
    """The fact as a table, or the reason why there is none."""
    try:
        return dataclasses.asdict(getattr(host, question)())
    except ProbeError as error:
        return error.reason


if __name__ == "__main__":
    given = {question: answer(WindowsHost(), question) for question in QUESTIONS}
    json.dump(given, sys.stdout, default=plain)
