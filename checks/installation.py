"""Is all that the Cryptolib's installer lays down there, and of the kind that the browser needs?

A part that is not on the way of the browser in which the person signs in keeps them from nothing,
nor does one that lacks while the card is seen to come to that browser.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from diagcps.api import (
    Area,
    Catalogue,
    CauseId,
    Check,
    CheckId,
    Component,
    Components,
    Evidence,
    Facts,
    FileState,
    Finding,
    Level,
    Library,
    LibraryState,
    NotApplicable,
    Part,
    Pcsc,
    Platform,
    Products,
    RegisteredCard,
    Registration,
    SlotState,
    System,
)

from ._installed import (
    OF_KIND,
    OF_WAY,
    OF_WORK,
    Way,
    architecture_of,
    browser_kinds,
    is_for_others,
    known,
    listed,
    version_of,
    way,
    works,
)
from ._slots import best

if TYPE_CHECKING:
    from diagcps.api import ExpectedFile

_INCOMPLETE = CauseId("middleware.incomplete")
_WRONG_ARCH = CauseId("middleware.wrong-arch")

_LIBRARIES = {Way.LIBRARY: Part.PKCS11, Way.STORE: Part.CSP}
"""The part that the browser, or Windows for it, loads."""
_ELSEWHERE = (Part.MANIFEST, Part.DICTIONARY)
"""Parts that other checks speak of."""
_OF_ONE_WAY = {Part.PKCS11: Way.LIBRARY, Part.CSP: Way.STORE, Part.MANAGER: Way.STORE}

_PROVIDER = "ASIP Sante Cryptographic Provider"
_CALAIS_ATR = bytes.fromhex("3B00000000001225006480000000009000")
_CALAIS_MASK = bytes.fromhex("FF00000000FFFFFFFFFFFF000000FFFFFF")
"""The installer's entry in Windows' table of cards (MSI specification of the Cryptolib). A CPS4
that speaks T=1 is matched by no published entry."""

_Lack = tuple[Evidence, bool]
"""What lacks, and whether it keeps the card from the browser."""


def judge_complete(facts: Facts) -> Iterator[Finding | Evidence]:
    """All that is needed of the installation is there, undamaged and registered."""
    if not _is_installed(facts) or (known(facts, Components) is None and works(facts)):
        raise NotApplicable
    for file, same_version in _differing(facts):
        if not same_version:  # another installer may have brought its own
            yield Evidence(key="changed-file", value=file.name, source=file.folder)
    lacks = (*_missing(facts), *_damaged(facts), *_unregistered(facts), *_unmatched(facts))
    for evidence, _ in lacks:
        yield evidence
    if lacks:
        comes = works(facts)
        misses = comes is False if _is_newer(facts) else comes is not True
        keeps = misses and any(bites for _, bites in lacks)
        yield Finding(cause=_INCOMPLETE, level=None if keeps else Level.INFO)


def _is_newer(facts: Facts) -> bool:
    """No source says what the version that is listed lays down: files and registry are described
    for the version of which the checksums are published."""
    products, platform = known(facts, Products), facts[System].platform
    own = (file for file in facts[Catalogue].cryptolib.files if file.platform is platform)
    described = [v for file in own for c in file.checksums if (v := version_of(c.version))]
    have = [v for each in listed(products) if (v := version_of(each.version))] if products else []
    return bool(described and have) and max(have) > max(described)


def _is_installed(facts: Facts) -> bool:
    """The system lists a Cryptolib; where there is no list, its library is there."""
    library, products = known(facts, Library), known(facts, Products)
    if products is not None:
        return bool(listed(products))
    return library is not None and library.state is not LibraryState.ABSENT


def _files(facts: Facts) -> Iterator[tuple[ExpectedFile, tuple[Component, ...]]]:
    """The files that the catalogue expects on this machine, each with its places that were seen."""
    machine = facts[System]
    is_64 = architecture_of(machine.architecture) != "x86"
    expected = facts[Components].expected
    for file in facts[Catalogue].cryptolib.files:
        here = file.platform is machine.platform and (is_64 or file.architecture != "x86_64")
        if here and file.part not in _ELSEWHERE:
            name = file.name.lower()
            yield file, tuple(each for each in expected if each.name.lower() == name)


def _missing(facts: Facts) -> Iterator[_Lack]:
    """The needed files that are at none of their places."""
    files, told = tuple(_files(facts)), set[str]()
    there = {file.part for file, places in files if any(not _is_gone(p, file) for p in places)}
    for file, places in files:
        gone = bool(places) and all(_is_gone(place, file) for place in places)
        # A library of the other kind alone is the matter of `middleware.architecture`.
        kind_alone = file.part in _LIBRARIES.values() and file.part in there
        if file.needed and gone and not kind_alone and file.name.lower() not in told:
            told.add(file.name.lower())
            said = Evidence(key="missing-file", value=file.name, source=file.folder)
            yield said, _is_on_the_way(file.part, facts)


def _is_gone(place: Component, file: ExpectedFile) -> bool:
    empty = place.state is FileState.EMPTY and file.part is not Part.FOLDER
    return empty or place.state is FileState.ABSENT


def _is_on_the_way(part: Part, facts: Facts) -> bool:
    """The browser in which the person signs in needs that part, as far as anybody knows which."""
    return part not in _OF_ONE_WAY or way(facts) is _OF_ONE_WAY[part]


def _differing(facts: Facts) -> Iterator[tuple[ExpectedFile, bool]]:
    """The files that are not what was published, and whether they say to be of that version.

    Checksums of one version are compared with that version alone.
    """
    products = known(facts, Products)
    versions = {version_of(each.version) for each in listed(products)} if products else set()
    for file, places in _files(facts):
        published = [c for c in file.checksums if versions == {version_of(c.version)}]
        for place in (each for each in places if each.place == file.folder and each.md5):
            if published and all(c.md5.lower() != place.md5.lower() for c in published):
                own = version_of(place.version)
                yield file, own in {version_of(c.file_version) for c in published} - {None}


def _damaged(facts: Facts) -> Iterator[_Lack]:
    """Files that are damaged: it keeps the card from the browser where it is seen not to come."""
    for file, same_version in _differing(facts):
        if same_version:
            said = Evidence(key="damaged-file", value=file.name, source=file.folder)
            yield said, _is_on_the_way(file.part, facts) and works(facts) is False


def _unregistered(facts: Facts) -> Iterator[_Lack]:
    """Windows' registry does not name the Cryptolib's provider (CSP), or names one that is gone."""
    registration, system = known(facts, Registration), facts[System]
    if system.platform is not Platform.WINDOWS or registration is None:
        return
    views = _views(facts)
    own = [each for each in registration.providers if not views or each.view in views]
    bites = _is_on_the_way(Part.CSP, facts)
    # One for the other kind of programs alone is the matter of `middleware.architecture` too.
    for_others = is_for_others(_kinds(_there(facts, Part.CSP)), browser_kinds(facts))
    if not own and not for_others:
        source = " ".join(f"({view}-bit)" for view in views)
        yield Evidence(key="unregistered", value=_PROVIDER, source=source or "registry"), bites
    for each in own:
        if each.state is FileState.ABSENT:
            said = Evidence(key="missing-file", value=each.image, source=_PROVIDER)
            yield said, bites and not for_others


def _views(facts: Facts) -> tuple[str, ...]:
    """The view of the registry in which the browser looks; none where there is one alone."""
    if architecture_of(facts[System].architecture) == "x86":
        return ()
    return ("32",) if browser_kinds(facts) == {"x86"} else ("64",)


def _unmatched(facts: Facts) -> Iterator[_Lack]:
    """Windows' table of cards lacks the installer's entry, or has another's, for a card it fits."""
    registration, pcsc = known(facts, Registration), known(facts, Pcsc)
    slot = best(pcsc.slots) if pcsc is not None else None
    if registration is None or slot is None or facts[System].platform is not Platform.WINDOWS:
        return
    if slot.state is not SlotState.READY or not _matches(slot.atr, _CALAIS_ATR, _CALAIS_MASK):
        return
    found = [each for each in registration.cards if _matches(slot.atr, each.atr, each.mask)]
    if not any(_is_own(each) for each in found):
        value = found[0].provider if found else "none"
        bites = _is_on_the_way(Part.CSP, facts) and works(facts) is False
        yield Evidence(key="card-entry", value=value, source="Calais\\SmartCards"), bites


