"""What the cards of a workstation hold, in three steps: what decides first is read first.

At the line speed of a CPS3 a certificate takes two seconds. So serial number and counters are one
fact, the authentication certificate the next, the others the last; each step begins where the last
one ended, in a transaction of its own, and other programs come in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from diagcps.card import cps
from diagcps.card.atr import CardKind, recognise
from diagcps.card.base import Anchors, CardError, Cards, CardUnreadable, NotOnCard, Transmit
from diagcps.card.pkcs15 import CodeEntry
from diagcps.facts import (
    AuthenticationCertificates,
    CardCertificates,
    CardState,
    CardStates,
    Certificate,
    CertificateEntry,
    OtherCertificates,
    Pcsc,
    Reading,
    Role,
    Slot,
    SlotState,
    StoredCertificate,
)
from diagcps.model import Private, PrivateKind

_READ = frozenset({CardKind.CPS3, CardKind.CPS4, CardKind.CPS_CONTACTLESS, CardKind.CPS_UNKNOWN})
Result = TypeVar("Result")
Wanted = TypeVar("Wanted")
Judge = Callable[[bytes], Certificate]
"""What a certificate (DER) says. Raises CardUnreadable."""


async def read_states(cards: Cards, pcsc: Pcsc) -> CardStates:
    """The state of every card that is read: those of the CPS family but CPS2ter."""
    slots = [s for s in pcsc.slots if s.state is SlotState.READY and recognise(s.atr) in _READ]
    return CardStates(cards=tuple(await asyncio.gather(*(_state(cards, slot) for slot in slots))))


async def read_authentication(
    cards: Cards, pcsc: Pcsc, states: CardStates, judge: Judge
) -> AuthenticationCertificates:
    """The certificates of every card up to its authentication certificate, and which remain."""
    # A card that went away, or whose directory could not be read, has said all it says.
    wanted = {
        state.slot: state.directories
        for state in states.cards
        if state.directories or state.reading is Reading.READ
    }
    found = await _each(
        cards,
        pcsc,
        wanted,
        lambda card, begun, paths: read_first(card, begun, paths, judge),
    )
    return AuthenticationCertificates(cards=found)


async def read_others(
    cards: Cards, pcsc: Pcsc, before: AuthenticationCertificates, judge: Judge
) -> OtherCertificates:
    """The certificates that the step before left unread."""
    wanted = {each.slot: each.unread for each in before.cards if each.unread}
    found = await _each(
        cards, pcsc, wanted, lambda card, begun, entries: read_rest(card, begun, entries, judge)
    )
    return OtherCertificates(cards=found)


async def _each(
    cards: Cards,
    pcsc: Pcsc,
    wanted: Mapping[Private, Wanted],
    step: Callable[[cps.Cps, CardCertificates, Wanted], CardCertificates],
) -> tuple[CardCertificates, ...]:
    """What `step` makes of the card in each slot that is still among those of `pcsc`."""

    async def read(slot: Slot) -> CardCertificates:
        begun = CardCertificates(slot=slot.name, reading=Reading.READ)

        def work(transmit: Transmit) -> CardCertificates:
            return step(cps.open_card(transmit, recognise(slot.atr)), begun, wanted[slot.name])

        try:
            return await cards.use(slot, work)
        except CardError as error:
            return _failed(begun, error)

    slots = (slot for slot in pcsc.slots if slot.name in wanted)
    return tuple(await asyncio.gather(*(read(slot) for slot in slots)))


def certificate_judge(anchors: Anchors, stored: tuple[StoredCertificate, ...]) -> Judge:
    """What tells what a certificate says, its chain ending at `anchors`."""
    # Only where a card is read: cryptography takes longer to import than the page to open.
    from diagcps.card.x509 import read_certificate

    return lambda data: read_certificate(data, anchors=anchors, stored=stored)


async def _state(cards: Cards, slot: Slot) -> CardState:
    begun = CardState(slot=slot.name, model=slot.model, atr=slot.atr, reading=Reading.READ)
    try:
        return await cards.use(slot, lambda transmit: read_state(transmit, begun))
    except CardError as error:
        return _ended(begun, error)


def read_state(transmit: Transmit, begun: CardState) -> CardState:
    """`begun` with all that could be read; the first thing that could not be says where.

    Never raises CardError: what was read before the card was pulled stands.
    """
    steps = _Steps(begun)
    try:
        card = cps.open_card(transmit, recognise(begun.atr))
        directory = steps.attempt(card.directory) or cps.Directory(codes=(), certificates=())
        steps.state = replace(steps.state, directories=directory.certificates)
        codes = steps.attempt(lambda: card.codes(directory)) or ()
        # The file of the serial number leaves the master file selected, where the counters are.
        serial = steps.attempt(card.serial)
        if serial is not None:
            steps.state = replace(steps.state, serial=Private(PrivateKind.SERIAL, serial))
        _read_codes(steps, card, codes)
        return replace(steps.state, update=card.update())
    except CardError as error:
        return _ended(steps.state, error)


def _read_codes(steps: _Steps, card: cps.Cps, codes: tuple[CodeEntry, ...]) -> None:
    porteur = next((code for code in codes if not code.unblocks), None)
    unblocking = next((code for code in codes if code.unblocks), None)
    if porteur is not None:
        reference = porteur.reference
        pin = steps.attempt(lambda: card.code(reference))
        steps.state = replace(steps.state, pin=pin)
    if unblocking is not None:
        # A card that does not tell this count is no unreadable card: it serves without.
        with suppress(CardUnreadable):
            steps.state = replace(steps.state, puk=card.code(unblocking.reference))


class _Steps:
    """The state so far, and attempts whose failure does not end the reading."""

    def __init__(self, state: CardState) -> None:
        self.state = state

    def attempt(self, step: Callable[[], Result]) -> Result | None:
        """What `step` returns; None when the card answers something that makes no sense."""
        try:
            return step()
        except CardUnreadable as error:
            self.state = _ended(self.state, error)
            return None


def _ended(state: CardState, error: CardError) -> CardState:
    """The first trouble is the one that is told; that a card went away outweighs any other."""
    if state.reading is not Reading.READ and isinstance(error, CardUnreadable):
        return state
    return replace(state, reading=error.reading, where=error.where, detail=error.detail)


def read_first(
    card: cps.Cps, begun: CardCertificates, directories: Iterable[bytes], judge: Judge
) -> CardCertificates:
    """`begun` with certificates until one authenticates, and the entries that remain.

    The label says which one to try first; the key usage alone says what it is.
    """
    entries = [entry for path in directories for entry in card.certificates(path)]
    entries.sort(key=lambda entry: "authentif" not in entry.label.lower())
    while entries:
        begun = _with_certificate(card, begun, entries.pop(0), judge)
        # One that makes no sense may be the one that is looked for: no other is taken for it.
        if begun.reading is not Reading.READ:
            break
        if any(each.role is Role.AUTHENTICATION for each in begun.found):
            break
    return replace(begun, unread=tuple(entries))


def read_rest(
    card: cps.Cps, begun: CardCertificates, entries: Iterable[CertificateEntry], judge: Judge
) -> CardCertificates:
    """`begun` with the certificates of `entries`."""
    for entry in entries:
        begun = _with_certificate(card, begun, entry, judge)
    return begun


def _with_certificate(
    card: cps.Cps, begun: CardCertificates, entry: CertificateEntry, judge: Judge
) -> CardCertificates:
    """A file that is not there holds no certificate; one that makes no sense is trouble."""
    try:
        data = card.certificate(entry)
        with cps.at(entry.label or "certificate"):
            return replace(begun, found=(*begun.found, judge(data)))
    except NotOnCard:
        return begun
    except CardUnreadable as error:
        return _failed(begun, error)


def _failed(begun: CardCertificates, error: CardError) -> CardCertificates:
    if begun.reading is not Reading.READ:
        return begun
    return replace(begun, reading=error.reading, where=error.where, detail=error.detail)
