"""Line 35: the attacks that local servers fell to, each as its page or program would make it."""

from __future__ import annotations

import secrets
from urllib.parse import quote

import pytest

from diagcps.web import stream

from . import wire
from .live import FORM, JSON, Live
from .wire import Headers

EVIL = "http://evil.example"


def rebound(live: Live) -> Headers:
    """What a browser sends from a page whose name was made to lead here."""
    return (
        ("Origin", f"{EVIL}:{live.port}"),
        ("Referer", f"{EVIL}:{live.port}/"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Dest", "empty"),
    )


@pytest.mark.parametrize("path", ["/", "/events", "/run", "/open/x", "/agent/hello"])
def test_rebound_name_reaches_nothing(live: Live, cookie: str, path: str) -> None:
    """The browser takes the page and the agent for one origin: only the name betrays it."""
    hosts = (f"evil.example:{live.port}",)
    for headers in (rebound(live), rebound(live)[2:], ()):
        assert live.ask(path, hosts=hosts, headers=headers, cookie=cookie).status == 421
        posted = live.ask(
            path,
            method="POST",
            hosts=hosts,
            headers=(*headers, ("Content-Type", JSON)),
            cookie=cookie,
            body=b"{}",
        )
        assert posted.status == 421
    assert live.runs == 0


def test_form_of_another_site_starts_nothing(live: Live, cookie: str) -> None:
    """Even if the cookie came along, and even with a token that was guessed right."""
    token = live.form_token(cookie)
    site = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"))
    tries: list[Headers] = [
        (("Origin", EVIL), *site),
        (("Origin", "null"), *site),
        (("Origin", EVIL),),
        (("Referer", f"{EVIL}/"),),
        (("Origin", f"http://127.0.0.1:{live.port - 1}"), ("Sec-Fetch-Site", "same-site")),
    ]
    for headers in tries:
        for path in ("/run", "/quit", "/forget", "/language", "/browser"):
            body = f"token={token}&language=en".encode()
            assert live.post(path, body, cookie=cookie, kind=FORM, headers=headers).status == 403
    assert live.runs == 0
    assert not live.agent.stopping.is_set()


def test_body_that_only_looks_like_json_starts_nothing(live: Live, cookie: str) -> None:
    """A form of another site can send this without asking first."""
    for kind in ("text/plain", FORM, "multipart/form-data; boundary=x"):
        answer = live.post("/run", b'{"a": "="}', cookie=cookie, kind=kind)
        assert answer.status in (403, 415)
    assert live.runs == 0


@pytest.mark.parametrize("element", ["img", "script", "link", "iframe", "object", "form"])
def test_elements_of_another_site_load_nothing(live: Live, cookie: str, element: str) -> None:
    mode = "navigate" if element in ("iframe", "object", "form") else "no-cors"
    place = {"img": "image", "link": "style", "form": "document"}.get(element, element)
    headers = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", mode))
    for path in ("/", "/static/app.css", "/static/app.js", "/events"):
        answer = live.ask(path, headers=(*headers, ("Sec-Fetch-Dest", place)), cookie=cookie)
        assert answer.status == 403


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/open/x", "/absent"])
def test_no_answer_lets_itself_be_framed(live: Live, cookie: str, path: str) -> None:
    for answer in (live.ask(path, cookie=cookie), live.ask(path, hosts=("evil.example",))):
        assert answer.one("X-Frame-Options") == "DENY"
        assert "frame-ancestors 'none'" in answer.one("Content-Security-Policy")


def test_framed_page_is_refused_even_by_this_origin(live: Live, cookie: str) -> None:
    headers = (
        *(("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")),
    )
    assert live.ask(headers=headers, cookie=cookie).status == 403


def test_event_stream_needs_a_session_though_it_sends_no_origin(live: Live) -> None:
    live.open()  # somebody else's
    for accept in ("text/event-stream", "*/*"):
        assert live.ask("/events", headers=(("Accept", accept),)).status == 403


@pytest.mark.parametrize("host", ["evil.example", "localhost:{port}", "127.0.0.1", ""])
def test_event_stream_needs_our_host_though_it_sends_no_origin(
    live: Live, cookie: str, host: str
) -> None:
    named = host.replace("{port}", str(live.port))
    headers = (("Accept", "text/event-stream"), ("Cache-Control", "no-cache"))
    assert live.ask("/events", hosts=(named,), headers=headers, cookie=cookie).status == 421
    assert live.agent.streams == 0


def test_event_stream_without_origin_is_our_own_pages(live: Live, cookie: str) -> None:
    with live.stream(cookie) as open_stream:
        assert open_stream.answer.status == 200


def test_guessed_tokens_open_nothing(live: Live) -> None:
    token = live.token()
    near = [token[:-1], token + "A", token.swapcase(), quote(token[::-1]), token[:20] + "%00"]
    far = [secrets.token_urlsafe(32) for _ in range(200)]
    statuses = [live.ask(f"/open/{guess}").status for guess in (*near, *far)]
    assert set(statuses) == {403, 429}
    assert statuses.count(403) <= 20
    assert live.ask(f"/open/{token}").status == 200


def test_streams_of_a_thief_do_not_outlive_the_session(live: Live, cookie: str) -> None:
    tabs = [live.stream(cookie) for _ in range(stream.MOST_STREAMS)]
    streams = [tab.__enter__() for tab in tabs]
    live.open()
    assert [[event.name for event in each.events()] for each in streams] == [["end"]] * len(tabs)
    for tab in tabs:
        tab.__exit__(None, None, None)


def test_request_smuggled_behind_another_is_judged_by_itself(live: Live, cookie: str) -> None:
    """Two requests in one packet, as an intermediary would merge them."""
    kept = (("Cookie", cookie), ("Connection", "keep-alive"))
    first = wire.request("GET", "/static/icon.svg", hosts=(live.host,), headers=kept)
    second = wire.request("GET", "/", hosts=("evil.example",), headers=kept)
    with wire.connected(live.port) as connection:
        connection.sendall(first + second)
        said = b""
        while data := connection.recv(65536):
            said += data
    assert said.count(b"HTTP/1.1 200 ") == 1
    assert said.count(b"HTTP/1.1 421 ") == 1
    assert b"data-after" not in said
