"""What is said of an act with a code is true of the card, whatever goes wrong: every outcome.

The cards are simulated, and used as the official library uses real ones; all the rest is as it is.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from diagcps import act_words, registry, scenario
from diagcps.acting import (
    Closed,
    Conclusion,
    Result,
    Shown,
    cause_of,
    conclude,
    lost,
    perform,
    prepare,
)
from diagcps.card import contents
from diagcps.card.act import Act, Call, Codes, Course, Middleware, Order, Stopped
from diagcps.card.base import CardRemoved
from diagcps.card.simulator import build, files, pki
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.cards import SimulatedCards
from diagcps.card.simulator.faults import Faulty
from diagcps.card.simulator.library import SimulatedLibrary
from diagcps.card.simulator.middleware import SimulatedMiddleware
from diagcps.examination import Examination, assemble
from diagcps.facts import (
    AuthenticationCertificates,
    CardState,
    CardStates,
    Family,
    Library,
    LibraryState,
    Moment,
    Pcsc,
    ProgramKind,
    Reading,
    RunningProgram,
    RunningPrograms,
    SlotState,
)
from diagcps.model import CauseId
from diagcps.probes import BUILT_IN
from diagcps.profiles import choose
from diagcps.secret import Secret
from diagcps.words import Words
from tests import builders
from tests.builders import card_state, codes, library, secret, token

PIN, PUK, NEW = files.PIN, files.PUK, b"4821"
WRONG_PIN, WRONG_PUK = b"9173", b"87654321"
FRENCH = Words("fr")
BOTH = pytest.mark.parametrize("model", ["cps3", "cps4"])
EXIT = {Result.DONE: 0, Result.UNPROVEN: 3, Result.UNKNOWN: 3}
GENERAL_ERROR = 0x05


class Reader:
    """A `SimulatedCard`: the one that is in the reader now."""

    def __init__(self, card: SimulatedCard) -> None:
        self.card: SimulatedCard | None = card
        self._atr = card.atr

    @property
    def atr(self) -> bytes:
        return self._atr

    @property
    def log(self) -> tuple[bytes, ...]:
        return self.card.log if self.card else ()

    def power(self) -> None:
        if self.card:
            self.card.power()

    def transmit(self, command: bytes) -> bytes:
        if self.card is None:
            raise CardRemoved("no card")
        return self.card.transmit(command)


@functools.cache
def built_in() -> registry.Registry:
    """The built-in checks: nothing changes them."""
    return registry.load(BUILT_IN, installed=False)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A workstation with one card, which a test may pull, swap and look into."""

    reader: Reader
    card: Faulty
    inside: SimulatedCard
    """The card itself, without what goes wrong with it."""
    examined: Examination
    middleware: SimulatedMiddleware

    @property
    def facts(self) -> Mapping[type, Any]:
        return self.examined.runner.facts

    def shown(self, act: Act) -> Shown:
        found = prepare(act, self.facts)
        assert isinstance(found, Shown)
        return found

    def counters(self) -> tuple[int | None, int | None, int | None]:
        """What is left of the code porteur, of the code de déblocage, and of its uses."""
        state = state_of(self._twin())
        assert state.pin is not None
        assert state.puk is not None
        return state.pin.left, state.puk.left, state.puk.uses_left

    def opened_by(self) -> bytes | None:
        """The code porteur that opens the card: asked of a copy, no try of this one is spent."""
        return next((code for code in (PIN, NEW) if self._opens(code)), None)

    def _opens(self, code: bytes) -> bool:
        is_cps4 = self.inside.atr == builders.CPS4
        twin = self._twin()
        if is_cps4:
            twin.transmit(bytes.fromhex("01A4040C088025000001FF0100"))
        return twin.transmit(bytes((is_cps4, 0x20, 0, 1, len(code))) + code) == b"\x90\x00"

    def _twin(self) -> SimulatedCard:
        # The keys are the same for all cards: they need no copy.
        keys = (pki.key("authentication"), pki.key("signature"))
        twin = copy.deepcopy(self.inside, {id(key): key for key in keys})
        twin.power()
        return twin


def state_of(card: SimulatedCard) -> CardState:
    begun = CardState(slot=secret("Reader"), model="", atr=card.atr, reading=Reading.READ)
    return contents.read_state(card.transmit, begun)


async def desk(model: str, **fields: Any) -> Desk:
    """A workstation whose card was read; what goes wrong is with an act alone."""
    base = scenario.load("no-card")
    now = base.facts[Moment].at
    plastic = Plastic(model=model, **fields)
    whole = replace(plastic, leaves_at=0, leaves_after=0, mute_at=0, refuses=())
    inside = build.make(whole, now)
    card = Faulty(inside, plastic)
    reader, pcsc = Reader(card), base.facts[Pcsc]
    slot = replace(pcsc.slots[0], state=SlotState.READY, atr=card.atr)
    cards = SimulatedCards({slot.name: reader})
    seen = SimulatedLibrary((whole,), now, cards=cards, slots=(slot,))
    facts = {**base.facts, Pcsc: replace(pcsc, slots=(slot, pcsc.slots[1]))}
    world = replace(base.world, cards=cards, libraries=seen)
    middleware = SimulatedMiddleware(cards)
    examined = assemble(
        registry=built_in(),
        probes=replace(base, facts=facts, world=world, middleware=middleware).probes(),
        profile=choose("psc-card"),
        world=world,
        simulated=True,
    )
    await examined.runner.run()
    return Desk(reader=reader, card=card, inside=inside, examined=examined, middleware=middleware)


