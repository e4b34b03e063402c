"""The browser that shows the page, the one that the person names, and the extension's answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from diagcps import probes, profiles, scenario
from diagcps.browsing import Browser, BrowserKind, Browsers, How, PageBrowser
from diagcps.check import Area, Check, Facts, Probe
from diagcps.examination import Examination, assemble
from diagcps.model import CheckId, Evidence
from diagcps.visitor import Visitor

from .live import FORM, TOKEN, Live, built_in
from .pages import HOSTILE, dangers
from .wire import Answer, Headers

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0"
SEEN = CheckId("browser.seen")


def judge_seen(facts: Facts) -> Iterator[Evidence]:
    """Says which browser it was given."""
    page = facts[PageBrowser]
    yield Evidence(key="seen", value=f"{page.kind.value} {page.extension}", source="page")


def workstation(named: BrowserKind | None = None) -> Examination:
    """A workstation with two browsers, one check that looks at the page's, and nothing else."""
    subject, visitor = scenario.load("vitale"), Visitor(named=named)
    kinds = {"firefox": BrowserKind.FIREFOX, "edge": BrowserKind.EDGE}
    installed = Browsers(
        browsers=tuple(
            Browser(kind=kind, name=name, version="1", source="test")
            for name, kind in kinds.items()
        ),
        default=BrowserKind.EDGE,
        source="test",
    )
    page = next(each for each in probes.BUILT_IN if each.gives is PageBrowser)
    seen = Check(id=SEEN, area=Area.BROWSER, judge=judge_seen, uses=(PageBrowser,))
    return assemble(
        registry=replace(built_in(), checks=(seen,)),
        probes={
            **subject.probes(),
            Browsers: Probe(gives=Browsers, read=lambda _: installed),
            PageBrowser: page,
        },
        profile=profiles.choose(profiles.DEFAULT),
        world=replace(subject.world, page=visitor),
        live=True,
        visitor=visitor,
    )


@pytest.fixture
def desk() -> Iterator[Live]:
    """The agent of that workstation, answering."""
    with Live(workstation()) as live:
        yield live


def load(live: Live, cookie: str, agent: str = FIREFOX) -> str:
    """The page as this browser gets it."""
    answer = live.ask(cookie=cookie, headers=(("User-Agent", agent),))
    assert answer.status == 200
    return answer.text


def say(live: Live, body: bytes, cookie: str | None, headers: Headers = ()) -> Answer:
    """The answer to what the page's script says of its browser."""
    return live.post("/browser", body, cookie=cookie, headers=headers)


def token(live: Live, cookie: str) -> str:
    """The token in the forms of the page, which the same browser loads for it."""
    found = TOKEN.search(load(live, cookie))
    assert found is not None
    return found[1]


def submit(live: Live, cookie: str, fields: str) -> Answer:
    """The answer to the page's form."""
    body = f"{fields}&token={token(live, cookie)}".encode()
    own = (("Origin", live.origin),)
    return live.post("/browser", body, cookie=cookie, kind=FORM, headers=own)


def judged(live: Live) -> str:
    """What the check was given, once nothing is under way any more."""
    live.wait(live.agent.settled(10.0))
    return str(live.examination.runner.results[SEEN].evidence[0].value)


def state(live: Live) -> tuple[object, ...]:
    """All that a word about the browser could change."""
    visitor = live.examination.visitor
    assert visitor is not None
    return visitor.named, visitor.seen, live.runs


def test_the_page_names_the_browser_that_shows_it(desk: Live) -> None:
    cookie = desk.open()
    assert "Navigateur contrôlé : Firefox 145 (celui de cette page)." in load(desk, cookie)
    assert desk.runs == 0
    desk.run(cookie)
    assert judged(desk) == "firefox None"


