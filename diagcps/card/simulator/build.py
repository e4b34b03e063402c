"""The simulated card that a scenario describes."""

from __future__ import annotations

from datetime import datetime

from diagcps.card.simulator import others
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.cps3 import Cps3
from diagcps.card.simulator.cps4 import Cps4
from diagcps.card.simulator.faults import Faulty, has_faults
from diagcps.card.simulator.others import Other
from diagcps.model import UsageError

_CPS3 = ("cps3", "cps3-contactless", "new-cps")
_CPS4 = ("cps4", "cps4-rc", "cps4-t0")
MODELS = (*_CPS3, *_CPS4, *others.MODELS)
"""Every model there is."""


def make(plastic: Plastic, now: datetime) -> SimulatedCard:
    """The card, whose certificates are valid as `plastic` says around `now`.

    Raises UsageError for a model, a family, an authority, an update or a file there is not, and for
    a serial number that is not eight digits.
    """
    card = _card(plastic, now)
    return Faulty(card, plastic) if has_faults(plastic) else card


def _card(plastic: Plastic, now: datetime) -> SimulatedCard:
    if plastic.model in _CPS3:
        return Cps3(plastic, now)
    if plastic.model in _CPS4:
        return Cps4(plastic, now)
    if plastic.model in others.MODELS:
        return Other(plastic)
    raise UsageError(f"unknown card {plastic.model!r}; known: {', '.join(MODELS)}")