def codes_for(act: Act, given: bytes | None = None) -> Codes:
    """The right codes, or another one than the right one."""
    right = PUK if act is Act.UNBLOCK else PIN
    return Codes(
        given=Secret(bytearray(given or right)),
        new=None if act is Act.TRY else Secret(bytearray(NEW)),
    )


async def perform_on(
    subject: Desk, act: Act, given: bytes | None = None, *, middleware: Middleware | None = None
) -> Conclusion:
    """The conclusion of an act, whose codes were wiped."""
    held = codes_for(act, given)
    data = [each.reveal() for each in held]
    found = await perform(
        subject.examined.runner, middleware or subject.middleware, subject.shown(act), held
    )
    assert not any(any(each) for each in data)
    assert found.exit_code == EXIT.get(found.result, 2)
    return found


class PuttingBack:
    """`Middleware` after which the person puts the card back that was pulled, or fell silent."""

    def __init__(self, subject: Desk) -> None:
        self._desk = subject

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        course = await self._desk.middleware.carry_out(order, codes)
        self._desk.card.insert()
        return course


@dataclass(frozen=True, kw_only=True)
class Row:
    """One outcome: what is done to which card, and what is then true."""

    act: Act
    given: bytes
    card: Mapping[str, Any]
    result: Result
    left: tuple[int, int, int]
    """Of the code porteur, of the code de déblocage, of its uses on a card that counts them."""
    opens: bytes | None


def unblocking(
    given: bytes, result: Result, left: tuple[int, int, int], opens: bytes | None, **card: Any
) -> Row:
    return Row(act=Act.UNBLOCK, given=given, card={"pin_left": 0, **card}, result=result,
               left=left, opens=opens)  # fmt: skip


def changing(
    given: bytes, result: Result, left: tuple[int, int, int], opens: bytes | None, **card: Any
) -> Row:
    return Row(act=Act.CHANGE, given=given, card=card, result=result, left=left, opens=opens)


def trying(
    given: bytes, result: Result, left: tuple[int, int, int], opens: bytes | None, **card: Any
) -> Row:
    return Row(act=Act.TRY, given=given, card=card, result=result, left=left, opens=opens)


OUTCOMES = {
    "unblocked": unblocking(PUK, Result.DONE, (3, 3, 24), NEW),
    "unblocked on the last try": unblocking(PUK, Result.DONE, (3, 3, 24), NEW, puk_left=1),
    "unblocked for the last time": unblocking(PUK, Result.DONE, (3, 3, 0), NEW, unblocks_left=1),
    "wrong, two left": unblocking(WRONG_PUK, Result.WRONG_CODE, (0, 2, 25), None),
    "wrong, one left": unblocking(WRONG_PUK, Result.WRONG_CODE, (0, 1, 25), None, puk_left=2),
    "wrong, none left": unblocking(WRONG_PUK, Result.NOW_BLOCKED, (0, 0, 25), None, puk_left=1),
    "not blocked and unblocked": unblocking(PUK, Result.DONE, (3, 3, 24), NEW, pin_left=1),
    "not blocked and wrong": unblocking(WRONG_PUK, Result.WRONG_CODE, (2, 2, 25), PIN, pin_left=2),
    "changed": changing(PIN, Result.DONE, (3, 3, 25), NEW),
    "changed on the last try": changing(PIN, Result.DONE, (3, 3, 25), NEW, pin_left=1),
    "change, wrong": changing(WRONG_PIN, Result.WRONG_CODE, (2, 3, 25), PIN),
    "change, wrong again": changing(WRONG_PIN, Result.WRONG_CODE, (1, 3, 25), PIN, pin_left=2),
    "change, blocked": changing(WRONG_PIN, Result.NOW_BLOCKED, (0, 3, 25), None, pin_left=1),
    "tried": trying(PIN, Result.DONE, (3, 3, 25), PIN),
    "tried, a try comes back": trying(PIN, Result.DONE, (3, 3, 25), PIN, pin_left=2),
    "tried, wrong": trying(WRONG_PIN, Result.WRONG_CODE, (2, 3, 25), PIN),
    "tried, wrong again": trying(WRONG_PIN, Result.WRONG_CODE, (1, 3, 25), PIN, pin_left=2),
}
OF_CPS3 = {
    "the new code is refused": unblocking(
        PUK, Result.NEW_REFUSED, (0, 3, 24), None, refuses=("2C:6985",)
    ),
    "the new code is refused by a card that works": unblocking(
        PUK, Result.NOT_SET, (2, 3, 24), PIN, refuses=("2C:6985",), pin_left=2
    ),
    "the code that unblocks is refused": unblocking(
        PUK, Result.REFUSED, (0, 3, 25), None, refuses=("20:6985",)
    ),
    "the change is refused": changing(PIN, Result.REFUSED, (3, 3, 25), PIN, refuses=("24:6985",)),
    "the change fails": changing(PIN, Result.UNPROVEN, (3, 3, 25), PIN, refuses=("24:6F00",)),
    "the code is refused": trying(PIN, Result.REFUSED, (3, 3, 25), PIN, refuses=("20:6985",)),
    "the signature is refused": trying(PIN, Result.UNPROVEN, (3, 3, 25), PIN, refuses=("88:6985",)),
    "the signature fails": trying(PIN, Result.UNPROVEN, (3, 3, 25), PIN, refuses=("88:6F00",)),
    "unblocked and nothing signed": unblocking(
        PUK, Result.UNPROVEN, (3, 3, 24), NEW, refuses=("88:6985",)
    ),
    "no certificate to sign with": unblocking(
        PUK, Result.UNPROVEN, (3, 3, 24), NEW, missing=("authentication",)
    ),
}
OF_CPS4 = {
    "unblocking is refused": unblocking(PUK, Result.REFUSED, (0, 3, 0), None, refuses=("2C:6983",)),
    "the new code is refused": unblocking(
        PUK, Result.NOT_SET, (3, 3, 0), PIN, refuses=("24:6983",)
    ),
    "the change is refused": changing(PIN, Result.REFUSED, (3, 3, 0), PIN, refuses=("24:6983",)),
    "changed and nothing signed": changing(
        PIN, Result.UNPROVEN, (3, 3, 0), NEW, refuses=("2A:6985",)
    ),
    "both refused and called done, one try left": unblocking(
        PUK, Result.UNPROVEN, (1, 3, 0), PIN, refuses=("2C:6985", "24:6985"), pin_left=1
    ),
    "both refused and called done, two tries left": unblocking(
        PUK, Result.UNPROVEN, (2, 3, 0), PIN, refuses=("2C:6985", "24:6985"), pin_left=2
    ),
    "unblocked in vain and called done": unblocking(
        PUK, Result.NOT_SET, (2, 3, 0), PIN, refuses=("24:6985",), pin_left=1
    ),
}
TABLE = [
    *(
        pytest.param("cps3", row, id=f"cps3: {name}")
        for name, row in {**OUTCOMES, **OF_CPS3}.items()
    ),
    *(
        pytest.param("cps4", row, id=f"cps4: {name}")
        for name, row in {**OUTCOMES, **OF_CPS4}.items()
    ),
]


