"""The Firefox profiles of a person, by their files alone: Firefox is never started.

profiles.ini and installs.ini list them (Mozilla, « Understanding in depth the profile per
installation feature »). In each, Firefox keeps its extensions in extensions.json, the security
modules it loads in pkcs11.txt, its settings in prefs.js and certificates in cert9.db (NSS).
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from diagcps.browsing import Extension, FirefoxProfile, FirefoxProfiles, Sandbox, SecurityModule
from diagcps.catalogue import Catalogue
from diagcps.facts import FileState
from diagcps.host.common import library, printable
from diagcps.host.files import beginning, changed, state_of
from diagcps.host.stores import fingerprint
from diagcps.model import Private, PrivateKind
from diagcps.records import record

_MOST_PROFILES = 64
_MOST_BYTES = 16 << 20
_MOST_BYTES_OF_A_LIST = 1 << 20
_LONGEST_NAME = 100
_LONGEST_VERSION = 40
_MOST_LISTED = 64
"""Of extensions and of modules; Firefox lists each once."""
_MOST_CERTIFICATES = 4096
_LARGEST_CERTIFICATE = 64 << 10
_MOST_STEPS_OF_SQLITE = 5_000_000
"""Instructions of SQLite's machine: a store of 4,000 certificates is read in some 100,000."""

_PROFILE = re.compile(r"Profile[0-9]+", re.ASCII)
_INSTALLATION = "Install"
_ELSEWHERE = ("\\\\", "//")
"""How the name of another machine's folder begins: to look there would sign in to it."""

_TOUCHED_IN_USE = (
    "times.json", "cookies.sqlite", "places.sqlite", "sessionCheckpoints.json", "xulstore.json",
    "datareporting/session-state.json",
)  # fmt: skip
"""Files that Firefox itself writes while somebody uses it, and the Cryptolib's installers do not.
That of macOS writes prefs.js and « extensions » in every profile of whoever installs."""

_AUTOLOAD = re.compile(
    r'^[ \t]*user_pref\([ \t]*"security\.osclientcerts\.autoload"[ \t]*,[ \t]*(true|false)[ \t]*\)',
    re.MULTILINE,
)
_MODULES = (
    "module de sécurité cps", "cps3_x86", "cps3", "cps_2ter_galss", "cps_2ter_pcsc", "opensc",
)  # fmt: skip
"""How modules of the card are named: the first is what the Cryptolib's manifest calls its own, and
so Firefox, when the extension adds it."""
_LIBRARIES = ("cps3_pkcs11", "cps_pkcs11", "opensc-pkcs11", "onepin-opensc-pkcs11")
"""How the files of the card's libraries begin, without the « lib » of Unix."""
_PLAIN_FILE_NAME = re.compile(r"[\w.+-]{1,64}", re.ASCII)

_CERTIFICATES = "SELECT a11 FROM nssPublic WHERE typeof(a11) = 'blob' AND length(a11) <= ? LIMIT ?"
"""NSS names a column after the number of the attribute: 0x11 is CKA_VALUE (PKCS#11, NSS sdb.c)."""

_SOURCE = "profiles.ini, installs.ini, extensions.json, pkcs11.txt, prefs.js, cert9.db"


@record
class Place:
    """A folder in which a Firefox lists its profiles."""

    folder: Path
    name: str
    """How evidence names it, without the person's own folder."""
    sandbox: Sandbox = Sandbox.NONE


@record
class _Listed:
    """A profile as a list has it."""

    place: Place
    name: str
    folder: Path | None
    """None when the list does not say where, or names a folder that must not be looked at."""
    default: bool


def read_profiles(places: Iterable[Place], catalogue: Catalogue) -> FirefoxProfiles:
    """The profiles that are listed in `places`, those that Firefox opens by itself first.

    Never raises: what cannot be read is a profile in the state UNREADABLE; of a list that cannot be
    read, one such profile is told. At most 64 are looked at.
    """
    found = [listed for place in places for listed in _listed(place)]
    found.sort(key=lambda listed: not listed.default)
    looked_at = found[:_MOST_PROFILES]
    return FirefoxProfiles(
        profiles=tuple(_profile(listed, catalogue) for listed in looked_at),
        unread=len(found) - len(looked_at),
        source=_SOURCE,
    )


