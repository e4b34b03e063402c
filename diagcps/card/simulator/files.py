"""The elementary files of a simulated CPS, and the directories in them (ISO/IEC 7816-15).

Their form is that of a real CPS3, as its reader showed it in public: OpenSC's issues 2217 and 2223
(EF.DIR), 2224 (AODF and CDF), 2267 (TokenInfo and PrKDF) and 2275 (EF.SN). What no public source
shows was chosen here: the identifiers of the files that the directories name, and what is in the
data objects. Flags that a real card leaves empty, which is no DER, are left empty here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from diagcps.card.simulator import pki
from diagcps.card.simulator.base import Plastic
from diagcps.card.simulator.der import flags, number, octets, sequence, text, tlv
from diagcps.model import UsageError

PIN, PUK = b"1234", b"12345678"
"""The code porteur and the code de déblocage of every simulated card."""
PIN_REFERENCE, PUK_REFERENCE = 0x01, 0x02
SIGNATURE_KEY, AUTHENTICATION_KEY = 0x81, 0x82
TECHNICAL_KEY = 0x83
"""The one of the contactless interface: chosen here."""

EF_SERIAL, EF_DIR, EF_UPDATE = b"\xd0\x03", b"\x2f\x00", b"\xd0\x10"
CONTACT, CONTACTLESS = b"\x00\x01", b"\x00\x02"
"""The applications' folders, below the master file."""
AIDS = {
    CONTACT: bytes.fromhex("E828BD080F8025000001FF0010"),
    CONTACTLESS: bytes.fromhex("E828BD080F8025000001FF0020"),
}
_LABELS = {CONTACT: "CPX IAS", CONTACTLESS: "CPX IAS CL"}

_MASTER = b"\x3f\x00"
_ODF, _TOKEN_INFO = b"\x50\x31", b"\x50\x32"
_AODF, _PRKDF, _PUKDF, _CDF, _DODF = (bytes((0x70, last)) for last in (1, 2, 4, 5, 6))
_CERTIFICATES: dict[pki.Role, bytes] = {
    "signature": b"\xb0\x01",
    "authentication": b"\xb0\x02",
    "technical": b"\xb0\x03",
}
_PUBLIC_KEYS: dict[pki.Role, bytes] = {
    "signature": b"\xc0\x01",
    "authentication": b"\xc0\x02",
    "technical": b"\xc0\x03",
}
_NAMES: dict[pki.Role, str] = {
    "signature": "Certificat de Signature CPS",
    "authentication": "Certificat d'Authentification CPS",
    "technical": "Certificat Technique CPS",
}
_KEY_NAMES: dict[pki.Role, str] = {
    "signature": "CPS_PRIV_SIG",
    "authentication": "CPS_PRIV_AUT",
    "technical": "CPS_PRIV_TEC",
}
_DATA = {
    "CPS_DATA": b"\xd1\x07",
    "CPS_ID_CARD": b"\xd1\x04",
    "CPS_NAME_PS": b"\xd1\x10",
    "CPS_LANG_PS": b"\xd1\x11",
    "CPS_INFO_PS": b"\xd1\x12",
}

_ISSUER = "8025000001"
_KEY_BITS = 2048
_NO_FLAGS = tlv(0x03, b"\x08")
_ALWAYS = tlv(0x05)
_SIGN, _DECIPHER, _HASH = 1, 5, 6
_ALGORITHMS = (
    (0x220, _HASH, "2B0E03021A", 0x10),
    (0x250, _HASH, "608648016503040201", 0x40),
    (0x06, _SIGN, "2A864886F70D010105", 0x12),
    (0x40, _SIGN, "2A864886F70D01010B", 0x42),
    (0x01, _SIGN, "2A864886F70D010101", 0x02),
    (0x01, _DECIPHER, "2A864886F70D010101", 0x1A),
)
"""Mechanism (PKCS #11), operation, object identifier, and the card's own reference."""


