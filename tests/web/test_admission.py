"""Lines 6 to 11: what is let in, before any page is looked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import wire
from .live import FORM, JSON, Live
from .wire import Answer, Headers

PATHS = (
    *("/", "/static/app.css", "/events", "/run", "/quit", "/language", "/open/x"),
    *("/browser", "/agent/hello", "/agent/open", "/nowhere"),
)
METHODS = ("GET", "HEAD", "OPTIONS", "POST")
REFUSED = (400, 403, 421)
"""What a refusal may be: 400 is the parser's own, for two Host headers."""

HOSTS: dict[str, Callable[[int], tuple[str, ...]]] = {
    "absent": lambda _: (),
    "empty": lambda _: ("",),
    "twice": lambda port: (f"127.0.0.1:{port}", f"127.0.0.1:{port}"),
    "own-then-foreign": lambda port: (f"127.0.0.1:{port}", "evil.example"),
    "foreign-then-own": lambda port: ("evil.example", f"127.0.0.1:{port}"),
    "foreign": lambda port: (f"evil.example:{port}",),
    "trailing-dot": lambda port: (f"127.0.0.1.:{port}",),
    "localhost": lambda port: (f"localhost:{port}",),
    "upper-case": lambda port: (f"LOCALHOST:{port}",),
    "localhost-below-foreign": lambda port: (f"localhost.evil.com:{port}",),
    "address-below-foreign": lambda port: (f"127.0.0.1.nip.io:{port}",),
    "other-port": lambda port: (f"127.0.0.1:{port - 1}",),
    "port-with-zero": lambda port: (f"127.0.0.1:0{port}",),
    "longer-port": lambda port: (f"127.0.0.1:{port}0",),
    "no-port": lambda _: ("127.0.0.1",),
    "userinfo": lambda port: (f"evil@127.0.0.1:{port}",),
    "ipv6": lambda port: (f"[::1]:{port}",),
    "mapped": lambda port: (f"[::ffff:127.0.0.1]:{port}",),
    "number": lambda port: (f"2130706433:{port}",),
    "short": lambda port: (f"127.1:{port}",),
    "other-loopback": lambda port: (f"127.0.0.2:{port}",),
    "list": lambda port: (f"127.0.0.1:{port}, evil.example",),
    "path": lambda port: (f"127.0.0.1:{port}/",),
}


def shows_nothing(answer: Answer) -> bool:
    """The answer refuses, opens no session and shows no part of the page."""
    hidden = not answer.all("Set-Cookie") and b"data-after" not in answer.body
    return answer.status in REFUSED and hidden


@pytest.mark.parametrize("hosts", HOSTS.values(), ids=HOSTS.keys())
def test_foreign_host_is_refused_everywhere(
    live: Live, cookie: str, hosts: Callable[[int], tuple[str, ...]]
) -> None:
    let_in = []
    for path in PATHS:
        for method in METHODS:
            answer = live.ask(
                path,
                method=method,
                hosts=hosts(live.port),
                headers=(("Origin", live.origin), ("Content-Type", JSON)),
                cookie=cookie,
                body=b"{}" if method == "POST" else b"",
            )
            if not shows_nothing(answer):
                let_in.append((method, path, answer.status))
    assert not let_in
    assert live.runs == 0


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_own_host_is_let_in(live: Live, cookie: str, version: str) -> None:
    assert live.ask(cookie=cookie, version=version).status == 200


def test_foreign_host_opens_no_session(live: Live) -> None:
    token = live.token()
    refused = live.ask(f"/open/{token}", hosts=(f"localhost:{live.port}",))
    assert shows_nothing(refused)
    assert live.ask(f"/open/{token}").status == 200


