"""The part of PKCS#11 2.20 that a diagnosis needs: what a library shows without a code.

A function list has 68 entries. Those that log in, change a code, sign or write have neither a name
nor a type here: the process that reads has no way to call them.

To be loaded in a process of its own and called on one thread, the only way in which every library
works (PKCS#11 2.20, 11.4, C_Initialize). Any call may hang for ever, or end the process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from ctypes import CFUNCTYPE, POINTER, byref, c_char, c_ubyte, c_ulong, c_void_p
from dataclasses import dataclass
from typing import Any

IS_WINDOWS = hasattr(ctypes, "WinDLL")
LOADER = "LoadLibrary" if IS_WINDOWS else "dlopen"
"""The system's own word for loading a library."""

OK = 0
GENERAL_ERROR = 0x05
FUNCTION_NOT_SUPPORTED = 0x54
_NO_VALUE = frozenset({0x11, 0x12})
"""CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID: the object has none to show."""

_SERIAL_SESSION = 0x04
"""CKF_SERIAL_SESSION alone: a session that may not write."""
_SIGNS = 0x800
"""CKF_SIGN of CK_MECHANISM_INFO."""
_CLASS, _VALUE = 0x00, 0x11
"""CKA_CLASS, CKA_VALUE."""
_CERTIFICATE = 0x01
"""CKO_CERTIFICATE."""

_LIST_AT_MOST = 1024
_OBJECTS_AT_MOST = 64
_VALUE_BYTES_AT_MOST = 1 << 16


