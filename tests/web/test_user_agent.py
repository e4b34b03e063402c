"""Which browser a request says it comes from."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diagcps.browsing import BrowserKind
from diagcps.web.user_agent import browser_of, is_chromium
from tests.strategies import quick

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
LINUX = "Mozilla/5.0 (X11; Linux x86_64"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"

AGENTS = {
    "firefox-windows": (f"{WINDOWS}; rv:145.0) Gecko/20100101 Firefox/145.0", "firefox", "145"),
    "firefox-esr-linux": (f"{LINUX}; rv:140.0) Gecko/20100101 Firefox/140.0", "firefox", "140"),
    "chrome-windows": (f"{WINDOWS}) {CHROME}", "chrome", "142"),
    "edge-windows": (f"{WINDOWS}) {CHROME} Edg/142.0.0.0", "edge", "142"),
    "headless": (f"{LINUX}) {CHROME.replace('Chrome', 'HeadlessChrome')}", "chromium", "142"),
    "safari": (f"{MAC} {WEBKIT} Version/18.1 Safari/605.1.15", "safari", "18"),
    "opera": (f"{WINDOWS}) {CHROME} OPR/120.0.0.0", "other", "120"),
    "vivaldi": (f"{WINDOWS}) {CHROME} Vivaldi/7.0.3495.6", "other", "7"),
    "old-edge": (f"{WINDOWS}) {CHROME} Edge/18.19041", "other", "18"),
    "explorer": ("Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko",
                 "internet-explorer", "11"),
    "older-explorer": ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)",
                       "internet-explorer", "8"),
    "webkit-program": (f"{LINUX}) {WEBKIT}", "other", ""),
    "nothing": ("", "other", ""),
    "no-version": ("Firefox/", "firefox", ""),
    "absurd-version": ("Firefox/99999999999", "other", ""),
    "word-within": ("NotFirefox/145.0", "other", ""),
}  # fmt: skip
"""What browsers send as User-Agent, the kind and the major version."""

GREASE = '"Not;A=Brand";v="99"'
BRANDS = {
    "chrome": (f'"Chromium";v="142", "Google Chrome";v="142", {GREASE}', "chrome", "142"),
    "edge": (f'"Microsoft Edge";v="143", {GREASE}, "Chromium";v="142"', "edge", "143"),
    "chromium": (f'"Chromium";v="142", {GREASE}', "chromium", "142"),
    "headless": (f'"HeadlessChrome";v="142", {GREASE}, "Chromium";v="142"', "chromium", "142"),
    "brave": (f'"Chromium";v="142", "Brave";v="142", {GREASE}', "other", "142"),
    "opera": (f'{GREASE}, "Opera";v="120", "Chromium";v="136"', "other", "120"),
}
"""The client hints of Chromium's relatives, all of which send Chrome's User-Agent besides."""


@pytest.mark.parametrize(("said", "kind", "version"), AGENTS.values(), ids=AGENTS.keys())
def test_a_browser_is_known_by_its_user_agent(said: str, kind: str, version: str) -> None:
    assert browser_of({"User-Agent": said}) == (BrowserKind(kind), version)


@pytest.mark.parametrize(("said", "kind", "version"), BRANDS.values(), ids=BRANDS.keys())
def test_brands_tell_what_the_user_agent_hides(said: str, kind: str, version: str) -> None:
    headers = {"User-Agent": f"{WINDOWS}) {CHROME}", "Sec-CH-UA": said}
    assert browser_of(headers) == (BrowserKind(kind), version)


@pytest.mark.parametrize("said", [said for said, _, _ in BRANDS.values()], ids=BRANDS.keys())
def test_a_relative_of_chromium_says_so_whatever_its_name(said: str) -> None:
    assert is_chromium({"Sec-CH-UA": said})


@pytest.mark.parametrize("said", ["", GREASE, '"Firefox";v="145"', '"Chromium"'])
def test_a_browser_that_names_no_engine_is_no_relative_of_chromium(said: str) -> None:
    assert not is_chromium({"User-Agent": f"{WINDOWS}) {CHROME}", "Sec-CH-UA": said})


@pytest.mark.parametrize(
    "invented",
    ["Not A;Brand", "Not_A Brand", "Not/A)Brand", "Not(A:Brand", "(Not(A:Brand", "NotABrand"],
)
def test_an_invented_brand_is_none(invented: str) -> None:
    said = f'"{invented}";v="8", "Chromium";v="142"'
    assert browser_of({"Sec-CH-UA": said}) == (BrowserKind.CHROMIUM, "142")


@pytest.mark.parametrize("said", ["", GREASE, '"Chromium"', '"Chromium";v="x"', "Chromium;v=1"])
def test_brands_that_name_nobody_leave_it_to_the_user_agent(said: str) -> None:
    firefox = AGENTS["firefox-windows"][0]
    assert browser_of({"User-Agent": firefox, "Sec-CH-UA": said}) == (BrowserKind.FIREFOX, "145")


def test_headers_that_are_absent_name_nobody() -> None:
    assert browser_of({}) == (BrowserKind.OTHER, "")


PARTS = st.sampled_from(
    ['"', "\\", ";v=", '"Chromium"', ";v=\"142\"", "Firefox/", "Chrome/", "Version/1 ", "Safari/",
     "Trident/7.0; rv:", "MSIE ", "1", "9" * 5, "é", "\x00", "\n", "<script>", " ", ", "]
)  # fmt: skip
HEADERS = st.lists(PARTS | st.text(max_size=8), max_size=200).map("".join)


@quick
@given(agent=HEADERS, brands=HEADERS)
@example(agent="Version/1 " * 20_000, brands='"' * 100_000)
@example(agent="Trident/" * 20_000, brands='"a";v=' * 20_000)
def test_anything_is_a_kind_and_a_short_number(agent: str, brands: str) -> None:
    kind, version = browser_of({"User-Agent": agent, "Sec-CH-UA": brands})
    assert isinstance(kind, BrowserKind)
    assert version == "" or (version.isascii() and version.isdigit() and len(version) <= 4)
