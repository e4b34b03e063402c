"""TLS over any stream: handshakes that look without judging, and one with the workstation's trust.

What a server asks for in a handshake is told by Python's `ssl` in one place only on 3.11, the
message callback of a context, which its own tests use and which is not public. pyOpenSSL would
tell the same, for a second library of TLS beside the one whose behaviour is examined.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from diagcps.net.connecting import Stream
from diagcps.net.stages import Broken, stage
from diagcps.net.trust import Trust
from diagcps.network import Ended, Handshake, Tls
from diagcps.records import record
from diagcps.threads import DaemonThreads

Open = Callable[[], Awaitable[Stream]]
"""A connection to the server. Raises OSError and `Broken`."""
_Step = Callable[[Callable[[], None]], Awaitable[None]]

_MOST_OF_A_HANDSHAKE = 1 << 18
"""Bytes that a server may send in one: a chain has some 5 KB, and OpenSSL takes one of 100 KB."""
_MOST_OF_A_CHAIN = 10
_VERSIONS = {Tls.V1_2: ssl.TLSVersion.TLSv1_2, Tls.V1_3: ssl.TLSVersion.TLSv1_3}
_HANDSHAKE, _ALERT = 22, 21
_CERTIFICATE_REQUEST = 13
_FATAL = b"\x02"
_ALERTS = {
    10: "unexpected-message", 20: "bad-record-mac", 22: "record-overflow", 40: "handshake-failure",
    42: "bad-certificate", 43: "unsupported-certificate", 44: "certificate-revoked",
    45: "certificate-expired", 46: "certificate-unknown", 47: "illegal-parameter",
    48: "unknown-ca", 49: "access-denied", 50: "decode-error", 51: "decrypt-error",
    70: "protocol-version", 71: "insufficient-security", 80: "internal-error",
    86: "inappropriate-fallback", 90: "user-canceled", 109: "missing-extension",
    110: "unsupported-extension", 112: "unrecognized-name",
    113: "bad-certificate-status-response", 115: "unknown-psk-identity",
    116: "certificate-required", 120: "no-application-protocol",
}  # fmt: skip
"""RFC 8446, 6."""
_NOT_OFFERED, _OTHER = "not-offered", "other"


class _Messages:
    """What the messages of a handshake tell that `ssl` does not."""

    def __init__(self) -> None:
        self.is_answered = False
        """With TLS, whatever it says."""
        self.asks_certificate = False
        self._alerts: dict[str, str] = {}

    def __call__(
        self, _: object, direction: str, _version: int, content: int, kind: int, data: bytes
    ) -> None:
        is_read = direction == "read"
        if content == _ALERT and data.startswith(_FATAL):
            self.is_answered |= is_read
            self._alerts.setdefault(direction, _ALERTS.get(kind, _OTHER))
        elif content == _HANDSHAKE and is_read:
            self.is_answered = True
            self.asks_certificate |= kind == _CERTIFICATE_REQUEST

    def alert(self, error: ssl.SSLError) -> str:
        """The reason of a handshake that failed: the server's, or else this side's."""
        if error.reason == "NO_PROTOCOLS_AVAILABLE":
            return _NOT_OFFERED
        return self._alerts.get("read") or self._alerts.get("write") or _OTHER


class Secured:
    """TLS over another stream. In memory: the same on every event loop, and inside a tunnel."""

    def __init__(self, under: Stream, context: ssl.SSLContext, host: str) -> None:
        """Of a client that wants to speak to `host`. May block; raises OSError, ValueError."""
        self._under = under
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def handshake(self, step: _Step) -> None:
        """Shakes hands; `step` calls what does a part of it. Raises OSError and `Broken`."""
        received = 0
        while True:
            try:
                await step(self._tls.do_handshake)
            except ssl.SSLWantReadError:
                await self._send()
            except ssl.SSLError:
                await self._send_alert()
                raise
            else:
                return await self._send()
            received += await self._receive()
            if received > _MOST_OF_A_HANDSHAKE:
                raise Broken(Ended.TOO_LONG)

    def chain(self) -> tuple[bytes, ...]:
        """The certificates (DER) that the server sent, in its order; also when it then failed."""
        if sys.version_info >= (3, 13):
            found: list[bytes] = self._tls.get_unverified_chain()
            return tuple(found)[:_MOST_OF_A_CHAIN]
        # The same, before it was public: truststore depends on it as well.
        inner: Any = self._tls._sslobj  # type: ignore[attr-defined, unused-ignore]
        der = ssl._ssl.ENCODING_DER  # type: ignore[attr-defined, unused-ignore]
        chain = inner.get_unverified_chain() or ()
        return tuple(each.public_bytes(der) for each in chain)[:_MOST_OF_A_CHAIN]

    async def read(self) -> bytes:
        """What came; nothing at the end. Raises OSError and `Broken`."""
        while True:
            try:
                return self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                await self._send()
                await self._receive()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise Broken(Ended.FAILED) from error

    async def write(self, data: bytes) -> None:
        """Sends all of it. Raises OSError and `Broken`."""
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise Broken(Ended.FAILED) from error
        await self._send()

    def close(self) -> None:
        """Ends it at once."""
        self._under.close()

    async def _send(self) -> None:
        if data := self._outgoing.read():
            await self._under.write(data)

    async def _send_alert(self) -> None:
        try:
            await self._send()
        except (OSError, Broken):
            return  # it has gone already, and what was wrong with it counts

    async def _receive(self) -> int:
        data = await self._under.read()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return len(data)


async def _here(part: Callable[[], None]) -> None:
    part()


@record
class Look:
    """A handshake that was looked at."""

    handshake: Handshake
    chain: tuple[bytes, ...] = ()
    stream: Secured | None = None
    """Open still; None unless the handshake is done."""


async def look(open_stream: Open, host: str, version: Tls, limit_s: float) -> Look:
    """A handshake in one version of TLS, whatever certificate the server shows.

    The connection that it needs has the same limit, and is not counted in its time.
    """
    messages = _Messages()
    context = _unverified(version, messages)
    opened = await stage(_over(open_stream, context, host), limit_s)
    secured = opened.result
    if secured is None:
        return Look(handshake=Handshake(version=version, ended=opened.ended, ms=0.0))
    gone = await stage(_alert_of(secured, messages), limit_s)
    is_done = gone.result == ""
    fact = Handshake(
        version=version,
        ended=Ended.FAILED if gone.result else gone.ended,
        alert=gone.result or "",
        asks_certificate=messages.asks_certificate or (False if is_done else None),
        ms=gone.ms,
    )
    return Look(handshake=fact, chain=secured.chain(), stream=secured if is_done else None)


def _unverified(version: Tls, messages: _Messages) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = _VERSIONS[version]
    context.set_alpn_protocols(["http/1.1"])
    context._msg_callback = messages  # type: ignore[attr-defined]
    return context


async def _over(open_stream: Open, context: ssl.SSLContext, host: str) -> Secured:
    stream = await open_stream()
    try:
        return Secured(stream, context, host)
    except ValueError as error:  # no name that a certificate can have
        raise Broken(Ended.MALFORMED) from error


async def _alert_of(secured: Secured, messages: _Messages) -> str:
    """Shakes hands; returns why that failed, nothing when it did not."""
    try:
        await secured.handshake(_here)
    except ssl.SSLEOFError as error:
        raise Broken(Ended.RESET) from error
    except ssl.SSLError as error:
        alert = messages.alert(error)
        if not messages.is_answered and alert != _NOT_OFFERED:
            raise Broken(Ended.MALFORMED) from error
        return alert
    return ""


@record
class Verified:
    """What the workstation's trust says of a server."""

    trusted: bool | None = None
    """None when it could not be asked, or the server broke off before."""
    error: ssl.SSLCertVerificationError | None = None
    stream: Secured | None = None
    """Open when it is trusted."""


async def verify(
    open_stream: Open, host: str, trust: Trust, threads: DaemonThreads, limit_s: float
) -> Verified:
    """A handshake as a browser makes it, with the trust of the workstation.

    The system may look for authorities elsewhere meanwhile: it is waited for on another thread.
    """
    refused: ssl.SSLCertVerificationError | None = None

    async def shaken() -> Secured:
        nonlocal refused
        stream = await open_stream()
        secured = await threads.run(lambda: _browser_like(stream, trust, host))
        try:
            await secured.handshake(threads.run)
        except ssl.SSLCertVerificationError as error:
            refused = error
            raise
        return secured

    gone = await stage(shaken(), limit_s)
    if refused is not None:
        return Verified(trusted=False, error=refused)
    return Verified(trusted=True if gone.result else None, stream=gone.result)


def _browser_like(stream: Stream, trust: Trust, host: str) -> Secured:
    try:
        context = trust()
        context.set_alpn_protocols(["http/1.1"])
        return Secured(stream, context, host)
    except ValueError as error:
        raise Broken(Ended.MALFORMED) from error
