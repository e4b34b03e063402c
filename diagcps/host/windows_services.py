"""Services, asked of Windows' service manager without starting any."""

from __future__ import annotations

from diagcps.facts import PcscService, ServiceState
from diagcps.host.common import as_probe_errors, library
from diagcps.model import ProbeDenied, ProbeUnavailable, ProbeUnsupported
from diagcps.workstation import Services, SystemService

_SMART_CARDS = "SCardSvr"
_SERVICES = (_SMART_CARDS, "CertPropSvc", "ScDeviceEnum")
"""Smart Card, Certificate Propagation, Smart Card Device Enumeration Service (Microsoft, « Smart
Cards for Windows Service »)."""


def service_state(status: str, start_type: str) -> ServiceState:
    """The state from psutil's words for the service's status and start type.

    A service that starts or resumes counts as running; one that pauses or stops, as stopped.
    """
    if status in ("running", "start_pending", "continue_pending"):
        return ServiceState.RUNNING
    if start_type == "disabled":
        return ServiceState.DISABLED
    return ServiceState.ON_DEMAND if start_type == "manual" else ServiceState.STOPPED


def read_smart_card_service() -> PcscService:
    """The state of « Carte à puce » (SCardSvr). Raises ProbeError subclasses.

    Any user may connect to it. Stopped with the manual start it has by default, it starts with the
    first reader.
    """
    state, words = _ask(_SMART_CARDS)
    source = f"{_SMART_CARDS}: {words}" if words else _SMART_CARDS
    return PcscService(state=state, may_connect=True, source=source)


def read_services() -> Services:
    """The services that matter to the card. Raises ProbeError subclasses when one is not told."""
    return Services(
        services=tuple(SystemService(name=name, state=_ask(name)[0]) for name in _SERVICES),
        source="QueryServiceStatus, QueryServiceConfig",
    )


def _ask(name: str) -> tuple[ServiceState, str]:
    """The state of a service, and psutil's words for it."""
    psutil = library("psutil")
    ask = getattr(psutil, "win_service_get", None)
    if ask is None:
        raise ProbeUnsupported("not Windows")
    try:
        with as_probe_errors():
            service = ask(name)
            status, start_type = service.status(), service.start_type()
    except psutil.NoSuchProcess:
        return ServiceState.ABSENT, ""
    except psutil.AccessDenied as error:
        raise ProbeDenied(str(error)) from error
    except psutil.Error as error:
        raise ProbeUnavailable(str(error)) from error
    return service_state(status, start_type), f"{status}, {start_type}"
