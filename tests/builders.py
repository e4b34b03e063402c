"""Small builders of facts, probes, checks and runners: a test names only what it is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from diagcps import registry, scenario
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import Area, Check, Facts, Judge, Probe, Trigger, World
from diagcps.diagnosis import diagnose
from diagcps.examination import Examination, assemble
from diagcps.facts import (
    AuthenticationCertificates,
    CardCertificates,
    CardState,
    CardStates,
    Certificate,
    Code,
    Family,
    IdentifierKind,
    Library,
    LibrarySlot,
    LibraryState,
    LibraryToken,
    Moment,
    OtherCertificates,
    Pcsc,
    PcscClients,
    PcscService,
    Reading,
    Role,
    ServiceState,
    Session,
    SessionKind,
    Slot,
    SlotState,
    System,
    Tool,
    ToolPart,
    Trust,
    Update,
    UsbReader,
    UsbReaders,
)
from diagcps.model import (
    EVERY_PLATFORM,
    Cause,
    CauseId,
    CheckId,
    CheckResult,
    Diagnosis,
    Evidence,
    Finding,
    Level,
    Owner,
    Platform,
    Private,
    PrivateKind,
    ProbeFailure,
    ProfileId,
    Reason,
)
from diagcps.probes import BUILT_IN
from diagcps.profiles import Profile, choose
from diagcps.replay import empty_world
from diagcps.runner import Runner

CPS3 = bytes.fromhex("3BAC00402A001225006480000310009000")
CPS4 = bytes.fromhex("3B9B188001001225006480040100009044")
CONTACTLESS = bytes.fromhex("3B8F80010031B86404B0ECC1739401808290000E")
CPS2TER = bytes.fromhex("3BAC00402A001225006480820212009000")
NEW_CPS = bytes.fromhex("3B001225006480FF")
"""The mark of the CPS family in an answer that no table holds."""
VITALE = bytes.fromhex("3B751300004309EA9000")
AGENT = bytes.fromhex("3B6700002D201601789000")
FOREIGN = bytes.fromhex("3B6500002063CB6600")

CATALOGUE = CatalogueFiles()()
"""What the project knows of the field."""

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def slot(
    state: SlotState = SlotState.READY, atr: bytes = b"", *, name: str = "Reader (0001) 00 00",
    model: str = "Reader", code: int = 0,
) -> Slot:  # fmt: skip
    """One slot, named as pcscd names it."""
    return Slot(
        name=Private(PrivateKind.READER, name), model=model, state=state, atr=atr, code=code
    )


def empty() -> Slot:
    """A slot without a card."""
    return slot(SlotState.EMPTY)


def ready(atr: bytes) -> Slot:
    """A slot whose card answered `atr`."""
    return slot(SlotState.READY, atr)


def held(atr: bytes = b"") -> Slot:
    """A slot whose card another program keeps."""
    return slot(SlotState.HELD, atr, code=0x8010000B)


def mute() -> Slot:
    """A slot whose card does not answer."""
    return slot(SlotState.MUTE, code=0x80100066)


def removed(atr: bytes = b"") -> Slot:
    """A slot whose card went while it was read."""
    return slot(SlotState.REMOVED, atr, code=0x80100069)


def pcsc(*slots: Slot, error: int = 0, call: str = "SCardListReaders") -> Pcsc:
    """What the smart-card service answered."""
    return Pcsc(error=error, call=call, slots=slots)


def codes(
    pin: int | None = 3, puk: int | None = 3, *, most: int | None = 3, uses: int | None = 25
) -> dict[str, Code]:
    """The codes of a card, by the names that `card_state` gives them."""
    return {
        "pin": Code(reference=1, left=pin, most=most),
        "puk": Code(reference=2, left=puk, most=most, uses_left=uses),
    }


def card_state(
    atr: bytes = CPS3, reading: Reading = Reading.READ, *, serial: str | None = "00000001",
    slot_name: str = "Reader (0001) 00 00", **changes: Any,
) -> CardState:  # fmt: skip
    """A healthy card in the slot of `ready`."""
    return CardState(
        slot=Private(PrivateKind.READER, slot_name),
        model="Reader",
        atr=atr,
        reading=reading,
        serial=None if serial is None else Private(PrivateKind.SERIAL, serial),
        **{**codes(), "update": Update.COMPLETE, **changes},
    )


def certificate(role: Role = Role.AUTHENTICATION, **changes: Any) -> Certificate:
    """A certificate that is valid at NOW, and trusted."""
    given = {
        "holder": secret("SIMULATION CARTE", PrivateKind.PERSON),
        "identifier": secret("899700000013", PrivateKind.IDENTIFIER),
        "identifier_kind": IdentifierKind.RPPS,
        "identifier_valid": True,
        "family": Family.CPS,
        "profession": "Médecin",
        "issuer": "AC",
        "test": False,
        "not_before": NOW - timedelta(days=400),
        "not_after": NOW + timedelta(days=700),
        "trust": Trust.TRUSTED,
        "anchor": "AC (test)",
        "fingerprint": secret(role.value[0] * 64, PrivateKind.CERTIFICATE),
    }
    return Certificate(role=role, **{**given, **changes})


def step(
    *found: Certificate, reading: Reading = Reading.READ, where: str = "", detail: str = ""
) -> CardCertificates:
    """What one step of the reading of the card in the slot of `ready` gave."""
    name = Private(PrivateKind.READER, "Reader (0001) 00 00")
    return CardCertificates(slot=name, reading=reading, where=where, detail=detail, found=found)


def read_card(
    state: CardState | None = None, first: CardCertificates | None = None,
    rest: CardCertificates | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """The facts of one card in one slot: a healthy CPS3 where nothing else is said."""
    state = state or card_state()
    return (
        pcsc(ready(state.atr)),
        CardStates(cards=(state,)),
        AuthenticationCertificates(cards=(first or step(certificate()),)),
        OtherCertificates(cards=(rest or step(certificate(Role.SIGNATURE)),)),
    )


def token(serial: str = "00000001", *roles: Role, **changes: Any) -> LibraryToken:
    """A token that shows the certificates of a card of `read_card`."""
    shown = roles or (Role.AUTHENTICATION, Role.SIGNATURE)
    given = {
        "model": "IAS ECC",
        "flags": 0x40D,
        "certificates": tuple(certificate(role).fingerprint for role in shown),
        "mechanisms": (0x01, 0x0D),
    }
    return LibraryToken(serial=secret(serial, PrivateKind.SERIAL), **{**given, **changes})


def library(
    *tokens: LibraryToken, state: LibraryState = LibraryState.READ, codes: Iterable[int] = (),
    **changes: Any,
) -> Library:  # fmt: skip
    """The PKCS#11 library, with a slot for each token and one for each code."""
    name = secret("Reader", PrivateKind.READER)
    slots = [LibrarySlot(description=name, token=each) for each in tokens]
    slots += [LibrarySlot(description=name, token=None, code=code) for code in codes]
    path = secret("/lib/p11.so", PrivateKind.PATH)
    return Library(state=state, path=path, slots=tuple(slots), **changes)


