r"""The browsers of Windows, by its registry, and where Firefox keeps its profiles.

Clients\StartMenuInternet (Microsoft, « Registering Programs with Client Types ») and App Paths
(« Application Registration ») say what is installed, the person's UserChoice what opens an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from diagcps.browsing import Browser, BrowserKind, BrowserPolicy, Browsers
from diagcps.card import binary
from diagcps.facts import FileState
from diagcps.host.browser_policies import (
    ENABLED,
    OF_CHROMIUM,
    OF_FIREFOX,
    SKIPPED,
    of_chromium,
    of_firefox,
)
from diagcps.host.files import entries, state_of, text_of
from diagcps.host.firefox import Place
from diagcps.host.windows_registry import Hive, Registry, Values, View
from diagcps.model import ProbeDenied
from diagcps.records import record

_CLIENTS = r"SOFTWARE\Clients\StartMenuInternet"
_APP_PATHS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths"
_USER_CHOICE = r"SOFTWARE\Microsoft\Windows\Shell\Associations\UrlAssociations\https\UserChoice"
_TREES = (
    (Hive.MACHINE, View.SYSTEM),
    (Hive.MACHINE, View.PROGRAMS_32),
    (Hive.PERSON, View.SYSTEM),
    (Hive.PERSON, View.PROGRAMS_32),
)

_PROGRAMS = {
    "firefox.exe": BrowserKind.FIREFOX,
    "chrome.exe": BrowserKind.CHROME,
    "msedge.exe": BrowserKind.EDGE,
    "iexplore.exe": BrowserKind.INTERNET_EXPLORER,
}
_CHROMIUM = "chromium"
"""Chromium's program is chrome.exe too, in Chromium\\Application."""
_NAMES = {
    BrowserKind.FIREFOX: "Mozilla Firefox",
    BrowserKind.CHROME: "Google Chrome",
    BrowserKind.EDGE: "Microsoft Edge",
    BrowserKind.CHROMIUM: "Chromium",
    BrowserKind.INTERNET_EXPLORER: "Internet Explorer",
}
_CHOICES = (
    ("firefox", BrowserKind.FIREFOX),
    ("chromium", BrowserKind.CHROMIUM),
    ("chrome", BrowserKind.CHROME),
    ("msedge", BrowserKind.EDGE),
    ("ie.http", BrowserKind.INTERNET_EXPLORER),
)
"""How the ProgId begins that each registers for https addresses, in lower case."""

_VERSIONS = {
    BrowserKind.CHROME: (r"SOFTWARE\Google\Chrome\BLBeacon", "version"),
    BrowserKind.EDGE: (r"SOFTWARE\Microsoft\Edge\BLBeacon", "version"),
    BrowserKind.CHROMIUM: (r"SOFTWARE\Chromium\BLBeacon", "version"),
    BrowserKind.INTERNET_EXPLORER: (r"SOFTWARE\Microsoft\Internet Explorer", "svcVersion"),
}
"""What each writes when it starts."""
_VERSION = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}", re.ASCII)
_OF_FIREFOX = re.compile(r"^Version=([0-9][0-9a-z.]{0,30})\r?$", re.MULTILINE)
_VARIABLE = re.compile(r"%([^%]{1,64})%")
_COMMAND = re.compile(r'^\s*(?:"([^"]+)"|(.+?\.exe)\b)', re.IGNORECASE)
_ELSEWHERE = ("\\\\", "//")
_LONGEST_NAME = 80

_POLICIES = (
    (BrowserKind.CHROME, r"SOFTWARE\Policies\Google\Chrome"),
    (BrowserKind.EDGE, r"SOFTWARE\Policies\Microsoft\Edge"),
    (BrowserKind.CHROMIUM, r"SOFTWARE\Policies\Chromium"),
)
_FIREFOX_POLICIES = r"SOFTWARE\Policies\Mozilla\Firefox"
_NUMBERS = tuple(str(number) for number in range(1, 65))
"""The names of the values of a list in a policy."""


@record
class _Reading:
    """The registry, and the variables of the person's session for the paths in it."""

    registry: Registry
    environ: Mapping[str, str]

    def values(self, path: str, *names: str, hive: Hive, view: View = View.SYSTEM) -> Values:
        """None of them for a key that may not be opened."""
        with suppress(ProbeDenied):
            return self.registry.values(path, *names, hive=hive, view=view)
        return Values(found={})

    def keys(self, path: str, *, hive: Hive, view: View) -> tuple[str, ...]:
        with suppress(ProbeDenied):
            return self.registry.keys(path, hive=hive, view=view)
        return ()

    def program(self, command: str) -> str:
        """The program of a command line, variables filled in; empty for none on this machine."""
        found = _COMMAND.match(command)
        path = (found[1] or found[2]) if found else ""
        known = {name.upper(): value for name, value in self.environ.items()}
        path = _VARIABLE.sub(lambda name: known.get(name[1].upper(), name[0]), path)
        return "" if path.startswith(_ELSEWHERE) else path