def _listed(place: Place) -> Iterator[_Listed]:
    try:
        own = _read(place.folder / "profiles.ini")
        installs = _read(place.folder / "installs.ini")
    except (OSError, ValueError):
        yield _Listed(place=place, name="", folder=None, default=True)
        return
    profiles, opened = parse_list(own or "", installs or "")
    seen = set[str]()
    for values in profiles:
        path = values.get("Path", "")
        if path not in seen:
            seen.add(path)
            yield _Listed(
                place=place,
                name=printable(values.get("Name", ""))[:_LONGEST_NAME],
                folder=_folder(place, path, is_relative=values.get("IsRelative") == "1"),
                default=path in opened,
            )


def parse_list(profiles_ini: str, installs_ini: str) -> tuple[list[dict[str, str]], set[str]]:
    """The profiles of profiles.ini, and the paths of those that a Firefox opens by itself.

    Since Firefox 67 each installation has its own; before, and where none is named, the one that
    is marked counts, or the only one.
    """
    sections = _sections(profiles_ini)
    profiles = [values for name, values in sections if _PROFILE.fullmatch(name)]
    installations = [values for name, values in sections if name.startswith(_INSTALLATION)]
    installations += [values for _, values in _sections(installs_ini)]
    paths = {values.get("Path", "") for values in profiles}
    opened = {values.get("Default", "") for values in installations} & paths
    if not opened:
        opened = {each.get("Path", "") for each in profiles if each.get("Default") == "1"}
    return profiles, opened or (paths if len(paths) == 1 else set())


def _sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """The sections of an INI file as Mozilla reads one: the last value of a key counts."""
    sections: list[tuple[str, dict[str, str]]] = []
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            sections.append((line[1:-1], {}))
        elif sections and "=" in line and not line.startswith((";", "#")):
            key, _, value = line.partition("=")
            sections[-1][1][key.strip()] = value.strip()
    return sections


def _folder(place: Place, path: str, *, is_relative: bool) -> Path | None:
    if not path or "\0" in path or path.startswith(_ELSEWHERE):
        return None
    if is_relative:
        return place.folder / path
    folder = Path(path)
    # On macOS it may be an alias in Base64, which only the system can follow.
    return folder if folder.is_absolute() else None


def _profile(listed: _Listed, catalogue: Catalogue) -> FirefoxProfile:
    bare = FirefoxProfile(
        name=Private(PrivateKind.TEXT, listed.name),
        place=listed.place.name,
        default=listed.default,
        state=FileState.UNREADABLE,
        sandbox=listed.place.sandbox,
    )
    if listed.folder is None:
        return bare
    if state_of(listed.folder) is FileState.ABSENT:
        return replace(bare, state=FileState.ABSENT)
    try:
        return _read_profile(bare, listed.folder, catalogue)
    except (OSError, ValueError, RecursionError):
        return replace(bare, used=_last_use(listed.folder))


def _read_profile(bare: FirefoxProfile, folder: Path, catalogue: Catalogue) -> FirefoxProfile:
    """Raises OSError, ValueError or RecursionError for what cannot be read or understood."""
    add_ons = _read(folder / "extensions.json", most=_MOST_BYTES)
    if add_ons is None:
        return replace(bare, state=FileState.EMPTY)
    cryptolib = catalogue.cryptolib
    known = {cryptolib.extension, *cryptolib.old_extensions}
    extensions = parse_extensions(add_ons, known)
    modules = _read(folder / "pkcs11.txt")
    if modules is None and any(e.active and e.id == cryptolib.extension for e in extensions):
        # NSS deletes the list before it writes it anew: which modules there are is not known.
        raise FileNotFoundError("pkcs11.txt")
    # What user.js says is taken over at each start: it counts last.
    settings = [_read(folder / name, most=_MOST_BYTES) or "" for name in ("prefs.js", "user.js")]
    wanted = {authority.sha1 for authority in catalogue.authorities.authorities}
    return replace(
        bare,
        state=FileState.PRESENT,
        used=_last_use(folder),
        extensions=extensions,
        modules=parse_modules(modules or ""),
        system_certificates=parse_autoload("\n".join(settings)),
        authorities=_authorities(folder / "cert9.db", wanted),
    )


