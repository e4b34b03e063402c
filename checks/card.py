"""Is a card of the CPS family in, and does it answer? Told from its answer to reset alone."""

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
    SlotState,
    recognise,
)

from ._slots import best, seen

_ABSENT = CauseId("card.absent")
_REMOVED = CauseId("card.removed")
_MUTE = CauseId("card.mute")
_VITALE = CauseId("card.vitale")
_NOT_CPS = CauseId("card.not-cps")
_OBSOLETE = CauseId("card.obsolete")
_SEVERAL = CauseId("card.several")

_UNFIT = {
    CardKind.VITALE: _VITALE,
    CardKind.AGENT: _NOT_CPS,
    CardKind.OTHER: _NOT_CPS,
    CardKind.CPS2TER: _OBSOLETE,
}


def judge_present(facts: Facts) -> Iterator[Finding | Evidence]:
    """At least one slot holds a card, and held it until the end of the reading."""
    slots = facts[Pcsc].slots
    yield from seen(slots)
    slot = best(slots)
    if slot is None or slot.state is SlotState.EMPTY:
        yield Finding(cause=_ABSENT)
    elif slot.state is SlotState.REMOVED:
        yield Finding(cause=_REMOVED)


def judge_answers(facts: Facts) -> Iterator[Finding | Evidence]:
    """The card answered when it was powered."""
    slot = best(facts[Pcsc].slots)
    if slot is None:
        return
    if slot.atr:
        yield Evidence(key="atr", value=slot.atr.hex(" ").upper(), source="SCardStatus")
    yield Evidence(key="slot", value=slot.state.value, source=slot.model)
    if slot.state is SlotState.MUTE:
        yield Finding(cause=_MUTE)


def judge_recognised(facts: Facts) -> Iterator[Finding | Evidence]:
    """The card is of the CPS family, of a generation that is still in use."""
    slot = best(facts[Pcsc].slots)
    if slot is None:
        return
    kind = recognise(slot.atr)
    yield Evidence(key="atr", value=slot.atr.hex(" ").upper(), source="SCardStatus")
    yield Evidence(key="card-kind", value=kind.value, source="ATR")
    if kind in _UNFIT:
        yield Finding(cause=_UNFIT[kind])


def judge_single(facts: Facts) -> Iterator[Finding | Evidence]:
    """Not two CPS at once. One card is in one contact slot only, so two of those are two cards;

    a contactless face beside a contact one may be the same card, and counts for nothing.
    """
    contact = [
        slot
        for slot in facts[Pcsc].slots
        if slot.atr
        and slot.state in (SlotState.READY, SlotState.HELD)
        and (kind := recognise(slot.atr)).is_cps
        and kind is not CardKind.CPS_CONTACTLESS
    ]
    yield Evidence(key="cps-cards", value=len(contact), source="ATR")
    if len(contact) > 1:
        yield Finding(cause=_SEVERAL)


PRESENT = Check(
    id=CheckId("card.present"),
    area=Area.CARD,
    judge=judge_present,
    uses=(Pcsc,),
    needs=(CheckId("reader.present"),),
    causes=(_ABSENT, _REMOVED),
)

ANSWERS = Check(
    id=CheckId("card.answers"),
    area=Area.CARD,
    judge=judge_answers,
    uses=(Pcsc,),
    needs=(CheckId("card.present"), CheckId("reader.free")),
    causes=(_MUTE,),
)

RECOGNISED = Check(
    id=CheckId("card.recognised"),
    area=Area.CARD,
    judge=judge_recognised,
    uses=(Pcsc,),
    needs=(CheckId("card.answers"),),
    causes=(_VITALE, _NOT_CPS, _OBSOLETE),
)

SINGLE = Check(
    id=CheckId("card.single"),
    area=Area.CARD,
    judge=judge_single,
    uses=(Pcsc,),
    needs=(CheckId("card.present"),),
    causes=(_SEVERAL,),
)
