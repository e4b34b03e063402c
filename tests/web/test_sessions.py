"""Lines 12 to 14: one-time addresses, the session they open, and the tabs that share it."""

from __future__ import annotations

import ast
import base64
import time
from pathlib import Path

import pytest

from diagcps.events import Judged
from diagcps.web import sessions, stream
from diagcps.web.sessions import Sessions

from . import wire
from .live import Clock, Live
from .process import CHECKOUT, Running, posix

WEB = CHECKOUT / "diagcps" / "web"
MINUTE_S, HOUR_S = 60.0, 3600.0


def opened(clock: Clock) -> tuple[Sessions, sessions.Session]:
    """The sessions of an agent, and the one that is open."""
    known = Sessions("fr", clock)
    session = known.redeem(known.new_token())
    assert session is not None
    return known, session


def test_every_secret_has_at_least_128_random_bits() -> None:
    known, session = opened(Clock())
    for secret in (known.new_token(), session.key, session.form_token):
        assert len(base64.urlsafe_b64decode(secret + "==")) >= 16


def test_no_secret_is_given_twice() -> None:
    clock = Clock()
    secrets = []
    for _ in range(200):
        known, session = opened(clock)
        secrets += [known.new_token(), session.key, session.form_token]
    assert len(set(secrets)) == len(secrets)


def test_secrets_come_from_the_module_for_secrets() -> None:
    imported = set()
    for path in WEB.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    assert "secrets" in imported
    assert not {"random", "uuid"} & imported


SECRET_NAMES = ("token", "key", "proof", "secret", "given", "known")


def compared(node: ast.Compare) -> bool:
    """The comparison looks at a secret's characters, and would end at the first that differs."""
    if not any(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops):
        return False
    sides = [ast.unparse(side).lower() for side in (node.left, *node.comparators)]
    return any(name in side for side in sides for name in SECRET_NAMES)


@pytest.mark.parametrize("module", ["sessions", "security", "handshake", "views"])
def test_secrets_are_compared_in_constant_time(module: str) -> None:
    tree = ast.parse((WEB / f"{module}.py").read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Compare) and compared(node)]
    assert [ast.unparse(node) for node in found] == []
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert called & {"hmac.compare_digest", "security.posted", "handshake.proves"}


def test_one_time_address_opens_one_session(live: Live) -> None:
    token = live.token()
    assert live.ask(f"/open/{token}").status == 200
    again = live.ask(f"/open/{token}")
    assert again.status == 403
    assert not again.all("Set-Cookie")


def test_one_time_address_lasts_60_seconds(live: Live) -> None:
    early, late = live.token(), live.token()
    live.clock.now += 59.9
    assert live.ask(f"/open/{early}").status == 200
    live.clock.now += 0.1
    assert live.ask(f"/open/{late}").status == 403


def test_looking_at_the_head_of_a_one_time_address_does_not_use_it(live: Live) -> None:
    token = live.token()
    assert live.ask(f"/open/{token}", method="HEAD").status == 405
    assert live.ask(f"/open/{token}").status == 200


def test_token_is_read_from_the_path_alone(live: Live) -> None:
    token = live.token()
    for target in (f"/?token={token}", f"/open/?token={token}", f"/open/x?token={token}"):
        assert live.ask(target, headers=(("Referer", f"{live.origin}/open/{token}"),)).status in (
            *(403, 404),
        )
    assert live.ask(f"/open/{token}").status == 200


def test_one_time_address_answers_a_page_that_leads_on(live: Live) -> None:
    answer = live.ask(f"/open/{live.token()}")
    assert answer.status == 200
    assert not answer.all("Location") + answer.all("Refresh")
    assert '<meta http-equiv="refresh" content="0; url=/">' in answer.text
    assert answer.one("Referrer-Policy") == "same-origin"


def test_cookie_is_strict_hidden_from_scripts_and_named_after_the_port(live: Live) -> None:
    answer = live.ask(f"/open/{live.token()}")
    pair, *attributes = answer.one("Set-Cookie").split("; ")
    name, _, value = pair.partition("=")
    assert name == f"diagcps-{live.port}"
    assert len(base64.urlsafe_b64decode(value + "==")) >= 16
    # No Expires: the cookie ends with the browser. No Domain: it is sent to no other name.
    assert set(attributes) == {"HttpOnly", "Path=/", "SameSite=Strict"}


def test_cookie_of_another_port_is_no_session(live: Live, cookie: str) -> None:
    key = cookie.partition("=")[2]
    for name in ("diagcps", f"diagcps-{live.port - 1}", f"Diagcps-{live.port}"):
        assert live.ask(cookie=f"{name}={key}").status == 403


def test_session_ends_after_half_an_hour_without_a_request(live: Live, cookie: str) -> None:
    for _ in range(3):
        live.clock.now += 30 * MINUTE_S - 1
        assert live.ask(cookie=cookie).status == 200
    live.clock.now += 30 * MINUTE_S
    assert live.ask(cookie=cookie).status == 403


def test_session_ends_after_12_hours_however_busy(live: Live, cookie: str) -> None:
    for _ in range(36):
        live.clock.now += 20 * MINUTE_S - 1
        assert live.ask(cookie=cookie).status == 200
    live.clock.now += 20 * MINUTE_S
    assert live.ask(cookie=cookie).status == 403