@pytest.mark.parametrize(("model", "row"), TABLE)
async def test_what_is_said_of_an_act_is_true_of_the_card(model: str, row: Row) -> None:
    subject = await desk(model, **row.card)
    found = await perform_on(subject, row.act, row.given)
    assert found.result is row.result
    pin, puk, uses = row.left
    assert subject.counters() == (pin, puk, uses if model == "cps3" else None)
    assert subject.opened_by() == row.opens
    assert found.proven is (row.result is Result.DONE)


@pytest.mark.parametrize(("model", "row"), TABLE)
async def test_what_was_read_afterwards_is_told(model: str, row: Row) -> None:
    subject = await desk(model, **row.card)
    found = await perform_on(subject, row.act, row.given)
    assert found.pin is not None
    assert found.puk is not None
    assert (found.pin.left, found.puk.left, found.puk.uses_left) == subject.counters()
    assert found.library_locked is (found.pin.left == 0)


LYING = {
    (Act.UNBLOCK, "20"): (Result.REFUSED, (0, 3), None),
    (Act.UNBLOCK, "2C"): (Result.REFUSED, (0, 3), None),
    (Act.UNBLOCK, "24"): (Result.NOT_SET, (2, 3), PIN),
    (Act.CHANGE, "20"): (Result.UNPROVEN, (3, 3), PIN),
    (Act.CHANGE, "24"): (Result.NOT_SET, (2, 3), PIN),
    (Act.TRY, "20"): (Result.UNPROVEN, (3, 3), PIN),
}
"""A library that calls every refusal of a CPS4 a success: what is said, and what is true."""


@pytest.mark.parametrize("status", ["6985", "6A80", "6700", "6D00", "6982"])
@pytest.mark.parametrize(("act", "instruction"), LYING)
async def test_a_success_that_the_library_invents_is_not_believed(
    act: Act, instruction: str, status: str
) -> None:
    pin_left = 0 if act is Act.UNBLOCK else 3
    subject = await desk("cps4", pin_left=pin_left, refuses=(f"{instruction}:{status}",))
    found = await perform_on(subject, act)
    first_refused = {"20": "C_Login", "2C": "C_InitPIN", "24": SETTING[act]}[instruction]
    assert next(c.code for c in found.course.calls if c.name == first_refused) == 0
    assert (found.result, subject.counters()[:2], subject.opened_by()) == LYING[act, instruction]


SETTING = {Act.UNBLOCK: "C_InitPIN", Act.CHANGE: "C_SetPIN", Act.TRY: ""}


@dataclass(frozen=True)
class Step:
    """A command of an act, and what is said and true when the act ends there."""

    name: str
    """Its instruction, and the how-manieth of that instruction it is."""
    not_done: tuple[Result, bytes | None]
    """When the card did not do it, and was read again."""
    done: tuple[Result, bytes | None]
    """When it did, and its answer was lost."""


def signing(code: bytes, *names: str) -> list[Step]:
    """Commands by which a code that was set, or tried, is proved."""
    said = (Result.UNPROVEN, code)
    return [Step(name, said, said) for name in names]


