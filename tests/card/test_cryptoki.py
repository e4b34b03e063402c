"""The part of PKCS#11 that a diagnosis knows, and the part that it has no name for."""

from __future__ import annotations

import ast
import ctypes
from pathlib import Path
from typing import Any

import pytest

from diagcps.card import _pkcs11_child, cryptoki, pkcs11
from diagcps.card.cryptoki import FunctionList, LibraryInfo, SlotInfo, TokenInfo

CARD = Path(cryptoki.__file__).parent

PLACES = {
    "C_Initialize": 0,
    "C_Finalize": 1,
    "C_GetInfo": 2,
    "C_GetSlotList": 4,
    "C_GetSlotInfo": 5,
    "C_GetTokenInfo": 6,
    "C_GetMechanismList": 7,
    "C_GetMechanismInfo": 8,
    "C_OpenSession": 12,
    "C_CloseSession": 13,
    "C_GetAttributeValue": 24,
    "C_FindObjectsInit": 26,
    "C_FindObjects": 27,
    "C_FindObjectsFinal": 28,
}
"""The entries of CK_FUNCTION_LIST that a diagnosis calls, counted from 0 (PKCS#11 2.20, annex)."""

FORBIDDEN = (
    *("C_Login", "C_Logout", "C_SetPIN", "C_InitPIN", "C_InitToken", "C_Sign", "C_Decrypt"),
    *("C_CreateObject", "C_DestroyObject", "C_SetAttributeValue", "C_GenerateKey", "C_UnwrapKey"),
    *("C_WaitForSlotEvent", "C_CancelFunction"),
)


def is_callable(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, ctypes._CFuncPtr)


def test_only_what_reads_without_a_code_can_be_called() -> None:
    callable_entries = {field[0] for field in FunctionList._fields_ if is_callable(field[1])}

    assert callable_entries == set(PLACES)


def test_every_other_entry_is_bytes_of_no_meaning() -> None:
    others = [field for field in FunctionList._fields_ if field[0] not in PLACES]

    assert others[0][0] == "version"
    for _, kind, *_ in others[1:]:
        assert issubclass(kind, ctypes.Array)
        assert kind._type_ is ctypes.c_ubyte


@pytest.mark.parametrize("name", PLACES)
def test_an_entry_has_its_place_in_the_list(name: str) -> None:
    pointer = ctypes.sizeof(ctypes.c_void_p)
    first = FunctionList.C_Initialize.offset

    assert first == (2 if cryptoki.IS_WINDOWS else pointer)
    assert getattr(FunctionList, name).offset == first + PLACES[name] * pointer


@pytest.mark.parametrize("module", [cryptoki, _pkcs11_child, pkcs11])
def test_no_module_of_the_reading_names_what_it_must_not_call(module: object) -> None:
    source = Path(str(getattr(module, "__file__", ""))).read_text(encoding="utf-8")

    assert not [name for name in FORBIDDEN if name in source]


def test_foreign_functions_are_made_in_two_modules_of_the_cards() -> None:
    makers = set()
    for path in CARD.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            module = node.module if isinstance(node, ast.ImportFrom) else ""
            if "ctypes" in (*names, module):
                makers.add(path.name)
    assert makers == {"cryptoki.py", "cryptoki_codes.py"}


def test_structures_are_laid_out_as_the_library_writes_them() -> None:
    long = ctypes.sizeof(ctypes.c_ulong)
    sizes = [ctypes.sizeof(kind) for kind in (LibraryInfo, SlotInfo, TokenInfo)]

    if cryptoki.IS_WINDOWS:
        assert sizes == [72, 104, 160]
    else:
        assert sizes == {4: [76, 104, 160], 8: [88, 112, 208]}[long]


@pytest.mark.parametrize(("winerror", "code"), [(4551, 4551), (-2146893818, 0x80090006), (None, 0)])
def test_what_the_loader_of_windows_answers_is_told_as_a_code(
    winerror: int | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = type("Refused", (OSError,), {"winerror": winerror})

    def refuse(*_: Any, **__: Any) -> None:
        raise refused("refused")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    said: list[dict[str, Any]] = []
    _pkcs11_child.read_library("library", said.append)
    assert said[-1] == {"result": {"state": "load-failed", "code": code, "detail": "refused"}}
