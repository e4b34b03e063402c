"""Which browser is taken for the one in which the person signs in."""

from __future__ import annotations

from diagcps.browsing import BrowserKind, How, PageBrowser
from diagcps.visitor import Visitor

SEEN = PageBrowser(kind=BrowserKind.FIREFOX, version="145", extension=True, how=How.PAGE)


def test_nobody_is_known_before_the_page_is_open() -> None:
    assert Visitor()() is None


def test_the_browser_that_shows_the_page_is_taken() -> None:
    assert Visitor(seen=SEEN)() is SEEN


def test_what_the_person_names_goes_before_what_the_page_shows() -> None:
    named = Visitor(named=BrowserKind.EDGE, seen=SEEN)()
    assert named == PageBrowser(kind=BrowserKind.EDGE, version="", how=How.NAMED)


def test_the_page_knows_more_of_the_browser_that_is_named() -> None:
    assert Visitor(named=BrowserKind.FIREFOX, seen=SEEN)() is SEEN
