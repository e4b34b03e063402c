"""Runs inside Windows: prints what the cards' seam reads, at once and after each change.

One JSON object a line. Usage: follow_cards.py [once]
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from diagcps.card.pcsc import PcscCards


async def read(cards: PcscCards) -> dict[str, Any]:
    """The answer of the service in JSON's types."""
    pcsc = await cards.read()
    slots = [{"state": slot.state.value, "atr": slot.atr.hex()} for slot in pcsc.slots]
    return {"call": pcsc.call, "error": pcsc.error, "slots": slots}


def tell(reading: dict[str, Any]) -> None:
    """Writes one line, at once."""
    sys.stdout.write(json.dumps(reading) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Writes readings until the process is ended."""
    cards = PcscCards()
    tell(await read(cards))
    if sys.argv[1:] == ["once"]:
        return
    async for _ in cards.changes():
        tell(await read(cards))


if __name__ == "__main__":
    asyncio.run(main())
