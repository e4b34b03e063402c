"""What the check of the smart-card service says."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given

from checks.pcsc import SERVICE, judge_service
from diagcps.check import Facts, MissingFact
from diagcps.facts import Pcsc, PcscService, ServiceState, SessionKind, SlotState, UsbReaders
from diagcps.model import Platform, Reason
from tests.builders import (
    CPS3,
    bag,
    causes_of,
    empty,
    evidence_of,
    failed,
    pcsc,
    ready,
    service,
    session,
    slot,
    system,
    usb,
)
from tests.strategies import bags, quick

NO_SERVICE, SERVICE_STOPPED = 0x8010001D, 0x8010001E
AWAY = pytest.mark.parametrize("code", [NO_SERVICE, SERVICE_STOPPED])
UNIX = pytest.mark.parametrize("platform", [Platform.LINUX, Platform.MACOS])
EVERY = pytest.mark.parametrize("platform", list(Platform))


@EVERY
@pytest.mark.parametrize("slots", [(), (empty(),), (ready(CPS3),)])
def test_a_service_that_answers_passes(platform: Platform, slots: tuple[Any, ...]) -> None:
    facts = bag(system(platform), service(), pcsc(*slots), usb())
    assert causes_of(judge_service, facts) == ()
    assert evidence_of(judge_service, facts)["service-state"] == "running"


def test_a_service_that_answers_is_believed_before_the_service_manager() -> None:
    facts = bag(system(), service(ServiceState.STOPPED), pcsc(ready(CPS3)), usb("Reader"))
    assert causes_of(judge_service, facts) == ()


@EVERY
def test_a_service_that_never_answers_is_not_responding(platform: Platform) -> None:
    facts = bag(system(platform), service(), usb(), missing={Pcsc: failed(Reason.TIMEOUT)})
    assert causes_of(judge_service, facts) == ("pcsc.not-responding",)


@pytest.mark.parametrize("reason", [each for each in Reason if each is not Reason.TIMEOUT])
def test_a_service_that_could_not_be_asked_is_unknown(reason: Reason) -> None:
    facts = bag(system(), service(), usb(), missing={Pcsc: failed(reason)})
    with pytest.raises(MissingFact) as missing:
        list(judge_service(facts))
    assert missing.value.failure.reason is reason


@AWAY
@UNIX
@pytest.mark.parametrize("readers", [(), ("Reader",)])
def test_no_service_is_a_stopped_service_on_unix(
    code: int, platform: Platform, readers: tuple[str, ...]
) -> None:
    facts = bag(system(platform), service(ServiceState.STOPPED), pcsc(error=code), usb(*readers))
    assert causes_of(judge_service, facts) == ("pcsc.service-stopped",)


@AWAY
@EVERY
def test_no_service_where_none_is_installed_is_an_absent_one(code: int, platform: Platform) -> None:
    facts = bag(system(platform), service(ServiceState.ABSENT), pcsc(error=code), usb("Reader"))
    assert causes_of(judge_service, facts) == ("pcsc.unavailable",)


@AWAY
@pytest.mark.parametrize(
    "state", [ServiceState.RUNNING, ServiceState.ON_DEMAND, ServiceState.STOPPED]
)
def test_windows_without_a_reader_has_a_service_that_sleeps(code: int, state: ServiceState) -> None:
    facts = bag(system(Platform.WINDOWS), service(state), pcsc(error=code), usb())
    assert causes_of(judge_service, facts) == ()


@AWAY
def test_windows_with_a_reader_on_the_bus_has_a_stopped_service(code: int) -> None:
    facts = bag(
        system(Platform.WINDOWS), service(ServiceState.ON_DEMAND), pcsc(error=code), usb("Reader")
    )
    assert causes_of(judge_service, facts) == ("pcsc.service-stopped",)


@AWAY
@pytest.mark.parametrize("what", [{"problem": 28}, {"serial": True}], ids=["no-driver", "serial"])
def test_windows_wakes_no_service_for_a_reader_that_it_cannot_use(
    code: int, what: dict[str, Any]
) -> None:
    readers = tuple(dataclasses.replace(reader, **what) for reader in usb("Reader").readers)
    bus = UsbReaders(readers=readers, source="test")
    asleep = service(ServiceState.ON_DEMAND)
    facts = bag(system(Platform.WINDOWS), asleep, pcsc(error=code), bus)
    assert causes_of(judge_service, facts) == ()


@AWAY
@pytest.mark.parametrize("readers", [(), ("Reader",)])
def test_windows_with_a_disabled_service_has_a_stopped_service(
    code: int, readers: tuple[str, ...]
) -> None:
    facts = bag(
        system(Platform.WINDOWS), service(ServiceState.DISABLED), pcsc(error=code), usb(*readers)
    )
    assert causes_of(judge_service, facts) == ("pcsc.service-stopped",)


@AWAY
def test_windows_that_cannot_list_its_usb_devices_accuses_no_service(code: int) -> None:
    facts = bag(
        system(Platform.WINDOWS),
        service(ServiceState.ON_DEMAND),
        pcsc(error=code),
        missing={UsbReaders: failed()},
    )
    assert causes_of(judge_service, facts) == ()


@AWAY
def test_a_stopped_service_is_told_without_the_service_manager(code: int) -> None:
    facts = bag(
        system(Platform.WINDOWS),
        pcsc(error=code),
        usb("Reader"),
        missing={PcscService: failed(Reason.DENIED)},
    )
    assert causes_of(judge_service, facts) == ("pcsc.service-stopped",)


@AWAY
def test_windows_without_a_reader_accuses_no_service_that_it_cannot_see(code: int) -> None:
    facts = bag(
        system(Platform.WINDOWS),
        pcsc(error=code),
        usb(),
        missing={PcscService: failed(Reason.DENIED)},
    )
    assert causes_of(judge_service, facts) == ()


@EVERY
def test_the_security_error_is_a_refusal(platform: Platform) -> None:
    facts = bag(system(platform), service(), pcsc(error=0x8010006A), usb("Reader"))
    assert causes_of(judge_service, facts) == ("pcsc.access-denied",)


def test_a_card_that_the_system_refuses_to_this_user_is_a_refusal_and_no_mute_card() -> None:
    held_back = slot(SlotState.MUTE, code=0x8010006A)
    facts = bag(system(), service(), pcsc(held_back), usb("Reader"))
    assert causes_of(judge_service, facts) == ("pcsc.access-denied",)


def test_the_security_error_is_a_refusal_whatever_the_service_manager_says() -> None:
    facts = bag(
        system(), pcsc(error=0x8010006A), usb(), missing={PcscService: failed(Reason.DENIED)}
    )
    assert causes_of(judge_service, facts) == ("pcsc.access-denied",)


@AWAY
def test_a_socket_that_this_user_may_not_open_is_a_refusal(code: int) -> None:
    facts = bag(system(), service(may_connect=False), pcsc(error=code), usb("Reader"))
    assert causes_of(judge_service, facts) == ("pcsc.access-denied",)


def hung_up(*changes: Any) -> tuple[str, ...]:
    """The causes where pcscd closes the connection of a session over SSH."""
    answer = pcsc(error=0x80100013, call="SCardEstablishContext")
    given = (system(), service(), answer, usb("Reader"), session(SessionKind.SSH), *changes)
    return causes_of(judge_service, bag(*given))


def test_an_old_pcscd_that_hangs_up_on_a_session_from_afar_refuses_it() -> None:
    assert hung_up() == ("pcsc.access-denied",)
    assert hung_up(service(ServiceState.ON_DEMAND)) == ("pcsc.access-denied",)


@pytest.mark.parametrize(
    "given",
    [
        session(),
        system(Platform.MACOS),
        service(ServiceState.STOPPED),
        pcsc(error=0x80100013, call="SCardListReaders"),
    ],
    ids=["at the machine", "macOS", "no service", "later"],
)
def test_a_connection_that_ends_elsewhere_is_no_refusal(given: Any) -> None:
    assert hung_up(given) == ("pcsc.not-responding",)


@pytest.mark.parametrize("code", [0x80100001, 0x8010000A, 0x80100014, 0x109])
def test_any_other_error_is_a_service_that_does_not_respond(code: int) -> None:
    facts = bag(system(), service(), pcsc(error=code), usb("Reader"))
    assert causes_of(judge_service, facts) == ("pcsc.not-responding",)


def test_the_answer_is_shown_as_support_looks_it_up() -> None:
    answer = pcsc(error=NO_SERVICE, call="SCardEstablishContext")
    said = evidence_of(judge_service, bag(system(), service(), answer, usb()))
    assert said["answer"] == "SCARD_E_NO_SERVICE (0x8010001D)"


@quick
@given(facts=bags(*SERVICE.uses))
def test_no_fact_makes_it_raise(facts: dict[type, Any]) -> None:
    try:
        found = causes_of(judge_service, Facts(facts))
    except MissingFact:
        return
    assert len(found) <= 1
    assert set(found) <= set(SERVICE.causes)
