"""The PKCS#11 library that browsers use, read in a process that is ended when it hangs."""

from __future__ import annotations

import asyncio
import json
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from diagcps.card import process
from diagcps.card.process import NotUnderstood
from diagcps.facts import Library, LibrarySlot, LibraryState, LibraryToken
from diagcps.host.common import printable
from diagcps.model import Private, PrivateKind, ProbeTimeout, ProbeUnavailable
from diagcps.records import record
from diagcps.threads import DaemonThreads

Item = TypeVar("Item")

READ_LIBRARY = "_read-library"
"""The hidden command of this program that reads a library."""

_TEXT_AT_MOST = 500

_FINGERPRINT = re.compile(r"[0-9a-f]{64}|-")


@record
class Called:
    """The process is about to make this call."""

    call: str


class Pkcs11Library:
    """`Libraries` on the first of `paths` that is there.

    `given` says that the person named it: that it is not there is then a failure of its own.
    """

    LIMIT_S: ClassVar[float] = 10.0
    """Seconds that one call may take. A slow card needs as much for all calls together (6.8 s for
    a cold CPS3), two such cards more: their library responds nevertheless."""

    def __init__(
        self, paths: tuple[str, ...], *, given: bool = False, command: tuple[str, ...] | None = None
    ) -> None:
        self._paths = paths
        self._given = given
        self._command = process.own_command(READ_LIBRARY) if command is None else command
        self._threads = DaemonThreads()

    async def read(self) -> Library:
        """See `Libraries.read`. Raises ProbeUnavailable, or ProbeTimeout, when the process could
        not be started or came to no call, and NotUnderstood."""
        found = await self._threads.run(self._find)
        if found.state is not LibraryState.READ:
            return found
        return replace(
            await self._read_in_child(found.place),
            path=found.path,
            architectures=found.architectures,
        )

    def _find(self) -> Library:
        """Where the library is and what it is for: `READ` means no more than that it may be."""
        there = (path for path in self._paths if self._given or _is_there(path))
        found = [_library_at(path, named=self._given) for path in there]
        absent = Library(state=LibraryState.ABSENT, path="")
        fitting = (each for each in found if each.state is LibraryState.READ)
        return next(fitting, found[0] if found else absent)

    async def _read_in_child(self, path: str) -> Library:
        call, answer, hung = "", None, False
        child = await process.start(self._command)
        try:
            async with asyncio.timeout(self.LIMIT_S) as limit:
                async for message in _answers(child, path):
                    if isinstance(message, Library):
                        answer = message
                    else:
                        call = message.call
                    limit.reschedule(asyncio.get_running_loop().time() + self.LIMIT_S)
        except TimeoutError:
            hung = True
        finally:
            await process.end(child)
        # A library that fails when it is put away has shown what it had to show.
        if answer is not None:
            return answer
        if not call:
            raise ProbeTimeout if hung else ProbeUnavailable("the reading process did not start")
        state = LibraryState.NOT_RESPONDING if hung else LibraryState.CRASHED
        return Library(state=state, path="", call=call)


async def _answers(child: Process, path: str) -> AsyncIterator[Called | Library]:
    """What the process says until it ends. Raises NotUnderstood."""
    process.say(child, json.dumps({"path": path}).encode())
    while (data := await process.hear(child)) is not None:
        yield parse_message(data)


def _library_at(path: str, *, named: bool) -> Library:
    """The file, and whether this process can load what it is for; a person may have named it."""
    from diagcps.card import binary  # needed where there is a library, and not before

    whole = str(Path(path).absolute())
    kinds, ours = binary.of_file(whole), binary.of_this_process()
    fits = not kinds or not ours or not set(ours).isdisjoint(kinds)
    return Library(
        state=LibraryState.READ if fits else LibraryState.WRONG_ARCHITECTURE,
        path=Private(PrivateKind.PATH, whole) if named else whole,
        architectures=kinds,
    )


def _is_there(path: str) -> bool:
    """Whether there is such a file, be it one that this user may not see."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def parse_message(data: bytes) -> Called | Library:
    """The message that the process sent, its length taken off. Raises NotUnderstood.

    `path` and `architectures` of a library are left empty: the process is not asked for them.
    """
    try:
        message = json.loads(data)
        if "call" in message:
            return Called(call=_text(message["call"]))
        return _library(message["result"])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise NotUnderstood(f"the reading process said nonsense: {type(error).__name__}") from error


def _library(result: Mapping[str, Any]) -> Library:
    detail = result.get("detail")
    return Library(
        state=LibraryState(result["state"]),
        path="",
        description=_text(result.get("description", "")),
        version=_text(result.get("version", "")),
        call=_text(result.get("call", "")),
        code=_number(result.get("code", 0)),
        detail=None if detail is None else Private(PrivateKind.TEXT, _text(detail)),
        slots=_tuple(result.get("slots", []), _slot),
    )


def _slot(slot: Mapping[str, Any]) -> LibrarySlot:
    token = slot.get("token")
    return LibrarySlot(
        description=Private(PrivateKind.READER, _text(slot["description"])),
        token=None if token is None else _token(token),
        code=_number(slot.get("code", 0)),
    )


def _token(token: Mapping[str, Any]) -> LibraryToken:
    return LibraryToken(
        serial=Private(PrivateKind.SERIAL, _text(token["serial"])),
        model=_text(token["model"]),
        flags=_number(token["flags"]),
        certificates=_tuple(token["certificates"], _fingerprint),
        mechanisms=_tuple(token["mechanisms"], _number),
        pin_lengths=_pair(token["pin_lengths"]),
        code=_number(token["code"]),
    )


def _fingerprint(value: object) -> Private:
    if not isinstance(value, str) or not _FINGERPRINT.fullmatch(value):
        raise ValueError("not a fingerprint")
    return Private(PrivateKind.CERTIFICATE, value)


def _pair(values: object) -> tuple[int, int]:
    first, second = _tuple(values, _number)
    return first, second


def _tuple(values: object, item: Callable[[Any], Item]) -> tuple[Item, ...]:
    if not isinstance(values, list):
        raise TypeError("not a list")
    return tuple(item(value) for value in values)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return printable(value)[:_TEXT_AT_MOST]


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 0xFFFFFFFF:
        raise ValueError("not an unsigned number of 32 bits")
    return value
