"""What runs in the process in which Windows acquires the keys of a person's certificates.

One message comes in, {"fingerprints": [SHA-256, …]}. Out goes {"code": number} for each, in turn:
0, or what Windows answered; null for a certificate that is not there any more. No key is used, no
code is asked for or given, and Windows shows nothing: it is told to be silent.
"""

from __future__ import annotations

import _thread
import io
import json
from typing import BinaryIO

from diagcps.card._child import EXIT_NO_REQUEST, end_with_parent, exactly, send, take_over
from diagcps.host.common import library
from diagcps.host.no_dump import leave_no_dump
from diagcps.host.windows_api import function, last_error
from diagcps.host.windows_crypto import Owner, opened
from diagcps.model import ProbeError

_SILENT, _ALLOW_KSP = 0x40, 0x1_0000
"""CRYPT_ACQUIRE_SILENT_FLAG, CRYPT_ACQUIRE_ALLOW_NCRYPT_KEY_FLAG: CSP or KSP, as browsers do."""
_OF_KSP = 0xFFFF_FFFF
"""CERT_NCRYPT_KEY_SPEC."""
_FAILED = 0x8000_4005
"""E_FAIL (winerror.h), for a refusal without a code: 0 would mean success."""
_OWN = "MY"


def main(stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Answers one request; the exit code is 0, or 64 when what came in is none.

    Takes the process over: its standard input and output become the null device.
    """
    requests, answers = take_over(stdin, stdout)
    fingerprints = _fingerprints(requests)
    if fingerprints is None:
        return EXIT_NO_REQUEST
    leave_no_dump()
    _thread.start_new_thread(end_with_parent, (requests,))
    for fingerprint in fingerprints:
        send(answers, {"code": acquire_key(fingerprint)})
    return 0


def acquire_key(fingerprint: str) -> int | None:
    """The code of CryptAcquireCertificatePrivateKey for that certificate, unsigned, 0 if its key
    could be had; None when the certificate is not there, or Windows has no such call."""
    try:
        with opened(Owner.PERSON, _OWN) as certificates:
            for each in certificates:
                if each.sha256 == fingerprint:
                    return _acquire(each.context)
    except (ProbeError, FileNotFoundError):
        pass
    return None


def _acquire(context: object) -> int:
    ctypes = library("ctypes")
    pointer, number = ctypes.c_void_p, ctypes.c_ulong
    ask = function(
        "crypt32", "CryptAcquireCertificatePrivateKey",
        *(pointer, number, pointer, pointer, pointer, pointer),
    )  # fmt: skip
    key, kind, is_ours = ctypes.c_void_p(), ctypes.c_ulong(0), ctypes.c_int(0)
    taken = (ctypes.byref(key), ctypes.byref(kind), ctypes.byref(is_ours))
    if not ask(context, _SILENT | _ALLOW_KSP, None, *taken):
        return last_error() or _FAILED
    if is_ours.value and kind.value == _OF_KSP:
        function("ncrypt", "NCryptFreeObject", pointer)(key)
    elif is_ours.value:
        function("advapi32", "CryptReleaseContext", pointer, number)(key, 0)
    return 0


def _fingerprints(requests: io.FileIO) -> list[str] | None:
    try:
        length = int.from_bytes(exactly(requests, 4), "big")
        found = json.loads(exactly(requests, length))["fingerprints"]
    except (EOFError, ValueError, TypeError, LookupError):
        return None
    is_list = isinstance(found, list) and all(isinstance(each, str) for each in found)
    return found if is_list else None
