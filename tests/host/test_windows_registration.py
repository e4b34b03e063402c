"""What tells Windows and Firefox that the Cryptolib is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.facts import FileState
from diagcps.host.windows_registration import could_be_a_cps, read_registration
from diagcps.model import ProbeDenied
from diagcps.workstation import RegisteredModule, Registration
from tests.builders import CATALOGUE, CPS3, CPS4
from tests.host.windows_root import Windows
from tests.strategies import quick

NAME = "ASIP Sante Cryptographic Provider"
PROVIDER = rf"SOFTWARE\Microsoft\Cryptography\Defaults\Provider\{NAME}"
CARDS = r"SOFTWARE\Microsoft\Cryptography\Calais\SmartCards"
MODULES = r"SOFTWARE\Mozilla\PKCS11Modules"
ATR = bytes.fromhex("3B00000000001225006480000000009000")
MASK = bytes.fromhex("FF00000000FFFFFFFFFFFF000000FFFFFF")
EXTENSION = CATALOGUE.cryptolib.extension
ABSENT, PRESENT, UNREADABLE = FileState.ABSENT, FileState.PRESENT, FileState.UNREADABLE


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    return Windows(tmp_path)


def read(windows: Windows) -> Registration:
    return read_registration(windows.registry, windows.places, CATALOGUE.cryptolib)


def card(**values: Any) -> dict[str, Any]:
    return {"ATR": ATR, "ATRMask": MASK, "Crypto Provider": NAME, **values}


def module(windows: Windows, written: Any, name: str = "cps3", view: str = "64") -> None:
    windows.tree.put(rf"{MODULES}\{name}", {"": written}, view=view)


def manifest(windows: Windows, library: str, *allows: str, name: str = "cps3.json") -> str:
    text = json.dumps({"type": "pkcs11", "path": library, "allowed_extensions": allows})
    return str(windows.write(f"ProgramData/santesocial/cps/{name}", text.encode()))


def only(windows: Windows) -> RegisteredModule:
    (found,) = read(windows).modules
    return found


def test_a_windows_without_the_cryptolib_knows_nothing_of_it(windows: Windows) -> None:
    found = read(windows)

    assert (found.providers, found.cards, found.modules) == ((), (), ())


def test_each_view_names_its_own_provider(windows: Windows) -> None:
    windows.write("Windows/System32/cps3_csp_w64.dll")
    windows.tree.put(PROVIDER, {"Image Path": "cps3_csp_w64.dll"}, view="64")
    windows.tree.put(PROVIDER, {"Image Path": r"%SystemRoot%\System32\gone.dll"}, view="32")

    found = [(each.view, each.image, each.state) for each in read(windows).providers]

    assert found == [
        ("64", "cps3_csp_w64.dll", PRESENT),
        ("32", r"%SystemRoot%\System32\gone.dll", ABSENT),
    ]


def test_a_provider_for_32_bit_programs_is_where_they_are_shown_it(windows: Windows) -> None:
    windows.write("Windows/SysWOW64/cps3_csp_w32.dll")
    image = r"%SystemRoot%\System32\cps3_csp_w32.dll"
    windows.tree.put(PROVIDER, {"Image Path": image}, view="32")

    assert [each.state for each in read(windows).providers] == [PRESENT]


@pytest.mark.parametrize(
    ("image", "shown", "state"),
    [
        ("", "", ABSENT),
        (7, "", ABSENT),
        ("x" * (1 << 20), "", ABSENT),
        (r"\\server\share\csp.dll", r"\\server\share\csp.dll", UNREADABLE),
        (r"C:\Users\Marie\csp.dll", "csp.dll", ABSENT),
        (r"%TEMP%\<script>.dll", r"%TEMP%\<script>.dll", UNREADABLE),
    ],
)
def test_a_provider_with_a_strange_library_is_told(
    windows: Windows, image: Any, shown: str, state: FileState
) -> None:
    windows.tree.put(PROVIDER, {"Image Path": image}, view="64")

    (found,) = read(windows).providers

    assert found.image == shown
    # A path that Windows would understand is looked at there alone.
    assert found.state in (state, UNREADABLE)


def test_the_cards_that_windows_takes_a_cps_for_are_told(windows: Windows) -> None:
    windows.tree.put(rf"{CARDS}\Carte de Professionnel de Sante CPS3", card(), view="64")
    windows.tree.put(rf"{CARDS}\Other", card(**{"Crypto Provider": "Other CSP"}), view="32")
    vitale = {"ATR": bytes.fromhex("3B751300"), "ATRMask": b"\xff" * 4, "Crypto Provider": "X"}
    windows.tree.put(rf"{CARDS}\Vitale", vitale)

    found = [(each.name, each.view, each.provider) for each in read(windows).cards]

    assert found == [
        ("Carte de Professionnel de Sante CPS3", "64", NAME),
        ("Other", "32", "Other CSP"),
    ]


def test_a_card_of_its_own_provider_is_told_whatever_it_is(windows: Windows) -> None:
    windows.tree.put(rf"{CARDS}\CL", card(ATR=b"\x3b\x8f", ATRMask=b"\xff"), view="64")

    assert [(each.atr, each.mask) for each in read(windows).cards] == [(b"\x3b\x8f", b"\xff")]


def test_an_answer_that_no_card_gives_is_left_out(windows: Windows) -> None:
    windows.tree.put(rf"{CARDS}\Long", card(ATR=ATR * 1000, ATRMask=MASK * 1000))

    assert read(windows).cards == ()


@pytest.mark.parametrize("atr", [CPS3, CPS4])
def test_the_answer_of_a_cps_could_be_one(atr: bytes) -> None:
    assert could_be_a_cps(atr, b"\xff" * len(atr))
    assert could_be_a_cps(bytes(len(atr)), bytes(len(atr)))
    assert not could_be_a_cps(bytes(len(atr)), b"\xff" * len(atr))
    assert not could_be_a_cps(atr, b"\xff")


@quick
@given(st.binary(max_size=33), st.binary(max_size=33))
def test_any_entry_can_be_compared(atr: bytes, mask: bytes) -> None:
    assert could_be_a_cps(atr, mask) in (True, False)


def test_firefox_finds_the_library_by_the_manifest(windows: Windows) -> None:
    windows.write("Windows/System32/cps3_pkcs11_w64.dll")
    module(windows, manifest(windows, r"%SystemRoot%\System32\cps3_pkcs11_w64.dll", EXTENSION))

    found = only(windows)

    assert (found.name, found.source) == ("cps3", rf"HKLM\{MODULES}")
    assert (found.manifest, found.library, found.allows) == (PRESENT, PRESENT, (EXTENSION,))


def test_the_module_for_a_32_bit_firefox_is_where_that_is_shown_it(windows: Windows) -> None:
    windows.write("Windows/SysWOW64/cps3_pkcs11_w32.dll")
    written = manifest(windows, r"%SystemRoot%\System32\cps3_pkcs11_w32.dll", name="x86.json")
    module(windows, written, "cps3_x86", "32")

    found = only(windows)

    assert (found.name, found.source) == ("cps3_x86", rf"HKLM\{MODULES} (32-bit)")
    assert found.library is PRESENT


def test_a_library_beside_its_manifest_is_found(windows: Windows) -> None:
    windows.write("ProgramData/santesocial/cps/beside.dll")
    module(windows, manifest(windows, "beside.dll"))

    assert only(windows).library is PRESENT


@pytest.mark.parametrize(
    ("library", "state"), [(r"\\server\x.dll", UNREADABLE), ("gone.dll", ABSENT), ("", ABSENT)]
)
def test_a_library_that_is_elsewhere_or_gone_is_told(
    windows: Windows, library: str, state: FileState
) -> None:
    module(windows, manifest(windows, library))

    assert (only(windows).manifest, only(windows).library) == (PRESENT, state)


@pytest.mark.parametrize(
    ("written", "state"),
    [("", ABSENT), (7, ABSENT), (r"\\server\cps3.json", UNREADABLE), ("%NOTHING%\\x", UNREADABLE)],
)
def test_a_manifest_that_cannot_be_looked_at_is_told(
    windows: Windows, written: Any, state: FileState
) -> None:
    module(windows, written)

    assert (only(windows).manifest, only(windows).library) == (state, state)


def test_modules_of_others_are_left_out(windows: Windows) -> None:
    module(windows, manifest(windows, "x.dll", "other@example.org", name="a.json"), "opensc")
    module(windows, manifest(windows, "x.dll", EXTENSION, name="b.json"), "renamed")

    assert only(windows).name == "renamed"


def test_a_key_that_may_not_be_opened_is_denied_and_not_missing(windows: Windows) -> None:
    windows.tree.put(PROVIDER, {"Image Path": "a.dll"})
    windows.tree.denied.add(rf"HKLM\{PROVIDER}".upper())

    with pytest.raises(ProbeDenied):
        read(windows)
