"""The browsers of Windows, by a registry that is a table, on any system."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.browsing import Browser, BrowserKind, Browsers
from diagcps.host.browsers_windows import firefox_places, read_browsers
from diagcps.host.windows_registry import Registry
from diagcps.model import ProbeUnsupported
from tests.host.windows_tree import Tree
from tests.strategies import quick

CLIENTS = r"SOFTWARE\Clients\StartMenuInternet"
APP_PATHS = r"SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths"
CHOICE = r"SOFTWARE\Microsoft\Windows\Shell\Associations\UrlAssociations\https\UserChoice"
PROGRAM_64 = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", 0x8664)


class Windows:
    """A Windows without any browser."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tree = folder, Tree()

    def program(self, path: str, content: bytes = PROGRAM_64) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def client(self, key: str, name: str, path: str, hive: str = "HKLM") -> Path:
        file = self.program(path)
        self.tree.put(rf"{CLIENTS}\{key}", {"": name}, hive)
        self.tree.put(rf"{CLIENTS}\{key}\shell\open\command", {"": f'"{file}"'}, hive)
        return file

    def read(self, **environ: str) -> Browsers:
        return read_browsers(environ, Registry(self.tree))

    def only(self) -> Browser:
        (browser,) = self.read().browsers
        return browser


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    return Windows(tmp_path)


def test_a_windows_without_a_browser_has_none(windows: Windows) -> None:
    found = windows.read()
    assert (found.browsers, found.default, found.policies) == ((), None, ())


def test_firefox_says_its_version_beside_its_program(windows: Windows) -> None:
    file = windows.client("Firefox-308046B0AF4A39CB", "Mozilla Firefox", "Firefox/firefox.exe")
    (file.parent / "application.ini").write_text("[App]\r\nVersion=145.0.1\r\n", newline="")
    browser = windows.only()
    assert (browser.kind, browser.name) == (BrowserKind.FIREFOX, "Mozilla Firefox")
    assert (browser.version, browser.architecture) == ("145.0.1", "x86_64")


@pytest.mark.parametrize(
    ("program", "beacon", "kind"),
    [
        ("chrome.exe", r"SOFTWARE\Google\Chrome\BLBeacon", BrowserKind.CHROME),
        ("msedge.exe", r"SOFTWARE\Microsoft\Edge\BLBeacon", BrowserKind.EDGE),
    ],
)
@pytest.mark.parametrize("hive", ["HKLM", "HKCU"])
def test_a_relative_of_chromium_writes_its_version_when_it_starts(
    windows: Windows, program: str, beacon: str, kind: BrowserKind, hive: str
) -> None:
    windows.client(program, "", f"Application/{program}")
    windows.tree.put(beacon, {"version": "142.0.7444.60"}, hive)
    browser = windows.only()
    assert (browser.kind, browser.version) == (kind, "142.0.7444.60")


def test_one_that_never_started_has_the_version_of_its_newest_folder(windows: Windows) -> None:
    file = windows.client("Google Chrome", "Google Chrome", "Application/chrome.exe")
    for name in ("99.0.1.1", "142.0.7444.60", "Dictionaries"):
        (file.parent / name).mkdir()
    assert windows.only().version == "142.0.7444.60"


def test_a_browser_in_two_lists_is_one(windows: Windows) -> None:
    file = windows.client("Google Chrome", "Google Chrome", "Application/chrome.exe")
    windows.tree.put(rf"{APP_PATHS}\chrome.exe", {"": str(file)})
    assert windows.only().name == "Google Chrome"


def test_a_browser_of_the_person_alone_is_found_through_its_variables(windows: Windows) -> None:
    windows.program("Local/chrome.exe")
    windows.tree.put(rf"{APP_PATHS}\chrome.exe", {"": "%LocalAppData%/Local/chrome.exe"}, "HKCU")
    found = windows.read(LOCALAPPDATA=str(windows.folder)).browsers
    assert [each.kind for each in found] == [BrowserKind.CHROME]


def test_what_was_removed_and_left_its_keys_is_not_told(windows: Windows) -> None:
    windows.client("Google Chrome", "Google Chrome", "Application/chrome.exe").unlink()
    assert windows.read().browsers == ()


def test_chromium_is_not_taken_for_chrome(windows: Windows) -> None:
    windows.client("Chromium.X", "Chromium", "Chromium/Application/chrome.exe")
    assert windows.only().kind is BrowserKind.CHROMIUM