REFUSED, NEW_REFUSED = (Result.REFUSED, None), (Result.NEW_REFUSED, None)
UNTOUCHED = (Result.REFUSED, PIN)
FORMER, LATER = (Result.UNPROVEN, PIN), (Result.UNPROVEN, NEW)
STEPS = {
    ("cps3", Act.UNBLOCK): [
        Step("20:1", REFUSED, NEW_REFUSED),
        Step("2C:1", NEW_REFUSED, LATER),
        *signing(NEW, "20:2", "22:1", "88:1"),
    ],
    ("cps4", Act.UNBLOCK): [
        Step("20:1", REFUSED, REFUSED),
        Step("2C:1", REFUSED, FORMER),
        Step("24:1", FORMER, LATER),
        *signing(NEW, "20:2", "22:1", "2A:1", "2A:2"),
    ],
    ("cps3", Act.CHANGE): [
        Step("20:1", UNTOUCHED, UNTOUCHED),
        Step("24:1", FORMER, LATER),
        *signing(NEW, "20:2", "22:1", "88:1"),
    ],
    ("cps4", Act.CHANGE): [
        Step("20:1", UNTOUCHED, UNTOUCHED),
        Step("20:2", FORMER, FORMER),
        Step("24:1", FORMER, LATER),
        *signing(NEW, "20:3", "22:1", "2A:1", "2A:2"),
    ],
    ("cps3", Act.TRY): signing(PIN, "20:1", "22:1", "88:1"),
    ("cps4", Act.TRY): signing(PIN, "20:1", "22:1", "2A:1", "2A:2"),
}
EACH_STEP = [
    pytest.param(model, act, step, id=f"{model} {act.value} {step.name}")
    for (model, act), steps in STEPS.items()
    for step in steps
]


async def interrupted(model: str, act: Act, step: Step, fault: str) -> Desk:
    """A workstation whose card is pulled, or falls silent, at that command of the act."""
    instruction, _, number = step.name.partition(":")
    pin_left = 0 if act is Act.UNBLOCK else 3
    return await desk(model, pin_left=pin_left, counted=instruction, **{fault: int(number)})


def assert_no_try_is_gone(subject: Desk) -> None:
    pin, puk, uses = subject.counters()
    assert (pin, puk) == (3 if subject.opened_by() else 0, 3)
    assert uses in (None, 24, 25)


@pytest.mark.parametrize("fault", ["leaves_at", "leaves_after", "mute_at"])
@pytest.mark.parametrize(("model", "act", "step"), EACH_STEP)
async def test_an_act_that_ends_half_way_is_told_by_the_card_that_was_put_back(
    model: str, act: Act, step: Step, fault: str
) -> None:
    subject = await interrupted(model, act, step, fault)
    found = await perform_on(subject, act, middleware=PuttingBack(subject))
    expected = step.done if fault == "leaves_after" else step.not_done
    assert (found.result, subject.opened_by()) == expected
    assert_no_try_is_gone(subject)


@pytest.mark.parametrize("fault", ["leaves_at", "leaves_after", "mute_at"])
@pytest.mark.parametrize(("model", "act", "step"), EACH_STEP)
async def test_a_card_that_stays_away_half_way_is_unknown(
    model: str, act: Act, step: Step, fault: str
) -> None:
    subject = await interrupted(model, act, step, fault)
    found = await perform_on(subject, act)
    assert (found.result, found.pin) == (Result.UNKNOWN, None)
    hung = fault == "mute_at"
    assert found.course.calls[-1].code == (None if hung else GENERAL_ERROR)
    assert (found.course.ended, found.course.stopped) == (not hung, None)
    expected = step.done if fault == "leaves_after" else step.not_done
    assert subject.opened_by() == expected[1]
    assert_no_try_is_gone(subject)


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("fault", ["leaves_at", "leaves_after", "mute_at"])
@BOTH
async def test_a_wrong_code_costs_one_try_also_when_its_answer_is_lost(
    model: str, act: Act, fault: str
) -> None:
    pin_left = 0 if act is Act.UNBLOCK else 3
    subject = await desk(model, pin_left=pin_left, counted="20", **{fault: 1})
    wrong = WRONG_PUK if act is Act.UNBLOCK else WRONG_PIN
    found = await perform_on(subject, act, wrong, middleware=PuttingBack(subject))
    was_presented = fault == "leaves_after"
    left = subject.counters()[1 if act is Act.UNBLOCK else 0]
    assert left == (2 if was_presented else 3)
    unsaid = Result.UNPROVEN if act is Act.TRY else Result.REFUSED
    assert found.result is (Result.WRONG_CODE if was_presented else unsaid)


def no_code_was_used(subject: Desk, found: Conclusion, why: Stopped) -> bool:
    assert (found.result, found.course.stopped) == (Result.NOT_BEGUN, why)
    presented = [c for c in subject.reader.log if c[1] in (0x20, 0x24, 0x2C) and len(c) > 5]
    return presented == []


@pytest.mark.parametrize("act", Act)
@BOTH
async def test_a_card_that_was_swapped_is_given_no_code(model: str, act: Act) -> None:
    subject = await desk(model)
    now = scenario.load("no-card").facts[Moment].at
    other = build.make(Plastic(model=model, serial="00000002"), now)
    shown = subject.shown(act)
    subject.reader.card = other
    found = await perform(subject.examined.runner, subject.middleware, shown, codes_for(act))
    assert no_code_was_used(subject, found, Stopped.OTHER_CARD)
    assert (found.pin, found.library_locked) == (None, False)


@pytest.mark.parametrize("act", Act)
@BOTH
async def test_a_card_that_was_pulled_before_is_given_no_code(model: str, act: Act) -> None:
    subject = await desk(model)
    shown = subject.shown(act)
    subject.reader.card = None
    found = await perform(subject.examined.runner, subject.middleware, shown, codes_for(act))
    assert no_code_was_used(subject, found, Stopped.UNREAD)
    assert found.library_locked is None


