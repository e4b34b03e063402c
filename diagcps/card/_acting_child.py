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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
from diagcps.card.cryptoki_codes import CodeCryptoki, Session
from diagcps.card.identifiers import names_serial
from diagcps.card.permitted import permitted
from diagcps.card.sequence import LOGIN_REQUIRED, Sequence, Stop
from diagcps.card.winscard import PcscError, Winscard
from diagcps.facts import CardState, Reading
from diagcps.host.no_dump import forbid_looking_in, leave_no_dump
from diagcps.model import ProbeUnavailable
from diagcps.secret import Secret

_ORPHAN_S = 60.0
"""How long an act whose agent has ended may still take before its process ends itself."""
_LONGEST_CODE = 64
_SEEN_S, _AGAIN_S = 2.0, 0.1

Say = Callable[[Message], None]


def main(stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Carries out one order; the exit code is 0, or 64 when what came in is none.

    Takes the process over: its standard input and output become the null device.
    """
    leave_no_dump()
    forbid_looking_in()
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

    def prove(proof: Proof) -> None:
        say({"proof": {name: value.hex() for name, value in asdict(proof).items()}})

    used = False

    def announce(call: str) -> None:
        nonlocal used
        used = used or call in CALLS_WITH_A_CODE
        say({"call": call})

    try:
        library = CodeCryptoki(
            order.library.value, announce, lambda call, code: say({"call": call, "code": code})
        )
        Sequence(order, lambda: _session(order, library), lambda: _read(order), prove).run(codes)
    except (NotLoaded, CryptokiError) as error:
        raise Stop(Stopped.LIBRARY) from error
    finally:
        if used:
            # No code stays presented, where any program could sign with it.
            with suppress(Stop):
                _reset(order)


@contextmanager
def _session(order: Order, library: CodeCryptoki) -> Iterator[Session]:
    """See `Sequence.session`. A library whose card was reset begins anew: its sessions ended."""
    _reset(order)
    library.initialize()
    try:
        with library.session(_slot(order, library)) as session:
            yield session
    finally:
        with suppress(CryptokiError):
            library.finalize()


def _slot(order: Order, library: CodeCryptoki) -> int:
    """The slot of the card that was shown. Raises Stop, CryptokiError."""
    deadline = time.monotonic() + _SEEN_S
    while True:
        slots = [s for s in library.slots_with_token() if _is_shown(order, library, s)]
        if len(slots) == 1:
            return slots[0]
        # The official library does not see a card at once that has just been reset.
        if time.monotonic() > deadline:
            raise Stop(Stopped.NOT_SHOWN)
        time.sleep(_AGAIN_S)


def _is_shown(order: Order, library: CodeCryptoki, slot: int) -> bool:
    with suppress(CryptokiError):
        token = library.token(slot)
        takes_code = bool(token.flags & LOGIN_REQUIRED)
        return takes_code and names_serial(token.serial, order.serial.value)
    return False


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
    """Raises Stop when another program keeps the card, or it is not there."""
    try:
        api = Winscard()
        with api.context() as context:
            api.reset(context, order.slot.value)
    except (PcscError, ProbeUnavailable) as error:
        raise Stop(Stopped.UNREAD) from error


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
