"""The PC/SC codes and how they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.codes import PcscCode, describe
from tests.strategies import quick

scard = pytest.importorskip("smartcard.scard", reason="pyscard has the headers' own values")


def test_the_codes_are_those_of_the_headers() -> None:
    shared = [code for code in PcscCode if hasattr(scard, code.name)]
    theirs = {code: getattr(scard, code.name) & 0xFFFFFFFF for code in shared}
    assert len(theirs) >= len(PcscCode) - 2
    assert theirs == {code: code.value for code in theirs}


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (0, "SUCCESS (0x00000000)"),
        (0x109, "ERROR_BROKEN_PIPE (0x00000109)"),
        (0x8010001D, "SCARD_E_NO_SERVICE (0x8010001D)"),
        (0x80100069, "SCARD_W_REMOVED_CARD (0x80100069)"),
        (0x80100016, "SCARD_E_NOT_TRANSACTED (0x80100016)"),
        (0x80100099, "0x80100099"),
    ],
)
def test_a_code_is_shown_with_the_name_that_it_has(code: int, shown: str) -> None:
    assert describe(code) == shown


@quick
@given(code=st.integers(0, 2**32 - 1))
def test_every_code_is_shown_with_its_value(code: int) -> None:
    assert f"0x{code:08X}" in describe(code)
