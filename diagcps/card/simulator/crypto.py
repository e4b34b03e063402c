"""What a simulated card computes: RSA as RFC 8017 writes it, and hashes that a program began."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Hash = Literal["sha1", "sha256"]

DIGEST_INFO: dict[Hash, bytes] = {
    "sha1": bytes.fromhex("3021300906052B0E03021A05000414"),
    "sha256": bytes.fromhex("3031300D060960864801650304020105000420"),
}
"""What stands before a hash that is signed (RFC 8017, 9.2, note 1)."""
DIGEST_BYTES: dict[Hash, int] = {"sha1": 20, "sha256": 32}

_BLOCK = 64
_WORD = 0xFFFFFFFF


def sign(key: RSAPrivateKey, info: bytes) -> bytes:
    """The RSASSA-PKCS1-v1_5 signature whose DigestInfo is `info` (RFC 8017, 8.2.1).

    `info` is at least 11 bytes shorter than the modulus.
    """
    size = key.key_size // 8
    return raw(key, b"\x00\x01" + b"\xff" * (size - 3 - len(info)) + b"\x00" + info)


def decipher(key: RSAPrivateKey, cryptogram: bytes) -> bytes | None:
    """The message in `cryptogram` (RSAES-PKCS1-v1_5, RFC 8017, 7.2.2); None when there is none."""
    if len(cryptogram) != key.key_size // 8:
        return None
    block = raw(key, cryptogram)
    end = block.find(b"\x00", 2)
    return block[end + 1 :] if block[:2] == b"\x00\x02" and end >= 10 else None


def raw(key: RSAPrivateKey, block: bytes) -> bytes:
    """RSADP and RSASP1 (RFC 8017, 5.1.2 and 5.2.1); a block above the modulus is reduced."""
    numbers = key.private_numbers()
    result = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n)
    return result.to_bytes(key.key_size // 8, "big")


def finish(algorithm: Hash, begun: bytes, count: int, rest: bytes) -> bytes:
    """The hash of a message of which a program hashed whole blocks, and left `rest` to the card.

    `begun` is the chaining value after those blocks, empty when there was none, and `count` how
    many bits they hold (FIPS 180-4, 6.1 and 6.2).
    """
    if not begun:
        return hashlib.new(algorithm, rest).digest()
    bits = count + len(rest) * 8
    padded = rest + b"\x80" + bytes((-len(rest) - 9) % _BLOCK) + (bits % 2**64).to_bytes(8, "big")
    state = tuple(int.from_bytes(begun[at : at + 4], "big") for at in range(0, len(begun), 4))
    for at in range(0, len(padded), _BLOCK):
        state = _COMPRESS[algorithm](state, padded[at : at + _BLOCK])
    return b"".join(word.to_bytes(4, "big") for word in state)


def _sha1(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    """The next chaining value of SHA-1 (FIPS 180-4, 6.1.2)."""
    words = [int.from_bytes(block[at : at + 4], "big") for at in range(0, _BLOCK, 4)]
    for t in range(16, 80):
        words.append(_left(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1))
    a, b, c, d, e = state
    for t, word in enumerate(words):
        if t < 20:
            mixed, constant = (b & c) | (~b & d), 0x5A827999
        elif t < 40:
            mixed, constant = b ^ c ^ d, 0x6ED9EBA1
        elif t < 60:
            mixed, constant = (b & c) | (b & d) | (c & d), 0x8F1BBCDC
        else:
            mixed, constant = b ^ c ^ d, 0xCA62C1D6
        a, b, c, d, e = (_left(a, 5) + mixed + e + constant + word) & _WORD, a, _left(b, 30), c, d
    return _sum(state, (a, b, c, d, e))


def _sha256(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    """The next chaining value of SHA-256 (FIPS 180-4, 6.2.2)."""
    words = [int.from_bytes(block[at : at + 4], "big") for at in range(0, _BLOCK, 4)]
    for t in range(16, 64):
        w, v = words[t - 15], words[t - 2]
        small = _right(w, 7) ^ _right(w, 18) ^ w >> 3
        large = _right(v, 17) ^ _right(v, 19) ^ v >> 10
        words.append((words[t - 16] + small + words[t - 7] + large) & _WORD)
    a, b, c, d, e, f, g, h = state
    for constant, word in zip(_CONSTANTS, words, strict=True):
        first = h + (_right(e, 6) ^ _right(e, 11) ^ _right(e, 25)) + ((e & f) ^ (~e & g))
        first = (first + constant + word) & _WORD
        second = (_right(a, 2) ^ _right(a, 13) ^ _right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
        a, b, c, d, e, f, g, h = (first + second) & _WORD, a, b, c, (d + first) & _WORD, e, f, g
    return _sum(state, (a, b, c, d, e, f, g, h))


def _sum(state: tuple[int, ...], added: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((x + y) & _WORD for x, y in zip(state, added, strict=True))


def _left(word: int, places: int) -> int:
    return (word << places | word >> (32 - places)) & _WORD


def _right(word: int, places: int) -> int:
    return _left(word, 32 - places)


def _constants() -> tuple[int, ...]:
    """The first 32 bits of the fraction of the cube roots of the first 64 primes."""
    primes = [n for n in range(2, 312) if all(n % p for p in range(2, n))]
    return tuple(_cube_root(prime << 96) & _WORD for prime in primes)


def _cube_root(number: int) -> int:
    """The whole part of the cube root of `number`."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


_CONSTANTS = _constants()
_COMPRESS: dict[Hash, Callable[[tuple[int, ...], bytes], tuple[int, ...]]] = {
    "sha1": _sha1,
    "sha256": _sha256,
}
