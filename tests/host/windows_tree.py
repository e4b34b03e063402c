"""A registry that is a table, in the place of winreg, on any system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Key:
    """A key that is open."""

    path: str
    view: str

    def __enter__(self) -> Key:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Tree:
    """The part of winreg that is used: keys by hive and path, without case; values by name.

    What is put without a view is in both.
    """

    HKEY_LOCAL_MACHINE, HKEY_CURRENT_USER = "HKLM", "HKCU"
    KEY_READ, KEY_WOW64_64KEY, KEY_WOW64_32KEY = 1, 256, 512

    def __init__(self) -> None:
        self.denied: set[str] = set()
        """Paths that nobody may open, hive and all, in upper case."""
        self._keys: dict[tuple[str, str], dict[str, Any]] = {}

    def put(self, path: str, values: Mapping[str, Any], hive: str = "HKLM", view: str = "") -> None:
        for each in (view,) if view else ("64", "32"):
            self._keys.setdefault((f"{hive}\\{path}", each), {}).update(values)

    def OpenKey(self, hive: str, path: str, _: int, access: int) -> Key:  # noqa: N802
        key = Key(f"{hive}\\{path}".upper(), "32" if access & self.KEY_WOW64_32KEY else "64")
        if key.path in self.denied:
            raise PermissionError(key.path)
        if not any(f"{each.upper()}\\".startswith(f"{key.path}\\") for each in self._in(key)):
            raise FileNotFoundError(key.path)
        return key

    def QueryValueEx(self, key: Key, name: str) -> tuple[Any, int]:  # noqa: N802
        for path, values in self._in(key).items():
            if path.upper() == key.path and name in values:
                return values[name], 1
        raise FileNotFoundError(name)

    def EnumKey(self, key: Key, index: int) -> str:  # noqa: N802
        begins, found = f"{key.path}\\", dict[str, None]()
        for path in self._in(key):
            if path.upper().startswith(begins):
                found[path[len(begins) :].split("\\")[0]] = None
        if index >= len(found):
            raise OSError("no more")
        return sorted(found)[index]

    def _in(self, key: Key) -> dict[str, dict[str, Any]]:
        return {path: values for (path, view), values in self._keys.items() if view == key.view}