@pytest.mark.parametrize("act", Act)
@BOTH
async def test_a_card_that_has_lost_a_try_meanwhile_is_left_alone(model: str, act: Act) -> None:
    subject = await desk(model)
    shown = subject.shown(act)
    channel = bytes((model == "cps4",))
    subject.inside.transmit(channel + bytes.fromhex("20000104") + WRONG_PIN)
    found = await perform(subject.examined.runner, subject.middleware, shown, codes_for(act))
    assert no_code_was_used(subject, found, Stopped.CHANGED)
    assert (subject.counters()[:2], found.exit_code) == ((2, 3), 2)


@pytest.mark.parametrize("status", ["blocked", "used up"])
async def test_a_code_that_unblocks_no_more_is_not_asked_for(status: str) -> None:
    card = {"puk_left": 0} if status == "blocked" else {"unblocks_left": 0}
    subject = await desk("cps3", pin_left=0, **card)
    assert prepare(Act.UNBLOCK, subject.facts) is Closed.PUK_BLOCKED


@BOTH
async def test_a_card_is_not_tried_for_the_sake_of_trying_when_one_try_is_left(model: str) -> None:
    subject = await desk(model, pin_left=1)
    assert prepare(Act.TRY, subject.facts) is Closed.LAST_TRY
    assert subject.shown(Act.CHANGE).is_last_try


class Waiting:
    """`Middleware` that says whether a probe could run meanwhile."""

    def __init__(self, subject: Desk) -> None:
        self._desk = subject
        self.was_quiet = False

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        self.was_quiet = self._desk.examined.runner.quiet().locked()
        return await self._desk.middleware.carry_out(order, codes)


async def test_no_probe_runs_while_a_code_is_used() -> None:
    subject = await desk("cps3")
    middleware = Waiting(subject)
    await perform_on(subject, Act.TRY, middleware=middleware)
    assert middleware.was_quiet
    assert not subject.examined.runner.quiet().locked()


class Failing:
    """`Middleware` with a fault of its own."""

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        raise RuntimeError


async def test_codes_are_wiped_even_when_this_tool_fails() -> None:
    subject, held = await desk("cps3"), codes_for(Act.CHANGE)
    data = [each.reveal() for each in held]
    with pytest.raises(RuntimeError):
        await perform(subject.examined.runner, Failing(), subject.shown(Act.CHANGE), held)
    assert not any(any(each) for each in data)


async def test_the_diagnosis_follows_the_card_that_was_unblocked() -> None:
    subject = await desk("cps4", pin_left=0)
    runner = subject.examined.runner
    assert runner.diagnosis is not None
    assert [entry.cause.id for entry in runner.diagnosis.entries] == ["pin.blocked"]
    await perform_on(subject, Act.UNBLOCK)
    assert runner.diagnosis.entries == ()


Forge = Callable[[Conclusion], Conclusion]


async def done() -> tuple[Desk, Conclusion]:
    """An act that came to its end, whose parts a test may forge."""
    subject = await desk("cps4", pin_left=0)
    found = await perform_on(subject, Act.UNBLOCK)
    assert found.result is Result.DONE
    return subject, found


@pytest.mark.parametrize("part", ["challenge", "signature", "certificate"])
async def test_a_proof_that_does_not_verify_is_none(part: str) -> None:
    subject, found = await done()
    assert found.course.proof is not None
    forged = replace(found.course.proof, **{part: b"\x00" * 32})
    again = conclude(found.shown, replace(found.course, proof=forged), subject.facts)
    assert (again.result, again.proven) == (Result.UNPROVEN, False)


async def test_a_proof_by_another_card_is_none() -> None:
    subject, found = await done()
    other = replace(found.shown.order, certificate=secret("a" * 64))
    again = conclude(replace(found.shown, order=other), found.course, subject.facts)
    assert (again.result, again.proven) == (Result.UNPROVEN, False)


@pytest.mark.parametrize("says", ["library", "card"])
async def test_a_proof_that_a_reading_contradicts_is_no_success(says: str) -> None:
    subject, found = await done()
    facts = dict(subject.facts)
    if says == "library":
        facts[Library] = library(token(flags=0x4040D), state=LibraryState.READ)
    else:
        (state,) = facts[CardStates].cards
        assert state.pin is not None
        facts[CardStates] = CardStates(cards=(replace(state, pin=replace(state.pin, left=0)),))
    again = conclude(found.shown, found.course, facts)
    assert (again.result, again.proven) == (Result.UNKNOWN, True)


async def test_without_a_library_afterwards_the_card_alone_tells() -> None:
    subject, found = await done()
    facts = {kind: fact for kind, fact in subject.facts.items() if kind is not Library}
    again = conclude(found.shown, found.course, facts)
    assert (again.result, again.library_locked) == (Result.DONE, None)


async def test_an_act_that_was_lost_track_of_is_unknown() -> None:
    subject = await desk("cps3")
    found = lost(subject.shown(Act.CHANGE))
    assert (found.result, found.exit_code, found.course.ended) == (Result.UNKNOWN, 3, False)


