"""The applications that a Linux desktop shows to its user, and which one opens web addresses.

Freedesktop's « Desktop Entry Specification », « XDG Base Directory Specification » and
« Association between MIME types and applications ».
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path

from diagcps.facts import FileState
from diagcps.host.common import printable
from diagcps.host.files import entries, state_of, text_of
from diagcps.records import record

_SCHEME = "x-scheme-handler/https"
_CATEGORY = "WebBrowser"
_ENTRY, _DEFAULTS = "Desktop Entry", "Default Applications"
_MOST_FILES = 2000
_MOST_BYTES = 256 << 10
_LONGEST_NAME = 80


@record
class Application:
    """A desktop file of a program that opens web addresses."""

    id: str
    """The name of its file, in lower case, without « .desktop »."""
    name: str
    command: str


@record
class Desktop:
    """The folders of a person's desktop, all under a root; `home` is under it already."""

    root: Path
    home: Path
    environ: Mapping[str, str]

    def config(self) -> Path:
        """The person's folder of settings."""
        return self._own("XDG_CONFIG_HOME", ".config")

    def browsers(self) -> tuple[Application, ...]:
        """What opens web addresses as a browser, by the desktop files; never raises.

        Of two files of a name the first one counts, even when it says that there is none.
        """
        found: dict[str, Application | None] = {}
        for file in islice(self._desktop_files(), _MOST_FILES):
            name = file.name.lower().removesuffix(".desktop")
            if name not in found:
                found[name] = _application(name, text_of(file, _MOST_BYTES) or "")
        return tuple(each for each in found.values() if each is not None)

    def hides(self) -> bool:
        """Something among these files and folders cannot be read."""
        places = chain(self._applications(), islice(self._desktop_files(), _MOST_FILES))
        return any(state_of(place) is FileState.UNREADABLE for place in places)

    def default(self, installed: Container[str]) -> str | None:
        """The id of the one of `installed` that opens https addresses; None when none is named."""
        for file in self._associations():
            defaults = _groups(text_of(file, _MOST_BYTES) or "").get(_DEFAULTS, {})
            for entry in defaults.get(_SCHEME, "").lower().split(";"):
                name = entry.strip().removesuffix(".desktop")
                if name and name in installed:
                    return name
        return None

    def _desktop_files(self) -> Iterator[Path]:
        for folder in self._applications():
            yield from (file for file in entries(folder) if file.suffix == ".desktop")

    def _applications(self) -> tuple[Path, ...]:
        """Where desktop files are, what wins first."""
        shared = self.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        folders = [self._own("XDG_DATA_HOME", ".local/share"), *self._under_root(shared)]
        # Sessions name these too, but a program that was not started from one need not.
        folders += [self.home / ".local/share/flatpak/exports/share"]
        folders += [self.root / "var/lib/flatpak/exports/share"]
        folders += [self.root / "var/lib/snapd/desktop"]
        return tuple(dict.fromkeys(folder / "applications" for folder in folders))

    def _associations(self) -> Iterator[Path]:
        """The files that name default applications, what wins first."""
        shared = self.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        folders = (self.config(), *self._under_root(shared), *self._applications())
        desktops = self.environ.get("XDG_CURRENT_DESKTOP", "").lower().split(":")
        names = [f"{name}-mimeapps.list" for name in desktops if name.isidentifier()]
        for folder in folders:
            yield from (folder / name for name in (*names, "mimeapps.list"))

    def _own(self, variable: str, usual: str) -> Path:
        given = self._under_root(self.environ.get(variable, ""))
        return next(given, self.home / usual)

    def _under_root(self, paths: str) -> Iterator[Path]:
        # A relative one is to be ignored (XDG Base Directory Specification).
        return (self.root / path.lstrip("/") for path in paths.split(":") if path.startswith("/"))


def _application(name: str, text: str) -> Application | None:
    """What a desktop file describes; None for anything but a browser, or one that is deleted."""
    entry = _groups(text).get(_ENTRY, {})
    opens = _SCHEME in entry.get("MimeType", "").split(";")
    is_browser = _CATEGORY in entry.get("Categories", "").split(";")
    if not (opens and is_browser) or entry.get("Hidden") == "true":
        return None
    return Application(
        id=name,
        name=printable(entry.get("Name", ""))[:_LONGEST_NAME],
        command=entry.get("Exec", ""),
    )


def _groups(text: str) -> dict[str, dict[str, str]]:
    """The groups of a key file; the first of a name counts, and the first key of a name in it."""
    groups: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in (line.strip() for line in text.split("\n")):
        if line.startswith("[") and line.endswith("]"):
            current = groups.setdefault(line[1:-1], {})
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            current.setdefault(key.strip(), value.strip())
    return groups
