"""Acts with a code on the real service: OpenSC's library, one that a test compiles, and the agent.

With the official library, on a CPS3 and a CPS4: cryptolib/test_acts.py.
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from diagcps import acting
from diagcps.acting import Closed, Result
from diagcps.card.act import Act, Call, Codes, Course, Order, Stopped
from diagcps.card.middleware import LibraryMiddleware
from diagcps.card.simulator.base import ATRS, Plastic
from diagcps.facts import Code
from diagcps.model import Private, PrivateKind
from tests.card import test_pkcs11
from tests.card.test_pkcs11 import Stub, is_gone, pid_in, quoted

from .acts import codes, examine, prepared
from .bench import Hold, Holder, Pcscd, until
from .deeds import CHANGE, TRY, Deed, PutBack, acting_processes, do, nothing_is_left
from .desk import CHECKOUT, Agent, Page
from .test_library import opensc
from .vpcd import reader_name
from .watched import Fault, State, Watched

pytestmark = pytest.mark.timeout(60)

stub = test_pkcs11.stub

Insert = Callable[..., Watched]
DELIVERED = State(pin="1234", pin_left=3, puk_left=3, uses_left=25)


@pytest.fixture
def insert(pcscd: Pcscd) -> Iterator[Insert]:
    """Inserts a CPS3."""
    pcscd.start()
    with ExitStack() as inserted:

        def put(**plastic: object) -> Watched:
            card = Watched(Plastic(model="cps3", **plastic))  # type: ignore[arg-type]
            card.insert()
            inserted.callback(card.take_out)
            return card

        yield put


@pytest.fixture(scope="module")
def library() -> str:
    return opensc()


@pytest.mark.parametrize("left", [3, 1])
async def test_the_present_code_sets_a_new_one_with_opensc(
    insert: Insert, library: str, left: int
) -> None:
    card = insert(pin_left=left)

    conclusion = await do(library, card, CHANGE)

    assert (conclusion.result, conclusion.proven) == (Result.DONE, True)
    assert card.state == replace(DELIVERED, pin="4821")
    # Presented, presented once more by the library before it is changed, and proven.
    assert card.instructions == [0x20, 0x20, 0x24, 0x20]


async def test_a_card_that_signs_with_its_code_works_with_opensc(
    insert: Insert, library: str
) -> None:
    card = insert(pin_left=2)

    conclusion = await do(library, card, TRY)

    assert (conclusion.result, conclusion.proven) == (Result.DONE, True)
    assert (card.state, card.instructions) == (DELIVERED, [0x20])


WRONG = [
    (CHANGE.with_code("9999"), 3, Result.WRONG_CODE),
    (CHANGE.with_code("9999"), 1, Result.NOW_BLOCKED),
    (TRY.with_code("9999"), 3, Result.WRONG_CODE),
    (TRY.with_code("9999"), 2, Result.WRONG_CODE),
]


@pytest.mark.parametrize(("deed", "left", "result"), WRONG)
async def test_a_wrong_code_takes_one_try_and_nothing_more_with_opensc(
    insert: Insert, library: str, deed: Deed, left: int, result: Result
) -> None:
    card = insert(pin_left=left)

    assert (await do(library, card, deed)).result is result

    assert card.state == replace(DELIVERED, pin_left=left - 1)
    assert card.instructions == [0x20]


async def test_an_unblocking_is_not_offered_with_opensc(insert: Insert, library: str) -> None:
    card = insert(pin_left=0)
    runner = examine(library).runner
    await runner.run()

    assert acting.prepare(Act.UNBLOCK, runner.facts) is Closed.CANNOT_UNBLOCK
    assert card.instructions == []


UNBLOCKINGS = [
    ("12345678", [("C_Login", 0), ("C_InitPIN", 0x54)], {"uses_left": 24}),
    ("87654321", [("C_Login", 0xA0)], {"puk_left": 2}),
]


@pytest.mark.parametrize(("given", "made", "left"), UNBLOCKINGS)
async def test_opensc_takes_the_unblocking_code_and_sets_no_code_with_it(
    insert: Insert, library: str, given: str, made: list[tuple[str, int]], left: dict[str, int]
) -> None:
    card = insert()
    shown = await prepared(examine(library).runner, Act.CHANGE)
    card.mark()

    ordered = replace(shown.order, act=Act.UNBLOCK)
    course = await Impatient().carry_out(ordered, codes(given, "4821"))

    assert [(call.name, call.code) for call in course.calls] == made
    assert card.state == replace(DELIVERED, **left)
    assert card.instructions == [0x20]


@pytest.mark.parametrize(
    ("act", "left", "why"),
    [
        (Act.UNBLOCK, {"unblocks_left": 0}, Closed.PUK_BLOCKED),
        (Act.TRY, {"pin_left": 1}, Closed.LAST_TRY),
    ],
)
async def test_what_the_counters_forbid_is_never_begun(
    insert: Insert, library: str, act: Act, left: dict[str, int], why: Closed
) -> None:
    card = insert(**left)
    runner = examine(library).runner
    await runner.run()

    assert acting.prepare(act, runner.facts) is why
    assert card.instructions == []


async def test_a_cps4_which_opensc_does_not_know_is_not_offered(pcscd: Pcscd, library: str) -> None:
    pcscd.start()
    card = Watched(Plastic(model="cps4"))
    card.insert()
    try:
        runner = examine(library).runner
        await runner.run()
        assert acting.prepare(Act.CHANGE, runner.facts) is Closed.NOT_SHOWN
        assert card.instructions == []
    finally:
        card.take_out()


async def test_another_card_than_the_one_that_was_shown_is_left_alone(
    insert: Insert, library: str
) -> None:
    card = insert(serial="00000001")
    others: list[Watched] = []

    def swap() -> None:
        card.pull()
        others.append(insert(serial="00000002"))

    conclusion = await do(library, card, CHANGE, before=swap)

    assert (conclusion.result, conclusion.course.calls) == (Result.NOT_BEGUN, ())
    assert [each.instructions for each in (card, *others)] == [[], []]


PULLED = [
    (1, Fault.DURING),
    (3, Fault.BEFORE),
    (3, Fault.DURING),
    (3, Fault.AFTER),
    (4, Fault.DURING),
]


@pytest.mark.parametrize(("number", "fault"), PULLED)
async def test_of_a_card_pulled_at_a_code_and_put_back_no_more_is_said_than_is_true(
    insert: Insert, library: str, number: int, fault: Fault
) -> None:
    card = insert()

    conclusion = await do(
        library, card, CHANGE,
        before=lambda: card.fail(fault, number), middleware=PutBack(card),
    )  # fmt: skip

    assert conclusion.result in (Result.REFUSED, Result.UNPROVEN, Result.NOT_SET)
    assert (card.state.pin_left, card.state.puk_left) == (3, 3)


async def test_a_card_that_another_program_holds_is_left_alone(
    insert: Insert, library: str, holder: Callable[[str, Hold], Holder]
) -> None:
    card = insert()

    conclusion = await do(
        library, card, CHANGE, before=lambda: until_held(holder(reader_name(0), Hold.EXCLUSIVE))
    )  # fmt: skip

    assert (conclusion.result, conclusion.course.calls) == (Result.NOT_BEGUN, ())
    assert (card.state, card.instructions) == (DELIVERED, [])


def until_held(program: Holder) -> None:
    """The other program has the card."""
    assert program.running


# The process that uses a code, with a library that does what the test says.

SERIAL = "00000042"
GIVEN, NEW = "40718293", "61947038"
CERTIFICATE = hashlib.sha256(b"certificate 1").hexdigest()
"""One of those that the stub shows."""


class Impatient(LibraryMiddleware):
    """Waits no longer than a test can."""

    LIMIT_S: ClassVar[float] = 2.0


def order(path: str, act: Act = Act.UNBLOCK) -> Order:
    """For a card that is as it was delivered, in the first slot."""
    return Order(
        act=act,
        library=Private(PrivateKind.PATH, path),
        slot=Private(PrivateKind.READER, reader_name(0)),
        atr=bytes.fromhex(ATRS["cps3"]),
        serial=Private(PrivateKind.SERIAL, SERIAL),
        pin=Code(reference=1, left=3, most=3),
        puk=Code(reference=2, left=3, most=3, uses_left=25),
        certificate=Private(PrivateKind.CERTIFICATE, CERTIFICATE),
    )


def typed(act: Act = Act.UNBLOCK) -> Codes:
    return codes(GIVEN, None if act is Act.TRY else NEW)


async def carried_out(path: str, act: Act = Act.UNBLOCK) -> Course:
    """The course of an act through that library, on the card that is in."""
    return await Impatient().carry_out(order(path, act), typed(act))


def names(course: Course) -> list[str]:
    return [call.name for call in course.calls]


def noting(file: Path, *macros: str) -> dict[str, str]:
    """Macros that let the stub note what is called, in its order."""
    return {f"AT_{macro}": f'note({quoted(file)}, "{macro}")' for macro in macros}


SETTING = {Act.UNBLOCK: ("LOGIN", "INIT_PIN", "LOGOUT"), Act.CHANGE: ("LOGIN", "SET_PIN", "LOGOUT")}
PROVING = ("LOGIN", "SIGN", "SIGN", "LOGOUT")


def session(*calls: str) -> list[str]:
    return ["INITIALIZE", "OPEN", *calls, "FINALIZE"]


@pytest.mark.parametrize("act", Act)
async def test_what_an_act_calls_it_calls_once_and_in_this_order(
    insert: Insert, stub: Stub, tmp_path: Path, act: Act
) -> None:
    insert(serial=SERIAL)
    file = tmp_path / "called"
    macros = ("INITIALIZE", "FINALIZE", "OPEN", "LOGIN", "LOGOUT", "INIT_PIN", "SET_PIN", "SIGN")

    course = await carried_out(stub(CODES="1", SERIAL=f'"{SERIAL}"', **noting(file, *macros)), act)

    first = session(*SETTING[act]) if act in SETTING else []
    assert file.read_text().split() == [*first, *session(*PROVING)]
    assert (course.stopped, course.ended) == (None, True)
    assert course.proof is not None
    assert course.proof.certificate == b"certificate 1"


async def test_the_codes_come_to_the_library_as_they_were_typed(insert: Insert, stub: Stub) -> None:
    insert(serial=SERIAL)
    login = f'if (length != 8 || memcmp(code, user ? "{NEW}" : "{GIVEN}", 8)) return 0xA0'
    new = f'if (length != 8 || memcmp(code, "{NEW}", 8)) return 0xA1'
    old = f'if (of_old != 8 || memcmp(old, "{GIVEN}", 8)) return 0xA0; {new}'

    path = stub(CODES="1", SERIAL=f'"{SERIAL}"', AT_LOGIN=login, AT_INIT_PIN=new, AT_SET_PIN=old)
    course = await carried_out(path)

    assert {call.code for call in course.calls} == {0}
    assert names(course)[:3] == ["C_Login", "C_InitPIN", "C_Login"]


@pytest.mark.parametrize(
    ("macros", "made"),
    [
        ({"AT_INIT_PIN": "return 0x54"}, [("C_Login", 0), ("C_InitPIN", 0x54)]),
        ({"AT_SIGN": "return 5"}, [("C_Login", 0), ("C_SignInit", 0), ("C_Sign", 5)]),
        (
            {"AT_LOGIN": "static int n; if (n++) return 0xA0"},
            [("C_Login", 0), ("C_InitPIN", 0), ("C_Login", 0xA0)],
        ),
    ],
)
async def test_the_first_refusal_ends_the_act(
    insert: Insert, stub: Stub, macros: dict[str, str], made: list[tuple[str, int]]
) -> None:
    insert(serial=SERIAL)

    course = await carried_out(stub(CODES="1", SERIAL=f'"{SERIAL}"', **macros))

    assert [(call.name, call.code) for call in course.calls][-len(made) :] == made
    assert (course.proof, course.ended) == (None, True)


async def test_a_card_of_another_number_than_the_library_shows_is_left_alone(
    insert: Insert, stub: Stub
) -> None:
    insert(serial="99999999")

    course = await carried_out(stub(CODES="1", SERIAL=f'"{SERIAL}"'))

    assert course == Course(stopped=Stopped.OTHER_CARD)


LAST_TRY = Code(reference=1, left=1, most=3)


async def test_a_new_code_is_not_proven_with_the_last_try(insert: Insert, stub: Stub) -> None:
    insert(serial=SERIAL, pin_left=1)
    shown = replace(order(stub(CODES="1", SERIAL=f'"{SERIAL}"')), pin=LAST_TRY)

    course = await Impatient().carry_out(shown, typed())

    assert (names(course), course.proof) == (["C_Login", "C_InitPIN"], None)


@pytest.mark.parametrize(
    ("macros", "stopped"),
    [
        ({"AT_INITIALIZE": "return 0x30"}, Stopped.LIBRARY),
        ({"AT_OPEN": "return 0xE0"}, Stopped.LIBRARY),
        ({"SERIAL": '"00000043"'}, Stopped.NOT_SHOWN),
    ],
)
async def test_a_library_that_does_not_show_the_one_card_is_handed_no_code(
    insert: Insert, stub: Stub, macros: dict[str, str], stopped: Stopped
) -> None:
    insert(serial=SERIAL)

    path = stub(**{"CODES": "1", "SERIAL": f'"{SERIAL}"', "AT_LOGIN": "abort()", **macros})

    assert await LibraryMiddleware().carry_out(order(path), typed()) == Course(stopped=stopped)


async def test_a_call_that_hangs_is_ended_with_all_that_the_library_started(
    insert: Insert, stub: Stub, tmp_path: Path
) -> None:
    insert(serial=SERIAL)
    files = [tmp_path / "child", tmp_path / "library"]
    forks = f"if (!fork()) {{ say_pid({quoted(files[0])}); hang(); }}"
    hangs = f"{forks} say_pid({quoted(files[1])}); hang()"

    course = await carried_out(stub(CODES="1", SERIAL=f'"{SERIAL}"', AT_INIT_PIN=hangs))

    assert [(call.name, call.code) for call in course.calls] == [
        ("C_Login", 0),
        ("C_InitPIN", None),
    ]
    assert course.ended is False
    assert [is_gone(pid_in(file)) for file in files] == [True, True]
    nothing_is_left()


SIGNALS = "raise(2); raise(15); raise(1)"
NOISE = 'puts("\\377\\377\\377\\377"); fflush(stdout); write(1, "noise", 5); getchar()'
CORE = "struct rlimit r; getrlimit(RLIMIT_CORE, &r); if (r.rlim_cur || r.rlim_max) return 5"
SECRETS = 'if (getenv("OTHER_SECRET") || getenv("HTTPS_PROXY")) return 6'


async def test_no_signal_no_noise_and_no_core_file_comes_of_a_call_with_a_code(
    insert: Insert, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(serial=SERIAL)
    monkeypatch.setenv("OTHER_SECRET", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://somebody:secret@proxy")
    does = "; ".join((SIGNALS, NOISE, CORE, SECRETS))

    path = stub(CODES="1", SERIAL=f'"{SERIAL}"', AT_LOGIN=does, AT_INIT_PIN=does)
    course = await carried_out(path)

    assert {call.code for call in course.calls} == {0}
    assert course.proof is not None


@pytest.mark.parametrize("end", ["abort()", "exit(0)"])
async def test_a_library_that_ends_the_process_in_a_call_made_it(
    insert: Insert, stub: Stub, end: str
) -> None:
    insert(serial=SERIAL)

    course = await carried_out(stub(CODES="1", SERIAL=f'"{SERIAL}"', AT_INIT_PIN=end))

    made = (Call(name="C_Login", code=0), Call(name="C_InitPIN", code=None))
    assert course == Course(calls=made, ended=False)


ORDERS = """
import asyncio, json, sys
from diagcps.card.act import Codes, Order
from diagcps.card.middleware import LibraryMiddleware
from diagcps.secret import Secret
given, new = (Secret(bytearray(code.encode())) for code in sys.argv[2:])
order = Order.from_message(json.loads(sys.argv[1]))
asyncio.run(LibraryMiddleware().carry_out(order, Codes(given=given, new=new)))
"""
"""An agent, as far as an act needs one."""


def test_an_act_whose_agent_is_killed_in_the_middle_comes_to_its_end(
    insert: Insert, stub: Stub, tmp_path: Path
) -> None:
    insert(serial=SERIAL)
    called, pid = tmp_path / "called", tmp_path / "pid"
    notes = noting(called, "INIT_PIN", "SIGN")
    waits = f"say_pid({quoted(pid)}); sleep(1)"
    path = stub(CODES="1", SERIAL=f'"{SERIAL}"', AT_LOGIN=waits, **notes)
    with ordering(order(path)) as agent:
        acting_process = pid_in(pid)
        agent.kill()
        agent.wait()
        assert not called.exists()
    until(lambda: called.exists() and called.read_text().count("SIGN") == 2, "it went on")
    assert called.read_text().split() == ["INIT_PIN", "SIGN", "SIGN"]
    assert is_gone(acting_process)
    nothing_is_left()


def ordering(order: Order) -> subprocess.Popen[bytes]:
    """An agent that has ordered an act."""
    message = json.dumps(order.to_message())
    return subprocess.Popen([sys.executable, "-c", ORDERS, message, GIVEN, NEW], cwd=CHECKOUT)


# The agent, to its end.

ENDINGS = [
    (signal.SIGINT, signal.SIGINT),
    (signal.SIGHUP, signal.SIGTERM),
]
FORM = {"given": "1234", "new": "4821", "again": "4821"}


@pytest.mark.parametrize("signals", ENDINGS, ids=lambda s: "+".join(each.name for each in s))
def test_an_agent_that_is_interrupted_ends_after_the_act(
    insert: Insert, library: str, tmp_path: Path, signals: tuple[signal.Signals, ...]
) -> None:
    card = insert(latency_ms=2.0)

    interrupt_during_act(card, library, tmp_path, signals)

    assert card.state == replace(DELIVERED, pin="4821")


def interrupt_during_act(
    card: Watched, library: str, folder: Path, signals: tuple[signal.Signals, ...]
) -> None:
    """Interrupts an agent while it changes the code of a slow card, and waits for its end."""
    was = card.state
    with Agent(folder / "home", library) as agent:
        page = Page(agent)
        page.examine()
        page.open("change-code")
        page.submit(**FORM)
        for number in signals:
            agent.send(number)
            time.sleep(0.1)
        assert (page.step, card.state) == ("doing", was), "the act was over before the signals"
        assert agent.ended() == 0
        assert (card.state.pin, acting_processes()) == (FORM["new"], [])


def test_a_connection_that_is_lost_ends_no_act(
    insert: Insert, library: str, tmp_path: Path
) -> None:
    card = insert()
    with Agent(tmp_path / "home", library) as agent:
        page = Page(agent)
        page.examine()
        page.open("change-code")

        with page.sent(**FORM):
            page.wait_until("doing")

        page.wait_until_done()
        assert card.state == replace(DELIVERED, pin="4821")
        agent.send(signal.SIGINT)
        assert agent.ended() == 0


def test_a_form_that_is_sent_twice_at_once_is_one_act(
    insert: Insert, library: str, tmp_path: Path
) -> None:
    card = insert()
    with Agent(tmp_path / "home", library) as agent:
        page = Page(agent)
        page.examine()
        page.open("change-code")
        card.mark()
        # Once the code is changed, the one that was right would cost a try.
        with page.sent(**FORM), page.sent(**FORM):
            page.wait_until_done()
    assert card.instructions == [0x20, 0x20, 0x24, 0x20]
    assert card.state == replace(DELIVERED, pin="4821")
