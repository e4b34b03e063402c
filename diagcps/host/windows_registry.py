"""Windows' registry, read only, in both of its views, and no more of it than is sensible.

A 64-bit Windows keeps two trees of software: its own, and the one that 32-bit programs are shown
(Microsoft, « Registry redirector »).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any

from diagcps.host.common import as_probe_errors, library, printable
from diagcps.model import ProbeDenied
from diagcps.records import record

_LONGEST_TEXT = 64 << 10
_MOST_BYTES = 64 << 10
_MOST_KEYS = 1000
_MOST_STRINGS = 256


class View(Enum):
    """Which of the two trees."""

    SYSTEM = "64"
    """The system's own: of a 32-bit Windows, the only one."""
    PROGRAMS_32 = "32"


class Hive(Enum):
    """Whose settings."""

    MACHINE = "HKLM"
    PERSON = "HKCU"


@record
class Values:
    """Values of one key; one of another type than is asked for, or too large, is not there."""

    found: Mapping[str, object]

    def __bool__(self) -> bool:
        return bool(self.found)

    def text(self, name: str) -> str:
        """A text (REG_SZ, REG_EXPAND_SZ) in printable characters; empty when it is not there."""
        value = self.found.get(name)
        return printable(value) if isinstance(value, str) and len(value) <= _LONGEST_TEXT else ""

    def number(self, name: str) -> int | None:
        """A number (REG_DWORD, REG_QWORD); None when it is not there."""
        value = self.found.get(name)
        return value if isinstance(value, int) else None

    def data(self, name: str) -> bytes:
        """Bytes (REG_BINARY); none when they are not there."""
        value = self.found.get(name)
        return value if isinstance(value, bytes) and len(value) <= _MOST_BYTES else b""

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts (REG_MULTI_SZ), 256 of them at most."""
        value = self.found.get(name)
        texts = value[:_MOST_STRINGS] if isinstance(value, list) else ()
        return tuple(text for text in texts if len(text) <= _LONGEST_TEXT)


class Registry:
    """The registry of this machine, and of the person whose session this is.

    Every method raises ProbeUnsupported where there is no registry, and ProbeDenied for a key that
    this program may not open: what is in it is not known then.
    """

    def __init__(self, winreg: Any = None) -> None:
        self._given = winreg

    def values(
        self, path: str, *names: str, hive: Hive = Hive.MACHINE, view: View = View.SYSTEM
    ) -> Values:
        """These values of a key, as far as they are there; none when the key is not.

        The name of a key's default value is empty.
        """
        found: dict[str, object] = {}
        with self._opened(path, hive, view) as key:
            for name in names if key is not None else ():
                with suppress(OSError):
                    found[name] = self._winreg.QueryValueEx(key, name)[0]
        return Values(found=found)

    def is_there(self, path: str, *, hive: Hive = Hive.MACHINE, view: View = View.SYSTEM) -> bool:
        """Whether there is such a key."""
        with self._opened(path, hive, view) as key:
            return key is not None

    def keys(
        self, path: str, *, hive: Hive = Hive.MACHINE, view: View = View.SYSTEM
    ) -> tuple[str, ...]:
        """The names of the keys in a key, 1000 of them at most."""
        names = []
        with self._opened(path, hive, view) as key, suppress(OSError):
            # The end of the list is an error too.
            for index in range(_MOST_KEYS if key is not None else 0):
                names.append(str(self._winreg.EnumKey(key, index)))  # noqa: PERF401
        return tuple(names)

    def each(
        self, path: str, *names: str, hive: Hive = Hive.MACHINE, view: View = View.SYSTEM
    ) -> Iterator[tuple[str, Values]]:
        """Each key in a key, with these values of it; those that may not be opened are left out."""
        for key in self.keys(path, hive=hive, view=view):
            with suppress(ProbeDenied):
                yield key, self.values(rf"{path}\{key}", *names, hive=hive, view=view)

    @property
    def _winreg(self) -> Any:
        return self._given if self._given is not None else library("winreg")

    @contextmanager
    def _opened(self, path: str, hive: Hive, view: View) -> Iterator[Any]:
        winreg = self._winreg
        root = winreg.HKEY_LOCAL_MACHINE if hive is Hive.MACHINE else winreg.HKEY_CURRENT_USER
        bits = winreg.KEY_WOW64_64KEY if view is View.SYSTEM else winreg.KEY_WOW64_32KEY
        try:
            opened = winreg.OpenKey(root, path, 0, winreg.KEY_READ | bits)
        except (FileNotFoundError, ValueError):
            # ValueError: a name with a NUL in it, which only the system's own calls can open.
            yield None
            return
        except OSError as error:
            with as_probe_errors():
                raise error
        with opened:
            yield opened
