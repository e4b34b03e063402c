"""What is installed and set, asked of a Windows in which an installer's work is laid out."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .windows import HERE, WindowsPython, windows_path

LAYOUTS = HERE / "layouts"
PROVIDER = "ASIP Sante Cryptographic Provider"
EXTENSION = "CPS2ter-2020_Firefox@asipsante.fr"
SYSTEM_32, SYSWOW_64 = r"%SystemRoot%\System32", r"%SystemRoot%\SysWOW64"
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
NO_KEY = 0x8009200B
"""CRYPT_E_NO_KEY_PROPERTY: how Wine says that a key cannot be acquired."""

Told = dict[str, Any]
Ask = Callable[..., Told]


@pytest.fixture(scope="module")
def ask(windows: WindowsPython) -> Ask:
    """What every probe gives while layouts are laid out."""

    def asked(*layouts: Path, data: Path | None = None) -> Told:
        arguments = [part for each in layouts for part in ("--layout", windows_path(each))]
        arguments += ["--data", windows_path(data)] if data is not None else []
        finished = windows.run(windows_path(HERE / "probe_host.py"), *arguments)
        assert finished.code == 0, finished.err
        given: Told = json.loads(finished.out)
        return given

    return asked


@pytest.fixture(scope="module")
def bare(ask: Ask) -> Told:
    """A Windows without anything of the card."""
    return ask()


@pytest.fixture(scope="module")
def installed(ask: Ask) -> Told:
    """A Windows with the Cryptolib."""
    return ask(LAYOUTS / "cryptolib.toml")


@pytest.fixture(scope="module")
def changed(ask: Ask) -> Told:
    """The same, when much has happened to it since."""
    return ask(LAYOUTS / "cryptolib.toml", LAYOUTS / "changed.toml")


def component(told: Told, name: str, place: str) -> Told:
    """A component by its name and folder."""
    expected: list[Told] = told["Components"]["expected"]
    (found,) = (each for each in expected if (each["name"], each["place"]) == (name, place))
    return found


def test_every_question_is_answered(bare: Told) -> None:
    assert {name for name, fact in bare.items() if fact == "unsupported"} == {
        "pcsc_clients",
        "MacCards",
    }
    assert not [name for name, fact in bare.items() if fact in ("denied", "unavailable")]


def test_a_windows_without_the_cryptolib_has_nothing_of_it(bare: Told) -> None:
    assert bare["Products"]["products"] == []
    assert {each["state"] for each in bare["Components"]["expected"]} == {"absent"}
    assert (bare["Components"]["copies"], bare["Components"]["leftovers"]) == ([], [])
    registration = bare["Registration"]
    assert (registration["providers"], registration["modules"]) == ([], [])
    assert bare["Settings"]["settings"] == []
    assert {each["state"] for each in bare["Settings"]["folders"]} == {"absent"}
    assert bare["Software"]["running"] == []
    assert bare["Galss"]["state"] == "absent"
    assert bare["PersonCertificates"]["certificates"] == []


def test_the_machine_says_its_version_and_who_runs_this(bare: Told, changed: Told) -> None:
    machine = bare["Machine"]
    assert machine["version"].startswith("10.0.")
    assert (machine["role"], machine["managed"], machine["app_control"]) == (
        "workstation", False, None,
    )  # fmt: skip
    assert changed["Machine"]["version"] == f"{machine['version']}.4317"
    assert changed["Machine"]["app_control"] == "evaluation"
    assert (bare["Account"]["kind"], bare["Account"]["administrator"]) == ("person", True)


def test_the_installed_cryptolib_is_listed_once(installed: Told) -> None:
    (product,) = installed["Products"]["products"]
    assert (product["kind"], product["version"], product["architecture"]) == (
        "cryptolib", "5.2.6", "x86_64",
    )  # fmt: skip
    assert product["installed"] == "2024-09-02 00:00:00+00:00"


def test_an_older_one_in_the_other_view_is_told_apart(changed: Told) -> None:
    old = [each for each in changed["Products"]["products"] if each["kind"] == "old"]
    assert [(each["version"], each["architecture"], each["installed"]) for each in old] == [
        ("4.0.5", "x86", None)
    ]


@pytest.mark.parametrize(
    ("name", "place", "architecture"),
    [
        ("cps3_pkcs11_w64.dll", SYSTEM_32, "x86_64"),
        ("cps3_pkcs11_w32.dll", SYSWOW_64, "x86"),
        ("cps3_csp_w64.dll", SYSTEM_32, "x86_64"),
        ("cps3_csp_w32.dll", SYSWOW_64, "x86"),
        ("CCM.exe", r"%ProgramFiles%\santesocial\CPS", "x86_64"),
        ("cpgesw32.exe", r"%ProgramFiles(x86)%\santesocial\CPS", "x86"),
    ],
)
def test_each_program_says_its_version_and_kind(
    installed: Told, name: str, place: str, architecture: str
) -> None:
    found = component(installed, name, place)
    assert (found["state"], found["version"]) == ("present", "5.2.6")
    assert found["architectures"] == [architecture]
    assert len(found["md5"]) == 32


def test_the_dictionary_says_its_version(installed: Told) -> None:
    assert component(installed, "DICO-FR.GIP", "%SystemRoot%")["version"] == "2.18"


def test_a_library_that_is_gone_or_no_program_is_told(changed: Told) -> None:
    assert component(changed, "cps3_csp_w64.dll", SYSTEM_32)["state"] == "absent"
    nonsense = component(changed, "cps3_pkcs11_w64.dll", SYSTEM_32)
    assert (nonsense["state"], nonsense["version"], nonsense["architectures"]) == (
        "present", "", [],
    )  # fmt: skip


def test_copies_and_remains_are_found_where_they_are(changed: Told) -> None:
    (copy,) = changed["Components"]["copies"]
    assert copy["place"] == r"%ProgramFiles(x86)%\DmpConnect-JS2\cryptolib\x64"
    (left,) = changed["Components"]["leftovers"]
    assert (left["name"], left["version"]) == ("cps_pkcs11_w32.dll", "4.0.1.2")


def test_windows_knows_the_provider_in_both_views(installed: Told, changed: Told) -> None:
    providers = installed["Registration"]["providers"]
    assert [(each["view"], each["state"]) for each in providers] == [
        ("64", "present"), ("32", "present"),
    ]  # fmt: skip
    states = [each["state"] for each in changed["Registration"]["providers"]]
    assert states == ["absent", "present"]


def test_windows_knows_the_cards(installed: Told) -> None:
    cards = installed["Registration"]["cards"]
    assert [(each["name"][-4:], each["view"], each["provider"]) for each in cards] == [
        ("CPS3", "64", PROVIDER), ("- CL", "32", PROVIDER),
    ]  # fmt: skip


def test_firefox_finds_the_module_of_either_kind(installed: Told, changed: Told) -> None:
    modules = installed["Registration"]["modules"]
    assert [each["name"] for each in modules] == ["cps3", "cps3_x86"]
    assert {(each["manifest"], each["library"]) for each in modules} == {("present", "present")}
    assert all(each["allows"] == [EXTENSION] for each in modules)
    assert [each["name"] for each in changed["Registration"]["modules"]] == ["cps3"]


def test_what_the_person_set_counts_before_what_is_set_for_all(changed: Told) -> None:
    settings = [(s["name"], s["value"], s["source"]) for s in changed["Settings"]["settings"]]
    key = r"SOFTWARE\ASIP Sante\PKCS11"
    assert settings == [
        ("traces", "0", rf"HKCU\{key}"),
        ("debug", "10", rf"HKLM\{key} (64-bit)"),
        ("debug", "3", rf"HKLM\{key} (32-bit)"),
        ("galss", "true", r"%ALLUSERSPROFILE%\santesocial\cps\cps3_pkcs11.conf"),
    ]


def test_a_folder_that_its_list_locks_is_told(installed: Told, changed: Told) -> None:
    assert {each["writable"] for each in installed["Settings"]["folders"]} == {True}
    writable = {each["name"]: each["writable"] for each in changed["Settings"]["folders"]}
    assert writable == {"coffre": True, "log": False, "cache": True}


def test_each_service_says_its_state(installed: Told, changed: Told) -> None:
    states = {each["name"]: each["state"] for each in installed["Services"]["services"]}
    assert states == {
        "SCardSvr": "stopped", "CertPropSvc": "on-demand", "ScDeviceEnum": "on-demand",
    }  # fmt: skip
    states = {each["name"]: each["state"] for each in changed["Services"]["services"]}
    assert (states["CertPropSvc"], states["ScDeviceEnum"]) == ("disabled", "absent")


def test_the_certificate_manager_is_seen_while_it_runs(installed: Told, changed: Told) -> None:
    running = [(each["name"], each["processes"]) for each in installed["Software"]["running"]]
    assert running == [("Gestionnaire de certificats CPS", 1)]
    assert changed["Software"]["running"] == []


def test_galss_ini_is_read(changed: Told) -> None:
    (channel,) = changed["Galss"]["channels"]
    assert (channel["kind"], channel["reader"]["value"]) == ("pcsc", "READER 0")


def test_the_certificates_of_igc_sante_are_told_and_no_other(changed: Told) -> None:
    codes = {c["provider"]: c["code"] for c in changed["PersonCertificates"]["certificates"]}
    assert codes == {"Microsoft Enhanced Cryptographic Provider v1.0": 0, "Nobody": NO_KEY}


def test_authorities_are_found_in_each_store(ask: Ask, shared: Path) -> None:
    anchors = (HERE.parent.parent / "diagcps/card/simulator/anchors.pem").read_text()
    pem = anchors[anchors.index(BEGIN) : anchors.index(END)] + END
    der = base64.b64decode(pem.removeprefix(BEGIN).removesuffix(END))
    sha1 = hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
    (shared / "authorities.toml").write_text(
        f'date = "2099-01-01"\nsource = "test"\nauthorities = [{{ name = "A", sha1 = "{sha1}" }}]\n'
    )
    layout = shared / "stores.toml"
    layout.write_text(
        rf"""certificates = [
    {{ store = 'LocalMachine\CA', pem = '''{pem}''' }},
    {{ store = 'CurrentUser\ROOT', pem = '''{pem}''' }},
]
files = [{{ path = '%ALLUSERSPROFILE%\santesocial\cps\coffre\a.cer', hex = "{der.hex()}" }}]
"""
    )

    stores = ask(layout, data=shared)["AuthorityStores"]["stores"]

    assert [(s["kind"], s["held"]) for s in stores] == [
        ("coffre", [sha1]), ("system", []), ("system", [sha1]), ("system", [sha1]),
        ("system", [sha1]),
    ]  # fmt: skip


def test_a_value_of_a_megabyte_is_no_value(ask: Ask, shared: Path) -> None:
    layout = shared / "large.toml"
    large, path = "x" * (1 << 20), r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Large"
    layout.write_text(
        f"[[registry]]\nkey = '{path}'\n"
        f'values = {{ DisplayName = "Cryptolib CPS {large}", DisplayVersion = "{large}" }}\n'
        rf"[[registry]]{chr(10)}key = 'HKLM\SOFTWARE\ASIP\Cryptolib CPS'{chr(10)}"
        f'values = {{ Version = "05.02.02" }}\n'
    )

    (product,) = ask(layout)["Products"]["products"]

    assert (product["name"], product["version"]) == ("Cryptolib CPS", "05.02.02")


def test_what_is_laid_out_is_put_away(ask: Ask, bare: Told, changed: Told) -> None:
    again = ask()
    for name, fact in bare.items():
        if name != "Machine":
            assert again[name] == fact, name
    assert again["Machine"]["version"] == bare["Machine"]["version"]
