"""Is there a reader, and can its card be used?"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Area,
    CardKind,
    Catalogue,
    CauseId,
    ChannelKind,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    Galss,
    Level,
    Losses,
    MacCards,
    Machine,
    NotApplicable,
    Pcsc,
    PcscClients,
    Platform,
    ReaderKind,
    SlotState,
    UsbReader,
    UsbReaders,
    recognise,
)

from ._installed import has_token, known
from ._slots import best, could_be_cps, seen

_NONE = CauseId("reader.none")
_NO_DRIVER = CauseId("reader.no-driver")
_PSS_MODE = CauseId("reader.pss-mode")
_EMULATION = CauseId("reader.pss-emulation")
_IN_USE = CauseId("reader.in-use")
_CONTACTLESS = CauseId("reader.contactless-only")
_INTERMITTENT = CauseId("reader.intermittent")
_POWER_SAVING = CauseId("reader.power-saving")
_MACOS_CCID = CauseId("reader.macos-ccid")
_NOT_ALLOWED = CauseId("os.usb-not-authorised")

_LOSSES_AT_LEAST = 3
"""Of the same reader within a minute: nobody pulls a plug that often (field notes C70)."""
_FIRST_MACOS_WITH_ITS_OWN_DRIVER = 14


def judge_present(facts: Facts) -> Iterator[Finding | Evidence]:
    """PC/SC lists at least one reader; else what the USB bus shows says why not."""
    slots = facts[Pcsc].slots
    yield Evidence(key="readers", value=len(slots), source="SCardListReaders")
    for slot in slots:
        yield Evidence(key="reader", value=slot.model, source="SCardListReaders")
    readers = _on_usb(facts)
    for reader, source in readers:
        named = f"{reader.name} {reader.vendor_id}:{reader.product_id}".strip()
        yield Evidence(key="usb-reader", value=named, source=source)
        if reader.problem:
            yield Evidence(key="usb-problem", value=reader.problem, source=source)
        if reader.serial:
            yield Evidence(key="usb-link", value="serial", source=source)
    if withheld := _withheld(facts):
        yield Evidence(key="withheld-ports", value=withheld, source="ioreg")
    if not slots:
        yield _why_none(facts, tuple(reader for reader, _ in readers))


def _on_usb(facts: Facts) -> tuple[tuple[UsbReader, str], ...]:
    """The readers on the USB bus, and what says so."""
    usb = facts.get(UsbReaders)
    return tuple((each, usb.source) for each in usb.readers) if isinstance(usb, UsbReaders) else ()


def _withheld(facts: Facts) -> int:
    """At how many ports macOS lets nothing through until the person allows the accessory."""
    usb = known(facts, UsbReaders)
    return (usb.withheld or 0) if usb is not None else 0


def _why_none(facts: Facts, readers: tuple[UsbReader, ...]) -> Finding:
    """Why PC/SC lists no reader. One that only speaks over a serial line lacks no driver."""
    others = tuple(reader for reader in readers if not _is_pss(facts, reader))
    mac = facts.get(MacCards)
    if others and isinstance(mac, MacCards) and mac.emulation:
        return Finding(cause=_EMULATION, evidence=tuple(_emulations(mac)))
    if others:
        return Finding(cause=_NO_DRIVER)
    if readers:
        return Finding(cause=_PSS_MODE)
    # What waits at a port may be anything; where no reader is to be seen it is asked about first.
    return Finding(cause=_NOT_ALLOWED if _withheld(facts) else _NONE)


def _is_pss(facts: Facts, reader: UsbReader) -> bool:
    """Whether the reader speaks over a serial line: as the bus shows it, as it is made, or as
    galss.ini uses one that can be set to it."""
    kinds = {
        each.kind
        for each in facts[Catalogue].readers.readers
        if (each.vendor_id, each.product_id) == (reader.vendor_id, reader.product_id)
    }
    galss = facts.get(Galss)
    channels = galss.channels if isinstance(galss, Galss) else ()
    is_used_so = any(channel.kind is ChannelKind.SERIAL for channel in channels)
    return reader.serial or ReaderKind.PSS in kinds or (ReaderKind.BOTH in kinds and is_used_so)


def _emulations(mac: MacCards) -> Iterator[Evidence]:
    return (Evidence(key="emulation", value=each, source=mac.source) for each in mac.emulation)


def judge_free(facts: Facts) -> Iterator[Finding | Evidence]:
    """No other program keeps the card that would serve for itself."""
    slots = facts[Pcsc].slots
    yield from seen(slots)
    slot = best(slots)
    if slot is None or slot.state is not SlotState.HELD:
        return
    mac = known(facts, MacCards)
    if mac is not None and has_token(mac) and could_be_cps(slot):
        return  # by macOS itself, of which another check speaks
    clients = facts.get(PcscClients)
    programs = clients.programs if isinstance(clients, PcscClients) else ()
    source = clients.source if isinstance(clients, PcscClients) else ""
    evidence = tuple(Evidence(key="program", value=name, source=source) for name in programs)
    params = {"program": ", ".join(programs)} if programs else {}
    yield Finding(cause=_IN_USE, evidence=evidence, params=params)


def judge_contact(facts: Facts) -> Iterator[Finding | Evidence]:
    """A CPS is read through the slot: its contactless face holds another certificate."""
    slot = best(facts[Pcsc].slots)
    if slot is None or slot.state is not SlotState.READY:
        return
    kind = recognise(slot.atr)
    yield Evidence(key="card-kind", value=kind.value, source=slot.model)
    if kind is CardKind.CPS_CONTACTLESS:
        yield Finding(cause=_CONTACTLESS)


def judge_steady(facts: Facts) -> Iterator[Finding | Evidence]:
    """No reader went away again and again while it was watched."""
    losses = facts[Losses].readers
    for model in sorted(set(losses)):
        yield Evidence(key="losses", value=losses.count(model), source=model)
    if _lost_often(facts):
        yield Finding(cause=_INTERMITTENT)


def _lost_often(facts: Facts) -> frozenset[str]:
    losses = facts[Losses].readers
    return frozenset(model for model in losses if losses.count(model) >= _LOSSES_AT_LEAST)


def judge_powered(facts: Facts) -> Iterator[Finding | Evidence]:
    """Where a reader goes away, the system does not cut its power.

    That it may is the default everywhere, and of no matter to a reader that stays.
    """
    lost = _lost_often(facts)
    if not lost:
        raise NotApplicable
    readers = _on_usb(facts)
    for reader, source in readers:
        # What PC/SC calls a reader holds what the reader calls itself.
        is_lost = any(reader.name and reader.name.casefold() in name.casefold() for name in lost)
        if reader.may_sleep and (is_lost or len(readers) == 1):
            evidence = Evidence(key="may-sleep", value=reader.name, source=source)
            yield Finding(cause=_POWER_SAVING, evidence=(evidence,))
            return


def judge_system_driver(facts: Facts) -> Iterator[Finding | Evidence]:
    """On a Mac, neither the system's driver nor an old emulation is in the reader's way.

    A card that is read proves that none is. One mute card rather proves that this card is mute, and
    the driver is only what to think of next; two cards mute in one reader are no chance.
    """
    slots = facts[Pcsc].slots
    slot = best(slots)
    yield from seen(slots)
    is_troubled = slot is not None and slot.state in (SlotState.MUTE, SlotState.HELD)
    if known(facts, MacCards) is None and not is_troubled:
        return
    mac = facts[MacCards]
    yield from _emulations(mac)
    yield Evidence(
        key="ccid-driver", value="free" if mac.own_driver else "system", source=mac.source
    )
    if slot is None or not is_troubled:
        return
    has_real_reader = any(not _is_pss(facts, reader) for reader, _ in _on_usb(facts))
    if mac.emulation and has_real_reader:
        yield Finding(cause=_EMULATION)
        return
    of_reader = [each.state for each in slots if each.model == slot.model]
    if slot.state is not SlotState.MUTE or mac.own_driver or SlotState.READY in of_reader:
        return
    major = facts[Machine].version.partition(".")[0]
    # A version is two digits; int() would refuse thousands.
    if len(major) == 2 and major.isdecimal() and int(major) >= _FIRST_MACOS_WITH_ITS_OWN_DRIVER:
        alone = of_reader.count(SlotState.MUTE) == 1
        yield Finding(cause=_MACOS_CCID, level=Level.INFO if alone else None)


PRESENT = Check(
    id=CheckId("reader.present"),
    area=Area.READER,
    judge=judge_present,
    uses=(Pcsc, UsbReaders, Galss, MacCards, Catalogue),
    needs=(CheckId("pcsc.service"),),
    causes=(_NONE, _NO_DRIVER, _PSS_MODE, _EMULATION, _NOT_ALLOWED),
)

STEADY = Check(
    id=CheckId("reader.steady"),
    area=Area.READER,
    judge=judge_steady,
    uses=(Losses,),
    causes=(_INTERMITTENT,),
)

POWERED = Check(
    id=CheckId("reader.powered"),
    area=Area.READER,
    judge=judge_powered,
    uses=(Losses, UsbReaders),
    causes=(_POWER_SAVING,),
)

SYSTEM_DRIVER = Check(
    id=CheckId("reader.system-driver"),
    area=Area.READER,
    judge=judge_system_driver,
    uses=(Pcsc, MacCards, Machine, UsbReaders, Galss, Catalogue),
    needs=(CheckId("reader.present"),),
    causes=(_MACOS_CCID, _EMULATION),
    platforms=frozenset({Platform.MACOS}),
)

FREE = Check(
    id=CheckId("reader.free"),
    area=Area.READER,
    judge=judge_free,
    uses=(Pcsc, PcscClients, MacCards),
    needs=(CheckId("reader.present"),),
    unless=(CheckId("middleware.left-by-macos"),),
    causes=(_IN_USE,),
)

CONTACT = Check(
    id=CheckId("reader.contact"),
    area=Area.READER,
    judge=judge_contact,
    uses=(Pcsc,),
    needs=(CheckId("reader.present"),),
    causes=(_CONTACTLESS,),
)
