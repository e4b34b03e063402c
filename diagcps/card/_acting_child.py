"""What runs in the process that does one act with a code, and ends after it.

A message with the order comes in, then each code as a message of its own: raw bytes, that are read
to where they are wiped. Out go {"call": name} before each call of the library, {"call": …,
"code": …} after one that takes a code, and what else `Course` holds. Nothing is done twice.

The act does not end with whoever ordered it, and no signal that a terminal sends interrupts it: a
card half-way is worse than a page that nobody reads any more.
"""

from __future__ import annotations

import _thread
import hashlib
import io
import json
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from diagcps.card import contents
from diagcps.card._child import (
    EXIT_NO_REQUEST,
    Message,
    end_now,
    exactly,
    exactly_into,
    send,
    take_over,
)
from diagcps.card.act import Act, Codes, Order, Stopped
from diagcps.card.cryptoki import CryptokiError, NotLoaded
from diagcps.card.cryptoki_codes import OFFICER, USER, CodeCryptoki
from diagcps.card.identifiers import names_serial
from diagcps.card.permitted import permitted
from diagcps.card.winscard import PcscError, Winscard
from diagcps.facts import CardState, Code, Reading
from diagcps.host.no_dump import leave_no_dump
from diagcps.model import ProbeUnavailable
from diagcps.secret import Secret

_ORPHAN_S = 60.0
"""How long an act whose agent has ended may still take before its process ends itself."""
_LONGEST_CODE = 64
_CHALLENGE_BYTES = 32
_SHA256 = bytes.fromhex("3031300D060960864801650304020105000420")
"""What stands before a SHA-256 in a DigestInfo (RFC 8017, 9.2, note 1)."""
_ENOUGH_TRIES = 2
"""The new code is presented once to prove it: never as the last try."""

Say = Callable[[Message], None]


class _Stop(Exception):
    """The act ends before any code was handed to the library."""

    def __init__(self, why: Stopped) -> None:
        super().__init__(why.value)
        self.why = why


