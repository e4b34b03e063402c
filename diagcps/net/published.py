"""The certificates of authorities at the address where IGC-Santé publishes them.

What comes is trusted for nothing: only a pinned fingerprint counts, so plain HTTP will do. Nothing
is sent but the request itself.
"""

from __future__ import annotations

import asyncio
import logging
import tomllib
from pathlib import Path

from diagcps.facts import StoredCertificate
from diagcps.model import DiagError, LoadError

logger = logging.getLogger(__name__)

_LIMIT_S = 4.0
_MOST_BYTES = 256 * 1024


class _NotCertificates(DiagError):
    """What came is no list of certificates."""


def published_address() -> str:
    """The address, from `published.toml`. Raises LoadError when that cannot be used."""
    path = Path(__file__).with_name("published.toml")
    try:
        address: str = tomllib.loads(path.read_text(encoding="utf-8"))["authorities"]["address"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoadError(f"{path.name}: {error}") from error
    return address


async def published(address: str | None = None) -> tuple[StoredCertificate, ...]:
    """The certificates at `address`; none when it is out of reach or holds something else.

    Takes 4 seconds and 256 KiB at most.
    """
    # Only where nothing is found on the workstation: it takes longer to import than to use.
    import aiohttp

    address = address or published_address()
    try:
        async with (
            asyncio.timeout(_LIMIT_S),
            aiohttp.ClientSession(trust_env=True) as session,
            session.get(address, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise _NotCertificates(f"status {answer.status}")
            data = b""
            async for part in answer.content.iter_any():
                data += part
                if len(data) > _MOST_BYTES:
                    raise _NotCertificates("too long")
        return tuple(StoredCertificate(data=d, source=address) for d in certificates_of(data))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, DiagError) as error:
        logger.info("the published authorities: %s", type(error).__name__)
        return ()


def certificates_of(data: bytes) -> list[bytes]:
    """The certificates (DER) of a list in PKCS #7 (RFC 2315), DER or PEM. Raises DiagError."""
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    from diagcps.card.x509 import parsing

    is_text = data.lstrip().startswith(b"-----BEGIN")
    load = pkcs7.load_pem_pkcs7_certificates if is_text else pkcs7.load_der_pkcs7_certificates
    with parsing(_NotCertificates):
        return [each.public_bytes(Encoding.DER) for each in load(data)]
