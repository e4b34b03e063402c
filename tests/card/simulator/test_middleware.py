"""A simulated card is used as the official library was measured to use a real one."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diagcps.card import contents
from diagcps.card.act import Act, Call, Codes, Course, Order, Stopped
from diagcps.card.permitted import is_permitted, permitted
from diagcps.card.simulator import build, files, pki
from diagcps.card.simulator.base import PIN_LENGTHS, Plastic, SimulatedCard
from diagcps.card.simulator.cards import MakeCard, SimulatedCards
from diagcps.card.simulator.middleware import SimulatedMiddleware
from diagcps.card.x509 import has_signed
from diagcps.facts import CardState, Reading
from diagcps.model import Private, PrivateKind, UsageError
from diagcps.secret import Secret
from tests.builders import NEW_CPS, VITALE, ready

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
SLOT = Private(PrivateKind.READER, "Reader (0001) 00 00")
BOTH = pytest.mark.parametrize("model", ["cps3", "cps4"])

GENERAL_ERROR, DATA_INVALID, DATA_LEN_RANGE = 0x05, 0x20, 0x21
PIN_INCORRECT, PIN_LEN_RANGE, PIN_LOCKED = 0xA0, 0xA2, 0xA4
KEY_TYPE_INCONSISTENT, USER_NOT_LOGGED_IN = 0x63, 0x101


def make(model: str = "cps3", **fields: Any) -> SimulatedCard:
    return build.make(Plastic(model=model, **fields), NOW)


def state_of(card: SimulatedCard) -> CardState:
    begun = CardState(slot=SLOT, model="", atr=card.atr, reading=Reading.READ)
    return contents.read_state(permitted(card.transmit), begun)


def order_for(card: SimulatedCard, act: Act, **changes: Any) -> Order:
    """What was read of a card that has no faults, as it is now."""
    read = state_of(card)
    issued = pki.certificates(Plastic(model="cps3"), NOW).authentication
    given: dict[str, Any] = {
        "act": act,
        "library": Private(PrivateKind.PATH, "/lib/p11.so"),
        "slot": SLOT,
        "atr": card.atr,
        "serial": read.serial,
        "pin": read.pin,
        "puk": read.puk,
        "certificate": Private(PrivateKind.CERTIFICATE, hashlib.sha256(issued).hexdigest()),
    }
    return Order(**{**given, **changes})


async def carry_out(
    card: SimulatedCard, act: Act, given: bytes | None = None, new: bytes = b"4821",
    **changes: Any,
) -> Course:  # fmt: skip
    """The course of an act; without `given`, with the right code."""
    right = files.PUK if act is Act.UNBLOCK else files.PIN
    codes = Codes(
        given=Secret(bytearray(right if given is None else given)),
        new=None if act is Act.TRY else Secret(bytearray(new)),
    )
    middleware = SimulatedMiddleware(SimulatedCards({SLOT: card}))
    return await middleware.carry_out(order_for(card, act, **changes), codes)


def sent(card: SimulatedCard) -> list[str]:
    """The commands that no diagnosis may send, in hexadecimal."""
    return [command.hex().upper() for command in card.log if not is_permitted(command)]


PIN, PUK, NEW = "0831323334FFFFFFFF", "083132333435363738", "0834383231FFFFFFFF"
BOTH_CODES = "1031323334FFFFFFFF34383231FFFFFFFF"
SIGNED = "3031300D060960864801650304020105000420"
PROOF = {
    "cps3": ["00200001{code}", "002241A406800102840182", f"0088000033{SIGNED}"],
    "cps4": ["01200001{code}", "012241B803830120", "112A8086FF0001FF", "012A808601"],
}
SETTING = {
    ("cps3", Act.UNBLOCK): [f"00200002{PUK}", f"002C0201{NEW}"],
    ("cps3", Act.CHANGE): [f"00200001{PIN}", f"00240001{BOTH_CODES}"],
    ("cps4", Act.UNBLOCK): [f"01200002{PUK}", "012C0381", f"01240101{NEW}"],
    ("cps4", Act.CHANGE): [f"01200001{PIN}", f"01200001{PIN}", f"01240101{NEW}"],
    ("cps3", Act.TRY): [],
    ("cps4", Act.TRY): [],
}
"""The commands of each act, the last ones as they begin."""


@pytest.mark.parametrize(("model", "act"), SETTING)
async def test_a_card_is_sent_the_commands_that_were_measured(model: str, act: Act) -> None:
    card = make(model, pin_left=0 if act is Act.UNBLOCK else 3)
    course = await carry_out(card, act)
    code = PIN if act is Act.TRY else NEW
    expected = SETTING[model, act] + [step.format(code=code) for step in PROOF[model]]
    assert len(sent(card)) == len(expected)
    assert all(map(str.startswith, sent(card), expected))
    assert {call.code for call in course.calls} == {0}


SET_CALL = {Act.UNBLOCK: "C_InitPIN", Act.CHANGE: "C_SetPIN"}


@pytest.mark.parametrize("model", ["cps3", "cps4", "cps4-rc", "cps4-t0"])
@pytest.mark.parametrize("act", Act)
async def test_the_card_proves_that_it_took_the_code(model: str, act: Act) -> None:
    card = make(model, pin_left=0 if act is Act.UNBLOCK else 3)
    course = await carry_out(card, act)
    setting = ["C_Login", SET_CALL[act]] if act in SET_CALL else []
    names = [*setting, "C_Login", "C_SignInit", "C_Sign", "C_Sign"]
    assert [call.name for call in course.calls] == names
    assert (course.stopped, course.ended) == (None, True)
    wanted, proof = order_for(card, act).certificate, course.proof
    assert proof is not None
    assert wanted is not None
    assert has_signed(wanted.value, proof.certificate, proof.signature, proof.challenge)


@pytest.mark.parametrize("act", Act)
@BOTH
async def test_no_code_stays_presented(model: str, act: Act) -> None:
    card = make(model)
    await carry_out(card, act)
    is_cps4 = model == "cps4"
    if is_cps4:
        card.transmit(bytes.fromhex("01A4040C088025000001FF0100"))
    for reference in ("01", "02"):
        asked = bytes.fromhex(("01" if is_cps4 else "00") + "2000" + reference)
        assert card.transmit(asked) == b"\x63\xc3"


CODES = [
    ("63C2", PIN_INCORRECT, PIN_INCORRECT),
    ("63C1", PIN_INCORRECT, PIN_INCORRECT),
    ("63C0", PIN_INCORRECT, PIN_LOCKED),
    ("6983", PIN_LOCKED, PIN_LOCKED),
    ("6984", PIN_LOCKED, 0),
    ("6985", PIN_LOCKED, 0),
    ("6982", USER_NOT_LOGGED_IN, 0),
    ("6A80", DATA_INVALID, 0),
    ("6700", DATA_LEN_RANGE, 0),
    ("6D00", GENERAL_ERROR, 0),
    ("6F00", GENERAL_ERROR, 0),
]
CALLS = [
    ("C_Login", "20", Act.TRY),
    ("C_SetPIN", "24", Act.CHANGE),
    ("C_InitPIN", "2C", Act.UNBLOCK),
]


@pytest.mark.parametrize(("status", "cps3", "cps4"), CODES)
@pytest.mark.parametrize(("call", "instruction", "act"), CALLS)
async def test_each_status_word_comes_back_as_it_was_measured(
    status: str, cps3: int, cps4: int, call: str, instruction: str, act: Act
) -> None:
    for model, expected in (("cps3", cps3), ("cps4", cps4)):
        course = await carry_out(make(model, refuses=(f"{instruction}:{status}",)), act)
        found = [each for each in course.calls if each.name == call]
        assert found[0] == Call(name=call, code=expected)
        assert expected == 0 or course.calls[-1] == found[0]


@pytest.mark.parametrize(
    ("status", "code"), [("6982", USER_NOT_LOGGED_IN), ("6F00", GENERAL_ERROR)]
)
@pytest.mark.parametrize(("model", "instruction"), [("cps3", "88"), ("cps4", "2A"), ("cps4", "22")])
async def test_a_signature_that_is_refused_comes_back_as_it_was_measured(
    model: str, instruction: str, status: str, code: int
) -> None:
    course = await carry_out(make(model, refuses=(f"{instruction}:{status}",)), Act.TRY)
    assert course.calls[-1] == Call(name="C_Sign", code=code)
    assert (course.proof, course.ended) == (None, True)


LENGTHS = [
    (Act.TRY, b"12345", b"", "C_Login", PIN_INCORRECT),
    (Act.TRY, b"123", b"", "C_Login", PIN_INCORRECT),
    (Act.CHANGE, b"12345", b"4821", "C_Login", PIN_INCORRECT),
    (Act.CHANGE, files.PIN, b"48217", "C_SetPIN", PIN_LEN_RANGE),
    (Act.UNBLOCK, b"1234567", b"4821", "C_Login", PIN_INCORRECT),
    (Act.UNBLOCK, files.PUK, b"48217", "C_InitPIN", PIN_LEN_RANGE),
    (Act.UNBLOCK, files.PUK, b"482", "C_InitPIN", PIN_LEN_RANGE),
]


@pytest.mark.parametrize(("act", "given", "new", "call", "code"), LENGTHS)
@BOTH
async def test_a_code_of_a_wrong_length_never_reaches_the_card(
    model: str, act: Act, given: bytes, new: bytes, call: str, code: int
) -> None:
    card = make(model)
    course = await carry_out(card, act, given, new)
    assert course.calls[-1] == Call(name=call, code=code)
    assert len(sent(card)) == len(course.calls) - 1
    assert state_of(card).pin == state_of(make(model)).pin


@BOTH
async def test_letters_reach_the_card_and_cost_a_try(model: str) -> None:
    card = make(model)
    course = await carry_out(card, Act.TRY, b"abcd")
    assert course.calls == (Call(name="C_Login", code=PIN_INCORRECT),)
    assert state_of(card).pin != state_of(make(model)).pin


def test_the_lengths_are_those_of_the_directory_of_codes() -> None:
    assert (len(files.PIN), len(files.PIN)) == PIN_LENGTHS


@pytest.mark.parametrize("model", ["cps3", "cps4"])
async def test_a_card_that_is_pulled_in_a_call_is_a_general_error(model: str) -> None:
    course = await carry_out(make(model, counted="20", leaves_at=1), Act.TRY)
    assert course == Course(calls=(Call(name="C_Login", code=GENERAL_ERROR),))


@pytest.mark.parametrize("model", ["cps3", "cps4"])
async def test_a_card_that_falls_silent_in_a_call_holds_it_for_ever(model: str) -> None:
    course = await carry_out(make(model, counted="20", mute_at=1), Act.TRY)
    assert course == Course(calls=(Call(name="C_Login", code=None),), ended=False)


class Watched:
    """A CPS3 whose commands somebody looks at before it gets them."""

    def __init__(self, look: Callable[[bytes], None]) -> None:
        self._card = make()
        self._look = look

    @property
    def atr(self) -> bytes:
        return self._card.atr

    @property
    def log(self) -> tuple[bytes, ...]:
        return self._card.log

    def power(self) -> None:
        self._card.power()

    def transmit(self, command: bytes) -> bytes:
        self._look(command)
        return self._card.transmit(command)


async def test_a_code_that_the_library_keeps_is_presented_again_by_itself() -> None:
    prepared: list[bytes] = []

    def reset(command: bytes) -> None:
        if command[1] == 0x22 and not prepared:
            prepared.append(command)
            card.power()

    card = Watched(reset)
    course = await carry_out(card, Act.TRY)
    assert course.proof is not None
    assert [command[:8] for command in sent(card)].count("00200001") == 2
    assert [call.name for call in course.calls].count("C_Login") == 1


@pytest.mark.parametrize("atr", [VITALE, NEW_CPS, b""])
async def test_a_card_that_the_library_does_not_know_is_not_shown(atr: bytes) -> None:
    card = make()
    course = await carry_out(card, Act.TRY, atr=atr)
    assert course == Course(stopped=Stopped.NOT_SHOWN)
    assert sent(card) == []


async def test_another_card_in_the_reader_is_given_no_code() -> None:
    other = make(serial="00000002")
    serial = Private(PrivateKind.SERIAL, "00000001")
    course = await carry_out(other, Act.CHANGE, serial=serial)
    assert course == Course(stopped=Stopped.OTHER_CARD)
    assert sent(other) == []


async def test_a_slot_that_holds_no_card_is_unread() -> None:
    card = make()
    course = await carry_out(card, Act.TRY, slot=Private(PrivateKind.READER, "another"))
    assert course == Course(stopped=Stopped.UNREAD)


async def test_a_card_that_cannot_be_made_begins_nothing() -> None:
    def fail() -> SimulatedCard:
        raise UsageError("no such card")

    middleware = SimulatedMiddleware(SimulatedCards({SLOT: fail}))
    codes = Codes(given=Secret(bytearray(files.PIN)))
    course = await middleware.carry_out(order_for(make(), Act.TRY), codes)
    assert course == Course(stopped=Stopped.NOT_STARTED)


@pytest.mark.parametrize("missing", ["CDF", "authentication"])
async def test_without_its_certificate_a_card_proves_nothing(missing: str) -> None:
    course = await carry_out(make(missing=(missing,)), Act.TRY, **_known())
    assert course == Course(calls=(Call(name="C_Login", code=0),))


def _known() -> dict[str, Any]:
    """What a whole card is shown to be."""
    whole = state_of(make())
    return {"serial": whole.serial, "pin": whole.pin, "puk": whole.puk}


async def test_to_cancel_an_act_does_not_end_it() -> None:
    loop, begun, signing = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    cancelled = threading.Event()

    def look(command: bytes) -> None:
        if command[1] == 0x24:
            loop.call_soon_threadsafe(begun.set)
            cancelled.wait(10)
        elif command[1] == 0x88:
            loop.call_soon_threadsafe(signing.set)

    act = asyncio.create_task(carry_out(Watched(look), Act.CHANGE))
    await begun.wait()
    act.cancel()
    with pytest.raises(asyncio.CancelledError):
        await act
    cancelled.set()
    await signing.wait()


async def test_the_card_that_is_read_is_the_one_in_which_the_code_was_changed() -> None:
    made: list[SimulatedCard] = []

    def once() -> SimulatedCard:
        made.append(make())
        return made[-1]

    inserted: dict[Private, SimulatedCard | MakeCard] = {SLOT: once}
    cards = SimulatedCards(inserted)
    slot = ready(make().atr)
    held = await cards.hold(SLOT, lambda card: card)
    await cards.use(slot, lambda send: send(bytes.fromhex("00A4090C023F00")))
    assert made == [held]
    assert len(held.log) == 1


def test_a_scenario_is_named_without_what_takes_long_to_import() -> None:
    code = "import sys, diagcps.scenario; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    slow = {"cryptography", "diagcps.card.contents", "diagcps.card.simulator.build", "aiohttp"}
    assert not slow & set(done.stdout.split())
