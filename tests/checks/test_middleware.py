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
from diagcps.browsing import BrowserKind, Browsers, PageBrowser
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import MissingFact, NotApplicable
from diagcps.examination import Examination, assemble
from diagcps.facts import (
    AuthenticationCertificates,
    FileState,
    Library,
    LibraryState,
    OtherCertificates,
    Reading,
    Role,
    Service,
    SessionKind,
)
from diagcps.model import Level, Outcome, Platform, Reason, Verdict
from diagcps.probes import BUILT_IN, saved_probes
from diagcps.profiles import DEFAULT, choose
from diagcps.registry import load as load_registry
from diagcps.replay import empty_world
from diagcps.workstation import Account, MacCards, PersonCertificates, Products
from tests.builders import (
    CPS3,
    CPS4,
    VITALE,
    bag,
    card_state,
    causes_of,
    certificate,
    evidence_of,
    failed,
    findings,
    held,
    library,
    mute,
    pcsc,
    read_card,
    ready,
    secret,
    session,
    simulated,
    slot,
    step,
    system,
    token,
)
from tests.desks import (
    MACOS,
    WINDOWS,
    browsers,
    desk,
    mac,
    own_certificate,
    person,
    products,
    signs_in_with,
)

UNKNOWN = {
    kind: failed()
    for kind in (Account, Browsers, MacCards, PageBrowser, PersonCertificates, Products)
}


def facts(found: Library, *more: Any, atr: bytes = CPS3, **card: Any) -> Any:
    """The facts of a healthy card and of that library, in a session at the machine."""
    own = (*read_card(card_state(atr, **card)), session(), system())
    given = {type(each): each for each in (*own, *more)}
    missing = {kind: why for kind, why in UNKNOWN.items() if kind not in given}
    return bag(*given.values(), found, missing=missing)


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
    assert causes_of(judge_present, facts(library(state=state))) == ((cause,) if cause else ())


def test_a_library_of_the_browsers_own_kind_is_wrong_for_this_program_alone() -> None:
    small = library(state=LibraryState.WRONG_ARCHITECTURE, architectures=("x86",))
    firefox = signs_in_with(BrowserKind.FIREFOX)

    def level(*architectures: str) -> Level | None:
        given = (small, firefox, browsers(BrowserKind.FIREFOX, *architectures))
        (found,) = findings(judge_present, desk(WINDOWS, *given))
        assert found.cause == "middleware.wrong-arch"
        return found.level

    assert (level("x86"), level("x86", "AMD64")) == (Level.INFO, Level.INFO)
    assert (level("AMD64"), level("ARM64"), level(""), level()) == (None,) * 4
    for unread in (Browsers, PageBrowser):
        with pytest.raises(MissingFact):
            findings(judge_present, desk(WINDOWS, small, firefox, missing={unread: failed()}))
    edge = (small, browsers(BrowserKind.EDGE, "x86"), person())
    (found,) = findings(judge_present, desk(WINDOWS, *edge))
    assert found.level is None


def test_a_cryptolib_that_the_system_lists_is_not_said_not_to_be_installed() -> None:
    absent = library(state=LibraryState.ABSENT)
    listed, nothing = products("5.2.6"), products()
    assert causes_of(judge_present, facts(absent, listed)) == ("middleware.incomplete",)
    assert causes_of(judge_present, facts(absent, nothing)) == ("middleware.absent",)


def test_the_words_of_the_loader_are_evidence() -> None:
    found = library(state=LibraryState.LOAD_FAILED, detail=secret("no such file"))
    assert evidence_of(judge_present, facts(found))["loader"] == secret("no such file")


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
    first = AuthenticationCertificates(cards=(step(reading=ended),))
    given = facts(library(), slots, states, first, rest)
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
    given = facts(library(more), states, first, rest)
    assert causes_of(judge_agrees, given) == ()


def test_what_the_rest_of_the_card_holds_is_not_needed_to_compare_what_counts() -> None:
    unread = {OtherCertificates: failed()}
    assert findings(judge_agrees, desk(WINDOWS, missing=unread)) == ()
    stale = library(token(certificates=(secret("0" * 64),)))
    assert causes_of(judge_agrees, desk(WINDOWS, stale, missing=unread)) == (
        "middleware.cache-corrupt",
    )


def test_a_card_that_cannot_sign_for_tls_13_is_worth_knowing() -> None:
    cps3 = library(token(mechanisms=(0x01,)))
    (found,) = findings(judge_pss, facts(cps3, Service()))
    assert (found.cause, found.level) == ("middleware.no-pss", None)
    (found,) = findings(judge_pss, facts(cps3, Service(only_tls13=True)))
    assert found.level is Level.KO
    assert causes_of(judge_pss, facts(library(token()), Service(only_tls13=True))) == ()


# Browsers that do without the library.