def service(state: ServiceState = ServiceState.RUNNING, *, may_connect: bool = True) -> PcscService:
    """The smart-card service as the system sees it."""
    return PcscService(state=state, may_connect=may_connect, source="test")


def usb(*names: str) -> UsbReaders:
    """Readers on the USB bus."""
    readers = tuple(UsbReader(vendor_id="0001", product_id="0002", name=name) for name in names)
    return UsbReaders(readers=readers, source="test")


def clients(*programs: str) -> PcscClients:
    """Other programs at the smart-card service."""
    return PcscClients(programs=programs, source="test")


def session(kind: SessionKind = SessionKind.LOCAL, *, redirects: bool = False) -> Session:
    """How the person reaches the machine."""
    return Session(kind=kind, redirects_cards=redirects, source="test")


def system(platform: Platform = Platform.LINUX) -> System:
    """An operating system."""
    return System(platform=platform, name="Test 1", architecture="x86_64")


def tool(*missing: str) -> Tool:
    """This tool, without the parts `missing`."""
    parts = tuple(ToolPart(part=part, detail=secret(f"no {part} here")) for part in missing)
    return Tool(version="1", missing=parts)


def moment() -> Moment:
    """A moment of its own."""
    return Moment(at=NOW)


def secret(value: str, kind: PrivateKind = PrivateKind.TEXT) -> Private:
    """A value that must not leave the workstation."""
    return Private(kind, value)


def failed(reason: Reason = Reason.UNAVAILABLE, detail: str | None = None) -> ProbeFailure:
    """A fact that could not be read."""
    return ProbeFailure(reason=reason, detail=secret(detail) if detail else None)


def bag(*facts: Any, missing: Mapping[type, ProbeFailure] | None = None) -> Facts:
    """The facts that a judge is given."""
    return Facts({**{type(fact): fact for fact in facts}, **(missing or {})})


def findings(judge: Judge, facts: Facts) -> tuple[Finding, ...]:
    """The findings of `judge`, without its evidence."""
    return tuple(said for said in judge(facts) if isinstance(said, Finding))


