"""What is said of a card before and after an act with a code, on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.acting import Conclusion, Shown
from diagcps.card.act import Act
from diagcps.facts import Code
from diagcps.model import Private
from diagcps.records import record
from diagcps.report.text import plain
from diagcps.words import Words

_SERIAL_SHOWN = 4
"""Digits of the serial number that are shown: enough to tell two cards apart."""


@record
class Row:
    """One thing that is known of the card."""

    label: str
    value: str
    before: str = ""
    """What it was before the act; empty when it is the same, or before it."""


def card_rows(shown: Shown, words: Words) -> Iterator[Row]:
    """The card as it was read: what the person checks before an act."""
    order = shown.order
    yield Row(
        label=words.ui("act.label.family"), value=words.ui(f"act.family.{shown.family.value}")
    )
    if shown.holder is not None and shown.holder.value:
        yield Row(label=words.ui("act.label.holder"), value=plain(shown.holder.value))
    yield Row(label=words.ui("act.label.serial"), value=_serial(order.serial, words))
    yield Row(label=words.ui("act.label.pin-left"), value=tries(order.pin, words))
    yield Row(label=words.ui("act.label.puk-left"), value=tries(order.puk, words))
    if order.puk is not None and order.puk.uses_left is not None:
        yield Row(label=words.ui("act.label.unblocks-left"), value=str(order.puk.uses_left))


def consequence(shown: Shown, words: Words) -> str:
    """What a wrong code costs."""
    return words.ui(f"act.consequence.{_stake(shown)}")


def last_words(shown: Shown, words: Words) -> tuple[str, ...]:
    """What an act may end for good, of those that ask for a second confirmation."""
    keys = []
    if shown.is_last_try:
        keys.append(_stake(shown))
    if shown.is_last_unblocking:
        keys.append("last-unblocking")
    return tuple(words.ui(f"act.last-try.{key}") for key in keys)


def certain(shown: Shown, words: Words) -> str:
    """What the person confirms before a last try."""
    blocks = shown.order.act is not Act.UNBLOCK and not shown.is_without_return
    return words.ui("act.last-sure-blocks" if blocks else "act.last-sure")


def _stake(shown: Shown) -> str:
    return "no-way-back" if shown.is_without_return else shown.order.act.value


def told(conclusion: Conclusion, words: Words) -> str:
    """What a result means, and what to do."""
    if conclusion.is_for_good:
        return words.ui("act.for-good")
    act = conclusion.shown.order.act
    return words.ui(f"act.result-text.{act.value}.{conclusion.result.value}")


def known_rows(conclusion: Conclusion, words: Words) -> Iterator[Row]:
    """What is known of the card after an act, and what it was before."""
    order = conclusion.shown.order
    yield Row(label=words.ui("act.label.serial"), value=_serial(order.serial, words))
    yield _changed("pin-left", tries(conclusion.pin, words), tries(order.pin, words), words)
    yield _changed("puk-left", tries(conclusion.puk, words), tries(order.puk, words), words)
    if order.puk is not None and order.puk.uses_left is not None:
        left = conclusion.puk.uses_left if conclusion.puk else None
        now = words.ui("act.count.unknown") if left is None else str(left)
        yield _changed("unblocks-left", now, str(order.puk.uses_left), words)
    proven = "act.proven" if conclusion.proven else "act.not-proven"
    yield Row(label=words.ui("act.label.signature"), value=words.ui(proven))
    library = {None: "nothing", True: "locked", False: "open"}[conclusion.library_locked]
    yield Row(label=words.ui("act.label.library"), value=words.ui(f"act.library-{library}"))


def _changed(label: str, now: str, before: str, words: Words) -> Row:
    said = "" if now == before else words.ui("act.before", value=before)
    return Row(label=words.ui(f"act.label.{label}"), value=now, before=said)


def _serial(serial: Private, words: Words) -> str:
    return words.ui("act.serial.ends", digits=serial.value[-_SERIAL_SHOWN:])


def tries(code: Code | None, words: Words) -> str:
    """How many tries of a code are left, in words."""
    left = None if code is None else code.left
    if left is None:
        return words.ui("act.count.unknown")
    if left == 0:
        return words.ui("act.count.none")
    return words.ui("act.count.one-try" if left == 1 else "act.count.tries", left=left)
