"""Which slot speaks for the workstation.

A doctor's desk has a Vitale beside the CPS, an empty slot, a contactless interface: the workstation
is judged by the slot that could serve, and what the others hold is evidence, not a cause.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    CardCertificates,
    CardKind,
    CardState,
    CauseId,
    Evidence,
    Library,
    LibraryToken,
    Pcsc,
    Reading,
    Slot,
    SlotState,
    describe,
    names_serial,
    recognise,
)

ENDED: dict[Reading, CauseId] = {
    Reading.REMOVED: CauseId("card.removed"),
    Reading.HELD: CauseId("reader.in-use"),
    Reading.SILENT: CauseId("card.mute"),
    Reading.UNREADABLE: CauseId("card.unreadable"),
}
"""What it means that the reading of a card did not come to its end."""

_BY_KIND = {
    CardKind.CPS3: 0,
    CardKind.CPS4: 0,
    CardKind.CPS_UNKNOWN: 0,
    CardKind.CPS_CONTACTLESS: 2,
    CardKind.CPS2TER: 3,
    CardKind.VITALE: 6,
    CardKind.AGENT: 7,
    CardKind.OTHER: 7,
}


def could_be_cps(slot: Slot) -> bool:
    """The slot holds a CPS, or a card that did not say what it is."""
    return not slot.atr or recognise(slot.atr).is_cps


def _rank(slot: Slot) -> int:
    """How near the slot is to serving the person: 0 serves, 9 is empty."""
    match slot.state:
        case SlotState.READY:
            return _BY_KIND[recognise(slot.atr)]
        case SlotState.HELD:
            return 1 if could_be_cps(slot) else 8
        case SlotState.REMOVED:
            return 4 if could_be_cps(slot) else 9
        case SlotState.MUTE:
            return 5
        case SlotState.EMPTY:
            return 9


def best(slots: tuple[Slot, ...]) -> Slot | None:
    """The slot by which the workstation is judged; None without any slot."""
    return min(slots, key=_rank, default=None)


def seen(slots: tuple[Slot, ...]) -> Iterator[Evidence]:
    """What every slot holds, as evidence."""
    for slot in slots:
        ready = slot.state is SlotState.READY
        held = recognise(slot.atr).value if ready else slot.state.value
        yield Evidence(key="slot", value=held, source=slot.model)
        if slot.code:
            yield Evidence(key="code", value=describe(slot.code), source=slot.model)


def best_card(pcsc: Pcsc, states: tuple[CardState, ...]) -> CardState | None:
    """The card by which the workstation is judged, a readable one first; None without any."""
    ranks = {slot.name: _rank(slot) for slot in pcsc.slots}
    read = [state for state in states if state.slot in ranks]
    return min(read, key=lambda s: (ranks[s.slot], s.reading is not Reading.READ), default=None)


def of_card(state: CardState, steps: tuple[CardCertificates, ...]) -> CardCertificates | None:
    """What a step of the reading gave of that card; None when the step was not made."""
    return next((step for step in steps if step.slot == state.slot), None)


def tokens_of(card: CardState, library: Library) -> tuple[LibraryToken, ...]:
    """The tokens with the card's serial number."""
    serial = card.serial
    tokens = (slot.token for slot in library.slots if slot.token)
    return tuple(t for t in tokens if serial and names_serial(t.serial.value, serial.value))


def trouble(where: str, detail: str) -> Iterator[Evidence]:
    """Where a reading ended, and what was answered there."""
    if where:
        yield Evidence(key="where", value=where, source="card")
    if detail:
        yield Evidence(key="answer", value=detail, source="card")
