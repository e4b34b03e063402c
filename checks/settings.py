"""How the Cryptolib is set, and whether it may write where it must."""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Area,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    FileState,
    Finding,
    Level,
    NotApplicable,
    Platform,
    Settings,
    System,
)

from ._installed import OF_WORK, of_a_person, works

_NO_RIGHTS = CauseId("middleware.no-rights")
_TRACES = CauseId("middleware.traces-on")
_GALSS = CauseId("middleware.galss-route")

_ON = frozenset({"true", "yes", "on"})
_SHARED = {
    Platform.WINDOWS: ("coffre", "log", "cache"),
    Platform.MACOS: ("coffre", "log"),
    Platform.LINUX: ("coffre", "cache"),
}
"""The folders in which each installer lets everybody write: by the MSI's table of rights, by the
package's script (`update_cps3_rights`), by the modes in the RPM."""


def judge_rights(facts: Facts) -> Iterator[Finding | Evidence]:
    """This person may write in the folders that the Cryptolib writes in for them."""
    yield from of_a_person(facts)
    shared = _SHARED[facts[System].platform]
    there = [each for each in facts[Settings].folders if each.state is FileState.PRESENT]
    told = [each for each in there if each.name in shared and each.writable is not None]
    for each in told:
        key = "folder-writable" if each.writable else "folder-locked"
        yield Evidence(key=key, value=each.name, source=each.place)
    if not told:
        raise NotApplicable
    if not all(each.writable for each in told):
        yield Finding(cause=_NO_RIGHTS, level=Level.INFO if works(facts) else None)


def judge_traces(facts: Facts) -> Iterator[Finding | Evidence]:
    """The Cryptolib does not write down all that it does."""
    settings = facts[Settings].settings
    for each in settings:
        yield Evidence(key="setting", value=f"{each.name} = {each.value}", source=each.source)
    traces = [each.value for each in settings if each.name == "traces"]
    debug = [each.value for each in settings if each.name == "debug"]
    # A level of detail without the traces themselves writes nothing.
    if any(_is_on(value) for value in traces or debug):
        yield Finding(cause=_TRACES)


def judge_route(facts: Facts) -> Iterator[Finding | Evidence]:
    """The Cryptolib reaches the reader through PC/SC, and not through the old GALSS."""
    found = [each for each in facts[Settings].settings if each.name == "galss"]
    for each in found:
        yield Evidence(key="setting", value=f"{each.name} = {each.value}", source=each.source)
    if any(_is_on(each.value) for each in found):
        yield Finding(cause=_GALSS, level=Level.INFO if works(facts) else None)


def _is_on(value: str) -> bool:
    text = value.strip().lower()[:32]
    try:
        return text in _ON or int(text, 0) != 0
    except ValueError:
        return False


RIGHTS = Check(
    id=CheckId("middleware.rights"),
    area=Area.MIDDLEWARE,
    judge=judge_rights,
    uses=(Settings, *OF_WORK),
    causes=(_NO_RIGHTS,),
)

TRACES = Check(
    id=CheckId("middleware.traces"),
    area=Area.MIDDLEWARE,
    judge=judge_traces,
    uses=(Settings,),
    causes=(_TRACES,),
)

ROUTE = Check(
    id=CheckId("middleware.route"),
    area=Area.MIDDLEWARE,
    judge=judge_route,
    uses=(Settings, *OF_WORK),
    causes=(_GALSS,),
)
