"""What runs in the process that does one act with a code, and ends after it.

A message with the order comes in, then each code as a message of its own: raw bytes, that are read
to where they are wiped. Out go {"call": name} before each call of the library, {"call": …,
"code": …} after one that takes a code, and what else `Course` holds. Nothing is done twice.

The act does not end with whoever ordered it, and no signal that a terminal sends interrupts it: a
card half-way is worse than a page that nobody reads any more.
"""

from __future__ import annotations

import _thread
import io
import json
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
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
from diagcps.card.act import CALLS_WITH_A_CODE, Act, Codes, Order, Proof, Stopped
from diagcps.card.cryptoki import CryptokiError, NotLoaded
from diagcps.card.cryptoki_codes import CodeCryptoki
from diagcps.card.identifiers import names_serial
from diagcps.card.permitted import permitted
from diagcps.card.sequence import Sequence, Stop
from diagcps.card.winscard import PcscError, Winscard
from diagcps.facts import CardState, Reading
from diagcps.host.no_dump import leave_no_dump
from diagcps.model import ProbeUnavailable
from diagcps.secret import Secret

_ORPHAN_S = 60.0
"""How long an act whose agent has ended may still take before its process ends itself."""
_LONGEST_CODE = 64

Say = Callable[[Message], None]


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
    except Stop as stop:
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
    """Raises Stop for a failure of the library, which counts as long as no code was used."""
    used = False

    def announce(call: str) -> None:
        nonlocal used
        used = used or call in CALLS_WITH_A_CODE
        say({"call": call})

    def prove(proof: Proof) -> None:
        say({"proof": {name: value.hex() for name, value in asdict(proof).items()}})

    try:
        library = CodeCryptoki(
            order.library.value, announce, lambda call, code: say({"call": call, "code": code})
        )
        library.initialize()
        try:
            with library.session(_slot(order, library)) as session:
                Sequence(order, session, lambda: _read(order), prove).run(codes)
        finally:
            with suppress(CryptokiError):
                library.finalize()
    except (NotLoaded, CryptokiError) as error:
        raise Stop(Stopped.LIBRARY) from error
    finally:
        if used:
            _reset(order)


def _slot(order: Order, library: CodeCryptoki) -> int:
    """The slot of the card that was shown. Raises Stop, CryptokiError."""
    tokens = {slot: library.token(slot) for slot in library.slots_with_token()}
    slots = [s for s, t in tokens.items() if names_serial(t.serial, order.serial.value)]
    if len(slots) != 1:
        raise Stop(Stopped.NOT_SHOWN)
    return slots[0]


def _read(order: Order) -> CardState:
    """See `sequence.Read`."""
    begun = CardState(slot=order.slot, model="", atr=order.atr, reading=Reading.READ)
    try:
        api = Winscard()
        with api.context() as context, api.transaction(context, order.slot.value) as transmit:
            return contents.read_state(permitted(transmit), begun)
    except (PcscError, ProbeUnavailable) as error:
        raise Stop(Stopped.UNREAD) from error


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
