"""The browsers of a Linux desktop, and where their Firefox keeps its profiles.

No browser is started to be asked for its version: it is read where its package wrote it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from diagcps.browsing import Browser, BrowserKind, BrowserPolicy, Browsers, Sandbox
from diagcps.host.browser_policies import of_chromium, of_firefox
from diagcps.host.files import entries, text_of
from diagcps.host.firefox import Place
from diagcps.host.linux_desktop import Application, Desktop

_KINDS = (
    ("firefox", BrowserKind.FIREFOX),
    ("google-chrome", BrowserKind.CHROME),
    ("com.google.chrome", BrowserKind.CHROME),
    ("microsoft-edge", BrowserKind.EDGE),
    ("com.microsoft.edge", BrowserKind.EDGE),
    ("chromium", BrowserKind.CHROMIUM),
)
"""By what the id of the desktop file holds."""
_NAMES = {
    BrowserKind.FIREFOX: "Firefox",
    BrowserKind.CHROME: "Google Chrome",
    BrowserKind.EDGE: "Microsoft Edge",
    BrowserKind.CHROMIUM: "Chromium",
}
_ESR = "firefox-esr"

_FIREFOX_FOLDERS = ("usr/lib/firefox", "usr/lib64/firefox", "opt/firefox")
"""Where Debian and Ubuntu, Red Hat, and Mozilla's archive put it."""
_ESR_FOLDERS = ("usr/lib/firefox-esr", "usr/lib64/firefox-esr")
_PACKAGES = {
    BrowserKind.CHROME: ("google-chrome-stable",),
    BrowserKind.EDGE: ("microsoft-edge-stable",),
    BrowserKind.CHROMIUM: ("chromium", "chromium-browser"),
}
_DPKG_STATUS = "var/lib/dpkg/status"
_MOST_OF_STATUS = 64 << 20
"""Bytes; a desktop with 3,000 packages has 4 MB."""
_MOST_OF_METADATA = 4 << 20
_MOST_LINKS = 8

_SNAP_COMMAND = "/snap/bin/"
_FLATPAK_COMMAND = re.compile(r"flatpak(?: \S+){0,16} run ")
_SNAP = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_APP_ID = re.compile(r"[a-z0-9_-]{1,80}(?:\.[a-z0-9_-]{1,80}){2,8}", re.ASCII)

_OF_APPLICATION = re.compile(r"^Version=([0-9][0-9a-z.]{0,30})\r?$", re.MULTILINE)
_OF_SNAP = re.compile(r"^version: *['\"]?([0-9][0-9a-z.]{0,30})", re.MULTILINE)
_OF_RELEASE = re.compile(r"<release [^>]{0,200}?version=\"([0-9][0-9.]{0,30})")
_STANZA = re.compile(
    r"^Package: (google-chrome-stable|microsoft-edge-stable|chromium|chromium-browser)\n"
    r"Status: install ok installed\n(?:[^\n]+\n){0,64}?Version: (?:[0-9]+:)?([0-9][0-9.]{0,30})",
    re.MULTILINE,
)
"""The beginning of a stanza of dpkg's status file, and the upstream version (deb-version(7))."""

_FIREFOX_POLICIES = "etc/firefox/policies/policies.json"
_POLICIES = (
    (BrowserKind.CHROME, "etc/opt/chrome/policies/managed"),
    (BrowserKind.CHROMIUM, "etc/chromium/policies/managed"),
    (BrowserKind.EDGE, "etc/opt/edge/policies/managed"),
)
_MOST_POLICY_FILES = 64

_CONFIG = "mozilla/firefox"
"""Since Firefox 147, under the person's settings, unless there were profiles before."""
_OLD_CONFIG = ".mozilla/firefox"
_SNAP_HOME, _FLATPAK_HOME = "snap/firefox/common", ".var/app/org.mozilla.firefox"


def read_browsers(root: Path, home: Path, environ: Mapping[str, str]) -> Browsers:
    """The browsers that this person's desktop shows, and the one that opens web addresses.

    Never raises: what cannot be read is not there, and a version that no file says is empty.
    """
    desktop = Desktop(root=root, home=home, environ=environ)
    packages = dict(_STANZA.findall(text_of(root / _DPKG_STATUS, _MOST_OF_STATUS) or ""))
    found = {each.id: _browser(root, home, each, packages) for each in desktop.browsers()}
    default = desktop.default(found)
    kinds = {browser.kind for browser in found.values()}
    # With one alone there is nothing to choose.
    kind = found[default].kind if default else (kinds.pop() if len(kinds) == 1 else None)
    return Browsers(
        browsers=tuple(dict.fromkeys(found.values())),
        default=None if kind is BrowserKind.OTHER else kind,
        policies=tuple(_policies(root)),
        hidden=not found and desktop.hides(),
        source="*.desktop, mimeapps.list",
    )


