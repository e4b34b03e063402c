"""What a browser complains about while a page is used: nobody sees it, and a test must."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Error, Page, Request

COMPLAINTS = frozenset({"error", "warning"})


class Witness:
    """Errors of the console, of scripts and of the security policy, and requests to elsewhere."""

    def __init__(self, host: str) -> None:
        """`host` is the only one that may be spoken to, as « 127.0.0.1:PORT »."""
        self._host = host
        self._forgiven: list[str] = []
        self._heard: list[str] = []

    @property
    def complaints(self) -> list[str]:
        """What was heard and not forgiven."""
        return [said for said in self._heard if not any(f in said for f in self._forgiven)]

    def forgive(self, part: str) -> None:
        """Expects complaints that hold `part`: the test causes them on purpose."""
        self._forgiven.append(part)

    def listen(self, context: BrowserContext) -> None:
        """Listens to every page of the context, those still to come included."""
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("page", self._page)

    def _page(self, page: Page) -> None:
        page.on("pageerror", self._script_error)

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._host:
            self._heard.append(f"request to elsewhere: {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        # A policy violation is an error of the console.
        if message.type in COMPLAINTS:
            where = message.location["url"]
            self._heard.append(f"console {message.type}: {message.text} ({where})")

    def _script_error(self, error: Error) -> None:
        self._heard.append(f"script error: {error.message}")
