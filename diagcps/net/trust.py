"""The trust of the workstation itself in a server: its own store, asked by its own means."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable

import truststore

from diagcps.model import Platform

Trust = Callable[[], ssl.SSLContext]
"""A context that verifies as the workstation does. May block."""


class WorkstationTrust:
    """The store of the system: on Windows and macOS the system verifies, on Linux OpenSSL does."""

    def __init__(self, platform: Platform) -> None:
        """Of a workstation with that system; reads nothing yet."""
        self._is_file = platform is Platform.LINUX
        self._lock = threading.Lock()
        self._filled: ssl.SSLContext | None = None

    def __call__(self) -> ssl.SSLContext:
        """A context for one handshake. May block; raises OSError when the store cannot be read.

        Where the system verifies, it may go and look for authorities that the server did not send,
        and a context is locked meanwhile: each handshake has its own. Where the store is a file,
        truststore reads it for each connection; the context that it has filled is kept instead.
        """
        fresh = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not self._is_file:
            return fresh
        with self._lock:
            if self._filled is None:
                unused = fresh.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="unused")
                self._filled = unused.context
            return self._filled


EXPIRED, NOT_YET_VALID, WRONG_NAME = "expired", "not-yet-valid", "wrong-name"
SELF_SIGNED, UNKNOWN_ISSUER, REVOKED, OTHER = "self-signed", "unknown-issuer", "revoked", "other"

_FAULTS = {
    2: UNKNOWN_ISSUER,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT (x509_vfy.h)
    9: NOT_YET_VALID,  # X509_V_ERR_CERT_NOT_YET_VALID
    10: EXPIRED,  # X509_V_ERR_CERT_HAS_EXPIRED
    18: SELF_SIGNED,  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
    19: UNKNOWN_ISSUER,  # X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
    20: UNKNOWN_ISSUER,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: UNKNOWN_ISSUER,  # X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
    23: REVOKED,  # X509_V_ERR_CERT_REVOKED
    62: WRONG_NAME,  # X509_V_ERR_HOSTNAME_MISMATCH
    64: WRONG_NAME,  # X509_V_ERR_IP_ADDRESS_MISMATCH
    0x800B0101: EXPIRED,  # CERT_E_EXPIRED (winerror.h)
    0x800B0109: UNKNOWN_ISSUER,  # CERT_E_UNTRUSTEDROOT
    0x800B010A: UNKNOWN_ISSUER,  # CERT_E_CHAINING
    0x800B010C: REVOKED,  # CERT_E_REVOKED
    0x80092010: REVOKED,  # CRYPT_E_REVOKED
    0x800B010F: WRONG_NAME,  # CERT_E_CN_NO_MATCH
    -67602: WRONG_NAME,  # errSecHostNameMismatch (SecBase.h)
    -67818: EXPIRED,  # errSecCertificateExpired
    -67819: NOT_YET_VALID,  # errSecCertificateNotValidYet
    -67820: REVOKED,  # errSecCertificateRevoked
    -67843: UNKNOWN_ISSUER,  # errSecNotTrusted
}


def fault_of(error: ssl.SSLCertVerificationError, *, self_signed: bool, early: bool) -> str:
    """Why the certificate is not trusted, in the vocabulary of `ServerCertificate.fault`.

    Windows has one code for a certificate that is not yet valid (`early`) and one that is no more,
    and neither Windows nor macOS has one of its own for one that signed itself.
    """
    fault = _FAULTS.get(getattr(error, "verify_code", 0), OTHER)
    if fault == EXPIRED and early:
        return NOT_YET_VALID
    return SELF_SIGNED if fault == UNKNOWN_ISSUER and self_signed else fault
