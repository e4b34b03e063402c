"""Line 34: whatever is sent, the agent lets nobody in, never fails and stays alive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from diagcps import resume
from diagcps.web import stream
from diagcps.web.handshake import PortFile, read_port_file

from . import wire
from .live import Live

fuzz = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
"""One agent meets all examples: that is what is tested."""

LATIN = st.characters(codec="latin-1", exclude_characters="\r\n\x00")
VALUES = st.text(LATIN, max_size=60)
PRINTED = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)
LIKE_OURS = st.lists(
    st.sampled_from(
        (
            *("127.0.0.1", "{port}", ":", ".", "localhost", "http://", "https://", "@", "/"),
            *("[::1]", "null", "evil.example", " ", ",", "0", "%", "\t", "?", "#", "\\", "127.1"),
        )
    ),
    max_size=8,
).map("".join)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT", "TRACE", "CONNECT", "get"])
TARGETS = st.sampled_from(["/", "/events", "/run", "/open/x", "/static/app.css", "*", "//", "/?"])


@pytest.fixture(scope="module")
def agent() -> Iterator[Live]:
    """One agent for all examples."""
    with Live() as live:
        yield live


@pytest.fixture(scope="module")
def key(agent: Live) -> str:
    """The Cookie header of its session."""
    return agent.open()


def stays(agent: Live, key: str) -> bool:
    """The agent is there, and its session too."""
    return agent.ask(cookie=key).status == 200


@fuzz
@given(LIKE_OURS | VALUES, METHODS, TARGETS)
@example("127.0.0.1:{port}.", "GET", "/")
@example("127.0.0.1:{port} ,", "GET", "/events")
def test_no_other_host_is_let_in(
    agent: Live, key: str, host: str, method: str, target: str
) -> None:
    named = host.replace("{port}", str(agent.port))
    # Blanks around a value are none of it (RFC 9110, 5.5).
    assume(named.strip(" \t") != agent.host)
    answer = agent.ask(target, method=method, hosts=(named,), cookie=key)
    assert answer.status in (400, 421)
    assert stays(agent, key)


@fuzz
@given(LIKE_OURS | VALUES)
@example("http://127.0.0.1:{port}/")
@example("http://127.0.0.1:{port}@evil.example")
def test_no_other_origin_changes_anything(agent: Live, key: str, origin: str) -> None:
    named = origin.replace("{port}", str(agent.port))
    assume(named.strip(" \t") != agent.origin)
    before = agent.runs
    answer = agent.post("/run", b"{}", cookie=key, headers=(("Origin", named),))
    assert answer.status in (400, 403)
    assert agent.runs == before
    assert stays(agent, key)


HEADS = st.lists(
    st.sampled_from(
        (
            *(b"GET ", b"POST ", b"/", b"/events", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"HTTP/9.9"),
            *(b"Host: evil.example\r\n", b"Host:\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0"),
            *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
            *(b"Connection: Upgrade\r\n", b"Upgrade: websocket\r\n", b"PRI * HTTP/2.0"),
            b"Expect: 100-continue\r\n",
        )
    )
    | st.binary(max_size=12),
    max_size=12,
).map(b"".join)


@fuzz
@given(HEADS | st.binary(max_size=200))
def test_no_bytes_are_let_in(agent: Live, key: str, raw: bytes) -> None:
    said = wire.all_bytes(agent.port, raw + b"\r\n\r\n")
    assert b" 200 " not in said.partition(b"\r\n")[0]
    assert b"Set-Cookie" not in said
    assert stays(agent, key)


VALUES_OF_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["nonce", "proof", "language", "token", "browser", "extension"])
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
BODIES = VALUES_OF_JSON.map(json.dumps).map(str.encode) | st.binary(max_size=60)


@fuzz
@given(
    st.sampled_from(
        ["/run", "/forget", "/language", "/browser", "/agent/hello", "/agent/open"],
    ),
    BODIES,
)
@example("/run", b"[" * 8000)
@example("/run", b"1" * 8000)
@example("/language", b'{"language": "\\ud800"}')
@example("/agent/hello", b'{"nonce": "\\u0660000000000000000"}')
def test_any_body_is_taken_or_refused(agent: Live, key: str, path: str, body: bytes) -> None:
    answer = agent.post(path, body, cookie=key)
    assert answer.status in (200, 400, 403)
    try:
        taken = isinstance(json.loads(body.decode()), dict)
    except (ValueError, RecursionError):
        taken = False
    if not taken:
        assert answer.status == 400
    assert stays(agent, key)


@fuzz
@given(st.binary(max_size=80))
@example(b"token=%00&token=\xc3\x28")
@example(b"&" * 80)
def test_any_form_without_the_token_is_refused(agent: Live, key: str, body: bytes) -> None:
    own = (("Origin", agent.origin),)
    kind = "application/x-www-form-urlencoded"
    assert agent.post("/run", body, cookie=key, kind=kind, headers=own).status in (400, 403)
    assert stays(agent, key)


@fuzz
@given(LIKE_OURS | VALUES)
@example("=; =;;")
@example('diagcps-{port}="\\303\\050"')
def test_no_other_cookie_is_a_session(agent: Live, key: str, cookie: str) -> None:
    answer = agent.ask(cookie=cookie.replace("{port}", str(agent.port)) or "a")
    assert answer.status in (400, 403, 429)


@fuzz
@given(PRINTED | st.integers().map(str) | st.text("0123456789-+_.e\u0661 ", max_size=12))
@example("9" * 4000)
@example("-1")
def test_any_last_event_id_begins_a_stream(agent: Live, key: str, said: str) -> None:
    header = said.encode().decode("latin-1")
    with agent.stream(key, headers=(("Last-Event-ID", header),)) as open_stream:
        assert open_stream.answer.status == 200
        assert open_stream.answer.one("Content-Type") == "text/event-stream; charset=utf-8"


@pytest.mark.parametrize("after", ["", "-1", "x", "1e3", "%00", "9" * 30, "%D9%A1", "1&after=2"])
def test_any_place_in_the_address_begins_a_stream(agent: Live, key: str, after: str) -> None:
    with agent.stream(key, target=f"/events?after={after}") as open_stream:
        assert open_stream.answer.status == 200


def parsed(raw: bytes) -> list[dict[str, str]]:
    """The events in `raw`, split as the standard says (WHATWG HTML, 9.2.6)."""
    text = raw.decode().replace("\r\n", "\n").replace("\r", "\n")
    events = []
    for block in text.split("\n\n")[:-1]:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields[name] = fields.get(name, "") + value.removeprefix(" ")
        events.append(fields)
    return events


@fuzz
@given(VALUES_OF_JSON)
@example({"html": "a\n\ndata: {}\n\nevent: end\r\n\r\nid: 5"})
@example({"html": "half \ud800 a character"})
def test_any_data_is_one_event(data: Any) -> None:
    (event,) = parsed(stream.frame("settled", data, number=7))
    assert (event["id"], event["event"]) == ("7", "settled")
    assert set(event) == {"id", "event", "data"}
    assert json.dumps(json.loads(event["data"])) == json.dumps(data)


@fuzz
@given(st.binary(max_size=200) | BODIES)
@example(b'{"port": true, "pid": 1, "secret": "a"}')
@example(b'{"port": 80.0, "pid": 1, "secret": "a"}')
@example(b'{"port": 65536, "pid": 1, "secret": "a"}')
@example(b'{"port": 5000, "pid": 1, "secret": ""}')
@example(b'{"port": 5000, "pid": "1", "secret": "a"}')
@example(b"[" * 5000)
def test_any_port_file_is_read_or_ignored(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "agent.json"
    path.write_bytes(data)
    path.chmod(0o600)
    assert read_port_file(path) is None


@fuzz
@given(st.integers(1, 65535), st.integers(1, 2**22), st.text(min_size=1, max_size=60))
def test_port_file_is_read_as_it_was_written(
    tmp_path: Path, port: int, pid: int, secret: str
) -> None:
    path = tmp_path / "own" / "agent.json"
    written = PortFile(port=port, pid=pid, secret=secret)
    written.write(path)
    assert read_port_file(path) == written


KEPT = st.fixed_dictionaries(
    {"cause": st.text(max_size=20), "profile": VALUES_OF_JSON, "at": VALUES_OF_JSON}
)


@fuzz
@given(st.binary(max_size=200) | BODIES | KEPT.map(json.dumps).map(str.encode))
def test_any_unfinished_repair_is_read_or_ignored(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "unfinished.json"
    path.write_bytes(data)
    assert resume.load(path, datetime.now(UTC)) is None


@fuzz
@given(st.from_regex(r"[a-z]{1,9}\.[a-z-]{1,20}", fullmatch=True))
def test_unfinished_repair_is_read_as_it_was_written(tmp_path: Path, cause: str) -> None:
    path = tmp_path / "unfinished.json"
    kept = resume.Unfinished(cause=cause, profile="psc-card", at=datetime.now(UTC))  # type: ignore[arg-type]
    resume.save(path, kept)
    assert resume.load(path, datetime.now(UTC)) == kept
