"""National identifiers of people, as the common name of a card's certificate holds them.

The first character is the kind (nomenclature TRE_G08), the number follows, and where the number is
that of a structure, « / » and the person's registration in it (ANS, guide PDSm, « PSIdNat »):
8 + RPPS, 0 + ADELI, 1 + ADELI practice/…, 3 + FINESS/…, 4 + SIREN/…, 5 + SIRET/…, 6 + RPPS
practice/….
"""

from __future__ import annotations

import re

from diagcps.facts import IdentifierKind

_FORM = re.compile(r"(?P<kind>[0-9])(?P<number>[0-9A-Z]+)(?:/.+)?")
_KINDS = {
    "0": IdentifierKind.ADELI,
    "1": IdentifierKind.ADELI_PRACTICE,
    "3": IdentifierKind.FINESS,
    "4": IdentifierKind.SIREN,
    "5": IdentifierKind.SIRET,
    "6": IdentifierKind.RPPS_PRACTICE,
    "8": IdentifierKind.RPPS,
    "9": IdentifierKind.STUDENT,
}
_RPPS = re.compile(r"[0-9]{11}")
_FINESS = re.compile(r"(?:[0-9]{2}|2[AB])[0-9]{7}")
_SIREN = re.compile(r"[0-9]{9}")
_SIRET = re.compile(r"[0-9]{14}")
_CORSICA = str.maketrans("AB", "12")
_LA_POSTE = "356000000"


def identify(common_name: str) -> tuple[IdentifierKind, bool | None]:
    """The kind of the identifier, and whether its number has the right length and check digit.

    UNKNOWN and None for a name that has not the form of an identifier; None for a kind without a
    known check digit: no source says how one of ADELI is calculated.
    """
    found = _FORM.fullmatch(common_name)
    kind = _KINDS.get(found["kind"], IdentifierKind.UNKNOWN) if found else IdentifierKind.UNKNOWN
    check = _CHECKS.get(kind)
    return kind, check(found["number"]) if found and check else None


def is_rpps(number: str) -> bool:
    """Whether these are 11 digits, the last one Luhn's.

    No official text was found. Independent validators agree on it, and the six numbers found in
    published subjects of certificates have it.
    """
    return bool(_RPPS.fullmatch(number)) and has_luhn_digit(number)


def is_finess(number: str) -> bool:
    """Whether these are 9 characters, the last one Luhn's digit; 2A and 2B count as 21 and 22.

    The rule for Corsica is that of a public service's validator (gip-inclusion/pilotage). The
    numbers of an example by the ANS (ansforge/finess, structures, 2026-03-09) have the digit.
    """
    return bool(_FINESS.fullmatch(number)) and has_luhn_digit(number.translate(_CORSICA))


def is_siren(number: str) -> bool:
    """Whether these are 9 digits, the last one Luhn's (InseeFrLab/validinsee)."""
    return bool(_SIREN.fullmatch(number)) and has_luhn_digit(number)


def is_siret(number: str) -> bool:
    """Whether these are 14 digits, the ninth and the last one Luhn's (InseeFrLab/validinsee).

    For an office of La Poste it is enough that the sum of the digits is a multiple of 5.
    """
    if not _SIRET.fullmatch(number):
        return False
    if has_luhn_digit(number) and is_siren(number[:9]):
        return True
    return number.startswith(_LA_POSTE) and sum(map(int, number)) % 5 == 0


def has_luhn_digit(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it (ISO/IEC 7812-1, annex B).

    From the right, every second digit is doubled, and the sum of all digits is a multiple of 10.
    """
    values = [int(digit) for digit in reversed(digits)]
    doubled = (sum(divmod(2 * value, 10)) for value in values[1::2])
    return (sum(values[::2]) + sum(doubled)) % 10 == 0


_CHECKS = {
    IdentifierKind.RPPS: is_rpps,
    IdentifierKind.FINESS: is_finess,
    IdentifierKind.SIREN: is_siren,
    IdentifierKind.SIRET: is_siret,
}


def names_serial(shown: str, serial: str) -> bool:
    """Whether a token that shows `shown` is the card whose serial number is `serial`.

    The official library shows its eight digits, OpenSC the end of EF.SN: check digit and filler.
    """
    form = rf".*{re.escape(serial)}([0-9]f)?"
    return re.fullmatch(form, shown.strip(), re.IGNORECASE) is not None
