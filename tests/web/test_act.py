"""Lines 22 to 25: an act with a code is led step by step, done once, and shows no code."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from diagcps import scenario
from diagcps.acting import Closed, Shown
from diagcps.card.act import Act, Codes, Course, Middleware, Order
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.build import make
from diagcps.card.simulator.cards import SimulatedCards
from diagcps.check import Probe, Trigger, World
from diagcps.examination import Examination
from diagcps.facts import ProgramKind, RunningProgram, RunningPrograms
from diagcps.model import Private, PrivateKind
from diagcps.secret import Secret
from diagcps.web import security
from diagcps.web.acts import ActView
from diagcps.web.desk import Desk, Step
from diagcps.web.pages import Renderer

from . import wire
from .live import FORM, JSON, Live, examine
from .live import TOKEN as FORM_TOKEN
from .pages import HOSTILE, Elements
from .process import ENDS_S, Running, posix
from .wire import Answer

PIN, PUK, NEW = "1234", "12345678", "2580"
FIELDS = {"given": PUK, "new": NEW, "again": NEW}
SCRIPTED = (("Accept", JSON),)
TOKEN = {"token": "t"}
STATE = re.compile(r'name="state" value="([^"]+)"')


@dataclass
class Counting:
    """A middleware that counts what it was asked to do, and may hold it back."""

    inner: Middleware
    orders: list[Order]
    gate: asyncio.Event

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        """What the other one does, once the gate is open."""
        self.orders.append(order)
        await self.gate.wait()
        return await self.inner.carry_out(order, codes)


class Page:
    """An agent on a simulated workstation whose page was opened and run."""

    def __init__(self, live: Live, middleware: Counting) -> None:
        self.live = live
        self.middleware = middleware
        self.cookie = live.open()
        live.run(self.cookie)

    @property
    def desk(self) -> Desk:
        """What the agent shows."""
        return self.live.agent.desk

    @property
    def step(self) -> Step | None:
        """The step that is shown."""
        return self.live.call(lambda: self.desk.step)

    def post(self, body: Mapping[str, str], *, scripted: bool = True, **headers: str) -> Answer:
        """The answer to a form that the page holds."""
        fields = {"token": self.live.form_token(self.cookie), **body}
        sent = (("Origin", self.live.origin), *(SCRIPTED if scripted else ()), *headers.items())
        data = urlencode(fields).encode()
        return self.live.post("/act", data, cookie=self.cookie, kind=FORM, headers=sent)

    def do(self, what: str, **fields: str) -> Answer:
        """The answer to a button of the present step."""
        state = self.live.call(lambda: self.desk.state)
        return self.post({"do": what, "state": state, **fields})

    def to_form(self, act: Act) -> None:
        """Past every question, to the form."""
        self.do(f"open-{act.value}")
        while self.step is not Step.FORM:
            assert self.do("go-on").status == 200

    def submit(
        self, given: str = PUK, new: str = NEW, again: str | None = None, **more: str
    ) -> Answer:
        """The answer to the form."""
        again = new if again is None else again
        return self.do("submit", given=given, new=new, again=again, **more)

    def ended(self) -> str:
        """The result of the act, once it is over."""
        self.live.wait(self.desk.wait())
        conclusion = self.live.call(lambda: self.desk.conclusion)
        assert conclusion is not None
        return conclusion.result.value


class Seen:
    """Which programs run, for a probe that a change on the workstation makes stale."""

    def __init__(self, *names: str, kind: ProgramKind = ProgramKind.SCREEN) -> None:
        self.run(*names, kind=kind)
        self.gate = asyncio.Event()
        self.gate.set()

    def run(self, *names: str, kind: ProgramKind = ProgramKind.SCREEN) -> None:
        """These programs run from now on."""
        programs = tuple(RunningProgram(name=name, kind=kind) for name in names)
        self._now = RunningPrograms(programs=programs, source="test")

    def probe(self) -> Probe[RunningPrograms]:
        """Tells which, once the gate is open."""

        async def read(_: World) -> RunningPrograms:
            await self.gate.wait()
            return self._now

        return Probe(gives=RunningPrograms, read=read, refreshed_by=frozenset({Trigger.PCSC}))


def examined(name: str, seen: Seen) -> tuple[Examination, Counting]:
    """The examination of a scenario in which these programs run, and what counts its acts."""
    simulated = scenario.load(name)
    middleware = Counting(simulated.middleware, [], asyncio.Event())
    examination = examine(simulated, more=(seen.probe(),))
    return replace(examination, middleware=middleware), middleware


@contextmanager
def page(
    name: str = "pin-blocked", *, held: bool = False, seen: Seen | None = None
) -> Iterator[Page]:
    """The page of a scenario; with `held`, acts wait for the test to open the gate."""
    examination, middleware = examined(name, seen or Seen())
    if not held:
        middleware.gate.set()
    with Live(examination) as live:
        yield Page(live, middleware)
        live.call(middleware.gate.set)


def test_the_whole_way_leads_from_blocked_to_ready() -> None:
    with page() as at:
        assert at.live.examination.diagnosis.verdict.value == "not-ready"
        at.do("open-unblock")
        assert at.step is Step.LETTER
        at.do("go-on")
        assert at.step is Step.FORM
        at.submit()
        assert at.ended() == "done"
        assert at.live.examination.diagnosis.verdict.value == "ready"
        at.do("close")
        assert at.step is None


def test_without_the_letter_no_code_is_asked_for() -> None:
    with page() as at:
        at.do("open-unblock")
        html = at.do("no-letter").text
        assert at.step is Step.LETTER_LOST
        assert "0 809 40 00 82" in html
        assert "F501.pdf" in html
        assert at.submit().status == 400
        assert at.middleware.orders == []


@pytest.mark.parametrize(
    ("family", "first"), [("cps", "pin.find-codes-online"), ("cpe", "pin.ask-mandataire")]
)
def test_whom_to_ask_for_the_codes_depends_on_the_card(family: str, first: str) -> None:
    from diagcps.acting import ways_to_the_codes
    from diagcps.facts import Family

    ways = ways_to_the_codes(Family(family))
    assert ways[0] == first
    assert ("pin.call-cpam" in ways) is (family == "cps")


def test_a_form_that_comes_twice_does_one_act() -> None:
    with page(held=True) as at:
        at.to_form(Act.UNBLOCK)
        state = at.live.call(lambda: at.desk.state)
        form = {"do": "submit", "state": state, "given": PUK, "new": NEW, "again": NEW}
        at.post(form)
        second = at.post(form)
        assert second.status == 200
        assert at.step is Step.DOING
        at.live.call(at.middleware.gate.set)
        assert at.ended() == "done"
        at.post(form)
        assert len(at.middleware.orders) == 1


def test_a_second_tab_shows_the_same_step_and_its_old_form_does_nothing() -> None:
    with page() as at:
        at.to_form(Act.UNBLOCK)
        other = STATE.search(at.live.ask(cookie=at.cookie).text)
        assert other is not None
        at.submit(given="87654321")
        assert at.ended() == "wrong-code"
        at.post({"do": "submit", "state": other[1], "given": PUK, "new": NEW, "again": NEW})
        assert len(at.middleware.orders) == 1


@pytest.mark.parametrize("what", ["open-change-code", "open-unblock", "close", "go-on"])
def test_nothing_leaves_an_act_that_is_under_way(what: str) -> None:
    with page(held=True) as at:
        at.to_form(Act.UNBLOCK)
        at.submit()
        at.do(what)
        assert at.step is Step.DOING
        at.live.call(at.middleware.gate.set)
        assert at.ended() == "done"


def test_a_connection_that_is_lost_does_not_interrupt_the_act() -> None:
    with page(held=True) as at:
        at.to_form(Act.UNBLOCK)
        at.submit()
        cookie = at.live.open()
        assert at.live.ask(cookie=at.cookie).status == 403
        at.live.call(at.middleware.gate.set)
        assert at.ended() == "done"
        at.cookie = cookie
        assert "act-done" in at.live.ask(cookie=cookie).text


def test_none_of_our_probes_runs_during_an_act() -> None:
    with page(held=True) as at:
        at.to_form(Act.UNBLOCK)
        at.submit()
        runs = at.live.runs
        at.live.post("/run", b"{}", cookie=at.cookie)
        assert at.live.call(lambda: at.live.examination.runner.quiet().locked())
        assert at.live.runs == runs
        at.live.call(at.middleware.gate.set)
        at.ended()


def test_an_agent_stays_while_an_act_is_under_way() -> None:
    with page(held=True) as at:
        at.to_form(Act.UNBLOCK)
        at.submit()
        exiting = asyncio.run_coroutine_threadsafe(at.live.agent.exit_when_idle(0.1), at.live._loop)
        with pytest.raises(TimeoutError):
            exiting.result(0.5)
        at.live.call(at.middleware.gate.set)
        at.ended()
        exiting.result(10)


FLAWED = [
    ({"given": "1234567"}, "8 chiffres"),
    ({"given": "1234567a"}, "que des chiffres"),
    ({"new": "258"}, "trop court"),
    ({"new": "25801"}, "trop long"),
    ({"new": "1234"}, "suite"),
    ({"new": "1212"}, "répétition"),
    ({"new": "1985"}, "année"),
    ({"new": "3112"}, "date"),
    ({"again": "2581"}, "pas les mêmes"),
    ({"given": ""}, "Tapez ce code"),
]


@pytest.mark.parametrize(("fields", "said"), FLAWED)
def test_what_is_wrong_with_a_code_is_said_before_anything_is_sent(
    fields: dict[str, str], said: str
) -> None:
    with page() as at:
        at.to_form(Act.UNBLOCK)
        answer = at.submit(**fields)
        assert said in json.loads(answer.text)["html"]
        assert at.step is Step.FORM
        assert at.middleware.orders == []


def test_what_is_advised_against_may_be_kept_and_a_run_may_not() -> None:
    with page() as at:
        at.to_form(Act.UNBLOCK)
        at.submit(new="1234", keep="on")
        assert at.step is Step.FORM
        at.submit(new="1985", keep="on")
        assert at.ended() == "done"


def test_a_pasted_code_may_hold_spaces() -> None:
    with page() as at:
        at.to_form(Act.UNBLOCK)
        at.submit(given=" 1234\u00a05678\t", new="25 80", again="2580 ")
        assert at.ended() == "done"


def test_no_answer_holds_a_code() -> None:
    with page() as at:
        at.to_form(Act.UNBLOCK)
        answers = [at.submit(given="40718293", new="1985", again="1986")]
        answers.append(at.submit(given="40718293", new="8305"))
        at.ended()
        answers.append(at.live.ask(cookie=at.cookie))
        for answer in answers:
            assert not re.search("40718293|1985|1986|8305", answer.text.split("<footer>")[0])


def test_the_last_try_is_a_stop_and_asks_twice() -> None:
    with page("puk-last-try") as at:
        at.do("open-unblock")
        at.do("go-on")
        assert at.step is Step.LAST_TRY
        assert "0 809 40 00 82" in at.live.ask(cookie=at.cookie).text
        at.do("go-on")
        at.submit()
        assert at.step is Step.FORM
        assert at.middleware.orders == []
        at.submit(sure="on")
        assert at.ended() == "done"


def test_a_screen_that_others_may_see_keeps_the_form_closed() -> None:
    with page(seen=Seen("TeamViewer")) as at:
        at.do("open-unblock")
        at.do("go-on")
        assert at.step is Step.WATCHED
        assert at.submit().status == 400
        at.do("look-again")
        assert at.step is Step.WATCHED
        at.do("go-on")
        assert at.step is Step.FORM


def test_a_screen_that_others_may_see_since_is_found_before_the_act() -> None:
    seen = Seen()
    with page(seen=seen) as at:
        at.to_form(Act.UNBLOCK)
        seen.run("TeamViewer")
        at.submit()
        assert at.step is Step.WATCHED
        assert at.middleware.orders == []


def test_a_change_on_the_workstation_opens_no_gate() -> None:
    with page(seen=Seen("TeamViewer")) as at:
        at.do("open-unblock")
        at.do("go-on")
        at.live.wait(at.live.examination.runner.refresh(Trigger.PCSC))
        at.live.wait(at.desk.follow())
        assert at.step is Step.WATCHED


def test_programs_that_may_hold_the_old_code_are_named_until_they_are_closed() -> None:
    seen = Seen("Logiciel de facturation", kind=ProgramKind.CARD)
    with page("healthy-cps3", seen=seen) as at:
        at.do("open-change-code")
        assert at.step is Step.PROGRAMS
        assert "Logiciel de facturation" in at.live.ask(cookie=at.cookie).text
        seen.run()
        at.do("look-again")
        assert at.step is Step.FORM


@pytest.mark.parametrize("first", ["open", "submit"])
async def test_two_requests_at_once_come_to_one_act_of_one_kind(first: str) -> None:
    seen = Seen()
    examination, middleware = examined("pin-blocked", seen)
    middleware.gate.set()
    await examination.runner.run()
    desk = Desk(examination, lambda: None)
    await desk.open(Act.UNBLOCK)
    desk.go_on()
    seen.gate.clear()
    fields = {name: Secret(bytearray(code.encode())) for name, code in FIELDS.items()}
    requests = {
        "open": lambda: desk.open(Act.CHANGE),
        "submit": lambda: desk.submit(fields, lambda: None),
    }
    order = sorted(requests, key=lambda name: name != first)
    tasks = [asyncio.create_task(requests[name]()) for name in order]
    await asyncio.sleep(0.05)
    seen.gate.set()
    await asyncio.gather(*tasks)
    await desk.wait()
    if first == "open":
        assert (desk.act, desk.offer) == (Act.CHANGE, Closed.PIN_BLOCKED)
        assert middleware.orders == []
    else:
        assert desk.conclusion is not None
        assert desk.conclusion.shown.order.act is desk.act is Act.UNBLOCK


async def test_no_act_begins_once_the_agent_ends() -> None:
    examination, middleware = examined("pin-blocked", Seen())
    await examination.runner.run()
    desk = Desk(examination, lambda: None)
    await desk.open(Act.UNBLOCK)
    desk.go_on()
    await desk.shut()
    fields = {name: Secret(bytearray(code.encode())) for name, code in FIELDS.items()}
    await desk.submit(fields, lambda: None)
    assert (desk.doing, middleware.orders) == (False, [])


def test_an_agent_that_ends_takes_no_form() -> None:
    with page() as at:
        at.do("open-unblock")
        at.live.call(at.live.agent.stopping.set)
        assert at.do("go-on").status == 503


def test_an_old_page_closes_nothing_that_was_not_seen() -> None:
    with page() as at:
        at.to_form(Act.UNBLOCK)
        old = at.live.call(lambda: at.desk.state)
        at.submit()
        at.ended()
        at.post({"do": "close", "state": old})
        assert at.step is Step.DONE


CLOSED = [
    ("pin-blocked", Act.CHANGE, Closed.PIN_BLOCKED),
    ("pin-blocked", Act.TRY, Closed.PIN_BLOCKED),
    ("puk-blocked", Act.UNBLOCK, Closed.PUK_BLOCKED),
    ("puk-unusable", Act.UNBLOCK, Closed.PUK_BLOCKED),
    ("pin-last-try", Act.TRY, Closed.LAST_TRY),
    ("middleware-absent", Act.TRY, Closed.NO_LIBRARY),
    ("middleware-blind", Act.CHANGE, Closed.NOT_SHOWN),
    ("several-cards", Act.CHANGE, Closed.SEVERAL_CARDS),
    ("code-presented", Act.CHANGE, Closed.CODE_IN_USE),
]


@pytest.mark.parametrize(("name", "act", "why"), CLOSED)
def test_an_act_that_cannot_be_offered_says_why_and_what_to_do(
    name: str, act: Act, why: Closed
) -> None:
    with page(name) as at:
        at.do(f"open-{act.value}")
        assert at.live.call(lambda: at.desk.offer) is why
        words = at.live.examination.words("fr")
        text = at.live.ask(cookie=at.cookie).text
        assert words.ui(f"act.closed.{why.value}").split(":")[0].split("'")[0] in text
        assert at.submit().status == 400
        assert at.middleware.orders == []


def test_trying_the_card_needs_one_code_and_changes_nothing() -> None:
    with page("healthy-cps4") as at:
        at.to_form(Act.TRY)
        at.do("submit", given=PIN)
        assert at.ended() == "done"
        at.do("open-try-card")
        at.do("submit", given=PIN)
        assert at.ended() == "done"


def test_a_lying_library_is_not_believed() -> None:
    with page("pin-blocked-cps4-lying") as at:
        at.to_form(Act.UNBLOCK)
        at.submit()
        assert at.ended() == "not-set"
        assert "act-fail" in at.live.ask(cookie=at.cookie).text


REFUSED = [
    {"do": "open-format-disk"},
    {"do": ""},
    {},
    {"do": "submit"},
]


@pytest.mark.parametrize("fields", REFUSED)
def test_what_is_no_form_of_the_page_is_refused(fields: dict[str, str]) -> None:
    with page("healthy-cps3") as at:
        state = at.live.call(lambda: at.desk.state)
        assert at.post({"state": state, **fields}).status == 400


@pytest.mark.parametrize("missing", ["given", "new", "again"])
def test_a_form_without_one_of_its_fields_is_refused(missing: str) -> None:
    with page() as at:
        at.to_form(Act.UNBLOCK)
        fields = {"given": PUK, "new": NEW, "again": NEW}
        del fields[missing]
        assert at.do("submit", **fields).status == 400
        assert at.middleware.orders == []


def test_a_form_without_the_token_or_from_elsewhere_is_refused() -> None:
    with page() as at:
        live, cookie = at.live, at.cookie
        body = b"do=open-unblock"
        own = (("Origin", live.origin),)
        token = f"&token={live.form_token(cookie)}".encode()
        assert live.post("/act", body, cookie=cookie, kind=FORM, headers=own).status == 403
        assert live.post("/act", body + token, cookie=cookie, kind=FORM).status == 403
        assert live.post("/act", b"{}", cookie=cookie, kind=JSON, headers=own).status == 415
        assert live.post("/act", body + token, kind=FORM, headers=own).status == 403
        assert at.step is None


@pytest.mark.parametrize(
    "body", [b"%", b"a=%4", b"a=%zz", b"a b=1", b"=1", b"a=1&&b=2", b"x=1&" * 20]
)
def test_a_form_that_makes_no_sense_is_refused(body: bytes) -> None:
    with page("healthy-cps3") as at:
        own = (("Origin", at.live.origin),)
        answer = at.live.post("/act", body, cookie=at.cookie, kind=FORM, headers=own)
        assert answer.status in (400, 403)


def test_without_a_script_the_same_forms_lead_back_to_the_page() -> None:
    with page() as at:
        answer = at.post({"do": "open-unblock"}, scripted=False)
        assert (answer.status, answer.one("Location")) == (303, "/")
        assert "act-letter" in at.live.ask(cookie=at.cookie).text


def test_a_saved_workstation_offers_no_act() -> None:
    from diagcps.snapshot import Snapshot

    saved = Snapshot(facts=scenario.load("pin-blocked").facts)
    with Live(replace(examine(saved), moment=scenario.load("vitale").facts and None)) as live:
        cookie = live.open()
        live.run(cookie)
        assert "open-unblock" not in live.ask(cookie=cookie).text


def test_a_card_that_was_exchanged_begins_the_act_anew() -> None:
    with page() as at:
        at.to_form(Act.UNBLOCK)
        _exchange(at, Plastic(model="cps3", serial="00000077", pin_left=0))
        assert at.step is not Step.FORM
        assert at.live.call(lambda: at.desk.notice) == "changed"
        assert at.submit().status == 400


def _exchange(at: Page, plastic: Plastic) -> None:
    """Puts another card into the reader, and lets the agent see it."""
    cards = at.live.examination.runner.world.cards
    assert isinstance(cards, SimulatedCards)
    card: SimulatedCard = make(plastic, datetime.now(UTC))
    name = next(iter(cards._inserted))
    at.live.call(lambda: cards._inserted.update({name: card}))
    at.live.wait(at.live.examination.runner.refresh(Trigger.PCSC))
    at.live.wait(at.desk.follow())


class Client:
    """A page of an agent in a process of its own."""

    def __init__(self, agent: Running) -> None:
        self._agent = agent
        agent.address()
        opened = self._ask("GET", agent.path)
        self._cookie = (("Cookie", opened.one("Set-Cookie").split(";")[0]),)
        found = FORM_TOKEN.search(self._ask("GET", "/").text)
        assert found is not None
        self._token = found[1]

    def _ask(
        self, method: str, target: str, body: bytes = b"", *headers: tuple[str, str]
    ) -> Answer:
        own = getattr(self, "_cookie", ())
        raw = wire.request(
            method, target, hosts=(self._agent.host,), headers=(*own, *headers), body=body
        )
        return wire.exchange(self._agent.port, raw)

    def stream(self) -> AbstractContextManager[wire.Stream]:
        """Everything that happens from now on."""
        raw = wire.request("GET", "/events", hosts=(self._agent.host,), headers=self._cookie)
        return wire.streaming(self._agent.port, raw)

    def run(self) -> None:
        """A diagnosis, until its result."""
        with self.stream() as stream:
            self._ask("POST", "/run", b"{}", ("Content-Type", JSON))
            stream.until("finished")

    def act(self, do: str, **fields: str) -> None:
        """A button of the present step."""
        body = {"token": self._token, "do": do, "state": getattr(self, "_state", ""), **fields}
        origin = ("Origin", f"http://{self._agent.host}")
        sent = (("Content-Type", FORM), origin, *SCRIPTED)
        answer = self._ask("POST", "/act", urlencode(body).encode(), *sent)
        self._state: str = json.loads(answer.text)["state"]


@posix
def test_an_agent_that_is_told_to_end_ends_after_the_act(tmp_path: Path) -> None:
    with Running(tmp_path, "--scenario", "pin-blocked-slow") as agent:
        client = Client(agent)
        client.run()
        client.act("open-unblock")
        client.act("go-on")
        with client.stream() as stream:
            client.act("submit", given=PUK, new=NEW, again=NEW)
            for _ in range(2):
                agent.process.send_signal(signal.SIGINT)
            shown = [str(event.data) for event in stream.events()]
        assert "act-doing" in "".join(shown)
        assert "act-done act-pass" in "".join(shown)
        assert agent.process.wait(ENDS_S) == 0


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("step", ["programs", "watched", "form"])
def test_hostile_names_are_mere_text_in_an_act(name: str, step: str) -> None:
    examination = examine(scenario.load("healthy-cps3"))
    asyncio.run(examination.runner.run())
    desk = Desk(examination, lambda: None)
    asyncio.run(desk.open(Act.CHANGE))
    assert isinstance(desk.offer, Shown)
    html = []
    for text in (name, "harmless"):
        programs, watchers = (
            (text,) if step == "programs" else (),
            (text,) if step == "watched" else (),
        )
        holder = Private(PrivateKind.PERSON, text)
        desk.offer = replace(desk.offer, programs=programs, watchers=watchers, holder=holder)
        act = ActView(words=examination.words("fr"), desk=desk, examination=examination)
        assert act.step == step
        html.append(Renderer().render("act.html", act=act, **TOKEN))
    assert Elements(html[0]).shape == Elements(html[1]).shape


@pytest.mark.parametrize(
    "body",
    [
        b"token=t&given=12345678&given=12345678",
        b"token=t&given=12345678&new=25%8",
        b"token=t&given=12345678&n+w=2580",
        b"token=t&given=1234%35678&" + b"&".join(b"f%d=1" % n for n in range(40)),
    ],
)
def test_fields_of_a_form_that_makes_no_sense_are_wiped(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    made: list[bytearray] = []

    class Recorded(Secret):
        """A secret whose place in memory the test keeps."""

        def __init__(self, data: bytearray) -> None:
            super().__init__(data)
            made.append(data)

    monkeypatch.setattr(security, "Secret", Recorded)
    with ExitStack() as wiping, pytest.raises(security.Refused):
        security._secret_fields(bytearray(body), wiping)
    assert any(len(data) >= len(PUK) for data in made)
    assert not any(any(data) for data in made)
