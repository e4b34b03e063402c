"""What several checks ask of an installed Cryptolib: its version, and the way to the card.

A browser reaches the card by one of three ways, and only what lies on the way of the one in which
the person signs in can keep them from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import TypeVar

from diagcps.api import (
    Account,
    AccountKind,
    AuthenticationCertificates,
    BrowserKind,
    Browsers,
    CardKind,
    CardState,
    CardStates,
    Catalogue,
    Certificate,
    Evidence,
    Facts,
    FileState,
    Level,
    Library,
    LibraryState,
    MacCards,
    NotApplicable,
    PageBrowser,
    Pcsc,
    PersonCertificate,
    PersonCertificates,
    Platform,
    ProbeFailure,
    Product,
    ProductKind,
    Products,
    Role,
    Slot,
    SlotState,
    System,
    recognise,
)

from ._slots import best, best_card, of_card, tokens_of

Fact = TypeVar("Fact")

CTK_TOKEN = "fr.asip.esante.CPSToken"  # noqa: S105 (the name of a driver)
"""What CPS Gestion puts into CryptoTokenKit for each CPS (security list-smartcards)."""
CTK_HOLDS = 0x80100016
"""SCARD_E_NOT_TRANSACTED: what PC/SC answers while CryptoTokenKit keeps the card."""

_VERSION = re.compile(r"v?([0-9]{1,6}(?:\.[0-9]{1,6}){0,7})\.?(?![0-9A-Za-z.])", re.IGNORECASE)
_IBM_PC = frozenset({"amd64", "x86_64", "x64"})
_IBM_PC_32 = frozenset({"x86", "i386", "i486", "i586", "i686"})
_ARM = frozenset({"arm64", "aarch64"})
_PUBLISHED = frozenset({"x86", "x86_64"})
"""The kinds of program for which the Cryptolib is published on Windows and Linux."""


class Way(Enum):
    """How a browser comes to the certificates of the card."""

    LIBRARY = "library"
    """It loads the PKCS#11 library: Firefox, and every browser on Linux."""
    STORE = "store"
    """The person's certificate store of Windows, filled through the Cryptolib's CSP."""
    TOKEN = "token"  # noqa: S105 (no password)
    """CryptoTokenKit of macOS."""


_THROUGH_WINDOWS = frozenset(
    {BrowserKind.CHROME, BrowserKind.EDGE, BrowserKind.CHROMIUM, BrowserKind.INTERNET_EXPLORER}
)
_THROUGH_MACOS = frozenset(
    {BrowserKind.SAFARI, BrowserKind.CHROME, BrowserKind.EDGE, BrowserKind.CHROMIUM}
)

OF_CARD = (Pcsc, CardStates, AuthenticationCertificates)
OF_WAY = (System, PageBrowser)
OF_KIND = (Browsers, PageBrowser)
"""The facts that `browser_kinds` looks at."""
OF_AGE = (Products, Catalogue, Pcsc, CardStates, Library)
"""The facts that `is_too_old` looks at."""
OF_WORK = (*OF_CARD, *OF_WAY, Account, Library, PersonCertificates, MacCards)
"""The facts that `certificate`, `way`, and `offered` and `works` look at."""


def known(facts: Facts, kind: type[Fact]) -> Fact | None:
    """The fact; None when it is missing, for a judge that can do without it."""
    fact = facts.get(kind)
    return None if isinstance(fact, ProbeFailure) else fact


def version_of(text: str) -> tuple[int, ...] | None:
    """The numbers of a version, without zeros at its end: 5.2 is 5.2.0. None when it is none."""
    found = _VERSION.match(text.strip())
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def architecture_of(name: str) -> str:
    """An architecture as facts of programs write it (x86_64, x86, arm64), whoever named it."""
    lower = name.lower()
    for names, usual in ((_IBM_PC, "x86_64"), (_IBM_PC_32, "x86"), (_ARM, "arm64")):
        if lower in names:
            return usual
    return lower


def listed(products: Products) -> tuple[Product, ...]:
    """The entries for the Cryptolib in the system's list, the newest version first."""
    found = (each for each in products.products if each.kind is ProductKind.CRYPTOLIB)
    return tuple(sorted(found, key=lambda each: version_of(each.version) or (), reverse=True))


def cryptolib(facts: Facts) -> Product:
    """The Cryptolib that the system lists. Raises NotApplicable without one, and MissingFact."""
    found = listed(facts[Products])
    if not found:
        raise NotApplicable
    return found[0]


def is_too_old(facts: Facts) -> bool | None:
    """The card that would serve is a CPS4, and the Cryptolib is of the time before it.

    False also where the library shows that card, whatever its version says. None when it cannot be
    told. Raises NotApplicable without a Cryptolib.
    """
    product, slots = cryptolib(facts), known(facts, Pcsc)
    if slots is None or not is_cps4(best(slots.slots)) or is_shown(facts):
        return False
    have = version_of(product.version)
    least = version_of(facts[Catalogue].cryptolib.least_for_cps4)
    return None if have is None or least is None else have < least


def is_cps4(slot: Slot | None) -> bool:
    """The slot holds a CPS4 that answered."""
    if slot is None or slot.state is not SlotState.READY:
        return False
    return recognise(slot.atr) is CardKind.CPS4


def way(facts: Facts) -> Way | None:
    """How the browser in which the person signs in comes to the card; None when nobody knows."""
    platform, page = facts[System].platform, known(facts, PageBrowser)
    if platform is Platform.LINUX:
        return Way.LIBRARY
    if page is None:
        return None
    if page.kind is BrowserKind.FIREFOX:
        return Way.LIBRARY
    if platform is Platform.WINDOWS:
        return Way.STORE if page.chromium or page.kind in _THROUGH_WINDOWS else None
    return Way.TOKEN if page.chromium or page.kind in _THROUGH_MACOS else None