def test_the_last_browser_that_loads_the_page_counts(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    desk.run(cookie)
    page = load(desk, desk.open(), EDGE)
    assert "Navigateur contrôlé : Microsoft Edge 142 (celui de cette page)." in page
    assert judged(desk) == "edge None"
    assert "edge None" in page


def test_a_script_that_asks_for_the_page_shows_it_to_nobody(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    before = state(desk)
    script = (("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Dest", "empty"), ("User-Agent", EDGE))
    assert desk.ask(cookie=cookie, headers=script).status == 200
    assert state(desk) == before


def test_the_extension_that_answers_is_judged_anew_and_once(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    desk.run(cookie)
    with desk.stream(cookie, target=f"/events?after={desk.examination.runner.log.last}") as stream:
        assert say(desk, b'{"extension": true}', cookie).status == 200
        assert "firefox True" in stream.until("settled").data["html"]
    assert judged(desk) == "firefox True"
    runs = desk.runs
    for _ in range(3):
        assert say(desk, b'{"extension": true}', cookie).status == 200
        load(desk, cookie)
    assert judged(desk) == "firefox True"
    assert desk.runs == runs


def test_what_an_extension_says_counts_before_the_first_run(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    assert say(desk, b'{"extension": false}', cookie).status == 200
    assert desk.runs == 0
    desk.run(cookie)
    assert judged(desk) == "firefox False"


def test_another_browser_knows_nothing_of_the_extension_of_the_one_before(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    say(desk, b'{"extension": true}', cookie)
    load(desk, cookie, EDGE)
    desk.run(cookie)
    assert judged(desk) == "edge None"


def test_the_person_names_another_browser_and_takes_it_back(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    assert 'value="edge"' not in load(desk, cookie)  # what is installed is not known yet
    desk.run(cookie)
    offer = load(desk, cookie)
    assert 'name="browser" value="edge"' in offer
    assert dangers(offer) == []
    assert submit(desk, cookie, "browser=edge").status == 303
    load(desk, cookie)
    assert judged(desk) == "edge None"
    page = load(desk, cookie)
    assert "Navigateur contrôlé : Microsoft Edge (celui que vous avez indiqué)." in page
    assert 'name="browser" value="firefox"' in page
    assert submit(desk, cookie, "browser=page").status == 303
    load(desk, cookie)
    assert judged(desk) == "firefox None"


def test_browsers_that_are_not_installed_are_not_offered(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    desk.run(cookie)
    page = load(desk, cookie)
    assert 'value="chrome"' not in page
    assert 'value="safari"' not in page


def test_the_browser_of_the_command_line_is_judged() -> None:
    with Live(workstation(BrowserKind.EDGE)) as live:
        cookie = live.open()
        assert "Microsoft Edge (celui que vous avez indiqué)" in load(live, cookie)
        live.run(cookie)
        assert judged(live) == "edge None"


def test_only_firefox_is_asked_for_the_extension(desk: Live) -> None:
    assert "page-facts.js" in load(desk, desk.open())
    assert "page-facts.js" not in load(desk, desk.open(), EDGE)


def test_a_simulated_workstation_takes_nothing_of_this_page() -> None:
    with Live() as live:
        cookie = live.open()
        page = load(live, cookie)
        assert "page-facts.js" not in page
        assert "celui de cette page" not in page
        live.run(cookie)
        runs = live.runs
        for body in (b'{"extension": true}', b'{"browser": "edge"}'):
            assert say(live, body, cookie).status == 200
        load(live, cookie, EDGE)
        live.wait(live.agent.settled(10.0))
        assert live.runs == runs


BODIES = {
    "nothing": b"{}",
    "both": b'{"extension": true, "browser": "edge"}',
    "null": b'{"extension": null}',
    "text": b'{"extension": "true"}',
    "number": b'{"extension": 1}',
    "list": b'{"extension": [true]}',
    "object": b'{"browser": {"kind": "edge"}}',
    "names": b'{"browser": ["edge"]}',
    "case": b'{"browser": "EDGE"}',
    "unknown": b'{"browser": "chromium"}',
    "empty": b'{"browser": ""}',
    "no-browser": b'{"browser": false}',
    "no-object": b"true",
    "no-json": b"extension=true",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_anything_else_is_refused_and_changes_nothing(desk: Live, body: bytes) -> None:
    cookie = desk.open()
    load(desk, cookie)
    desk.run(cookie)
    before = state(desk)
    assert say(desk, body, cookie).status == 400
    assert state(desk) == before


def test_an_extension_is_not_told_by_a_form(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    before = state(desk)
    for word in ("true", "false", "1", ""):
        assert submit(desk, cookie, f"extension={word}").status == 400
    assert state(desk) == before


def test_no_other_page_says_anything_of_the_browser(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    before = state(desk)
    form = f"browser=edge&token={token(desk, cookie)}".encode()
    told = b'{"extension": true}'
    foreign: Headers
    for foreign in (
        (("Origin", "https://evil.example"),), (("Origin", "null"),),
        (("Origin", desk.origin), ("Sec-Fetch-Site", "cross-site")),
    ):  # fmt: skip
        assert say(desk, told, cookie, foreign).status == 403
        answer = desk.post("/browser", form, cookie=cookie, kind=FORM, headers=foreign)
        assert answer.status == 403
    own = (("Origin", desk.origin),)
    unsigned = desk.post("/browser", b"browser=edge", cookie=cookie, kind=FORM, headers=own)
    assert unsigned.status == 403
    assert desk.post("/browser", told, cookie=cookie, kind="text/plain").status == 415
    assert state(desk) == before


def test_without_a_session_nothing_is_said_of_the_browser(desk: Live) -> None:
    cookie = desk.open()
    load(desk, cookie)
    before = state(desk)
    for other in (None, f"diagcps-{desk.port}=x"):
        assert say(desk, b'{"extension": true}', other).status == 403
        assert desk.ask(cookie=other, headers=(("User-Agent", EDGE),)).status == 403
    assert state(desk) == before


def test_a_large_body_is_refused(desk: Live) -> None:
    cookie = desk.open()
    before = state(desk)
    large = b'{"extension": true, "x": "' + b"a" * 1_000_000 + b'"}'
    assert say(desk, large, cookie).status == 413
    assert state(desk) == before


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_user_agent_is_another_browser(desk: Live, hostile: str) -> None:
    # What a header cannot hold, a browser cannot send (RFC 9110, 5.5).
    said = "".join(c for c in hostile if c.isprintable()).encode().decode("latin-1")
    said = "".join(c for c in said if c.isprintable())
    page = load(desk, desk.open(), said)
    assert "Navigateur contrôlé : un autre navigateur (celui de cette page)." in page
    assert hostile not in page


def test_what_was_seen_before_the_page_was_ever_loaded_is_nobodys(desk: Live) -> None:
    cookie = desk.open()
    assert say(desk, b'{"extension": true}', cookie).status == 200
    assert state(desk) == (None, None, 0)


def test_a_name_that_is_told_counts_before_what_the_page_shows() -> None:
    visitor = Visitor(named=BrowserKind.EDGE)
    visitor.seen = PageBrowser(kind=BrowserKind.FIREFOX, version="1", how=How.PAGE)
    assert visitor() == PageBrowser(kind=BrowserKind.EDGE, version="", how=How.NAMED)
    visitor.named = BrowserKind.FIREFOX
    assert visitor() is visitor.seen