def _is_own(entry: RegisteredCard) -> bool:
    return entry.provider.strip().lower() == _PROVIDER.lower()


def _matches(atr: bytes, entry: bytes, mask: bytes) -> bool:
    """Whether Windows takes the card for the entry's: the bytes under the mask are the same."""
    if not len(atr) == len(entry) == len(mask):
        return False
    return all((a ^ e) & m == 0 for a, e, m in zip(atr, entry, mask, strict=True))


def judge_architecture(facts: Facts) -> Iterator[Finding | Evidence]:
    """What the browser loads is there for its own kind of program."""
    if known(facts, Components) is None:
        raise NotApplicable
    taken, browser = way(facts), browser_kinds(facts)
    part = _LIBRARIES.get(taken) if taken is not None else None
    there = tuple(_there(facts, part)) if part is not None else ()
    for file, named in there:
        yield Evidence(key="architectures", value=", ".join(named), source=file.name)
    for kind in sorted(browser):
        yield Evidence(key="browser-architecture", value=kind, source="browser")
    for_others = is_for_others(_kinds(there), browser)
    if for_others is None:
        raise NotApplicable
    if for_others:
        yield Finding(cause=_WRONG_ARCH)


def _there(facts: Facts, part: Part) -> Iterator[tuple[ExpectedFile, tuple[str, ...]]]:
    """The files of that part that are there, and for which kinds of program each is."""
    for file, places in _files(facts):
        for place in places:
            if file.part is part and place.state is FileState.PRESENT:
                yield file, place.architectures or (file.architecture,)


def _kinds(files: Iterable[tuple[ExpectedFile, tuple[str, ...]]]) -> set[str]:
    return {architecture_of(name) for _, named in files for name in named if name}


COMPLETE = Check(
    id=CheckId("middleware.complete"),
    area=Area.MIDDLEWARE,
    judge=judge_complete,
    uses=(Products, Components, Registration, Catalogue, *OF_KIND, *OF_WORK),
    causes=(_INCOMPLETE,),
)

ARCHITECTURE = Check(
    id=CheckId("middleware.architecture"),
    area=Area.MIDDLEWARE,
    judge=judge_architecture,
    uses=(Components, Catalogue, *OF_KIND, *OF_WAY),
    causes=(_WRONG_ARCH,),
    platforms=frozenset({Platform.LINUX, Platform.WINDOWS}),
)
