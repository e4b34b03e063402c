"""How the Cryptolib is set on Windows, and who may write in its folders.

The values: external specification of its PKCS#11 library 2.0.0 (traces, for one person and for
all); MSI specification 3.3.4, annex B (CCM, Sign_Hash).
"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.facts import FileState
from diagcps.host.common import printable
from diagcps.host.cps_conf import parse_conf
from diagcps.host.files import entries, state_of, text_of
from diagcps.host.windows_places import Places
from diagcps.host.windows_registry import Hive, Registry, Values, View
from diagcps.host.windows_rights import may_write
from diagcps.workstation import FolderRights, Setting, Settings

_LIBRARY_KEY = r"SOFTWARE\ASIP Sante\PKCS11"
_MANAGER_KEY = r"SOFTWARE\ASIP Sante\CCM"
_OF_LIBRARY = {"Traces": "traces", "Debug": "debug", "Sign_Hash": "sign-hash"}
_OF_MANAGER = {"autoDetect": "auto-detect"}
_LONGEST = 16

_HOME = r"%ALLUSERSPROFILE%\santesocial\cps"
_FOLDERS = ("coffre", "log", "cache")
_CONF_BEGINS, _CONF_ENDS = "cps3_pkcs11", (".conf", ".ini")
_MOST_FILES = 8


def read_settings(registry: Registry, places: Places) -> Settings:
    """The settings that somebody made, and the rights on the folders by their access lists.

    Raises ProbeDenied for a key that may not be opened, ProbeUnsupported without a registry.
    """
    views = places.views
    return Settings(
        settings=(
            *_of_key(registry, views, _LIBRARY_KEY, _OF_LIBRARY),
            *_of_key(registry, views, _MANAGER_KEY, _OF_MANAGER),
            *_route(places),
        ),
        folders=tuple(_rights(places, name) for name in _FOLDERS),
        source=rf"{_LIBRARY_KEY}, {_MANAGER_KEY}, AccessCheck",
    )


def _of_key(
    registry: Registry, views: tuple[View, ...], path: str, names: dict[str, str]
) -> Iterator[Setting]:
    """What the person has set, and where they have not, what is set for all."""
    own = registry.values(path, *names, hive=Hive.PERSON)
    for_all = [(view, registry.values(path, *names, view=view)) for view in views]
    for value, name in names.items():
        if text := _text(own, value):
            yield Setting(name=name, value=text, source=rf"HKCU\{path}")
            continue
        for view, values in for_all:
            if text := _text(values, value):
                yield Setting(name=name, value=text, source=rf"HKLM\{path} ({view.value}-bit)")


def _text(values: Values, name: str) -> str:
    """The value, a number or the text of one; empty when it is not there."""
    number = values.number(name)
    return values.text(name)[:_LONGEST].strip() if number is None else str(number)


def _route(places: Places) -> Iterator[Setting]:
    """The way through GALSS, where a settings file of the library in its folder says it."""
    folder = places.find(_HOME)
    files = entries(folder) if folder is not None else ()
    ours = (
        file
        for file in files
        if file.name.lower().startswith(_CONF_BEGINS) and file.suffix.lower() in _CONF_ENDS
    )
    for file in sorted(ours)[:_MOST_FILES]:
        for name, value in parse_conf(text_of(file) or ""):
            if name == "galss":
                yield Setting(name=name, value=value, source=rf"{_HOME}\{printable(file.name)}")


def _rights(places: Places, name: str) -> FolderRights:
    place = rf"{_HOME}\{name}"
    folder = places.find(place)
    state = state_of(folder) if folder is not None else FileState.ABSENT
    if folder is None or state is not FileState.PRESENT:
        return FolderRights(name=name, place=place, state=state)
    return FolderRights(name=name, place=place, state=state, writable=may_write(folder))