def facts_of(*cards: CardState, shown: Library | None = None, **more: Any) -> dict[type, Any]:
    """What was read of these cards, and of the library."""
    found: dict[type, Any] = {CardStates: CardStates(cards=cards)}
    found[Library] = shown or library(token(), state=LibraryState.READ)
    found[AuthenticationCertificates] = AuthenticationCertificates(
        cards=(builders.step(builders.certificate()),)
    )
    return {**found, **{type(fact): fact for fact in more.values()}}


OTHER = card_state(serial="00000002", slot_name="Another")
NO_CERTIFICATES = AuthenticationCertificates(cards=())
CLOSED: list[tuple[Act, Mapping[type, Any], Closed]] = [
    (Act.UNBLOCK, {}, Closed.NO_CARD),
    (Act.TRY, facts_of(), Closed.NO_CARD),
    (Act.TRY, {CardStates: builders.failed()}, Closed.NO_CARD),
    (Act.TRY, facts_of(card_state(builders.CONTACTLESS)), Closed.NO_CARD),
    (Act.UNBLOCK, facts_of(card_state(), OTHER), Closed.SEVERAL_CARDS),
    (Act.UNBLOCK, facts_of(card_state(), card_state(serial=None)), Closed.SEVERAL_CARDS),
    (Act.UNBLOCK, facts_of(card_state(serial=None)), Closed.UNREAD),
    (Act.UNBLOCK, facts_of(card_state(puk=None)), Closed.UNREAD),
    (Act.CHANGE, facts_of(card_state(pin=None)), Closed.UNREAD),
    (Act.TRY, facts_of(card_state(pin=None)), Closed.UNREAD),
    (Act.UNBLOCK, facts_of(card_state(**codes(puk=None))), Closed.CODE_IN_USE),
    (Act.CHANGE, facts_of(card_state(**codes(pin=None))), Closed.CODE_IN_USE),
    (Act.TRY, facts_of(card_state(**codes(pin=None))), Closed.CODE_IN_USE),
    (Act.TRY, {CardStates: CardStates(cards=(card_state(),))}, Closed.NO_LIBRARY),
    *(
        (Act.TRY, facts_of(card_state(), shown=library(state=state)), Closed.NO_LIBRARY)
        for state in LibraryState
        if state is not LibraryState.READ
    ),
    (Act.TRY, facts_of(card_state(), shown=library()), Closed.NOT_SHOWN),
    (Act.TRY, facts_of(card_state(), shown=library(token("00000002"))), Closed.NOT_SHOWN),
    (Act.TRY, facts_of(card_state(), shown=library(token(), token())), Closed.NOT_SHOWN),
    (Act.TRY, facts_of(card_state(), shown=library(token(code=5))), Closed.NOT_SHOWN),
    (Act.TRY, facts_of(card_state(), shown=library(token(flags=0x409))), Closed.NOT_SHOWN),
    (Act.CHANGE, facts_of(card_state(**codes(pin=0))), Closed.PIN_BLOCKED),
    (Act.TRY, facts_of(card_state(**codes(pin=0))), Closed.PIN_BLOCKED),
    (Act.UNBLOCK, facts_of(card_state(**codes(puk=0))), Closed.PUK_BLOCKED),
    (Act.UNBLOCK, facts_of(card_state(**codes(uses=0))), Closed.PUK_BLOCKED),
    (Act.TRY, facts_of(card_state(**codes(pin=1))), Closed.LAST_TRY),
    (Act.TRY, facts_of(card_state(), certificates=NO_CERTIFICATES), Closed.UNREAD),
    (
        Act.UNBLOCK,
        facts_of(
            card_state(),
            shown=replace(library(token()), description="OpenSC smartcard framework"),
        ),
        Closed.CANNOT_UNBLOCK,
    ),
]


@pytest.mark.parametrize(("act", "facts", "closed"), CLOSED)
def test_an_act_that_cannot_be_offered_says_why(
    act: Act, facts: Mapping[type, Any], closed: Closed
) -> None:
    assert prepare(act, facts) is closed


def test_every_reason_can_occur() -> None:
    assert {closed for _, _, closed in CLOSED} == set(Closed)


@pytest.mark.parametrize(("act", "facts", "closed"), CLOSED)
def test_what_is_closed_has_a_cause_of_the_catalogue(
    act: Act, facts: Mapping[type, Any], closed: Closed
) -> None:
    cause = cause_of(closed, facts)
    assert cause is None or cause in built_in().causes
    assert (cause is None) is (closed is Closed.CODE_IN_USE)


@pytest.mark.parametrize(("pin", "cause"), [(0, "puk.blocked"), (3, "puk.unusable")])
def test_a_code_that_unblocks_no_more_is_grave_when_it_is_needed(pin: int, cause: str) -> None:
    facts = facts_of(card_state(**codes(pin=pin, puk=0)))
    assert cause_of(Closed.PUK_BLOCKED, facts) == CauseId(cause)


OFFERED = [
    (Act.UNBLOCK, codes(pin=0)),
    (Act.UNBLOCK, codes(pin=3)),
    (Act.UNBLOCK, codes(pin=None)),
    (Act.UNBLOCK, codes(pin=0, puk=1, uses=1)),
    (Act.UNBLOCK, codes(pin=0, uses=None)),
    (Act.CHANGE, codes(pin=1)),
    (Act.CHANGE, codes(puk=0)),
    (Act.CHANGE, {"puk": None}),
    (Act.TRY, codes(pin=2)),
    (Act.TRY, codes(puk=None)),
]


