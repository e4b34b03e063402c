"""Lines 3 and 4: how a second start finds the agent, and tells it from a squatter."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diagcps.web import second
from diagcps.web.handshake import PortFile, private_folder, proof, read_port_file

from . import wire
from .live import JSON, Live
from .process import ENDS_S, SCENARIO, Running, posix, run
from .squatter import Reply, Squatter, says

SECRET = "a-secret-of-the-port-file"  # noqa: S105 (of no agent)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """An agent in a process of its own."""
    with Running(tmp_path) as agent:
        agent.address()
        yield agent


@posix
@pytest.mark.parametrize("fixed", [False, True])
def test_second_start_prints_a_new_address_of_the_running_agent(
    running: Running, tmp_path: Path, fixed: bool
) -> None:
    more = ("--port", str(running.port)) if fixed else ()
    again = run(tmp_path, "serve", "--no-browser", *SCENARIO, *more)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith(f"http://{running.host}/open/")
    assert again.stdout.strip() != running.url
    path = again.stdout.strip().removeprefix(f"http://{running.host}")
    raw = wire.request("GET", path, hosts=(running.host,))
    assert wire.exchange(running.port, raw).status == 200
    assert running.process.poll() is None


def port_file(folder: Path, port: int) -> Path:
    """The port file of an agent on `port`."""
    path = folder / "own" / "agent.json"
    PortFile(port=port, pid=os.getpid(), secret=SECRET).write(path)
    return path


def body(**fields: object) -> bytes:
    """A JSON object."""
    return json.dumps(fields).encode()


def nonce_of(heard: bytes) -> str:
    """The nonce that the squatter was sent."""
    nonce: str = json.loads(heard)["nonce"]
    return nonce


def answering(make: Callable[[str], bytes]) -> Reply:
    """An HTTP answer made from the nonce that was sent."""
    return lambda heard: says(make(nonce_of(heard)))(heard)


LIES: dict[str, Reply] = {
    "no-proof": says(b"{}"),
    "invented": says(body(proof="0" * 64, nonce="1" * 32)),
    "own-nonce-back": answering(lambda nonce: body(proof=nonce, nonce=nonce)),
    "other-secret": answering(lambda n: body(proof=proof("guess", "agent", 1, n), nonce=n)),
    "other-port": answering(lambda n: body(proof=proof(SECRET, "agent", 1, n), nonce=n)),
    "no-text": says(body(proof=["0" * 64], nonce=5)),
    "no-ascii": says(body(proof="\u00e9" * 64, nonce="1" * 32)),
    "list": says(b"[]"),
    "deep": says(b"[" * 4000),
    "no-json": says(b"<html>"),
    "huge": says(b" " * 2_000_000),
    "redirect": says(b"", "303 See Other", "Location: /agent/open"),
    "refusal": says(body(proof="0" * 64), "403 Forbidden"),
    "no-http": lambda _: b"SSH-2.0-OpenSSH\r\n",
    "silence": lambda _: b"",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_squatter_hears_nothing_but_the_hello(tmp_path: Path, lie: Reply) -> None:
    with Squatter(lie) as squatter:
        assert second.reopen(port_file(tmp_path, squatter.port), None) is None
    (hello,) = squatter.heard
    assert hello.startswith(b"POST /agent/hello ")
    assert SECRET.encode() not in hello
    assert set(json.loads(hello.partition(b"\r\n\r\n")[2])) == {"nonce"}


def test_proof_of_the_other_role_or_another_time_is_not_believed(tmp_path: Path) -> None:
    said: list[str] = []

    def replay(heard: bytes) -> bytes:
        port = squatter.port
        said.append(proof(SECRET, "agent", port, nonce_of(heard)))
        given = proof(SECRET, "open", port, nonce_of(heard)) if len(said) == 1 else said[0]
        return says(body(proof=given, nonce="1" * 32))(heard)

    with Squatter(replay) as squatter:
        for _ in range(3):
            assert second.reopen(port_file(tmp_path, squatter.port), None) is None
    assert len(squatter.heard) == 3
    assert len(set(said)) == 3


def test_squatter_that_answers_slowly_is_given_up(tmp_path: Path) -> None:
    began = time.monotonic()
    with Squatter(says(b" " * 30), drip_s=0.2) as squatter:
        assert second.reopen(port_file(tmp_path, squatter.port), None) is None
        took = time.monotonic() - began
    assert took < 10.0


def test_true_agent_is_believed(live: Live, tmp_path: Path) -> None:
    path = tmp_path / "own" / "agent.json"
    live.agent.port_file.write(path)
    url = second.reopen(path, None)
    assert url is not None
    assert live.ask(url.removeprefix(live.origin)).status == 200
    assert second.reopen(path, live.port + 1) is None


def hello(live: Live, nonce: object = "0" * 32) -> dict[str, Any]:
    """What the agent answers to a hello."""
    said = live.post("/agent/hello", body(nonce=nonce))
    assert said.status == 200
    answer: dict[str, Any] = json.loads(said.body)
    return answer


def test_agent_proves_itself_without_its_secret(live: Live) -> None:
    said = hello(live)
    secret = live.agent.port_file.secret
    assert said["proof"] == proof(secret, "agent", live.port, "0" * 32)
    assert secret not in json.dumps(said)
    assert hello(live)["nonce"] != said["nonce"]


def test_every_agent_has_a_secret_of_its_own() -> None:
    secrets = {PortFile.new(5000).secret for _ in range(100)}
    assert len(secrets) == 100
    assert min(map(len, secrets)) >= 22


def test_agent_opens_for_a_proof_once(live: Live) -> None:
    nonce = hello(live)["nonce"]
    good = body(nonce=nonce, proof=proof(live.agent.port_file.secret, "open", live.port, nonce))
    opened = live.post("/agent/open", good)
    assert opened.status == 200
    assert live.ask(json.loads(opened.body)["path"]).status == 200
    assert live.post("/agent/open", good).status == 403


def test_agent_opens_for_no_other_proof(live: Live) -> None:
    secret, port = live.agent.port_file.secret, live.port
    wrong: list[Callable[[str, str], object]] = [
        lambda nonce, own: own,
        lambda nonce, own: proof(secret, "agent", port, nonce),
        lambda nonce, own: proof(secret, "open", port - 1, nonce),
        lambda nonce, own: proof("guess", "open", port, nonce),
        lambda nonce, own: proof("", "open", port, nonce),
        lambda nonce, own: proof(secret, "open", port, nonce)[:-1],
        lambda nonce, own: proof(secret, "open", port, nonce).upper(),
        lambda nonce, own: [proof(secret, "open", port, nonce)],
        lambda nonce, own: "\u00e9",
        lambda nonce, own: None,
    ]
    for make in wrong:
        said = hello(live)
        given = make(said["nonce"], said["proof"])
        answer = live.post("/agent/open", body(nonce=said["nonce"], proof=given))
        assert answer.status == 403


def test_agent_opens_for_no_nonce_but_its_own(live: Live) -> None:
    for nonce in ("0" * 32, "", 5, None, ["0" * 32], "\ud800"):
        text = nonce if isinstance(nonce, str) and nonce.isascii() else ""
        given = proof(live.agent.port_file.secret, "open", live.port, text)
        assert live.post("/agent/open", body(nonce=nonce, proof=given)).status == 403


@pytest.mark.parametrize("nonce", ["", "short", "0" * 129, "\u00e9" * 32, 5, None, ["0" * 32]])
def test_hello_with_another_nonce_is_refused(live: Live, nonce: object) -> None:
    assert live.post("/agent/hello", body(nonce=nonce)).status == 400


@pytest.mark.parametrize("path", ["/agent/hello", "/agent/open"])
def test_no_browser_speaks_to_the_handshake(live: Live, cookie: str, path: str) -> None:
    said = hello(live)
    given = proof(live.agent.port_file.secret, "open", live.port, said["nonce"])
    good = body(nonce=said["nonce"], proof=given)
    for name, value in (
        ("Origin", live.origin),
        ("Referer", f"{live.origin}/"),
        ("Sec-Fetch-Site", "same-origin"),
    ):
        headers = ((name, value),)
        assert live.post(path, good, cookie=cookie, headers=headers).status == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        assert live.post(path, good, kind=kind).status == 415
    assert live.post(path, b"[]", kind=JSON).status == 400
    assert live.post(path, good).status == 200


@posix
def test_port_file_is_the_users_alone_and_goes_with_the_agent(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "diagcps"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    with Running(tmp_path) as running:
        running.address()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(running.port_file.stat().st_mode) == 0o600
        assert running.port_file.stat().st_uid == os.getuid()
        assert running.end() == (0, "")
    assert list(folder.iterdir()) == []


@posix
def test_port_file_of_a_later_agent_is_left(tmp_path: Path) -> None:
    path = port_file(tmp_path, 5000)
    PortFile.new(5001).remove(path)
    assert read_port_file(path) is not None


def readable(path: Path) -> None:
    """The group may read it."""
    path.chmod(0o640)


def writable(path: Path) -> None:
    """Everybody may write it."""
    path.chmod(0o602)


def linked(path: Path) -> None:
    """It is a link to a file of this user."""
    path.rename(path.with_name("target"))
    path.symlink_to("target")


def foreign(path: Path) -> None:
    """It is another user's."""
    if os.getuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 65534, 65534)


