"""Another program that uses a card: `python holder.py READER shared|exclusive|transaction NAME`.

Prints READY once it has the card, or the PC/SC code that refused it; gives the card back when its
standard input ends. A script, so that the process shows nothing of the tests but its own name.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from smartcard import scard

PR_SET_NAME = 15  # prctl(2): what ps, top and /proc/PID/comm show, 15 bytes at most


class Refused(Exception):
    """A PC/SC call did not succeed."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code & 0xFFFFFFFF


def done(answer: Any) -> Any:
    """What a PC/SC call returned after its code; raises Refused when the code is an error."""
    code, *values = answer if isinstance(answer, list) else [answer]
    if code != scard.SCARD_S_SUCCESS:
        raise Refused(code)
    return values


def say(word: str) -> None:
    """Tells the test at once."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def hold(reader: str, mode: str) -> None:
    """Takes the card, says so, and keeps it until the standard input ends."""
    (context,) = done(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
    exclusive = mode == "exclusive"
    share = scard.SCARD_SHARE_EXCLUSIVE if exclusive else scard.SCARD_SHARE_SHARED
    protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    card, _ = done(scard.SCardConnect(context, reader, share, protocols))
    if mode == "transaction":
        done(scard.SCardBeginTransaction(card))
    say("READY")
    sys.stdin.read()
    if mode == "transaction":
        done(scard.SCardEndTransaction(card, scard.SCARD_LEAVE_CARD))
    done(scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD))
    done(scard.SCardReleaseContext(context))


def main() -> int:
    """Holds what the arguments name; 1 when PC/SC refused."""
    reader, mode, name = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
    try:
        hold(reader, mode)
    except Refused as refused:
        say(f"{refused.code:08X}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