@pytest.mark.parametrize(
    "target",
    [
        *("http://{own}/", "https://{own}/", "http://evil.example/", "HTTP://{own}/events"),
        *("//{own}/", "//evil.example/", "{own}", "*"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST", "CONNECT"])
def test_target_that_names_a_host_is_refused(
    live: Live, cookie: str, method: str, target: str
) -> None:
    answer = live.ask(target.format(own=live.host), method=method, cookie=cookie)
    assert shows_nothing(answer)


ORIGINS: dict[str, Callable[[Live], tuple[str, ...]]] = {
    "null": lambda _: ("null",),
    "empty": lambda _: ("",),
    "foreign": lambda _: ("https://evil.example",),
    "other-scheme": lambda live: (f"https://{live.host}",),
    "other-port": lambda live: (f"http://127.0.0.1:{live.port - 1}",),
    "no-port": lambda _: ("http://127.0.0.1",),
    "localhost": lambda live: (f"http://localhost:{live.port}",),
    "upper-case": lambda live: (f"HTTP://{live.host}",),
    "path": lambda live: (f"{live.origin}/",),
    "below-foreign": lambda live: (f"{live.origin}.evil.example",),
    "longer-port": lambda live: (f"{live.origin}0",),
    "userinfo": lambda live: (f"http://{live.host}@evil.example",),
    "extension": lambda _: ("chrome-extension://abcdefghijklmnop",),
    "list": lambda live: (f"{live.origin} https://evil.example",),
    "twice": lambda live: (live.origin, live.origin),
    "own-then-foreign": lambda live: (live.origin, "https://evil.example"),
}


@pytest.mark.parametrize("origins", ORIGINS.values(), ids=ORIGINS.keys())
def test_foreign_origin_is_refused_everywhere(
    live: Live, cookie: str, origins: Callable[[Live], tuple[str, ...]]
) -> None:
    said: Headers = [("Origin", origin) for origin in origins(live)]
    let_in = []
    for path in PATHS:
        for method in METHODS:
            headers = (*said, ("Content-Type", JSON))
            body = b"{}" if method == "POST" else b""
            answer = live.ask(path, method=method, headers=headers, cookie=cookie, body=body)
            if not shows_nothing(answer):
                let_in.append((method, path, answer.status))
    assert not let_in
    assert live.runs == 0


def test_own_origin_is_let_in(live: Live, cookie: str) -> None:
    assert live.ask(headers=(("Origin", live.origin),), cookie=cookie).status == 200


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "h2c"])
@pytest.mark.parametrize(
    "connection", ["Upgrade", "upgrade", "keep-alive, Upgrade", "Upgrade, HTTP2-Settings", "close"]
)
def test_no_connection_is_upgraded(live: Live, cookie: str, connection: str, protocol: str) -> None:
    asked = [
        ("Connection", connection),
        ("Upgrade", protocol),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ]
    for origin in (None, live.origin, "https://evil.example", "null"):
        headers = [*asked, ("Origin", origin)] if origin else asked
        assert shows_nothing(live.ask("/events", headers=headers, cookie=cookie))


SITES = ("cross-site", "same-site", "none", "", "Same-Origin", "same-origin, cross-site", "x")
MODES = ("navigate", "no-cors", "cors", "same-origin", "websocket", "", None)
DESTINATIONS = ("document", "iframe", "image", "script", "empty", None)


def fetch_metadata(site: str, mode: str | None, destination: str | None) -> Headers:
    """What a browser says about a request."""
    said = (("Mode", mode), ("Dest", destination), ("Site", site))
    return [(f"Sec-Fetch-{name}", value) for name, value in said if value is not None]


@pytest.mark.parametrize("site", SITES)
def test_only_the_page_itself_and_a_typed_address_are_let_in(
    live: Live, cookie: str, site: str
) -> None:
    let_in = set()
    for mode in MODES:
        for destination in DESTINATIONS:
            headers = fetch_metadata(site, mode, destination)
            for path in ("/", "/static/app.js"):
                if live.ask(path, headers=headers, cookie=cookie).status != 403:
                    let_in.add((mode, destination))
            posted = live.post("/run", b"{}", cookie=cookie, headers=headers)
            assert posted.status == 403
    assert let_in == ({("navigate", "document")} if site == "none" else set())
    assert live.runs == 0


def test_two_claims_about_the_site_are_refused(live: Live, cookie: str) -> None:
    typed = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
    for first in ("none", "same-origin"):
        for second in ("cross-site", first):
            twice = (("Sec-Fetch-Site", first), ("Sec-Fetch-Site", second), *typed)
            assert live.ask(headers=twice, cookie=cookie).status == 403


def test_page_itself_and_older_browsers_are_let_in(live: Live, cookie: str) -> None:
    for headers in ((), (("Sec-Fetch-Site", "same-origin"),)):
        assert live.ask(headers=headers, cookie=cookie).status == 200
        assert live.post("/run", b"{}", cookie=cookie, headers=headers).status == 200


def test_another_site_may_lead_to_the_one_time_address_by_a_whole_page_alone(live: Live) -> None:
    token = live.token()
    for mode in MODES:
        for destination in DESTINATIONS:
            if (mode, destination) != ("navigate", "document"):
                headers = fetch_metadata("cross-site", mode, destination)
                assert live.ask(f"/open/{token}", headers=headers).status == 403
    navigation = fetch_metadata("cross-site", "navigate", "document")
    for method in ("POST", "OPTIONS", "PUT"):
        assert live.ask(f"/open/{token}", method=method, headers=navigation).status == 403
    for site in ("same-site", "x"):
        headers = fetch_metadata(site, "navigate", "document")
        assert live.ask(f"/open/{token}", headers=headers).status == 403
    # None of the refused attempts has used the token up.
    assert live.ask(f"/open/{token}", headers=navigation).status == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/events", "/open", "/open/../", "/open/../events", "/open/%2e%2e/events"),
        *("/open/..%2fevents", "/open//../", "/./open/../", "/open/?/../events", "/OPEN/x"),
    ],
)
def test_another_site_leads_to_no_other_page(live: Live, cookie: str, path: str) -> None:
    headers = fetch_metadata("cross-site", "navigate", "document")
    answer = live.ask(path, headers=headers, cookie=cookie)
    assert answer.status in (403, 404)
    assert b"data-after" not in answer.body


