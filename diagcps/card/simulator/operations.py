"""What the keys of a simulated CPS3 do, in the security environment that a program prepares.

MANAGE SECURITY ENVIRONMENT: ISO/IEC 7816-4:2020, 11.5.11. PERFORM SECURITY OPERATION: ISO/IEC
7816-8:2021, 5.4. The algorithms' references are those of a real card's EF.TokenInfo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from diagcps.card.base import CardUnreadable
from diagcps.card.iso7816 import OK, Response, data_objects
from diagcps.card.simulator import crypto, files
from diagcps.card.simulator.command import Command

PERFORM = 0x2A

_HASH, _SIGNATURE, _AUTHENTICATION, _CONFIDENTIALITY = 0xAA, 0xB6, 0xA4, 0xB8
_PKCS1, _DECIPHER = 0x02, 0x1A
_HASHES: dict[int, crypto.Hash] = {0x10: "sha1", 0x40: "sha256", 0x12: "sha1", 0x42: "sha256"}
_ALGORITHMS = {
    _HASH: {0x10, 0x40},
    _SIGNATURE: {0x12, 0x42, _PKCS1},
    _AUTHENTICATION: {_PKCS1},
    _CONFIDENTIALITY: {_DECIPHER},
}
_KEYS = {
    _HASH: {0},
    _SIGNATURE: {files.SIGNATURE_KEY},
    _AUTHENTICATION: {files.AUTHENTICATION_KEY, files.TECHNICAL_KEY},
    _CONFIDENTIALITY: {files.AUTHENTICATION_KEY},
}
_COUNT_BYTES, _BLOCK_BYTES = 8, 64
_LONGEST_INFO = 102
"""Four tenths of the modulus: as long as the input of INTERNAL AUTHENTICATE may be."""

_DONE = Response(b"", OK)
_NOT_PRESENTED, _NOT_PREPARED = Response(b"", 0x6982), Response(b"", 0x6985)
_WRONG_DATA, _WRONG_PARAMETERS = Response(b"", 0x6A80), Response(b"", 0x6A86)
_NO_SUCH_REFERENCE = Response(b"", 0x6A88)


@dataclass(frozen=True, slots=True)
class _Environment:
    """What the next operation of one kind works with."""

    algorithm: int
    key: int


class Operations:
    """The security environment of a card, and what is computed in it."""

    def __init__(self, key: Callable[[int], RSAPrivateKey | None]) -> None:
        """`key` gives the key of a reference, or None when the card's state forbids its use."""
        self._key = key
        self.reset()

    def reset(self) -> None:
        """Forgets everything, as a card does when it is powered."""
        self._environments: dict[int, _Environment] = {}
        self._digest: tuple[crypto.Hash, bytes] | None = None

    def prepare(self, command: Command) -> Response:
        """MANAGE SECURITY ENVIRONMENT: restoring forgets, setting names algorithm and key."""
        if command.p1 == 0xF3:
            self._environments.clear()
            return _DONE
        if command.p1 != 0x41 or command.p2 not in _ALGORITHMS:
            return _WRONG_PARAMETERS
        values = dict(zip(command.data[::3], command.data[2::3], strict=False))
        if len(command.data) != 3 * len(values) or set(command.data[1::3]) - {1}:
            return _WRONG_DATA
        algorithm, key = values.get(0x80, 0), values.get(0x84, 0)
        if algorithm not in _ALGORITHMS[command.p2]:
            return _WRONG_DATA
        if key not in _KEYS[command.p2]:
            return _NO_SUCH_REFERENCE
        self._environments[command.p2] = _Environment(algorithm, key)
        return _DONE

    def perform(self, command: Command) -> Response:
        """PERFORM SECURITY OPERATION: HASH, COMPUTE DIGITAL SIGNATURE or DECIPHER."""
        operations = {
            (0x90, 0xA0): (_HASH, self._hash),
            (0x9E, 0x9A): (_SIGNATURE, self._sign),
            (0x80, 0x86): (_CONFIDENTIALITY, self._decipher),
        }
        kind, operation = operations.get((command.p1, command.p2), (0, None))
        if operation is None:
            return _WRONG_PARAMETERS
        environment = self._environments.get(kind)
        return operation(environment, command.data) if environment else _NOT_PREPARED

    def authenticate(self, command: Command) -> Response:
        """INTERNAL AUTHENTICATE: the signature of a DigestInfo (ISO/IEC 7816-4:2020, 11.5.2)."""
        environment = self._environments.get(_AUTHENTICATION)
        return self._signed(environment, command.data) if environment else _NOT_PREPARED

    def _hash(self, environment: _Environment, data: bytes) -> Response:
        """90 with the chaining value and the count of what is hashed already, 80 with the rest."""
        algorithm = _HASHES[environment.algorithm]
        try:
            objects = [(each.tag, each.value) for each in data_objects(data)]
        except CardUnreadable:
            return _WRONG_DATA
        if [tag for tag, _ in objects] != [0x90, 0x80]:
            return _WRONG_DATA
        begun, rest = (value for _, value in objects)
        whole = crypto.DIGEST_BYTES[algorithm] + _COUNT_BYTES
        if len(begun) not in (0, whole) or len(rest) > _BLOCK_BYTES:
            return _WRONG_DATA
        count = int.from_bytes(begun[-_COUNT_BYTES:], "big")
        self._digest = (algorithm, crypto.finish(algorithm, begun[:-_COUNT_BYTES], count, rest))
        return _DONE

    def _sign(self, environment: _Environment, data: bytes) -> Response:
        """The signature of the hash in `data`, or of the one that the card computed."""
        algorithm = _HASHES.get(environment.algorithm)
        if algorithm is None:
            return self._signed(environment, data)
        computed = self._digest[1] if self._digest and self._digest[0] == algorithm else b""
        digest = data or computed
        if not digest:
            return _NOT_PREPARED
        if len(digest) != crypto.DIGEST_BYTES[algorithm]:
            return _WRONG_DATA
        return self._signed(environment, crypto.DIGEST_INFO[algorithm] + digest)

    def _signed(self, environment: _Environment, info: bytes) -> Response:
        key = self._key(environment.key)
        if key is None:
            return _NOT_PRESENTED
        if not 0 < len(info) <= _LONGEST_INFO:
            return _WRONG_DATA
        return Response(crypto.sign(key, info), OK)

    def _decipher(self, environment: _Environment, data: bytes) -> Response:
        """The message in a cryptogram, which stands after 81."""
        key = self._key(environment.key)
        if key is None:
            return _NOT_PRESENTED
        message = crypto.decipher(key, data[1:]) if data.startswith(b"\x81") else None
        return _WRONG_DATA if message is None else Response(message, OK)
