"""The live page: server-sent events (WHATWG HTML, section 9.2) from the event log.

Each message carries the fragment of HTML that replaces what the page shows, rendered by the same
templates as the page itself.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import ClientConnectionResetError, web

from diagcps.events import (
    ActChanged,
    Event,
    Finished,
    Heartbeat,
    Judged,
    Settled,
    Snapshot,
    Started,
)
from diagcps.web.agent import AGENT, Agent
from diagcps.web.pages import PageView, Renderer, view
from diagcps.web.security import Refused
from diagcps.web.sessions import Session

if TYPE_CHECKING:
    from diagcps.web.acts import ActView

Told = Heartbeat | ActChanged | list[Started] | Settled | Snapshot | Judged | Finished
"""What one message tells: an event, or that several checks have begun."""

MOST_STREAMS = 4
"""Browsers open six connections to one host: two are left for the pages themselves."""
HEARTBEAT_S = 15.0
_TOGETHER_S = 0.002


def frame(name: str, data: object, *, number: int | None = None) -> bytes:
    """One server-sent event. The data is JSON on one line, so nothing in it can end the event."""
    lines = [] if number is None else [f"id: {number}"]
    lines += [f"event: {name}", f"data: {json.dumps(data)}"]
    return ("\n".join(lines) + "\n\n").encode()


async def follow(request: web.Request, session: Session, renderer: Renderer) -> web.StreamResponse:
    """The stream of one tab, until the tab, the session or the agent ends. Raises Refused."""
    agent = request.app[AGENT]
    if session.streams >= MOST_STREAMS:
        raise Refused(429, "too-many")
    after = _after(request)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    session.streams += 1
    agent.streams += 1
    try:
        with suppress(ClientConnectionResetError):
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n")
            async for message in _messages(agent, session, renderer, after):
                await response.write(message)
    finally:
        session.streams -= 1
        agent.streams -= 1
        agent.touch()
    return response


def _after(request: web.Request) -> int:
    """The number of the last event that the tab has seen; any nonsense means none."""
    said = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


async def _messages(
    agent: Agent, session: Session, renderer: Renderer, after: int
) -> AsyncIterator[bytes]:
    """What is to be written, all there is at once: each write may wait for the probes to yield."""
    log = agent.examination.runner.log
    after = after if after <= log.last else 0
    ended = asyncio.Event()
    session.on_end.append(ended.set)
    ending = asyncio.create_task(ended.wait())
    try:
        # A page that is open is somebody who is there: it keeps its session awake.
        while not ended.is_set() and agent.sessions.touch(session):
            if events := log.since(after):
                after = events[-1][0]
                page = _view_now(agent, session)
                told = _together(events)
                yield b"".join(_message(*event, page, session, renderer) for event in told)
                if any(isinstance(event, (ActChanged, Snapshot)) for _, event in events):
                    yield frame("act", act_panel(agent, session, renderer))
                continue
            if log.closed:
                break
            news: set[asyncio.Future[Any]] = {log.growth(), ending}
            done, _ = await asyncio.wait(
                news, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                yield frame("heartbeat", {})
            else:
                # What comes at once is told at once: the browser draws the page between two.
                await asyncio.sleep(_TOGETHER_S)
        yield frame("end", {"why": "taken-over" if session.replaced else "ended"})
    finally:
        ending.cancel()
        session.on_end.remove(ended.set)


def act_view(agent: Agent, session: Session) -> ActView | None:
    """What the page shows of an act with a code, as it stands now; None before the first one."""
    if not agent.has_desk:
        return None
    from diagcps.web.acts import ActView  # it takes longer to import than the page to open

    words = agent.examination.words(session.language)
    return ActView(words=words, desk=agent.desk, examination=agent.examination)


def act_panel(agent: Agent, session: Session, renderer: Renderer) -> dict[str, str]:
    """The same as HTML, and the state by which a page knows whether it shows it already."""
    act = act_view(agent, session)
    html = renderer.render("act.html", act=act, token=session.form_token)
    return {"html": html, "state": act.desk.state if act else ""}


def _view_now(agent: Agent, session: Session) -> Callable[[], PageView]:
    """What the page shows as it stands, made once for all the events that are written together."""
    return functools.cache(lambda: view(agent.examination, session.language))


def _together(events: Iterable[tuple[int, Event]]) -> Iterator[tuple[int, Told]]:
    """The events, those that only begin a check as one: there are dozens when a run begins."""
    begun: list[Started] = []
    last = 0
    for number, event in events:
        if isinstance(event, Started):
            begun.append(event)
            last = number
            continue
        if begun:
            yield last, begun
            begun = []
        yield number, event
    if begun:
        yield last, begun


def _message(
    number: int, event: Told, view_now: Callable[[], PageView], session: Session,
    renderer: Renderer,
) -> bytes:  # fmt: skip
    match event:
        case Heartbeat() | ActChanged():
            return frame("heartbeat", {})
        case list():
            return frame("started", {"checks": [each.check for each in event]}, number=number)
        case Settled():
            page = view_now()
            return frame("settled", _settled(page, event, renderer), number=number)
        case Snapshot():
            page = view_now()
            html = renderer.render("main.html", page=page, token=session.form_token)
            return frame("snapshot", {"html": html, "say": page.progress}, number=number)
        case Judged():
            page = view_now()
            html = renderer.render("verdict.html", page=page, token=session.form_token)
            return frame("diagnosis", {"html": html}, number=number)
        case Finished():
            page = view_now()
            said = page.words.ui("finished" if event.afresh else "changed", verdict=page.verdict)
            return frame("finished", {"say": said, "run": event.run}, number=number)


def _settled(page: PageView, event: Settled, renderer: Renderer) -> dict[str, str]:
    check = next(check for check in page.checks if check.id == event.result.check)
    html = renderer.render("check.html", check=check, words=page.words)
    return {"check": check.id, "html": html, "say": page.progress}
