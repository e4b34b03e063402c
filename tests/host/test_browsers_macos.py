"""The browsers of a Mac, laid out in a folder."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.browsing import BrowserKind, Browsers
from diagcps.host.browsers_macos import firefox_places, read_browsers
from tests.strategies import quick

HANDLERS = "Library/Preferences/com.apple.LaunchServices/com.apple.launchservices.secure.plist"
SAFARI = "System/Cryptexes/App/System/Applications"


class Mac:
    """A Mac with Safari."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / "Users/person"
        self.application("Safari", "com.apple.Safari", "18.1", SAFARI)

    def plist(self, path: str, content: object) -> None:
        self.write(path, plistlib.dumps(content))

    def write(self, path: str, content: bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def application(self, name: str, id_: str, version: str, place: str = "Applications") -> None:
        about = {
            "CFBundleIdentifier": id_,
            "CFBundleName": name,
            "CFBundleShortVersionString": version,
        }
        self.plist(f"{place}/{name}.app/Contents/Info.plist", about)

    def handlers(self, *handlers: Any) -> None:
        self.plist(f"Users/person/{HANDLERS}", {"LSHandlers": list(handlers)})

    def read(self) -> Browsers:
        return read_browsers(self.root, self.home)


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


def opens(scheme: str, id_: str) -> dict[str, str]:
    return {"LSHandlerURLScheme": scheme, "LSHandlerRoleAll": id_}


def test_a_new_mac_has_safari_and_opens_addresses_with_it(mac: Mac) -> None:
    found = mac.read()
    assert [(each.kind, each.name, each.version) for each in found.browsers] == [
        (BrowserKind.SAFARI, "Safari", "18.1")
    ]
    assert found.default is BrowserKind.SAFARI


@pytest.mark.parametrize(
    ("name", "id_", "kind"),
    [
        ("Firefox", "org.mozilla.firefox", BrowserKind.FIREFOX),
        ("Chrome", "com.google.Chrome", BrowserKind.CHROME),
        ("Microsoft Edge", "com.microsoft.edgemac", BrowserKind.EDGE),
        ("Chromium", "org.chromium.Chromium", BrowserKind.CHROMIUM),
    ],
)
@pytest.mark.parametrize("place", ["Applications", "Users/person/Applications"])
def test_a_browser_is_known_by_its_identifier(
    mac: Mac, name: str, id_: str, kind: BrowserKind, place: str
) -> None:
    mac.application(name, id_, "145.0", place)
    found = [each for each in mac.read().browsers if each.kind is kind]
    assert [(each.name, each.version) for each in found] == [(name, "145.0")]


def test_another_application_is_no_browser(mac: Mac) -> None:
    mac.application("Mail", "com.apple.mail", "16.0")
    assert len(mac.read().browsers) == 1


def test_the_choice_of_the_person_counts(mac: Mac) -> None:
    mac.handlers(opens("mailto", "com.apple.mail"), opens("https", "org.mozilla.Firefox"))
    assert mac.read().default is BrowserKind.FIREFOX


def test_a_choice_of_a_browser_that_nobody_knows_is_not_told(mac: Mac) -> None:
    mac.handlers(opens("https", "com.brave.browser"))
    assert mac.read().default is None


def test_who_chose_other_things_opens_addresses_with_safari(mac: Mac) -> None:
    mac.handlers("hostile", 7, opens("mailto", "com.apple.mail"))
    assert mac.read().default is BrowserKind.SAFARI


@pytest.mark.parametrize("content", [b"", b"bplist00", b"<plist>", b"\x00" * 100])
def test_a_choice_that_cannot_be_read_is_not_told(mac: Mac, content: bytes) -> None:
    mac.write(f"Users/person/{HANDLERS}", content)
    assert mac.read().default is None


@pytest.mark.parametrize("folder", ["", "person/"])
def test_policies_of_the_computer_and_of_the_person_are_told(mac: Mac, folder: str) -> None:
    managed = f"Library/Managed Preferences/{folder}"
    mac.plist(f"{managed}com.google.Chrome.plist", {"LoopbackNetworkAllowedForUrls": ["a", "b"]})
    flat = {"EnterprisePoliciesEnabled": True, "LocalNetworkAccess__SkipDomains": ["c"]}
    mac.plist(f"{managed}org.mozilla.firefox.plist", flat)
    assert [(p.browser, p.name) for p in mac.read().policies] == [
        (BrowserKind.CHROME, "LoopbackNetworkAllowedForUrls"),
        (BrowserKind.FIREFOX, "LocalNetworkAccess.SkipDomains"),
    ]


def test_a_policy_of_another_shape_is_none(mac: Mac) -> None:
    own = {"LocalNetworkAccess": 1, "LocalNetworkAccess__SkipDomains": ["x"]}
    mac.plist("Library/Managed Preferences/org.mozilla.firefox.plist", own)
    mac.plist("Library/Managed Preferences/com.microsoft.Edge.plist", ["x"])
    assert mac.read().policies == ()


def test_profiles_are_in_the_persons_library(mac: Mac) -> None:
    (place,) = firefox_places(mac.home)
    assert place.folder == mac.home / "Library/Application Support/Firefox"
    assert "person" not in place.name


@quick
@given(content=st.binary() | st.binary().map(lambda data: b"bplist00" + data))
def test_any_property_list_is_read(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    mac = Mac(tmp_path_factory.mktemp("root"))
    mac.write("Applications/Firefox.app/Contents/Info.plist", content)
    mac.write(f"Users/person/{HANDLERS}", content)
    assert [each.kind for each in mac.read().browsers] == [BrowserKind.SAFARI]