@pytest.mark.parametrize(("act", "counted"), OFFERED)
def test_an_act_that_can_be_done_is_offered(act: Act, counted: dict[str, Any]) -> None:
    assert isinstance(prepare(act, facts_of(card_state(**counted))), Shown)


def shown(act: Act, **counted: Any) -> Shown:
    found = prepare(act, facts_of(card_state(**codes(**counted))))
    assert isinstance(found, Shown)
    return found


def test_what_is_left_is_told_of_the_code_that_is_asked_for() -> None:
    assert shown(Act.UNBLOCK, pin=0, puk=2).left == 2
    assert shown(Act.CHANGE, pin=1, puk=2).left == 1
    assert shown(Act.TRY, pin=2, puk=1).left == 2


def test_the_last_try_and_the_last_unblocking_are_told() -> None:
    assert [shown(Act.UNBLOCK, pin=0, puk=left).is_last_try for left in (1, 2)] == [True, False]
    assert [shown(Act.CHANGE, pin=left).is_last_try for left in (1, 2)] == [True, False]
    last = [shown(Act.UNBLOCK, pin=0, uses=uses).is_last_unblocking for uses in (1, 2, None)]
    assert last == [True, False, False]
    assert not shown(Act.CHANGE, uses=1).is_last_unblocking


def test_the_order_is_bound_to_the_card_that_is_shown() -> None:
    state = card_state()
    found = shown(Act.CHANGE).order
    assert (found.serial, found.slot, found.atr) == (state.serial, state.slot, state.atr)
    assert (found.pin, found.puk) == (state.pin, state.puk)
    assert found.library.value == "/lib/p11.so"
    assert found.certificate == builders.certificate().fingerprint


def test_the_card_is_shown_with_its_holder_and_its_kind() -> None:
    mine = builders.certificate(family=Family.CPE)
    read = AuthenticationCertificates(cards=(builders.step(mine),))
    found = prepare(Act.TRY, facts_of(card_state(), certificates=read))
    assert isinstance(found, Shown)
    assert (found.family, found.holder) == (Family.CPE, mine.holder)
    assert found.order.certificate == mine.fingerprint
    bare = prepare(Act.CHANGE, facts_of(card_state(), certificates=NO_CERTIFICATES))
    assert isinstance(bare, Shown)
    assert (bare.family, bare.holder, bare.order.certificate) == (Family.UNKNOWN, None, None)


@pytest.mark.parametrize(
    ("lengths", "limits"), [((4, 4), (4, 4)), ((4, 6), (4, 6)), (None, (4, 8)), ((0, 0), (4, 8))]
)
def test_the_limits_of_a_new_code_are_those_of_the_token(
    lengths: tuple[int, int] | None, limits: tuple[int, int]
) -> None:
    seen = library(token(pin_lengths=lengths))
    found = prepare(Act.CHANGE, facts_of(card_state(), shown=seen))
    assert isinstance(found, Shown)
    assert (found.limits.shortest, found.limits.longest) == limits


def test_programs_that_may_hold_the_code_are_told_apart_from_those_that_show_the_screen() -> None:
    running = RunningPrograms(
        programs=(
            RunningProgram(name="firefox", kind=ProgramKind.BROWSER),
            RunningProgram(name="Galss", kind=ProgramKind.CARD),
            RunningProgram(name="firefox", kind=ProgramKind.BROWSER),
            RunningProgram(name="TeamViewer", kind=ProgramKind.SCREEN),
        ),
        source="test",
    )
    found = prepare(Act.TRY, facts_of(card_state(), running=running))
    assert isinstance(found, Shown)
    assert (found.programs, found.watchers) == (("firefox", "Galss"), ("TeamViewer",))
    assert (shown(Act.TRY).programs, shown(Act.TRY).watchers) == ((), ())


def test_of_two_tokens_of_a_card_the_one_that_takes_a_code_counts() -> None:
    seen = library(token(flags=0x409, pin_lengths=(0, 0)), token(pin_lengths=(4, 6)))
    found = prepare(Act.CHANGE, facts_of(card_state(), shown=seen))
    assert isinstance(found, Shown)
    assert found.limits.longest == 6


def test_a_card_that_is_seen_in_two_slots_is_one_card() -> None:
    twice = facts_of(card_state(), card_state(slot_name="Another"))
    assert isinstance(prepare(Act.CHANGE, twice), Shown)


def concluded(act: Act, before: dict[str, Any], after: CardState | None, *calls: Call) -> Result:
    """What is said of a course without a proof."""
    course = Course(calls=calls, ended=False)
    facts = facts_of(*(() if after is None else (after,)))
    return conclude(shown(act, **before), course, facts).result


LOGIN = Call(name="C_Login", code=0)
HALF_WAY = [
    (Act.UNBLOCK, Call(name="C_InitPIN", code=None), Result.UNPROVEN),
    (Act.UNBLOCK, Call(name="C_InitPIN", code=GENERAL_ERROR), Result.UNPROVEN),
    (Act.UNBLOCK, Call(name="C_InitPIN", code=0xA4), Result.NOT_SET),
    (Act.UNBLOCK, LOGIN, Result.REFUSED),
    (Act.CHANGE, Call(name="C_SetPIN", code=None), Result.UNPROVEN),
    (Act.CHANGE, Call(name="C_SetPIN", code=GENERAL_ERROR), Result.UNPROVEN),
    (Act.CHANGE, LOGIN, Result.REFUSED),
    (Act.TRY, LOGIN, Result.UNPROVEN),
]


