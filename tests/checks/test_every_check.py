"""What is true of every check, whatever the facts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps import registry
from diagcps.catalogue import Catalogue
from diagcps.check import Check, Facts, MissingFact, NotApplicable
from diagcps.probes import BUILT_IN
from tests.builders import CATALOGUE, causes_of
from tests.strategies import bags, quick

CHECKS = registry.load(BUILT_IN, installed=False).checks


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
@quick
@given(data=st.data())
def test_no_fact_makes_it_raise(check: Check, data: st.DataObject) -> None:
    read = data.draw(bags(*(kind for kind in check.uses if kind is not Catalogue)))
    try:
        found = causes_of(check.judge, Facts({**read, Catalogue: CATALOGUE}))
    except (MissingFact, NotApplicable):
        return
    assert len(found) <= 1
    assert set(found) <= set(check.causes)
