"""What a remedy is apart from its words, and on which systems it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagcps.model import (
    Cause,
    CauseId,
    CheckId,
    Diagnosed,
    Level,
    Owner,
    Platform,
    RemedyId,
)
from diagcps.registry import load
from diagcps.remedies import Remedies
from diagcps.report.base import RemedyLine
from diagcps.report.build import cause_line, remedy_line
from diagcps.words import Words

CONTENT = {
    "contacts.toml": """
        [page.one]
        url = "https://one.example/"
        [page.two]
        url = "https://two.example/"
        [page.help]
        address = "help@two.example"
    """,
    "remedies.toml": """
        ["a.windows"]
        who = "it"
        os = ["windows"]
        ["a.every"]
        who = "user"
        verify = "a.proof"
        links.windows = ["page.one"]
        links.macos = ["page.two", "page.help"]
        ["a.linked"]
        who = "user"
        links = ["page.one"]
        ["a.nowhere"]
        who = "user"
        os = ["amiga"]
    """,
    "en/words.toml": """
        [remedy]
        "a.windows" = { title = "W", steps = ["one"] }
        "a.every" = { title = "E", steps = ["one"] }
        "a.linked" = { title = "L", steps = ["one"] }
        "a.words-alone" = { title = "A", steps = ["one"] }
    """,
}
each_platform = pytest.mark.parametrize("platform", Platform)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    for name, text in CONTENT.items():
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return tmp_path


def _line(content: Path, id_: str, platform: Platform) -> RemedyLine:
    words, remedies = Words("en", [content]), Remedies([content], lambda: None)
    return remedy_line(RemedyId(id_), words, remedies, platform, CheckId("a.found"))


def _shown(content: Path, platform: Platform) -> dict[str, RemedyLine]:
    ids = ("a.windows", "a.every", "a.linked", "a.words-alone", "a.unheard-of")
    entry = Diagnosed(
        cause=Cause(
            id=CauseId("a.cause"),
            level=Level.KO,
            owner=Owner.USER,
            remedies=tuple(RemedyId(id_) for id_ in ids),
        ),
        level=Level.KO,
        because=(CheckId("a.found"), CheckId("a.also")),
        explains=(),
    )
    words, remedies = Words("en", [content]), Remedies([content], lambda: None)
    return {line.id: line for line in cause_line(entry, words, remedies, platform).remedies}


@each_platform
def test_a_remedy_is_shown_where_it_can_be_done(content: Path, platform: Platform) -> None:
    everywhere = {"a.every", "a.linked", "a.words-alone"}
    windows = {"a.windows"} if platform is Platform.WINDOWS else set()
    assert _shown(content, platform).keys() == everywhere | windows


@pytest.mark.parametrize(
    ("platform", "links"),
    [
        (Platform.WINDOWS, ["https://one.example/"]),
        (Platform.MACOS, ["https://two.example/", "mailto:help@two.example"]),
        (Platform.LINUX, []),
    ],
)
def test_a_link_is_shown_on_its_system(content: Path, platform: Platform, links: list[str]) -> None:
    assert [link.url for link in _line(content, "a.every", platform).links] == links


@each_platform
def test_a_link_of_no_system_is_shown_on_each(content: Path, platform: Platform) -> None:
    assert [link.id for link in _line(content, "a.linked", platform).links] == ["page.one"]


def test_a_remedy_is_proved_by_its_own_check_else_by_the_one_that_found_the_cause(
    content: Path,
) -> None:
    proofs = {id_: line.verify for id_, line in _shown(content, Platform.WINDOWS).items()}
    assert proofs == {
        "a.windows": "a.found",
        "a.every": "a.proof",
        "a.linked": "a.found",
        "a.words-alone": "a.found",
    }


def test_a_remedy_for_a_system_that_there_is_not_is_left_out(
    content: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Remedies([content], lambda: None).get(RemedyId("a.nowhere")) is None
    assert "the remedy a.nowhere is unusable" in caplog.text


def test_no_built_in_remedy_is_unusable(caplog: pytest.LogCaptureFixture) -> None:
    found = load((), installed=False)
    remedies = Remedies(found.content, lambda: None)
    used = {id_ for cause in found.causes.values() for id_ in cause.remedies}
    assert all(remedies.get(id_) for id_ in used)
    assert caplog.text == ""


@each_platform
def test_a_download_is_offered_for_this_system_alone(platform: Platform) -> None:
    found = load((), installed=False)
    remedies, words = Remedies(found.content, lambda: None), Words("en", found.content)
    line = remedy_line(RemedyId("middleware.install"), words, remedies, platform)
    shown = {
        Platform.WINDOWS: ["download.cryptolib-windows"],
        Platform.MACOS: ["download.cryptolib-macos"],
        Platform.LINUX: [],
    }
    assert [link.id for link in line.links] == shown[platform]
