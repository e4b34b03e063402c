"""The PC/SC return codes that this project tells apart (PC/SC Workgroup part 5; winscard.h)."""

from __future__ import annotations

from enum import IntEnum


class PcscCode(IntEnum):
    """A return code, unsigned as in the headers."""

    SUCCESS = 0
    ERROR_BROKEN_PIPE = 0x00000109
    """Windows, in a remote session: the client does not redirect smart cards."""
    SCARD_F_INTERNAL_ERROR = 0x80100001
    SCARD_E_CANCELLED = 0x80100002
    SCARD_E_UNKNOWN_READER = 0x80100009
    SCARD_E_TIMEOUT = 0x8010000A
    SCARD_E_SHARING_VIOLATION = 0x8010000B
    SCARD_E_NO_SMARTCARD = 0x8010000C
    SCARD_E_PROTO_MISMATCH = 0x8010000F
    SCARD_F_COMM_ERROR = 0x80100013
    SCARD_E_NOT_TRANSACTED = 0x80100016
    SCARD_E_READER_UNAVAILABLE = 0x80100017
    SCARD_E_NO_SERVICE = 0x8010001D
    SCARD_E_SERVICE_STOPPED = 0x8010001E
    SCARD_E_NO_READERS_AVAILABLE = 0x8010002E
    SCARD_W_UNRESPONSIVE_CARD = 0x80100066
    SCARD_W_UNPOWERED_CARD = 0x80100067
    SCARD_W_RESET_CARD = 0x80100068
    SCARD_W_REMOVED_CARD = 0x80100069
    SCARD_W_SECURITY_VIOLATION = 0x8010006A


def describe(code: int) -> str:
    """The code as support looks it up: « SCARD_E_NO_SERVICE (0x8010001D) »."""
    known = {member.value: member.name for member in PcscCode}
    return f"{known[code]} (0x{code:08X})" if code in known else f"0x{code:08X}"
