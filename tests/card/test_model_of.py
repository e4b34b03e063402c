"""A reader's name without what may be its serial number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card.pcsc import model_of
from tests.strategies import quick


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Gemalto PC Twin Reader (A1B2C3D4) 00 00", "Gemalto PC Twin Reader 00 00"),
        (
            "Maker Product [CCID Interface] (S/N 21) 01 00",
            "Maker Product [CCID Interface] 01 00",
        ),
        ("SCM SCR 3310 53311924204513 0", "SCM SCR 3310 0"),
        ("Reader-21251234 0", "0"),
        ("Alcor Micro AU9560 00 00", "Alcor Micro AU9560 00 00"),
        ("Microsoft UICC ISO Reader 5a26f63c 0", "Microsoft UICC ISO Reader 5a26f63c 0"),
        ("Reader\x1b[31m\x00 0", "Reader [31m 0"),
        ("(only a serial)", "?"),
        ("", "?"),
    ],
)
def test_the_model_is_the_name_without_a_serial_number(name: str, model: str) -> None:
    assert model_of(name) == model


@quick
@given(name=st.text(max_size=200))
def test_a_model_is_one_short_printable_line(name: str) -> None:
    model = model_of(name)
    assert 0 < len(model) <= 80
    assert model.isprintable()
    assert model == model.strip()


@quick
@given(
    serial=st.text(alphabet="0123456789ABCDEF", min_size=6, max_size=20),
    before=st.sampled_from(["Maker Product", "Maker Product [Interface]"]),
)
def test_what_stands_in_parentheses_never_stays(serial: str, before: str) -> None:
    assert model_of(f"{before} ({serial}) 00 00") == f"{before} 00 00"


@quick
@given(name=st.text(alphabet="0123456789 aZ(-)", max_size=60))
def test_no_word_keeps_six_digits(name: str) -> None:
    assert all(len(re.findall(r"\d", word)) < 6 for word in model_of(name).split())
