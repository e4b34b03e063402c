"""The library beside our own reading: the first layer that disagrees is named."""

from __future__ import annotations

from typing import Any

import pytest

from checks.middleware import (
    judge_agrees,
    judge_present,
    judge_pss,
    judge_responds,
    judge_sees_card,
)
from diagcps.check import MissingFact, NotApplicable
from diagcps.facts import (
    AuthenticationCertificates,
    Library,
    LibraryState,
    Reading,
    Role,
    Service,
    SessionKind,
)
from diagcps.model import Level
from tests.builders import (
    CPS3,
    CPS4,
    VITALE,
    bag,
    card_state,
    causes_of,
    certificate,
    evidence_of,
    findings,
    held,
    library,
    mute,
    pcsc,
    read_card,
    ready,
    secret,
    session,
    slot,
    step,
    token,
)


def facts(found: Library, *more: Any, atr: bytes = CPS3, **card: Any) -> Any:
    """The facts of a healthy card and of that library, in a session at the machine."""
    given = {type(each): each for each in (*read_card(card_state(atr, **card)), session(), *more)}
    return bag(*given.values(), found)


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        (LibraryState.ABSENT, "middleware.absent"),
        (LibraryState.WRONG_ARCHITECTURE, "middleware.wrong-arch"),
        (LibraryState.LOAD_FAILED, "middleware.load-failed"),
        (LibraryState.READ, None),
        (LibraryState.NOT_RESPONDING, None),
    ],
)
def test_a_library_that_is_not_there_or_does_not_load(
    state: LibraryState, cause: str | None
) -> None:
    assert causes_of(judge_present, bag(library(state=state))) == ((cause,) if cause else ())


def test_the_words_of_the_loader_are_evidence() -> None:
    found = library(state=LibraryState.LOAD_FAILED, detail=secret("no such file"))
    assert evidence_of(judge_present, bag(found))["loader"] == secret("no such file")


def test_a_call_that_fails_in_a_loaded_library_says_nothing_of_its_installation() -> None:
    found = library(state=LibraryState.FAILED, call="C_GetSlotList", code=5)
    with pytest.raises(MissingFact):
        causes_of(judge_responds, facts(found))


@pytest.mark.parametrize("state", [LibraryState.CRASHED, LibraryState.FAILED])
def test_a_library_that_ends_at_once_could_not_be_loaded(state: LibraryState) -> None:
    found = library(state=state, call="C_Initialize", code=5)
    assert causes_of(judge_responds, facts(found)) == ("middleware.load-failed",)
    assert evidence_of(judge_responds, facts(found))["code"] == "0x00000005"


def test_what_makes_a_library_wait_is_the_root() -> None:
    waiting = library(state=LibraryState.NOT_RESPONDING, call="C_Initialize")
    assert causes_of(judge_responds, facts(waiting)) == ("middleware.not-responding",)
    beside = pcsc(ready(CPS3), mute())
    assert causes_of(judge_responds, facts(waiting, beside)) == ("card.mute",)
    assert causes_of(judge_responds, facts(waiting, pcsc(held(CPS3)))) == ("reader.in-use",)
    silent, kept = (facts(waiting, reading=how) for how in (Reading.SILENT, Reading.HELD))
    assert causes_of(judge_responds, silent) == ("card.mute",)
    assert causes_of(judge_responds, kept) == ("reader.in-use",)


def test_a_card_is_found_by_its_serial_number_and_not_by_the_name_of_its_slot() -> None:
    assert causes_of(judge_sees_card, facts(library(token("00000001")))) == ()
    for shown in ("00000001 ", "000001000000015f", "8025000001000000015F"):
        assert causes_of(judge_sees_card, facts(library(token(shown)))) == ()
    assert causes_of(judge_sees_card, facts(library(token("00000002")))) == (
        "middleware.card-not-seen",
    )


def test_a_library_without_a_token_does_not_see_the_card() -> None:
    for found in (library(), library(codes=[0xE0]), library(codes=[0xE1])):
        assert causes_of(judge_sees_card, facts(found)) == ("middleware.card-not-seen",)


