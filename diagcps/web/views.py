"""The addresses of the agent, each a few lines."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from diagcps.resources import data_dir
from diagcps.web import browser, handshake, security, stream, visit
from diagcps.web.agent import AGENT, Agent
from diagcps.web.pages import Renderer, view
from diagcps.web.security import Refused
from diagcps.web.sessions import OPENING_S, Session
from diagcps.words import LANGUAGES

RENDERER = web.AppKey("renderer", Renderer)
STATIC = web.AppKey("static", Mapping[str, tuple[bytes, str]])
NONCES = web.AppKey("nonces", dict[str, None])

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_MOST_NONCES = 8
_LAST_PAGE_S = 1.0
_NEWCOMER_S = 0.5
"""How long a page waits for what its own browser changes in the diagnosis."""

Action = Callable[[Agent, Session, Mapping[str, object]], None]


def static_files() -> Mapping[str, tuple[bytes, str]]:
    """The files that may be served, read once: a name outside this list reaches no disk."""
    files = (path for path in sorted(data_dir("static").iterdir()) if path.suffix in _TYPES)
    return {path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in files}


def cookie_name(port: int) -> str:
    """A name of our own: browsers do not tell the cookies of two local ports apart."""
    return f"diagcps-{port}"


def html(text: str, status: int = 200) -> web.Response:
    """A page."""
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def session_of(request: web.Request) -> Session:
    """The session that the request's cookie proves. Raises Refused."""
    agent = request.app[AGENT]
    key = request.cookies.get(cookie_name(agent.own.port))
    session = agent.sessions.find(key) if key else None
    if session is None:
        raise Refused(429 if agent.sessions.throttled else 403, "no-session")
    agent.touch()
    return session


async def open_session(request: web.Request) -> web.Response:
    """The one-time address. It answers with a page that leads on, never with a redirection:

    after an arrival from elsewhere, browsers do not send a Strict cookie along a redirection.
    """
    agent = request.app[AGENT]
    token = request.match_info["token"]
    session = agent.sessions.redeem(token)
    if session is None:
        raise Refused(429 if agent.sessions.throttled else 403, "expired")
    agent.touch()
    if agent.folder is not None:
        browser.forget(agent.folder, token)
    words = agent.examination.words(session.language)
    response = html(request.app[RENDERER].render("opened.html", words=words))
    response.set_cookie(
        cookie_name(agent.own.port), session.key, httponly=True, samesite="Strict", path="/"
    )
    return response


async def index(request: web.Request) -> web.Response:
    """The page: complete as it stands, live with its script."""
    session = session_of(request)
    agent = request.app[AGENT]
    visit.arrived(agent, request.headers)
    await agent.settled(_NEWCOMER_S)
    page = view(agent.examination, session.language)
    return html(
        request.app[RENDERER].render(
            "page.html",
            page=page,
            act=stream.act_view(agent, session),
            token=session.form_token,
            unfinished=_unfinished(agent, session),
        )
    )


def _unfinished(agent: Agent, session: Session) -> str:
    kept = agent.unfinished
    if kept is None:
        return ""
    words = agent.examination.words(session.language)
    date = kept.at.astimezone().strftime("%d/%m/%Y")
    return words.ui("last-time", date=date, cause=words.cause(kept.cause).title)


async def events(request: web.Request) -> web.StreamResponse:
    """The stream of what happens."""
    session = session_of(request)
    return await stream.follow(request, session, request.app[RENDERER])


async def static(request: web.Request) -> web.Response:
    """One of the page's own files."""
    file = request.app[STATIC].get(request.match_info["name"])
    if file is None:
        raise Refused(404, "not-found")
    return web.Response(body=file[0], content_type=file[1], charset="utf-8")


