"""The part of PKCS#11 2.20 that a diagnosis needs: what a library shows without a code.

A function list has 68 entries. Those that log in, change a code, sign or write have neither a name
nor a type here: the process that reads has no way to call them.

To be loaded in a process of its own and called on one thread, the only way in which every library
works (PKCS#11 2.20, 11.4, C_Initialize). Any call may hang for ever, or end the process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping
from ctypes import CFUNCTYPE, POINTER, byref, c_char, c_ubyte, c_ulong, c_void_p
from typing import Any, ClassVar

from diagcps.records import record

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
_CLASS, VALUE = 0x00, 0x11
"""CKA_CLASS, CKA_VALUE."""
CERTIFICATE = 0x01
"""CKO_CERTIFICATE."""
_MOST_AND_LEAST_OF_PIN = slice(4, 6)
"""ulMaxPinLen and ulMinPinLen among the ten numbers of CK_TOKEN_INFO."""

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
    """The system's loader refused the library; the text is the loader's own, and so is the code:
    0 where it gives none (everywhere but on Windows)."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.code = code


class Structure(ctypes.Structure):
    """On Windows without gaps, elsewhere as the compiler lays it out (PKCS#11 2.20, 8.1)."""

    if IS_WINDOWS:
        _pack_ = 1


class _Version(Structure):
    _fields_ = (("major", c_ubyte), ("minor", c_ubyte))


class LibraryInfo(Structure):
    """CK_INFO (PKCS#11 2.20, 9.1)."""

    _fields_ = (
        ("cryptoki", _Version),
        ("manufacturer", c_char * 32),
        ("flags", c_ulong),
        ("description", c_char * 32),
        ("version", _Version),
    )


class SlotInfo(Structure):
    """CK_SLOT_INFO (PKCS#11 2.20, 9.2)."""

    _fields_ = (
        ("description", c_char * 64),
        ("manufacturer", c_char * 32),
        ("flags", c_ulong),
        ("hardware", _Version),
        ("firmware", _Version),
    )


class TokenInfo(Structure):
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


class _MechanismInfo(Structure):
    _fields_ = (("least", c_ulong), ("most", c_ulong), ("flags", c_ulong))


class _Attribute(Structure):
    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


def function(*arguments: Any) -> Any:
    """The type of a Cryptoki function: it returns a CK_RV (PKCS#11 2.20, 11.1)."""
    return CFUNCTYPE(c_ulong, *arguments)


_POINTER_BYTES = ctypes.sizeof(c_void_p)
_List = POINTER(c_ulong)
_Template = POINTER(_Attribute)

READING: Mapping[int, tuple[str, Any]] = {
    0: ("C_Initialize", function(c_void_p)),
    1: ("C_Finalize", function(c_void_p)),
    2: ("C_GetInfo", function(POINTER(LibraryInfo))),
    4: ("C_GetSlotList", function(c_ubyte, _List, _List)),
    5: ("C_GetSlotInfo", function(c_ulong, POINTER(SlotInfo))),
    6: ("C_GetTokenInfo", function(c_ulong, POINTER(TokenInfo))),
    7: ("C_GetMechanismList", function(c_ulong, _List, _List)),
    8: ("C_GetMechanismInfo", function(c_ulong, c_ulong, POINTER(_MechanismInfo))),
    12: ("C_OpenSession", function(c_ulong, c_ulong, c_void_p, c_void_p, _List)),
    13: ("C_CloseSession", function(c_ulong)),
    24: ("C_GetAttributeValue", function(c_ulong, c_ulong, _Template, c_ulong)),
    26: ("C_FindObjectsInit", function(c_ulong, _Template, c_ulong)),
    27: ("C_FindObjects", function(c_ulong, _List, c_ulong, _List)),
    28: ("C_FindObjectsFinal", function(c_ulong)),
}
"""The functions that show something without a code, by their place in CK_FUNCTION_LIST."""


