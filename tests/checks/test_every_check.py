"""What is true of every check, whatever the facts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from diagcps import registry
from diagcps.catalogue import Catalogue
from diagcps.check import Check, Facts, MissingFact, NotApplicable
from diagcps.probes import BUILT_IN, KINDS
from tests.builders import CATALOGUE, causes_of
from tests.strategies import bags, quick

CHECKS = registry.load(BUILT_IN, installed=False).checks


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
@quick
@given(facts=bags(*KINDS))
def test_no_fact_makes_it_raise(check: Check, facts: dict[type, Any]) -> None:
    known = {**facts, Catalogue: CATALOGUE}
    given_to_it = Facts({kind: known[kind] for kind in check.uses})
    try:
        found = causes_of(check.judge, given_to_it)
    except (MissingFact, NotApplicable):
        return
    assert len(found) <= 1
    assert set(found) <= set(check.causes)
