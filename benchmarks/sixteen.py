"""Sixteen readers with a card each, beside the slowest of them alone."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from diagcps.card import contents
from diagcps.card.anchors import read_anchors
from diagcps.card.pcsc import PcscCards
from diagcps.card.simulator import build, pki, vpcd
from diagcps.card.simulator.base import Plastic
from diagcps.facts import Pcsc, Reading, SlotState
from tests.integration.bench import Pcscd, until

from .bench import measure_in_bench
from .cards import BAUD
from .measure import NotMeasured, Row, spread

READERS = 16
PAIRS = READERS // 2
LIMIT = 1.3
RUNS = 3
_DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_PORTS_APART = 4


def measure() -> list[Row]:
    """Read inside the bench. Raises NotMeasured where there is none."""
    return measure_in_bench("sixteen")


def measure_real() -> list[Row]:
    """The same, from inside the bench."""
    with (
        tempfile.TemporaryDirectory(prefix="diagcps-") as folder,
        _service(Path(folder)) as ports,
    ):
        alone = [_seconds(ports[:1]) for _ in range(RUNS)]
        together = [_seconds(ports) for _ in range(RUNS)]
    return [
        Row(
            what=f"{READERS} cards in {READERS} readers, read whole",
            against="the slowest card alone",
            unit="s",
            ours=statistics.median(together),
            theirs=statistics.median(alone),
            limit=LIMIT,
            note=f"CPS3 at {BAUD} baud, certificates and all; together {spread(together)} s",
        )
    ]


@contextmanager
def _service(folder: Path) -> Iterator[list[int]]:
    """The real pcscd with sixteen virtual readers, and the port of each.

    A loaded driver serves two slots: each pair has a copy of it.
    """
    if not _DRIVER.exists():
        raise NotMeasured("it needs vsmartcard-vpcd where Debian installs it")
    configuration = folder / "readers"
    configuration.mkdir()
    ports = []
    for pair in range(PAIRS):
        copy = folder / f"libifdvpcd{pair}.so"
        shutil.copy(_DRIVER, copy)
        port = vpcd.PORT + 1000 + pair * _PORTS_APART
        ports += [port, port + 1]
        (configuration / f"vpcd{pair}").write_text(
            f'FRIENDLYNAME "Virtual {pair}"\nDEVICENAME /dev/null:0x{port:X}\n'
            f"LIBPATH {copy}\nCHANNELID 0x{port:X}\n"
        )
    pcscd = Pcscd(folder)
    pcscd.start_with(configuration)
    try:
        yield ports
    finally:
        pcscd.clean()


def _seconds(ports: list[int]) -> float:
    """How long it takes to read a card in each of these readers, side by side."""
    with ExitStack() as inserted:
        for number, port in enumerate(ports):
            card = build.make(
                Plastic(model="cps3", serial=f"{number:08}", baud=BAUD), datetime.now(UTC)
            )
            inserted.enter_context(vpcd.insert(card, port=port))
        cards = PcscCards()

        def all_are_ready() -> bool:
            slots = asyncio.run(cards.read()).slots
            return sum(slot.state is SlotState.READY for slot in slots) == len(ports)

        until(all_are_ready, "every card was seen", timeout_s=20.0)
        began = time.monotonic()
        asyncio.run(_read(PcscCards(), len(ports)))
        seconds = time.monotonic() - began
    until(lambda: not _occupied(asyncio.run(PcscCards().read())), "every card was gone")
    return seconds


def _occupied(pcsc: Pcsc) -> bool:
    return any(slot.state is not SlotState.EMPTY for slot in pcsc.slots)


async def _read(cards: PcscCards, count: int) -> None:
    judge = contents.certificate_judge(read_anchors(pki.anchors_file()), ())
    slots = await cards.read()
    states = await contents.read_states(cards, slots)
    first = await contents.read_authentication(cards, slots, states, judge)
    rest = await contents.read_others(cards, slots, first, judge)
    whole = [each for each in rest.cards if each.reading is Reading.READ and each.found]
    if len(whole) != count:
        raise RuntimeError(f"{len(whole)} cards of {count} were read")
