"""Is there a reader, and can its card be used?"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Area,
    CardKind,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    Pcsc,
    PcscClients,
    SlotState,
    UsbReaders,
    recognise,
)

from ._slots import best, seen

_NONE = CauseId("reader.none")
_IN_USE = CauseId("reader.in-use")
_CONTACTLESS = CauseId("reader.contactless-only")


def judge_present(facts: Facts) -> Iterator[Finding | Evidence]:
    """PC/SC lists at least one reader."""
    slots = facts[Pcsc].slots
    yield Evidence(key="readers", value=len(slots), source="SCardListReaders")
    for slot in slots:
        yield Evidence(key="reader", value=slot.model, source="SCardListReaders")
    usb = facts.get(UsbReaders)
    if isinstance(usb, UsbReaders):
        for reader in usb.readers:
            named = f"{reader.name} {reader.vendor_id}:{reader.product_id}".strip()
            yield Evidence(key="usb-reader", value=named, source=usb.source)
    if not slots:
        yield Finding(cause=_NONE)


def judge_free(facts: Facts) -> Iterator[Finding | Evidence]:
    """No other program keeps the card that would serve for itself."""
    slots = facts[Pcsc].slots
    yield from seen(slots)
    slot = best(slots)
    if slot is None or slot.state is not SlotState.HELD:
        return
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


PRESENT = Check(
    id=CheckId("reader.present"),
    area=Area.READER,
    judge=judge_present,
    uses=(Pcsc, UsbReaders),
    needs=(CheckId("pcsc.service"),),
    causes=(_NONE,),
)

FREE = Check(
    id=CheckId("reader.free"),
    area=Area.READER,
    judge=judge_free,
    uses=(Pcsc, PcscClients),
    needs=(CheckId("reader.present"),),
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