def test_no_other_origin_is_ever_invited(live: Live, cookie: str) -> None:
    preflights: list[Headers] = [
        (),
        (("Origin", live.origin), ("Access-Control-Request-Method", "POST")),
        (
            ("Origin", "https://evil.example"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type"),
            ("Access-Control-Request-Private-Network", "true"),
            ("Access-Control-Request-Local-Network", "true"),
        ),
    ]
    for headers in preflights:
        for method in METHODS:
            for path in PATHS:
                answer = live.ask(path, method=method, headers=headers, cookie=cookie)
                names = [name.lower() for name, _ in answer.headers]
                assert not [name for name in names if name.startswith("access-control-")]
                if method == "OPTIONS":
                    assert answer.status in (403, 405, 404)


CHANGING = ("/run", "/forget", "/language", "/browser", "/quit")


@pytest.mark.parametrize("path", CHANGING)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_changes_but_by_post(live: Live, cookie: str, method: str, path: str) -> None:
    token = live.form_token(cookie)
    target = f"{path}?token={token}&language=en&browser=edge&_method=POST"
    headers = (("Origin", live.origin), ("X-HTTP-Method-Override", "POST"), ("Content-Type", JSON))
    answer = live.ask(target, method=method, headers=headers, cookie=cookie, body=b"{}")
    assert answer.status == 405
    assert live.runs == 0
    assert 'lang="fr"' in live.ask(cookie=cookie).text
    assert not live.agent.stopping.is_set()


@pytest.mark.parametrize("path", CHANGING)
def test_form_of_the_page_is_accepted(live: Live, cookie: str, path: str) -> None:
    answer = live.submit(path, cookie, language="en", browser="edge")
    assert answer.status == (200 if path == "/quit" else 303)
    assert answer.all("Location") == ([] if path == "/quit" else ["/"])


@pytest.mark.parametrize("path", CHANGING)
def test_form_without_our_origin_and_token_is_refused(live: Live, cookie: str, path: str) -> None:
    token = live.form_token(cookie)
    good = f"language=en&browser=edge&token={token}".encode()
    own = (("Origin", live.origin),)
    part = f"token={token[:-1]}".encode()
    bad = (b"language=en", b"token=", b"token=%FF", part, b"\xff", b"&;=")
    answers = [live.post(path, good, cookie=cookie, kind=FORM)]
    answers += [live.post(path, body, cookie=cookie, kind=FORM, headers=own) for body in bad]
    answers += [live.post(path, good, kind=FORM, headers=own)]
    assert {answer.status for answer in answers} <= {400, 403}
    assert live.runs == 0
    assert 'lang="fr"' in live.ask(cookie=cookie).text
    assert not live.agent.stopping.is_set()


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "text/plain;application/json", "multipart/form-data; boundary=x", "*/*"),
        *("text/json", "application/json-patch+json", "application/jsonx", None),
    ],
)
def test_other_kinds_of_body_are_refused(live: Live, cookie: str, kind: str | None) -> None:
    token = live.form_token(cookie)
    part = f'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n--x--\r\n'
    for body in (b"{}", f"token={token}".encode(), part.encode()):
        for headers in ((), (("Origin", live.origin),)):
            answer = live.post("/run", body, cookie=cookie, kind=kind, headers=headers)
            assert answer.status == 415
    assert live.runs == 0


