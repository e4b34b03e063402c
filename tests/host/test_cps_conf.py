"""The Cryptolib's settings file; what the publisher's own files and script write is written so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.cps_conf import parse_conf
from tests.strategies import quick

NAMES = ("traces", "debug", "galss", "sign-hash")


def test_what_the_installer_lays_down_is_read() -> None:
    text = "Traces\n{\n  active = false;\n  debug = 0;\n}\n"

    assert parse_conf(text) == (("traces", "false"), ("debug", "0"))


def test_traces_that_were_switched_on_are_told() -> None:
    text = "Sign_Hash\n{\n\tactive = true;\n}\ntraces\n{\n\tactive = true;\n\tdebug = 10;\n}\n"

    assert parse_conf(text) == (("traces", "true"), ("debug", "10"), ("sign-hash", "true"))


@pytest.mark.parametrize("text", ["galss = 1", "galss = true;", "filiere=galss", "Galss = 1\n"])
def test_the_way_through_galss_is_told(text: str) -> None:
    assert parse_conf(text) == (("galss", "true"),)
    assert parse_conf(f"pkcs11 {{ {text} }}") == (("galss", "true"),)


@pytest.mark.parametrize("text", ["# galss = 1", "# filiere=galss\n", "Galss { tpc = 3; }"])
def test_a_remark_and_a_section_of_that_name_say_nothing_of_it(text: str) -> None:
    assert parse_conf(text) == ()


def test_the_way_over_pcsc_is_no_way_through_galss() -> None:
    assert parse_conf("galss = 0;") == (("galss", "false"),)
    assert parse_conf("filiere = pcsc;") == (("galss", "false"),)


def test_the_first_of_two_values_counts() -> None:
    assert parse_conf("traces { debug = 10; } traces { debug = 0; }") == (("debug", "10"),)


def test_a_missing_semicolon_ends_nothing_but_its_value() -> None:
    assert parse_conf("traces { active = true debug = 0x0A }") == (
        ("traces", "true"),
        ("debug", "10"),
    )


def test_quoted_marks_are_no_marks() -> None:
    assert parse_conf('traces { other = "}"; active = "yes"; }') == (("traces", "true"),)


def test_another_block_of_the_same_keys_is_another_thing() -> None:
    assert parse_conf("cache { active = true; debug = 3; }") == ()
    assert parse_conf("app { traces { active = true; } }") == ()


@pytest.mark.parametrize("value", ["much", "-1", "²", "99999999999999999999", '""'])
def test_a_level_that_is_no_number_is_a_number_all_the_same(value: str) -> None:
    ((name, level),) = parse_conf(f"traces {{ debug = {value}; }}")

    assert name == "debug"
    assert len(level) <= 10
    assert int(level) >= 0


def test_a_file_of_a_million_blocks_is_read_in_part() -> None:
    assert parse_conf("a {" * 1_000_000 + " galss = 1;") == ()
    assert parse_conf("galss = 1;" + "x" * 1_000_000) == (("galss", "true"),)


words = st.sampled_from([*"{}=;,#\"'\n", "traces", "active", "debug", "galss", "true", "1", "é"])


@quick
@given(st.text(max_size=200) | st.lists(words, max_size=60).map(" ".join))
def test_whatever_the_file_holds_each_setting_is_told_once_and_plainly(text: str) -> None:
    found = parse_conf(text)

    assert [name for name, _ in found] == [n for n in NAMES if n in dict(found)]
    for name, value in found:
        assert value.isdigit() if name == "debug" else value in ("true", "false")


@quick
@given(st.booleans(), st.integers(0, 10), st.booleans())
def test_what_is_written_is_read_back(traces: bool, debug: int, sign: bool) -> None:
    on, sign_on = ("true" if each else "false" for each in (traces, sign))
    text = f"traces\n{{\nactive = {on};\ndebug = {debug};\n}}\nSign_Hash {{ active = {sign_on}; }}"

    assert parse_conf(text) == (("traces", on), ("debug", str(debug)), ("sign-hash", sign_on))
