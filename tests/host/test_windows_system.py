"""Which Windows this is, and who runs the program on it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.windows_registry import Registry
from diagcps.host.windows_system import (
    account_kind,
    managed,
    read_account,
    read_app_control,
    read_machine,
)
from diagcps.host.windows_token import sid_text
from diagcps.model import ProbeUnsupported
from diagcps.workstation import AccountKind, AppControl
from tests.host.windows_tree import Tree
from tests.strategies import quick

POLICY = r"SYSTEM\CurrentControlSet\Control\CI\Policy"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (0, AppControl.OFF),
        (1, AppControl.ON),
        (2, AppControl.EVALUATION),
        (3, None),
        ("1", None),
        (b"\1", None),
    ],
)
def test_smart_app_control_says_its_state(state: Any, told: AppControl | None) -> None:
    tree = Tree()
    tree.put(POLICY, {"VerifiedAndReputablePolicyState": state})

    assert read_app_control(Registry(tree)) is told


def test_a_windows_without_smart_app_control_has_no_state_of_it() -> None:
    assert read_app_control(Registry(Tree())) is None


@pytest.mark.parametrize(
    ("in_a_domain", "enrolled", "told"),
    [
        (True, False, True),
        (False, True, True),
        (True, None, True),
        (None, True, True),
        (False, False, False),
        (None, False, None),
        (False, None, None),
        (None, None, None),
    ],
)
def test_a_machine_is_managed_when_either_says_so(
    in_a_domain: bool | None, enrolled: bool | None, told: bool | None
) -> None:
    assert managed(in_a_domain, enrolled) is told


@pytest.mark.parametrize(
    ("sid", "kind"),
    [
        ("S-1-5-18", AccountKind.SYSTEM),
        ("S-1-5-19", AccountKind.SYSTEM),
        ("S-1-5-20", AccountKind.SYSTEM),
        ("S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464", AccountKind.SYSTEM),
        ("S-1-5-82-1", AccountKind.SYSTEM),
        ("S-1-5-21-1-2-3-500", AccountKind.PERSON),
        ("S-1-5-180", AccountKind.PERSON),
        ("S-1-12-1-1", AccountKind.PERSON),
        ("", AccountKind.PERSON),
    ],
)
def test_the_systems_own_accounts_are_no_persons(sid: str, kind: AccountKind) -> None:
    assert account_kind(sid) is kind


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("010100000000000512000000", "S-1-5-18"),
        ("01020000000000052000000020020000", "S-1-5-32-544"),
        ("010500000000000515000000" + "01000000" * 3 + "f4010000" + "ffff", "S-1-5-21-1-1-1-500"),
        ("0100" + "0000000000" + "05", "S-1-5"),
        ("0101000000000005", ""),
        ("020100000000000512000000", ""),
        ("", ""),
    ],
)
def test_an_identifier_is_written_as_administrators_write_it(data: str, text: str) -> None:
    assert sid_text(bytes.fromhex(data)) == text


@quick
@given(st.binary(max_size=80))
def test_any_bytes_are_an_identifier_or_none(data: bytes) -> None:
    text = sid_text(data)
    assert text == "" or text.startswith("S-1-")


@pytest.mark.skipif(sys.platform == "win32", reason="what other systems lack")
def test_elsewhere_there_is_no_such_machine_and_no_such_account() -> None:
    with pytest.raises(ProbeUnsupported):
        read_machine(Registry(Tree()))
    with pytest.raises(ProbeUnsupported):
        read_account()


@pytest.mark.skipif(sys.platform != "win32", reason="a token of Windows")
def test_this_windows_says_who_it_is() -> None:
    machine = read_machine(Registry(Tree()))

    assert machine.version.count(".") == 2
    assert machine.started is not None
    assert read_account().administrator in (True, False)
