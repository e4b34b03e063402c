"""The browsers of a Linux desktop, laid out in a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.browsing import Browser, BrowserKind, BrowserPolicy, Browsers, Sandbox
from diagcps.host.browsers_linux import firefox_places, read_browsers
from tests.host.linux_root import Root
from tests.strategies import quick

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="paths of Linux")

HOME = "home/person"
SHARED = "usr/share/applications"


class Desktop(Root):
    """A desktop without any browser."""

    def application(self, name: str, command: str, place: str = SHARED, **changes: str) -> None:
        entry = {
            "Name": name,
            "Exec": f"{command} %u",
            "Categories": "Network;WebBrowser;",
            "MimeType": "text/html;x-scheme-handler/http;x-scheme-handler/https;",
            **changes,
        }
        lines = "".join(f"{key}={value}\n" for key, value in entry.items())
        self.write(
            f"{place}/{name}.desktop", f"[Desktop Entry]\n{lines}\n[Desktop Action x]\nExec=x\n"
        )

    def firefox(self, folder: str = "usr/lib/firefox-esr", version: str = "140.5.0") -> None:
        self.application("firefox-esr", f"/{folder}/firefox-esr")
        self.write(f"{folder}/application.ini", f"[App]\nVersion={version}\nBuildID=1\n")

    def defaults(self, names: str, file: str = f"{HOME}/.config/mimeapps.list") -> None:
        self.write(file, f"[Default Applications]\nx-scheme-handler/https={names}\n")

    def read(self, **environ: str) -> Browsers:
        return read_browsers(self.folder, self.folder / HOME, environ)

    def only(self) -> Browser:
        (browser,) = self.read().browsers
        return browser


@pytest.fixture
def desktop(tmp_path: Path) -> Desktop:
    return Desktop(tmp_path)


def test_a_desktop_without_a_browser_has_none(desktop: Desktop) -> None:
    found = desktop.read()
    assert (found.browsers, found.default, found.policies) == ((), None, ())


def test_firefox_says_its_version_beside_its_program(desktop: Desktop) -> None:
    desktop.firefox()
    browser = desktop.only()
    assert (browser.kind, browser.name) == (BrowserKind.FIREFOX, "Firefox ESR")
    assert (browser.version, browser.sandbox) == ("140.5.0", Sandbox.NONE)


def test_the_program_is_found_behind_a_link(desktop: Desktop) -> None:
    desktop.application("firefox", "/usr/bin/firefox")
    desktop.link("usr/bin/firefox", "../../srv/firefox/firefox")
    desktop.write("srv/firefox/application.ini", "[App]\nVersion=145.0\n")
    assert desktop.only().version == "145.0"


def test_a_link_that_leads_to_itself_is_left(desktop: Desktop) -> None:
    desktop.application("firefox", "/usr/bin/firefox")
    desktop.link("usr/bin/firefox", "/usr/bin/firefox")
    assert desktop.only().version == ""


@pytest.mark.parametrize(
    ("name", "package", "kind", "version"),
    [
        ("chromium", "chromium", BrowserKind.CHROMIUM, "150.0.7871.100-1~deb12u1"),
        ("google-chrome", "google-chrome-stable", BrowserKind.CHROME, "142.0.7444.59-1"),
        ("microsoft-edge", "microsoft-edge-stable", BrowserKind.EDGE, "1:143.0.3650.66-1"),
    ],
)
def test_a_relative_of_chromium_has_the_version_of_its_package(
    desktop: Desktop, name: str, package: str, kind: BrowserKind, version: str
) -> None:
    desktop.application(name, f"/usr/bin/{name}")
    desktop.write(
        "var/lib/dpkg/status",
        "Package: another\nStatus: install ok installed\nVersion: 1\n\n"
        f"Package: {package}\nStatus: install ok installed\nSection: web\nVersion: {version}\n\n",
    )
    browser = desktop.only()
    assert browser.kind is kind
    assert browser.version == version.partition(":")[2].partition("-")[0] or version[:5]


def test_a_package_that_was_removed_says_no_version(desktop: Desktop) -> None:
    desktop.application("chromium", "/usr/bin/chromium")
    stanza = "Package: chromium\nStatus: deinstall ok config-files\nVersion: 1.0\n\n"
    desktop.write("var/lib/dpkg/status", stanza)
    assert desktop.only().version == ""


def test_a_snap_is_told_and_says_its_version(desktop: Desktop) -> None:
    command = "env BAMF_DESKTOP_FILE_HINT=/x /snap/bin/firefox"
    desktop.application("firefox_firefox", command, "var/lib/snapd/desktop/applications")
    desktop.write("snap/firefox/current/meta/snap.yaml", "name: firefox\nversion: 145.0-2\n")
    browser = desktop.only()
    assert (browser.kind, browser.sandbox) == (BrowserKind.FIREFOX, Sandbox.SNAP)
    assert browser.version == "145.0"


@pytest.mark.parametrize("place", ["var/lib/flatpak", f"{HOME}/.local/share/flatpak"])
def test_a_flatpak_is_told_and_says_its_version(desktop: Desktop, place: str) -> None:
    app = "org.mozilla.firefox"
    command = f"/usr/bin/flatpak run --branch=stable --command=firefox {app}"
    desktop.application(app, command, f"{place}/exports/share/applications")
    described = f"{place}/app/{app}/current/active/files/share/metainfo/{app}.metainfo.xml"
    desktop.write(
        described, '<releases><release date="x" version="145.0.1"/><release version="1"/>'
    )
    browser = desktop.only()
    assert (browser.kind, browser.sandbox) == (BrowserKind.FIREFOX, Sandbox.FLATPAK)
    assert browser.version == "145.0.1"


@pytest.mark.parametrize(
    "changes",
    [{"Hidden": "true"}, {"Categories": "Network;"}, {"MimeType": "text/html;"}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_no_browser_is_not_told(desktop: Desktop, changes: dict[str, str]) -> None:
    desktop.application("firefox", "firefox", **changes)
    assert desktop.read().browsers == ()


def test_the_persons_own_file_wins(desktop: Desktop) -> None:
    desktop.application("firefox", "firefox", f"{HOME}/.local/share/applications", Hidden="true")
    desktop.application("firefox", "firefox")
    assert desktop.read().browsers == ()


def test_a_browser_that_nobody_knows_is_another_one(desktop: Desktop) -> None:
    desktop.application("epiphany", "epiphany", Name="Web")
    browser = desktop.only()
    assert (browser.kind, browser.name, browser.version) == (BrowserKind.OTHER, "Web", "")
    assert desktop.read().default is None


def test_two_files_of_one_browser_are_one(desktop: Desktop) -> None:
    desktop.application("google-chrome", "/usr/bin/google-chrome-stable")
    desktop.application("com.google.Chrome", "/usr/bin/google-chrome-stable")
    assert desktop.only().kind is BrowserKind.CHROME


def test_the_only_browser_opens_addresses(desktop: Desktop) -> None:
    desktop.firefox()
    assert desktop.read().default is BrowserKind.FIREFOX


def test_of_two_browsers_none_opens_addresses_until_it_is_named(desktop: Desktop) -> None:
    desktop.firefox()
    desktop.application("chromium", "/usr/bin/chromium")
    assert desktop.read().default is None
    desktop.defaults("gone.desktop;chromium.desktop;firefox-esr.desktop")
    assert desktop.read().default is BrowserKind.CHROMIUM


def test_the_desktops_own_choice_goes_before_the_general_one(desktop: Desktop) -> None:
    desktop.firefox()
    desktop.application("chromium", "/usr/bin/chromium")
    desktop.defaults("chromium.desktop")
    desktop.defaults("firefox-esr.desktop", f"{HOME}/.config/gnome-mimeapps.list")
    assert desktop.read(XDG_CURRENT_DESKTOP="ubuntu:GNOME").default is BrowserKind.FIREFOX


def test_the_systems_choice_counts_where_the_person_made_none(desktop: Desktop) -> None:
    desktop.firefox()
    desktop.application("chromium", "/usr/bin/chromium")
    desktop.defaults("firefox-esr.desktop", f"{SHARED}/mimeapps.list")
    assert desktop.read().default is BrowserKind.FIREFOX


def test_folders_come_from_the_session(desktop: Desktop) -> None:
    desktop.application("firefox", "firefox", "opt/share/applications")
    assert desktop.read().browsers == ()
    assert len(desktop.read(XDG_DATA_DIRS="relative:/opt/share").browsers) == 1


def test_policies_on_this_machines_programs_are_told(desktop: Desktop) -> None:
    own = {"policies": {"LocalNetworkAccess": {"SkipDomains": ["a"], "Enabled": False}}}
    desktop.write("etc/firefox/policies/policies.json", json.dumps(own))
    desktop.write(
        "etc/opt/chrome/policies/managed/x.json",
        json.dumps({"LoopbackNetworkAllowedForUrls": ["a", "b"], "Other": 1}),
    )
    assert desktop.read().policies == (
        BrowserPolicy(browser=BrowserKind.FIREFOX, name="LocalNetworkAccess.SkipDomains"),
        BrowserPolicy(browser=BrowserKind.FIREFOX, name="LocalNetworkAccess.Enabled"),
        BrowserPolicy(browser=BrowserKind.CHROME, name="LoopbackNetworkAllowedForUrls"),
    )


@pytest.mark.parametrize(
    "said",
    [
        "", "{", "[]", '"x"', "[" * 100_000, '{"policies": []}',
        '{"policies": {"LocalNetworkAccess": 1}}', '{"LocalNetworkAccessAllowedForUrls": "all"}',
        '{"policies": {"LocalNetworkAccess": {"SkipDomains": [], "Enabled": "false"}}}',
    ],
)  # fmt: skip
def test_a_policy_that_says_nothing_is_none(desktop: Desktop, said: str) -> None:
    desktop.write("etc/firefox/policies/policies.json", said)
    desktop.write("etc/chromium/policies/managed/x.json", said)
    assert desktop.read().policies == ()


def test_profiles_are_looked_for_in_the_folders_of_each_package(desktop: Desktop) -> None:
    home = desktop.folder / HOME
    places = firefox_places(desktop.folder, home, {"XDG_CONFIG_HOME": "/srv/config"})
    assert places[0].folder == desktop.folder / "srv/config/mozilla/firefox"
    assert {place.sandbox for place in places} == set(Sandbox)
    assert not any(str(home) in place.name for place in places)


def test_hostile_files_are_harmless(desktop: Desktop) -> None:
    desktop.application("firefox", "/usr/bin/\x00firefox", Name="<script>\x1b")
    desktop.write(f"{SHARED}/huge.desktop", "[Desktop Entry]\n" + "x" * (1 << 20))
    desktop.link(f"{SHARED}/loop.desktop", "loop.desktop")
    desktop.write("var/lib/dpkg/status", "\n" * 10_000)
    assert [browser.kind for browser in desktop.read().browsers] == [BrowserKind.FIREFOX]


@quick
@given(text=st.text(), command=st.text(alphabet="/snap/bin flatpak run env=x %u\0"))
def test_any_desktop_file_is_read(
    tmp_path_factory: pytest.TempPathFactory, text: str, command: str
) -> None:
    desktop = Desktop(tmp_path_factory.mktemp("root"))
    desktop.application("chromium", command.replace("\n", ""))
    desktop.write(f"{SHARED}/firefox.desktop", text)
    desktop.write(f"{HOME}/.config/mimeapps.list", text)
    assert all(browser.name for browser in desktop.read().browsers)
