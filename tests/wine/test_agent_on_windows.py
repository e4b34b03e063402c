"""The agent as people start it on Windows: the command line, the cards, the page."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from diagcps import __version__
from diagcps.card.permitted import is_permitted
from tests.integration.bench import SOCKET, Hold, Holder, Pcscd, until
from tests.integration.vpcd import CPS3, CPS4_T1, POWER_ON, VITALE_2

from .conftest import CreateService, Insert
from .windows import CHECKOUT, Finished, WindowsPython, windows_path

VERDICTS = {0: "ready", 1: "ready-with-warnings", 2: "not-ready", 3: "undetermined"}
MANUAL, DISABLED = 3, 4
SERVE = ("-m", "diagcps", "serve", "--no-browser")
BREAKS = """
import signal, sys, threading
from diagcps.cli import main

def press() -> None:
    sys.stdin.read()
    signal.raise_signal(signal.SIGBREAK)

threading.Thread(target=press, daemon=True).start()
sys.exit(main(["serve", "--no-browser"]))
"""
"""The agent, which gets Ctrl-Break at the end of its input: Wine 8.0 can send it to nobody."""
NO_SERVICE = Path("/nonexistent/pcscd.comm")
"""The cards of a pcscd that does not run: Windows says SCARD_E_NO_SERVICE."""


def document(finished: Finished) -> dict[str, Any]:
    """The one JSON document that the program wrote, in UTF-8, saying what its exit code says."""
    assert finished.code in VERDICTS, finished
    assert "Traceback" not in finished.err, finished.err
    assert "\N{REPLACEMENT CHARACTER}" not in finished.out
    report: dict[str, Any] = json.loads(finished.out)
    assert report["schema"] == "diagcps.report/1"
    assert report["verdict"] == VERDICTS[finished.code]
    return report


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    """The outcome of each check, by its id."""
    return {check["id"]: check["outcome"] for check in report["checks"]}


def causes(report: dict[str, Any]) -> list[str]:
    """The root causes, what to repair first being first."""
    return [entry["cause"] for entry in report["diagnosis"]]


def check(windows: WindowsPython, *arguments: str, cards: Path | None = None) -> dict[str, Any]:
    """The report of `diagcps check`."""
    finished = windows.run("-m", "diagcps", "check", "--format", "json", *arguments, cards=cards)
    return document(finished)


def test_version_is_the_checkouts(windows: WindowsPython) -> None:
    finished = windows.run("-m", "diagcps", "--version")
    assert (finished.code, finished.err) == (0, "")
    assert __version__ in finished.out.split()


def test_check_names_windows_and_settles_every_check(windows: WindowsPython) -> None:
    """Wine's own winscard.dll refuses a context with 0x80100001, SCARD_F_INTERNAL_ERROR."""
    report = check(windows)
    assert report["environment"]["name"] == "Windows 10"
    assert report["verdict"] in ("not-ready", "undetermined")
    assert "internal" not in {each["reason"] for each in report["checks"]}


def test_text_on_a_pipe_keeps_every_sign(windows: WindowsPython) -> None:
    """A pipe has code page 1252 on Windows, without the arrow that stands before a remedy."""
    finished = windows.run("-m", "diagcps", "check", "--scenario", "vitale")
    assert (finished.code, finished.err) == (2, "")
    assert "→ Insérez votre carte CPS" in finished.out


def test_unknown_check_is_one_line_and_64(windows: WindowsPython) -> None:
    finished = windows.run("-m", "diagcps", "check", "--only", "nothing.of-the-kind")
    assert finished.code == 64, finished
    assert finished.out == ""
    assert len(finished.err.strip().splitlines()) == 1, finished.err


@pytest.mark.parametrize("atr", [CPS3, CPS4_T1], ids=["cps3", "cps4"])
def test_cps_is_recognised(windows: WindowsPython, pcscd: Pcscd, card: Insert, atr: bytes) -> None:
    inserted = card(atr)
    found = outcomes(check(windows, cards=SOCKET))
    assert found["pcsc.service"] == found["reader.present"] == found["card.present"] == "pass"
    assert found["card.recognised"] == "pass"
    assert found["card.readable"] == found["pin.state"] == found["certificate.present"] == "pass"
    assert all(is_permitted(command) for command in inserted.apdus)


