"""What the codes of the card still allow. Their counters are read; no try is ever spent."""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Area,
    CardStates,
    CauseId,
    Check,
    CheckId,
    Code,
    Evidence,
    Facts,
    Finding,
    MissingFact,
    NotApplicable,
    Pcsc,
    ProbeFailure,
    Reason,
)

from ._slots import best_card

_PIN_BLOCKED = CauseId("pin.blocked")
_LAST_TRY = CauseId("pin.last-try")
_TRIES_LOW = CauseId("pin.tries-low")
_PUK_BLOCKED = CauseId("puk.blocked")
_PUK_UNUSABLE = CauseId("puk.unusable")
_PUK_LOW = CauseId("puk.tries-low")

_USUAL_TRIES = 3
"""Where the card does not say: three wrong codes block it (ANS; Cryptolib CPS 5.2.2, CPS4)."""
_ONE, _TWO = 1, 2


def _is_dead(code: Code | None) -> bool:
    return code is not None and (code.left == 0 or code.uses_left == 0)


def _seen(code: Code, name: str) -> Iterator[Evidence]:
    source = f"{name} {code.reference:02X}"
    # A code that was presented has all its tries, and the card does not say how many these are.
    left = "presented" if code.left is None else code.left
    yield Evidence(key="tries-left", value=left, source=source)
    if code.most is not None:
        yield Evidence(key="tries-most", value=code.most, source=source)
    if code.uses_left is not None:
        yield Evidence(key="uses-left", value=code.uses_left, source=source)


def judge_pin(facts: Facts) -> Iterator[Finding | Evidence]:
    """The code porteur can be presented; the card is waste only when both codes are dead."""
    card = best_card(facts[Pcsc], facts[CardStates].cards)
    if card is None:
        raise NotApplicable
    if card.pin is None:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    yield from _seen(card.pin, "code porteur")
    if card.pin.left is None:
        return
    if card.pin.left == 0:
        yield Finding(cause=_PUK_BLOCKED if _is_dead(card.puk) else _PIN_BLOCKED)
    elif card.pin.left == _ONE:
        yield Finding(cause=_LAST_TRY)
    elif card.pin.left == _TWO < (card.pin.most or _USUAL_TRIES):
        yield Finding(cause=_TRIES_LOW)


def judge_puk(facts: Facts) -> Iterator[Finding | Evidence]:
    """The code de déblocage could serve. Where the code porteur is dead too, that one says it."""
    card = best_card(facts[Pcsc], facts[CardStates].cards)
    if card is None:
        raise NotApplicable
    if card.puk is None:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))
    yield from _seen(card.puk, "code de déblocage")
    if _is_dead(card.puk):
        if card.pin is None or card.pin.left != 0:
            yield Finding(cause=_PUK_UNUSABLE)
    elif card.puk.left is not None and card.puk.left < (card.puk.most or _USUAL_TRIES):
        yield Finding(cause=_PUK_LOW)


PIN = Check(
    id=CheckId("pin.state"),
    area=Area.PIN,
    judge=judge_pin,
    uses=(Pcsc, CardStates),
    needs=(CheckId("card.readable"), CheckId("reader.contact")),
    causes=(_PIN_BLOCKED, _LAST_TRY, _TRIES_LOW, _PUK_BLOCKED),
)

PUK = Check(
    id=CheckId("puk.state"),
    area=Area.PIN,
    judge=judge_puk,
    uses=(Pcsc, CardStates),
    needs=(CheckId("card.readable"), CheckId("reader.contact")),
    causes=(_PUK_UNUSABLE, _PUK_LOW),
)