def a_folder(path: Path) -> None:
    """It is a folder."""
    path.unlink()
    path.mkdir(mode=0o700)


@posix
@pytest.mark.parametrize("spoil", [readable, writable, linked, foreign, a_folder])
def test_port_file_that_others_may_have_written_is_ignored(
    live: Live, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "own" / "agent.json"
    live.agent.port_file.write(path)
    assert read_port_file(path) == live.agent.port_file
    spoil(path)
    assert read_port_file(path) is None
    assert second.reopen(path, None) is None


@posix
def test_port_file_that_others_may_read_is_replaced_by_a_new_agents(
    running: Running, tmp_path: Path
) -> None:
    running.port_file.chmod(0o644)
    with Running(tmp_path) as another:
        another.address()
        assert another.port != running.port
        assert stat.S_IMODE(another.port_file.stat().st_mode) == 0o600


@posix
def test_port_file_of_an_agent_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with Running(tmp_path) as first:
        first.address()
        first.process.kill()
        first.process.wait(ENDS_S)
        assert first.port_file.exists()
        with Running(tmp_path) as another:
            another.address()
            found = read_port_file(another.port_file)
            assert found is not None
            assert (found.port, found.pid) == (another.port, another.process.pid)


@posix
def test_link_in_the_place_of_the_port_file_is_not_written_through(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "agent.json").symlink_to(target)
    path = port_file(tmp_path, 5000)
    assert target.read_text() == "kept"
    assert not path.is_symlink()


@posix
def test_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    foreign(folder)
    with pytest.raises(OSError):
        private_folder(folder)