def content(
    plastic: Plastic,
    now: datetime,
    *,
    authentication_key: int = AUTHENTICATION_KEY,
    contactless: bool = False,
) -> dict[bytes, bytes]:
    """What each elementary file holds, by its path below the master file.

    `contactless` adds the application of that interface. Files that `plastic` calls missing are not
    there, those it calls corrupt hold nonsense of the same length. Raises UsageError for a file,
    a family or an authority that there is not.
    """
    issued = pki.certificates(plastic, now)
    parts: dict[str, dict[bytes, bytes]] = {
        "EF.SN": {EF_SERIAL: _serial(plastic.serial)},
        "EF.DIR": {EF_DIR: _directory(contactless)},
        "ODF": {CONTACT + _ODF: _objects(CONTACT, _PRKDF, _PUKDF, _CDF, _DODF, _AODF)},
        "AODF": {CONTACT + _AODF: _codes()},
        "CDF": {CONTACT + _CDF: _certificates("signature", "authentication")},
        "authentication": {CONTACT + _CERTIFICATES["authentication"]: issued.authentication},
        "signature": {CONTACT + _CERTIFICATES["signature"]: issued.signature},
        "": _update(plastic.update, now) | _rest(plastic, now, authentication_key),
    }
    if contactless:
        parts["ODF"][CONTACTLESS + _ODF] = _objects(CONTACTLESS, _PRKDF, _PUKDF, _CDF)
        parts["CDF"][CONTACTLESS + _CDF] = _certificates("technical")
        parts[""] |= _contactless_rest(plastic, now, issued.technical)
    for name in (*plastic.missing, *plastic.corrupt):
        if not name or name not in parts:
            known = ", ".join(part for part in parts if part)
            raise UsageError(f"unknown file {name!r} of a simulated card; known: {known}")
    return {
        path: _damaged(data) if name in plastic.corrupt else data
        for name, found in parts.items()
        if name not in plastic.missing
        for path, data in found.items()
    }


def _damaged(data: bytes) -> bytes:
    return bytes(byte ^ 0xA5 for byte in data)


def _serial(serial: str) -> bytes:
    """EF.SN: the issuer, eight digits, the check digit of them all, and a filler."""
    digits = _ISSUER + serial
    if not (serial.isascii() and serial.isdecimal() and len(serial) == 8):
        raise UsageError(f"a serial number of eight digits, not {serial!r}")
    return tlv(0x5A, bytes.fromhex(f"{digits}{_check_digit(digits)}F"))