def parse_extensions(text: str, known: Collection[str]) -> tuple[Extension, ...]:
    """Those of `known` in an extensions.json.

    One that an extension of another folder hides is left out. Raises ValueError or RecursionError
    for what is no such file.
    """
    table = json.loads(text)
    entries = table.get("addons") if isinstance(table, dict) else None
    if not isinstance(entries, list):
        raise ValueError("extensions.json: no list of add-ons")
    return tuple(
        Extension(
            id=entry["id"],
            version=printable(str(entry.get("version", "")))[:_LONGEST_VERSION],
            active=entry.get("active") is True,
        )
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("id"), str)
        and entry["id"] in known
        and entry.get("visible") is not False
    )[:_MOST_LISTED]


def parse_modules(text: str) -> tuple[SecurityModule, ...]:
    """The card's modules in a pkcs11.txt, where an empty line ends each (NSS, pk11pars.h).

    A name is what people chose: only its known beginning is kept.
    """
    found = []
    for block in re.split(r"\n[ \t\r]*\n", text):
        lines = (line.partition("=") for line in block.splitlines())
        values = {key.strip().lower(): value.strip() for key, _, value in lines}
        path, name = values.get("library", ""), values.get("name", "").lower()
        file = re.split(r"[/\\]", path)[-1]
        known = next((each for each in _MODULES if name.startswith(each)), "")
        if known or file.lower().removeprefix("lib").startswith(_LIBRARIES):
            plain = file if _PLAIN_FILE_NAME.fullmatch(file) else ""
            found.append(SecurityModule(name=known, library=plain))
    return tuple(found[:_MOST_LISTED])


def parse_autoload(text: str) -> bool | None:
    """What a prefs.js or user.js sets security.osclientcerts.autoload to; None when it does not.

    Firefox writes only what differs from its own default.
    """
    said = _AUTOLOAD.findall(text)
    return said[-1] == "true" if said else None


def _authorities(file: Path, wanted: Collection[str]) -> tuple[str, ...] | None:
    """Those of `wanted` (SHA-1, upper case) that the store holds; None when it cannot be read."""
    sqlite3 = library("sqlite3")
    try:
        state = state_of(file)
        if state in (FileState.ABSENT, FileState.EMPTY):
            return ()
        if state is FileState.UNREADABLE or file.stat().st_size > _MOST_BYTES:
            return None
        # Immutable: neither locked nor recovered, whatever Firefox is doing with it.
        address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as store:
            store.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
            store.set_progress_handler(lambda: True, _MOST_STEPS_OF_SQLITE)
            rows = store.execute(_CERTIFICATES, (_LARGEST_CERTIFICATE, _MOST_CERTIFICATES))
            held = {fingerprint(row[0]) for row in rows}
    except (OSError, ValueError, sqlite3.Error):
        return None
    return tuple(sorted(held & set(wanted)))


def _last_use(folder: Path) -> datetime | None:
    """When Firefox last wrote one of its files; None where none can be asked for."""
    files = (folder / name for name in _TOUCHED_IN_USE)
    there = (file for file in files if state_of(file) in (FileState.PRESENT, FileState.EMPTY))
    times = (changed(file) for file in there if not file.is_dir())
    return max((time for time in times if time is not None), default=None)


def _read(file: Path, *, most: int = _MOST_BYTES_OF_A_LIST) -> str | None:
    """The text of a file; None when it is not there. Raises OSError when it cannot be read."""
    if state_of(file) is FileState.ABSENT:
        return None
    data = beginning(file, most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, "too large")
    return data.decode("utf-8-sig", errors="replace")