def read_browsers(environ: Mapping[str, str], registry: Registry | None = None) -> Browsers:
    """The browsers that are registered for all and for this person, and the one for addresses.

    A key that may not be opened adds nothing; a version that nothing says is empty. Raises
    ProbeUnsupported where there is no registry.
    """
    reading = _Reading(registry=registry or Registry(), environ=environ)
    found = {**dict(_app_paths(reading)), **dict(_clients(reading))}
    there = {
        path.lower(): _browser(reading, path, name)
        for path, name in found.items()
        if path and state_of(Path(path)) is not FileState.ABSENT
    }
    chosen = reading.values(_USER_CHOICE, "ProgId", hive=Hive.PERSON).text("ProgId").lower()
    return Browsers(
        browsers=tuple(there.values()),
        default=next((kind for start, kind in _CHOICES if chosen.startswith(start)), None),
        policies=tuple(_policies(reading)),
        source=r"StartMenuInternet, App Paths, UrlAssociations\https\UserChoice, Policies",
    )


def firefox_places(environ: Mapping[str, str]) -> tuple[Place, ...]:
    """The folder in which Firefox lists this person's profiles; none without %APPDATA%."""
    folder = environ.get("APPDATA")
    if not folder:
        return ()
    return (Place(folder=Path(folder, "Mozilla", "Firefox"), name=r"%APPDATA%\Mozilla\Firefox"),)


def _clients(reading: _Reading) -> Iterator[tuple[str, str]]:
    """The program of each browser that registered itself as one, and what it is called."""
    for hive, view in _TREES:
        for key in reading.keys(_CLIENTS, hive=hive, view=view):
            own = rf"{_CLIENTS}\{key}"
            command = reading.values(rf"{own}\shell\open\command", "", hive=hive, view=view)
            name = reading.values(own, "", hive=hive, view=view).text("")[:_LONGEST_NAME]
            yield reading.program(command.text("")), name


def _app_paths(reading: _Reading) -> Iterator[tuple[str, str]]:
    for hive, view in _TREES:
        for program in _PROGRAMS:
            place = reading.values(rf"{_APP_PATHS}\{program}", "", hive=hive, view=view)
            yield reading.program(place.text("")), ""


def _browser(reading: _Reading, path: str, name: str) -> Browser:
    file = Path(path.replace("\\", "/"))
    kind = _PROGRAMS.get(file.name.lower(), BrowserKind.OTHER)
    if kind is BrowserKind.CHROME and _CHROMIUM in (
        name.lower(),
        file.parent.parent.name.lower(),
    ):
        kind = BrowserKind.CHROMIUM
    version, source = _version(reading, kind, file.parent)
    return Browser(
        kind=kind,
        name=_NAMES.get(kind, name),
        version=version,
        architecture=next(iter(binary.of_file(str(file))), ""),
        source=f"StartMenuInternet, App Paths{', ' if source else ''}{source}",
    )


def _version(reading: _Reading, kind: BrowserKind, folder: Path) -> tuple[str, str]:
    """The version, empty when nothing says it, and where it was found."""
    if kind is BrowserKind.FIREFOX:
        found = _OF_FIREFOX.search(text_of(folder / "application.ini") or "")
        return (found[1], "application.ini") if found else ("", "")
    path, name = _VERSIONS.get(kind, ("", ""))
    for hive, view in reversed(_TREES) if path else ():
        said = reading.values(path, name, hive=hive, view=view).text(name)
        if _VERSION.fullmatch(said):
            return said, path.rpartition("\\")[2]
    # Chromium's relatives keep each version in a folder of its name, beside the program.
    names = (entry.name for entry in entries(folder) if _VERSION.fullmatch(entry.name))
    newest = max(names, key=lambda each: [int(part) for part in each.split(".")], default="")
    return newest, "folder of the program" if newest else ""


def _policies(reading: _Reading) -> Iterator[BrowserPolicy]:
    for hive in (Hive.MACHINE, Hive.PERSON):
        for kind, path in _POLICIES:
            lists = {name: _list(reading, rf"{path}\{name}", hive) for name in OF_CHROMIUM}
            yield from of_chromium(kind, lists)
        own = rf"{_FIREFOX_POLICIES}\{OF_FIREFOX}"
        enabled = reading.values(own, ENABLED, hive=hive).number(ENABLED)
        skipped = _list(reading, rf"{own}\{SKIPPED}", hive)
        yield from of_firefox({OF_FIREFOX: {SKIPPED: skipped, ENABLED: enabled}})


def _list(reading: _Reading, path: str, hive: Hive) -> list[str]:
    values = reading.values(path, *_NUMBERS, hive=hive)
    return [text for text in (values.text(name) for name in _NUMBERS) if text]
