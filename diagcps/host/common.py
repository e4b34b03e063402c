"""What the systems have in common: errors, optional modules, and text that others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from diagcps.model import ProbeDenied, ProbeTimeout, ProbeUnavailable, ProbeUnsupported


@contextmanager
def as_probe_errors() -> Iterator[None]:
    """No OSError leaves the block: each is raised as the ProbeError that says the same."""
    try:
        yield
    except PermissionError as error:
        raise ProbeDenied(str(error)) from error
    except TimeoutError as error:
        raise ProbeTimeout(str(error)) from error
    except OSError as error:
        raise ProbeUnavailable(str(error)) from error


def library(name: str) -> Any:
    """The Python module of that name, untyped: some exist, or are complete, on one system only.

    Raises ProbeUnsupported where it cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ProbeUnsupported(f"Python module {name}: {error}") from error


def printable(text: str) -> str:
    """The text without the characters that would command a terminal, and without outer spaces.

    The names of devices and programs are whatever their makers chose.
    """
    return "".join(character for character in text if character.isprintable()).strip()
