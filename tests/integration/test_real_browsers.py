"""A real Firefox and a real Chromium: what they leave on the disk is what the probes read, and what
the page asks of Firefox, its extension answers.

What this does not prove: Firefox on Windows and macOS, whose files lie elsewhere, and its packages
Snap and Flatpak. The CPS extension itself, signed, runs where CRYPTOLIB_RPM names its package.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from checks.browser import judge_extension
from diagcps.browsing import BrowserKind, FirefoxProfile, FirefoxProfiles, How, PageBrowser
from diagcps.catalogue import Catalogue
from diagcps.catalogue_parts import KnownAuthority
from diagcps.facts import FileState
from diagcps.host.browsers_linux import firefox_places, read_browsers
from diagcps.host.firefox import read_profiles
from diagcps.model import Platform
from diagcps.workstation import Account, AccountKind, Products, Registration
from tests.builders import CATALOGUE, bag, causes_of, failed, moment, system
from tests.integration.cryptolib import official
from tests.web.live import Live
from tests.web.test_browser_facts import workstation

ROOT = Path("/")
FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), "")
CHROMIUM = shutil.which("chromium") or ""
TOOLS = ("certutil", "modutil")
MODULES = (
    "/usr/lib/x86_64-linux-gnu/libnssckbi.so",
    "/usr/lib/x86_64-linux-gnu/nss/libnssckbi.so",
    "/usr/lib64/libnssckbi.so",
)
"""Any PKCS#11 library will do; this one comes with NSS."""
SECONDS_TO_START = 25.0
SECONDS_TO_SETTLE = 2.0
NAME = "Module de sécurité CPS"
NAMED = PageBrowser(kind=BrowserKind.FIREFOX, version="", how=How.NAMED)

needs_firefox = pytest.mark.skipif(not FIREFOX, reason="Firefox (firefox-esr) is not installed")
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
needs_tools = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason="certutil and modutil (libnss3-tools) are missing"
)


@pytest.fixture(autouse=True)
def inside_bench() -> None:
    """No smart-card service is asked for here."""


class Person:
    """Somebody's folder, in which Firefox has never been started."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {"HOME": str(home), "PATH": os.environ["PATH"]}

    def open_firefox(self) -> None:
        """Starts Firefox on its own profile, until it has shown a page."""
        picture = str(self.home / "picture.png")
        command = [FIREFOX, "--headless", "--screenshot", picture, "about:blank"]
        subprocess.run(command, env=self.environ, check=True, capture_output=True, timeout=30)

    def use_firefox(self, *page: str, until: Callable[[], bool]) -> None:
        """Starts Firefox on that page, and ends it soon after `until` is true."""
        command = [FIREFOX, "--headless", *(page or ("about:blank",))]
        with subprocess.Popen(
            command, env=self.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            deadline = time.monotonic() + SECONDS_TO_START
            while not until() and time.monotonic() < deadline:
                time.sleep(0.1)
            # What has begun then is to end: a Firefox that was killed in it starts with less.
            time.sleep(SECONDS_TO_SETTLE)
            process.terminate()

    def visit(self, *how: str) -> PageBrowser:
        """Opens the page of an agent in Firefox, and returns what it has told of Firefox."""
        with Live(workstation()) as live:
            visitor = live.examination.visitor
            assert visitor is not None

            def told() -> bool:
                return visitor.seen is not None and visitor.seen.extension is not None

            self.use_firefox(*how, f"{live.origin}/open/{live.token()}", until=told)
            assert visitor.seen is not None, "Firefox did not open the page"
            return visitor.seen

    def add_extension(self, package: Path) -> None:
        """Puts the official extension into that profile, as a program does, until Firefox has
        taken it up; it runs from the next start on."""
        (self.folder / "extensions").mkdir(exist_ok=True)
        extension = f"{CATALOGUE.cryptolib.extension}.xpi"
        shutil.copy(package / "tmp/CPS" / extension, self.folder / "extensions")
        # What was put there by a program is off until the person agrees, but for this setting.
        setting = 'user_pref("extensions.autoDisableScopes", 0);\n'
        (self.folder / "user.js").write_text(setting, encoding="utf-8")
        self.use_firefox(until=lambda: bool(self.own().extensions))

    def profiles(self, catalogue: Catalogue = CATALOGUE) -> FirefoxProfiles:
        return read_profiles(firefox_places(ROOT, self.home, self.environ), catalogue)

    def own(self, catalogue: Catalogue = CATALOGUE) -> FirefoxProfile:
        (profile,) = (each for each in self.profiles(catalogue).profiles if each.default)
        return profile

    @property
    def folder(self) -> Path:
        """The folder of that profile."""
        (file,) = self.home.glob(".*/**/extensions.json")
        return file.parent

    def judged(self, page: PageBrowser = NAMED) -> tuple[str, ...]:
        """The causes that the check of the extension finds."""
        return causes_of(
            judge_extension,
            bag(
                read_browsers(ROOT, self.home, self.environ),
                self.profiles(),
                page,
                CATALOGUE,
                system(Platform.LINUX),
                replace(moment(), at=datetime.now(UTC)),
                Account(kind=AccountKind.PERSON, source="test"),
                missing={Products: failed(), Registration: failed()},
            ),
        )


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of somebody who has opened Firefox once."""
    person = Person(tmp_path_factory.mktemp("opened"))
    person.open_firefox()
    return person.home


@pytest.fixture
def person(opened: Path, tmp_path: Path) -> Person:
    """Somebody whose folder is like that one."""
    return Person(Path(shutil.copytree(opened, tmp_path / "home", symlinks=True)))