@pytest.mark.parametrize("path", CHANGING)
def test_json_without_a_session_is_refused(live: Live, path: str) -> None:
    live.open()  # somebody else's
    stale = f"diagcps-{live.port}=x"
    for cookie in (None, stale, f"diagcps-{live.port}=", "diagcps=x"):
        assert live.post(path, b'{"language": "en"}', cookie=cookie).status == 403
    assert live.runs == 0
    assert not live.agent.stopping.is_set()


@pytest.mark.parametrize("path", ["/", "/events"])
def test_page_and_stream_need_a_session(live: Live, path: str) -> None:
    live.open()  # somebody else's
    for cookie in (None, f"diagcps-{live.port}=x", f"diagcps-{live.port}=%C3%A9"):
        assert shows_nothing(live.ask(path, cookie=cookie))


FORWARDED = ("X-Forwarded-Host", "X-Forwarded-Server", "X-Original-Host", "X-Host")


def test_forwarded_headers_let_nobody_in(live: Live, cookie: str) -> None:
    own = [(name, live.host) for name in FORWARDED]
    own += [("Forwarded", f"host={live.host};for=127.0.0.1"), ("X-Forwarded-For", "127.0.0.1")]
    assert live.ask(hosts=("evil.example",), headers=own, cookie=cookie).status == 421


def test_forwarded_headers_change_no_answer(live: Live, cookie: str) -> None:
    foreign = [(name, "evil.example") for name in FORWARDED]
    foreign += [
        ("Forwarded", "host=evil.example;proto=https;for=192.0.2.1"),
        *(("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")),
        *(("X-Original-URL", "/quit"), ("X-Rewrite-URL", "/quit")),
    ]
    assert live.ask(headers=foreign, cookie=cookie).body == live.ask(cookie=cookie).body
    opened = live.ask(f"/open/{live.token()}", headers=foreign)
    assert "secure" not in opened.one("Set-Cookie").lower()
    assert b"evil.example" not in opened.body


def test_refused_upgrade_hides_no_second_request(live: Live, cookie: str) -> None:
    asking = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Cookie", cookie))
    first = wire.request("GET", "/", hosts=(live.host,), headers=asking)
    second = wire.request("GET", "/", hosts=("evil.example",), headers=(("Cookie", cookie),))
    with wire.connected(live.port) as connection:
        connection.sendall(first + second)
        assert wire.read_answer(connection).status == 403
        assert wire.ends(connection)
