"""Commands as a simulated card takes them, and how protocol T=0 carries what it answers."""

from __future__ import annotations

from typing import Self

from diagcps.card.iso7816 import OK, Response
from diagcps.records import record

_GET_RESPONSE = 0xC0
_MORE, _ASK_FOR = 0x6100, 0x6C00
_MOST = 256


@record
class Command:
    """A command in its short form (ISO/IEC 7816-4:2020, 5.2)."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int = 0
    """The most bytes that the response may have, status word not counted; 0 to 256."""

    @classmethod
    def parse(cls, command: bytes) -> Self | None:
        """The command in `command`; None for anything that is not one in its short form."""
        if len(command) < 4:
            return None
        (cla, ins, p1, p2), data, le = command[:4], b"", command[4:]
        if len(le) > 1:
            data, le = le[1 : 1 + le[0]], le[1 + le[0] :]
            if not data or len(data) < command[4]:
                return None
        if len(le) > 1:
            return None
        return cls(cla=cla, ins=ins, p1=p1, p2=p2, data=data, le=(le[0] or _MOST) if le else 0)


class ByteLine:
    """Protocol T=0: a response to data waits until GET RESPONSE fetches it.

    One that nothing was sent for has exactly the length that was asked for (ISO/IEC 7816-3:2006,
    10.3 and 12.2; ISO/IEC 7816-4:2020, 5.6).
    """

    def __init__(self) -> None:
        self._waiting = b""

    def reset(self) -> None:
        """Forgets the response that waits."""
        self._waiting = b""

    def fetched(self, command: Command) -> Response | None:
        """What `command` brings if it is GET RESPONSE; any other one drops what waited."""
        waiting, self._waiting = self._waiting, b""
        if command.ins != _GET_RESPONSE or not waiting:
            return None
        self._waiting = waiting[command.le :]
        return Response(waiting[: command.le], self._more() if self._waiting else OK)

    def carried(self, command: Command, response: Response) -> Response:
        """`response` to `command` as it is seen on the line."""
        if not response.data:
            return response
        if command.data:
            self._waiting = response.data
            return Response(b"", self._more())
        if len(response.data) < command.le:
            return Response(b"", _ASK_FOR | len(response.data))
        return response

    def _more(self) -> int:
        return _MORE | (min(len(self._waiting), _MOST) & 0xFF)
