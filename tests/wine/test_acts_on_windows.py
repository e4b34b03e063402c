"""The acts with a code on Windows: the process that does one, the page and the console above it.

The library is native/cps_pkcs11.c, the card a simulated one behind the real pcscd.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from diagcps.card.simulator import pki
from diagcps.card.simulator.base import Plastic
from tests.integration.bench import SOCKET, Pcscd, until
from tests.integration.deeds import acting_processes
from tests.integration.watched import Fault, State, Watched, has_code

from .console import CTRL_C
from .windows import HERE, Program, WindowsPython, folder, windows_path

pytestmark = pytest.mark.timeout(120)

ACT = windows_path(HERE / "act.py")
SPEAK = windows_path(HERE / "speak_to_child.py")
LIBRARY = windows_path(folder() / "cps_pkcs11.dll")
LYING = windows_path(folder() / "lying_pkcs11.dll")
PIN, PUK, NEW, WRONG, WRONG_PUK = "1234", "12345678", "4821", "5937", "20406080"
DONE, REFUSED, CANNOT_TELL, USAGE, INTERRUPTED = 0, 2, 3, 64, 130
HELD_S = 20.0
"""How long a card is held back at most, and waited for."""
BOTH = pytest.mark.parametrize("model", ["cps3", "cps4"])

Insert = Callable[..., "Held"]


class Held(Watched):
    """A card that may wait at a command with a code until it is let go."""

    def __init__(self, plastic: Plastic) -> None:
        super().__init__(plastic)
        self.reached, self.let_go = threading.Event(), threading.Event()
        self.let_go.set()

    def transmit(self, command: bytes) -> bytes:
        """See `SimulatedCard.transmit`."""
        if has_code(command):
            self.reached.set()
            self.let_go.wait(HELD_S)
        return super().transmit(command)


@pytest.fixture
def insert(pcscd: Pcscd) -> Iterator[Insert]:
    """Inserts cards; takes every one out after the test."""
    with ExitStack() as inserted:

        def put(model: str, **plastic: object) -> Held:
            card = Held(Plastic(model=model, **plastic))  # type: ignore[arg-type]
            card.insert()
            inserted.callback(card.take_out)
            inserted.callback(card.let_go.set)
            return card

        yield put


def holding(model: str, **changed: object) -> State:
    """What a card of that model holds at first, but for what is named."""
    uses = 25 if model == "cps3" else None
    first: dict[str, Any] = {"pin": PIN, "pin_left": 3, "puk_left": 3, "uses_left": uses}
    if model == "cps4":
        changed = {**changed, "uses_left": None}
    return State(**{**first, **changed})


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of an act."""

    code: int
    said: dict[str, Any]

    @property
    def result(self) -> str:
        """The result, whose exit code it is."""
        assert self.said["wiped"]
        result: str = self.said["result"]
        return result

    @property
    def left(self) -> tuple[int | None, int | None]:
        """Tries that are left by the reading after the act, of both codes."""
        return self.said["pin"]["left"], self.said["puk"]["left"]


def do(windows: WindowsPython, act: str, *codes: str, library: str = LIBRARY) -> Done:
    """A whole act on Windows."""
    finished = windows.run(ACT, library, act, *codes, cards=SOCKET)
    assert finished.err == ""
    return Done(code=finished.code, said=json.loads(finished.out.splitlines()[-1]))


def begin(windows: WindowsPython, card: Held, act: str, *codes: str) -> Program:
    """An act that waits for the card, which got the first command with a code."""
    card.let_go.clear()
    program = windows.start(ACT, LIBRARY, act, *codes, cards=SOCKET)
    program.line()
    assert card.reached.wait(HELD_S)
    return program


# What the card holds afterwards, and what is said of it


SENT = {
    ("cps3", "unblock"): [0x20, 0x2C, 0x20],
    ("cps3", "change-code"): [0x20, 0x24, 0x20],
    ("cps3", "try-card"): [0x20],
    ("cps4", "unblock"): [0x20, 0x2C, 0x24, 0x20],
    ("cps4", "change-code"): [0x20, 0x20, 0x24, 0x20],
    ("cps4", "try-card"): [0x20],
}
"""The instructions that carry a code, as the official library sends them on Linux."""


