"""The certificates of the card, judged from what they say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from checks.certificate import (
    judge_present,
    judge_production,
    judge_revocation,
    judge_signature,
    judge_suited,
    judge_trusted,
    judge_valid,
)
from diagcps.check import MissingFact, NotApplicable
from diagcps.facts import (
    AuthenticationCertificates,
    CardStates,
    Family,
    Moment,
    OtherCertificates,
    Reading,
    Role,
    Service,
    Trust,
)
from diagcps.network import Revocation, Revoked
from tests.builders import (
    CPS3,
    NOW,
    bag,
    card_state,
    causes_of,
    certificate,
    evidence_of,
    findings,
    pcsc,
    read_card,
    ready,
    step,
)

ENDS = {
    Reading.REMOVED: "card.removed",
    Reading.HELD: "reader.in-use",
    Reading.SILENT: "card.mute",
    Reading.UNREADABLE: "card.unreadable",
}


def test_a_certificate_that_authenticates_is_enough() -> None:
    facts = bag(*read_card())
    assert causes_of(judge_present, facts) == ()
    assert evidence_of(judge_present, facts)["family"] == "cps"


def test_a_card_that_was_read_whole_without_one_has_none() -> None:
    for first in (step(), step(certificate(Role.SIGNATURE))):
        assert causes_of(judge_present, bag(*read_card(first=first))) == ("certificate.missing",)


@pytest.mark.parametrize("reading", ENDS)
def test_a_reading_that_ended_before_it_says_how(reading: Reading) -> None:
    facts = bag(*read_card(first=step(reading=reading, where="CDF", detail="SELECT 6A82")))
    assert causes_of(judge_present, facts) == (ENDS[reading],)
    assert evidence_of(judge_present, facts) == {"where": "CDF", "answer": "SELECT 6A82"}


def test_trouble_after_the_one_that_authenticates_is_evidence() -> None:
    first = step(certificate(), reading=Reading.UNREADABLE, where="another")
    assert causes_of(judge_present, bag(*read_card(first=first))) == ()


DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        (-DAY, 91 * DAY, None),
        (-DAY, 90 * DAY + SECOND, None),
        (-DAY, 90 * DAY, "certificate.expires-soon"),
        (-DAY, 0 * DAY, "certificate.expires-soon"),
        (-DAY, -SECOND, "certificate.expired"),
        (0 * DAY, 400 * DAY, None),
        (SECOND, 400 * DAY, "certificate.not-yet-valid"),
    ],
)
def test_the_days_of_a_certificate_are_counted_to_the_second(
    before: timedelta, after: timedelta, cause: str | None
) -> None:
    each = certificate(not_before=NOW + before, not_after=NOW + after)
    facts = bag(*read_card(first=step(each)), Moment(at=NOW))
    assert causes_of(judge_valid, facts) == ((cause,) if cause else ())


def test_a_certificate_that_ends_soon_says_in_how_many_days() -> None:
    each = certificate(not_after=NOW + 30 * DAY + SECOND)
    (found,) = findings(judge_valid, bag(*read_card(first=step(each)), Moment(at=NOW)))
    assert found.params["days"] == "30"
    assert found.params["last"] == "2026-12-21"


@pytest.mark.parametrize("judge", [judge_valid, judge_trusted, judge_production, judge_suited])
def test_without_a_certificate_there_is_nothing_to_judge(judge: object) -> None:
    facts = bag(*read_card(first=step()), Moment(at=NOW), Service(families=(Family.CPE,)))
    with pytest.raises(NotApplicable):
        causes_of(judge, facts)  # type: ignore[arg-type]


def test_the_end_of_the_chain_decides() -> None:
    def causes(trust: Trust) -> tuple[str, ...]:
        return causes_of(judge_trusted, bag(*read_card(first=step(certificate(trust=trust)))))

    assert causes(Trust.TRUSTED) == ()
    assert causes(Trust.UNTRUSTED) == ("certificate.untrusted",)
    with pytest.raises(MissingFact):
        causes(Trust.ISSUER_NOT_FOUND)


def test_a_card_of_a_test_authority_is_one() -> None:
    facts = bag(*read_card(first=step(certificate(test=True))))
    assert causes_of(judge_production, facts) == ("card.test",)


def test_revocation_is_judged_when_somebody_was_asked() -> None:
    def causes(revoked: Revoked) -> tuple[str, ...]:
        return causes_of(judge_revocation, bag(Revocation(revoked=revoked, source="test")))

    assert causes(Revoked.YES) == ("certificate.revoked",)
    assert causes(Revoked.NO) == ()
    with pytest.raises(NotApplicable):
        causes(Revoked.NOT_ASKED)


@pytest.mark.parametrize("reading", ENDS)
def test_other_certificates_that_could_not_be_read_say_why(reading: Reading) -> None:
    facts = bag(*read_card(rest=step(reading=reading)))
    assert causes_of(judge_signature, facts) == (ENDS[reading],)


def test_a_card_without_other_certificates_is_no_trouble() -> None:
    with pytest.raises(NotApplicable):
        causes_of(judge_signature, bag(*read_card(rest=step())))


def test_a_service_that_admits_other_families_may_not_admit_this_card() -> None:
    def causes(*admitted: Family) -> tuple[str, ...]:
        return causes_of(judge_suited, bag(*read_card(), Service(families=admitted)))

    assert causes(Family.CPE, Family.CPA) == ("card.kind-unsuited",)
    assert causes(Family.CPS) == ()
    with pytest.raises(NotApplicable):
        causes()


def test_the_card_of_the_best_slot_is_judged() -> None:
    other = card_state(CPS3, Reading.UNREADABLE, slot_name="other")
    facts = bag(
        pcsc(ready(CPS3)),
        CardStates(cards=(other, card_state())),
        AuthenticationCertificates(cards=(step(certificate()),)),
        OtherCertificates(cards=()),
    )
    assert causes_of(judge_present, facts) == ()
