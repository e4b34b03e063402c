"""What is read of a registry, whatever is in it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.host.windows_registry import Hive, Registry, Values, View
from diagcps.model import ProbeDenied, ProbeUnsupported
from tests.host.windows_tree import Tree
from tests.strategies import quick

KEY = r"SOFTWARE\ASIP\Cryptolib CPS"

anything = (
    st.text(max_size=20)
    | st.integers(0, 2**64)
    | st.binary(max_size=20)
    | st.lists(st.text(max_size=5), max_size=3)
    | st.none()
)


@pytest.fixture
def tree() -> Tree:
    return Tree()


def test_each_view_has_its_own_values(tree: Tree) -> None:
    tree.put(KEY, {"Version": "5.2.6"}, view="64")
    tree.put(KEY, {"Version": "5.1.7"}, view="32")
    registry = Registry(tree)

    found = [registry.values(KEY, "Version", view=view).text("Version") for view in View]

    assert found == ["5.2.6", "5.1.7"]


def test_a_person_has_settings_of_their_own(tree: Tree) -> None:
    tree.put(KEY, {"Traces": 1}, hive="HKCU")
    registry = Registry(tree)

    assert registry.values(KEY, "Traces", hive=Hive.PERSON).number("Traces") == 1
    assert not registry.values(KEY, "Traces")


def test_a_key_that_is_not_there_has_no_values_and_no_keys(tree: Tree) -> None:
    registry = Registry(tree)

    assert not registry.is_there(KEY)
    assert not registry.values(KEY, "Version")
    assert registry.keys(KEY) == ()


def test_a_key_that_may_not_be_opened_is_denied_and_not_absent(tree: Tree) -> None:
    tree.put(KEY, {"Version": "5.2.6"})
    tree.denied.add(rf"HKLM\{KEY}".upper())
    registry = Registry(tree)

    for ask in (registry.is_there, registry.keys, registry.values):
        with pytest.raises(ProbeDenied):
            ask(KEY)


def test_keys_that_may_not_be_opened_are_left_out_of_a_list(tree: Tree) -> None:
    tree.put(rf"{KEY}\One", {"Name": "one"})
    tree.put(rf"{KEY}\Two", {"Name": "two"})
    tree.denied.add(rf"HKLM\{KEY}\One".upper())

    found = [(key, values.text("Name")) for key, values in Registry(tree).each(KEY, "Name")]

    assert found == [("Two", "two")]


def test_a_thousand_keys_of_a_list_are_looked_at(tree: Tree) -> None:
    for number in range(1001):
        tree.put(rf"{KEY}\{number:04}", {})

    assert len(Registry(tree).keys(KEY)) == 1000


class Unopenable(Tree):
    """Refuses a name with a NUL in it, as winreg does."""

    def OpenKey(self, *_: Any) -> Any:  # noqa: N802
        raise ValueError("embedded null character")


def test_a_key_that_no_program_can_open_is_not_there() -> None:
    assert not Registry(Unopenable()).is_there("SOFTWARE\\a\0b")


@pytest.mark.parametrize("value", ["x" * (64 * 1024 + 1), 1, b"x", ["x"], None])
def test_what_is_no_text_or_too_long_is_no_text(value: Any) -> None:
    assert Values(found={"name": value}).text("name") == ""


def test_a_text_commands_no_terminal() -> None:
    assert Values(found={"name": " a\x1b[2J\0b\ud800\n "}).text("name") == "a[2Jb"


@quick
@given(st.dictionaries(st.sampled_from("abc"), anything), st.sampled_from("abcd"))
def test_a_value_is_what_it_is_asked_for_or_not_there(found: dict[str, Any], name: str) -> None:
    values = Values(found=found)

    assert values.text(name).isprintable()
    assert values.number(name) is None or values.number(name) == found[name]
    assert values.data(name) in (b"", found.get(name))
    assert all(text in found[name] for text in values.texts(name))


@pytest.mark.skipif(sys.platform == "win32", reason="what other systems lack")
def test_elsewhere_there_is_no_registry() -> None:
    with pytest.raises(ProbeUnsupported):
        Registry().values(KEY, "Version")