class CryptokiError(Exception):
    """A call that did not succeed: which one, and its unsigned CKR_* code."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(f"{call}: 0x{code:08X}")
        self.call = call
        self.code = code


class NotLoaded(Exception):
    """The system's loader refused the library; the text is the loader's own."""


class _Structure(ctypes.Structure):
    """On Windows without gaps, elsewhere as the compiler lays it out (PKCS#11 2.20, 8.1)."""

    if IS_WINDOWS:
        _pack_ = 1


class _Version(_Structure):
    _fields_ = (("major", c_ubyte), ("minor", c_ubyte))


class LibraryInfo(_Structure):
    """CK_INFO (PKCS#11 2.20, 9.1)."""

    _fields_ = (
        ("cryptoki", _Version),
        ("manufacturer", c_char * 32),
        ("flags", c_ulong),
        ("description", c_char * 32),
        ("version", _Version),
    )


class SlotInfo(_Structure):
    """CK_SLOT_INFO (PKCS#11 2.20, 9.2)."""

    _fields_ = (
        ("description", c_char * 64),
        ("manufacturer", c_char * 32),
        ("flags", c_ulong),
        ("hardware", _Version),
        ("firmware", _Version),
    )


class TokenInfo(_Structure):
    """CK_TOKEN_INFO (PKCS#11 2.20, 9.2)."""

    _fields_ = (
        ("label", c_char * 32),
        ("manufacturer", c_char * 32),
        ("model", c_char * 16),
        ("serial", c_char * 16),
        ("flags", c_ulong),
        ("counts_and_lengths", c_ulong * 10),
        ("hardware", _Version),
        ("firmware", _Version),
        ("clock", c_char * 16),
    )


class _MechanismInfo(_Structure):
    _fields_ = (("least", c_ulong), ("most", c_ulong), ("flags", c_ulong))


class _Attribute(_Structure):
    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


def _function(*arguments: Any) -> Any:
    """The type of a Cryptoki function: it returns a CK_RV (PKCS#11 2.20, 11.1)."""
    return CFUNCTYPE(c_ulong, *arguments)


_POINTER_BYTES = ctypes.sizeof(c_void_p)


def _nameless(entries: int) -> Any:
    """The room of entries that are never called: bytes, of which nothing can be made."""
    return c_ubyte * (_POINTER_BYTES * entries)


_List = POINTER(c_ulong)
_Template = POINTER(_Attribute)


class FunctionList(_Structure):
    """CK_FUNCTION_LIST (PKCS#11 2.20, 11.4) as far as the last entry that is called here."""

    _fields_ = (
        ("version", _Version),
        ("C_Initialize", _function(c_void_p)),
        ("C_Finalize", _function(c_void_p)),
        ("C_GetInfo", _function(POINTER(LibraryInfo))),
        ("nameless_3", _nameless(1)),
        ("C_GetSlotList", _function(c_ubyte, _List, _List)),
        ("C_GetSlotInfo", _function(c_ulong, POINTER(SlotInfo))),
        ("C_GetTokenInfo", _function(c_ulong, POINTER(TokenInfo))),
        ("C_GetMechanismList", _function(c_ulong, _List, _List)),
        ("C_GetMechanismInfo", _function(c_ulong, c_ulong, POINTER(_MechanismInfo))),
        ("nameless_9_to_11", _nameless(3)),
        ("C_OpenSession", _function(c_ulong, c_ulong, c_void_p, c_void_p, _List)),
        ("C_CloseSession", _function(c_ulong)),
        ("nameless_14_to_23", _nameless(10)),
        ("C_GetAttributeValue", _function(c_ulong, c_ulong, _Template, c_ulong)),
        ("nameless_25", _nameless(1)),
        ("C_FindObjectsInit", _function(c_ulong, _Template, c_ulong)),
        ("C_FindObjects", _function(c_ulong, _List, c_ulong, _List)),
        ("C_FindObjectsFinal", _function(c_ulong)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What C_GetTokenInfo says, its texts without their padding."""

    serial: str
    model: str
    flags: int
    """CKF_* bits."""


class Cryptoki:
    """One loaded library.

    `announce` is called with the name of each call before it is made. Every method raises
    CryptokiError for an answer other than CKR_OK, unless it says otherwise.
    """

    def __init__(self, path: str, announce: Callable[[str], None]) -> None:
        """Raises NotLoaded when the library cannot be loaded or is no PKCS#11 library."""
        self._announce = announce
        announce(LOADER)
        try:
            # On Windows found and resolved as by a browser: ctypes' own default looks elsewhere
            # for what the library needs itself (Microsoft, « Dynamic-link library search order »).
            self._library = ctypes.CDLL(path, winmode=0)
            get_list = self._library.C_GetFunctionList
        except (OSError, AttributeError) as error:
            raise NotLoaded(str(error)) from error
        get_list.argtypes = [POINTER(POINTER(FunctionList))]
        get_list.restype = c_ulong
        functions = POINTER(FunctionList)()
        announce("C_GetFunctionList")
        _need("C_GetFunctionList", get_list(byref(functions)))
        if not functions:  # type: ignore[truthy-bool]  # false for NULL
            raise CryptokiError("C_GetFunctionList", GENERAL_ERROR)
        self._functions = functions.contents

    def initialize(self) -> None:
        """Readies the library for one thread (C_Initialize with NULL)."""
        self._do("C_Initialize", None)

    def finalize(self) -> None:
        """Lets go of the cards, so that nothing is in their way (C_Finalize): pcscd resets a card
        whose transaction a process did not end."""
        self._do("C_Finalize", None)

    def info(self) -> tuple[str, str]:
        """The library's description, and its version such as « 3.1 »."""
        info = LibraryInfo()
        self._do("C_GetInfo", byref(info))
        return _text(info.description), f"{info.version.major}.{info.version.minor}"

    def slots(self) -> tuple[int, ...]:
        """The numbers of the slots, with a token or without."""
        return self._list("C_GetSlotList", 0)

    def slot(self, slot: int) -> str:
        """The slot's description."""
        info = SlotInfo()
        self._do("C_GetSlotInfo", slot, byref(info))
        return _text(info.description)

    def token(self, slot: int) -> Token:
        """The token in the slot."""
        info = TokenInfo()
        self._do("C_GetTokenInfo", slot, byref(info))
        flags = info.flags & 0xFFFFFFFF
        return Token(serial=_text(info.serial), model=_text(info.model), flags=flags)

    def signing_mechanisms(self, slot: int) -> tuple[int, ...]:
        """The CKM_* numbers of what the token signs with, in increasing order."""
        found = set()
        for number in self._list("C_GetMechanismList", slot):
            info = _MechanismInfo()
            self._do("C_GetMechanismInfo", slot, number, byref(info))
            if info.flags & _SIGNS:
                found.add(number & 0xFFFFFFFF)
        return tuple(sorted(found))

    def certificates(self, slot: int) -> Iterator[bytes]:
        """The value of each certificate object that is shown without a code; empty for none."""
        session = c_ulong()
        self._do("C_OpenSession", slot, _SERIAL_SESSION, None, None, byref(session))
        try:
            for certificate in self._find(session.value):
                yield self._value(session.value, certificate)
        finally:
            self._ask("C_CloseSession", session.value)

    def _find(self, session: int) -> tuple[int, ...]:
        wanted = c_ulong(_CERTIFICATE)
        pointer = ctypes.cast(byref(wanted), c_void_p)
        template = _Attribute(_CLASS, pointer, ctypes.sizeof(wanted))
        self._do("C_FindObjectsInit", session, byref(template), 1)
        try:
            return tuple(self._found(session))
        finally:
            self._ask("C_FindObjectsFinal", session)

    def _found(self, session: int) -> Iterator[int]:
        """A library may show fewer objects at a time than there is room for."""
        handle, count = c_ulong(), c_ulong()
        for _ in range(_OBJECTS_AT_MOST):
            self._do("C_FindObjects", session, byref(handle), 1, byref(count))
            if not count.value:
                return
            yield handle.value

    def _value(self, session: int, certificate: int) -> bytes:
        attribute = _Attribute(_VALUE, None, 0)
        code = self._ask("C_GetAttributeValue", session, certificate, byref(attribute), 1)
        if code in _NO_VALUE:
            return b""
        _need("C_GetAttributeValue", code)
        # The Cryptolib answers CKR_OK and no byte for a certificate that it cannot read.
        if not 0 < attribute.length <= _VALUE_BYTES_AT_MOST:
            return b""
        room = ctypes.create_string_buffer(attribute.length)
        attribute.value = ctypes.cast(room, c_void_p)
        self._do("C_GetAttributeValue", session, certificate, byref(attribute), 1)
        return room.raw[: attribute.length]

    def _list(self, call: str, first: int) -> tuple[int, ...]:
        """A list whose length is asked for before the list itself, as the standard says."""
        count = c_ulong()
        self._do(call, first, None, byref(count))
        count.value = min(count.value, _LIST_AT_MOST)
        room = (c_ulong * max(count.value, 1))()
        self._do(call, first, room, byref(count))
        return tuple(room[: count.value])

    def _do(self, call: str, *arguments: object) -> None:
        _need(call, self._ask(call, *arguments))

    def _ask(self, call: str, *arguments: object) -> int:
        """The code of the call, unsigned."""
        self._announce(call)
        function = getattr(self._functions, call)
        # A call through an empty entry would end the process.
        code: int = function(*arguments) if function else FUNCTION_NOT_SUPPORTED
        return code & 0xFFFFFFFF


def _need(call: str, code: int) -> None:
    """The Cryptolib's own codes come sign-extended to the 64 bits of an unsigned long."""
    if code & 0xFFFFFFFF != OK:
        raise CryptokiError(call, code & 0xFFFFFFFF)


def _text(padded: bytes) -> str:
    """A text that blanks fill up (PKCS#11 2.20, 9.1), or zeros as some libraries do."""
    return padded.decode("utf-8", "replace").strip()
