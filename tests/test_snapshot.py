"""Facts as data: what is saved comes back exactly, and what comes from others is not believed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.facts import Moment, Pcsc, SlotState, System, Tool
from diagcps.model import PrivateKind, ProbeFailure, Reason, UsageError
from diagcps.probes import KINDS
from diagcps.snapshot import LARGEST_BYTES, SCHEMA, Snapshot, dump, from_data, load, read_file
from tests.builders import (
    NOW,
    clients,
    failed,
    held,
    moment,
    pcsc,
    secret,
    service,
    session,
    slot,
    system,
    tool,
    usb,
)
from tests.strategies import BY_KIND, quick, workstations


def saved(*facts: Any) -> Snapshot:
    """A snapshot of a workstation with `facts`."""
    everything = {type(fact): fact for fact in (moment(), system(), *facts)}
    return Snapshot(facts=everything)


def document(*facts: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(dump(saved(*facts)))
    return parsed


def loaded(data: object) -> Snapshot:
    return load(json.dumps(data).encode(), KINDS)


def refusal(data: bytes) -> str:
    """The one line with which `data` is refused."""
    with pytest.raises(UsageError) as refused:
        load(data, KINDS)
    line = str(refused.value)
    assert line
    assert "\n" not in line
    assert len(line) < 300
    return line


def test_every_fact_has_a_strategy() -> None:
    assert set(BY_KIND) == set(KINDS)


@quick
@given(facts=workstations, simulated=st.booleans())
def test_what_is_saved_comes_back_exactly(facts: dict[type, Any], simulated: bool) -> None:
    snapshot = Snapshot(facts=facts, simulated=simulated)
    assert load(dump(snapshot).encode(), KINDS) == snapshot


HIDDEN = st.text(alphabet="§¤¥¶", min_size=8, max_size=20)
"""Letters that no other value of a snapshot has."""


@quick
@given(values=st.lists(HIDDEN, min_size=1, max_size=4, unique=True))
def test_a_snapshot_that_is_given_away_holds_no_private_value(values: list[str]) -> None:
    slots = [slot(SlotState.EMPTY, name=value) for value in values]
    text = dump(saved(pcsc(*slots), failure(values[0])), private=False)
    assert not any(value in text for value in values)
    given_away = load(text.encode(), KINDS).facts[Pcsc]
    assert len({each.name for each in given_away.slots}) == len(values)


def failure(value: str) -> Tool:
    part = tool("part").missing[0]
    return Tool(version="1", missing=(type(part)(part="part", detail=secret(value)),))


def test_private_values_stand_apart_from_the_facts() -> None:
    kept = document(pcsc(slot(SlotState.EMPTY, name="NAME (SERIAL)")))
    assert "SERIAL" not in json.dumps(kept["facts"])
    assert kept["private"] == [{"kind": "reader", "value": "NAME (SERIAL)"}]


def test_one_private_value_is_kept_once_and_two_kinds_of_it_twice() -> None:
    kept = document(pcsc(slot(name="same"), slot(name="same")), failure("same"))
    assert [entry["kind"] for entry in kept["private"]] == ["reader", "text"]


def test_why_a_fact_is_missing_comes_back() -> None:
    snapshot = saved()
    facts = {**snapshot.facts, Pcsc: failed(Reason.DENIED, "because")}
    again = load(dump(Snapshot(facts=facts)).encode(), KINDS)
    assert again.facts[Pcsc] == ProbeFailure(reason=Reason.DENIED, detail=secret("because"))


def test_a_snapshot_says_when_it_was_taken_and_of_what() -> None:
    again = loaded(document())
    assert (again.moment, again.system) == (NOW, system())


def test_a_fact_of_a_plug_in_that_is_not_there_is_left_out() -> None:
    data = document()
    data["facts"]["Unknown"] = {"any": "thing"}
    data["missing"]["Unheard"] = 3
    assert loaded(data).facts.keys() == {Moment, System}


def test_fields_that_a_later_version_added_are_ignored() -> None:
    data = document(pcsc(held()))
    data["later"] = data["facts"]["Pcsc"]["later"] = data["facts"]["Pcsc"]["slots"][0]["x"] = [1]
    assert loaded(data) == saved(pcsc(held()))


def test_fields_with_a_default_may_be_absent() -> None:
    data = document()
    data["facts"]["Pcsc"] = {}
    assert loaded(data).facts[Pcsc] == Pcsc()


def test_toml_may_say_its_moment_as_a_date() -> None:
    data = document()
    data["facts"]["Moment"]["at"] = NOW
    assert from_data(data, KINDS).moment == NOW


@quick
@given(data=st.binary(max_size=300))
def test_any_bytes_are_refused_in_one_line(data: bytes) -> None:
    refusal(data)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@quick
@given(data=_json)
def test_any_json_is_refused_in_one_line(data: object) -> None:
    refusal(json.dumps(data).encode())


FULL = document(
    pcsc(slot(), held(b"\x3b\x00")), tool("part"), clients("other"), session(), service(), usb("R")
)


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value of a document."""
    found = [path] if path else []
    if isinstance(node, dict):
        children = list(node.items())
    else:
        children = list(enumerate(node)) if isinstance(node, list) else []
    for key, child in children:
        found += _places(child, (*path, key))
    return found


@quick
@given(place=st.sampled_from(_places(FULL)), value=_json)
def test_any_value_in_any_place_is_read_or_refused_in_one_line(
    place: tuple[Any, ...], value: object
) -> None:
    data = json.loads(json.dumps(FULL))
    node = data
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    try:
        assert isinstance(loaded(data), Snapshot)
    except UsageError as refused:
        assert "\n" not in str(refused)


