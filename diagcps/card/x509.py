"""What a certificate of a card says, and whether its chain ends at a pinned authority (RFC 5280).

The fingerprint of an authority decides, its name never does: anybody can write a name. A pinned
intermediate ends a chain as a root does, and the pin is all that is asked of it besides having
signed: neither its dates nor its constraints are looked at again.
"""

from __future__ import annotations

import hashlib
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from diagcps.card.base import Anchors, CardUnreadable
from diagcps.card.identifiers import identify
from diagcps.facts import Certificate, Family, Role, StoredCertificate, Trust
from diagcps.model import DiagError, Private, PrivateKind

_CARD_TYPE = x509.ObjectIdentifier("1.2.250.1.71.1.2.2")
_FAMILIES = {
    b"\x02\x01\x00": Family.CPS,
    b"\x02\x01\x01": Family.CPF,
    b"\x02\x01\x02": Family.CPE,
    b"\x02\x01\x03": Family.CPA,
}
"""The extension's value, a DER integer (GIE SESAM-Vitale, « TLSi_AssertionLibrary », 2016)."""

_TEST = re.compile(r"\bTEST\b")
_WITH_THE_ANCHORS = "given with the anchors"

_MALFORMED = (
    ValueError,
    TypeError,  # a name or an extension with a value of a type that it cannot have
    KeyError,  # an extension with a number that stands for nothing
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""All that cryptography raises for what is no usable certificate; it has no base class for them."""

_FILTERING = threading.Lock()
"""The filters of warnings belong to the whole process: two threads would restore each other's."""


@contextmanager
def parsing(refusal: Callable[[str], DiagError]) -> Iterator[None]:
    """Whatever is malformed inside leaves as the error that `refusal` makes of the reason.

    Silences the warnings of cryptography about what it accepts against RFC 5280: a name that is
    too long, a serial number that is not positive.
    """
    with _FILTERING, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            yield
        except _MALFORMED as error:
            raise refusal(str(error)) from error


def read_certificate(
    data: bytes, *, anchors: Anchors, stored: Iterable[StoredCertificate]
) -> Certificate:
    """What `data` (DER, and nothing behind it) says.

    Its issuer is looked for among the certificates that came with `anchors`, then in `stored`;
    only those with a pinned fingerprint are even parsed. Raises CardUnreadable for anything that
    is no X.509 certificate, or one of which a name, a date or an extension makes no sense.
    """
    pinned, others = _parted(anchors, stored)
    with parsing(CardUnreadable):
        certificate = x509.load_der_x509_certificate(data)
        extensions, subject = certificate.extensions, certificate.subject
        name = text_of(subject, NameOID.COMMON_NAME)
        kind, valid = identify(name)
        trust, anchor = _trust(certificate, anchors, pinned, others)
        return Certificate(
            role=_role(extensions),
            holder=Private(PrivateKind.PERSON, _person(subject) or name),
            identifier=Private(PrivateKind.IDENTIFIER, name),
            identifier_kind=kind,
            identifier_valid=valid,
            family=_family(extensions),
            profession=text_of(subject, NameOID.TITLE),
            issuer=text_of(certificate.issuer, NameOID.COMMON_NAME),
            test=_is_test(certificate.issuer),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            trust=trust,
            anchor=anchor,
            fingerprint=Private(PrivateKind.CERTIFICATE, hashlib.sha256(data).hexdigest()),
            serial=Private(PrivateKind.CERTIFICATE, f"{certificate.serial_number:x}"),
            revocation_lists=_revocation_lists(extensions),
        )


def _revocation_lists(extensions: x509.Extensions) -> tuple[str, ...]:
    """The addresses of the issuer's list (RFC 5280, 4.2.1.13), in the order of the certificate."""
    try:
        points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()
    names = (name for point in points for name in point.full_name or ())
    return tuple(each.value for each in names if isinstance(each, x509.UniformResourceIdentifier))


def trusted_issuers(
    name: str, anchors: Anchors, stored: Iterable[StoredCertificate]
) -> tuple[StoredCertificate, ...]:
    """The certificates of the authority of that common name that are pinned, or whose own chain
    ends at a pinned one."""
    pinned, others = _parted(anchors, stored)
    found = []
    for each in (*pinned, *others):
        authority = _authority(each.data)
        if authority is None or text_of(authority.subject, NameOID.COMMON_NAME) != name:
            continue
        if each in pinned or _end(authority, anchors, pinned)[0] is Trust.TRUSTED:
            found.append(each)
    return tuple(found)


def text_of(name: x509.Name, attribute: x509.ObjectIdentifier) -> str:
    """The first such attribute of the name, without control characters; empty when it has none."""
    return next(iter(_texts(name, attribute)), "")


def _texts(name: x509.Name, attribute: x509.ObjectIdentifier) -> list[str]:
    return [
        "".join(c if c.isprintable() else " " for c in str(each.value)).strip()
        for each in name.get_attributes_for_oid(attribute)
    ]


def _person(subject: x509.Name) -> str:
    """Given name and surname: on a card they share one part of the name with the identifier."""
    given, surname = text_of(subject, NameOID.GIVEN_NAME), text_of(subject, NameOID.SURNAME)
    return f"{given} {surname}".strip()


def _role(extensions: x509.Extensions) -> Role:
    """The key usage (RFC 5280, 4.2.1.3). Both certificates of a CPS have digitalSignature; that of
    signature has contentCommitment as well, once called nonRepudiation (observed on CPS3 by the
    project Dehempe)."""
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return Role.OTHER
    if usage.content_commitment:
        return Role.SIGNATURE
    return Role.AUTHENTICATION if usage.digital_signature else Role.OTHER


def _family(extensions: x509.Extensions) -> Family:
    try:
        value = extensions.get_extension_for_oid(_CARD_TYPE).value
    except x509.ExtensionNotFound:
        return Family.UNKNOWN
    return _FAMILIES.get(value.public_bytes(), Family.UNKNOWN)


def _is_test(issuer: x509.Name) -> bool:
    """The test authorities are « TEST AC IGC-SANTE … » of « IGC-SANTE TEST » (ANS, esignsante)."""
    names = (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
    if any(_TEST.search(text) for name in names for text in _texts(issuer, name)):
        return True
    return "TEST" in _texts(issuer, NameOID.ORGANIZATION_NAME)


_Stored = tuple[StoredCertificate, ...]


def _parted(anchors: Anchors, stored: Iterable[StoredCertificate]) -> tuple[_Stored, _Stored]:
    """Those of all these certificates that are pinned, and the others."""
    given = (StoredCertificate(data=d, source=_WITH_THE_ANCHORS) for d in anchors.certificates)
    pinned: list[StoredCertificate] = []
    others: list[StoredCertificate] = []
    for each in (*given, *stored):
        (pinned if anchors.hold(each.data) else others).append(each)
    return tuple(pinned), tuple(others)


def _trust(
    certificate: x509.Certificate, anchors: Anchors, pinned: _Stored, others: _Stored
) -> tuple[Trust, str]:
    """Where the chain ends, and the authority there.

    A certificate that bears the issuer's name and no pinned fingerprint is as good as none, unless
    a pinned authority signed it as an authority: those of IGC-Santé may be renewed before this
    tool is. One that was signed in a way that cannot be verified is not trusted.
    """
    trust, anchor = _end(certificate, anchors, pinned)
    for each in others if trust is not Trust.TRUSTED else ():
        authority = _authority(each.data)
        if authority is not None and _signed(authority, certificate):
            above, anchor_above = _end(authority, anchors, pinned)
            if above is Trust.TRUSTED:
                return above, anchor_above
    return trust, anchor


def is_authority(data: bytes) -> bool:
    """Whether `data` (DER) is the certificate of an authority, and so of no person."""
    with parsing(CardUnreadable):
        return _authority(data) is not None


def _authority(data: bytes) -> x509.Certificate | None:
    """The certificate of an authority (RFC 5280, 4.2.1.9); None for anything else."""
    try:
        found = x509.load_der_x509_certificate(data)
        limits = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (*_MALFORMED, x509.ExtensionNotFound):
        return None
    return found if limits.ca else None


def _end(certificate: x509.Certificate, anchors: Anchors, pinned: _Stored) -> tuple[Trust, str]:
    """Whether a pinned authority signed the certificate, and which."""
    name = text_of(certificate.issuer, NameOID.COMMON_NAME)
    is_found = False
    for each in pinned:
        authority = x509.load_der_x509_certificate(each.data)
        named = text_of(authority.subject, NameOID.COMMON_NAME) == name
        if named and _may_have_signed(authority, certificate):
            is_found = True
            if _signed(authority, certificate):
                return Trust.TRUSTED, f"{name} ({each.source})"
    if name in anchors.names and not is_found:
        return Trust.ISSUER_NOT_FOUND, ""
    return Trust.UNTRUSTED, ""


def _may_have_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """False when the certificate names another key of its issuer (RFC 5280, 4.2.1.1): an authority
    may have been renewed under its name."""
    try:
        wanted = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return True
    return wanted.value.key_identifier in (None, own.value.digest)


def _signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the whole name is the issuer's, and the key the one that signed."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def has_signed(fingerprint: str, certificate: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `certificate` (DER) has that SHA-256, and its key made the signature of `message`.

    RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2); anything malformed is no signature.
    """
    if hashlib.sha256(certificate).hexdigest() != fingerprint:
        return False
    try:
        with parsing(CardUnreadable):
            key = x509.load_der_x509_certificate(certificate).public_key()
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(signature, message, PKCS1v15(), SHA256())
    except (CardUnreadable, InvalidSignature):
        return False
    return True