def test_vitale_comes_first(windows: WindowsPython, pcscd: Pcscd, card: Insert) -> None:
    card(VITALE_2)
    assert causes(check(windows, "--only", "card", cards=SOCKET))[0] == "card.vitale"


def test_empty_readers_are_card_absent(windows: WindowsPython, pcscd: Pcscd) -> None:
    assert causes(check(windows, "--only", "card", cards=SOCKET))[0] == "card.absent"


def test_card_of_another_program_is_in_use(
    windows: WindowsPython, pcscd: Pcscd, card: Insert
) -> None:
    inserted = card(CPS3)
    until(lambda: inserted.count(POWER_ON) > 0, "pcscd powered the card")
    other = Holder(inserted.reader, Hold.EXCLUSIVE)
    try:
        assert causes(check(windows, "--only", "reader", cards=SOCKET))[0] == "reader.in-use"
    finally:
        other.end()


def test_frozen_service_is_told_and_the_program_ends(windows: WindowsPython, pcscd: Pcscd) -> None:
    """The thread that waits inside PC/SC does not keep the process alive."""
    pcscd.freeze()
    report = check(windows, "--only", "pcsc", cards=SOCKET)
    assert causes(report)[0] == "pcsc.not-responding"


def test_snapshot_of_windows_is_judged_the_same_on_linux(
    windows: WindowsPython, shared: Path
) -> None:
    saved = shared / "workstation.json"
    finished = windows.run("-m", "diagcps", "snapshot", "--output", windows_path(saved))
    assert (finished.code, finished.out, finished.err) == (0, "", "")
    there = check(windows)
    command = [sys.executable, "-m", "diagcps", "check", "--format", "json", "--replay", str(saved)]
    here = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    replayed = document(Finished(code=here.returncode, out=here.stdout, err=here.stderr))
    assert (causes(replayed), outcomes(replayed)) == (causes(there), outcomes(there))


@pytest.mark.parametrize(
    ("start_type", "cause"), [(DISABLED, "pcsc.service-stopped"), (MANUAL, "reader.none")]
)
def test_stopped_service_is_judged_by_its_start_type(
    windows: WindowsPython,
    smart_card_service: CreateService,
    start_type: int,
    cause: str,
) -> None:
    """Windows starts the service with the first reader: only a disabled one is to be repaired."""
    smart_card_service(start_type)
    assert causes(check(windows, cards=NO_SERVICE))[0] == cause


def test_absent_service_is_pcsc_unavailable(windows: WindowsPython) -> None:
    assert causes(check(windows, cards=NO_SERVICE))[0] == "pcsc.unavailable"


def port_of(line: str) -> int | None:
    """The port of the one-time address in a line for people."""
    (address,) = (word for word in line.split() if word.startswith("http://127.0.0.1:"))
    return urllib.parse.urlsplit(address).port


def open_page(address: str) -> str:
    """The page behind a one-time address, which must come with 200."""
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
    )
    with browser.open(address, timeout=20) as page:
        assert page.status == 200
        text: str = page.read().decode("utf-8")
        return text


def test_printed_address_opens_the_page_and_ctrl_c_ends_the_agent(windows: WindowsPython) -> None:
    with windows.start(*SERVE) as agent:
        assert "<h1" in open_page(agent.line().strip())
        agent.interrupt()
        ended = agent.wait(timeout_s=20.0)
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_ctrl_break_ends_the_agent_as_ctrl_c_does(windows: WindowsPython) -> None:
    with windows.start("-c", BREAKS) as agent:
        agent.line()
        agent.close_input()
        ended = agent.wait(timeout_s=20.0)
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_second_start_opens_the_page_of_the_agent_that_runs(windows: WindowsPython) -> None:
    with windows.start(*SERVE) as agent:
        port = port_of(agent.line())
        second = windows.run(*SERVE)
        assert (second.code, second.err, port_of(second.out)) == (0, "", port)
        assert "<h1" in open_page(second.out.strip())


def test_ctrl_c_ends_the_agent_while_the_service_is_frozen(
    windows: WindowsPython, pcscd: Pcscd
) -> None:
    with windows.start(*SERVE, cards=SOCKET) as agent:
        agent.line()
        pcscd.freeze()
        agent.interrupt()
        assert agent.wait(timeout_s=20.0).code == 0