@pytest.mark.parametrize(("act", "last", "result"), HALF_WAY)
def test_the_former_code_is_said_to_hold_only_where_no_other_may_have_been_set(
    act: Act, last: Call, result: Result
) -> None:
    """All tries are left before and after: the counters cannot tell."""
    assert concluded(act, {}, card_state(), LOGIN, last) is result


def test_a_card_that_counts_less_than_nothing_explains_is_unknown() -> None:
    login, setting = Call(name="C_Login", code=0), Call(name="C_SetPIN", code=0)
    blocked = card_state(**codes(pin=0))
    assert concluded(Act.UNBLOCK, {"pin": 2}, blocked, login) is Result.UNKNOWN
    assert concluded(Act.CHANGE, {}, None, login, setting) is Result.UNKNOWN
    assert concluded(Act.CHANGE, {}, card_state(pin=None), login, setting) is Result.UNKNOWN
    refused = Call(name="C_Login", code=0xA0)
    assert concluded(Act.CHANGE, {}, blocked, login, setting, refused) is Result.UNKNOWN


def test_a_code_that_others_blocked_after_it_was_set_is_not_said_to_be_open() -> None:
    calls = (LOGIN, Call(name="C_SetPIN", code=0))
    assert concluded(Act.CHANGE, {}, card_state(**codes(pin=0)), *calls) is Result.UNKNOWN


def test_a_try_that_another_program_took_is_not_said_to_be_a_wrong_code() -> None:
    after = card_state(**codes(pin=2))
    signing = Call(name="C_Sign", code=0x101)
    assert concluded(Act.TRY, {}, after, LOGIN, signing) is Result.UNKNOWN
    setting = Call(name="C_SetPIN", code=0xA2)
    assert concluded(Act.CHANGE, {}, after, LOGIN, setting) is Result.UNKNOWN


def test_tries_that_could_not_be_read_are_not_said_to_be_all_there() -> None:
    refused = Call(name="C_Login", code=0xA0)
    after = card_state(puk=None, pin=codes(pin=0)["pin"])
    assert concluded(Act.UNBLOCK, {"pin": 0}, after, refused) is Result.UNKNOWN


def test_a_card_that_was_unblocked_without_the_new_code_is_said_to_lack_it() -> None:
    opened = card_state()
    assert concluded(Act.UNBLOCK, {"pin": 0}, opened, LOGIN) is Result.NOT_SET
    used = card_state(**codes(uses=24))
    assert concluded(Act.UNBLOCK, {}, used, LOGIN) is Result.NOT_SET


async def test_without_a_reading_since_nothing_is_known() -> None:
    """A run that failed leaves no diagnosis, and so nothing that is read again."""
    subject = await desk("cps3")
    found, held = subject.shown(Act.CHANGE), codes_for(Act.CHANGE)
    subject.examined.runner.diagnosis = None
    conclusion = await perform(subject.examined.runner, subject.middleware, found, held)
    assert conclusion.result is Result.UNKNOWN


@pytest.mark.parametrize("act", [Act.CHANGE, Act.TRY])
@pytest.mark.parametrize(
    ("counted", "dead"),
    [({}, False), ({"puk": 0}, True), ({"uses": 0}, True), ({"puk": None}, False)],
)
def test_a_code_that_nothing_unblocks_is_told(
    act: Act, counted: dict[str, int | None], dead: bool
) -> None:
    """A code de déblocage that does not say how it stands is not taken for dead."""
    assert shown(act, **counted).is_without_return is dead


def test_an_unblocking_is_not_said_to_be_without_return() -> None:
    assert not shown(Act.UNBLOCK, pin=0).is_without_return


@pytest.mark.parametrize(
    ("act", "counted", "stake"),
    [
        (Act.UNBLOCK, {"pin": 0, "puk": 1}, "définitivement inutilisable"),
        (Act.CHANGE, {"pin": 1}, "Seul le code de déblocage"),
        (Act.CHANGE, {"pin": 1, "puk": 0}, "définitivement inutilisable"),
    ],
)
def test_what_a_last_try_may_cost_is_said_of_this_card(
    act: Act, counted: dict[str, int], stake: str
) -> None:
    (text,) = act_words.last_words(shown(act, **counted), FRENCH)
    assert stake in text


def test_every_last_of_an_unblocking_is_said() -> None:
    found = shown(Act.UNBLOCK, pin=0, puk=1, uses=1)
    assert len(act_words.last_words(found, FRENCH)) == 2


@pytest.mark.parametrize(
    ("counted", "stake"), [({}, "bloquera la carte"), ({"puk": 0}, "irréversible")]
)
def test_what_is_confirmed_before_a_change_is_true_of_this_card(
    counted: dict[str, int], stake: str
) -> None:
    found = shown(Act.CHANGE, pin=1, **counted)
    assert stake in act_words.certain(found, FRENCH)


@pytest.mark.parametrize(("puk", "told"), [(3, "déblocage du courrier"), (0, "remplacement")])
async def test_a_card_that_is_blocked_for_good_is_not_sent_to_be_unblocked(
    puk: int, told: str
) -> None:
    subject = await desk("cps3", pin_left=1, puk_left=puk)
    conclusion = await perform_on(subject, Act.CHANGE, WRONG_PIN)
    assert conclusion.result is Result.NOW_BLOCKED
    assert conclusion.is_for_good is (puk == 0)
    assert told in act_words.told(conclusion, FRENCH)