@BOTH
def test_the_right_unblocking_code_sets_the_new_code(
    windows: WindowsPython, insert: Insert, model: str
) -> None:
    card = insert(model, pin_left=0)

    done = do(windows, "unblock", PUK, NEW)

    assert (done.code, done.result, done.said["proven"], done.left) == (DONE, "done", True, (3, 3))
    assert card.state == holding(model, pin=NEW, uses_left=24)
    assert card.instructions == SENT[model, "unblock"]


@BOTH
def test_the_present_code_sets_the_new_one(
    windows: WindowsPython, insert: Insert, model: str
) -> None:
    card = insert(model, pin_left=2)

    done = do(windows, "change-code", PIN, NEW)

    assert (done.code, done.result, done.said["proven"]) == (DONE, "done", True)
    assert card.state == holding(model, pin=NEW)
    assert card.instructions == SENT[model, "change-code"]


@BOTH
def test_a_card_that_signs_with_its_code_works(
    windows: WindowsPython, insert: Insert, model: str
) -> None:
    card = insert(model)

    done = do(windows, "try-card", PIN)

    assert (done.code, done.result, done.said["proven"]) == (DONE, "done", True)
    assert (card.state, card.instructions) == (holding(model), SENT[model, "try-card"])


WRONGS = [
    ("unblock", (WRONG_PUK, NEW), {"pin_left": 0, "puk_left": 3}, "puk_left", "wrong-code"),
    ("unblock", (WRONG_PUK, NEW), {"pin_left": 0, "puk_left": 1}, "puk_left", "now-blocked"),
    ("change-code", (WRONG, NEW), {"pin_left": 3}, "pin_left", "wrong-code"),
    ("try-card", (WRONG,), {"pin_left": 3}, "pin_left", "wrong-code"),
]


@BOTH
@pytest.mark.parametrize(("act", "codes", "left", "counted", "result"), WRONGS)
def test_a_wrong_code_takes_one_try_and_nothing_more(
    windows: WindowsPython, insert: Insert, model: str, act: str,
    codes: tuple[str, ...], left: dict[str, int], counted: str, result: str,
) -> None:  # fmt: skip
    card = insert(model, **left)

    done = do(windows, act, *codes)

    assert (done.code, done.result) == (REFUSED, result)
    assert card.state == holding(model, **{**left, counted: left[counted] - 1})
    assert done.left == (card.state.pin_left, card.state.puk_left)
    assert card.instructions == [0x20]


LIES = [
    ("unblock", (PUK, NEW), 0, "refused", REFUSED),
    ("change-code", (PIN, NEW), 3, "unproven", CANNOT_TELL),
    ("try-card", (PIN,), 3, "unproven", CANNOT_TELL),
]


@BOTH
@pytest.mark.parametrize(("act", "codes", "left", "result", "code"), LIES)
def test_a_library_that_says_yes_and_does_nothing_is_not_believed(
    windows: WindowsPython, insert: Insert, model: str, act: str,
    codes: tuple[str, ...], left: int, result: str, code: int,
) -> None:  # fmt: skip
    card = insert(model, pin_left=left)

    done = do(windows, act, *codes, library=LYING)

    assert (done.code, done.result, done.said["proven"]) == (code, result, False)
    assert (card.state, card.instructions) == (holding(model, pin_left=left), [])


# The process that does it


