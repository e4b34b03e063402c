"""Whose authority has made a server's certificate: the chain that was sent, followed to its end."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from diagcps.card.base import Anchors
from diagcps.card.x509 import parsing, text_of
from diagcps.catalogue_parts import Interceptor
from diagcps.host.common import certificates_of_file
from diagcps.model import DiagError, Private, PrivateKind
from diagcps.net.trust import fault_of
from diagcps.network import Authority, ServerCertificate

_LONGEST_NAME = 200
_NAMES = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
_AGREED = (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError)

Certificates = Sequence[x509.Certificate]


class _NotCertificate(DiagError):
    """What was sent is no certificate."""


class PublicRoots:
    """The authorities that browsers bring along: those of Mozilla, as certifi has them."""

    def __init__(self, file: Path | None = None) -> None:
        """`file` (PEM) in the place of certifi's; nothing is read yet."""
        self._file = file
        self._lock = threading.Lock()
        self._roots: list[x509.Certificate] | None = None

    def __call__(self) -> Certificates:
        """All of them that can be used. May block."""
        with self._lock:
            if self._roots is None:
                import certifi

                file = self._file or Path(certifi.where())
                stored = certificates_of_file(file, "")
                self._roots = list(_parsed([each.data for each in stored]))
            return self._roots


def judge(
    chain: Sequence[bytes],
    *,
    roots: PublicRoots,
    anchors: Anchors,
    interceptors: Sequence[Interceptor],
    trusted: bool | None,
    error: ssl.SSLCertVerificationError | None,
) -> ServerCertificate | None:
    """What the certificates (DER) that a server sent say, its own the first; None when that is no
    certificate. Says nothing of dates or names: `trusted` and `error` are the workstation's.
    """
    sent = list(_parsed(chain[:1]))
    if not sent:
        return None
    own, others = sent[0], list(_parsed(chain[1:]))
    given = list(_parsed(anchors.certificates))
    public = roots()
    with parsing(_NotCertificate):
        path = _path(own, others)
        pinned = [each for each in (*others, *given) if _holds(anchors, each)]
        authority, top = _authority(path, others, public, pinned, anchors.names)
        makers = [] if authority in (Authority.PUBLIC, Authority.IGC_SANTE) else path
        product = _interceptor(makers, interceptors)
        if product and authority is Authority.UNKNOWN:
            authority = Authority.OTHER
        return ServerCertificate(
            authority=authority,
            trusted=trusted,
            fault=_fault(own, error),
            issuer=Private(PrivateKind.TEXT, _shown(top)),
            interceptor=product,
            top=hashlib.sha256(top.public_bytes()).hexdigest(),
            not_before=own.not_valid_before_utc,
            not_after=own.not_valid_after_utc,
        )


def _parsed(data: Sequence[bytes]) -> Iterator[x509.Certificate]:
    for each in data:
        try:
            with parsing(_NotCertificate):
                found = x509.load_der_x509_certificate(each)
                _ = found.issuer, found.subject, found.extensions, found.not_valid_after_utc
        except _NotCertificate:
            continue
        yield found


def _path(own: x509.Certificate, others: Certificates) -> list[x509.Certificate]:
    """The certificate, the one that signed it, and so on, as far as they were sent."""
    path, left = [own], list(others)
    while above := next((each for each in left if _signed(each, path[-1])), None):
        left.remove(above)
        path.append(above)
    return path


def _signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except _AGREED:
        return False
    return True


def _authority(
    path: Certificates,
    others: Certificates,
    roots: Certificates,
    pinned: Certificates,
    names: Collection[str],
) -> tuple[Authority, x509.Name]:
    """Where the path leads, and the name of the last issuer."""
    own, last = path[0], path[-1]
    for authority, ends in ((Authority.PUBLIC, roots), (Authority.IGC_SANTE, pinned)):
        if end := _end(own, others, ends):
            return authority, end.subject
    is_pinned_by_name = text_of(last.issuer, NameOID.COMMON_NAME) in names
    if _is_self_signed(last) or (_cannot_be_public(own) and not is_pinned_by_name):
        return Authority.OTHER, last.issuer
    return Authority.UNKNOWN, last.issuer


def _holds(anchors: Anchors, certificate: x509.Certificate) -> bool:
    return anchors.hold(certificate.public_bytes(Encoding.DER))


def _is_self_signed(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject and _signed(certificate, certificate)


def _cannot_be_public(own: x509.Certificate) -> bool:
    """Every certificate of a public authority says where more is known of its issuer (CA/Browser
    Forum, Baseline Requirements, 7.1.2.7.6), so that a server which has left out an authority is
    not taken for somebody on the way."""
    try:
        own.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return True
    return False


def _end(
    own: x509.Certificate, others: Certificates, ends: Certificates
) -> x509.Certificate | None:
    """The one of `ends` to which the certificate leads (RFC 5280, 6.1), at a time when all were
    valid: dates are another question."""
    if not ends:
        return None
    store = verification.Store(list(ends))
    builder = (
        verification.PolicyBuilder()
        .store(store)
        .extension_policies(ca_policy=_OF_AUTHORITIES, ee_policy=_OF_SERVERS)
    )
    begun = {each.not_valid_before_utc for each in (own, *others)}
    for moment in sorted(each for each in begun if each >= own.not_valid_before_utc):
        try:
            verifier = builder.time(moment.replace(tzinfo=None)).build_client_verifier()
            return verifier.verify(own, list(others)).chain[-1]
        except verification.VerificationError:
            continue
    return None


def _certifies(_: verification.Policy, __: x509.Certificate, value: x509.BasicConstraints) -> None:
    if not value.ca:
        raise ValueError("no authority")


_OF_AUTHORITIES = verification.ExtensionPolicy.permit_all().require_present(
    x509.BasicConstraints, verification.Criticality.AGNOSTIC, _certifies
)
_OF_SERVERS = verification.ExtensionPolicy.permit_all()
"""For whom and for what the certificate is good is asked of the workstation."""


def _shown(name: x509.Name) -> str:
    texts = (text_of(name, each) for each in _NAMES)
    return next(filter(None, texts), "")[:_LONGEST_NAME]


def _interceptor(path: Certificates, interceptors: Sequence[Interceptor]) -> str:
    """The product whose name stands in that of an issuer."""
    names = "\n".join(text_of(each.issuer, kind) for each in path for kind in _NAMES).lower()
    known = (each.name for each in interceptors if any(part in names for part in each.issuers))
    return next(known, "")


def _fault(own: x509.Certificate, error: ssl.SSLCertVerificationError | None) -> str:
    if error is None:
        return ""
    return fault_of(
        error,
        self_signed=own.issuer == own.subject,
        early=datetime.now(UTC) < own.not_valid_before_utc,
    )
