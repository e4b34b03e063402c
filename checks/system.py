"""Is the system one for which the Cryptolib is made, and does it let it work?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diagcps.api import (
    Account,
    AppControl,
    Area,
    Catalogue,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    Level,
    Library,
    LibraryState,
    Machine,
    MissingFact,
    NotApplicable,
    PersonCertificates,
    Platform,
    ProbeFailure,
    Reason,
    System,
)

from ._installed import (
    OF_AGE,
    OF_CARD,
    OF_KIND,
    OF_WAY,
    OF_WORK,
    Way,
    architecture_of,
    certificate,
    in_store,
    is_of_the_browser,
    is_too_old,
    is_without_library,
    known,
    level_of_library,
    of_a_person,
    version_of,
    way,
)

if TYPE_CHECKING:
    from diagcps.api import SupportedSystem

_UNSUPPORTED = CauseId("os.unsupported")
_PROVIDER = CauseId("os.csp-ksp-change")
_APP_CONTROL = CauseId("os.app-control")
_PROCESSOR = CauseId("os.apple-silicon")
_NO_RIGHTS = CauseId("os.not-admin")

_NOT_VALID = 0x80090014
"""NTE_BAD_PROV_TYPE, « invalid provider type specified »: what programs met after the updates of
October 2025, by which Windows asks a KSP for a key of which a CSP alone knows (KB5073121)."""
_REFUSED = (577, 4551)
"""ERROR_INVALID_IMAGE_HASH and ERROR_SYSTEM_INTEGRITY_POLICY_VIOLATION (winerror.h): the file was
refused for its signature. Every other code is of a loader that was let at it."""
_TO_INSTALL = (
    LibraryState.ABSENT, LibraryState.WRONG_ARCHITECTURE, LibraryState.LOAD_FAILED
)  # fmt: skip


def judge_supported(facts: Facts) -> Iterator[Finding | Evidence]:
    """The Cryptolib's release notes name this system, or an older one."""
    system, machine = facts[System], facts[Machine]
    own = (machine.distribution, *machine.like) if system.platform is Platform.LINUX else ()
    systems = [s for s in facts[Catalogue].cryptolib.systems if s.platform is system.platform]
    if not systems:
        raise NotApplicable
    yield Evidence(key="system", value=system.name, source=machine.source)
    yield Evidence(key="system-version", value=machine.version, source=machine.source)
    mine = [s for s in systems if _is_mine(s, machine, own)]
    if not mine:
        yield Finding(cause=_UNSUPPORTED)
        return
    version = version_of(machine.version)
    if version is None:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    named = [each for s in mine for text in s.versions if (each := version_of(text))]
    # What came after the release notes is no reason for a doubt.
    if named and not any(version[: len(each)] >= each for each in named):
        yield Finding(cause=_UNSUPPORTED)


def _is_mine(supported: SupportedSystem, machine: Machine, own: tuple[str, ...]) -> bool:
    """The release notes' row is for this distribution of Linux, or this role of Windows."""
    if supported.platform is Platform.LINUX:
        return supported.distribution in own
    return supported.distribution in ("", machine.role.value)


def judge_provider(facts: Facts) -> Iterator[Finding | Evidence]:
    """Windows can ask the provider of the card's certificate for its key."""
    yield from of_a_person(facts)
    # That the store cannot be read, the check of what it offers says.
    store = known(facts, PersonCertificates)
    own = certificate(facts)
    found = in_store(own, store) if own is not None and store is not None else None
    # Of a card that was read nothing but its own certificate tells: others are of other cards.
    asked = () if own is not None or store is None else store.certificates
    codes = [each for each in (asked if found is None else (found,)) if each.code is not None]
    for each in codes:
        yield Evidence(key="provider", value=each.provider, source="CurrentUser\\My")
        value = f"0x{each.code or 0:08X}"
        yield Evidence(key="code", value=value, source="CryptAcquireCertificatePrivateKey")
    if not codes:
        raise NotApplicable
    if any(each.code == _NOT_VALID for each in codes):
        taken = way(facts)
        if found is not None and taken is None:
            raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
        matters = found is not None and taken is Way.STORE
        yield Finding(cause=_PROVIDER, level=None if matters else Level.INFO)


