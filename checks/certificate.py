"""The certificates of the card: there, valid, from an authority that counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from diagcps.api import (
    Area,
    AuthenticationCertificates,
    CardStates,
    CauseId,
    Certificate,
    Check,
    CheckId,
    Evidence,
    Facts,
    Family,
    Finding,
    Level,
    MissingFact,
    Moment,
    NotApplicable,
    OtherCertificates,
    Pcsc,
    ProbeFailure,
    Reading,
    Reason,
    Revocation,
    Revoked,
    Role,
    Service,
    Trust,
)

from ._slots import ENDED, best_card, of_card, trouble

_MISSING = CauseId("certificate.missing")
_EXPIRED = CauseId("certificate.expired")
_EARLY = CauseId("certificate.not-yet-valid")
_SOON = CauseId("certificate.expires-soon")
_UNTRUSTED = CauseId("certificate.untrusted")
_REVOKED = CauseId("certificate.revoked")
_TEST = CauseId("card.test")
_UNSUITED = CauseId("card.kind-unsuited")

_SOON_DAYS = 90
_SOURCE = "certificate"


def _authentication(facts: Facts) -> Certificate:
    """The certificate that is judged. Raises NotApplicable without one: another check says why."""
    card = best_card(facts[Pcsc], facts[CardStates].cards)
    step = of_card(card, facts[AuthenticationCertificates].cards) if card else None
    for each in step.found if step else ():
        if each.role is Role.AUTHENTICATION:
            return each
    raise NotApplicable


def _seen(each: Certificate) -> Iterator[Evidence]:
    source = f"{_SOURCE} ({each.role.value})"
    yield Evidence(key="holder", value=each.holder, source=source)
    yield Evidence(key="identifier", value=each.identifier, source=source)
    yield Evidence(key="identifier-kind", value=each.identifier_kind.value, source=source)
    if each.identifier_valid is not None:
        yield Evidence(key="identifier-valid", value=each.identifier_valid, source=source)
    yield Evidence(key="family", value=each.family.value, source=source)
    if each.profession:
        yield Evidence(key="profession", value=each.profession, source=source)


def judge_present(facts: Facts) -> Iterator[Finding | Evidence]:
    """The card holds a certificate that authenticates, and it can be read."""
    card = best_card(facts[Pcsc], facts[CardStates].cards)
    step = of_card(card, facts[AuthenticationCertificates].cards) if card else None
    if step is None:
        raise NotApplicable
    yield from trouble(step.where, step.detail)
    found = next((each for each in step.found if each.role is Role.AUTHENTICATION), None)
    if found is not None:
        yield from _seen(found)
    elif step.reading is Reading.READ:
        yield Finding(cause=_MISSING)
    else:
        yield Finding(cause=ENDED[step.reading])


def judge_valid(facts: Facts) -> Iterator[Finding | Evidence]:
    """Today is among the days of the certificate, and the last of them is not near."""
    certificate, now = _authentication(facts), facts[Moment].at
    first, last = certificate.not_before.date(), certificate.not_after.date()
    yield Evidence(key="not-before", value=first.isoformat(), source=_SOURCE)
    yield Evidence(key="not-after", value=last.isoformat(), source=_SOURCE)
    yield Evidence(key="clock", value=now.date().isoformat(), source="clock")
    params = {"first": first.isoformat(), "last": last.isoformat(), "today": now.date().isoformat()}
    if now > certificate.not_after:
        yield Finding(cause=_EXPIRED, params=params)
    elif now < certificate.not_before:
        yield Finding(cause=_EARLY, params=params)
    elif certificate.not_after - now <= timedelta(days=_SOON_DAYS):
        days = str((certificate.not_after - now).days)
        yield Finding(cause=_SOON, params={**params, "days": days})


def judge_production(facts: Facts) -> Iterator[Finding | Evidence]:
    """The card was issued for use, not for tests."""
    certificate = _authentication(facts)
    yield Evidence(key="issuer", value=certificate.issuer, source=_SOURCE)
    if certificate.test:
        yield Finding(cause=_TEST)


def judge_trusted(facts: Facts) -> Iterator[Finding | Evidence]:
    """The chain of the certificate ends at a pinned authority."""
    certificate = _authentication(facts)
    yield Evidence(key="issuer", value=certificate.issuer, source=_SOURCE)
    yield Evidence(key="trust", value=certificate.trust.value, source=certificate.anchor or "none")
    if certificate.trust is Trust.UNTRUSTED:
        yield Finding(cause=_UNTRUSTED)
    elif certificate.trust is Trust.ISSUER_NOT_FOUND:
        raise MissingFact(ProbeFailure(reason=Reason.UNAVAILABLE))


def judge_revocation(facts: Facts) -> Iterator[Finding | Evidence]:
    """The authority has not revoked the certificate, as far as anybody was asked."""
    known = facts[Revocation]
    if known.revoked is Revoked.NOT_ASKED:
        yield Evidence(key="revoked", value=known.revoked.value, source=known.source)
        raise NotApplicable
    yield Evidence(key="revoked", value=known.revoked is Revoked.YES, source=known.source)
    if known.revoked is Revoked.YES:
        yield Finding(cause=_REVOKED)


def judge_signature(facts: Facts) -> Iterator[Finding | Evidence]:
    """The other certificates of the card can be read; a card without any is no trouble."""
    card = best_card(facts[Pcsc], facts[CardStates].cards)
    first = of_card(card, facts[AuthenticationCertificates].cards) if card else None
    rest = of_card(card, facts[OtherCertificates].cards) if card else None
    found = (*(first.found if first else ()), *(rest.found if rest else ()))
    others = [each for each in found if each.role is not Role.AUTHENTICATION]
    for each in others:
        source = f"{_SOURCE} ({each.role.value})"
        last = each.not_after.date().isoformat()
        yield Evidence(key="not-after", value=last, source=source)
    if rest is not None and rest.reading is not Reading.READ:
        yield from trouble(rest.where, rest.detail)
        # The person is recognised by the other certificate: this one is not needed for that.
        damaged = rest.reading is Reading.UNREADABLE
        yield Finding(cause=ENDED[rest.reading], level=Level.WARN if damaged else None)
    elif not others:
        raise NotApplicable


def judge_suited(facts: Facts) -> Iterator[Finding | Evidence]:
    """The service admits cards of this family."""
    certificate, admitted = _authentication(facts), facts[Service].families
    if not admitted or certificate.family is Family.UNKNOWN:
        raise NotApplicable
    yield Evidence(key="family", value=certificate.family.value, source=_SOURCE)
    words = ", ".join(sorted(family.value.upper() for family in admitted))
    yield Evidence(key="admitted", value=words, source="service")
    if certificate.family not in admitted:
        params = {"family": certificate.family.value.upper(), "admitted": words}
        yield Finding(cause=_UNSUITED, params=params)


_CARD = (Pcsc, CardStates, AuthenticationCertificates)

PRESENT = Check(
    id=CheckId("certificate.present"),
    area=Area.CERTIFICATE,
    judge=judge_present,
    uses=_CARD,
    needs=(CheckId("card.readable"), CheckId("reader.contact")),
    causes=(_MISSING, *ENDED.values()),
)

PRODUCTION = Check(
    id=CheckId("card.production"),
    area=Area.CARD,
    judge=judge_production,
    uses=_CARD,
    needs=(CheckId("certificate.present"),),
    causes=(_TEST,),
)

VALID = Check(
    id=CheckId("certificate.valid"),
    area=Area.CERTIFICATE,
    judge=judge_valid,
    uses=(*_CARD, Moment),
    needs=(CheckId("certificate.present"), CheckId("clock.plausible")),
    causes=(_EXPIRED, _EARLY, _SOON),
)

TRUSTED = Check(
    id=CheckId("certificate.trusted"),
    area=Area.CERTIFICATE,
    judge=judge_trusted,
    uses=_CARD,
    needs=(CheckId("certificate.present"), CheckId("card.production")),
    causes=(_UNTRUSTED,),
)

REVOCATION = Check(
    id=CheckId("certificate.revocation"),
    area=Area.CERTIFICATE,
    judge=judge_revocation,
    uses=(Revocation,),
    needs=(CheckId("certificate.present"),),
    causes=(_REVOKED,),
)

SIGNATURE = Check(
    id=CheckId("certificate.signature"),
    area=Area.CERTIFICATE,
    judge=judge_signature,
    uses=(*_CARD, OtherCertificates),
    needs=(CheckId("certificate.present"),),
    causes=tuple(ENDED.values()),
)

SUITED = Check(
    id=CheckId("card.suited"),
    area=Area.CARD,
    judge=judge_suited,
    uses=(*_CARD, Service),
    needs=(CheckId("certificate.present"),),
    causes=(_UNSUITED,),
)
