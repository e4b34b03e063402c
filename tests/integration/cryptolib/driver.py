"""A program that calls a PKCS#11 library, one line of JSON after another (PKCS#11 2.20, 11).

Usage: driver.py LIBRARY. It reads [function, argument, ...] and writes [code, value].
Standard library only: it runs in a process of its own, which can hang or crash with the library.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Sequence
from ctypes import Structure, byref, c_char, c_ubyte, c_ulong, c_void_p, cast

SESSION = 0x06  # CKF_SERIAL_SESSION | CKF_RW_SESSION
CKA_CLASS, CKA_LABEL, CKA_VALUE, CKA_ID = 0x00, 0x03, 0x11, 0x102
CKO_CERTIFICATE, CKO_PRIVATE_KEY = 1, 3
CKM_SHA256, CKG_MGF1_SHA256 = 0x250, 2
MOST_OBJECTS = 32


class TokenInfo(Structure):
    """CK_TOKEN_INFO."""

    _fields_ = (
        ("label", c_char * 32),
        ("manufacturer", c_char * 32),
        ("model", c_char * 16),
        ("serial", c_char * 16),
        ("flags", c_ulong),
        ("numbers", c_ulong * 10),
        ("versions", c_ubyte * 4),
        ("time", c_char * 16),
    )


class Attribute(Structure):
    """CK_ATTRIBUTE."""

    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


class Mechanism(Structure):
    """CK_MECHANISM."""

    _fields_ = (("type", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


class Failed(Exception):
    """A function of the library returned another code than CKR_OK."""

    def __init__(self, code: int) -> None:
        super().__init__(f"0x{code:X}")
        self.code = code


class Token:
    """The first slot that holds a token, one session with it, and everything that can be asked."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        self._slot = 0
        self._session = c_ulong()

    def initialize(self) -> None:
        """C_Initialize."""
        self._call("C_Initialize", None)

    def finalize(self) -> None:
        """C_Finalize."""
        self._call("C_Finalize", None)

    def slots(self) -> int:
        """How many slots hold a token; the first of them is the one that is meant from now on."""
        count = c_ulong(16)
        found = (c_ulong * 16)()
        self._call("C_GetSlotList", c_ubyte(1), found, byref(count))
        if count.value:
            self._slot = found[0]
        return count.value

    def token(self) -> dict[str, str | int]:
        """C_GetTokenInfo: what it is called, and its flags."""
        info = TokenInfo()
        self._call("C_GetTokenInfo", c_ulong(self._slot), byref(info))
        texts = ("label", "manufacturer", "model", "serial")
        named = {name: getattr(info, name).decode("utf-8").strip() for name in texts}
        return {**named, "flags": info.flags}

    def mechanisms(self) -> list[int]:
        """C_GetMechanismList."""
        count = c_ulong(64)
        found = (c_ulong * 64)()
        self._call("C_GetMechanismList", c_ulong(self._slot), found, byref(count))
        return list(found[: count.value])

    def open(self) -> None:
        """C_OpenSession: one that may write."""
        slot = c_ulong(self._slot)
        self._call("C_OpenSession", slot, c_ulong(SESSION), None, None, byref(self._session))

    def login(self, user: int, code: str) -> None:
        """C_Login: user 0 is the security officer (the one who unblocks), 1 the holder."""
        text = code.encode()
        self._call("C_Login", self._session, c_ulong(user), text, c_ulong(len(text)))

    def logout(self) -> None:
        """C_Logout."""
        self._call("C_Logout", self._session)

    def init_pin(self, code: str) -> None:
        """C_InitPIN: the holder's new code."""
        text = code.encode()
        self._call("C_InitPIN", self._session, text, c_ulong(len(text)))

    def set_pin(self, old: str, new: str) -> None:
        """C_SetPIN."""
        a, b = old.encode(), new.encode()
        self._call("C_SetPIN", self._session, a, c_ulong(len(a)), b, c_ulong(len(b)))

    def certificates(self) -> dict[str, str]:
        """Each certificate (hexadecimal) by its label."""
        handles = self._find(CKO_CERTIFICATE)
        return {
            self._attribute(handle, CKA_LABEL).decode("utf-8"): self._attribute(
                handle, CKA_VALUE
            ).hex()
            for handle in handles
        }

    def sign(self, label: str, mechanism: int, data: str) -> str:
        """The signature of `data` with the key of the certificate that has this label.

        The length is asked first: the key of authentication of a CPS4 wants exactly that much room.
        """
        wanted = self._attribute(self._labelled(label), CKA_ID)
        keys = [h for h in self._find(CKO_PRIVATE_KEY) if self._attribute(h, CKA_ID) == wanted]
        # The hash, the mask and the salt's length of RSASSA-PSS; no other mechanism has any.
        pss = (c_ulong * 3)(CKM_SHA256, CKG_MGF1_SHA256, 32)
        has_parameter = mechanism in (0x0D, 0x43)
        parameter, length = (
            (cast(pss, c_void_p), ctypes.sizeof(pss)) if has_parameter else (None, 0)
        )
        how = Mechanism(mechanism, parameter, length)
        self._call("C_SignInit", self._session, byref(how), c_ulong(keys[0]))
        content, size = bytes.fromhex(data), c_ulong()
        given = (self._session, content, c_ulong(len(content)))
        self._call("C_Sign", *given, None, byref(size))
        signature = (c_ubyte * size.value)()
        self._call("C_Sign", *given, signature, byref(size))
        return bytes(signature[: size.value]).hex()

    def _labelled(self, label: str) -> int:
        for handle in self._find(CKO_CERTIFICATE):
            if self._attribute(handle, CKA_LABEL).decode("utf-8") == label:
                return handle
        raise ValueError(label)

    def _find(self, kind: int) -> Sequence[int]:
        value = c_ulong(kind)
        wanted = Attribute(CKA_CLASS, cast(byref(value), c_void_p), ctypes.sizeof(value))
        self._call("C_FindObjectsInit", self._session, byref(wanted), c_ulong(1))
        found, count = (c_ulong * MOST_OBJECTS)(), c_ulong()
        most = c_ulong(MOST_OBJECTS)
        self._call("C_FindObjects", self._session, found, most, byref(count))
        self._call("C_FindObjectsFinal", self._session)
        return list(found[: count.value])

    def _attribute(self, handle: int, kind: int) -> bytes:
        asked = Attribute(kind, None, 0)
        arguments = (self._session, c_ulong(handle), byref(asked), c_ulong(1))
        self._call("C_GetAttributeValue", *arguments)
        room = (c_ubyte * asked.length)()
        asked.value = cast(room, c_void_p)
        self._call("C_GetAttributeValue", *arguments)
        return bytes(room[: asked.length])

    def _call(self, name: str, *arguments: object) -> None:
        function = self._library[name]
        function.restype = c_ulong
        code = function(*arguments)
        if code:
            raise Failed(code)


def main(path: str) -> None:
    """Answers every line until there are no more."""
    token = Token(path)
    for line in sys.stdin:
        function, *arguments = json.loads(line)
        try:
            answer = (0, getattr(token, function)(*arguments))
        except Failed as failed:
            answer = (failed.code, None)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