def entries(functions: Mapping[int, tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The fields of a CK_FUNCTION_LIST (PKCS#11 2.20, 11.4) as far as the last of `functions`.

    What is not among them is room for pointers: bytes, of which no call can be made.
    """
    fields: list[tuple[str, Any]] = [("version", _Version)]
    next_ = 0
    for place, entry in sorted(functions.items()):
        if place > next_:
            fields.append((f"nameless_{next_}", c_ubyte * (_POINTER_BYTES * (place - next_))))
        fields.append(entry)
        next_ = place + 1
    return fields


class FunctionList(Structure):
    """The function list of a process that reads."""

    _fields_ = entries(READING)


@record
class Token:
    """What C_GetTokenInfo says, its texts without their padding."""

    serial: str
    model: str
    flags: int
    """CKF_* bits."""
    pin_lengths: tuple[int, int]
    """The least and the most digits of the code porteur (ulMinPinLen, ulMaxPinLen)."""


class Cryptoki:
    """One loaded library.

    `announce` is called with the name of each call before it is made. Every method raises
    CryptokiError for an answer other than CKR_OK, unless it says otherwise.
    """

    FUNCTIONS: ClassVar[Any] = FunctionList

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
            code = getattr(error, "winerror", None) or 0
            raise NotLoaded(str(error), code & 0xFFFFFFFF) from error
        get_list.argtypes = [POINTER(POINTER(self.FUNCTIONS))]
        get_list.restype = c_ulong
        functions = POINTER(self.FUNCTIONS)()
        announce("C_GetFunctionList")
        _need("C_GetFunctionList", get_list(byref(functions)))
        if not functions:  # false for NULL
            raise CryptokiError("C_GetFunctionList", GENERAL_ERROR)
        self._functions = functions.contents

    def initialize(self) -> None:
        """Readies the library for one thread (C_Initialize with NULL)."""
        self.do("C_Initialize", None)

    def finalize(self) -> None:
        """Lets go of the cards, so that nothing is in their way (C_Finalize): pcscd resets a card
        whose transaction a process did not end."""
        self.do("C_Finalize", None)

    def info(self) -> tuple[str, str]:
        """The library's description, and its version such as « 3.1 »."""
        info = LibraryInfo()
        self.do("C_GetInfo", byref(info))
        return _text(info.description), f"{info.version.major}.{info.version.minor}"

    def slots(self) -> tuple[int, ...]:
        """The numbers of the slots, with a token or without."""
        return self._list("C_GetSlotList", 0)

    def slots_with_token(self) -> tuple[int, ...]:
        """The numbers of the slots that hold a token."""
        return self._list("C_GetSlotList", 1)

    def slot(self, slot: int) -> str:
        """The slot's description."""
        info = SlotInfo()
        self.do("C_GetSlotInfo", slot, byref(info))
        return _text(info.description)

    def token(self, slot: int) -> Token:
        """The token in the slot."""
        info = TokenInfo()
        self.do("C_GetTokenInfo", slot, byref(info))
        most, least = info.counts_and_lengths[_MOST_AND_LEAST_OF_PIN]
        return Token(
            serial=_text(info.serial),
            model=_text(info.model),
            flags=info.flags & 0xFFFFFFFF,
            pin_lengths=(least & 0xFFFFFFFF, most & 0xFFFFFFFF),
        )

    def signing_mechanisms(self, slot: int) -> tuple[int, ...]:
        """The CKM_* numbers of what the token signs with, in increasing order."""
        found = set()
        for number in self._list("C_GetMechanismList", slot):
            info = _MechanismInfo()
            self.do("C_GetMechanismInfo", slot, number, byref(info))
            if info.flags & _SIGNS:
                found.add(number & 0xFFFFFFFF)
        return tuple(sorted(found))

    def certificates(self, slot: int) -> Iterator[bytes]:
        """The value of each certificate object that is shown without a code; empty for none."""
        session = self.open_session(slot, _SERIAL_SESSION)
        try:
            for certificate in self.find(session, CERTIFICATE):
                yield self.attribute(session, certificate, VALUE)
        finally:
            self.ask("C_CloseSession", session)

    def open_session(self, slot: int, flags: int) -> int:
        """A new session (C_OpenSession), to be closed."""
        session = c_ulong()
        self.do("C_OpenSession", slot, flags, None, None, byref(session))
        return session.value

    def find(self, session: int, kind: int) -> tuple[int, ...]:
        """The objects of one class (CKO_*) that the session shows."""
        wanted = c_ulong(kind)
        pointer = ctypes.cast(byref(wanted), c_void_p)
        template = _Attribute(_CLASS, pointer, ctypes.sizeof(wanted))
        self.do("C_FindObjectsInit", session, byref(template), 1)
        try:
            return tuple(self._found(session))
        finally:
            self.ask("C_FindObjectsFinal", session)

    def _found(self, session: int) -> Iterator[int]:
        """A library may show fewer objects at a time than there is room for."""
        handle, count = c_ulong(), c_ulong()
        for _ in range(_OBJECTS_AT_MOST):
            self.do("C_FindObjects", session, byref(handle), 1, byref(count))
            if not count.value:
                return
            yield handle.value

    def attribute(self, session: int, object_: int, kind: int) -> bytes:
        """One attribute (CKA_*) of an object; empty when it shows none."""
        attribute = _Attribute(kind, None, 0)
        code = self.ask("C_GetAttributeValue", session, object_, byref(attribute), 1)
        if code in _NO_VALUE:
            return b""
        _need("C_GetAttributeValue", code)
        # The Cryptolib answers CKR_OK and no byte for a certificate that it cannot read.
        if not 0 < attribute.length <= _VALUE_BYTES_AT_MOST:
            return b""
        room = ctypes.create_string_buffer(attribute.length)
        attribute.value = ctypes.cast(room, c_void_p)
        self.do("C_GetAttributeValue", session, object_, byref(attribute), 1)
        return room.raw[: attribute.length]

    def _list(self, call: str, first: int) -> tuple[int, ...]:
        """A list whose length is asked for before the list itself, as the standard says."""
        count = c_ulong()
        self.do(call, first, None, byref(count))
        count.value = min(count.value, _LIST_AT_MOST)
        room = (c_ulong * max(count.value, 1))()
        self.do(call, first, room, byref(count))
        return tuple(room[: count.value])

    def do(self, call: str, *arguments: object) -> None:
        _need(call, self.ask(call, *arguments))

    def ask(self, call: str, *arguments: object) -> int:
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