def causes_of(judge: Judge, facts: Facts) -> tuple[str, ...]:
    """The ids of the causes that `judge` finds."""
    return tuple(finding.cause for finding in findings(judge, facts))


def evidence_of(judge: Judge, facts: Facts) -> dict[str, Any]:
    """The last value of each key of evidence that `judge` yields."""
    return {said.key: said.value for said in judge(facts) if isinstance(said, Evidence)}


def cause(
    id_: str, level: Level = Level.KO, platforms: frozenset[Platform] = EVERY_PLATFORM
) -> Cause:
    """One entry of a catalogue."""
    return Cause(id=CauseId(id_), level=level, owner=Owner.USER, platforms=platforms)


def catalogue(*causes: Cause) -> dict[CauseId, Cause]:
    """A catalogue of `causes` and of what the runner itself may find."""
    own = Cause(id=CauseId("check.failed"), level=Level.INFO, owner=Owner.TOOL)
    return {entry.id: entry for entry in (*causes, own)}


def finding(cause_id: str, *, level: Level | None = None, **params: str) -> Finding:
    """A finding without evidence."""
    return Finding(cause=CauseId(cause_id), params=params, level=level)


def says(*said: Finding | Evidence) -> Judge:
    """A judge that always says the same."""
    return lambda _: said


def raises(error: BaseException) -> Callable[..., Any]:
    """A judge, or a probe's read, that raises `error`."""

    def fail(_: Any) -> Any:
        raise error

    return fail


def check(
    id_: str, judge: Judge | None = None, *, area: Area = Area.CARD, uses: Iterable[type] = (),
    needs: Iterable[str] = (), unless: Iterable[str] = (), causes: Iterable[str] = (),
    platforms: frozenset[Platform] = EVERY_PLATFORM,
) -> Check:  # fmt: skip
    """A check that passes unless it is given a judge."""
    return Check(
        id=CheckId(id_),
        area=area,
        judge=judge or says(),
        uses=tuple(uses),
        needs=tuple(CheckId(need) for need in needs),
        unless=tuple(CheckId(other) for other in unless),
        causes=tuple(CauseId(each) for each in causes),
        platforms=platforms,
    )


def probe(
    gives: type, read: Callable[..., Any | Awaitable[Any]], *, timeout_s: float = 5.0,
    refreshed: bool = False, platforms: frozenset[Platform] = EVERY_PLATFORM,
    after: Iterable[type] = (),
) -> Probe[Any]:  # fmt: skip
    """A probe of `gives`; with `refreshed`, stale after a change of the smart-card service."""
    return Probe(
        gives=gives,
        read=read,
        after=tuple(after),
        timeout_s=timeout_s,
        refreshed_by=frozenset({Trigger.PCSC}) if refreshed else frozenset(),
        platforms=platforms,
    )


def profile(
    *areas: Area, levels: Mapping[str, Level] | None = None, id_: str = "psc-card"
) -> Profile:
    """A profile in which `areas` count; all of them when none is named."""
    return Profile(
        id=ProfileId(id_),
        areas=areas or tuple(Area),
        levels={CauseId(each): level for each, level in (levels or {}).items()},
    )


def world(platform: Platform = Platform.LINUX) -> World:
    """A world that answers nothing."""
    return empty_world(platform)


def simulated(name: str, *, installed: bool = False, **options: Any) -> Examination:
    """An examination of the scenario `name`, its cards read, with the built-in checks."""
    subject = scenario.load(name)
    return assemble(
        registry=registry.load(BUILT_IN, installed=installed),
        probes=subject.probes(),
        profile=choose("psc-card"),
        world=subject.world,
        simulated=True,
        **options,
    )


def runner(
    *checks: Check, probes: Iterable[Probe[Any]] = (), causes: Iterable[Cause] = (),
    platform: Platform = Platform.LINUX,
) -> Runner:  # fmt: skip
    """A runner of `checks`; causes that none of `causes` defines are `ko`."""
    named = {id_: cause(id_) for each in checks for id_ in each.causes}
    known = {**catalogue(*named.values()), **{each.id: each for each in causes}}
    for_use = profile()

    def judge(results: Mapping[CheckId, CheckResult]) -> Diagnosis:
        return diagnose(results, checks=checks, causes=known, profile=for_use)

    return Runner(
        checks=checks,
        probes={each.gives: each for each in probes},
        world=world(platform),
        platform=platform,
        level=lambda id_: for_use.level(known[id_]),
        diagnose=judge,
    )