def test_the_process_names_no_code_and_ctrl_c_does_not_end_it(
    windows: WindowsPython, insert: Insert
) -> None:
    card = insert("cps3", pin_left=0)
    with begin(windows, card, "unblock", PUK, NEW) as program:
        (acting,) = acting_processes()
        for name in ("cmdline", "environ"):
            text = Path(f"/proc/{acting}/{name}").read_text(errors="replace")
            assert not [code for code in (PUK, NEW) if code in text], name
        os.kill(acting, signal.SIGINT)  # as Wine hands Ctrl-C to a program
        time.sleep(0.5)
        assert acting_processes() == [acting]
        card.let_go.set()
        ended = program.wait()
    assert (ended.code, json.loads(ended.out)["result"]) == (DONE, "done")
    assert card.state == holding("cps3", pin=NEW, uses_left=24)
    assert acting_processes() == []


def test_the_act_goes_on_when_whoever_ordered_it_is_killed(
    windows: WindowsPython, insert: Insert
) -> None:
    card = insert("cps3", pin_left=0)
    with begin(windows, card, "unblock", PUK, NEW) as program:
        assert len(acting_processes()) == 1
        program.kill()
        card.let_go.set()
    until(lambda: not acting_processes(), "the act ended", timeout_s=20.0)
    assert card.state == holding("cps3", pin=NEW, uses_left=24)
    assert card.instructions == SENT["cps3", "unblock"]


def test_a_process_that_hangs_is_ended_and_nothing_is_claimed(
    windows: WindowsPython, insert: Insert
) -> None:
    card = insert("cps3", pin_left=0)
    card.fail(Fault.SILENT, 2)

    finished = windows.run(ACT, LIBRARY, "unblock", PUK, NEW, cards=SOCKET, timeout_s=90.0)

    said = json.loads(finished.out.splitlines()[-1])
    assert (finished.code, said["result"], said["ended"]) == (CANNOT_TELL, "unknown", False)
    assert said["calls"] == [["C_Login", 0], ["C_InitPIN", None]]
    until(lambda: not acting_processes(), "the process ended", timeout_s=2.0)
    assert card.instructions == [0x20, 0x2C]


def test_codes_of_any_bytes_arrive_whole_and_the_process_ends(windows: WindowsPython) -> None:
    """In the text mode of Windows, 0D 0A would become 0A and 1A end the input."""
    finished = windows.run(SPEAK)
    assert (finished.code, finished.err) == (0, "")
    said = json.loads(finished.out)
    assert said == {"answers": [{"call": "LoadLibrary"}, {"stopped": "library"}, {"end": True}],
                    "code": 0}  # fmt: skip


def test_no_signal_of_windows_interrupts_it(windows: WindowsPython) -> None:
    """Ctrl-Break cannot be pressed here: the process sends the signals to itself."""
    program = (
        "import signal; from diagcps.card._acting_child import _let_nothing_interrupt as let\n"
        "let(); [signal.raise_signal(s) for s in (signal.SIGINT, signal.SIGBREAK, signal.SIGTERM)]"
        "\nprint('goes on')"
    )
    finished = windows.run("-c", program)
    assert (finished.code, finished.out, finished.err) == (0, "goes on\n", "")


# The agent above it


SERVE = ("-m", "diagcps", "--lang", "en", "--pkcs11-module", LIBRARY)
TOKEN, STATE = (re.compile(rf'name="{name}" value="([^"]+)"') for name in ("token", "state"))


class Page:
    """The page of an agent, used without a script."""

    def __init__(self, address: str) -> None:
        self._origin = "http://" + urllib.parse.urlsplit(address).netloc
        self._browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )
        self._browser.addheaders = [("Origin", self._origin)]
        self.text = ""
        self._load(address)
        self.look()

    def look(self) -> str:
        """Loads the page again."""
        self._load(f"{self._origin}/")
        return self.text

    def post(self, path: str, **fields: str) -> None:
        """Sends a form of the page, which answers with the page."""
        found = {"token": TOKEN.search(self.text), "state": STATE.search(self.text)}
        hidden = {name: match[1] for name, match in found.items() if match}
        self._load(self._origin + path, urllib.parse.urlencode({**hidden, **fields}).encode())

    def to_the_form(self, act: str) -> None:
        """Diagnoses, and past every question of the act."""
        self.post("/run")
        until(lambda: f'value="open-{act}"' in self.look(), "the card was read", timeout_s=40.0)
        self.post("/act", do=f"open-{act}")
        while 'name="given"' not in self.text:
            assert 'value="go-on"' in self.text, self.text
            self.post("/act", do="go-on")

    def _load(self, address: str, form: bytes | None = None) -> None:
        with self._browser.open(address, form, timeout=20) as answer:
            self.text = answer.read().decode()


