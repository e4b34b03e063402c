"""The browsers of a Mac, by the property lists of their applications, and where Firefox keeps its
profiles.

Written from documentation; not yet run on a Mac.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from diagcps.browsing import Browser, BrowserKind, BrowserPolicy, Browsers
from diagcps.facts import FileState
from diagcps.host.browser_policies import of_chromium, of_firefox
from diagcps.host.files import entries, state_of
from diagcps.host.firefox import Place
from diagcps.host.plists import read_plist, text

_KINDS = {
    "com.apple.safari": BrowserKind.SAFARI,
    "com.google.chrome": BrowserKind.CHROME,
    "com.microsoft.edgemac": BrowserKind.EDGE,
    "org.chromium.chromium": BrowserKind.CHROMIUM,
    "org.mozilla.firefox": BrowserKind.FIREFOX,
}
"""By CFBundleIdentifier, which is compared without case."""
_APPLICATIONS, _PROPERTIES = "Applications", "Contents/Info.plist"
_SAFARI = ("Applications/Safari.app", "System/Cryptexes/App/System/Applications/Safari.app")
"""Where the system keeps it: since macOS 13 no listing of /Applications shows it."""
_MOST_APPLICATIONS = 1000

_HANDLERS = "Library/Preferences/com.apple.LaunchServices/com.apple.launchservices.secure.plist"
"""What the person chose to open each kind of address (LaunchServices)."""
_MOST_HANDLERS = 2000

_MANAGED = "Library/Managed Preferences"
_CHROMIUM_DOMAINS = (
    (BrowserKind.CHROME, "com.google.Chrome"),
    (BrowserKind.EDGE, "com.microsoft.Edge"),
    (BrowserKind.CHROMIUM, "org.chromium.Chromium"),
)
_FIREFOX_DOMAIN = "org.mozilla.firefox"

_FIREFOX_FOLDER = "Library/Application Support/Firefox"


def read_browsers(root: Path, home: Path) -> Browsers:
    """The browsers in the two folders of applications, and the one that opens web addresses.

    Never raises: what cannot be read is not there.
    """
    found = tuple(dict.fromkeys(_browsers(root, home)))
    return Browsers(
        browsers=found,
        default=_default(home, {browser.kind for browser in found}),
        policies=tuple(_policies(root, home)),
        hidden=not found and _hides(root, home),
        source="Info.plist, com.apple.launchservices.secure.plist, Managed Preferences",
    )


def firefox_places(home: Path) -> tuple[Place, ...]:
    """The folder in which Firefox lists this person's profiles."""
    return (Place(folder=home / _FIREFOX_FOLDER, name=f"~/{_FIREFOX_FOLDER}"),)


def _browsers(root: Path, home: Path) -> Iterator[Browser]:
    folders = ((root / _APPLICATIONS, "/Applications"), (home / _APPLICATIONS, "~/Applications"))
    for folder, name in folders:
        for bundle in _bundles(folder):
            yield from _browser(bundle, f"{name}, Info.plist")
    for place in _SAFARI:
        yield from _browser(root / place, "/Applications, Info.plist")


def _bundles(folder: Path) -> Iterator[Path]:
    bundles = (entry for entry in entries(folder) if entry.suffix == ".app")
    return islice(bundles, _MOST_APPLICATIONS)


def _hides(root: Path, home: Path) -> bool:
    """An application, or a folder of them, cannot be read."""
    folders = (root / _APPLICATIONS, home / _APPLICATIONS)
    bundles = (*_bundles(folders[0]), *_bundles(folders[1]), *(root / place for place in _SAFARI))
    places = (*folders, *(bundle / _PROPERTIES for bundle in bundles))
    return any(state_of(place) is FileState.UNREADABLE for place in places)


def _browser(bundle: Path, source: str) -> Iterator[Browser]:
    about = read_plist(bundle / _PROPERTIES)
    kind = _KINDS.get(text(about.get("CFBundleIdentifier")).lower())
    if kind is not None:
        yield Browser(
            kind=kind,
            name=text(about.get("CFBundleName")) or kind.value,
            version=text(about.get("CFBundleShortVersionString")),
            source=source,
        )


def _default(home: Path, installed: set[BrowserKind]) -> BrowserKind | None:
    """Safari until the person chooses; None when the choice cannot be read, or is another one."""
    file = home / _HANDLERS
    handlers = read_plist(file).get("LSHandlers")
    if not isinstance(handlers, list):
        chosen_none = state_of(file) is FileState.ABSENT and BrowserKind.SAFARI in installed
        return BrowserKind.SAFARI if chosen_none else None
    for handler in handlers[:_MOST_HANDLERS]:
        if isinstance(handler, dict) and handler.get("LSHandlerURLScheme") == "https":
            chosen = text(handler.get("LSHandlerRoleAll") or handler.get("LSHandlerRoleViewer"))
            return _KINDS.get(chosen.lower())
    return BrowserKind.SAFARI if BrowserKind.SAFARI in installed else None


def _policies(root: Path, home: Path) -> Iterator[BrowserPolicy]:
    """Of the computer, then of the person, whose folder there has the name of their own."""
    folders = (root / _MANAGED, root / _MANAGED / home.name)
    for folder in folders if home.name else folders[:1]:
        for kind, domain in _CHROMIUM_DOMAINS:
            yield from of_chromium(kind, read_plist(folder / f"{domain}.plist"))
        yield from of_firefox(_of_firefox(read_plist(folder / f"{_FIREFOX_DOMAIN}.plist")))


def _of_firefox(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Policies of policies, where they are written flat (LocalNetworkAccess__SkipDomains) too."""
    policies: dict[str, Any] = dict(said)
    for key, value in said.items():
        outer, flat, inner = key.partition("__")
        if flat and isinstance(policies.setdefault(outer, {}), dict):
            policies[outer] = {**policies[outer], inner: value}
    return policies