def test_open_stream_keeps_its_session_awake(live: Live, cookie: str) -> None:
    with live.stream(cookie) as stream_:
        for _ in range(3):
            live.clock.now += 20 * MINUTE_S
            live.call(lambda: live.examination.runner.log.append(judged(live)))
            stream_.until("diagnosis")
        assert live.ask(cookie=cookie).status == 200


def test_open_stream_ends_with_its_session(live: Live, cookie: str) -> None:
    with live.stream(cookie) as stream_:
        live.clock.now += 12 * HOUR_S
        live.call(lambda: live.examination.runner.log.append(judged(live)))
        assert next(stream_.events()).name == "end"


def judged(live: Live) -> Judged:
    """An event that every stream passes on."""
    return Judged(diagnosis=live.examination.diagnosis)


def test_wrong_tokens_are_told_to_wait(live: Live) -> None:
    statuses = [live.ask(f"/open/{'x' * 43}").status for _ in range(40)]
    assert statuses[0] == 403
    assert set(statuses[20:]) == {429}
    assert live.ask(cookie=f"diagcps-{live.port}={'x' * 43}").status == 429


def test_wrong_cookies_are_told_to_wait(live: Live, cookie: str) -> None:
    wrong = f"diagcps-{live.port}={'x' * 43}"
    statuses = [live.ask("/events", cookie=wrong).status for _ in range(40)]
    assert set(statuses[20:]) == {429}
    assert live.ask(cookie=cookie).status == 200


def test_right_token_is_let_in_among_wrong_ones(live: Live) -> None:
    token = live.token()
    for _ in range(40):
        live.ask("/open/wrong")
    assert live.ask(f"/open/{token}").status == 200


def test_waiting_ends_after_a_minute(live: Live) -> None:
    for _ in range(40):
        live.ask("/open/wrong")
    live.clock.now += MINUTE_S
    assert live.ask("/open/wrong").status == 403


def test_tabs_share_a_session(live: Live, cookie: str) -> None:
    with live.stream(cookie) as first, live.stream(cookie) as second:
        assert live.post("/run", b"{}", cookie=cookie).status == 200
        assert first.until("finished") == second.until("finished")


def test_new_one_time_address_takes_over_and_the_old_page_says_so(live: Live, cookie: str) -> None:
    with live.stream(cookie) as old:
        began = time.monotonic()
        new = live.open()
        assert [(event.name, event.data) for event in old.events()] == [
            ("end", {"why": "taken-over"})
        ]
    # At once, not when the stream next has something to say.
    assert time.monotonic() - began < stream.HEARTBEAT_S / 2
    assert live.ask(cookie=cookie).status == 403
    assert live.ask("/events", cookie=cookie).status == 403
    assert live.post("/run", b"{}", cookie=cookie).status == 403
    assert live.ask(cookie=new).status == 200


def test_new_session_has_secrets_of_its_own_and_the_same_language(live: Live, cookie: str) -> None:
    live.submit("/language", cookie, language="en")
    token = live.form_token(cookie)
    new = live.open()
    assert new != cookie
    assert live.form_token(new) != token
    assert 'lang="en"' in live.ask(cookie=new).text


def test_streams_past_the_cap_are_refused(live: Live, cookie: str) -> None:
    wanted = wire.request("GET", "/events", hosts=(live.host,), headers=(("Cookie", cookie),))
    with wire.connected(live.port) as last:
        others = [live.stream(cookie) for _ in range(stream.MOST_STREAMS)]
        for other in others[1:]:
            assert other.__enter__().answer.status == 200
        with others[0] as first:
            assert first.answer.status == 200
            last.sendall(wanted)
            assert wire.read_answer(last).status == 429
        for other in others[1:]:
            other.__exit__(None, None, None)


def test_stream_is_let_in_once_another_has_gone(live: Live, cookie: str) -> None:
    for _ in range(3 * stream.MOST_STREAMS):
        with live.stream(cookie) as each:
            assert each.answer.status == 200
        while live.agent.streams:  # the agent has not noticed yet
            time.sleep(0.005)


@posix
@pytest.mark.parametrize("verbose", [False, True])
def test_no_secret_is_written_to_a_log(tmp_path: Path, verbose: bool) -> None:
    with Running(tmp_path, *(["--verbose"] if verbose else [])) as running:
        running.address()
        answer = wire.exchange(
            running.port, wire.request("GET", running.path, hosts=(running.host,))
        )
        cookie = answer.one("Set-Cookie").split(";")[0]
        secret = (("Cookie", cookie), ("X-Secret", "s3cret-header"))
        hosts = (running.host,)
        for raw in (
            wire.request("GET", running.path, hosts=("evil.example",), headers=secret),
            wire.request("GET", running.path, hosts=hosts, headers=secret),
            wire.request("G\x01T", running.path, hosts=hosts, headers=secret),
            wire.request("GET", running.path, hosts=hosts, headers=(*secret, ("a b", "c"))),
            wire.request("GET", f"{running.path}{'x' * 9000}", hosts=hosts, headers=secret),
            wire.request("POST", "/run", hosts=hosts, headers=secret, body=b"\xff"),
        ):
            assert wire.exchange(running.port, raw).status >= 400
        code, said = running.end()
    logs = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.log")]
    assert code == 0
    assert bool(logs) is verbose
    for text in (said, *logs):
        assert running.path.rpartition("/")[2] not in text
        assert cookie.partition("=")[2] not in text
        assert "s3cret-header" not in text
