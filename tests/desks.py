"""Healthy workstations of each system, as facts: a test changes what it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from diagcps.browsing import Browser, BrowserKind, Browsers, FirefoxProfiles, How, PageBrowser
from diagcps.catalogue import Catalogue, Part, When
from diagcps.catalogue_parts import Checksum, ExpectedFile, Fix, Newest, SupportedSystem
from diagcps.check import Check, Facts, MissingFact, NotApplicable
from diagcps.facts import Certificate, FileState, Role, System
from diagcps.model import Platform, ProbeFailure
from diagcps.workstation import (
    Account,
    AccountKind,
    AuthorityStore,
    AuthorityStores,
    Component,
    Components,
    FolderRights,
    MacCards,
    Machine,
    PersonCertificate,
    PersonCertificates,
    Product,
    ProductKind,
    Products,
    RegisteredCard,
    RegisteredProvider,
    Registration,
    Running,
    Services,
    Settings,
    Software,
    StoreKind,
)
from tests.builders import (
    CATALOGUE,
    CPS3,
    NOW,
    bag,
    card_state,
    causes_of,
    certificate,
    failed,
    library,
    read_card,
    session,
    step,
    token,
)
from tests.strategies import bags, every, quick

WINDOWS, MACOS, LINUX = Platform.WINDOWS, Platform.MACOS, Platform.LINUX
PROVIDER = "ASIP Sante Cryptographic Provider"
ISSUER = "AC IGC-SANTE FORT PERSONNES"
SYSTEM32, SYSWOW64 = r"%SystemRoot%\System32", r"%SystemRoot%\SysWOW64"
MD5, OTHER_MD5 = "a" * 32, "b" * 32

AUTHORITIES = tuple(a.sha1 for a in CATALOGUE.authorities.authorities if not a.old)
OLD_AUTHORITY = next(a for a in CATALOGUE.authorities.authorities if a.old)

FILES = (
    ExpectedFile(platform=WINDOWS, name="CCM.exe", folder=r"%ProgramFiles%\CPS", part=Part.MANAGER),
    ExpectedFile(
        platform=WINDOWS, name="csp64.dll", folder=SYSTEM32, part=Part.CSP, architecture="x86_64"
    ),
    ExpectedFile(
        platform=WINDOWS, name="csp32.dll", folder=SYSWOW64, part=Part.CSP, architecture="x86"
    ),
    ExpectedFile(
        platform=WINDOWS, name="p11_64.dll", folder=SYSTEM32, part=Part.PKCS11,
        architecture="x86_64",
        checksums=(Checksum(version="5.2.2", md5=MD5, file_version="3.4.0"),),
    ),
    ExpectedFile(
        platform=WINDOWS, name="p11_32.dll", folder=SYSWOW64, part=Part.PKCS11, architecture="x86"
    ),
    ExpectedFile(
        platform=WINDOWS, name="tab.dll", folder="%SystemRoot%", part=Part.SUPPORT
    ),
    ExpectedFile(
        platform=WINDOWS, name="DICO-FR.GIP", folder="%SystemRoot%", part=Part.DICTIONARY,
        needed=False,
    ),
    ExpectedFile(platform=LINUX, name="p11.so", folder="/opt/cps", part=Part.PKCS11),
    ExpectedFile(platform=MACOS, name="p11.dylib", folder="/usr/local/lib", part=Part.PKCS11),
)  # fmt: skip


def fix(version: str, when: When, platform: Platform = WINDOWS, bug: str = "#1") -> Fix:
    """A defect that `version` mended, called by its condition."""
    return Fix(platform=platform, version=version, bug=bug, when=when, text=when.value)


def catalogue(fixes: Iterable[Fix] = (), **changes: Any) -> Catalogue:
    """What a test knows of the field: 5.2.6 is the newest version everywhere."""
    newest = tuple(
        Newest(platform=each, version="5.2.6", seen="2026-06-01", source="test")
        for each in Platform
    )
    systems = (
        SupportedSystem(platform=WINDOWS, distribution="workstation", versions=("10.0.",)),
        SupportedSystem(platform=WINDOWS, distribution="server", versions=("10.0.14393",)),
        SupportedSystem(platform=MACOS, distribution="", versions=("12", "13", "14")),
        SupportedSystem(platform=LINUX, distribution="rhel", versions=("7", "8", "9")),
    )
    given = {"fixes": tuple(fixes), "newest": newest, "files": FILES, "systems": systems}
    return replace(CATALOGUE, cryptolib=replace(CATALOGUE.cryptolib, **{**given, **changes}))


def product(version: str = "5.2.6", **changes: Any) -> Product:
    """An entry of the system's list."""
    given = {"kind": ProductKind.CRYPTOLIB, "name": f"Cryptolib {version}", "source": "test"}
    return Product(version=version, **{**given, **changes})


def products(*entries: Product | str) -> Products:
    """The system's list."""
    found = tuple(product(each) if isinstance(each, str) else each for each in entries)
    return Products(products=found, source="test")


def signs_in_with(kind: BrowserKind) -> PageBrowser:
    """The browser in which the person signs in."""
    return PageBrowser(kind=kind, version="", how=How.NAMED)


def browsers(kind: BrowserKind, *architectures: str) -> Browsers:
    """A browser, installed once for each kind of program."""
    found = tuple(
        Browser(kind=kind, name=kind.value, version="145.0", architecture=each, source="test")
        for each in architectures
    )
    return Browsers(browsers=found, source="test")


def components(
    platform: Platform = WINDOWS, *, lacking: Iterable[str] = (), **changes: Any
) -> Components:
    """All that the catalogue of the tests expects, without what is named."""
    absent = set(lacking)
    expected = tuple(
        Component(
            name=file.name,
            place=file.folder,
            state=FileState.ABSENT if file.name in absent else FileState.PRESENT,
            version="2.18" if file.part is Part.DICTIONARY else "",
        )
        for file in FILES
        if file.platform is platform
    )
    return Components(**{"expected": expected, "source": "test", **changes})


