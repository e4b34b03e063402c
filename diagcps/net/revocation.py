"""The list of revoked certificates that a card's certificate names: fetched, kept while it is good,
and looked up.

What comes over plain HTTP is trusted for nothing but the signature of the card's own authority.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from diagcps.facts import Certificate, StoredCertificate
from diagcps.model import DiagError
from diagcps.net.revocation_list import ListRead, UnusableList
from diagcps.network import Revocation, Revoked

logger = logging.getLogger(__name__)

_MOST_BYTES = 64 << 20
_CONNECT_S, _SILENCE_S, _WHOLE_S = 4.0, 5.0, 45.0


class NotFetched(DiagError):
    """The list could not be had."""


@dataclass(frozen=True, kw_only=True)
class Lists:
    """Where lists come from, and where they are kept."""

    host: str
    """The one host that is asked: that of IGC-Santé."""
    folder: Path | None
    """This user's cache; None where none can be had."""
    authorities: Callable[[str], Sequence[StoredCertificate]]
    """The certificates that are trusted to be those of the authority of that name."""
    proxy: str = ""
    """host:port; empty for the direct way."""
    ports: frozenset[int] = frozenset((80, 443))

    async def ask(self, certificate: Certificate, now: datetime) -> Revocation:
        """Whether the certificate was revoked, as its authority says at `now` (UTC)."""
        address = self._address(certificate)
        if address is None:
            return Revocation(revoked=Revoked.NOT_NAMED, source="certificate")
        kept = await asyncio.to_thread(self._look_up_kept, address, certificate)
        if kept is not None and _is_good(kept, now):
            return _told(kept, f"{address} (cache)")
        try:
            read = await self._look_up_fetched(address, certificate)
        except NotFetched as error:
            logger.info("the revocation list: %s", error)
            return Revocation(revoked=Revoked.UNREACHABLE, source=address, detail=str(error))
        except UnusableList as error:
            logger.info("the revocation list: %s", error)
            return Revocation(revoked=Revoked.UNUSABLE, source=address, detail=str(error))
        if not _is_good(read, now):
            return Revocation(revoked=Revoked.UNUSABLE, source=address, detail="not of today")
        return _told(read, address)

    def _address(self, certificate: Certificate) -> str | None:
        """The first address on the pinned host that the certificate names, without its secrets."""
        for address in certificate.revocation_lists:
            with suppress(ValueError):
                parts = urlsplit(address)
                usual = {"http": 80, "https": 443}.get(parts.scheme)
                plain = usual is not None and parts.username is None
                if plain and parts.hostname == self.host and (parts.port or usual) in self.ports:
                    return address
        return None

    def _kept(self, address: str) -> Path | None:
        name = hashlib.sha256(address.encode()).hexdigest()
        return self.folder / f"{name}.crl" if self.folder is not None else None

    def _look_up_kept(self, address: str, certificate: Certificate) -> ListRead | None:
        path = self._kept(address)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                return self._look_up(file, certificate)
        except (OSError, UnusableList):
            return None

    def _look_up(self, file: IO[bytes], certificate: Certificate) -> ListRead:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

        from diagcps.net.revocation_list import look_up

        known = [
            x509.load_der_x509_certificate(each.data)
            for each in self.authorities(certificate.issuer)
        ]
        if not known:
            raise UnusableList("its authority is not known here")
        keys = [key for each in known if isinstance(key := each.public_key(), RSAPublicKey)]
        return look_up(file, int(certificate.serial.value, 16), known[0].subject, keys)

    async def _look_up_fetched(self, address: str, certificate: Certificate) -> ListRead:
        """Raises NotFetched and UnusableList. What was fetched is kept when it says something."""
        try:
            file = self._new_file()
        except OSError as error:
            raise NotFetched("nowhere to put it") from error
        path = Path(file.name)
        try:
            with file:
                await self._fetch(address, file)
                file.seek(0)
                read = await asyncio.to_thread(self._look_up, file, certificate)
            self._keep(path, address)
        finally:
            _drop(path)
        return read

    def _new_file(self) -> IO[bytes]:
        """A file beside the kept ones or, where there can be none, among the temporary ones."""
        if self.folder is not None:
            with suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                return tempfile.NamedTemporaryFile(dir=self.folder, delete=False)
        return tempfile.NamedTemporaryFile(delete=False)

    def _keep(self, path: Path, address: str) -> None:
        kept = self._kept(address)
        if kept is not None and path.parent == kept.parent:
            with suppress(OSError):
                path.replace(kept)

    async def _fetch(self, address: str, file: IO[bytes]) -> None:
        """Writes what is at `address` to `file`, 64 MiB and 45 seconds of it at most."""
        # Only where a card was read: it takes longer to import than the page to open.
        import aiohttp

        limits = aiohttp.ClientTimeout(
            total=_WHOLE_S, sock_connect=_CONNECT_S, sock_read=_SILENCE_S
        )
        proxy = f"http://{self.proxy}" if self.proxy else None
        try:
            async with (
                aiohttp.ClientSession(timeout=limits, auto_decompress=False) as session,
                session.get(address, allow_redirects=False, proxy=proxy) as answer,
            ):
                if answer.status != 200:
                    raise NotFetched(f"status {answer.status}")
                size = 0
                async for part in answer.content.iter_any():
                    size += len(part)
                    if size > _MOST_BYTES:
                        raise NotFetched("too long")
                    file.write(part)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NotFetched(type(error).__name__) from error


def _drop(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _is_good(read: ListRead, now: datetime) -> bool:
    return read.next_update is not None and read.this_update <= now < read.next_update


def _told(read: ListRead, source: str) -> Revocation:
    revoked = Revoked.YES if read.revoked else Revoked.NO
    return Revocation(revoked=revoked, source=source, list_until=read.next_update)