def firefox_places(root: Path, home: Path, environ: Mapping[str, str]) -> tuple[Place, ...]:
    """The folders in which a Firefox of this person lists its profiles, as far as there are."""
    config = Desktop(root=root, home=home, environ=environ).config()
    places = (
        (config / _CONFIG, f"~/.config/{_CONFIG}", Sandbox.NONE),
        (home / _OLD_CONFIG, f"~/{_OLD_CONFIG}", Sandbox.NONE),
        (home / _SNAP_HOME / _OLD_CONFIG, f"~/{_SNAP_HOME}/{_OLD_CONFIG}", Sandbox.SNAP),
        (home / _FLATPAK_HOME / _OLD_CONFIG, f"~/{_FLATPAK_HOME}/{_OLD_CONFIG}", Sandbox.FLATPAK),
        (
            home / _FLATPAK_HOME / "config" / _CONFIG,
            f"~/{_FLATPAK_HOME}/config/{_CONFIG}",
            Sandbox.FLATPAK,
        ),
    )
    return tuple(
        Place(folder=folder, name=name, sandbox=sandbox) for folder, name, sandbox in places
    )


def _browser(root: Path, home: Path, app: Application, packages: Mapping[str, str]) -> Browser:
    kind = next((kind for part, kind in _KINDS if part in app.id), BrowserKind.OTHER)
    version, source = _version(root, home, app, kind, packages)
    name = _NAMES.get(kind, app.name)
    return Browser(
        kind=kind,
        name=f"{name} ESR" if _ESR in app.id else name,
        version=version,
        sandbox=_sandbox(app),
        source=f"*.desktop, {source}" if version else "*.desktop",
    )


def _version(
    root: Path, home: Path, app: Application, kind: BrowserKind, packages: Mapping[str, str]
) -> tuple[str, str]:
    """The version, empty when no file says it, and the name of the file that would."""
    match _sandbox(app):
        case Sandbox.SNAP:
            return _of_snap(root, app), "snap.yaml"
        case Sandbox.FLATPAK:
            return _of_flatpak(root, home, app), "metainfo.xml"
        case Sandbox.NONE:
            if kind is BrowserKind.FIREFOX:
                return _of_firefox(root, app), "application.ini"
            named = (packages.get(package, "") for package in _PACKAGES.get(kind, ()))
            return next(filter(None, named), ""), "/var/lib/dpkg/status"


def _sandbox(app: Application) -> Sandbox:
    if _SNAP_COMMAND in app.command:
        return Sandbox.SNAP
    return Sandbox.FLATPAK if _FLATPAK_COMMAND.search(app.command) else Sandbox.NONE


def _of_firefox(root: Path, app: Application) -> str:
    command = next((word for word in app.command.split() if word.startswith("/")), "")
    started = _followed(root, root / command.lstrip("/")).parent
    usual = _ESR_FOLDERS if _ESR in app.id else _FIREFOX_FOLDERS
    folders = (started, *(root / folder for folder in usual))
    return _first(_OF_APPLICATION, *(folder / "application.ini" for folder in folders))


def _of_snap(root: Path, app: Application) -> str:
    name = app.command.partition(_SNAP_COMMAND)[2].split(" ")[0].split(".")[0]
    if not _SNAP.fullmatch(name):
        return ""
    return _first(_OF_SNAP, root / "snap" / name / "current/meta/snap.yaml")


def _of_flatpak(root: Path, home: Path, app: Application) -> str:
    """By the newest release that the application's own description lists."""
    folders = (home / ".local/share/flatpak/app", root / "var/lib/flatpak/app")
    # The id of a desktop file is compared without case, a folder's name is not.
    found = (each for folder in folders for each in entries(folder) if each.name.lower() == app.id)
    if not _APP_ID.fullmatch(app.id):
        return ""
    described = (
        each / "current/active/files/share" / kind / f"{each.name}.{kind}.xml"
        for each in found
        for kind in ("metainfo", "appdata")
    )
    return _first(_OF_RELEASE, *described)


def _first(pattern: re.Pattern[str], *files: Path) -> str:
    """What the pattern finds in the first of the files in which it does; else empty."""
    for file in files:
        if found := pattern.search(text_of(file, _MOST_OF_METADATA) or ""):
            return found[1]
    return ""


def _followed(root: Path, file: Path) -> Path:
    """Where a link leads, under `root`; a loop is left after a few steps."""
    for _ in range(_MOST_LINKS):
        try:
            target = file.readlink()
        except (OSError, ValueError):
            break
        file = root / str(target).lstrip("/") if target.is_absolute() else file.parent / target
    return file


def _policies(root: Path) -> Iterator[BrowserPolicy]:
    said = _json(root / _FIREFOX_POLICIES)
    yield from of_firefox(said.get("policies") if isinstance(said, dict) else None)
    for kind, folder in _POLICIES:
        files = sorted(file for file in entries(root / folder) if file.suffix == ".json")
        yield from chain.from_iterable(
            of_chromium(kind, _json(file)) for file in files[:_MOST_POLICY_FILES]
        )


def _json(file: Path) -> object:
    try:
        said: object = json.loads(text_of(file) or "null")
    except (ValueError, RecursionError):
        return None
    return said
