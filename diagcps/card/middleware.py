"""One act with a code, through the library of this workstation, in a process that ends after it."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

from diagcps.card import process
from diagcps.card.act import CALLS_WITH_A_CODE, Call, Codes, Course, Order, Proof, Stopped
from diagcps.host.common import printable
from diagcps.model import ProbeUnavailable

USE_CODE = "_use-code"
"""The hidden command of this program that does one act."""

_LEFT_S = 1.0
"""Seconds for what an ended process had said already: it is there, or never comes."""
_CALLS_AT_MOST = 256
_NAME_AT_MOST = 40


class LibraryMiddleware:
    """`Middleware` on the library that the order names."""

    LIMIT_S: ClassVar[float] = 30.0
    """Seconds that one call may take: another program may hold the card meanwhile, and a process
    that is ended in the middle of a command is the worst that can happen to it."""

    def __init__(self, command: tuple[str, ...] | None = None) -> None:
        self._command = process.own_command(USE_CODE) if command is None else command

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        """See `Middleware.carry_out`. The event loop must not end before it does: that ends the
        process, too."""
        try:
            child = await process.start(self._command)
        except ProbeUnavailable:
            return Course(stopped=Stopped.NOT_STARTED, ended=False)
        account = _Account()
        try:
            process.say(child, json.dumps(order.to_message()).encode())
            for code in codes:
                process.say(child, code.reveal())
            await _listen(child, account, self.LIMIT_S)
        except (TimeoutError, ProbeUnavailable, OSError):
            # It hangs, or makes no sense: it is ended, and the card will tell. What it said until
            # then may still be on its way: a code that was used must not be called unused.
            process.kill(child)
            with suppress(TimeoutError, ProbeUnavailable, OSError):
                await _listen(child, account, _LEFT_S)
            account.ended = False
        await process.end(child)
        return account.course()


async def _listen(child: Process, account: _Account, limit_s: float) -> None:
    """Raises TimeoutError for a call that does not return, NotUnderstood for nonsense."""
    while True:
        async with asyncio.timeout(limit_s):
            message = await process.hear(child)
        if message is None:
            return
        account.add(parse_message(message))


def parse_message(data: bytes) -> dict[str, Any]:
    """What the process said, as JSON. Raises NotUnderstood for anything else."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise process.NotUnderstood("the acting process said nonsense") from error
    if not isinstance(message, dict):
        raise process.NotUnderstood("the acting process said nonsense")
    return message


@dataclass
class _Account:
    """What the process has said so far."""

    calling: str = ""
    calls: list[Call] = field(default_factory=list)
    stopped: Stopped | None = None
    proof: Proof | None = None
    ended: bool = False

    def add(self, message: dict[str, Any]) -> None:
        """Raises NotUnderstood for what is no message of that process."""
        try:
            match message:
                case {"call": str(name), "code": int(code)}:
                    self._returned(name, code & 0xFFFFFFFF)
                case {"call": str(name)}:
                    self.calling = printable(name)[:_NAME_AT_MOST]
                case {"stopped": str(why)}:
                    self.stopped = Stopped(why)
                case {"proof": {"challenge": str(c), "signature": str(s), "certificate": str(x)}}:
                    self.proof = Proof(
                        challenge=bytes.fromhex(c),
                        signature=bytes.fromhex(s),
                        certificate=bytes.fromhex(x),
                    )
                case {"end": True}:
                    self.ended = True
                case _:
                    raise ValueError("no message")
        except (TypeError, ValueError) as error:
            raise process.NotUnderstood("the acting process said nonsense") from error

    def _returned(self, name: str, code: int) -> None:
        if len(self.calls) < _CALLS_AT_MOST:
            self.calls.append(Call(name=printable(name)[:_NAME_AT_MOST], code=code))
        self.calling = ""

    def course(self) -> Course:
        """All of it. A call that takes a code and did not return was made all the same."""
        calls = tuple(self.calls)
        if self.calling in CALLS_WITH_A_CODE and not self.ended:
            calls += (Call(name=self.calling, code=None),)
        # Once a code was used, a library that failed stopped nothing.
        stopped = None if calls else self.stopped or Stopped.LIBRARY
        return Course(stopped=stopped, calls=calls, proof=self.proof, ended=self.ended)
