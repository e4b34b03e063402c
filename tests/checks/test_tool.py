"""What the check of this tool itself says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from checks.tool import COMPLETE, judge_tool
from diagcps.check import Facts, MissingFact
from diagcps.facts import Tool
from diagcps.model import Evidence, Private
from tests.builders import bag, causes_of, evidence_of, failed, tool
from tests.strategies import bags, quick


def test_a_whole_tool_passes_and_says_its_version() -> None:
    assert causes_of(judge_tool, bag(tool())) == ()
    assert evidence_of(judge_tool, bag(tool())) == {"version": "1"}


def test_a_missing_part_is_found_once_and_named() -> None:
    facts = bag(tool("pyscard", "plug-in"))
    assert causes_of(judge_tool, facts) == ("tool.incomplete",)
    said = [each for each in judge_tool(facts) if isinstance(each, Evidence)]
    assert [each.value for each in said if each.key == "missing"] == ["pyscard", "plug-in"]


def test_the_words_of_the_error_are_private() -> None:
    assert isinstance(evidence_of(judge_tool, bag(tool("pyscard")))["error"], Private)


def test_a_tool_that_cannot_tell_about_itself_is_unknown() -> None:
    with pytest.raises(MissingFact):
        list(judge_tool(bag(missing={Tool: failed()})))


@quick
@given(facts=bags(*COMPLETE.uses))
def test_no_fact_makes_it_raise(facts: dict[type, Any]) -> None:
    try:
        found = causes_of(judge_tool, Facts(facts))
    except MissingFact:
        return
    assert set(found) <= set(COMPLETE.causes)
