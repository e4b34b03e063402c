"""The certificates of simulated cards, and the authority that simulated workstations trust.

Nothing here protects anything. The private keys in keys.pem, those of the authorities included, are
public: they are shipped so that a simulated card signs for real and starts at once. Names resemble
those of IGC-Santé, so that pages look as they do with a real card, and every one of the trusted
authority says that it is simulated.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from diagcps.card.simulator.base import ANCHORS_FILE, Plastic
from diagcps.model import LoadError, UsageError
from diagcps.records import record

Role = Literal["authentication", "signature", "technical"]
"""What a key is for; « technical » is the one of the contactless interface."""

_FOLDER = Path(__file__).parent
_AUTHORITIES = {
    "production": ("SIMULATION", "IGC-SANTE SIMULEE", "AC SIMULEE IGC-SANTE FORT PERSONNES"),
    "test": ("TEST", "IGC-SANTE TEST", "TEST AC IGC-SANTE FORT PERSONNES"),
    "foreign": ("SIMULATION", "AUTRE AUTORITE SIMULEE", "AC ETRANGERE SIMULEE"),
}
"""Organisation, unit and common name of each authority."""

_FAMILIES = {"cps": 0, "cpf": 1, "cpe": 2, "cpa": 3}
_CARD_TYPE = ObjectIdentifier("1.2.250.1.71.1.2.2")
"""A DER integer: nomenclature TRE_G02 of the NOS."""
_KEY_PERIOD = ObjectIdentifier("2.5.29.16")
_POLICY = ObjectIdentifier("2.999.1")
"""No real policy: the arc of examples (ITU-T X.660, Annex A)."""
_PUBLISHED = "igc-sante-simulee-sans-valeur.invalid"
"""Where nothing is published: a name that never resolves (RFC 2606, 2)."""
_CRL = f"http://{_PUBLISHED}/CRL/ACI-FO-PP"
_DIRECTORY = (
    f"ldap://annuaire.{_PUBLISHED}/CN=AC%20SIMULEE%20IGC-SANTE%20FORT%20PERSONNES,"
    "OU=IGC-SANTE%20SIMULEE,O=SIMULATION,C=FR"
    "?certificaterevocationlist;binary?base?objectclass=pkiCa"
)
_PURPOSES = {
    "authentication": [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SMARTCARD_LOGON],
    "signature": [ExtendedKeyUsageOID.EMAIL_PROTECTION],
    "technical": [ExtendedKeyUsageOID.CLIENT_AUTH],
}
_SERIAL_BYTES = 18


@record
class Issued:
    """The certificates of one card (DER, RFC 5280)."""

    authentication: bytes
    signature: bytes
    technical: bytes
    """The one of the contactless interface."""


def certificates(plastic: Plastic, now: datetime) -> Issued:
    """The certificates of `plastic`, valid as it says around `now`; the same ones each time.

    Raises UsageError for a family or an authority that there is not.
    """
    for given, known in ((plastic.family, _FAMILIES), (plastic.authority, _AUTHORITIES)):
        if given not in known:
            raise UsageError(f"unknown {given!r} of a simulated card; known: {', '.join(known)}")
    return Issued(
        authentication=_certificate(plastic, now, "authentication"),
        signature=_certificate(plastic, now, "signature"),
        technical=_certificate(plastic, now, "technical"),
    )


def key(role: Role) -> RSAPrivateKey:
    """The key of every simulated card for `role`: 2048 bits, public, protecting nothing."""
    return _key(role)


def anchors() -> tuple[bytes, ...]:
    """The root and the intermediate authority (DER) of the authority called « production »."""
    found = x509.load_pem_x509_certificates(anchors_file().read_bytes())
    return tuple(each.public_bytes(Encoding.DER) for each in found)


def anchors_file() -> Path:
    """The file (PEM) that holds them."""
    return ANCHORS_FILE


@cache
def _key(name: str) -> RSAPrivateKey:
    """The private key that keys.pem has under a line that is its name."""
    text = (_FOLDER / "keys.pem").read_text(encoding="ascii")
    found = re.search(rf"^{name}\n(-----BEGIN .*?-----END [A-Z ]+-----\n)", text, re.M | re.S)
    if found is None:
        raise LoadError(f"keys.pem holds no key called {name!r}")
    # Checking that a key is one takes longer than all the rest; these ones were when shipped.
    loaded = load_pem_private_key(found[1].encode(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(loaded, RSAPrivateKey):
        raise LoadError(f"the key called {name!r} is not an RSA key")
    return loaded


def _certificate(plastic: Plastic, now: datetime, role: Role) -> bytes:
    begins, ends = (
        (now + timedelta(days=days)).replace(microsecond=0)
        for days in (plastic.valid_from_days, plastic.valid_to_days)
    )
    number = hashlib.sha256(f"{plastic.serial}{plastic.identifier}{role}{begins}".encode()).digest()
    issuer = _key("production" if plastic.authority == "production" else "other")
    builder = (
        x509.CertificateBuilder()
        .serial_number(int.from_bytes(b"\x11\x20" + number[: _SERIAL_BYTES - 2], "big"))
        .issuer_name(_authority(plastic.authority))
        .subject_name(_subject(plastic))
        .not_valid_before(begins)
        .not_valid_after(ends)
        .public_key(key(role).public_key())
    )
    for extension, critical in _extensions(plastic, role, issuer):
        builder = builder.add_extension(extension, critical)
    if role == "signature":
        builder = builder.add_extension(_key_period(begins, ends), critical=False)
    return builder.sign(issuer, SHA256()).public_bytes(Encoding.DER)


def _authority(name: str) -> x509.Name:
    organisation, unit, common = _AUTHORITIES[name]
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _subject(plastic: Plastic) -> x509.Name:
    """The holder: a professional by profession, an employee by structure."""
    if plastic.family in ("cps", "cpf"):
        place = [(NameOID.TITLE, plastic.profession)]
    else:
        place = [
            (NameOID.ORGANIZATION_NAME, "ETABLISSEMENT SIMULE"),
            (NameOID.LOCALITY_NAME, "SIMULATION (00)"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, plastic.identifier.partition("/")[0]),
        ]
    holder = [
        x509.NameAttribute(NameOID.COMMON_NAME, plastic.identifier),
        x509.NameAttribute(NameOID.SURNAME, "CARTE"),
        x509.NameAttribute(NameOID.GIVEN_NAME, "SIMULATION"),
    ]
    parts = [(NameOID.COUNTRY_NAME, "FR"), *place]
    rdns = [x509.RelativeDistinguishedName([x509.NameAttribute(*part)]) for part in parts]
    return x509.Name([*rdns, x509.RelativeDistinguishedName(holder)])


def _extensions(
    plastic: Plastic, role: Role, issuer: RSAPrivateKey
) -> list[tuple[x509.ExtensionType, bool]]:
    """Each extension, and whether it is critical."""
    card_type = bytes((0x02, 0x01, _FAMILIES[plastic.family]))
    policy = x509.PolicyInformation(_POLICY, [f"http://{_PUBLISHED}/PC"])
    return [
        (x509.KeyUsage(
            digital_signature=True, content_commitment=role == "signature",
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
        ), True),
        (x509.ExtendedKeyUsage(_PURPOSES[role]), False),
        (x509.CertificatePolicies([policy]), False),
        (x509.CRLDistributionPoints(_points(f"{_CRL}.crl", _DIRECTORY)), False),
        (x509.FreshestCRL(_points(f"{_CRL}-delta.crl")), False),
        (x509.UnrecognizedExtension(_CARD_TYPE, card_type), False),
        (x509.SubjectKeyIdentifier.from_public_key(key(role).public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False),
    ]  # fmt: skip


def _points(*addresses: str) -> list[x509.DistributionPoint]:
    return [
        x509.DistributionPoint([x509.UniformResourceIdentifier(address)], None, None, None)
        for address in addresses
    ]


def _key_period(begins: datetime, ends: datetime) -> x509.UnrecognizedExtension:
    """PrivateKeyUsagePeriod: two times, [0] and [1] (RFC 3280, 4.2.1.4)."""
    times = b"".join(
        bytes((tag, 15)) + moment.strftime("%Y%m%d%H%M%SZ").encode()
        for tag, moment in ((0x80, begins), (0x81, ends))
    )
    return x509.UnrecognizedExtension(_KEY_PERIOD, bytes((0x30, len(times))) + times)