def test_a_browser_that_nobody_knows_is_another_one(windows: Windows) -> None:
    windows.client("Brave", "Brave\x1b", "brave.exe")
    browser = windows.only()
    assert (browser.kind, browser.name) == (BrowserKind.OTHER, "Brave")


@pytest.mark.parametrize(
    ("chosen", "kind"),
    [
        ("FirefoxURL-308046B0AF4A39CB", BrowserKind.FIREFOX),
        ("ChromeHTML", BrowserKind.CHROME),
        ("MSEdgeHTM", BrowserKind.EDGE),
        ("ChromiumHTM.X", BrowserKind.CHROMIUM),
        ("IE.HTTPS", BrowserKind.INTERNET_EXPLORER),
        ("BraveHTML", None),
        ("", None),
        (7, None),
    ],
)
def test_the_choice_of_the_person_counts(
    windows: Windows, chosen: object, kind: BrowserKind | None
) -> None:
    windows.tree.put(CHOICE, {"ProgId": chosen}, "HKCU")
    assert windows.read().default is kind


@pytest.mark.parametrize("hive", ["HKLM", "HKCU"])
def test_policies_on_this_machines_programs_are_told(windows: Windows, hive: str) -> None:
    chrome = r"SOFTWARE\Policies\Google\Chrome\LoopbackNetworkAllowedForUrls"
    windows.tree.put(chrome, {"1": "https://a", "2": "https://b", "3": 7}, hive)
    firefox = r"SOFTWARE\Policies\Mozilla\Firefox\LocalNetworkAccess"
    windows.tree.put(firefox, {"Enabled": 0}, hive)
    windows.tree.put(rf"{firefox}\SkipDomains", {"1": "c"}, hive)
    assert [(p.browser, p.name) for p in windows.read().policies] == [
        (BrowserKind.CHROME, "LoopbackNetworkAllowedForUrls"),
        (BrowserKind.FIREFOX, "LocalNetworkAccess.SkipDomains"),
        (BrowserKind.FIREFOX, "LocalNetworkAccess.Enabled"),
    ]


def test_a_key_that_is_forbidden_hides_itself_alone(windows: Windows) -> None:
    windows.client("Google Chrome", "Google Chrome", "Application/chrome.exe")
    windows.tree.denied.add(rf"HKCU\{CHOICE}".upper())
    windows.tree.denied.add(rf"HKCU\{CLIENTS}".upper())
    assert windows.read().default is None
    assert windows.only().kind is BrowserKind.CHROME


def test_another_machine_is_never_asked(windows: Windows) -> None:
    windows.tree.put(rf"{APP_PATHS}\chrome.exe", {"": r"\\server\share\chrome.exe"})
    assert windows.read().browsers == ()


def test_a_huge_value_is_harmless(windows: Windows) -> None:
    windows.tree.put(rf"{APP_PATHS}\chrome.exe", {"": "x" * (1 << 20)})
    windows.tree.put(CHOICE, {"ProgId": "ChromeHTML" * (1 << 17)}, "HKCU")
    assert (windows.read().browsers, windows.read().default) == ((), None)


def test_profiles_are_in_the_persons_roaming_folder() -> None:
    (place,) = firefox_places({"APPDATA": "/x"})
    assert place.folder == Path("/x/Mozilla/Firefox")
    assert place.name == r"%APPDATA%\Mozilla\Firefox"
    assert firefox_places({}) == ()


@pytest.mark.skipif("sys.platform == 'win32'")
def test_elsewhere_there_is_no_registry() -> None:
    with pytest.raises(ProbeUnsupported):
        read_browsers({})


_values = st.text() | st.integers() | st.binary() | st.lists(st.text()) | st.none()


@quick
@given(value=_values, name=_values, chosen=_values)
def test_any_registry_is_read(value: object, name: object, chosen: object) -> None:
    tree = Tree()
    tree.put(rf"{CLIENTS}\X", {"": name})
    tree.put(rf"{CLIENTS}\X\shell\open\command", {"": value})
    tree.put(rf"{APP_PATHS}\firefox.exe", {"": value}, "HKCU")
    tree.put(CHOICE, {"ProgId": chosen}, "HKCU")
    tree.put(r"SOFTWARE\Policies\Mozilla\Firefox\LocalNetworkAccess", {"Enabled": value})
    assert read_browsers({"X": "y"}, Registry(tree)).source