def test_ctrl_c_on_the_agent_waits_for_the_act_that_is_under_way(
    windows: WindowsPython, insert: Insert, anchors: str
) -> None:
    card = insert("cps3")
    card.let_go.clear()
    options = ("--trust-anchors", anchors, "serve", "--no-browser")
    with windows.start(*SERVE, *options, cards=SOCKET) as agent:
        page = Page(agent.line().strip())
        page.to_the_form("change-code")
        page.post("/act", do="submit", given=PIN, new=NEW, again=NEW)
        assert card.reached.wait(HELD_S)
        agent.interrupt()
        with pytest.raises(subprocess.TimeoutExpired):
            agent.wait(timeout_s=2.0)
        card.let_go.set()
        ended = agent.wait()
    assert (ended.code, ended.err) == (0, "")
    assert card.state == holding("cps3", pin=NEW)
    assert acting_processes() == []


@pytest.fixture
def anchors() -> str:
    """The file of the simulator's authorities."""
    return windows_path(Path(pki.anchors_file()))


# The console above it


GIVEN, FIRST, AGAIN = (
    "Unblocking code (8 digits):",
    "New card's code (4 digits):",
    "New card's code, a second time:",
)


@pytest.mark.parametrize("act", ["unblock", "change-code", "try-card"])
def test_codes_are_taken_from_no_pipe(windows: WindowsPython, act: str) -> None:
    finished = windows.run("-m", "diagcps", act)
    assert (finished.code, finished.out) == (USAGE, "")
    assert len(finished.err.strip().splitlines()) == 1, finished.err


def test_the_null_device_is_no_console(windows: WindowsPython) -> None:
    """For `isatty` of Windows it is one."""
    program = (
        "import subprocess, sys; null = subprocess.DEVNULL\n"
        "done = subprocess.run([sys.executable, '-m', 'diagcps', 'try-card'],"
        " stdin=null, stdout=subprocess.PIPE, stderr=null, timeout=40)\n"
        "print(done.returncode, done.stdout)"
    )
    finished = windows.run("-c", program)
    assert (finished.out, finished.err) == (f"{USAGE} b''\n", "")


def test_a_card_is_unblocked_in_a_console_and_ctrl_c_does_not_end_it(
    windows: WindowsPython, insert: Insert, anchors: str
) -> None:
    card = insert("cps3", pin_left=0)
    card.let_go.clear()
    command = (*SERVE, "--trust-anchors", anchors, "unblock")
    with windows.console(*command, cards=SOCKET) as console:
        console.answers("digits. [y/n]", "y", GIVEN, PUK, FIRST, NEW, AGAIN, NEW)
        console.answers("Confirm? [y/n]", "y")
        assert card.reached.wait(HELD_S)
        console.interrupt()
        time.sleep(1.0)
        card.let_go.set()
        console.expect("The card is unblocked")
        assert console.ends() == DONE
        assert not [code for code in (PUK, NEW) if code in console.seen]
    assert card.state == holding("cps3", pin=NEW, uses_left=24)


def test_ctrl_c_at_a_question_sends_nothing(
    windows: WindowsPython, insert: Insert, anchors: str
) -> None:
    card = insert("cps3", pin_left=0)
    command = (*SERVE, "--trust-anchors", anchors, "unblock")
    with windows.console(*command, cards=SOCKET) as console:
        console.expect("digits. [y/n]")
        console.types(CTRL_C)
        assert console.ends() == INTERRUPTED
        assert "Traceback" not in console.seen
    assert (card.state, card.instructions) == (holding("cps3", pin_left=0), [])