@quick
@given(place=st.sampled_from(_places(FULL)))
def test_any_value_may_be_absent_or_is_missed_in_one_line(place: tuple[Any, ...]) -> None:
    data = json.loads(json.dumps(FULL))
    node = data
    for key in place[:-1]:
        node = node[key]
    del node[place[-1]]
    try:
        assert isinstance(loaded(data), Snapshot)
    except UsageError as refused:
        assert "\n" not in str(refused)


@pytest.mark.parametrize("part", range(0, 100, 7))
def test_a_truncated_snapshot_is_refused(part: int) -> None:
    data = dump(saved(pcsc(slot()))).encode().rstrip()
    assert refusal(data[: len(data) * part // 100]).startswith("not a snapshot: ")


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_a_hundred_thousand_brackets_are_refused(opening: str) -> None:
    assert "nested too deeply" in refusal(opening.encode() * 100_000)
    closed = b"[" * 100_000 + b"]" * 100_000
    assert "nested too deeply" in refusal(closed)


def test_what_is_nested_more_than_any_fact_is_refused() -> None:
    node: object = 1
    for _ in range(50):
        node = [node]
    data = document()
    data["facts"]["Unknown"] = node
    assert refusal(json.dumps(data).encode()) == "not a snapshot: nested too deeply"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", "diagcps.snapshot/2"),
        ("schema", None),
        ("facts", []),
        ("missing", "x"),
        ("private", {}),
        ("private", [{"kind": "unheard", "value": ""}]),
        ("private", [{"kind": "text", "value": 3}]),
        ("simulated", "no"),
        ("simulated", 1),
    ],
)
def test_a_document_of_another_shape_is_refused(field: str, value: object) -> None:
    assert refusal(json.dumps({**document(), field: value}).encode()).startswith("not a snapshot: ")


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("Moment", {"at": "yesterday"}),
        ("Moment", {"at": "2026-11-21T20:00:00"}),
        ("Moment", {"at": 0}),
        ("Moment", {}),
        ("System", {"platform": "amiga", "name": "", "architecture": ""}),
        ("System", {"platform": ["linux"], "name": "", "architecture": ""}),
        ("Pcsc", {"error": "0"}),
        ("Pcsc", {"error": True}),
        ("Pcsc", {"error": 1.0}),
        ("Pcsc", {"slots": {}}),
        ("Pcsc", {"slots": [{}]}),
        ("Pcsc", {"slots": [{"name": {"private": 9}, "model": "", "state": "empty"}]}),
        ("Pcsc", {"slots": [{"name": {"private": -1}, "model": "", "state": "empty"}]}),
        ("Pcsc", {"slots": [{"name": {"private": True}, "model": "", "state": "empty"}]}),
        ("Pcsc", {"slots": [{"name": "x", "model": "", "state": "empty"}]}),
        ("Pcsc", {"slots": [{"name": {"private": 0}, "model": "", "state": "?"}]}),
        (
            "Pcsc",
            {"slots": [{"name": {"private": 0}, "model": "", "state": "ready", "atr": "3Z"}]},
        ),
        ("Pcsc", {"slots": [{"name": {"private": 0}, "model": "", "state": "ready", "atr": [59]}]}),
        ("PcscClients", {"programs": "one", "source": ""}),
        ("PcscClients", {"programs": [1], "source": ""}),
        ("Session", {"kind": "local", "redirects_cards": 0, "source": ""}),
        ("Tool", None),
    ],
)
def test_a_fact_of_the_wrong_type_is_refused_by_its_name(fact: str, value: object) -> None:
    data = document(pcsc(slot()))
    data["facts"][fact] = value
    assert fact in refusal(json.dumps(data).encode())


@pytest.mark.parametrize("fact", ["Moment", "System"])
def test_a_snapshot_without_its_moment_or_its_system_is_refused(fact: str) -> None:
    data = document()
    del data["facts"][fact]
    assert refusal(json.dumps(data).encode()) == f"the snapshot has no {fact}"
    data["missing"][fact] = {"reason": "denied"}
    assert refusal(json.dumps(data).encode()) == f"the snapshot has no {fact}"


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"], ids=["before", "after"]
)
def test_a_moment_outside_of_the_calendar_is_refused(at: str) -> None:
    data = document()
    data["facts"]["Moment"]["at"] = at
    assert "Moment.at" in refusal(json.dumps(data).encode())


def test_half_a_character_is_refused() -> None:
    data = document(pcsc(slot()))
    data["facts"]["Pcsc"]["slots"][0]["model"] = "\ud800"
    assert "Pcsc.slots[0].model" in refusal(json.dumps(data).encode())
    data = document(pcsc(slot()))
    data["private"][0]["value"] = "\ud800"
    assert "private[0].value" in refusal(json.dumps(data).encode())


def test_a_moment_elsewhere_is_the_same_moment() -> None:
    data = document()
    data["facts"]["Moment"]["at"] = "2026-11-21T22:00:00+02:00"
    assert loaded(data).moment == datetime(2026, 11, 21, 20, tzinfo=UTC)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(UsageError, match="larger than 8 MiB"):
        read_file(path)


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES)
    assert len(read_file(path)) == LARGEST_BYTES


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*: No such file"):
        read_file(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot read "):
        read_file(tmp_path)


def test_the_text_is_of_the_schema_that_it_names() -> None:
    assert document()["schema"] == SCHEMA == "diagcps.snapshot/1"


def test_every_kind_of_private_value_comes_back() -> None:
    for kind in PrivateKind:
        one = slot(SlotState.EMPTY)
        fact = Pcsc(slots=(type(one)(name=secret("v", kind), model="m", state=one.state),))
        assert loaded(document(fact)).facts[Pcsc] == fact
