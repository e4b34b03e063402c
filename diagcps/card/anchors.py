"""The authorities at which a chain may end: those of IGC-Santé, or those of a file."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

from diagcps.card.base import Anchors
from diagcps.model import LoadError, UsageError

_FILE = "anchors.toml"
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 1 << 20
_PEM = b"-----BEGIN CERTIFICATE-----"


def default_anchors() -> Anchors:
    """The nine authorities of IGC-Santé, by fingerprint alone: their certificates are looked for
    on the workstation. Raises LoadError when `anchors.toml` cannot be used."""
    path = Path(__file__).with_name(_FILE)
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        authorities: dict[str, str] = data["authorities"]
        names, fingerprints = frozenset(authorities), frozenset(authorities.values())
        wrong = [each for each in fingerprints if not _FINGERPRINT.fullmatch(each)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadError(f"{_FILE}: {error}") from error
    if wrong or not names:
        raise LoadError(f"{_FILE}: not the SHA-256 of authorities")
    return Anchors(fingerprints=fingerprints, names=names)


def read_anchors(path: Path) -> Anchors:
    """The authorities of a file: certificates in PEM, or one in DER, of at most 1 MiB.

    All that it holds is pinned. Raises UsageError when it is missing or empty, and when anything
    in it is no certificate or has a key of an unknown kind.
    """
    # Only where a file is given: cryptography takes longer to import than the page to open.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from diagcps.card.x509 import parsing, text_of

    data = _read(path)
    with parsing(lambda _: UsageError(f"{path}: no certificates (PEM, or one in DER)")):
        if _PEM in data:
            certificates = x509.load_pem_x509_certificates(data)
            if len(certificates) != data.count(_PEM):
                raise ValueError("a certificate without its end")
        else:
            certificates = [x509.load_der_x509_certificate(data)]
        names = {text_of(each.subject, x509.NameOID.COMMON_NAME) for each in certificates}
        for each in certificates:
            each.public_key()
    encoded = tuple(each.public_bytes(Encoding.DER) for each in certificates)
    return Anchors(
        fingerprints=frozenset(hashlib.sha256(each).hexdigest() for each in encoded),
        names=frozenset(name for name in names if name),
        certificates=encoded,
        default=False,
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if not data:
        raise UsageError(f"{path}: empty")
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path}: larger than 1 MiB")
    return data
