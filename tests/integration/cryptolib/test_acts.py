"""Acts with a code through the official library: what the card holds, and what is said of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from diagcps import acting
from diagcps.acting import Closed, Result
from diagcps.card.act import Act, Stopped
from diagcps.card.simulator.base import Plastic
from tests.integration.acts import examine, prepared
from tests.integration.bench import Hold, Holder, Pcscd
from tests.integration.deeds import (
    CHANGE,
    TRY,
    UNBLOCK,
    Counting,
    Deed,
    PutBack,
    do,
    nothing_is_left,
    perform,
)
from tests.integration.test_acts import interrupt_during_act
from tests.integration.test_canaries import (
    MOST_COPIES,
    Canaries,
    left_behind,
    left_in_agent,
    left_in_process,
    measured,
)
from tests.integration.vpcd import reader_name
from tests.integration.watched import Fault, State, Watched

from . import official
from .official import HOLDER, OK, Cryptolib
from .test_cryptolib import SIGNING, open_session

pytestmark = pytest.mark.timeout(60)

LIBRARY = str(official.MODULE)
SERIAL, OTHER_SERIAL = "00000001", "00000002"
BOTH = pytest.mark.parametrize("model", ["cps3", "cps4"])
Insert = Callable[..., Watched]


@pytest.fixture
def insert(settings: Path, pcscd: Pcscd) -> Iterator[Insert]:
    """Inserts cards, on a workstation whose library has read none before."""
    pcscd.start()
    with official.with_empty_cache(settings), ExitStack() as inserted:

        def put(model: str, codes: Canaries | None = None, **plastic: object) -> Watched:
            card = Watched(Plastic(model=model, **plastic))  # type: ignore[arg-type]
            if codes is not None:
                card.personalise(pin=codes.pin, puk=codes.puk)
            card.insert()
            inserted.callback(card.take_out)
            return card

        yield put


def delivered(model: str, **changed: object) -> State:
    """What a card of that model holds at first, but for what is named."""
    uses = 25 if model == "cps3" else None
    first = State(pin="1234", pin_left=3, puk_left=3, uses_left=uses)
    if model == "cps4":
        changed = {**changed, "uses_left": None}
    return replace(first, **changed)  # type: ignore[arg-type]


SENT = {
    ("cps3", Act.UNBLOCK): [0x20, 0x2C, 0x20],
    ("cps3", Act.CHANGE): [0x20, 0x24, 0x20],
    ("cps3", Act.TRY): [0x20],
    ("cps4", Act.UNBLOCK): [0x20, 0x2C, 0x24, 0x20],
    ("cps4", Act.CHANGE): [0x20, 0x20, 0x24, 0x20],
    ("cps4", Act.TRY): [0x20],
}
"""The instructions that carry a code, of an act that comes to its end."""


@BOTH
@pytest.mark.parametrize("left", [0, 1, 3])
async def test_the_right_unblocking_code_sets_the_new_code(
    insert: Insert, model: str, left: int
) -> None:
    card = insert(model, pin_left=left)

    conclusion = await do(LIBRARY, card, UNBLOCK)

    assert (conclusion.result, conclusion.proven) == (Result.DONE, True)
    assert card.state == delivered(model, pin="4821", uses_left=24)
    assert card.instructions == SENT[model, Act.UNBLOCK]


@BOTH
@pytest.mark.parametrize("left", [1, 3])
async def test_the_present_code_sets_the_new_one(insert: Insert, model: str, left: int) -> None:
    card = insert(model, pin_left=left)

    conclusion = await do(LIBRARY, card, CHANGE)

    assert (conclusion.result, conclusion.proven) == (Result.DONE, True)
    assert card.state == delivered(model, pin="4821")
    assert card.instructions == SENT[model, Act.CHANGE]


@BOTH
async def test_a_card_that_signs_with_its_code_works(insert: Insert, model: str) -> None:
    card = insert(model, pin_left=2)

    conclusion = await do(LIBRARY, card, TRY)

    assert (conclusion.result, conclusion.proven) == (Result.DONE, True)
    assert card.state == delivered(model)
    assert card.instructions == SENT[model, Act.TRY]


WRONG = [
    (UNBLOCK.with_code("87654321"), {"pin_left": 0, "puk_left": 3}, Result.WRONG_CODE),
    (UNBLOCK.with_code("87654321"), {"pin_left": 0, "puk_left": 2}, Result.WRONG_CODE),
    (UNBLOCK.with_code("87654321"), {"pin_left": 0, "puk_left": 1}, Result.NOW_BLOCKED),
    (UNBLOCK.with_code("87654321"), {"pin_left": 2, "puk_left": 3}, Result.WRONG_CODE),
    (CHANGE.with_code("9999"), {"pin_left": 3}, Result.WRONG_CODE),
    (CHANGE.with_code("9999"), {"pin_left": 2}, Result.WRONG_CODE),
    (CHANGE.with_code("9999"), {"pin_left": 1}, Result.NOW_BLOCKED),
    (TRY.with_code("9999"), {"pin_left": 3}, Result.WRONG_CODE),
    (TRY.with_code("9999"), {"pin_left": 2}, Result.WRONG_CODE),
]


@BOTH
@pytest.mark.parametrize(("deed", "left", "result"), WRONG)
async def test_a_wrong_code_takes_one_try_and_nothing_more(
    insert: Insert, model: str, deed: Deed, left: dict[str, int], result: Result
) -> None:
    card = insert(model, **left)
    counted = "puk_left" if deed.act is Act.UNBLOCK else "pin_left"

    assert (await do(LIBRARY, card, deed)).result is result

    assert card.state == delivered(model, **{**left, counted: left[counted] - 1})
    assert card.instructions == [0x20]


CLOSED = [
    ("cps3", Act.UNBLOCK, {"puk_left": 0}, Closed.PUK_BLOCKED),
    ("cps4", Act.UNBLOCK, {"puk_left": 0}, Closed.PUK_BLOCKED),
    ("cps3", Act.UNBLOCK, {"unblocks_left": 0}, Closed.PUK_BLOCKED),
    ("cps3", Act.CHANGE, {"pin_left": 0}, Closed.PIN_BLOCKED),
    ("cps4", Act.CHANGE, {"pin_left": 0}, Closed.PIN_BLOCKED),
    ("cps3", Act.TRY, {"pin_left": 1}, Closed.LAST_TRY),
    ("cps4", Act.TRY, {"pin_left": 1}, Closed.LAST_TRY),
]


@pytest.mark.parametrize(("model", "act", "left", "why"), CLOSED)
async def test_what_the_counters_forbid_is_never_begun(
    insert: Insert, model: str, act: Act, left: dict[str, int], why: Closed
) -> None:
    card = insert(model, **left)
    runner = examine(LIBRARY).runner
    await runner.run()

    assert acting.prepare(act, runner.facts) is why

    assert card.instructions == []


REFUSED = [
    ("cps3", UNBLOCK, "20:6985", Result.REFUSED, {"pin_left": 0}),
    ("cps3", UNBLOCK, "2C:6985", Result.NEW_REFUSED, {"pin_left": 0, "uses_left": 24}),
    ("cps3", UNBLOCK, "2C:6A80", Result.NEW_REFUSED, {"pin_left": 0, "uses_left": 24}),
    ("cps3", CHANGE, "20:6985", Result.REFUSED, {}),
    ("cps3", CHANGE, "24:6985", Result.REFUSED, {}),
    ("cps3", CHANGE, "24:6A80", Result.REFUSED, {}),
    ("cps3", TRY, "20:6985", Result.REFUSED, {}),
    # The library says yes to each of these.
    ("cps4", UNBLOCK, "20:6985", Result.REFUSED, {"pin_left": 0}),
    ("cps4", UNBLOCK, "2C:6985", Result.REFUSED, {"pin_left": 0, "pin": "4821"}),
    ("cps4", UNBLOCK, "24:6985", Result.NOT_SET, {"pin_left": 2}),
    ("cps4", CHANGE, "20:6985", Result.UNPROVEN, {}),
    ("cps4", CHANGE, "24:6985", Result.NOT_SET, {"pin_left": 2}),
    ("cps4", CHANGE, "24:6D00", Result.NOT_SET, {"pin_left": 2}),
    ("cps4", TRY, "20:6985", Result.UNPROVEN, {}),
]


@pytest.mark.parametrize(("model", "deed", "refuses", "result", "left"), REFUSED)
async def test_what_a_card_refuses_is_not_done_whatever_the_library_says(
    insert: Insert, model: str, deed: Deed, refuses: str, result: Result, left: dict[str, object]
) -> None:
    blocked = {"pin_left": 0} if deed.act is Act.UNBLOCK else {}
    card = insert(model, refuses=(refuses,), **blocked)

    conclusion = await do(LIBRARY, card, deed)

    assert (conclusion.result, conclusion.proven) == (result, False)
    assert card.state == delivered(model, **left)


async def test_a_code_that_is_set_without_its_tries_is_not_said_to_be_as_before(
    insert: Insert,
) -> None:
    card = insert("cps4", pin_left=2, refuses=("2C:6985",))

    assert (await do(LIBRARY, card, UNBLOCK)).result is Result.UNPROVEN

    assert card.state == delivered("cps4", pin="4821", pin_left=2)


@BOTH
@pytest.mark.parametrize("deed", [UNBLOCK, CHANGE, TRY], ids=lambda deed: deed.act.value)
async def test_another_card_than_the_one_that_was_shown_is_left_alone(
    insert: Insert, model: str, deed: Deed
) -> None:
    card = insert(model, serial=SERIAL)
    others: list[Watched] = []

    def swap() -> None:
        card.pull()
        others.append(insert(model, serial=OTHER_SERIAL))

    conclusion = await do(LIBRARY, card, deed, before=swap)

    assert conclusion.result is Result.NOT_BEGUN
    assert conclusion.course.stopped in (Stopped.OTHER_CARD, Stopped.NOT_SHOWN)
    assert [each.instructions for each in (card, *others)] == [[], []]
    assert others[0].state == delivered(model)


@BOTH
@pytest.mark.parametrize(
    ("deed", "lost"),
    [(UNBLOCK, "puk_left"), (UNBLOCK, "pin_left"), (CHANGE, "pin_left"), (TRY, "pin_left")],
)
async def test_a_card_that_lost_a_try_since_it_was_shown_is_left_alone(
    insert: Insert, model: str, deed: Deed, lost: str
) -> None:
    card = insert(model)

    def lose() -> None:
        card.state = replace(card.state, **{lost: 2})

    conclusion = await do(LIBRARY, card, deed, before=lose)

    assert (conclusion.result, conclusion.course.stopped) == (
        Result.NOT_BEGUN, Stopped.CHANGED,
    )  # fmt: skip
    assert card.state == delivered(model, **{lost: 2})
    assert card.instructions == []


PULLED = [
    (model, deed, number, fault)
    for model in ("cps3", "cps4")
    for deed in (UNBLOCK, CHANGE)
    for number in range(1, len(SENT[model, deed.act]) + 1)
    for fault in (Fault.BEFORE, Fault.DURING, Fault.AFTER)
]


@pytest.mark.parametrize(("model", "deed", "number", "fault"), PULLED)
async def test_of_a_card_pulled_at_a_code_and_put_back_no_more_is_said_than_is_true(
    insert: Insert, model: str, deed: Deed, number: int, fault: Fault
) -> None:
    card = insert(model, pin_left=0 if deed.act is Act.UNBLOCK else 3)
    was = card.state

    conclusion = await do(
        LIBRARY, card, deed,
        before=lambda: card.fail(fault, number), middleware=PutBack(card),
    )  # fmt: skip

    assert conclusion.result in (
        Result.NEW_REFUSED, Result.REFUSED, Result.UNPROVEN, Result.UNKNOWN,
    )  # fmt: skip
    assert card.state.pin_left >= was.pin_left
    assert card.state.puk_left >= was.puk_left


@BOTH
@pytest.mark.parametrize("number", [1, 2])
async def test_of_a_card_that_was_not_blocked_no_more_is_said_than_is_true(
    insert: Insert, model: str, number: int
) -> None:
    card = insert(model)

    conclusion = await do(
        LIBRARY, card, UNBLOCK,
        before=lambda: card.fail(Fault.DURING, number), middleware=PutBack(card),
    )  # fmt: skip

    assert conclusion.result in (Result.REFUSED, Result.NOT_SET, Result.UNPROVEN)
    assert (card.state.pin_left, card.state.puk_left) == (3, 3)


@BOTH
@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.DURING, Fault.AFTER])
@pytest.mark.parametrize("deed", [UNBLOCK, CHANGE], ids=lambda deed: deed.act.value)
async def test_of_a_wrong_code_one_try_is_gone_however_the_card_is_pulled(
    insert: Insert, model: str, deed: Deed, fault: Fault
) -> None:
    card = insert(model)
    lost = 0 if fault is Fault.BEFORE else 1
    wrong = deed.with_code("9" * len(deed.given))

    await do(
        LIBRARY, card, wrong, before=lambda: card.fail(fault, 1), middleware=PutBack(card)
    )  # fmt: skip

    counted = "puk_left" if deed.act is Act.UNBLOCK else "pin_left"
    assert card.state == delivered(model, **{counted: 3 - lost})


@BOTH
async def test_of_a_card_that_stays_out_nothing_is_known(insert: Insert, model: str) -> None:
    card = insert(model, pin_left=0)

    conclusion = await do(LIBRARY, card, UNBLOCK, before=lambda: card.fail(Fault.DURING, 2))

    assert (conclusion.result, conclusion.pin) == (Result.UNKNOWN, None)


SWEPT = [("cps3", UNBLOCK), ("cps4", CHANGE)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("model", "deed"), SWEPT, ids=["cps3-unblock", "cps4-change-code"])
async def test_of_a_card_pulled_at_any_command_and_put_back_no_more_is_said_than_is_true(
    insert: Insert, model: str, deed: Deed
) -> None:
    card = insert(model, **({"pin_left": 0} if deed.act is Act.UNBLOCK else {}))
    runner, was = examine(LIBRARY).runner, card.state
    shown, whole = await prepared(runner, deed.act), Counting(card)
    assert (await perform(runner, shown, card, deed, whole)).result is Result.DONE
    for number in range(1, whole.commands + 1):
        card.state = was
        card.fail(Fault.DURING, number, among=bool)

        conclusion = await perform(runner, shown, card, deed, PutBack(card))

        assert card.state.pin_left >= was.pin_left, f"at command {number}"
        assert card.state.puk_left >= was.puk_left, f"at command {number}"
        begun = conclusion.result is not Result.NOT_BEGUN
        assert begun or conclusion.course.calls == (), f"at command {number}"


HANGING = [("cps3", UNBLOCK, 2), ("cps3", CHANGE, 2), ("cps4", UNBLOCK, 2), ("cps4", CHANGE, 3)]


@pytest.mark.parametrize(("model", "deed", "number"), [HANGING[0], HANGING[-1]])
async def test_a_library_that_hangs_is_ended_and_nothing_is_left(
    insert: Insert, model: str, deed: Deed, number: int
) -> None:
    card = insert(model)
    setting = "C_InitPIN" if deed.act is Act.UNBLOCK else "C_SetPIN"

    conclusion = await do(
        LIBRARY, card, deed, before=lambda: card.fail(Fault.SILENT, number)
    )  # fmt: skip

    assert (conclusion.result, conclusion.course.ended) == (Result.UNKNOWN, False)
    assert [(call.name, call.code) for call in conclusion.course.calls] == [
        ("C_Login", 0), (setting, None),
    ]  # fmt: skip
    nothing_is_left()


@pytest.mark.parametrize(("model", "deed", "number"), HANGING)
async def test_of_a_card_that_fell_silent_and_was_put_back_no_more_is_said_than_is_true(
    insert: Insert, model: str, deed: Deed, number: int
) -> None:
    card = insert(model)

    conclusion = await do(
        LIBRARY, card, deed,
        before=lambda: card.fail(Fault.SILENT, number), middleware=PutBack(card),
    )  # fmt: skip

    assert conclusion.result is Result.UNPROVEN
    assert (card.state.pin_left, card.state.puk_left) == (3, 3)
    nothing_is_left()


HELD = [
    (UNBLOCK, Hold.TRANSACTION),
    *((deed, Hold.EXCLUSIVE) for deed in (UNBLOCK, CHANGE, TRY)),
]


@pytest.mark.parametrize(("deed", "how"), HELD)
async def test_a_card_that_another_program_holds_is_left_alone(
    insert: Insert, holder: Callable[[str, Hold], Holder], deed: Deed, how: Hold
) -> None:
    card = insert("cps3")

    conclusion = await do(
        LIBRARY, card, deed, before=lambda: held(holder(reader_name(0), how))
    )  # fmt: skip

    assert (conclusion.result, conclusion.course.calls) == (Result.NOT_BEGUN, ())
    assert (card.state, card.instructions) == (delivered("cps3"), [])
    nothing_is_left()


def held(program: Holder) -> None:
    """The other program has the card."""
    assert program.running


@BOTH
async def test_a_program_that_gives_the_card_back_in_time_only_delays_the_act(
    insert: Insert, holder: Callable[[str, Hold], Holder], model: str
) -> None:
    card = insert(model)

    def hold() -> None:
        program = holder(reader_name(0), Hold.TRANSACTION)
        threading.Timer(1.5, program.release).start()

    assert (await do(LIBRARY, card, CHANGE, before=hold)).result is Result.DONE

    assert card.state == delivered(model, pin="4821")


@BOTH
@pytest.mark.parametrize("deed", [UNBLOCK, CHANGE], ids=lambda deed: deed.act.value)
async def test_a_program_that_kept_the_old_code_spends_no_try_of_the_new_one(
    insert: Insert, model: str, deed: Deed
) -> None:
    card = insert(model)
    with Cryptolib() as other:
        open_session(other)
        other.get("login", HOLDER, "1234")
        other.get(*SIGNING)
        if model == "cps4":
            # Once it has lost its power: as long as it holds the code as presented, it does not
            # say how many tries are left.
            card.power()

        assert (await do(LIBRARY, card, deed)).result is Result.DONE

        card.mark()
        assert OK not in [other.ask(*SIGNING).code for _ in range(3)]
        assert (card.instructions, card.state.pin_left) == ([], 3)
        other.get("open")
        other.get("login", HOLDER, "4821")
        other.get(*SIGNING)


async def test_a_cps4_to_which_the_code_was_presented_is_not_offered_a_change(
    insert: Insert,
) -> None:
    card = insert("cps4")
    with Cryptolib() as other:
        open_session(other)
        other.get("login", HOLDER, "1234")
        card.mark()
        runner = examine(LIBRARY).runner
        await runner.run()

        assert acting.prepare(Act.CHANGE, runner.facts) is Closed.CODE_IN_USE

    assert (card.state, card.instructions) == (delivered("cps4"), [])


@BOTH
def test_an_agent_that_is_interrupted_ends_after_the_act(
    insert: Insert, tmp_path: Path, model: str
) -> None:
    card = insert(model, latency_ms=8.0)

    interrupt_during_act(card, LIBRARY, tmp_path, (signal.SIGINT, signal.SIGINT))

    assert card.state == delivered(model, pin="4821")


@BOTH
def test_no_code_is_left_in_a_file_an_answer_an_environment_or_a_list_of_arguments(
    insert: Insert, tmp_path: Path, model: str
) -> None:
    codes = Canaries()
    card = insert(model, codes)

    assert left_behind(LIBRARY, tmp_path / "home", codes, official.SETTINGS) == []

    assert card.state == delivered(model, pin=codes.second, uses_left=24)


@BOTH
@pytest.mark.parametrize("act", [Act.UNBLOCK, Act.CHANGE])
async def test_no_copy_is_left_in_the_memory_of_the_process_that_used_the_codes(
    insert: Insert, tmp_path: Path, model: str, act: Act
) -> None:
    codes = Canaries()
    card = insert(model, codes)
    given = codes.puk if act is Act.UNBLOCK else codes.pin
    deed = Deed(act=act, given=given, new=codes.first)

    left = await left_in_process(LIBRARY, card, deed, tmp_path / "pid")

    measured(f"the process that used the codes of a {model}, {act.value}", left=left)
    assert left.total() == 0
    assert card.state.pin == codes.first
    nothing_is_left()


@BOTH
def test_of_the_unblocking_code_at_most_two_copies_are_left_in_the_memory_of_the_agent(
    insert: Insert, tmp_path: Path, model: str
) -> None:
    codes = Canaries()
    insert(model, codes, latency_ms=8.0)

    left = left_in_agent(LIBRARY, tmp_path / "home", "unblock", (codes.puk, codes.second))

    assert left.total() <= MOST_COPIES
