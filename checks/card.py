"""Is a card of the CPS family in, does it answer, and can it be read?"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Area,
    CardKind,
    CardStates,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    MissingFact,
    NotApplicable,
    Pcsc,
    ProbeFailure,
    Reading,
    Reason,
    SlotState,
    Update,
    recognise,
)

from ._slots import ENDED, best, best_card, seen, trouble

_ABSENT = CauseId("card.absent")
_REMOVED = CauseId("card.removed")
_MUTE = CauseId("card.mute")
_VITALE = CauseId("card.vitale")
_NOT_CPS = CauseId("card.not-cps")
_OBSOLETE = CauseId("card.obsolete")
_SEVERAL = CauseId("card.several")
_INTERRUPTED = CauseId("card.update-interrupted")

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


def judge_readable(facts: Facts) -> Iterator[Finding | Evidence]:
    """The card's directory, its serial number and its counters make sense."""
    card = best_card(facts[Pcsc], facts[CardStates].cards)
    if card is None:
        raise NotApplicable
    yield Evidence(key="card-kind", value=recognise(card.atr).value, source="ATR")
    if card.serial is not None:
        yield Evidence(key="serial", value=card.serial, source="EF.SN")
    yield from trouble(card.where, card.detail)
    if card.reading is Reading.UNREADABLE and recognise(card.atr) is CardKind.CPS_UNKNOWN:
        # A generation that this tool does not know may be read otherwise.
        raise MissingFact(ProbeFailure(reason=Reason.UNSUPPORTED))
    if card.reading is not Reading.READ:
        yield Finding(cause=ENDED[card.reading])


def judge_updated(facts: Facts) -> Iterator[Finding | Evidence]:
    """The last « actualisation » of the card came to its end."""
    card = best_card(facts[Pcsc], facts[CardStates].cards)
    if card is None:
        raise NotApplicable
    yield Evidence(key="update", value=card.update.value, source="EF_ACTUA")
    if card.update in (Update.NONE, Update.UNKNOWN):
        raise NotApplicable
    if card.update is Update.INTERRUPTED:
        yield Finding(cause=_INTERRUPTED)


def judge_single(facts: Facts) -> Iterator[Finding | Evidence]:
    """Not two CPS at once: two serial numbers. The two faces of one card have the same one."""
    cards = facts[CardStates].cards
    serials = {card.serial.value for card in cards if card.serial}
    yield Evidence(key="cps-cards", value=len(serials), source="EF.SN")
    if len(serials) > 1:
        yield Finding(cause=_SEVERAL)
    elif len(cards) > 1 and not all(card.serial for card in cards):
        # Whether the one that did not say its number is another one, nobody knows.
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))


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

READABLE = Check(
    id=CheckId("card.readable"),
    area=Area.CARD,
    judge=judge_readable,
    uses=(Pcsc, CardStates),
    needs=(CheckId("card.recognised"), CheckId("reader.contact")),
    causes=tuple(ENDED.values()),
)

UPDATED = Check(
    id=CheckId("card.updated"),
    area=Area.CARD,
    judge=judge_updated,
    uses=(Pcsc, CardStates),
    needs=(CheckId("card.readable"),),
    causes=(_INTERRUPTED,),
)

SINGLE = Check(
    id=CheckId("card.single"),
    area=Area.CARD,
    judge=judge_single,
    uses=(CardStates,),
    needs=(CheckId("card.present"),),
    causes=(_SEVERAL,),
)