def _check_digit(digits: str) -> int:
    """The one that makes the sum of Luhn a multiple of ten (ISO/IEC 7812-1, Annex B)."""
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits)))
    return -sum(value // 10 + value % 10 for value in doubled) % 10


def _directory(contactless: bool) -> bytes:
    """EF.DIR (ISO/IEC 7816-4, 12.2.2).

    OpenSC takes the last application that it knows, and uses a real card by its contacts.
    """
    applications = (CONTACTLESS, CONTACT) if contactless else (CONTACT,)
    return b"".join(
        tlv(
            0x61,
            tlv(0x4F, AIDS[application]),
            tlv(0x50, _LABELS[application].encode()),
            tlv(0x51, _MASTER + application),
            # A real card names its contact application in both.
            tlv(0x73, tlv(0x4F, AIDS[CONTACT])),
        )
        for application in applications
    )


def _objects(application: bytes, *directories: bytes) -> bytes:
    """EF.ODF (ISO/IEC 7816-15, 8.2)."""
    tags = {_PRKDF: 0xA0, _PUKDF: 0xA1, _CDF: 0xA4, _DODF: 0xA7, _AODF: 0xA8}
    return b"".join(
        tlv(tags[each], sequence(octets(_MASTER + application + each))) for each in directories
    )


def _token_info(plastic: Plastic, now: datetime) -> bytes:
    """EF.TokenInfo (PKCS #15, 6.9; ISO/IEC 7816-15, 8.10)."""
    generation = "CPS4" if plastic.model.startswith("cps4") else "CPS3v3"
    made = now + timedelta(days=plastic.valid_from_days)
    read_only, login_required = 0, 1
    algorithms = (
        sequence(
            number(place),
            number(mechanism),
            _ALWAYS,
            flags(operation),
            tlv(0x06, bytes.fromhex(identifier)),
            number(reference),
        )
        for place, (mechanism, operation, identifier, reference) in enumerate(_ALGORITHMS, 1)
    )
    return sequence(
        number(0),
        octets(_serial(plastic.serial)[-8:]),
        text("ASIP SANTE"),
        tlv(0x80, f"{generation}-26{plastic.serial}".encode()),
        flags(read_only, login_required),
        tlv(0xA2, *algorithms),
        tlv(0xA5, tlv(0x18, f"{made:%Y%m%d%H%M%S}Z".encode())),
    )


def _codes() -> bytes:
    """The AODF: the code porteur, and the code de déblocage that is shown as a security officer's.

    A code porteur has four digits; its stored length and its padding are those of a real card.
    """
    initialised, padded, exchanged = 4, 5, 11
    unblock_disabled, officer = 3, 7
    rules = (
        sequence(flags(2), _ALWAYS),
        sequence(flags(1), _ALWAYS),
        sequence(flags(4), octets(b"\x04")),
    )
    digits = tlv(0x0A, b"\x01")
    pin = sequence(
        sequence(
            text("Code porteur de la carte CPS"), _NO_FLAGS, octets(b"\x02"), sequence(*rules)
        ),
        sequence(octets(b"\x01")),
        tlv(0xA1, sequence(
            flags(initialised, padded, exchanged), digits,
            number(len(PIN)), number(8), number(len(PIN)),
            tlv(0x80, bytes((PIN_REFERENCE,))), octets(b"\xff"),
        )),
    )  # fmt: skip
    puk = sequence(
        sequence(text("Code de déblocage de la carte CPS"), _NO_FLAGS, sequence(*rules[:2])),
        sequence(octets(b"\x04")),
        tlv(0xA1, sequence(
            flags(unblock_disabled, initialised, padded, officer, exchanged), digits,
            number(len(PUK)), number(8), number(len(PUK)),
            tlv(0x80, bytes((PUK_REFERENCE,))),
        )),
    )  # fmt: skip
    return pin + puk


def _identifier(role: pki.Role) -> bytes:
    """What joins a certificate and its keys."""
    place = {"signature": 1, "authentication": 2, "technical": 1}[role]
    application = CONTACTLESS if role == "technical" else CONTACT
    return AIDS[application] + bytes((place,))


def _certificates(*roles: pki.Role) -> bytes:
    """A CDF (ISO/IEC 7816-15, 8.7)."""
    return b"".join(
        sequence(
            sequence(text(_NAMES[role]), tlv(0x03, b"\x08\x00"), sequence(
                sequence(flags(0), _ALWAYS), sequence(flags(1), octets(b"\x01")),
            )),
            sequence(octets(_identifier(role))),
            tlv(0xA1, sequence(sequence(octets(_CERTIFICATES[role])))),
        )
        for role in roles
    )  # fmt: skip


def _private_keys(references: dict[pki.Role, int]) -> bytes:
    """A PrKDF (ISO/IEC 7816-15, 8.4)."""
    decrypt, sign, non_repudiation = 1, 2, 9
    usages: dict[pki.Role, bytes] = {
        "signature": flags(non_repudiation),
        "authentication": flags(decrypt, sign),
        "technical": flags(sign),
    }
    computes_signature, decrypts, authenticates = 5, 7, 9
    operations: dict[pki.Role, tuple[int, ...]] = {
        "signature": (computes_signature,),
        "authentication": (decrypts, authenticates),
        "technical": (authenticates,),
    }
    private, code = flags(0), octets(b"\x01")
    return b"".join(
        sequence(
            sequence(text(_KEY_NAMES[role]), *(() if role == "technical" else (private, code)),
                sequence(*(
                    sequence(flags(operation), _ALWAYS if role == "technical" else code)
                    for operation in operations[role]
                )),
            ),
            # The key is on the card and never leaves it: sensitive, always so, never extractable.
            sequence(octets(_identifier(role)), usages[role], flags(0, 2, 3), number(reference)),
            tlv(0xA1, sequence(sequence(octets(b"")), number(_KEY_BITS))),
        )
        for role, reference in references.items()
    )  # fmt: skip


def _public_keys(*roles: pki.Role) -> bytes:
    """A PuKDF (ISO/IEC 7816-15, 8.5)."""
    encrypt, verify, non_repudiation = 0, 6, 9
    usages: dict[pki.Role, bytes] = {
        "signature": flags(non_repudiation),
        "authentication": flags(encrypt, verify),
        "technical": flags(verify),
    }
    return b"".join(
        sequence(
            sequence(text(_KEY_NAMES[role].replace("PRIV", "PUB"))),
            sequence(octets(_identifier(role)), usages[role]),
            tlv(0xA1, sequence(sequence(octets(_PUBLIC_KEYS[role])), number(_KEY_BITS))),
        )
        for role in roles
    )


def _public_key(role: pki.Role) -> bytes:
    return pki.key(role).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def _data_objects() -> bytes:
    """A DODF (ISO/IEC 7816-15, 8.8)."""
    return b"".join(
        sequence(
            sequence(text(name)),
            sequence(text("CPS")),
            tlv(0xA1, sequence(octets(identifier))),
        )
        for name, identifier in _DATA.items()
    )


def _update(update: str, now: datetime) -> dict[bytes, bytes]:
    """EF_ACTUA, if the card was ever updated: when it began, and when it ended.

    An end without a value is one that Cryptolib CPS 5.2.2 is seen to refuse every time. Without the
    end's data object it reads memory that nobody wrote, and accepts the card or not.
    """
    begun = now - timedelta(days=30)
    ends = {
        "none": None,
        "complete": _decimal(begun + timedelta(minutes=1)),
        "interrupted": b"",
    }
    if update not in ends:
        raise UsageError(f"unknown update {update!r} of a simulated card; known: {', '.join(ends)}")
    end = ends[update]
    if end is None:
        return {}
    return {EF_UPDATE: tlv(0xEC, tlv(0x81, _decimal(begun)), tlv(0x82, end))}


def _decimal(moment: datetime) -> bytes:
    return bytes.fromhex(f"{moment:%Y%m%d%H%M%S}")


def _rest(plastic: Plastic, now: datetime, authentication_key: int) -> dict[bytes, bytes]:
    """The files of the contact application that nobody calls missing or corrupt."""
    keys: dict[pki.Role, int] = {
        "signature": SIGNATURE_KEY,
        "authentication": authentication_key,
    }
    found = {
        _TOKEN_INFO: _token_info(plastic, now),
        _PRKDF: _private_keys(keys),
        _PUKDF: _public_keys(*keys),
        _DODF: _data_objects(),
        **{_PUBLIC_KEYS[role]: _public_key(role) for role in keys},
        **{identifier: sequence() for identifier in _DATA.values()},
    }
    return {CONTACT + name: data for name, data in found.items()}


def _contactless_rest(plastic: Plastic, now: datetime, certificate: bytes) -> dict[bytes, bytes]:
    found = {
        _TOKEN_INFO: _token_info(plastic, now),
        _PRKDF: _private_keys({"technical": TECHNICAL_KEY}),
        _PUKDF: _public_keys("technical"),
        _CERTIFICATES["technical"]: certificate,
        _PUBLIC_KEYS["technical"]: _public_key("technical"),
    }
    return {CONTACTLESS + name: data for name, data in found.items()}
