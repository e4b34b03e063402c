"""Does the smart-card service answer?"""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.api import (
    Area,
    CauseId,
    Check,
    CheckId,
    Evidence,
    Facts,
    Finding,
    Pcsc,
    PcscCode,
    PcscService,
    Platform,
    ProbeFailure,
    Reason,
    ServiceState,
    Session,
    SessionKind,
    System,
    UsbReaders,
    describe,
)

_STOPPED = CauseId("pcsc.service-stopped")
_DENIED = CauseId("pcsc.access-denied")
_SILENT = CauseId("pcsc.not-responding")
_ABSENT = CauseId("pcsc.unavailable")

_AWAY = frozenset({PcscCode.SCARD_E_NO_SERVICE, PcscCode.SCARD_E_SERVICE_STOPPED})


def judge_service(facts: Facts) -> Iterator[Finding | Evidence]:
    """The service answered; else why not, from its answer and the system's own view of it."""
    service = facts.get(PcscService)
    if isinstance(service, PcscService):
        yield Evidence(key="service-state", value=service.state.value, source=service.source)
    pcsc = facts.get(Pcsc)
    if isinstance(pcsc, ProbeFailure) and pcsc.reason is Reason.TIMEOUT:
        yield Evidence(key="answer", value=pcsc.reason.value, source="SCardEstablishContext")
        yield Finding(cause=_SILENT)
        return
    answer = facts[Pcsc]
    yield Evidence(key="answer", value=describe(answer.error), source=answer.call)
    cause = _cause(answer, service, facts)
    if cause is not None:
        yield Finding(cause=cause)


def _cause(answer: Pcsc, service: PcscService | ProbeFailure, facts: Facts) -> CauseId | None:
    # polkit knows two rights: to speak to the service, and to reach a card through it.
    refused = {answer.error, *(slot.code for slot in answer.slots)}
    if PcscCode.SCARD_W_SECURITY_VIOLATION in refused:
        return _DENIED
    if not answer.error:
        return None
    if isinstance(service, PcscService):
        if not service.may_connect:
            return _DENIED
        if service.state is ServiceState.ABSENT:
            return _ABSENT
    if _is_refused_by_polkit(answer, service, facts):
        return _DENIED
    if answer.error in _AWAY:
        return None if _sleeps_without_reader(service, facts) else _STOPPED
    return _SILENT


def _is_refused_by_polkit(answer: Pcsc, service: PcscService | ProbeFailure, facts: Facts) -> bool:
    """polkit refuses whoever is not at the machine itself, and pcscd then ends their connection.

    From 1.9.9 on pcsc-lite has an error of its own for it (commit 68f629ff).
    """
    hung_up = (PcscCode.SCARD_F_COMM_ERROR, "SCardEstablishContext")
    if (answer.error, answer.call) != hung_up or facts[System].platform is not Platform.LINUX:
        return False
    session = facts.get(Session)
    return (
        isinstance(service, PcscService)
        and service.state in (ServiceState.RUNNING, ServiceState.ON_DEMAND)
        and isinstance(session, Session)
        and session.kind is not SessionKind.LOCAL
    )


def _sleeps_without_reader(service: PcscService | ProbeFailure, facts: Facts) -> bool:
    """Windows ends the service with the last reader and starts it with the first: there is none.

    Source: Microsoft, Smart Cards for Windows Service; field notes C10.
    """
    if facts[System].platform is not Platform.WINDOWS:
        return False
    if isinstance(service, PcscService) and service.state is ServiceState.DISABLED:
        return False
    usb = facts.get(UsbReaders)
    readers = usb.readers if isinstance(usb, UsbReaders) else ()
    # One without a driver, or that speaks over a serial line, is no reader to the service.
    return all(reader.problem or reader.serial for reader in readers)


SERVICE = Check(
    id=CheckId("pcsc.service"),
    area=Area.PCSC,
    judge=judge_service,
    uses=(System, Session, PcscService, Pcsc, UsbReaders),
    unless=(CheckId("session.location"),),
    causes=(_STOPPED, _DENIED, _SILENT, _ABSENT),
)
