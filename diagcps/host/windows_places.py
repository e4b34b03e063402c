"""Where things are on this Windows: paths as the catalogue and the registry write them.

A 32-bit program on a 64-bit system is shown other folders under the names of the system's own
(Microsoft, « File system redirector », « WOW64 implementation details »).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from diagcps.host.common import printable
from diagcps.host.windows_registry import View

_VARIABLE = re.compile(r"%([^%]*)%")
_LOCAL = re.compile(r"[A-Za-z]:[\\/]|/(?![\\/])")
"""How a path on this machine begins: to look at another's would sign in to it."""
_BETWEEN = re.compile(r"[\\/]+")
_OF_PERSONS = frozenset({"users", "documents and settings", "home"})
_LONGEST = 260
"""MAX_PATH."""

_ALIKE = ("SYSTEMROOT", "ALLUSERSPROFILE", "PROGRAMDATA")
_PROGRAMS, _PROGRAMS_32 = ("PROGRAMW6432", "PROGRAMFILES"), ("PROGRAMFILES(X86)", "PROGRAMFILES")
_COMMON, _COMMON_32 = (
    ("COMMONPROGRAMW6432", "COMMONPROGRAMFILES"),
    ("COMMONPROGRAMFILES(X86)", "COMMONPROGRAMFILES"),
)


class Places:
    """The folders of this Windows, by the variables of a program of it."""

    def __init__(
        self, environ: Mapping[str, str], *, is_64_bit_program: bool = sys.maxsize > 2**32
    ) -> None:
        self._environ = {name.upper(): value for name, value in environ.items()}
        self._is_64_bit_program = is_64_bit_program
        processor = self._environ.get("PROCESSOR_ARCHITECTURE", "").lower()
        self.is_64_bit = is_64_bit_program or (
            "PROCESSOR_ARCHITEW6432" in self._environ or processor not in ("", "x86")
        )
        """Whether the system is a 64-bit one."""

    @property
    def views(self) -> tuple[View, ...]:
        """The views of the registry that differ."""
        return (View.SYSTEM, View.PROGRAMS_32) if self.is_64_bit else (View.SYSTEM,)

    def find(self, text: str, *, view: View = View.SYSTEM) -> Path | None:
        r"""The file or folder that a program of that view finds at « %SystemRoot%\System32\… ».

        A name alone is one of the system's libraries. None for a path with another variable than
        those of the system's own folders, and for what is not on this machine.
        """
        text = text.strip().strip('"')
        if text and not _BETWEEN.search(text):
            text = rf"%SystemRoot%\System32\{text}"
        values = [self._value_of(name, view) for name in _VARIABLE.findall(text)]
        if None in values:
            return None
        found = iter(values)
        written = _VARIABLE.sub(lambda _: next(found) or "", text)
        if not _LOCAL.match(written) or "\0" in written:
            return None
        return Path(self._redirected(written, view).replace("\\", os.sep))

    def _value_of(self, variable: str, view: View) -> str | None:
        name = variable.upper()
        of_32 = view is View.PROGRAMS_32
        names: tuple[str, ...] = {
            "PROGRAMFILES": _PROGRAMS_32 if of_32 else _PROGRAMS,
            "PROGRAMFILES(X86)": _PROGRAMS_32,
            "PROGRAMW6432": _PROGRAMS,
            "COMMONPROGRAMFILES": _COMMON_32 if of_32 else _COMMON,
        }.get(name, (name,) if name in _ALIKE else ())
        return next((self._environ[each] for each in names if self._environ.get(each)), None)

    def _redirected(self, written: str, view: View) -> str:
        """The path by the name under which this very program is shown it."""
        root = self._environ.get("SYSTEMROOT", "")
        folders, of_system = _BETWEEN.split(written), _BETWEEN.split(root.rstrip("\\/"))
        inside = folders[len(of_system) :]
        lower = [folder.lower() for folder in folders[: len(of_system) + 1]]
        if lower[:-1] != [folder.lower() for folder in of_system] or len(inside) < 1:
            return written
        for_32 = lower[-1] == "syswow64" or (lower[-1] == "system32" and view is View.PROGRAMS_32)
        if for_32:
            name = "SysWOW64" if self.is_64_bit else "System32"
        elif lower[-1] == "system32":
            name = "System32" if self._is_64_bit_program or not self.is_64_bit else "Sysnative"
        else:
            return written
        return "\\".join((root.rstrip("\\/"), name, *inside[1:]))


def told(text: str) -> str:
    """A path as evidence may tell it: of one in a person's folder, the name of the file alone."""
    text = printable(text)[:_LONGEST]
    folders = _BETWEEN.split(text)
    if any(folder.lower() in _OF_PERSONS for folder in folders[:-1]) or "%USER" in text.upper():
        return folders[-1]
    return text