def judge_app_control(facts: Facts) -> Iterator[Finding | Evidence]:
    """Application control does not keep the library from being loaded."""
    machine, library = known(facts, Machine), known(facts, Library)
    if machine is None or machine.app_control is None or library is None:
        raise NotApplicable
    value = machine.app_control.value
    yield Evidence(key="app-control", value=value, source=machine.source)
    yield Evidence(key="library-state", value=library.state.value, source="loader")
    if library.state is not LibraryState.LOAD_FAILED or not library.code:
        return
    yield Evidence(key="code", value=f"WinError {library.code}", source="loader")
    if machine.app_control is AppControl.ON and library.code in _REFUSED:
        yield Finding(cause=_APP_CONTROL, level=level_of_library(facts))


def judge_processor(facts: Facts) -> Iterator[Finding | Evidence]:
    """The library is for this Mac's processor, or macOS translates it."""
    system, machine, library = facts[System], known(facts, Machine), known(facts, Library)
    if architecture_of(system.architecture) != "arm64" or library is None:
        raise NotApplicable
    kinds = {architecture_of(name) for name in library.architectures}
    value = ", ".join(library.architectures)
    yield Evidence(key="architectures", value=value, source="file")
    translates = machine.translates if machine is not None else None
    if machine is not None and translates is not None:
        yield Evidence(key="rosetta", value=translates, source=machine.source)
    if kinds and "arm64" not in kinds and translates is False:
        yield Finding(cause=_PROCESSOR, level=level_of_library(facts))


def judge_rights(facts: Facts) -> Iterator[Finding | Evidence]:
    """Whoever sits here may install what has to be installed."""
    account = facts[Account]
    if not (_is_to_install(facts) or _is_to_update(facts)):
        raise NotApplicable
    if account.administrator is None:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    yield Evidence(key="administrator", value=account.administrator, source=account.source)
    if not account.administrator:
        yield Finding(cause=_NO_RIGHTS)


def _is_to_install(facts: Facts) -> bool:
    library = known(facts, Library)
    if library is None or library.state not in _TO_INSTALL:
        return False
    return not is_without_library(facts) and is_of_the_browser(facts) is False


def _is_to_update(facts: Facts) -> bool:
    try:
        return bool(is_too_old(facts))
    except (MissingFact, NotApplicable):
        return False


SUPPORTED = Check(
    id=CheckId("os.supported"),
    area=Area.OS,
    judge=judge_supported,
    uses=(System, Machine, Catalogue),
    causes=(_UNSUPPORTED,),
)

PROVIDER = Check(
    id=CheckId("os.provider"),
    area=Area.OS,
    judge=judge_provider,
    uses=(Account, PersonCertificates, *OF_CARD, *OF_WAY),
    causes=(_PROVIDER,),
    platforms=frozenset({Platform.WINDOWS}),
)

APP_CONTROL = Check(
    id=CheckId("os.app-control"),
    area=Area.OS,
    judge=judge_app_control,
    uses=(Machine, *OF_WORK),
    causes=(_APP_CONTROL,),
    platforms=frozenset({Platform.WINDOWS}),
)

PROCESSOR = Check(
    id=CheckId("os.processor"),
    area=Area.OS,
    judge=judge_processor,
    uses=(Machine, *OF_WORK),
    causes=(_PROCESSOR,),
    platforms=frozenset({Platform.MACOS}),
)

RIGHTS = Check(
    id=CheckId("os.rights"),
    area=Area.OS,
    judge=judge_rights,
    uses=(*OF_AGE, *OF_KIND, *OF_WORK),
    causes=(_NO_RIGHTS,),
)
