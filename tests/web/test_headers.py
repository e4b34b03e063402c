"""Lines 16 to 18: what every answer carries, and that the page loads nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from diagcps import scenario
from diagcps.web import stream

from . import wire
from .live import FORM, Live, examine
from .pages import dangers
from .process import CHECKOUT
from .wire import Answer

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "diagcps",
}
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "diagcps",
}
FEATURES = ("camera", "microphone", "geolocation", "usb", "serial", "hid", "clipboard-read")


def raw(live: Live, head: str) -> Answer:
    """The answer to a head that no library would send."""
    return wire.exchange(live.port, head.format(host=live.host).encode("latin-1") + b"\r\n\r\n")


def event_stream(live: Live) -> Answer:
    """The head of the event stream."""
    with live.stream(live.open()) as open_stream:
        return open_stream.answer


def too_many_streams(live: Live) -> Answer:
    """The answer to one stream too many."""
    cookie = live.open()
    tabs = [live.stream(cookie) for _ in range(stream.MOST_STREAMS)]
    for tab in tabs:
        tab.__enter__()
    answer = live.ask("/events", cookie=cookie)
    for tab in tabs:
        tab.__exit__(None, None, None)
    return answer


KINDS: dict[str, tuple[int, Callable[[Live], Answer]]] = {
    "page": (200, lambda live: live.ask(cookie=live.open())),
    "opening": (200, lambda live: live.ask(f"/open/{live.token()}")),
    "stream": (200, event_stream),
    "style": (200, lambda live: live.ask("/static/app.css")),
    "script": (200, lambda live: live.ask("/static/app.js")),
    "picture": (200, lambda live: live.ask("/static/icon.svg")),
    "json": (200, lambda live: live.post("/run", b"{}", cookie=live.open())),
    "quit": (200, lambda live: live.submit("/quit", live.open())),
    "hello": (200, lambda live: live.post("/agent/hello", b'{"nonce": "%s"}' % (b"0" * 32))),
    "form": (303, lambda live: live.submit("/run", live.open())),
    "malformed": (400, lambda live: live.post("/run", b"[", cookie=live.open())),
    "absolute": (400, lambda live: live.ask("http://evil.example/")),
    "no-session": (403, lambda live: live.ask()),
    "expired": (403, lambda live: live.ask("/open/x")),
    "cross-site": (403, lambda live: live.ask(headers=(("Sec-Fetch-Site", "cross-site"),))),
    "absent": (404, lambda live: live.ask("/absent")),
    "absent-file": (404, lambda live: live.ask("/static/absent")),
    "method": (405, lambda live: live.ask(method="DELETE")),
    "preflight": (405, lambda live: live.ask(method="OPTIONS")),
    "head": (405, lambda live: live.ask(method="HEAD")),
    "too-large": (413, lambda live: live.post("/run", b" " * 9000, cookie=live.open())),
    "kind": (415, lambda live: live.post("/run", b"{}", cookie=live.open(), kind="text/plain")),
    "expectation": (417, lambda live: live.ask(headers=(("Expect", "<b>"),))),
    "foreign-host": (421, lambda live: live.ask(hosts=("evil.example",))),
    "too-many": (429, too_many_streams),
    "no-request": (400, lambda live: raw(live, "\x00\x01")),
    "no-tls": (400, lambda live: raw(live, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")),
    "two-hosts": (400, lambda live: raw(live, "GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}")),
    "bad-header": (400, lambda live: raw(live, "GET / HTTP/1.1\r\nHost: {host}\r\na b: c")),
    "huge-header": (400, lambda live: raw(live, f"GET / HTTP/1.1\r\nX: {'a' * 9000}")),
}


@pytest.mark.parametrize(("status", "ask"), KINDS.values(), ids=KINDS.keys())
def test_every_answer_carries_the_headers(
    live: Live, status: int, ask: Callable[[Live], Answer]
) -> None:
    answer = ask(live)
    assert answer.status == status
    for name, value in FIXED.items():
        assert answer.all(name) == [value], name
    policy = [part.strip().partition(" ") for part in answer.one(CSP).split(";")]
    assert {name: value for name, _, value in policy} == POLICY
    allowed = answer.one("Permissions-Policy")
    assert all(f"{feature}=()" in allowed for feature in FEATURES)
    assert "=*" not in allowed
    assert "self" not in allowed


CSP = "Content-Security-Policy"


@pytest.mark.parametrize("head", ["<script>alert(1)</script>", "GET / HTTP/1.1\r\n<script>: x"])
def test_what_is_no_request_is_not_sent_back(live: Live, head: str) -> None:
    answer = raw(live, head)
    assert answer.status == 400
    assert b"script" not in answer.body
    assert answer.one("Content-Type").startswith("text/plain")


def test_static_files_have_the_type_of_their_content(live: Live) -> None:
    types = {"app.css": "text/css", "app.js": "text/javascript", "icon.svg": "image/svg+xml"}
    for name, kind in types.items():
        answer = live.ask(f"/static/{name}")
        assert (answer.status, answer.one("Content-Type")) == (200, f"{kind}; charset=utf-8")


@pytest.mark.parametrize(
    "name", ["../pyproject.toml", "..%2fpyproject.toml", "%2e%2e/x", "/etc/passwd", "__init__.py"]
)
def test_no_other_file_is_served(live: Live, name: str) -> None:
    assert live.ask(f"/static/{name}").status in (400, 404)


def rendered(name: str) -> Iterator[tuple[str, str]]:
    """Every page and fragment of a simulated workstation, before, during and after a run."""
    with Live(examine(scenario.load(name))) as live:
        yield "opened", live.ask(f"/open/{live.token()}").text
        cookie = live.open()
        yield "before", live.ask(cookie=cookie).text
        with live.stream(cookie) as events:
            live.post("/run", b"{}", cookie=cookie)
            for event in events.events():
                if isinstance(event.data, dict) and "html" in event.data:
                    yield event.name, event.data["html"]
                if event.name == "finished":
                    break
        yield "after", live.ask(cookie=cookie).text
        live.submit("/language", cookie, language="en")
        yield "english", live.ask(cookie=cookie).text
        yield "refused", live.ask(hosts=("evil.example",)).text
        yield "stopped", live.submit("/quit", cookie).text


@pytest.mark.parametrize("name", ["vitale", "healthy-cps3", "reader-in-use", "tool-incomplete"])
def test_no_page_holds_code_or_style_or_leads_elsewhere(name: str) -> None:
    found = {what: dangers(html) for what, html in rendered(name)}
    assert {"before", "snapshot", "settled", "diagnosis", "after", "stopped"} <= set(found)
    assert {what: said for what, said in found.items() if said} == {}


SOURCES = [
    path
    for folder in ("templates", "static")
    for path in sorted((CHECKOUT / folder).rglob("*"))
    if path.suffix in (".html", ".css", ".js", ".svg")
]


@pytest.mark.parametrize("path", SOURCES, ids=[path.name for path in SOURCES])
def test_no_file_of_the_page_names_another_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE)
    assert not re.search(r"""["'(=\s]//[a-z0-9]""", re.sub(r"(?m)(^|\s)// .*$", "", text))
    assert not re.search(r"@import|data:|javascript:|sourceMappingURL|<!ENTITY", text)


TEMPLATES = [path for path in SOURCES if path.suffix in (".html", ".svg")]


@pytest.mark.parametrize("path", TEMPLATES, ids=[path.name for path in TEMPLATES])
def test_no_template_holds_code_or_style_or_turns_escaping_off(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\son[a-z]+\s*=|\sstyle\s*=|<style|<base|<iframe|<object", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"\|\s*safe|autoescape|Markup|xmlattr|tojson", text)


def test_every_file_of_the_page_was_looked_at() -> None:
    names = {path.name for path in SOURCES}
    assert {"page.html", "base.html", "app.js", "app.css", "icon.svg"} <= names


def test_script_runs_no_text(live: Live) -> None:
    script = live.ask("/static/app.js").text
    assert not re.search(r"\beval\(|new Function|document\.write|setTimeout\(\s*[\"'`]", script)
    assert script.count("innerHTML") == script.count("innerHTML = trusted.createHTML(")


def test_form_without_a_session_is_refused_as_a_page(live: Live) -> None:
    answer = live.post("/quit", b"token=x", kind=FORM, headers=(("Origin", live.origin),))
    assert answer.status == 403
    assert answer.one("Content-Type") == "text/html; charset=utf-8"
    assert dangers(answer.text) == []
