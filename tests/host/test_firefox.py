"""The Firefox profiles of a person, by files that lie as Firefox leaves them."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.browsing import Extension, FirefoxProfile, FirefoxProfiles, Sandbox, SecurityModule
from diagcps.catalogue_parts import KnownAuthority
from diagcps.facts import FileState
from diagcps.host.firefox import (
    Place,
    parse_autoload,
    parse_extensions,
    parse_list,
    parse_modules,
    read_profiles,
)
from tests.builders import CATALOGUE
from tests.strategies import quick

OURS = CATALOGUE.cryptolib.extension
OLD = CATALOGUE.cryptolib.old_extensions[0]
LIST = """\
[Profile0]
Name=default-release
IsRelative=1
Path=Profiles/a.default-release

[General]
StartWithLastProfile=1
Version=2

[Install4F96D1932A9F858E]
Default=Profiles/a.default-release
Locked=1
"""
MODULES = """\
library=
name=NSS Internal PKCS #11 Module
parameters=configdir='sql:/home/person/.mozilla'

library=C:\\Windows\\System32\\cps3_pkcs11_w64.dll
name=Module de sécurité CPS

"""

as_a_person = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root and Windows read what is forbidden"
)
with_links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")


class Profiles:
    """A folder of profiles, with one that Firefox opens by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = folder / "Profiles/a.default-release"
        self.write("profiles.ini", LIST)
        self.write(self.own / "extensions.json", add_ons())

    def write(self, path: Path | str, content: str | bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def read(self, **changes: Any) -> FirefoxProfiles:
        place = Place(folder=self.folder, name="~/.mozilla/firefox", sandbox=Sandbox.NONE)
        return read_profiles([place], replace(CATALOGUE, **changes))

    def first(self) -> FirefoxProfile:
        return self.read().profiles[0]


def add_ons(*entries: dict[str, Any]) -> str:
    return json.dumps({"schemaVersion": 37, "addons": list(entries)})


def add_on(id_: str = OURS, version: str = "6.0.21", **changes: Any) -> dict[str, Any]:
    return {"id": id_, "version": version, "active": True, "visible": True, **changes}


def certificates(file: Path, *values: object) -> None:
    """A cert9.db as NSS makes one, with these values of CKA_VALUE."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as store, store:
        store.execute("CREATE TABLE nssPublic (id PRIMARY KEY UNIQUE ON CONFLICT ABORT, a0, a11)")
        store.executemany(
            "INSERT INTO nssPublic (a0, a11) VALUES (1, ?)", [(value,) for value in values]
        )


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return Profiles(tmp_path)


def test_a_profile_is_told_with_what_it_has_of_the_card(profiles: Profiles) -> None:
    profiles.write(profiles.own / "extensions.json", add_ons(add_on(), add_on("other@example")))
    profiles.write(profiles.own / "pkcs11.txt", MODULES)
    profile = profiles.first()
    assert profile.name.value == "default-release"
    assert (profile.place, profile.default) == ("~/.mozilla/firefox", True)
    assert profile.state is FileState.PRESENT
    assert profile.extensions == (Extension(id=OURS, version="6.0.21", active=True),)
    assert profile.modules == (
        SecurityModule(name="module de sécurité cps", library="cps3_pkcs11_w64.dll"),
    )
    assert profile.system_certificates is None
    assert profile.authorities == ()


def test_a_profile_without_the_extension_is_told(profiles: Profiles) -> None:
    assert profiles.first().extensions == ()
    assert profiles.first().state is FileState.PRESENT


@pytest.mark.parametrize("changes", [{"active": False}, {"active": None}, {"active": "yes"}])
def test_an_extension_that_is_not_active_is_told_so(changes: dict[str, Any]) -> None:
    (found,) = parse_extensions(add_ons(add_on(**changes)), {OURS})
    assert not found.active


def test_an_old_extension_is_told(profiles: Profiles) -> None:
    profiles.write(profiles.own / "extensions.json", add_ons(add_on(OLD, "4.0.0")))
    assert [each.id for each in profiles.first().extensions] == [OLD]


def test_an_extension_that_another_folder_hides_is_not_told() -> None:
    hidden = add_on(active=False, visible=False)
    assert [each.active for each in parse_extensions(add_ons(hidden, add_on()), {OURS})] == [True]


def test_an_extension_without_any_list_of_modules_is_an_unreadable_profile(
    profiles: Profiles,
) -> None:
    profiles.write(profiles.own / "extensions.json", add_ons(add_on()))
    assert profiles.first().state is FileState.UNREADABLE


def test_a_profile_that_was_never_opened_is_empty(profiles: Profiles) -> None:
    (profiles.own / "extensions.json").unlink()
    profiles.write(profiles.own / "times.json", '{"created": 1780000000000}')
    profile = profiles.first()
    assert (profile.state, profile.used) == (FileState.EMPTY, None)


def test_a_profile_whose_folder_is_gone_is_absent(profiles: Profiles) -> None:
    (profiles.own / "extensions.json").unlink()
    profiles.own.rmdir()
    assert profiles.first().state is FileState.ABSENT


def test_no_list_is_no_profile(tmp_path: Path) -> None:
    found = read_profiles([Place(folder=tmp_path / "none", name="x")], CATALOGUE)
    assert (found.profiles, found.unread) == ((), 0)


def test_the_last_use_is_when_firefox_last_wrote(profiles: Profiles) -> None:
    moment = datetime(2026, 11, 1, 8, tzinfo=UTC)
    places = profiles.write(profiles.own / "places.sqlite", "")
    os.utime(places, (moment.timestamp(), moment.timestamp()))
    os.utime(profiles.write(profiles.own / "times.json", "{}"), (0, 0))
    assert profiles.first().used == moment


def test_what_an_installer_writes_is_no_use(profiles: Profiles) -> None:
    """The macOS package writes these in every profile (its script « common », update_firefox)."""
    for name in (f"extensions/{OURS}.xpi", "prefs.js", "prefs_save.js"):
        profiles.write(profiles.own / name, "")
    assert profiles.first().used is None


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        (LIST, {"Profiles/a.default-release"}),
        ("[Profile0]\nPath=a\n[Profile1]\nPath=b\nDefault=1\n", {"b"}),
        ("[Profile0]\nPath=a\nDefault=1\n[Profile1]\nPath=b\n[InstallX]\nDefault=b\n", {"b"}),
        ("[Profile0]\nPath=a\n[Profile1]\nPath=b\n[InstallX]\nDefault=gone\n", set()),
        ("[Profile0]\nPath=alone\n", {"alone"}),
        ("[Profile0]\nPath=a\n[Profile1]\nPath=b\n", set()),
        ("[Profiles]\nPath=a\n[ProfileX]\nPath=b\n", set()),
        ("", set()),
    ],
)
def test_firefox_opens_the_profile_of_its_installation(text: str, opened: set[str]) -> None:
    assert parse_list(text, "")[1] == opened


def test_the_list_of_installations_counts_too() -> None:
    profiles = "[Profile0]\nPath=a\nDefault=1\n[Profile1]\nPath=b\n"
    assert parse_list(profiles, "[4F96D1932A9F858E]\nDefault=b\nLocked=1\n")[1] == {"b"}


@pytest.mark.parametrize(
    ("name", "library", "told"),
    [
        ("cps3", "/opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so", "libcps3_pkcs11_lux.so"),
        ("CPS3_x86", r"C:\Windows\SysWOW64\cps3_pkcs11_w32.dll", "cps3_pkcs11_w32.dll"),
        ("cps_2ter_pcsc", "/usr/lib/of jean dupont.so", ""),
        ("Module de Jean", "/usr/local/lib/libcps3_pkcs11_osx.dylib", "libcps3_pkcs11_osx.dylib"),
        ("OpenSC", "/usr/lib/opensc-pkcs11.so", "opensc-pkcs11.so"),
    ],
)
def test_a_module_of_the_card_is_told_without_what_people_wrote(
    name: str, library: str, told: str
) -> None:
    (found,) = parse_modules(f"library={library}\r\nname={name}\r\nNSS=x\r\n\r\n")
    assert found.library == told
    assert found.name == (name.lower() if "Jean" not in name else "")


@pytest.mark.parametrize("library", ["", "/usr/lib/libsofthsm2.so", "/usr/lib/cps3/other.so"])
def test_a_module_of_another_card_is_not_told(library: str) -> None:
    assert parse_modules(f"library={library}\nname=Another\n\n") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", None),
        ('user_pref("security.osclientcerts.autoload", true);', True),
        ('\r\nuser_pref("security.osclientcerts.autoload", false);\r\n', False),
        ('  user_pref( "security.osclientcerts.autoload" , true );', True),
        ('// user_pref("security.osclientcerts.autoload", true);', None),
        ('user_pref("security.osclientcerts.autoload", "true");', None),
        ('user_pref("security_osclientcerts_autoload", true);', None),
    ],
)
def test_only_a_setting_that_is_written_is_told(text: str, said: bool | None) -> None:
    assert parse_autoload(text) is said


def test_what_the_person_sets_for_each_start_counts_last(profiles: Profiles) -> None:
    setting = 'user_pref("security.osclientcerts.autoload", {});\n'
    profiles.write(profiles.own / "prefs.js", setting.format("false"))
    assert profiles.first().system_certificates is False
    profiles.write(profiles.own / "user.js", setting.format("true"))
    assert profiles.first().system_certificates is True


def test_an_authority_of_the_catalogue_is_found_in_the_store(profiles: Profiles) -> None:
    certificates(profiles.own / "cert9.db", b"ours", b"another", "text", None, 7, b"")
    ours = hashlib.sha1(b"ours", usedforsecurity=False).hexdigest().upper()
    known = replace(
        CATALOGUE.authorities,
        authorities=(KnownAuthority(name="x", sha1=ours), KnownAuthority(name="y", sha1="00")),
    )
    assert profiles.read(authorities=known).profiles[0].authorities == (ours,)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_store_leaves_the_authorities_unknown(profiles: Profiles, content: bytes) -> None:
    profiles.write(profiles.own / "cert9.db", content)
    profile = profiles.first()
    assert (profile.state, profile.authorities) == (FileState.PRESENT, None)


def test_a_store_that_would_be_read_for_ever_is_left(profiles: Profiles) -> None:
    endless = (
        "CREATE VIEW nssPublic AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT i AS a11 FROM n"
    )
    with closing(sqlite3.connect(profiles.own / "cert9.db")) as store, store:
        store.execute(endless)
    assert profiles.first().authorities is None


def test_a_store_that_firefox_is_writing_is_read_all_the_same(profiles: Profiles) -> None:
    certificates(profiles.own / "cert9.db", b"x")
    with closing(sqlite3.connect(profiles.own / "cert9.db")) as firefox:
        firefox.execute("BEGIN EXCLUSIVE")
        assert profiles.first().authorities == ()


def test_a_store_is_left_as_it_was(profiles: Profiles) -> None:
    certificates(profiles.own / "cert9.db", b"x")
    before = {file.name: file.stat().st_mtime_ns for file in profiles.own.iterdir()}
    profiles.read()
    assert {file.name: file.stat().st_mtime_ns for file in profiles.own.iterdir()} == before


def test_sixty_four_profiles_are_looked_at_and_the_rest_counted(profiles: Profiles) -> None:
    many = "".join(f"[Profile{n}]\nName={n}\nIsRelative=1\nPath=p{n}\n" for n in range(100))
    profiles.write("profiles.ini", many + "[InstallX]\nDefault=p99\n")
    found = profiles.read()
    assert (len(found.profiles), found.unread) == (64, 36)
    assert found.profiles[0].name.value == "99"


def test_a_profile_that_is_listed_twice_is_one(profiles: Profiles) -> None:
    profiles.write("profiles.ini", LIST + LIST)
    assert len(profiles.read().profiles) == 1


@pytest.mark.parametrize("path", ["/\0", "\\\\server\\share", "//server/share", "AAAAAAFO", ""])
def test_a_folder_that_must_not_be_looked_at_is_unreadable(profiles: Profiles, path: str) -> None:
    profiles.write("profiles.ini", f"[Profile0]\nName=x\nIsRelative=0\nPath={path}\n")
    assert profiles.first().state is FileState.UNREADABLE


def test_a_folder_anywhere_is_read_as_a_profile_and_no_more(
    profiles: Profiles, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    profiles.write("profiles.ini", f"[Profile0]\nIsRelative=0\nPath={elsewhere}\n")
    assert profiles.first().state is FileState.EMPTY


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b'{"addons": {}}', b"\xff\xfe\x00", b"[" * 100_000,
        b'{"addons": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda content: str(content[:12]),
)  # fmt: skip
def test_an_unusable_list_of_extensions_is_an_unreadable_profile(
    profiles: Profiles, content: bytes
) -> None:
    profiles.write(profiles.own / "extensions.json", content)
    assert profiles.first().state is FileState.UNREADABLE


def test_a_byte_order_mark_is_no_obstacle(profiles: Profiles) -> None:
    profiles.write("profiles.ini", "\ufeff" + LIST)
    profiles.write(profiles.own / "extensions.json", "\ufeff" + add_ons(add_on()))
    profiles.write(profiles.own / "pkcs11.txt", MODULES)
    assert [each.id for each in profiles.first().extensions] == [OURS]


def test_a_file_that_is_too_large_is_an_unreadable_profile(profiles: Profiles) -> None:
    with (profiles.own / "prefs.js").open("wb") as file:
        file.truncate((16 << 20) + 1)
    assert profiles.first().state is FileState.UNREADABLE


@with_links
def test_a_link_that_leads_to_itself_is_an_unreadable_profile(profiles: Profiles) -> None:
    (profiles.folder / "loop").symlink_to("loop")
    profiles.write("profiles.ini", "[Profile0]\nIsRelative=1\nPath=loop\n")
    assert profiles.first().state is FileState.UNREADABLE


@with_links
def test_a_folder_that_holds_itself_is_read_once(profiles: Profiles) -> None:
    (profiles.own / "Profiles").symlink_to(profiles.folder, target_is_directory=True)
    assert len(profiles.read().profiles) == 1


@with_links
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(profiles: Profiles) -> None:
    for name in ("pkcs11.txt", "cert9.db"):
        os.mkfifo(profiles.own / name)
    assert profiles.first().state is FileState.UNREADABLE


@pytest.mark.parametrize("name", ["profiles.ini", "Profiles/a.default-release/extensions.json"])
def test_a_folder_in_the_place_of_a_file_is_an_unreadable_profile(
    profiles: Profiles, name: str
) -> None:
    (profiles.folder / name).unlink()
    (profiles.folder / name).mkdir()
    (profile,) = profiles.read().profiles
    assert (profile.state, profile.default) == (FileState.UNREADABLE, True)


@as_a_person
def test_a_file_that_is_forbidden_is_an_unreadable_profile(profiles: Profiles) -> None:
    (profiles.own / "extensions.json").chmod(0)
    assert profiles.first().state is FileState.UNREADABLE


def test_a_name_that_commands_a_terminal_is_harmless(profiles: Profiles) -> None:
    profiles.write("profiles.ini", LIST.replace("default-release\n", "\x1b[31m<script>\n", 1))
    assert profiles.first().name.value == "[31m<script>"


@quick
@given(text=st.text(), installs=st.text())
def test_any_list_is_read(text: str, installs: str) -> None:
    profiles, opened = parse_list(text, installs)
    assert opened <= {each.get("Path", "") for each in profiles}


@quick
@given(text=st.text() | st.text(alphabet="library=name\n cps3.so\\/"))
def test_any_list_of_modules_is_read(text: str) -> None:
    for module in parse_modules(text):
        assert module.name or module.library
        assert all(character.isascii() for character in module.library)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(OURS),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "version"]), inner),
)


@quick
@given(addons=st.lists(_json))
def test_any_list_of_extensions_is_read(addons: list[Any]) -> None:
    found = parse_extensions(json.dumps({"addons": addons}), {OURS})
    assert all(each.id == OURS for each in found)


@quick
@given(
    text=st.text() | st.text(alphabet=' \t\n"user_pref(security.osclientcerts.autoload", true);')
)
def test_any_settings_are_read(text: str) -> None:
    assert parse_autoload(text) in (None, True, False)