@needs_firefox
def test_a_new_firefox_has_nothing_for_the_card(person: Person) -> None:
    profile = person.own()
    assert (profile.state, profile.extensions, profile.modules) == (FileState.PRESENT, (), ())
    assert profile.system_certificates is None
    assert profile.authorities == ()
    assert profile.used is not None
    assert datetime.now(UTC) - profile.used < timedelta(minutes=5)
    assert person.judged() == ("browser.extension-missing",)


@needs_firefox
def test_the_profile_that_firefox_made_and_never_opened_is_empty(person: Person) -> None:
    others = [each for each in person.profiles().profiles if not each.default]
    assert [each.state for each in others] == [FileState.EMPTY]


@needs_firefox
@needs_tools
def test_a_module_that_was_added_to_its_store_is_told(person: Person, tmp_path: Path) -> None:
    library = next((Path(each) for each in MODULES if Path(each).exists()), None)
    if library is None:
        pytest.skip("libnssckbi.so is not installed")
    module = shutil.copy(library, tmp_path / "libcps3_pkcs11_lux.so")
    store = ("-dbdir", f"sql:{person.folder}")
    subprocess.run(
        ["modutil", "-force", "-add", NAME, "-libfile", module, *store],
        check=True, capture_output=True,
    )  # fmt: skip
    person.open_firefox()
    assert [each.library for each in person.own().modules] == ["libcps3_pkcs11_lux.so"]
    assert person.judged() == ()


@needs_firefox
@needs_tools
def test_an_authority_in_its_store_is_told(person: Person, tmp_path: Path) -> None:
    data = authority()
    (tmp_path / "authority.der").write_bytes(data)
    subprocess.run(
        ["certutil", "-A", "-n", "authority", "-t", "CT,,", "-d", f"sql:{person.folder}",
         "-i", str(tmp_path / "authority.der")],
        check=True, capture_output=True,
    )  # fmt: skip
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()
    known = replace(CATALOGUE.authorities, authorities=(KnownAuthority(name="x", sha1=sha1),))
    assert person.own(replace(CATALOGUE, authorities=known)).authorities == (sha1,)
    assert person.own().authorities == ()


@needs_firefox
def test_a_setting_that_firefox_took_over_is_told(person: Person) -> None:
    setting = 'user_pref("security.osclientcerts.autoload", false);\n'
    (person.folder / "user.js").write_text(setting, encoding="utf-8")
    person.open_firefox()
    assert person.own().system_certificates is False


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """What the official package lays down."""
    named = os.environ.get(official.PACKAGE)
    if not named:
        pytest.skip(f"the official extension is not here: {official.PACKAGE}=path names it")
    unpacked = tmp_path / "package"
    official.unpack(Path(named), unpacked)
    yield unpacked
    shutil.rmtree(unpacked)


@needs_firefox
def test_the_official_extension_and_its_module_are_told(person: Person, package: Path) -> None:
    person.add_extension(package)
    extension = CATALOGUE.cryptolib.extension
    assert [(each.id, each.active) for each in person.own().extensions] == [(extension, True)]
    assert person.judged() == ("browser.module-missing",)

    manifest = next(package.glob("usr/lib64/mozilla/pkcs11-modules/cps3.json"), None)
    manifest = manifest or next(package.rglob("cps3.json"))
    said = json.loads(manifest.read_text(encoding="utf-8"))
    said["path"] = str(package / official.MODULE.relative_to("/"))
    own = person.home / ".mozilla/pkcs11-modules"
    own.mkdir(parents=True)
    (own / "cps3.json").write_text(json.dumps(said), encoding="utf-8")
    person.use_firefox(until=lambda: bool(person.own().modules))
    assert [each.library for each in person.own().modules] == [official.MODULE.name]
    assert person.judged() == ()


@needs_firefox
def test_a_firefox_without_the_extension_says_so_to_the_page(person: Person) -> None:
    seen = person.visit()
    assert (seen.kind, seen.how, seen.extension) == (BrowserKind.FIREFOX, How.PAGE, False)
    assert seen.version in said_by(FIREFOX, person.home)
    assert person.judged(seen) == ("browser.extension-missing",)


@needs_firefox
@pytest.mark.timeout(120)  # Firefox starts three times
def test_the_official_extension_answers_the_page_but_in_no_private_window(
    person: Person, package: Path
) -> None:
    person.add_extension(package)
    seen = person.visit()
    assert (seen.kind, seen.how, seen.extension) == (BrowserKind.FIREFOX, How.PAGE, True)
    assert person.judged(seen) == ("browser.module-missing",)
    assert person.visit("--private-window") == replace(seen, extension=False)


@needs_firefox
def test_firefox_is_told_with_its_version(tmp_path: Path) -> None:
    browsers = read_browsers(ROOT, tmp_path, {}).browsers
    versions = [each.version for each in browsers if each.kind is BrowserKind.FIREFOX]
    assert any(version in said_by(FIREFOX, tmp_path) for version in versions if version)


@needs_chromium
def test_chromium_is_told_with_its_version(tmp_path: Path) -> None:
    browsers = read_browsers(ROOT, tmp_path, {}).browsers
    versions = [each.version for each in browsers if each.kind is BrowserKind.CHROMIUM]
    assert any(version in said_by(CHROMIUM, tmp_path) for version in versions if version)


def said_by(program: str, home: Path) -> str:
    """What the browser says of itself."""
    environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
    command = [program, "--version"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30)
    return done.stdout


def authority() -> bytes:
    """A certificate of an authority, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "AC (test)")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)
