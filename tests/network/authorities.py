"""Authorities made for the tests, and what they sign: certificates of servers, revocation lists."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from .tls import Tls

YEAR = timedelta(days=365)
IGC = (
    (NameOID.COUNTRY_NAME, "FR"),
    (NameOID.ORGANIZATION_NAME, "ASIP-SANTE"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "0002 187512751"),
)
Attributes = Sequence[tuple[x509.ObjectIdentifier, str]]


class Authority:
    """An authority: a root, or one that another has signed."""

    def __init__(
        self, common_name: str, *, parent: Authority | None = None, beside: Attributes = ()
    ) -> None:
        """`beside` stands before the common name in its name."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.parent = parent
        attributes = [*beside, (NameOID.COMMON_NAME, common_name)]
        self.name = x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes])
        self.certificate = self._made()
        """Valid from ten years ago to ten years from now, whatever a clock says."""

    @cached_property
    def pem(self) -> bytes:
        """Its certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def root(self) -> Authority:
        """The authority at the end."""
        return self if self.parent is None else self.parent.root

    def under(self, common_name: str, *, beside: Attributes = ()) -> Authority:
        """An authority that this one has signed."""
        return Authority(common_name, parent=self, beside=beside)

    def sign(
        self,
        names: Sequence[str],
        key: ec.EllipticCurvePrivateKey,
        *,
        begins: datetime,
        ends: datetime,
        self_signed: bool = False,
    ) -> x509.Certificate:
        """The certificate of a server."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        signer = key if self_signed else self.key
        builder = (
            _builder(subject, subject if self_signed else self.name, key, begins, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(map(x509.DNSName, names)), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_of_issuer(signer), critical=False)
        )
        return builder.sign(signer, SHA256())

    def revocation_list(
        self,
        serials: Iterable[int] = (),
        *,
        age: timedelta = timedelta(hours=1),
        life: timedelta = timedelta(days=7),
    ) -> bytes:
        """A revocation list (DER) that it made `age` ago, to be followed `life` later."""
        made = datetime.now(UTC) - age
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(made)
            .next_update(made + life)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(_of_issuer(self.key), critical=False)
        )
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(made)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, SHA256()).public_bytes(serialization.Encoding.DER)

    def _made(self) -> x509.Certificate:
        now = datetime.now(UTC)
        above = self.parent or self
        builder = (
            _builder(self.name, above.name, self.key, now - 10 * YEAR, now + 10 * YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
            )
            .add_extension(_of_issuer(above.key), critical=False)
        )
        return builder.sign(above.key, SHA256())


class Authorities:
    """The authorities of a session, and the TLS of its servers."""

    def __init__(self, directory: Path) -> None:
        """Files with keys are written into `directory`."""
        self._directory = directory
        self.public = Authority("Lab Public Root R1", beside=((NameOID.ORGANIZATION_NAME, "Lab"),))
        """The root that browsers bring along."""
        self.public_issuing = self.public.under("Lab Public Issuing G2")
        """The one below it, which signs the certificates of servers."""
        self.igc = Authority("AC RACINE IGC-SANTE ELEMENTAIRE", beside=IGC)
        """Named as the real root, whose fingerprint it cannot have."""
        self.igc_servers = self.igc.under("AC IGC-SANTE ELEMENTAIRE ORGANISATIONS", beside=IGC)
        self.key = ec.generate_private_key(ec.SECP256R1())
        """The key of every server."""
        self.public_roots = directory / "public-roots.pem"
        """The public root (PEM): in the place of the file that certifi names."""
        self.public_roots.write_bytes(self.public.pem)
        self._intercepting: dict[str, Authority] = {}
        self._contexts: dict[tuple[Tls, str], ssl.SSLContext] = {}

    def intercepting(self, common_name: str) -> Authority:
        """The root of an appliance or an antivirus on the way, of that name; made once."""
        if common_name not in self._intercepting:
            self._intercepting[common_name] = Authority(common_name)
        return self._intercepting[common_name]

    def context(self, tls: Tls, host: str) -> ssl.SSLContext:
        """What a server of that name needs to speak TLS that way; made once."""
        if (tls, host) not in self._contexts:
            self._contexts[tls, host] = self._context(tls, host)
        return self._contexts[tls, host]

    def _context(self, tls: Tls, host: str) -> ssl.SSLContext:
        from .tls import Asks

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = tls.lowest, tls.highest
        if tls.asks is not Asks.NOTHING:
            strictly = tls.asks is Asks.STRICTLY
            context.verify_mode = ssl.CERT_REQUIRED if strictly else ssl.CERT_OPTIONAL
            # Python's library does not send their names, as servers of the field may do.
            context.load_verify_locations(cadata=self.igc.pem.decode())
        file = self._directory / f"{len(self._contexts)}.pem"
        file.write_bytes(b"".join((*self._chain(tls, host), _private(self.key))))
        context.load_cert_chain(file)
        return context

    def _chain(self, tls: Tls, host: str) -> list[bytes]:
        authority = tls.authority or self.public_issuing
        now = datetime.now(UTC)
        own = authority.sign(
            tls.names or (host,),
            self.key,
            begins=now + tls.begins,
            ends=now + tls.ends,
            self_signed=tls.self_signed,
        )
        chain = [own.public_bytes(serialization.Encoding.PEM)]
        above: Authority | None = None if tls.self_signed else authority
        while above is not None:
            if tls.sends_root if above.parent is None else tls.whole_chain:
                chain.append(above.pem)
            above = above.parent
        return chain


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _of_issuer(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
