"""Which browser shows the page: what its request says, what the page finds out, what is named.

Of this workstation alone: a simulated one has a browser of its own, and takes none of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from diagcps.browsing import BrowserKind, How, PageBrowser
from diagcps.options import BROWSERS
from diagcps.web.agent import Agent
from diagcps.web.security import Refused
from diagcps.web.sessions import Session
from diagcps.web.user_agent import browser_of, is_chromium

OF_THE_PAGE = "page"
"""Named to take back a name: the browser that shows the page counts again."""


def arrived(agent: Agent, headers: Mapping[str, str]) -> None:
    """The page was loaded by the browser of this request: the last one that loads it counts."""
    visitor = agent.examination.visitor
    # A script that only asks whether the agent is still there shows nothing.
    if visitor is None or headers.get("Sec-Fetch-Dest", "document") != "document":
        return
    kind, version = browser_of(headers)
    seen = PageBrowser(kind=kind, version=version, chromium=is_chromium(headers), how=How.PAGE)
    if visitor.seen is None or replace(visitor.seen, extension=None) != seen:
        visitor.seen = seen  # the same one, loading again, knows no less than before
    agent.visited()


def told(agent: Agent, session: Session, fields: Mapping[str, object]) -> None:  # noqa: ARG001
    """The page says whether the extension answers, or the person names a browser.

    Raises Refused for anything but one of the two.
    """
    visitor = agent.examination.visitor
    match fields.get("extension"), fields.get("browser"):
        case bool(answers), None:
            if visitor is not None and visitor.seen is not None:
                visitor.seen = replace(visitor.seen, extension=answers)
        case None, str(word) if word in (*BROWSERS, OF_THE_PAGE):
            if visitor is not None:
                visitor.named = None if word == OF_THE_PAGE else BrowserKind(word)
        case _:
            raise Refused(400, "malformed")
    agent.visited()
