"""An act with a code, from what is shown to the person to what is said of it afterwards.

What is said comes from reading the card again: a success that a library reports proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, TypeVar

from diagcps.card.act import Act, Codes, Course, Middleware, Order, Proof
from diagcps.card.atr import CardKind, recognise
from diagcps.card.identifiers import names_serial
from diagcps.card.new_code import Limits
from diagcps.card.sequence import LOGIN_REQUIRED, USUAL_TRIES
from diagcps.check import Trigger
from diagcps.facts import (
    AuthenticationCertificates,
    CardState,
    CardStates,
    Certificate,
    Code,
    Family,
    Library,
    LibraryState,
    LibraryToken,
    ProgramKind,
    Role,
    RunningPrograms,
)
from diagcps.model import CauseId, Private, PrivateKind, RemedyId
from diagcps.records import record
from diagcps.runner import Runner

Fact = TypeVar("Fact")
Facts = Mapping[type, Any]

LAST = 1
_CONTACTLESS = CardKind.CPS_CONTACTLESS
_PIN_LOCKED = 0x40000
"""CKF_USER_PIN_LOCKED (PKCS#11 2.20, CK_TOKEN_INFO)."""
_OPENSC = "OpenSC"
"""What its description begins with. C_InitPIN of 0.23 sets no code of a card in any configuration,
and C_Login has used up an unblocking by then (measured)."""
_REFUSALS = frozenset({0x20, 0x21, 0x54, 0xA0, 0xA1, 0xA2, 0xA4, 0x101})
"""CKR_DATA_INVALID, _DATA_LEN_RANGE, _FUNCTION_NOT_SUPPORTED, _PIN_INCORRECT, _PIN_INVALID,
_PIN_LEN_RANGE, _PIN_LOCKED, _USER_NOT_LOGGED_IN."""


class Closed(Enum):
    """Why an act cannot be offered: nothing is asked, and the card is left alone."""

    NO_CARD = "no-card"
    SEVERAL_CARDS = "several-cards"
    UNREAD = "unread"
    """Its serial number or its counters could not be read; of a trial, its certificate."""
    CODE_IN_USE = "code-in-use"
    """A program has just presented the code: the card does not say how many tries are left."""
    NO_LIBRARY = "no-library"
    NOT_SHOWN = "not-shown"
    """The library does not show the card, or does not open it."""
    CANNOT_UNBLOCK = "cannot-unblock"
    """The library would use up an unblocking, and could then set no code."""
    PIN_BLOCKED = "pin-blocked"
    PUK_BLOCKED = "puk-blocked"
    """The code de déblocage has no try left, or was used as often as the card allows."""
    LAST_TRY = "last-try"
    """A card is not tried for the sake of trying when one try is left."""


@record
class Shown:
    """What the person is shown of a card, and what an order is bound to."""

    order: Order
    family: Family
    holder: Private | None
    limits: Limits
    programs: tuple[str, ...]
    """Running programs that may hold the present code, by their usual names."""
    watchers: tuple[str, ...]
    """Running programs by which somebody else may see the screen."""

    @property
    def left(self) -> int | None:
        """Tries that are left of the code that is asked for."""
        return _left(self.order.puk if self.order.act is Act.UNBLOCK else self.order.pin)

    @property
    def is_last(self) -> bool:
        """The person is to stop, and to confirm a second time."""
        return self.is_last_try or self.is_last_unblocking

    @property
    def is_last_try(self) -> bool:
        """A wrong code would block for good what this act needs."""
        return self.left == LAST

    @property
    def is_without_return(self) -> bool:
        """Were the code porteur blocked, the code de déblocage is known to be of no use."""
        return _is_without_return(self.order, self.order.puk)

    @property
    def of_establishment(self) -> bool:
        """The card is one of those that an establishment's mandataire looks after, through TOM."""
        return self.family in _OF_ESTABLISHMENTS

    @property
    def is_last_unblocking(self) -> bool:
        """The card counts the unblockings, and this would be the last one."""
        return self.order.act is Act.UNBLOCK and _uses(self.order.puk) == LAST


def prepare(act: Act, facts: Facts) -> Shown | Closed:
    """What to show before `act`, or why it cannot be offered, from facts that were read."""
    states = _fact(facts, CardStates)
    cards = _in_slots(states)
    if not cards:
        return Closed.NO_CARD
    if len({card.serial for card in cards}) > 1:
        return Closed.SEVERAL_CARDS
    card = cards[0]
    if card.serial is None or card.pin is None or (act is Act.UNBLOCK and card.puk is None):
        return Closed.UNREAD
    library = _fact(facts, Library)
    if library is None or library.state is not LibraryState.READ:
        return Closed.NO_LIBRARY
    token = _token(library, card.serial)
    if token is None or token.code:
        return Closed.NOT_SHOWN
    closed = _kept_closed(act, card.pin, card.puk)
    if closed is not None:
        return closed
    if act is Act.UNBLOCK and _OPENSC in library.description:
        return Closed.CANNOT_UNBLOCK
    certificate = _certificate(facts, card)
    if act is Act.TRY and certificate is None:
        return Closed.UNREAD  # nothing could be proven
    return Shown(
        order=Order(
            act=act,
            library=Private(PrivateKind.PATH, library.place),
            slot=card.slot,
            atr=card.atr,
            serial=card.serial,
            pin=card.pin,
            puk=card.puk,
            certificate=certificate.fingerprint if certificate else None,
        ),
        family=certificate.family if certificate else Family.UNKNOWN,
        holder=certificate.holder if certificate else None,
        limits=Limits.of_token(*(token.pin_lengths or (None, None))),
        programs=_running(facts, ProgramKind.CARD, ProgramKind.BROWSER),
        watchers=_running(facts, ProgramKind.SCREEN),
    )


def _running(facts: Facts, *kinds: ProgramKind) -> tuple[str, ...]:
    """The names of the running programs of these kinds, each once, in alphabetical order."""
    running = _fact(facts, RunningPrograms)
    names = {p.name for p in (running.programs if running else ()) if p.kind in kinds}
    return tuple(sorted(names, key=str.casefold))


def _kept_closed(act: Act, pin: Code, puk: Code | None) -> Closed | None:
    """What the counters forbid."""
    if act is Act.UNBLOCK:
        if not _may_unblock(puk):
            return Closed.PUK_BLOCKED
        return Closed.CODE_IN_USE if _left(puk) is None else None
    if pin.left is None:
        return Closed.CODE_IN_USE
    if pin.left == 0:
        return Closed.PIN_BLOCKED
    return Closed.LAST_TRY if act is Act.TRY and pin.left <= LAST else None


def _may_unblock(puk: Code | None) -> bool:
    """The code de déblocage has a try and a use left, as far as the card tells."""
    return puk is not None and puk.left != 0 and puk.uses_left != 0


def _is_without_return(order: Order, puk: Code | None) -> bool:
    """A code porteur is at stake that nothing unblocks. What was not read is not dead."""
    return order.act is not Act.UNBLOCK and puk is not None and not _may_unblock(puk)


def cause_of(closed: Closed, facts: Facts) -> CauseId | None:
    """The cause whose remedies open what is closed; None where taking the card out does."""
    if closed is Closed.PUK_BLOCKED:
        states = _fact(facts, CardStates)
        dead = any(c.pin and c.pin.left == 0 for c in (states.cards if states else ()))
        return CauseId("puk.blocked" if dead else "puk.unusable")
    return _CAUSES.get(closed)


_CAUSES = {
    Closed.NO_CARD: CauseId("card.absent"),
    Closed.SEVERAL_CARDS: CauseId("card.several"),
    Closed.UNREAD: CauseId("card.unreadable"),
    Closed.NO_LIBRARY: CauseId("middleware.absent"),
    Closed.CANNOT_UNBLOCK: CauseId("middleware.absent"),
    Closed.NOT_SHOWN: CauseId("middleware.card-not-seen"),
    Closed.PIN_BLOCKED: CauseId("pin.blocked"),
    Closed.LAST_TRY: CauseId("pin.last-try"),
}


def ways_to_the_codes(family: Family) -> tuple[RemedyId, ...]:
    """How to get lost codes again, what is for this card first."""
    own = _remedies("pin.find-codes-online", "pin.ask-letter-again", "pin.call-ans")
    if family in _OF_ESTABLISHMENTS:
        return (*_MANDATAIRE, *own)
    return (*own, *_CPAM, *_MANDATAIRE)


def people_who_help(family: Family) -> tuple[RemedyId, ...]:
    """Whom to call before a last try, what is for this card first."""
    own = _remedies("pin.call-ans")
    return (*_MANDATAIRE, *own) if family in _OF_ESTABLISHMENTS else (*own, *_CPAM, *_MANDATAIRE)


def _remedies(*ids: str) -> tuple[RemedyId, ...]:
    return tuple(RemedyId(id_) for id_ in ids)


_OF_ESTABLISHMENTS = frozenset({Family.CPE, Family.CPA})
"""Cards that an establishment's mandataire looks after, through TOM."""
_MANDATAIRE, _CPAM = _remedies("pin.ask-mandataire"), _remedies("pin.call-cpam")
"""The CPAM helps independent practitioners alone; whether this is one, a card does not tell."""


class Result(Enum):
    """What is known of an act once the card was read again."""

    DONE = "done"
    """The card signed with the code that was to be set, or tried; its counters agree."""
    WRONG_CODE = "wrong-code"
    """The code that was asked for was wrong: a try is gone, others are left."""
    NOW_BLOCKED = "now-blocked"
    """It was wrong, and no try is left."""
    NEW_REFUSED = "new-refused"
    """It was right; the card did not take the new code, and is blocked as before."""
    NOT_SET = "not-set"
    """The card is not blocked, and did not take the new code. After a change the former one holds;
    after an unblocking no code is sure: a library may have set one of its own meanwhile."""
    REFUSED = "refused"
    """The card, or its library, refused; no try is gone."""
    NOT_BEGUN = "not-begun"
    """No code was used."""
    UNPROVEN = "unproven"
    """The counters are as they should be; whether the code is the right one was not shown."""
    UNKNOWN = "unknown"
    """The card could not be read again, or is in a state that nothing of this explains."""


_EXIT: Mapping[Result, Literal[0, 2, 3]] = {
    Result.DONE: 0,
    Result.UNPROVEN: 3,
    Result.UNKNOWN: 3,
}


@record
class Conclusion:
    """What is said of an act, and what it rests on."""

    result: Result
    shown: Shown
    course: Course
    proven: bool
    """The signature verifies with the certificate that was read from the card."""
    pin: Code | None
    """The code porteur as it was read afterwards; None when it was not."""
    puk: Code | None
    library_locked: bool | None
    """What the library says of the code porteur afterwards; None when it shows no such card."""

    @property
    def is_for_good(self) -> bool:
        """The code porteur was blocked by this act, and nothing unblocks it."""
        return self.result is Result.NOW_BLOCKED and _is_without_return(self.shown.order, self.puk)

    @property
    def exit_code(self) -> Literal[0, 2, 3]:
        """0 verified, 2 refused, 3 cannot tell."""
        return _EXIT.get(self.result, 2)


async def perform(runner: Runner, middleware: Middleware, shown: Shown, codes: Codes) -> Conclusion:
    """Carries `shown` out, once, and reads the card again. The codes are wiped on return.

    None of our own probes runs meanwhile. Not to be cancelled: a task of its own is to wait for it.
    """
    try:
        async with runner.quiet():
            course = await middleware.carry_out(shown.order, codes)
    finally:
        codes.wipe()
    if await runner.refresh(Trigger.PCSC) is None:
        return lost(shown)  # nothing was read since
    return conclude(shown, course, runner.facts)


def lost(shown: Shown) -> Conclusion:
    """When a fault of this tool has lost track of an act: nothing is known of it."""
    return Conclusion(
        result=Result.UNKNOWN,
        shown=shown,
        course=Course(ended=False),
        proven=False,
        pin=None,
        puk=None,
        library_locked=None,
    )


def conclude(shown: Shown, course: Course, facts: Facts) -> Conclusion:
    """What is known after `course`, from what was read of the card since."""
    states, library = _fact(facts, CardStates), _fact(facts, Library)
    serial = shown.order.serial
    card = next((c for c in _in_slots(states) if c.serial == serial), None)
    token = _token(library, serial) if library else None
    proven = course.proof is not None and _verifies(course.proof, shown.order)
    return Conclusion(
        result=_result(shown.order, course, card, proven=proven, token=token),
        shown=shown,
        course=course,
        proven=proven,
        pin=card.pin if card else None,
        puk=card.puk if card else None,
        library_locked=None if token is None else bool(token.flags & _PIN_LOCKED),
    )


def _result(
    order: Order, course: Course, card: CardState | None, *, proven: bool,
    token: LibraryToken | None,
) -> Result:  # fmt: skip
    if course.stopped is not None:
        return Result.NOT_BEGUN
    if card is None or card.pin is None:
        return Result.UNKNOWN
    lost = _lost_try(order, card)
    if proven and not lost:
        # Nothing is called done against what either reading says.
        locked = card.pin.left == 0 or (token is not None and token.flags & _PIN_LOCKED)
        return Result.UNKNOWN if locked else Result.DONE
    match order.act:
        case Act.UNBLOCK:
            return _after_unblocking(order, course, card, lost=lost)
        case Act.CHANGE:
            return _after_change(order, course, card.pin, lost=lost)
        case Act.TRY:
            return _after_trial(course, card.pin, lost=lost)


def _after_unblocking(order: Order, course: Course, card: CardState, *, lost: bool) -> Result:
    pin, puk = card.pin, card.puk
    if pin is None or puk is None:
        return Result.UNKNOWN  # whether a try is gone is not known
    if lost:
        return _of_wrong_code(puk)
    # A card that counts the uses of the code de déblocage tells that it took it; what the library
    # says of that is no evidence.
    used = _less(_uses(puk), _uses(order.puk))
    if order.pin.left == 0 and pin.left == 0:
        return Result.NEW_REFUSED if used else Result.REFUSED
    if pin.left == 0:
        return Result.UNKNOWN
    if not _was_called(course, "C_InitPIN"):
        # The new code was never handed over; the card alone tells whether it was unblocked.
        return Result.NOT_SET if used or pin != order.pin else Result.REFUSED
    if course.calls[-1].name == "C_InitPIN" and _is_refused(course):
        return Result.NOT_SET
    return _without_proof(order, course, pin)


def _after_change(order: Order, course: Course, pin: Code, *, lost: bool) -> Result:
    if course.code_of("C_SetPIN") == 0:
        return _without_proof(order, course, pin)
    if lost:
        return _of_wrong_code(pin) if _is_wrong(course) else Result.UNKNOWN
    refused = _is_refused(course) or not _was_called(course, "C_SetPIN")
    return Result.REFUSED if refused else Result.UNPROVEN


def _after_trial(course: Course, pin: Code, *, lost: bool) -> Result:
    if lost:
        return _of_wrong_code(pin) if _is_wrong(course) else Result.UNKNOWN
    # Once the code was taken, what fails is the signature.
    refused = course.calls[-1].name == "C_Login" and _is_refused(course)
    return Result.REFUSED if refused else Result.UNPROVEN


def _is_wrong(course: Course) -> bool:
    """The code that was presented first was not taken: the try that is gone is that one's."""
    return course.calls[0].code != 0


def _was_called(course: Course, name: str) -> bool:
    """Whether the library was asked to set the new code: whatever came back, it may have."""
    return any(call.name == name for call in course.calls)


def _is_refused(course: Course) -> bool:
    """The last call that took a code, or signed, was refused for sure. An error of the line is no
    refusal: the card may have done what was asked before its answer was lost."""
    return course.calls[-1].code in _REFUSALS


def _without_proof(order: Order, course: Course, pin: Code) -> Result:
    """The library set a new code, as it says, and the card did not sign with it."""
    if pin.left == 0:
        return Result.UNKNOWN  # another program used up its tries since
    is_full = pin.left is None or pin.left >= (pin.most or USUAL_TRIES)
    if course.calls[-1].name == "C_Login" and _is_refused(course) and not is_full:
        return Result.NOT_SET
    if order.act is Act.CHANGE and pin == order.pin and not is_full:
        # Presented, it had all its tries again: it was not, and none other was set. An unblocking
        # may set a code and leave its tries as they were (a CPS4 that refuses 2C alone).
        return Result.REFUSED
    return Result.UNPROVEN


def _of_wrong_code(code: Code | None) -> Result:
    return Result.NOW_BLOCKED if code is not None and code.left == 0 else Result.WRONG_CODE


def _lost_try(order: Order, card: CardState) -> bool:
    """The code that was asked for has fewer tries than were shown."""
    if order.act is Act.UNBLOCK:
        return _less(_left(card.puk), _left(order.puk))
    return _less(_left(card.pin), order.pin.left)


def _left(code: Code | None) -> int | None:
    return None if code is None else code.left


def _uses(code: Code | None) -> int | None:
    return None if code is None else code.uses_left


def _less(now: int | None, before: int | None) -> bool:
    return now is not None and before is not None and now < before


def _verifies(proof: Proof, order: Order) -> bool:
    """Whether the card that was shown signed the challenge."""
    from diagcps.card.x509 import has_signed  # it takes longer to import than the page to open

    wanted = order.certificate
    return wanted is not None and has_signed(
        wanted.value, proof.certificate, proof.signature, proof.challenge
    )


def _in_slots(states: CardStates | None) -> list[CardState]:
    """The cards that are not read without contact."""
    return [c for c in (states.cards if states else ()) if recognise(c.atr) is not _CONTACTLESS]


def _token(library: Library, serial: Private) -> LibraryToken | None:
    tokens = (slot.token for slot in library.slots if slot.token)
    of_card = (each for each in tokens if names_serial(each.serial.value, serial.value))
    found = [each for each in of_card if each.flags & LOGIN_REQUIRED]
    return found[0] if len(found) == 1 else None


def _certificate(facts: Facts, card: CardState) -> Certificate | None:
    read = _fact(facts, AuthenticationCertificates)
    mine = [each for each in (read.cards if read else ()) if each.slot == card.slot]
    found = (c for each in mine for c in each.found if c.role is Role.AUTHENTICATION)
    return next(found, None)


def _fact(facts: Facts, kind: type[Fact]) -> Fact | None:
    fact = facts.get(kind)
    return fact if isinstance(fact, kind) else None
