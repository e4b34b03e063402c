"""Hypothesis strategies: every fact there can be, for property tests."""

from __future__ import annotations

import enum
from datetime import UTC
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from diagcps import facts
from diagcps.model import Platform, Private, PrivateKind, ProbeFailure, Reason
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


privates = st.builds(Private, _one_of(PrivateKind), _text)

atrs = st.binary(max_size=33) | st.sampled_from(
    [b"", CPS3, CPS4, CONTACTLESS, CPS2TER, NEW_CPS, VITALE, AGENT, FOREIGN]
)

slots = st.builds(
    facts.Slot, name=privates, model=_text, state=_one_of(facts.SlotState), atr=atrs, code=_codes
)

failures = st.builds(
    ProbeFailure, reason=_one_of(Reason), detail=st.none() | privates
)  # fmt: skip


def _tuples(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=5).map(tuple)


_tool_parts = st.builds(facts.ToolPart, part=_text, detail=privates)
_usb = st.builds(facts.UsbReader, vendor_id=_text, product_id=_text, name=_text)

BY_KIND: dict[type, st.SearchStrategy[Any]] = {
    facts.Moment: st.builds(facts.Moment, at=st.datetimes(timezones=st.just(UTC))),
    facts.System: st.builds(
        facts.System, platform=_one_of(Platform), name=_text, architecture=_text
    ),
    facts.Session: st.builds(
        facts.Session, kind=_one_of(facts.SessionKind), redirects_cards=st.booleans(), source=_text
    ),
    facts.PcscService: st.builds(
        facts.PcscService,
        state=_one_of(facts.ServiceState),
        may_connect=st.booleans(),
        source=_text,
    ),
    facts.Pcsc: st.builds(facts.Pcsc, error=_codes, call=_text, slots=_tuples(slots)),
    facts.PcscClients: st.builds(facts.PcscClients, programs=_tuples(_text), source=_text),
    facts.UsbReaders: st.builds(facts.UsbReaders, readers=_tuples(_usb), source=_text),
    facts.Tool: st.builds(facts.Tool, version=_text, missing=_tuples(_tool_parts)),
}

_NEEDED = (facts.Moment, facts.System)

workstations: st.SearchStrategy[dict[type, Any]] = st.fixed_dictionaries(
    {kind: BY_KIND[kind] for kind in _NEEDED},
    optional={kind: each | failures for kind, each in BY_KIND.items() if kind not in _NEEDED},
)
"""The facts of a workstation, some missing, some never asked for."""


def bags(*kinds: type) -> st.SearchStrategy[dict[type, Any]]:
    """A fact of each of `kinds`, or why it is missing."""
    return st.fixed_dictionaries({kind: BY_KIND[kind] | failures for kind in kinds})