def browser_kinds(facts: Facts) -> set[str]:
    """For which processors the browser is in which the person signs in; none when nobody knows."""
    page, browsers = known(facts, PageBrowser), known(facts, Browsers)
    if page is None or browsers is None or page.kind is BrowserKind.OTHER:
        return set()
    found = {each.architecture for each in browsers.browsers if each.kind is page.kind}
    return {architecture_of(each) for each in found if each}


def is_for_others(kinds: set[str], browser: set[str]) -> bool | None:
    """No library is for the browser's kind of program; None where that is not known.

    For other processors nothing is published, and nobody says what comes of it.
    """
    if not kinds or not browser or not browser <= _PUBLISHED:
        return None
    return not kinds & browser


def of_a_person(facts: Facts) -> Iterator[Evidence]:
    """Ends a question about what is a person's own where this program runs as the system.

    Raises NotApplicable then.
    """
    account = known(facts, Account)
    if account is not None and account.kind is AccountKind.SYSTEM:
        yield Evidence(key="account", value=account.kind.value, source=account.source)
        raise NotApplicable


def card_of(facts: Facts) -> CardState | None:
    """The card that would serve; None without one, or when it cannot be told."""
    slots, states = known(facts, Pcsc), known(facts, CardStates)
    return None if slots is None or states is None else best_card(slots, states.cards)


def certificate(facts: Facts) -> Certificate | None:
    """The certificate of that card that authenticates; None when it was not read."""
    card, steps = card_of(facts), known(facts, AuthenticationCertificates)
    step = of_card(card, steps.cards) if card is not None and steps is not None else None
    found = step.found if step is not None else ()
    return next((each for each in found if each.role is Role.AUTHENTICATION), None)


def in_store(own: Certificate, store: PersonCertificates) -> PersonCertificate | None:
    """What the person's store of Windows says of that certificate; None when it lacks it."""
    wanted = own.fingerprint.value.lower()
    return next((c for c in store.certificates if c.fingerprint.value.lower() == wanted), None)


def is_of_the_authority(own: Certificate) -> bool:
    """IGC-Santé issued it: of others, the fact of the person's certificates says nothing."""
    return "IGC-SANTE" in own.issuer.upper()


def offered(facts: Facts) -> bool | None:
    """Windows offers the card's certificate to browsers; None when it cannot be told."""
    own, store, account = (
        certificate(facts),
        known(facts, PersonCertificates),
        known(facts, Account),
    )
    if account is not None and account.kind is AccountKind.SYSTEM:
        return None
    if own is None or store is None or not is_of_the_authority(own):
        return None
    return in_store(own, store) is not None


def _has_no_key(facts: Facts) -> bool:
    """Windows offers the card's certificate and could not acquire its key: one that is left over
    from a Cryptolib that is gone, for one."""
    own, store = certificate(facts), known(facts, PersonCertificates)
    found = in_store(own, store) if own is not None and store is not None else None
    return found is not None and bool(found.code)


def works(facts: Facts) -> bool | None:
    """The card is seen to come to the browser by its way, or not to; None when nothing shows it."""
    match way(facts):
        case Way.STORE:
            return None if _has_no_key(facts) else offered(facts)
        case Way.TOKEN:
            mac = known(facts, MacCards)
            return True if mac is not None and has_token(mac) else None
        case Way.LIBRARY:
            library = known(facts, Library)
            broken = (LibraryState.LOAD_FAILED, LibraryState.CRASHED)
            if library is not None and library.state in broken:
                return False
            return True if is_shown(facts) else None
        case None:
            return None


def is_without_library(facts: Facts) -> bool:
    """The card comes to the browser by a way that does not need the PKCS#11 library: it is seen to,
    or CPS Gestion is there, which alone gives it to CryptoTokenKit."""
    taken = way(facts)
    if taken is Way.TOKEN:
        mac = known(facts, MacCards)
        return mac is not None and (mac.gestion is FileState.PRESENT or has_token(mac))
    return taken is not Way.LIBRARY and works(facts) is True


def is_of_the_browser(facts: Facts) -> bool | None:
    """The browser can load the library, and this program of another kind cannot: it is a 32-bit
    Firefox, with the 32-bit library alone. None where the browsers could not be listed."""
    library = known(facts, Library)
    kinds = {architecture_of(each) for each in library.architectures} if library else set()
    # The other way round, a 64-bit library under a 32-bit program of ours, is not distributed.
    if library is None or library.state is not LibraryState.WRONG_ARCHITECTURE or kinds != {"x86"}:
        return False
    if way(facts) not in (Way.LIBRARY, None):
        return False
    if any(known(facts, kind) is None for kind in OF_KIND):
        return None
    return is_for_others(kinds, browser_kinds(facts)) is False


def level_of_library(facts: Facts) -> Level | None:
    """What a trouble of the PKCS#11 library means: a remark where the browser does without it."""
    return Level.INFO if is_without_library(facts) else None


def has_token(mac: MacCards) -> bool:
    """CryptoTokenKit holds the token of a CPS."""
    return any(CTK_TOKEN.lower() in token.lower() for token in mac.tokens)


def is_shown(facts: Facts) -> bool:
    """The library shows the card that would serve."""
    card, library = card_of(facts), known(facts, Library)
    return card is not None and library is not None and bool(tokens_of(card, library))
