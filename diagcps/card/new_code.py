"""What a code must look like before any card sees it: a wrong form would cost a try, or a regret.

A code porteur has four digits as it is delivered; CPS Gestion takes four to eight, and a code de
déblocage of exactly eight (message texts of Cryptolib CPS 5.2.2).
"""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Iterator
from enum import Enum

from diagcps.records import record
from diagcps.secret import Secret

UNBLOCKING_DIGITS = 8
USUAL_DIGITS = 4
SHORTEST, LONGEST = 4, 8
_ZERO, _NINE = b"09"
SPACES = (b" ", b"\t", *(space.encode() for space in "\N{NO-BREAK SPACE}\u2007\u2009\u202f"))
"""What may stand between the groups of digits of a code that is pasted."""


class Flaw(Enum):
    """Why a code is not handed to a card."""

    EMPTY = "empty"
    NOT_DIGITS = "not-digits"
    """Letters reach the card, and cost a try (measured on Cryptolib CPS 5.2.2)."""
    NOT_EIGHT = "not-eight"
    """A code de déblocage has eight digits."""
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    LONGER_THAN_USUAL = "longer-than-usual"
    """More than four digits, without having read what that may cost."""
    RUN = "run"
    """Each digit follows the one before it, upwards or downwards."""
    REPETITION = "repetition"
    """One digit, or one group of digits, again and again."""
    DIFFERENT = "different"
    """Typed twice, and not the same."""
    YEAR = "year"
    """A year, 19xx or 20xx: advised against."""
    DAY = "day"
    """A day of the year, DDMM or MMDD: advised against."""


ADVISED_AGAINST = frozenset({Flaw.YEAR, Flaw.DAY})
"""What the person may choose all the same."""


@record
class Limits:
    """How long a code porteur may be, as the token says (PKCS#11 2.20, CK_TOKEN_INFO)."""

    shortest: int = SHORTEST
    longest: int = LONGEST

    @classmethod
    def of_token(cls, shortest: int | None, longest: int | None) -> Limits:
        """What the token says, within what any card of the family takes."""
        most = min(longest or LONGEST, LONGEST)
        least = max(shortest or SHORTEST, SHORTEST)
        return cls(shortest=least, longest=most) if least <= most else cls()


def without_spaces(code: Secret) -> Secret:
    """A code that was pasted, without the spaces between its digits; nothing else is put right.

    The other one is the caller's to wipe.
    """
    given = code.reveal()
    kept = bytearray(len(given))
    place = length = 0
    while place < len(given):
        space = next((s for s in SPACES if given.startswith(s, place)), b"")
        if not space:
            kept[length] = given[place]
            length += 1
        place += len(space) or 1
    with Secret(kept), memoryview(kept) as whole:
        return Secret(bytearray(whole[:length]))


def flaws_of_unblocking(code: Secret) -> tuple[Flaw, ...]:
    """Why `code` is no code de déblocage; nothing when it may be one."""
    return tuple(_form(code, UNBLOCKING_DIGITS, UNBLOCKING_DIGITS, Flaw.NOT_EIGHT, Flaw.NOT_EIGHT))


def flaws_of_present(code: Secret) -> tuple[Flaw, ...]:
    """Why `code` is no code porteur; nothing when it may be one."""
    return tuple(_form(code, SHORTEST, LONGEST, Flaw.TOO_SHORT, Flaw.TOO_LONG))


def flaws_of_new(
    code: Secret, again: Secret, limits: Limits, *, long_accepted: bool = False
) -> tuple[Flaw, ...]:
    """Why `code` should not become the code porteur, the most telling first.

    `long_accepted` says that the warning about more than four digits was read.
    """
    found = [*_form(code, limits.shortest, limits.longest, Flaw.TOO_SHORT, Flaw.TOO_LONG)]
    digits = code.reveal()
    if not found:
        if len(digits) > USUAL_DIGITS and not long_accepted:
            found.append(Flaw.LONGER_THAN_USUAL)
        found += _weaknesses(digits)
    if code != again and Flaw.EMPTY not in found:
        found.append(Flaw.DIFFERENT)
    return tuple(found)


def _form(
    code: Secret, shortest: int, longest: int, too_short: Flaw, too_long: Flaw
) -> Iterator[Flaw]:
    digits = code.reveal()
    if not digits:
        yield Flaw.EMPTY
    elif any(not _ZERO <= digit <= _NINE for digit in digits):
        yield Flaw.NOT_DIGITS
    elif len(digits) < shortest:
        yield too_short
    elif len(digits) > longest:
        yield too_long


def _weaknesses(digits: bytearray) -> Iterator[Flaw]:
    steps = {(after - before) % 10 for before, after in itertools.pairwise(digits)}
    if steps in ({1}, {9}):
        yield Flaw.RUN
    elif any(_repeats(digits, size) for size in range(1, len(digits) // 2 + 1)):
        yield Flaw.REPETITION
    elif len(digits) == USUAL_DIGITS:
        thousands, hundreds, tens, units = (digit - _ZERO for digit in digits)
        first, last = 10 * thousands + hundreds, 10 * tens + units
        if first in (19, 20):
            yield Flaw.YEAR
        elif _is_day(first, last) or _is_day(last, first):
            yield Flaw.DAY


def _repeats(digits: bytearray, size: int) -> bool:
    """Whether they are their first `size` again and again. Compared in place: no copy is left."""
    whole = len(digits) % size == 0
    return whole and all(digit == digits[place % size] for place, digit in enumerate(digits))


def _is_day(day: int, month: int) -> bool:
    leap_year = 2024
    return 1 <= month <= 12 and 1 <= day <= calendar.monthrange(leap_year, month)[1]
