"""The part of PKCS#11 2.20 that takes a code: for a process that ends after one act, and no other.

Codes are handed over where they lie: no copy of them is made here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from ctypes import POINTER, byref, c_ubyte, c_ulong, c_void_p
from typing import Any, ClassVar

from diagcps.card.act import CALLS_WITH_A_CODE
from diagcps.card.cryptoki import (
    CERTIFICATE,
    READING,
    VALUE,
    Cryptoki,
    CryptokiError,
    Structure,
    entries,
    function,
)
from diagcps.secret import Secret

USER, OFFICER = 1, 0
"""CKU_USER, whose code is the code porteur, and CKU_SO, whose code is the code de déblocage."""

_SESSION_THAT_WRITES = 0x06
"""CKF_SERIAL_SESSION and CKF_RW_SESSION: a code can be set in no other."""
_PRIVATE_KEY, _ID = 0x03, 0x102
"""CKO_PRIVATE_KEY, CKA_ID."""
_RSA_PKCS = 0x01
"""CKM_RSA_PKCS: the data is signed as it is, padded (PKCS#11 2.20, 12.1.6)."""
_SIGNATURE_BYTES_AT_MOST = 1024


class _Mechanism(Structure):
    _fields_ = (("type", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


_Bytes = c_void_p


class _FunctionList(Structure):
    _fields_ = entries(
        {
            **READING,
            10: ("C_InitPIN", function(c_ulong, _Bytes, c_ulong)),
            11: ("C_SetPIN", function(c_ulong, _Bytes, c_ulong, _Bytes, c_ulong)),
            18: ("C_Login", function(c_ulong, c_ulong, _Bytes, c_ulong)),
            19: ("C_Logout", function(c_ulong)),
            42: ("C_SignInit", function(c_ulong, POINTER(_Mechanism), c_ulong)),
            43: ("C_Sign", function(c_ulong, _Bytes, c_ulong, _Bytes, POINTER(c_ulong))),
        }
    )


class CodeCryptoki(Cryptoki):
    """One loaded library, and one session at most, in which codes are used.

    `returned` is called with the name and the unsigned code of each call that takes a code, or
    signs, once it has come back. Methods raise CryptokiError, and try nothing a second time.
    """

    FUNCTIONS: ClassVar[Any] = _FunctionList

    def __init__(
        self, path: str, announce: Callable[[str], None], returned: Callable[[str, int], None]
    ) -> None:
        """Raises NotLoaded as `Cryptoki` does."""
        super().__init__(path, announce)
        self._returned = returned

    def open(self, slot: int) -> int:
        """A session that may write."""
        return self._open(slot, _SESSION_THAT_WRITES)

    def close(self, session: int) -> None:
        """Ends the session, and a login with it. Never raises."""
        self._ask("C_CloseSession", session)

    def log_in(self, session: int, user: int, code: Secret) -> None:
        """Presents `code` (C_Login). The official library says OK of many a refusal of a CPS4."""
        self._do("C_Login", session, user, *_in_place(code))

    def log_out(self, session: int) -> None:
        """Forgets the code that was presented, as far as the library does. Never raises."""
        self._ask("C_Logout", session)

    def set_new(self, session: int, new: Secret) -> None:
        """The new code porteur, after the code de déblocage was presented (C_InitPIN)."""
        self._do("C_InitPIN", session, *_in_place(new))

    def change(self, session: int, present: Secret, new: Secret) -> None:
        """The new code porteur in the place of the present one (C_SetPIN), without a login."""
        self._do("C_SetPIN", session, *_in_place(present), *_in_place(new))

    def certificate(self, session: int, is_wanted: Callable[[bytes], bool]) -> tuple[bytes, bytes]:
        """The first certificate that is wanted, and what joins it to its key (CKA_ID).

        Raises CryptokiError too when none is shown.
        """
        for object_ in self._find(session, CERTIFICATE):
            # One that cannot be read is not the one that is looked for.
            with suppress(CryptokiError):
                value = self._attribute(session, object_, VALUE)
                if value and is_wanted(value):
                    return value, self._attribute(session, object_, _ID)
        raise CryptokiError("C_FindObjects", 0)

    def sign(self, session: int, id_: bytes, data: bytes) -> bytes:
        """`data` signed, once, by the private key that `id_` joins to its certificate."""
        keys = self._find(session, _PRIVATE_KEY)
        key = next((k for k in keys if self._attribute(session, k, _ID) == id_), None)
        if key is None:
            raise CryptokiError("C_FindObjects", 0)
        self._do("C_SignInit", session, byref(_Mechanism(_RSA_PKCS, None, 0)), key)
        length = c_ulong()
        # The Cryptolib refuses more room than the signature takes: its length is asked first.
        self._do("C_Sign", session, data, len(data), None, byref(length))
        length.value = min(length.value, _SIGNATURE_BYTES_AT_MOST)
        room = ctypes.create_string_buffer(length.value)
        self._do("C_Sign", session, data, len(data), room, byref(length))
        return room.raw[: length.value]

    def _ask(self, call: str, *arguments: object) -> int:
        code = super()._ask(call, *arguments)
        if call in CALLS_WITH_A_CODE:
            self._returned(call, code)
        return code


def _in_place(code: Secret) -> tuple[Any, int]:
    """Where the code lies, and its length."""
    data = code.reveal()
    return (c_ubyte * len(data)).from_buffer(data), len(data)
