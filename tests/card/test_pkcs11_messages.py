"""What the process that reads a library says is taken for a stranger's word."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.pkcs11 import Called, parse_message
from diagcps.card.process import NotUnderstood
from diagcps.facts import Library, LibrarySlot, LibraryState, LibraryToken
from diagcps.model import Private, PrivateKind
from tests.strategies import quick

HASH = "0123456789abcdef" * 4
TOKEN: dict[str, Any] = {
    "serial": "00000042",
    "model": "IAS ECC",
    "flags": 0x40D,
    "certificates": [HASH, "-"],
    "mechanisms": [1, 13],
    "pin_lengths": [4, 8],
    "code": 0,
}
SLOT: dict[str, Any] = {"description": "SIMULE Lecteur", "token": TOKEN}
RESULT: dict[str, Any] = {
    "state": "read",
    "description": "CPS3 PKCS#11 LINUX",
    "version": "3.1",
    "slots": [SLOT, {"description": "", "code": 0xE0}],
}


def message(content: object) -> bytes:
    return json.dumps(content).encode()


def test_a_result_becomes_the_fact() -> None:
    assert parse_message(message({"result": RESULT})) == Library(
        state=LibraryState.READ,
        path="",
        description="CPS3 PKCS#11 LINUX",
        version="3.1",
        slots=(
            LibrarySlot(
                description=Private(PrivateKind.READER, "SIMULE Lecteur"),
                token=LibraryToken(
                    serial=Private(PrivateKind.SERIAL, "00000042"),
                    model="IAS ECC",
                    flags=0x40D,
                    certificates=(
                        Private(PrivateKind.CERTIFICATE, HASH),
                        Private(PrivateKind.CERTIFICATE, "-"),
                    ),
                    mechanisms=(1, 13),
                    pin_lengths=(4, 8),
                ),
            ),
            LibrarySlot(description=Private(PrivateKind.READER, ""), token=None, code=0xE0),
        ),
    )


def test_a_call_is_named() -> None:
    assert parse_message(message({"call": "C_Initialize"})) == Called(call="C_Initialize")


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        7,
        "call",
        ["call"],
        {"call": 7},
        {"result": None},
        {"result": {}},
        {"result": {"state": "happy"}},
        {"result": {**RESULT, "slots": {}}},
        {"result": {**RESULT, "slots": "ab"}},
        {"result": {**RESULT, "slots": [7]}},
        {"result": {**RESULT, "slots": [{}]}},
        {"result": {**RESULT, "code": -1}},
        {"result": {**RESULT, "code": 1 << 32}},
        {"result": {**RESULT, "code": True}},
        {"result": {**RESULT, "slots": [{**SLOT, "token": {}}]}},
        {"result": {**RESULT, "slots": [{**SLOT, "token": {**TOKEN, "serial": 42}}]}},
        {"result": {**RESULT, "slots": [{**SLOT, "token": {**TOKEN, "certificates": ["x"]}}]}},
        {"result": {**RESULT, "slots": [{**SLOT, "token": {**TOKEN, "certificates": "x"}}]}},
        {"result": {**RESULT, "slots": [{**SLOT, "token": {**TOKEN, "mechanisms": ["1"]}}]}},
        {"result": {**RESULT, "slots": [{**SLOT, "token": {**TOKEN, "flags": 1.5}}]}},
        {"result": {**RESULT, "slots": [{**SLOT, "token": {**TOKEN, "pin_lengths": [4]}}]}},
        {"result": {**RESULT, "slots": [{**SLOT, "token": {**TOKEN, "pin_lengths": [4, -1]}}]}},
    ],
)
def test_anything_else_is_not_understood(content: object) -> None:
    with pytest.raises(NotUnderstood):
        parse_message(message(content))


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"[" * 100_000, b"\xef\xbb\xbf{}", b"1" * 9999]
)
def test_what_is_no_json_is_not_understood(data: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse_message(data)


def test_the_code_of_the_loader_is_told_beside_its_words() -> None:
    refused = {"state": "load-failed", "detail": "[WinError 4551] x", "code": 4551}
    library = parse_message(message({"result": refused}))

    assert isinstance(library, Library)
    assert (library.state, library.code) == (LibraryState.LOAD_FAILED, 4551)


def test_a_text_without_end_is_cut() -> None:
    library = parse_message(message({"result": {"state": "load-failed", "detail": "x" * 10_000}}))

    assert isinstance(library, Library)
    assert library.detail is not None
    assert len(library.detail.value) <= 500


@quick
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_undeclared(data: bytes) -> None:
    with suppress(NotUnderstood):
        parse_message(data)


@quick
@given(st.integers(0, 400), st.binary(max_size=8), st.integers(0, 40))
def test_no_damage_to_a_message_raises_anything_undeclared(
    place: int, inserted: bytes, removed: int
) -> None:
    data = message({"result": RESULT})
    with suppress(NotUnderstood):
        parse_message(data[:place] + inserted + data[place + removed :])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*TOKEN, *SLOT, *RESULT, "result", "call", "detail"]), inner, max_size=8
        )
    ),
    max_leaves=30,
)


@quick
@given(values)
def test_no_json_raises_anything_undeclared(content: object) -> None:
    with suppress(NotUnderstood):
        parse_message(message(content))


@quick
@given(st.text(max_size=60))
def test_every_text_of_a_library_is_printable(text: str) -> None:
    result = {**RESULT, "description": text, "slots": [{**SLOT, "description": text}]}
    library = parse_message(message({"result": result}))

    assert isinstance(library, Library)
    assert library.description.isprintable()
    assert library.slots[0].description.value.isprintable()
