"""Line 19: names of readers, programs and files come from others, and are shown as mere text."""

from __future__ import annotations

import asyncio
import io
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps import logs
from diagcps.report import text
from diagcps.web.acts import ActView
from diagcps.web.desk import Desk
from diagcps.web.pages import Renderer, view
from tests.strategies import quick

from .live import Live, examine
from .pages import HARMLESS, HOSTILE, Elements, replay_file, saved
from .process import posix, run

SCENARIO = "reader-in-use"
"""Shows the name of a reader, of a program and of where they were read."""
MARKUP = "<>&\"'`={}%\n\r\x00\x1b/ \u202eon"
SPACES = "\n\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
RENDERER = Renderer()
FORM = {"token": "t"}
PARTS = ("page.html", "main.html", "verdict.html")


def drives_nothing(shown: str) -> bool:
    """There is no control character, no direction override and no half of a character."""
    return all(each.isprintable() or each in SPACES for each in shown)


def rendered(name: str) -> tuple[str, str]:
    """The page and the terminal's text of a workstation whose parts are called `name`."""
    examination = examine(saved(SCENARIO, name))
    asyncio.run(examination.runner.run())
    page = view(examination, "fr")
    desk = Desk(examination, lambda: None)
    act = ActView(words=page.words, desk=desk, examination=examination)
    html = "".join(
        RENDERER.render(part, page=page, act=act, unfinished=name, **FORM) for part in PARTS
    )
    return html, text.render(examination.report("fr"), examination.words("fr"))


HTML, TEXT = rendered(HARMLESS)
SHAPE = Elements(HTML).shape


def harmless(name: str) -> bool:
    """The name changes no element of the page and no line of the text."""
    html, lines = rendered(name)
    html.encode()
    assert Elements(html).shape == SHAPE
    assert drives_nothing(html)
    assert drives_nothing(lines)
    assert lines.count("\n") == TEXT.count("\n")
    return True


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_mere_text(name: str) -> None:
    assert harmless(name)


@quick
@given(st.text(min_size=1, max_size=60) | st.text(MARKUP, min_size=1, max_size=30))
def test_any_name_is_mere_text(name: str) -> None:
    assert harmless(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_mere_text_in_the_stream(name: str) -> None:
    with Live(examine(saved(SCENARIO, name))) as live:
        cookie = live.open()
        with live.stream(cookie) as stream:
            live.post("/run", b"{}", cookie=cookie)
            html = "".join(event_html(stream.until("diagnosis").data))
        assert Elements(live.ask(cookie=cookie).text).shape.count("script type src") == 1
    assert "script" not in " ".join(Elements(html).shape)
    assert drives_nothing(html)


def event_html(data: object) -> str:
    """The fragment that an event carries."""
    assert isinstance(data, dict)
    return str(data["html"])


@posix
@pytest.mark.parametrize("name", [name for name in HOSTILE if "\ud800" not in name])
def test_replayed_name_drives_no_terminal(tmp_path: Path, name: str) -> None:
    path = replay_file(tmp_path, SCENARIO, name)
    said = run(tmp_path, "check", "--replay", str(path))
    assert (said.returncode, said.stderr) == (2, "")
    assert drives_nothing(said.stdout)


def logged(message: str, *arguments: object, error: BaseException | None = None) -> str:
    """What the log file gets."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.PrivateFormatter("%(levelname)s %(message)s"))
    raised = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("test", logging.WARNING, "", 0, message, arguments, raised)
    handler.handle(record)
    return written.getvalue()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_one_line_of_the_log(name: str) -> None:
    line = logged("reader %s", name)
    assert line.startswith("WARNING reader ")
    assert line.count("\n") == 1
    assert drives_nothing(line)


@quick
@given(st.text(max_size=60))
def test_any_name_is_one_line_of_the_log(name: str) -> None:
    assert logged("reader %s", name).count("\n") == 1


def raised(name: str) -> BaseException:
    """An error that speaks of a name."""
    try:
        raise ValueError(name)
    except ValueError as error:
        return error


@pytest.mark.parametrize("name", [name for name in HOSTILE if len(name) > 8])
def test_words_of_an_error_stay_out_of_the_log(name: str) -> None:
    written = logged("failed", error=raised(name))
    assert name not in written
    assert written.splitlines()[:2] == ["WARNING failed", "ValueError"]
    assert drives_nothing(written)


def test_hostile_names_reach_the_page_at_all() -> None:
    """Otherwise the tests above would prove nothing."""
    for place in (HTML, TEXT):
        assert place.count(HARMLESS) >= 4