def main(stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Carries out one order; the exit code is 0, or 64 when what came in is none.

    Takes the process over: its standard input and output become the null device.
    """
    leave_no_dump()
    _let_nothing_interrupt()
    requests, answers = take_over(stdin, stdout)
    try:
        order, codes = _order(requests)
    except (EOFError, ValueError, TypeError, LookupError):
        return EXIT_NO_REQUEST
    _thread.start_new_thread(_end_after_parent, (requests,))

    def say(message: Message) -> None:
        # Nobody listens any more: the act goes on all the same.
        with suppress(OSError):
            send(answers, message)

    try:
        _carry_out(order, codes, say)
    except _Stop as stop:
        say({"stopped": stop.why.value})
    finally:
        codes.wipe()
    say({"end": True})
    return 0


def _order(requests: io.FileIO) -> tuple[Order, Codes]:
    order = Order.from_message(json.loads(exactly(requests, _length(requests))))
    given = _secret(requests)
    return order, Codes(given=given, new=None if order.act is Act.TRY else _secret(requests))


def _secret(requests: io.FileIO) -> Secret:
    length = _length(requests)
    if length > _LONGEST_CODE:
        raise ValueError("no code is that long")
    code = bytearray(length)
    exactly_into(requests, code)
    return Secret(code)


def _length(requests: io.FileIO) -> int:
    return int.from_bytes(exactly(requests, 4), "big")


def _carry_out(order: Order, codes: Codes, say: Say) -> None:
    """Raises _Stop before a code was used; afterwards whatever happens is said."""
    try:
        library = CodeCryptoki(
            order.library.value,
            lambda call: say({"call": call}),
            lambda call, code: say({"call": call, "code": code}),
        )
        library.initialize()
    except (NotLoaded, CryptokiError) as error:
        raise _Stop(Stopped.LIBRARY) from error
    try:
        session = _session(order, library)
        try:
            with suppress(CryptokiError):
                _use_codes(order, codes, library, session, say)
        finally:
            library.close(session)
    finally:
        with suppress(CryptokiError):
            library.finalize()
    _reset(order)


def _session(order: Order, library: CodeCryptoki) -> int:
    """A session with the card that was shown, in the state that was shown. Raises _Stop."""
    try:
        tokens = {slot: library.token(slot) for slot in library.slots_with_token()}
        slots = [s for s, t in tokens.items() if names_serial(t.serial, order.serial.value)]
        if len(slots) != 1:
            raise _Stop(Stopped.NOT_SHOWN)
        session = library.open(slots[0])
    except CryptokiError as error:
        raise _Stop(Stopped.LIBRARY) from error
    try:
        # As late as can be: other programs cannot be kept away from the card.
        _must_be_as_shown(order, _read(order))
    except _Stop:
        library.close(session)
        raise
    return session


def _use_codes(order: Order, codes: Codes, library: CodeCryptoki, session: int, say: Say) -> None:
    """One uninterrupted sequence. Raises CryptokiError at the first refusal."""
    code = codes.given
    if order.act is Act.UNBLOCK:
        assert codes.new is not None, "an order to unblock comes with a new code"  # noqa: S101
        library.log_in(session, OFFICER, codes.given)
        try:
            library.set_new(session, codes.new)
        finally:
            library.log_out(session)
        code = codes.new
    elif order.act is Act.CHANGE:
        assert codes.new is not None, "an order to change comes with a new code"  # noqa: S101
        library.change(session, codes.given, codes.new)
        code = codes.new
    if order.act is Act.TRY or _may_be_presented(order):
        _prove(order, code, library, session, say)


def _prove(order: Order, code: Secret, library: CodeCryptoki, session: int, say: Say) -> None:
    """Presents the code once and has a challenge signed: a card does so for the right code alone,
    whatever the library says of it."""
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    library.log_in(session, USER, code)
    try:
        certificate, id_ = library.certificate(session, lambda data: _is_of(order, data))
        digest_info = _SHA256 + hashlib.sha256(challenge).digest()
        signature = library.sign(session, id_, digest_info)
    finally:
        library.log_out(session)
    proof = {"challenge": challenge, "signature": signature, "certificate": certificate}
    say({"proof": {name: value.hex() for name, value in proof.items()}})


def _is_of(order: Order, certificate: bytes) -> bool:
    wanted = order.certificate
    return wanted is not None and hashlib.sha256(certificate).hexdigest() == wanted.value


def _may_be_presented(order: Order) -> bool:
    """Whether the new code may be presented: it cannot block what has just been unblocked."""
    try:
        pin = _read(order).pin
    except _Stop:
        return False
    # A card that does not say how many are left has just accepted the code: all are left.
    return pin is not None and (pin.left is None or pin.left >= _ENOUGH_TRIES)


def _read(order: Order) -> CardState:
    """The card in the reader now, by our own reading. Raises _Stop."""
    begun = CardState(slot=order.slot, model="", atr=order.atr, reading=Reading.READ)
    try:
        api = Winscard()
        with (
            api.context() as context,
            api.transaction(context, order.slot.value) as transmit,
        ):
            state = contents.read_state(permitted(transmit), begun)
    except (PcscError, ProbeUnavailable) as error:
        raise _Stop(Stopped.UNREAD) from error
    if state.serial is None or state.pin is None:
        raise _Stop(Stopped.UNREAD)
    return state


def _must_be_as_shown(order: Order, now: CardState) -> None:
    """Raises _Stop for another card, or for one that has lost a try since it was shown."""
    if now.serial != order.serial:
        raise _Stop(Stopped.OTHER_CARD)
    if _fewer(now.pin, order.pin) or _fewer(now.puk, order.puk):
        raise _Stop(Stopped.CHANGED)


def _fewer(now: Code | None, shown: Code | None) -> bool:
    if now is None or shown is None:
        return now is not shown
    pairs = ((now.left, shown.left), (now.uses_left, shown.uses_left))
    return any(a is not None and b is not None and a < b for a, b in pairs)


def _reset(order: Order) -> None:
    """Leaves no code presented on the card, where any program could sign with it, and ends the
    sessions of programs that would present the former code again by themselves (measured on
    Cryptolib CPS 5.2.2). It also makes a CPS4 tell its counters again."""
    with suppress(PcscError, ProbeUnavailable):
        api = Winscard()
        with api.context() as context:
            api.reset(context, order.slot.value)


def _let_nothing_interrupt() -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)


def _end_after_parent(requests: io.FileIO) -> None:
    """Ends the process some time after whoever started it: a library that hangs would stay."""
    while requests.read(1):
        pass
    time.sleep(_ORPHAN_S)
    end_now()
