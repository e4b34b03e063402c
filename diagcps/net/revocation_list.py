"""Looks one serial number up in a list of revoked certificates, read from a file piece by piece.

RFC 5280, 5.1: the list is signed as a whole, so that nothing of it counts before its last byte was
read and the signature of its own authority verified. No more than one entry is held in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import IO

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from diagcps.model import DiagError
from diagcps.records import record

_INTEGER, _BITS, _SEQUENCE = 0x02, 0x03, 0x30
_TIMES = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
_EXTENSIONS = 0xA0
_LONGEST_PART = 1 << 16
"""No name, entry or signature is longer; what claims to be is no list."""
_PIECE = 1 << 16

_HASHES: dict[bytes, tuple[Callable[..., hashlib._Hash], hashes.HashAlgorithm]] = {
    bytes.fromhex("06092a864886f70d01010b"): (hashlib.sha256, hashes.SHA256()),
    bytes.fromhex("06092a864886f70d01010c"): (hashlib.sha384, hashes.SHA384()),
    bytes.fromhex("06092a864886f70d01010d"): (hashlib.sha512, hashes.SHA512()),
}
"""sha256, sha384 and sha512WithRSAEncryption (RFC 4055, 5), as object identifiers in DER."""

_KNOWN = frozenset({
    bytes.fromhex("0603551d14"),  # the list's number
    bytes.fromhex("0603551d23"),  # the key of its authority
    bytes.fromhex("0603551d2e"),  # where changes to it are
})  # fmt: skip
"""Extensions of a list that do not change what it says (RFC 5280, 5.2), as object identifiers."""
_SCOPE = bytes.fromhex("0603551d1c")
_ADDRESS, _PERSONS = 0xA0, 0x81
_TRUE = bytes.fromhex("0101ff")


class UnusableList(DiagError):
    """What was read is no list that tells something of this certificate."""


@record
class ListRead:
    """What a list says of one certificate."""

    revoked: bool
    since: datetime | None
    """When it was revoked."""
    this_update: datetime
    next_update: datetime | None
    """The list is good until then; None where it does not say."""


def look_up(
    file: IO[bytes], serial: int, issuer: x509.Name, keys: Iterable[RSAPublicKey]
) -> ListRead:
    """What the list in `file` says of the certificate `serial` of `issuer`.

    Raises UnusableList for a list of somebody else, one that none of `keys` signed, a list of
    changes only or of some certificates only, and anything that is no list.
    """
    parts = _Parts(file)
    end = parts.expect(_SEQUENCE) + parts.position
    parts.sign_from_here()
    tbs_length = parts.expect(_SEQUENCE)
    tbs_end = parts.position + tbs_length
    if parts.next_tag() == _INTEGER:
        parts.whole(_INTEGER)
    algorithm = parts.whole(_SEQUENCE)
    digest, kind = _hash_of(algorithm)
    parts.hash_with(digest)
    if parts.whole(_SEQUENCE) != issuer.public_bytes():
        raise UnusableList("of another issuer")
    this_update = _time(parts.whole(*_TIMES))
    next_update = None
    if parts.position < tbs_end and parts.next_tag() in _TIMES:
        next_update = _time(parts.whole(*_TIMES))
    since = None
    if parts.position < tbs_end and parts.next_tag() == _SEQUENCE:
        since = _entry_of(parts, serial)
    if parts.position < tbs_end:
        _refuse_partial(parts.whole(_EXTENSIONS))
    if parts.position != tbs_end:
        raise UnusableList("more than a list in its place")
    parts.stop_hashing()
    if parts.whole(_SEQUENCE) != algorithm:
        raise UnusableList("two algorithms")
    _verify(_content(parts.whole(_BITS)), digest.digest(), kind, keys)
    if parts.position != end:
        raise UnusableList("not a list")
    parts.end()
    return ListRead(
        revoked=since is not None, since=since, this_update=this_update, next_update=next_update
    )


def _entry_of(parts: _Parts, serial: int) -> datetime | None:
    """When the certificate was revoked: all entries are read, for the signature covers them."""
    end = parts.expect(_SEQUENCE) + parts.position
    wanted = _integer(serial)
    since = None
    while parts.position < end:
        entry = parts.content(_SEQUENCE)
        if entry.startswith(wanted):
            since = _time(_first(entry[len(wanted) :]))
    if parts.position != end:
        raise UnusableList("an entry is longer than the entries")
    return since


def _integer(value: int) -> bytes:
    """A positive whole number in DER."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes((_INTEGER, len(data))) + data


def _hash_of(algorithm: bytes) -> tuple[hashlib._Hash, hashes.HashAlgorithm]:
    content = _content(algorithm)
    for identifier, (make, kind) in _HASHES.items():
        if content in (identifier, identifier + b"\x05\x00"):
            return make(), kind
    raise UnusableList("signed in a way that is not known")


def _refuse_partial(extensions: bytes) -> None:
    """Raises UnusableList when an extension limits what the list says, or may do so."""
    rest = _content(_content(extensions))
    while rest:
        each = _first(rest)
        rest = rest[len(each) :]
        identifier = _first(_content(each))
        if identifier not in _KNOWN and not (identifier == _SCOPE and _is_of_persons(each)):
            raise UnusableList("a list of some certificates only")


