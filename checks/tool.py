"""Is this tool itself whole?"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import Area, CauseId, Check, CheckId, Evidence, Facts, Finding, Tool


def judge_tool(facts: Facts) -> Iterator[Finding | Evidence]:
    """Every part of the tool and every plug-in could be loaded."""
    tool = facts[Tool]
    yield Evidence(key="version", value=tool.version, source="diagcps")
    for part in tool.missing:
        yield Evidence(key="missing", value=part.part, source="import")
        yield Evidence(key="error", value=part.detail, source="import")
    if tool.missing:
        yield Finding(cause=CauseId("tool.incomplete"))


COMPLETE = Check(
    id=CheckId("tool.complete"),
    area=Area.TOOL,
    judge=judge_tool,
    uses=(Tool,),
    causes=(CauseId("tool.incomplete"),),
)
