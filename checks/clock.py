"""Can the clock be right? What no network is needed to tell."""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import Area, CauseId, Check, CheckId, Evidence, Facts, Finding, Moment

_WRONG = CauseId("clock.wrong")


def judge_plausible(facts: Facts) -> Iterator[Finding | Evidence]:
    """The clock does not say a moment before this tool was made."""
    moment = facts[Moment]
    yield Evidence(key="clock", value=moment.at.date().isoformat(), source="clock")
    if moment.not_before is not None and moment.at < moment.not_before:
        made = moment.not_before.date().isoformat()
        yield Evidence(key="tool-made", value=made, source="diagcps")
        yield Finding(cause=_WRONG)


PLAUSIBLE = Check(
    id=CheckId("clock.plausible"),
    area=Area.CLOCK,
    judge=judge_plausible,
    uses=(Moment,),
    causes=(_WRONG,),
)
