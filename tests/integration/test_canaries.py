"""After acts with codes that exist nowhere else, nothing holds them; what memory holds is counted.

The same with the official library is in cryptolib/test_acts.py.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import astuple, dataclass, field
from pathlib import Path

import pytest

from diagcps.card.act import Act
from diagcps.card.simulator.base import Plastic
from tests.card.test_pkcs11 import pid_in

from .acts import Impatient
from .bench import Pcscd
from .canaries import Processes, files_since, forms, found, in_memory, new_canary
from .deeds import Deed, do, nothing_is_left
from .desk import CHECKOUT, Agent, Page
from .test_library import opensc
from .watched import Watched

pytestmark = pytest.mark.timeout(60)

TEMPORARY = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))
MOST_COPIES = 2
"""Of a code in the memory of the agent, once the act is over: in 20 acts none was found. While one
is under way there are two: its own, which is wiped, and what came from the network, in memory that
was freed, over which nothing but chance writes."""


@dataclass(frozen=True, kw_only=True)
class Canaries:
    """The codes of one card, and those that are typed for it."""

    pin: str = field(default_factory=new_canary)
    puk: str = field(default_factory=new_canary)
    first: str = field(default_factory=new_canary)
    """The new code porteur that goes with the present one."""
    second: str = field(default_factory=new_canary)
    """The new code porteur that goes with the code de déblocage."""
    wrong_pin: str = field(default_factory=new_canary)
    wrong_puk: str = field(default_factory=new_canary)
    mistyped: str = field(default_factory=new_canary)
    """Typed in the place of the new code, the second time."""


Insert = Callable[[Plastic, Canaries], Watched]


@pytest.fixture
def insert(pcscd: Pcscd) -> Iterator[Insert]:
    """Inserts a card with codes of its own."""
    pcscd.start()
    with ExitStack() as inserted:

        def put(plastic: Plastic, codes: Canaries) -> Watched:
            card = Watched(plastic)
            card.personalise(pin=codes.pin, puk=codes.puk)
            card.insert()
            inserted.callback(card.take_out)
            return card

        yield put


def act(page: Page, name: str, given: str, new: str) -> None:
    """An act of the page, from its first question to its result."""
    page.open(name)
    page.submit(given=given, new=new, again=new, long="on")
    page.wait_until_done()


def use_all(page: Page, codes: Canaries) -> None:
    """The codes, in forms that are refused and in acts that are right and wrong."""
    page.send_amiss(given=codes.pin, new=codes.first)
    page.open("change-code")
    page.send_back(given=codes.pin, new=codes.first, again=codes.mistyped, long="on")
    act(page, "change-code", codes.wrong_pin, codes.first)
    act(page, "change-code", codes.pin, codes.first)
    if page.offers("unblock"):
        act(page, "unblock", codes.wrong_puk, codes.second)
        act(page, "unblock", codes.puk, codes.second)


def left_behind(library: str, home: Path, codes: Canaries, *folders: Path) -> list[str]:
    """Where a code is found after a life of the agent in which all of them were used."""
    began = time.time() - 1.0
    with Processes() as processes, Agent(home, library, "--verbose") as agent:
        page = Page(agent)
        page.examine()
        use_all(page, codes)
        printed = [agent.run("check", "--format", "json"), agent.run("check")]
        printed += [agent.run("snapshot"), agent.run("snapshot", "--output", str(home / "facts"))]
        agent.send(signal.SIGTERM)
        assert agent.ended() == 0
    places = [(f"answer {n}", data) for n, data in enumerate(page.received)]
    places += [(f"output {n}", data) for n, data in enumerate(printed)]
    places += processes.seen
    places += files_since(began, home, CHECKOUT, *TEMPORARY, *folders)
    must_be_seen(page, processes, dict(places))
    return found(astuple(codes), places)


def must_be_seen(page: Page, processes: Processes, places: dict[str, bytes]) -> None:
    """What is looked through holds what it is known to hold: the looking is no pretence."""
    assert {"_use-code", "_read-library"} <= processes.commands
    assert any(b"XDG_STATE_HOME" in data for data in places.values())
    assert any(page.token.encode() in data for name, data in places.items() if "answer" in name)
    assert any(name.endswith("diagcps.log") and data for name, data in places.items())
    assert all(data for name, data in places.items() if "output" in name and name != "output 3")


def test_no_code_is_left_in_a_file_an_answer_an_environment_or_a_list_of_arguments(
    insert: Insert, tmp_path: Path
) -> None:
    codes = Canaries()
    card = insert(Plastic(model="cps3"), codes)

    assert left_behind(opensc(), tmp_path / "home", codes) == []

    assert (card.state.pin, card.state.puk_left) == (codes.first, 3)


@pytest.mark.parametrize("form", forms("40718293"))
def test_a_code_that_was_left_would_be_found(tmp_path: Path, form: str) -> None:
    code, began = new_canary(), time.time() - 1.0
    (tmp_path / "log").write_bytes(b"before " + forms(code)[form] + b" after")

    assert found([code], files_since(began, tmp_path)) == [
        f"code 0 as {form} in {tmp_path / 'log'}"
    ]
    assert found([new_canary()], files_since(began, tmp_path)) == []


def copies(pid: int, *codes: str) -> Counter[str]:
    """How often each form of these codes that a program may hold is in its memory, by region."""
    held = ("text", "UTF-16", "UTF-32", "urlencoded", "hexadecimal")
    return in_memory(pid, *(forms(code)[form] for code in codes for form in held))


def measured(where: str, **counts: Counter[str]) -> None:
    """Shows what was found, with `pytest -s`: a measurement, of which less is asserted."""
    sys.stdout.write(f"\nin {where}: " + ", ".join(f"{n} {dict(c)}" for n, c in counts.items()))


def left_in_agent(library: str, home: Path, act: str, typed: tuple[str, str]) -> Counter[str]:
    """The copies of the first code of an act in the memory of the agent, once it is over."""
    given, new = typed
    with Agent(home, library) as agent:
        page, pid = Page(agent), agent.process.pid
        page.examine()
        page.open(act)
        page.submit(given=given, new=new, again=new, long="on")
        meanwhile = copies(pid, given)
        page.wait_until_done()
        left = copies(pid, given)
        measured(f"the agent, {act}", meanwhile=meanwhile, left=left, of_new=copies(pid, new))
    assert meanwhile.total() >= 1, "the looking is no pretence"
    return left


def test_of_a_code_at_most_two_copies_are_left_in_the_memory_of_the_agent(
    insert: Insert, tmp_path: Path
) -> None:
    codes = Canaries()
    insert(Plastic(model="cps3", latency_ms=2.0), codes)

    left = left_in_agent(opensc(), tmp_path / "home", "change-code", (codes.pin, codes.first))

    assert left.total() <= MOST_COPIES


PAUSES = """
import os, sys, time
from diagcps.card._acting_child import main
kept = os.dup(1)  # whoever listens would end this process
code = main(sys.stdin.buffer, sys.stdout.buffer)
with open(sys.argv[1], "w") as file:
    file.write(f"{os.getpid()}\\n")
while os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""
"""The process that uses codes, which stays as it is once it has used them until a file is gone."""


async def left_in_process(library: str, card: Watched, deed: Deed, file: Path) -> Counter[str]:
    """The copies of the codes of a deed in the memory of the process that has done it."""
    paused = Impatient((sys.executable, "-c", PAUSES, str(file)))
    doing = asyncio.create_task(do(library, card, deed, middleware=paused))
    pid = await asyncio.to_thread(pid_in, file)
    left = await asyncio.to_thread(copies, pid, deed.given, deed.new or deed.given)
    assert in_memory(pid, b"diagcps.card._acting_child").total() >= 1
    await asyncio.to_thread(file.unlink)
    await doing
    return left


async def test_no_copy_is_left_in_the_memory_of_the_process_that_used_the_codes(
    insert: Insert, tmp_path: Path
) -> None:
    codes = Canaries()
    card = insert(Plastic(model="cps3"), codes)
    deed = Deed(act=Act.CHANGE, given=codes.pin, new=codes.first)

    left = await left_in_process(opensc(), card, deed, tmp_path / "pid")

    measured("the process that used the codes, with OpenSC", left=left)
    assert left.total() == 0
    assert card.state.pin == codes.first
    nothing_is_left()