def _is_of_persons(extension: bytes) -> bool:
    """The scope of the list (RFC 5280, 5.2.5) names its address, or the certificates of all who
    are no authority, and limits it in no other way."""
    content = _content(extension)
    value = content[len(_first(content)) :]
    if value.startswith(_TRUE):
        value = value[len(_TRUE) :]
    rest = _content(_content(value))
    while rest:
        each = _first(rest)
        if each[0] not in (_ADDRESS, _PERSONS):
            return False
        rest = rest[len(each) :]
    return True


def _time(data: bytes) -> datetime:
    """UTCTime or GeneralizedTime as RFC 5280, 5.1.2.4, has them."""
    try:
        text = _content(data).decode("ascii")
        return datetime.strptime(text, _TIMES[data[0]]).replace(tzinfo=UTC)
    except (ValueError, KeyError, IndexError) as error:
        raise UnusableList("a time that is none") from error


def _verify(
    bits: bytes, digest: bytes, kind: hashes.HashAlgorithm, keys: Iterable[RSAPublicKey]
) -> None:
    """Raises UnusableList when none of the keys has signed."""
    if bits[:1] != b"\x00":
        raise UnusableList("a signature that is none")
    for key in keys:
        try:
            key.verify(bits[1:], digest, PKCS1v15(), Prehashed(kind))
        except InvalidSignature:
            continue
        return
    raise UnusableList("not signed by its authority")


def _head(data: bytes) -> tuple[int, int]:
    """Where the content begins and ends of the element at the start of `data` (X.690, 8.1)."""
    if len(data) < 2 or data[0] & 0x1F == 0x1F:
        raise UnusableList("not DER")
    first, begin = data[1], 2
    if first < 0x80:
        return begin, begin + first
    begin += first & 0x7F
    if not 1 <= first & 0x7F <= 4 or len(data) < begin:
        raise UnusableList("not DER")
    return begin, begin + int.from_bytes(data[2:begin], "big")


def _first(data: bytes) -> bytes:
    """The element at the start of `data`, with its head."""
    _, end = _head(data)
    if end > len(data):
        raise UnusableList("cut short")
    return data[:end]


def _content(element: bytes) -> bytes:
    """The content of the element at the start of `element`."""
    begin, end = _head(element)
    if end > len(element):
        raise UnusableList("cut short")
    return element[begin:end]


class _Parts:
    """The elements of a file one after the other, hashed meanwhile."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._buffer = b""
        self._at = 0
        self._digest: hashlib._Hash | None = None
        self._early = b""
        self.position = 0

    def next_tag(self) -> int:
        """The tag of the next element, which stays to be read."""
        return self._seen(1)[0]

    def expect(self, tag: int) -> int:
        """Reads the head of the next element; the length of its content. Raises UnusableList."""
        head = self._seen(2)
        size = 2 + (head[1] & 0x7F if head[1] & 0x80 else 0)
        begin, end = _head(self._seen(min(size, 6)))
        if head[0] != tag:
            raise UnusableList("not a list")
        self._take(begin)
        return end - begin

    def content(self, tag: int) -> bytes:
        """The content of the next element."""
        return self._take(self._bounded(self.expect(tag)))

    def whole(self, *tags: int) -> bytes:
        """The next element, with its head."""
        if self.next_tag() not in tags:
            raise UnusableList("not a list")
        head = self._seen(2)
        size = 2 + (head[1] & 0x7F if head[1] & 0x80 else 0)
        _, end = _head(self._seen(min(size, 6)))
        return self._take(self._bounded(end))

    def sign_from_here(self) -> None:
        """What is read from here on is what the signature covers."""
        self._early = b""

    def hash_with(self, digest: hashlib._Hash) -> None:
        """All that the signature covers goes into `digest`, what was read of it included."""
        digest.update(self._early)
        self._digest, self._early = digest, b""

    def stop_hashing(self) -> None:
        """What the signature covers ends here."""
        self._digest = None

    def end(self) -> None:
        """Raises UnusableList when something follows."""
        if self._buffer[self._at :] or self._file.read(1):
            raise UnusableList("something follows")

    def _bounded(self, length: int) -> int:
        if length > _LONGEST_PART:
            raise UnusableList("too long a part")
        return length

    def _seen(self, count: int) -> bytes:
        """The next bytes, which stay to be read. Raises UnusableList when there are fewer."""
        if len(self._buffer) - self._at < count:
            self._buffer = self._buffer[self._at :]
            self._at = 0
            while len(self._buffer) < count:
                piece = self._file.read(_PIECE)
                if not piece:
                    raise UnusableList("cut short")
                self._buffer += piece
        return self._buffer[self._at : self._at + count]

    def _take(self, count: int) -> bytes:
        data = self._seen(count)
        self._at += count
        self.position += count
        if self._digest is not None:
            self._digest.update(data)
        else:
            self._early += data
        return data
