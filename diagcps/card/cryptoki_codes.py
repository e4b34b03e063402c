"""The part of PKCS#11 2.20 that takes a code: for a process that ends after one act, and no other.

Codes are handed over where they lie: no copy of them is made here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    """One loaded library, in whose sessions codes are used.

    `returned` is called with the name and the unsigned code of each call that takes a code, or
    signs, once it has come back.
    """

    FUNCTIONS: ClassVar[Any] = _FunctionList

    def __init__(
        self, path: str, announce: Callable[[str], None], returned: Callable[[str, int], None]
    ) -> None:
        """Raises NotLoaded as `Cryptoki` does."""
        super().__init__(path, announce)
        self._returned = returned

    @contextmanager
    def session(self, slot: int) -> Iterator[Session]:
        """A session that may write, closed at the end and with it a login. Raises CryptokiError."""
        handle = self.open_session(slot, _SESSION_THAT_WRITES)
        try:
            yield Session(self, handle)
        finally:
            self.ask("C_CloseSession", handle)

    def ask(self, call: str, *arguments: object) -> int:
        code = super().ask(call, *arguments)
        if call in CALLS_WITH_A_CODE:
            self._returned(call, code)
        return code


class Session:
    """`CodeSession` of a real library."""

    def __init__(self, library: CodeCryptoki, handle: int) -> None:
        self._library = library
        self._handle = handle

    def log_in(self, user: int, code: Secret) -> None:
        """See `CodeSession.log_in`."""
        self._library.do("C_Login", self._handle, user, *_in_place(code))

    def log_out(self) -> None:
        """See `CodeSession.log_out`."""
        self._library.ask("C_Logout", self._handle)

    def set_new(self, new: Secret) -> None:
        """See `CodeSession.set_new`."""
        self._library.do("C_InitPIN", self._handle, *_in_place(new))

    def change(self, present: Secret, new: Secret) -> None:
        """See `CodeSession.change`."""
        self._library.do("C_SetPIN", self._handle, *_in_place(present), *_in_place(new))

    def sign(self, is_wanted: Callable[[bytes], bool], data: bytes) -> tuple[bytes, bytes]:
        """See `CodeSession.sign`."""
        certificate, id_ = self._certificate(is_wanted)
        keys = self._library.find(self._handle, _PRIVATE_KEY)
        key = next((k for k in keys if self._library.attribute(self._handle, k, _ID) == id_), None)
        if key is None:
            raise CryptokiError("C_FindObjects", 0)
        mechanism = _Mechanism(_RSA_PKCS, None, 0)
        self._library.do("C_SignInit", self._handle, byref(mechanism), key)
        return certificate, self._signature(data)

    def _certificate(self, is_wanted: Callable[[bytes], bool]) -> tuple[bytes, bytes]:
        """The first certificate that is wanted, and what joins it to its key (CKA_ID)."""
        for object_ in self._library.find(self._handle, CERTIFICATE):
            # One that cannot be read is not the one that is looked for.
            with suppress(CryptokiError):
                value = self._library.attribute(self._handle, object_, VALUE)
                if value and is_wanted(value):
                    return value, self._library.attribute(self._handle, object_, _ID)
        raise CryptokiError("C_FindObjects", 0)

    def _signature(self, data: bytes) -> bytes:
        """The Cryptolib refuses more room than a signature takes: its length is asked first."""
        length = c_ulong()
        given = (self._handle, data, len(data))
        self._library.do("C_Sign", *given, None, byref(length))
        length.value = min(length.value, _SIGNATURE_BYTES_AT_MOST)
        room = ctypes.create_string_buffer(length.value)
        self._library.do("C_Sign", *given, room, byref(length))
        return room.raw[: length.value]


def _in_place(code: Secret) -> tuple[Any, int]:
    """Where the code lies, and its length."""
    data = code.reveal()
    return (c_ubyte * len(data)).from_buffer(data), len(data)
