"""A code shows itself nowhere, and is gone once it was used."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.act import Codes
from diagcps.secret import Secret
from tests.strategies import quick

CODE = b"73915"


def secret(data: bytes = CODE) -> Secret:
    return Secret(bytearray(data))


TEXTS: dict[str, Callable[[Secret], str]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "format with a specification": lambda code: f"{code:>40}",
    "percent": lambda code: "%s %r" % (code, code),  # noqa: UP031 (it is what is tested)
    "in a list": lambda code: str([code]),
    "in a dataclass": lambda code: repr(Codes(given=code, new=secret())),
    "ascii": ascii,
}


@pytest.mark.parametrize("way", TEXTS)
def test_a_secret_is_never_shown_as_text(way: str) -> None:
    shown = TEXTS[way](secret())
    assert "<secret>" in shown
    assert CODE.decode() not in shown


def test_a_secret_is_logged_as_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("%s %r", secret(), {"code": secret()})
    assert CODE.decode() not in caplog.text


def test_a_traceback_shows_no_secret() -> None:
    def fail(code: Secret) -> None:
        raise ValueError(code)

    try:
        fail(secret())
    except ValueError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert CODE.decode() not in "".join(told.format())


COPIES: dict[str, Callable[[Secret], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "pickle 0": lambda code: pickle.dumps(code, 0),
    "json": json.dumps,
    "hash": hash,
    "a key": lambda code: {code: 1},
    "its attributes": vars,
    "bytes": bytes,
    "its bytes one by one": list,
    "asdict": lambda code: dataclasses.asdict(Codes(given=code)),
}


@pytest.mark.parametrize("way", COPIES)
def test_a_secret_is_not_copied(way: str) -> None:
    with pytest.raises(TypeError) as raised:
        COPIES[way](secret())
    assert CODE.decode() not in str(raised.value)


def test_it_holds_what_was_handed_over_and_no_copy() -> None:
    data = bytearray(CODE)
    assert Secret(data).reveal() is data


@given(st.binary(max_size=80))
@quick
def test_wiping_zeroes_what_was_handed_over(code: bytes) -> None:
    data = bytearray(code)
    held = Secret(data)
    held.wipe()
    assert data == bytes(len(code))
    assert (len(held), held.reveal()) == (0, bytearray())
    held.wipe()


def test_wiping_zeroes_what_somebody_still_looks_at() -> None:
    data = bytearray(CODE)
    with memoryview(data) as seen:
        Secret(data).wipe()
        assert bytes(seen) == bytes(len(CODE))


def test_a_block_wipes_the_code_that_it_was_for() -> None:
    data = bytearray(CODE)
    with Secret(data) as code:
        assert code.reveal() == CODE
    assert data == bytes(len(CODE))


def test_a_block_that_fails_wipes_it_too() -> None:
    data = bytearray(CODE)
    with pytest.raises(KeyError), Secret(data):
        raise KeyError
    assert data == bytes(len(CODE))


@given(st.binary(max_size=8), st.binary(max_size=8))
@quick
def test_two_secrets_are_equal_when_their_codes_are(one: bytes, other: bytes) -> None:
    assert (secret(one) == secret(other)) is (one == other)
    assert secret(one) == secret(one)
    assert len(secret(one)) == len(one)


@pytest.mark.parametrize("other", [CODE, bytearray(CODE), CODE.decode(), None, 73915])
def test_a_secret_equals_no_other_thing(other: object) -> None:
    assert secret() != other