def test_a_library_that_does_not_know_a_cps4_is_older_than_it() -> None:
    old = library(codes=[0xE0, 0xE1])
    assert causes_of(judge_sees_card, facts(old, atr=CPS4)) == ("middleware.too-old-for-cps4",)
    blind = library(codes=[0xE0])
    assert causes_of(judge_sees_card, facts(blind, atr=CPS4)) == ("middleware.card-not-seen",)


def test_a_remote_session_may_show_the_card_before() -> None:
    other = library(token("00000002"))
    for kind in (SessionKind.RDP, SessionKind.CITRIX):
        far = session(kind, redirects=True)
        assert causes_of(judge_sees_card, facts(other, far)) == ("session.stale-card",)
        assert causes_of(judge_sees_card, facts(library(), far)) == ("middleware.card-not-seen",)


def test_the_vendor_code_of_an_interrupted_update_is_told_by_its_name() -> None:
    found = library(token(code=0x80000001, certificates=()))
    assert causes_of(judge_sees_card, facts(found)) == ("card.update-interrupted",)
    with pytest.raises(NotApplicable):
        causes_of(judge_agrees, facts(found))


def test_the_same_certificates_on_both_ways_agree() -> None:
    assert causes_of(judge_agrees, facts(library(token()))) == ()


def test_what_a_library_lists_besides_is_no_evidence() -> None:
    both = tuple(certificate(role).fingerprint for role in (Role.AUTHENTICATION, Role.SIGNATURE))
    for more in (secret("-"), secret("0" * 64)):
        found = library(token(certificates=(*both, more)))
        assert causes_of(judge_agrees, facts(found)) == ()


@pytest.mark.parametrize("ended", [Reading.REMOVED, Reading.HELD, Reading.SILENT])
def test_a_card_that_moved_before_the_library_was_asked_is_judged_by_nobody(ended: Reading) -> None:
    slots, states, _, rest = read_card()
    given = bag(
        slots, states, AuthenticationCertificates(cards=(step(reading=ended),)), rest, session(),
        library(),
    )  # fmt: skip
    with pytest.raises(NotApplicable):
        causes_of(judge_sees_card, given)


def test_a_vitale_that_the_library_does_not_know_proves_nothing_about_a_cps4() -> None:
    desk = pcsc(ready(CPS4), slot(atr=VITALE, name="other"))
    held_elsewhere = facts(library(codes=[0xE0, 0xE1]), desk, atr=CPS4)
    assert causes_of(judge_sees_card, held_elsewhere) == ("middleware.card-not-seen",)
    both = facts(library(codes=[0xE1, 0xE1]), desk, atr=CPS4)
    assert causes_of(judge_sees_card, both) == ("middleware.too-old-for-cps4",)


@pytest.mark.parametrize(
    "shown",
    [
        (certificate(Role.SIGNATURE).fingerprint,),
        (certificate().fingerprint,),
        (secret("0" * 64), secret("1" * 64)),
        (secret("-"), certificate(Role.SIGNATURE).fingerprint),
        (),
    ],
)
def test_other_certificates_than_those_of_the_card_are_a_stale_copy(shown: Any) -> None:
    found = library(token(certificates=shown))
    assert causes_of(judge_agrees, facts(found)) == ("middleware.cache-corrupt",)


def test_a_library_may_show_one_card_as_several_tokens() -> None:
    parts = [token("00000001", Role.AUTHENTICATION), token("00000001", Role.SIGNATURE)]
    assert causes_of(judge_agrees, facts(library(*parts))) == ()


def test_what_we_could_not_read_whole_proves_no_stale_copy() -> None:
    more = token(certificates=(certificate().fingerprint, secret("0" * 64)))
    _, states, first, _ = read_card()
    _, _, _, rest = read_card(rest=step(reading=Reading.REMOVED))
    given = bag(pcsc(ready(CPS3)), states, first, rest, library(more))
    assert causes_of(judge_agrees, given) == ()


def test_a_card_that_cannot_sign_for_tls_13_is_worth_knowing() -> None:
    cps3 = library(token(mechanisms=(0x01,)))
    (found,) = findings(judge_pss, facts(cps3, Service()))
    assert (found.cause, found.level) == ("middleware.no-pss", None)
    (found,) = findings(judge_pss, facts(cps3, Service(only_tls13=True)))
    assert found.level is Level.KO
    assert causes_of(judge_pss, facts(library(token()), Service(only_tls13=True))) == ()
