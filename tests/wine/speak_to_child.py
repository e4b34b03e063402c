"""Runs inside Windows: what the process that does an act says of an order with unusual codes.

Its codes have the lengths and hold the bytes that the text mode of Windows would change. There is
no such library: nothing is done.
"""

from __future__ import annotations

import asyncio
import json
import sys

from diagcps.card import process
from diagcps.card.act import Act, Order
from diagcps.card.middleware import USE_CODE
from diagcps.facts import Code
from diagcps.model import Private, PrivateKind

ORDER = Order(
    act=Act.UNBLOCK,
    library=Private(PrivateKind.PATH, "C:\\nowhere.dll"),
    slot=Private(PrivateKind.READER, "é"),
    atr=b"\x3b\x00",
    serial=Private(PrivateKind.SERIAL, "00000001"),
    pin=Code(reference=1, left=3, most=3),
    puk=Code(reference=2, left=3, most=3),
    certificate=None,
)
CODES = (b"\r\n\x1a\x00\xff" * 2, b"\x1a\n\r" * 8 + b"12")
"""Of 0A and of 1A bytes: a new line, and the end of a text on Windows."""


async def main() -> None:
    """Prints the answers and the exit code."""
    child = await process.start(process.own_command(USE_CODE))
    for message in (json.dumps(ORDER.to_message()).encode(), *CODES):
        process.say(child, message)
    answers = []
    while (answer := await process.hear(child)) is not None:
        answers.append(json.loads(answer))
    code = await child.wait()  # its standard input is still open
    json.dump({"answers": answers, "code": code}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