def changed(found: Components, name: str, **changes: Any) -> Components:
    """The components with one of them changed."""
    expected = (replace(c, **changes) if c.name == name else c for c in found.expected)
    return replace(found, expected=tuple(expected))


def own_certificate(role: Role = Role.AUTHENTICATION, **changes: Any) -> Certificate:
    """The certificate of a card that IGC-Santé issued."""
    return certificate(role, **{"issuer": ISSUER, **changes})


def person(*certificates: Any, code: int | None = 0) -> PersonCertificates:
    """What Windows offers to browsers."""
    offered = (
        PersonCertificate(fingerprint=each.fingerprint, provider=PROVIDER, code=code)
        for each in certificates
    )
    return PersonCertificates(certificates=tuple(offered), source="test")


def stores(
    system: Iterable[str] = AUTHORITIES, coffre: Iterable[str] = AUTHORITIES,
    state: FileState = FileState.PRESENT,
) -> AuthorityStores:  # fmt: skip
    """The system's store and the Cryptolib's."""
    return AuthorityStores(
        stores=(
            AuthorityStore(kind=StoreKind.SYSTEM, name="system", state=state, held=tuple(system)),
            AuthorityStore(kind=StoreKind.COFFRE, name="coffre", state=state, held=tuple(coffre)),
        ),
        source="test",
    )


def registration(**changes: Any) -> Registration:
    """What the installer writes into Windows' registry."""
    providers = tuple(
        RegisteredProvider(view=view, image=f"csp{view}.dll", state=FileState.PRESENT)
        for view in ("64", "32")
    )
    cards = (calais_entry(PROVIDER),)
    return Registration(**{"providers": providers, "cards": cards, "source": "test", **changes})


def calais_entry(provider: str) -> RegisteredCard:
    """The installer's entry for a card, with a provider."""
    return RegisteredCard(
        name="Carte de Professionnel de Sante CPS3",
        view="64",
        atr=bytes.fromhex("3B00000000001225006480000000009000"),
        mask=bytes.fromhex("FF00000000FFFFFFFFFFFF000000FFFFFF"),
        provider=provider,
    )


def settings(*, locked: Iterable[str] = (), given: Iterable[Any] = ()) -> Settings:
    """The Cryptolib's settings and folders, those that are `locked` not to be written in."""
    folders = tuple(
        FolderRights(name=n, place=n, state=FileState.PRESENT, writable=n not in set(locked))
        for n in ("coffre", "log", "cache")
    )
    return Settings(settings=tuple(given), folders=folders, source="test")


def account(
    kind: AccountKind = AccountKind.PERSON, *, administrator: bool | None = True
) -> Account:
    """Whom the program runs as."""
    return Account(kind=kind, administrator=administrator, source="test")


def mac(*tokens: str, gestion: FileState = FileState.PRESENT) -> MacCards:
    """How macOS looks at cards."""
    return MacCards(tokens=tokens, gestion=gestion, own_driver=False, emulation=(), source="test")


CTK = "fr.asip.esante.CPSToken:0001"
"""The token of a CPS in CryptoTokenKit."""


def desk(
    platform: Platform = WINDOWS, *facts: Any, atr: bytes = CPS3,
    missing: Mapping[type, ProbeFailure] | None = None,
) -> Facts:  # fmt: skip
    """A healthy workstation with a card that was read, and `facts` in the place of its own."""
    kind = BrowserKind.SAFARI if platform is MACOS else BrowserKind.EDGE
    machine = {WINDOWS: "10.0.22631.4317", MACOS: "14.5", LINUX: "9.4"}[platform]
    own = (
        *read_card(card_state(atr), step(own_certificate())),
        System(platform=platform, name="Test", architecture="x86_64"),
        Machine(
            version=machine,
            distribution="rhel" if platform is LINUX else "",
            started=NOW - timedelta(hours=1),
            source="test",
        ),
        account(),
        session(),
        products(product("5.2.6", installed=NOW - timedelta(days=30, minutes=7))),
        components(platform),
        registration(),
        settings(),
        Services(services=(), source="test"),
        Software(
            running=(Running(name="Gestionnaire de certificats CPS", processes=1),), source="test"
        ),
        browsers(kind, "x86_64"),
        signs_in_with(kind),
        FirefoxProfiles(profiles=(), source="test"),
        stores(),
        person(own_certificate()),
        mac(CTK),
        library(token(), architectures=("x86_64",)),
        catalogue(),
    )
    absent = {} if platform is WINDOWS else {PersonCertificates: failed()}
    absent |= {} if platform is MACOS else {MacCards: failed()}
    given = {type(each): each for each in (*own, *facts)}
    return bag(*given.values(), missing={**absent, **(missing or {})})


def property_of(check: Check) -> Callable[[], None]:
    """The test that no fact and no catalogue makes a check raise, or find what it does not say."""

    @quick
    @given(data=st.data())
    def holds(data: st.DataObject) -> None:
        kinds = [kind for kind in check.uses if kind is not Catalogue]
        known = data.draw(st.just(CATALOGUE) | every(Catalogue))
        try:
            found = causes_of(check.judge, Facts({**data.draw(bags(*kinds)), Catalogue: known}))
        except (MissingFact, NotApplicable):
            return
        assert len(found) <= 1
        assert set(found) <= set(check.causes)

    return holds


def checks_of(module: ModuleType) -> list[Check]:
    """The checks that a module defines."""
    return [each for each in vars(module).values() if isinstance(each, Check)]
