"""Hypothesis strategies: every fact there can be, for property tests."""

from __future__ import annotations

import enum
import sys
import types
import typing
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from diagcps import catalogue_parts, facts
from diagcps.model import Private, PrivateKind, ProbeFailure, Reason
from diagcps.probes import KINDS
from tests.builders import (
    AGENT,
    CONTACTLESS,
    CPS2TER,
    CPS3,
    CPS4,
    FOREIGN,
    NEW_CPS,
    VITALE,
)

quick = settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""Enough to meet every branch; no time limit that a busy machine breaks, no folder left behind."""

_text = st.text(max_size=40)
_codes = st.integers(0, 2**32 - 1) | st.sampled_from([0, 0x109, 0x8010001D, 0x8010001E, 0x8010006A])


def _one_of(kind: type[enum.Enum]) -> st.SearchStrategy[Any]:
    return st.sampled_from(kind)


# Few values, so that slots, serial numbers and fingerprints of different facts meet.
privates = st.builds(
    Private, _one_of(PrivateKind), _text | st.sampled_from(["00000001", "00000002", "a" * 64])
) | st.sampled_from([Private(PrivateKind.READER, "0"), Private(PrivateKind.READER, "1")])

atrs = st.binary(max_size=33) | st.sampled_from(
    [b"", CPS3, CPS4, CONTACTLESS, CPS2TER, NEW_CPS, VITALE, AGENT, FOREIGN]
)

slots = st.builds(
    facts.Slot, name=privates, model=_text, state=_one_of(facts.SlotState), atr=atrs, code=_codes
)

failures = st.builds(
    ProbeFailure, reason=_one_of(Reason), detail=st.none() | privates
)  # fmt: skip

_LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: _text,
    int: _codes | st.sampled_from([0, 1, 2, 3]),
    bool: st.booleans(),
    bytes: atrs,
    datetime: st.datetimes(timezones=st.just(UTC)),
    type(None): st.none(),
    Private: privates,
    facts.Slot: slots,
}


_PARTS = vars(catalogue_parts)
"""What the catalogue names without importing it."""


def every(kind: Any) -> st.SearchStrategy[Any]:
    """Every value that a field of that type may hold."""
    if kind in _LEAVES:
        return _LEAVES[kind]
    if isinstance(kind, types.UnionType):
        return st.one_of(*(every(each) for each in typing.get_args(kind)))
    if typing.get_origin(kind) is tuple:
        return st.lists(every(typing.get_args(kind)[0]), max_size=4).map(tuple)
    if issubclass(kind, enum.Enum):
        return _one_of(kind)
    hints = typing.get_type_hints(kind, {**vars(sys.modules[kind.__module__]), **_PARTS})
    return st.builds(kind, **{name: every(hint) for name, hint in hints.items()})


BY_KIND: dict[type, st.SearchStrategy[Any]] = {kind: every(kind) for kind in KINDS}

_NEEDED = (facts.Moment, facts.System)

workstations: st.SearchStrategy[dict[type, Any]] = st.fixed_dictionaries(
    {kind: BY_KIND[kind] for kind in _NEEDED},
    optional={kind: each | failures for kind, each in BY_KIND.items() if kind not in _NEEDED},
)
"""The facts of a workstation, some missing, some never asked for."""


def bags(*kinds: type) -> st.SearchStrategy[dict[type, Any]]:
    """A fact of each of `kinds`, or why it is missing."""
    return st.fixed_dictionaries({kind: BY_KIND[kind] | failures for kind in kinds})
