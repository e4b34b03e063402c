"""Simulated cards as the measurements use them: what crossed, and what must cross."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from diagcps.card.simulator import build
from diagcps.card.simulator.base import Plastic, SimulatedCard

BAUD = 10753
"""A CPS3's line: 4 MHz over 372, its answer to reset having no TA1 (ISO/IEC 7816-3, 8.3)."""
BITS_PER_BYTE = 12

UPDATE = bytes.fromhex("D010")
"""The file of the last « actualisation » (EF_ACTUA)."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and its response."""

    command: bytes
    response: bytes

    @property
    def size(self) -> int:
        """Bytes in both directions, status word included."""
        return len(self.command) + len(self.response)


class Heard:
    """A card that remembers what it answered, too."""

    def __init__(self, plastic: Plastic) -> None:
        self._card: SimulatedCard = build.make(plastic, datetime.now(UTC))
        self.exchanges: list[Exchange] = []

    @property
    def atr(self) -> bytes:
        """See `SimulatedCard.atr`."""
        return self._card.atr

    @property
    def log(self) -> tuple[bytes, ...]:
        """See `SimulatedCard.log`."""
        return tuple(each.command for each in self.exchanges)

    def power(self) -> None:
        """See `SimulatedCard.power`."""
        self._card.power()

    def transmit(self, command: bytes) -> bytes:
        """See `SimulatedCard.transmit`."""
        response = self._card.transmit(command)
        self.exchanges.append(Exchange(command, response))
        return response


def parts(exchanges: list[Exchange]) -> dict[str, list[Exchange]]:
    """The exchanges by what they were for: the path of the file, in hexadecimal, or « codes »."""
    found: dict[str, list[Exchange]] = {}
    current = ""
    for each in exchanges:
        if each.command[1] == 0xA4:
            current = each.command[5:].hex().upper()
        elif each.command[1] in (0x20, 0xCB):
            current = "codes"
        found.setdefault(current, []).append(each)
    return found


def size(exchanges: list[Exchange]) -> int:
    """Bytes that crossed, in both directions."""
    return sum(each.size for each in exchanges)


def must_cross(exchanges: list[Exchange]) -> int:
    """Bytes of the content alone: what the files hold, and what the card says of its codes."""
    return sum(len(each.response) - 2 for each in exchanges)


def line_seconds(count: int) -> float:
    """How long so many bytes take on the line of a CPS3."""
    return count * BITS_PER_BYTE / BAUD


def by_heart(transmit: Callable[[bytes], bytes]) -> int:
    """Reads a CPS3 whose every path is known beforehand, and counts the commands it takes."""
    count = 0

    def send(command: str) -> bytes:
        nonlocal count
        count += 1
        return transmit(bytes.fromhex(command))

    send("00A4090C043F00D003")
    send("00B000000C")
    send("00A4090C023F00")
    for code in ("01", "02"):
        more = send(f"00CB3FFF0A4D087006BF81{code}02A080")[-1]
        send(f"00C00000{more:02X}")
    for path in ("3F000001B002", "3F000001B001"):
        send(f"00A4090C06{path}")
        length, offset = 4, 0
        while offset < length:
            asked = min(0xE7, length - offset) if offset else 0xE7
            data = send(f"00B0{offset:04X}{asked:02X}")[:-2]
            length = length if offset else 4 + int.from_bytes(data[2:4], "big")
            offset += len(data)
    return count