TROUBLES = [
    (judge_present, library(state=LibraryState.ABSENT), CPS3),
    (judge_present, library(state=LibraryState.WRONG_ARCHITECTURE), CPS3),
    (judge_present, library(state=LibraryState.LOAD_FAILED), CPS3),
    (judge_responds, library(state=LibraryState.NOT_RESPONDING), CPS3),
    (judge_responds, library(state=LibraryState.CRASHED), CPS3),
    (judge_sees_card, library(), CPS3),
    (judge_sees_card, library(codes=[0xE1]), CPS4),
    (judge_agrees, library(token(certificates=())), CPS3),
]
troubles = pytest.mark.parametrize(("judge", "found", "atr"), TROUBLES)
NOT_READ = {
    "absent": library(state=LibraryState.ABSENT),
    "of another kind": library(state=LibraryState.WRONG_ARCHITECTURE),
    "does not load": library(state=LibraryState.LOAD_FAILED),
    "silent": library(state=LibraryState.NOT_RESPONDING),
    "crashed": library(state=LibraryState.CRASHED),
    "failed": library(state=LibraryState.FAILED, call="C_GetSlotList", code=5),
    "blind": library(codes=[0xE1]),
    "not asked": failed(Reason.TIMEOUT),
}


@troubles
@pytest.mark.parametrize("platform", [WINDOWS, MACOS])
def test_a_browser_that_has_the_card_from_the_system_does_without_the_library(
    judge: Any, found: Library, atr: bytes, platform: Platform
) -> None:
    (said,) = findings(judge, desk(platform, found, atr=atr))
    assert said.level is Level.INFO


@troubles
def test_safari_needs_cps_gestion_alone_whether_or_not_a_card_is_in(
    judge: Any, found: Library, atr: bytes
) -> None:
    (said,) = findings(judge, desk(MACOS, mac(), found, atr=atr))
    assert said.level is Level.INFO
    (said,) = findings(judge, desk(MACOS, mac(gestion=FileState.ABSENT), found, atr=atr))
    assert said.level is None


@troubles
@pytest.mark.parametrize("platform", Platform)
def test_firefox_needs_the_library_whatever_the_system_has(
    judge: Any, found: Library, atr: bytes, platform: Platform
) -> None:
    firefox = signs_in_with(BrowserKind.FIREFOX)
    (said,) = findings(judge, desk(platform, firefox, found, atr=atr))
    assert said.level is None


@troubles
@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        ((), PersonCertificates),
        ((), PageBrowser),
        ((person(),), None),
        ((person(own_certificate(), code=0x8009001E),), None),
    ],
    ids=["no store", "no browser", "not offered", "no key"],
)
def test_a_card_that_is_not_seen_to_come_to_the_browser_is_missed(
    judge: Any, found: Library, atr: bytes, given: tuple[Any, ...], unknown: type | None
) -> None:
    missing = {unknown: failed()} if unknown else {}
    (said,) = findings(judge, desk(WINDOWS, *given, found, atr=atr, missing=missing))
    assert said.level is None


@pytest.mark.parametrize("judge", [judge_present, judge_responds, judge_sees_card, judge_agrees])
def test_a_library_that_was_not_read_is_unknown_to_a_browser_that_needs_it(judge: Any) -> None:
    not_read = {Library: failed()}
    with pytest.raises(NotApplicable):
        findings(judge, desk(WINDOWS, missing=not_read))
    with pytest.raises(MissingFact):
        findings(judge, desk(WINDOWS, signs_in_with(BrowserKind.FIREFOX), missing=not_read))


async def replayed(*changes: Any, missing: dict[type, Any] | None = None) -> Examination:
    """The healthy simulated workstation, judged with `changes` in its facts."""
    healthy = simulated("healthy-cps4")
    await healthy.runner.run()
    known = {**healthy.runner.facts, **{type(each): each for each in changes}, **(missing or {})}
    examined = assemble(
        registry=load_registry(BUILT_IN, installed=False),
        probes={each.gives: each for each in saved_probes(known)},
        profile=choose(DEFAULT),
        world=empty_world(WINDOWS, CatalogueFiles()),
    )
    await examined.runner.run()
    return examined


@pytest.mark.parametrize("found", NOT_READ.values(), ids=NOT_READ)
async def test_edge_is_ready_with_the_card_in_the_store_whatever_became_of_the_library(
    found: Any,
) -> None:
    given = {Library: found}
    examined = await replayed(missing=given)
    assert examined.runner.diagnosis is not None
    assert examined.runner.diagnosis.verdict is Verdict.READY
    outcomes = {each.outcome for each in examined.runner.results.values()}
    assert outcomes <= {Outcome.PASS, Outcome.NOT_APPLICABLE}


@pytest.mark.parametrize("found", NOT_READ.values(), ids=NOT_READ)
async def test_firefox_is_not_ready_without_the_library(found: Any) -> None:
    examined = await replayed(signs_in_with(BrowserKind.FIREFOX), missing={Library: found})
    assert examined.runner.diagnosis is not None
    assert examined.runner.diagnosis.verdict in (Verdict.NOT_READY, Verdict.UNDETERMINED)