def changing(act: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that lets `act` change something, by form or JSON, and leads back to the page."""

    async def handle(request: web.Request) -> web.Response:
        session = session_of(request)
        agent = request.app[AGENT]
        fields = await security.posted(request, agent.own, session.form_token)
        act(agent, session, fields)
        if request.content_type == "application/json":
            return web.json_response({})
        return web.Response(status=303, headers={"Location": "/"})

    return handle


async def act(request: web.Request) -> web.Response:
    """A step of an act with a code; its codes are wiped on return, whatever came of them."""
    from diagcps.web import acts  # it takes longer to import than the page to open

    session = session_of(request)
    agent = request.app[AGENT]
    fields = await security.posted_secrets(request, agent.own, session.form_token)
    try:
        await acts.take(agent, fields)
    finally:
        for field in fields.values():
            field.wipe()
    if "application/json" in request.headers.get("Accept", ""):
        return web.json_response(stream.act_panel(agent, session, request.app[RENDERER]))
    return web.Response(status=303, headers={"Location": "/"})


def run(agent: Agent, session: Session, fields: Mapping[str, object]) -> None:  # noqa: ARG001
    """Starts a run, unless one is under way."""
    agent.start()


def forget(agent: Agent, session: Session, fields: Mapping[str, object]) -> None:  # noqa: ARG001
    """Forgets the last repair."""
    agent.forget()


def choose_language(agent: Agent, session: Session, fields: Mapping[str, object]) -> None:  # noqa: ARG001
    """The language of this session's pages. Raises Refused for one that there is not."""
    language = fields.get("language")
    if not isinstance(language, str) or language not in LANGUAGES:
        raise Refused(400, "malformed")
    session.language = language


async def quit_agent(request: web.Request) -> web.Response:
    """Ends the agent, and says so on a last page."""
    session = session_of(request)
    agent = request.app[AGENT]
    await security.posted(request, agent.own, session.form_token)
    words = agent.examination.words(session.language)
    # The last page still asks for its style.
    asyncio.get_running_loop().call_later(_LAST_PAGE_S, agent.stopping.set)
    if request.content_type == "application/json":
        return web.json_response({})
    return html(request.app[RENDERER].render("stopped.html", words=words))


async def hello(request: web.Request) -> web.Response:
    """Proves to a second `diagcps` that this is the user's own agent. Raises Refused."""
    agent = request.app[AGENT]
    body = await _from_program(request)
    nonce = body.get("nonce")
    if not isinstance(nonce, str) or not 16 <= len(nonce) <= 128 or not nonce.isascii():
        raise Refused(400, "malformed")
    ours = secrets.token_hex(handshake.NONCE_BYTES)
    nonces = request.app[NONCES]
    if len(nonces) >= _MOST_NONCES:
        nonces.pop(next(iter(nonces)))  # the oldest
    nonces[ours] = None
    answer = handshake.proof(agent.port_file.secret, "agent", agent.own.port, nonce)
    return web.json_response({"proof": answer, "nonce": ours})


async def reopen(request: web.Request) -> web.Response:
    """A one-time address for a second `diagcps` that proves it knows the secret. Raises Refused."""
    agent = request.app[AGENT]
    body = await _from_program(request)
    nonce, given = body.get("nonce"), body.get("proof")
    nonces = request.app[NONCES]
    if not isinstance(nonce, str) or nonce not in nonces:
        raise Refused(403, "refused")
    del nonces[nonce]
    if not handshake.proves(agent.port_file.secret, "open", agent.own.port, nonce, given):
        raise Refused(403, "refused")
    agent.touch()
    return web.json_response({"path": f"/open/{agent.sessions.new_token()}", "lasts_s": OPENING_S})


async def _from_program(request: web.Request) -> Mapping[str, object]:
    """The JSON of a request that no browser made. Raises Refused."""
    headers = request.headers
    if "Origin" in headers or "Referer" in headers or "Sec-Fetch-Site" in headers:
        raise Refused(403, "refused")
    if request.content_type != "application/json":
        raise Refused(415, "malformed")
    return await security.json_object(request)
