"""Windows' own stores of certificates, opened to be read and never made (wincrypt.h)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from diagcps.facts import FileState
from diagcps.host.common import library, printable
from diagcps.host.windows_api import failed, function, last_error
from diagcps.model import ProbeDenied, ProbeUnavailable
from diagcps.records import record

_MOST_CERTIFICATES = 4096
_LARGEST_CERTIFICATE = 64 << 10
_LONGEST_NAME = 256

_PROVIDER_SYSTEM = 10
"""CERT_STORE_PROV_SYSTEM_W."""
_READ_ONLY, _OPEN_EXISTING = 0x8000, 0x4000
_KEY_PROVIDER = 2
"""CERT_KEY_PROV_INFO_PROP_ID."""
_NAME_ATTRIBUTE, _OF_ISSUER = 3, 1
"""CERT_NAME_ATTR_TYPE, CERT_NAME_ISSUER_FLAG."""
_COMMON_NAME = b"2.5.4.3"
_ERROR_FILE_NOT_FOUND, _ERROR_ACCESS_DENIED = 2, 5


class Owner(Enum):
    """Whose store: CERT_SYSTEM_STORE_…; a person's shows what the machine's holds too."""

    PERSON = 1 << 16
    MACHINE = 2 << 16


@record
class InStore:
    """A certificate while its store is open."""

    context: Any
    """PCCERT_CONTEXT."""
    data: bytes
    """DER."""

    @property
    def sha256(self) -> str:
        """The fingerprint in lower-case hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    def issuer(self) -> str:
        """The common name of its issuer; empty when it has none."""
        ctypes = library("ctypes")
        ask = function(
            "crypt32", "CertGetNameStringW",
            *(ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong),
            *(ctypes.c_char_p, ctypes.c_wchar_p, ctypes.c_ulong),
        )  # fmt: skip
        name = ctypes.create_unicode_buffer(_LONGEST_NAME)
        ask(self.context, _NAME_ATTRIBUTE, _OF_ISSUER, _COMMON_NAME, name, _LONGEST_NAME)
        return printable(name.value)

    def provider(self) -> str:
        """The provider that Windows would ask for its key; empty for none."""
        ctypes = library("ctypes")
        ask = function(
            "crypt32", "CertGetCertificateContextProperty",
            *(ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p),
        )  # fmt: skip
        size = ctypes.c_ulong(0)
        if not ask(self.context, _KEY_PROVIDER, None, ctypes.byref(size)):
            return ""
        room = ctypes.create_string_buffer(size.value)
        if not ask(self.context, _KEY_PROVIDER, room, ctypes.byref(size)):
            return ""
        # CRYPT_KEY_PROV_INFO begins with two pointers: to the container's name, the provider's.
        names = ctypes.cast(room, ctypes.POINTER(ctypes.c_wchar_p * 2)).contents
        return printable(names[1] or "")[:_LONGEST_NAME]


@contextmanager
def opened(owner: Owner, store: str) -> Iterator[Iterator[InStore]]:
    """The certificates of a system store, 4096 at most, one after the other: each lives until the
    next one is asked for.

    Raises FileNotFoundError when there is no such store, ProbeDenied, or ProbeUnavailable;
    ProbeUnsupported where there are none.
    """
    ctypes = library("ctypes")
    pointer, number = ctypes.c_void_p, ctypes.c_ulong
    open_store = function(
        "crypt32", "CertOpenStore", *(pointer, number, pointer, number, ctypes.c_wchar_p),
        result=pointer,
    )  # fmt: skip
    close = function("crypt32", "CertCloseStore", pointer, number)
    handle = open_store(_PROVIDER_SYSTEM, 0, None, owner.value | _READ_ONLY | _OPEN_EXISTING, store)
    if not handle:
        raise _refused()
    certificates = _certificates(handle)
    try:
        yield certificates
    finally:
        certificates.close()
        close(handle, 0)


def _refused() -> Exception:
    """Why a store could not be opened."""
    code = last_error()
    if code == _ERROR_FILE_NOT_FOUND:
        return FileNotFoundError()
    if code == _ERROR_ACCESS_DENIED:
        return ProbeDenied("CertOpenStore")
    return failed("CertOpenStore")


def state_of_store(owner: Owner, store: str, look: Callable[[InStore], None]) -> FileState:
    """What is at a store: each of its certificates is given to `look`."""
    state = FileState.EMPTY
    try:
        with opened(owner, store) as certificates:
            for certificate in certificates:
                state = FileState.PRESENT
                look(certificate)
    except FileNotFoundError:
        return FileState.ABSENT
    except (ProbeDenied, ProbeUnavailable):
        return FileState.UNREADABLE
    return state


def _certificates(store: Any) -> Any:
    ctypes = library("ctypes")

    class Context(ctypes.Structure):  # type: ignore[misc,name-defined]
        """CERT_CONTEXT, as far as it is looked at."""

        _fields_ = (
            ("encoding", ctypes.c_ulong),
            ("encoded", ctypes.c_void_p),
            ("size", ctypes.c_ulong),
        )

    pointer = ctypes.c_void_p
    following = function("crypt32", "CertEnumCertificatesInStore", pointer, pointer, result=pointer)
    free = function("crypt32", "CertFreeCertificateContext", pointer)
    context = None
    try:
        for _ in range(_MOST_CERTIFICATES):
            # It frees the one that it is given.
            context = following(store, context)
            if not context:
                return
            held = ctypes.cast(context, ctypes.POINTER(Context)).contents
            if held.encoded and held.size <= _LARGEST_CERTIFICATE:
                yield InStore(context=context, data=ctypes.string_at(held.encoded, held.size))
    finally:
        if context:
            free(context)
