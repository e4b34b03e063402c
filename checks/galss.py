"""Does galss.ini describe the readers that are there?

The old way to the reader (GALSS): business software goes it, browsers do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagcps.api import (
    Area,
    CauseId,
    Channel,
    ChannelKind,
    Check,
    CheckId,
    Evidence,
    Facts,
    FileState,
    Finding,
    Galss,
    MissingFact,
    NotApplicable,
    Pcsc,
    Platform,
    ProbeFailure,
    Reason,
    Slot,
)

_MISCONFIGURED = CauseId("galss.misconfigured")

_CONTACTLESS = re.compile(r"\b(nfc|cl|contactless|sans contact)\b", re.IGNORECASE)
"""How readers call their interface without contact (field notes 3.2)."""
_VITALE = "vitale"


def judge_channels(facts: Facts) -> Iterator[Finding | Evidence]:
    """Every channel is one of a reader that PC/SC lists, and fit for the card that it serves."""
    galss = facts[Galss]
    yield Evidence(key="galss-ini", value=galss.state.value, source=galss.source)
    if galss.state is FileState.ABSENT:
        raise NotApplicable
    if galss.state is FileState.UNREADABLE:
        raise MissingFact(ProbeFailure(reason=Reason.DENIED))
    for channel in galss.channels:
        place = f"{galss.source} [CANAL{channel.number}]"
        yield Evidence(
            key="galss-channel", value=channel.reader or channel.kind.value, source=place
        )
    fault = "empty" if galss.state is FileState.EMPTY else _fault(galss, facts[Pcsc].slots)
    if fault:
        evidence = Evidence(key="galss-fault", value=fault, source=galss.source)
        yield Finding(cause=_MISCONFIGURED, evidence=(evidence,))


def _fault(galss: Galss, slots: tuple[Slot, ...]) -> str:
    """What the file says that is not so; empty when nothing is known to be wrong."""
    through_pcsc = [each for each in galss.channels if each.kind is ChannelKind.PCSC]
    is_serial = any(each.kind is ChannelKind.SERIAL for each in galss.channels)
    if slots and is_serial and not through_pcsc:
        return "serial"
    if any(not _is_there(channel, slots) for channel in through_pcsc):
        return "absent-reader"
    if any(_serves_vitale(channel) and _is_contactless(channel) for channel in through_pcsc):
        return "contactless"
    return ""


def _is_there(channel: Channel, slots: tuple[Slot, ...]) -> bool:
    """Whether PC/SC lists the reader of the channel, or the channel names none.

    Some systems and programs shorten names: one that begins as the other is the same.
    """
    wanted = _comparable(channel.reader.value) if channel.reader else ""
    names = [_comparable(name) for slot in slots for name in (slot.name.value, slot.model)]
    return any(name.startswith(wanted) or (name and wanted.startswith(name)) for name in names)


def _comparable(name: str) -> str:
    return " ".join(name.casefold().split())


def _serves_vitale(channel: Channel) -> bool:
    return any(name.casefold() == _VITALE for name in channel.names)


def _is_contactless(channel: Channel) -> bool:
    return channel.reader is not None and bool(_CONTACTLESS.search(channel.reader.value))


CHANNELS = Check(
    id=CheckId("galss.channels"),
    area=Area.GALSS,
    judge=judge_channels,
    uses=(Galss, Pcsc),
    needs=(CheckId("reader.present"),),
    causes=(_MISCONFIGURED,),
    # No source says where the file would be on Linux.
    platforms=frozenset({Platform.WINDOWS, Platform.MACOS}),
)
