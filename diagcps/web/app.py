"""The application: every request passes the guards, every answer carries the headers."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from diagcps.web import security, views, visit
from diagcps.web.agent import AGENT, Agent
from diagcps.web.pages import Renderer
from diagcps.web.security import Refused

logger = logging.getLogger(__name__)

_STATUS_WORDS = {404: "not-found", 405: "method", 413: "too-large", 400: "malformed"}


def build(agent: Agent) -> web.Application:
    """The application of `agent`."""
    app = web.Application(middlewares=[_answer_errors, _admit])
    app[AGENT] = agent
    app[views.RENDERER] = Renderer()
    app[views.STATIC] = views.static_files()
    app[views.NONCES] = {}
    app.on_response_prepare.append(_add_headers)
    router = app.router
    router.add_get("/", views.index, allow_head=False)
    router.add_get("/open/{token}", views.open_session, allow_head=False)
    router.add_get("/events", views.events, allow_head=False)
    router.add_get("/static/{name}", views.static, allow_head=False)
    router.add_post("/run", views.changing(views.run))
    router.add_post("/forget", views.changing(views.forget))
    router.add_post("/language", views.changing(views.choose_language))
    router.add_post("/browser", views.changing(visit.told))
    router.add_post("/act", views.act)
    router.add_post("/quit", views.quit_agent)
    router.add_post("/agent/hello", views.hello)
    router.add_post("/agent/open", views.reopen)
    return app


class Connection(web.RequestHandler):
    """One connection. What is no request gets an answer as guarded as any other, and no echo."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (it repeats what was sent)
    ) -> web.StreamResponse:
        """The answer to bytes that are no request; it ends the connection."""
        logger.debug("no request: %s", type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        response = web.Response(status=status, text=str(status), headers=security.HEADERS)
        response.force_close()
        return response


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(security.HEADERS)


@web.middleware
async def _admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    agent = request.app[AGENT]
    security.admit(request, agent.own, opening=request.path.startswith("/open/"))
    return await handler(request)


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The boundary: whatever goes wrong is a page in the person's language, without its details."""
    try:
        return await handler(request)
    except Refused as refused:
        return _error_page(request, refused.status, refused.why)
    except web.HTTPException as error:
        return _error_page(request, error.status, _STATUS_WORDS.get(error.status, "malformed"))
    except TimeoutError:
        return _error_page(request, 408, "malformed")
    except Exception:
        logger.exception("the request failed")
        return _error_page(request, 500, "internal")


def _error_page(request: web.Request, status: int, why: str) -> web.Response:
    agent = request.app[AGENT]
    session = agent.sessions.current
    language = session.language if session else agent.sessions.language
    words = agent.examination.words(language)
    text = request.app[views.RENDERER].render("error.html", words=words, why=why)
    response = views.html(text, status)
    # A refused body may still be on its way: it is not read.
    response.force_close()
    return response
