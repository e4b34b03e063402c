"""Real PKCS#11 libraries on the real service: what they show, and what is left when they hang.

OpenSC's is in Debian (package opensc-pkcs11). The Cryptolib CPS is read where it is installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from diagcps.card.pkcs11 import Pkcs11Library
from diagcps.card.simulator import pki, vpcd
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.build import make
from diagcps.card.winscard import PRESENT, ReaderState, Winscard
from diagcps.facts import Library, LibraryState, LibraryToken

from .bench import Hold, Holder, Pcscd, until
from .conftest import InsertCard
from .vpcd import CPS3 as ATR_OF_CPS3
from .vpcd import PORT, POWER_ON, RESET, reader_name

pytestmark = pytest.mark.timeout(30)

NOW = datetime.now(UTC)
CRYPTOLIB = Path("/opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so")
TOKEN_NOT_PRESENT = 0xE0

CPS3 = Plastic(model="cps3", serial="99213845", update="none")
CPS4 = Plastic(model="cps4", serial="99213845", update="none")

Insert = Callable[..., SimulatedCard]
StartHolder = Callable[[str, Hold], Holder]


class Impatient(Pkcs11Library):
    """Waits no longer than a test can; a mute card costs OpenSC 1.5 s in one call."""

    LIMIT_S: ClassVar[float] = 3.0


@pytest.fixture(params=["opensc", "cryptolib"])
def path(request: pytest.FixtureRequest) -> str:
    """A library of this machine."""
    if request.param == "cryptolib":
        if not CRYPTOLIB.exists():
            pytest.skip("the Cryptolib CPS is not installed")
        return str(CRYPTOLIB)
    return opensc()


def opensc() -> str:
    """OpenSC's library; skips where it is not."""
    found = sorted(Path("/usr/lib").glob("*/opensc-pkcs11.so"))
    if not found:
        pytest.skip("no opensc-pkcs11.so (Debian: opensc-pkcs11)")
    return str(found[0])


@pytest.fixture
def insert(pcscd: Pcscd) -> Iterator[Insert]:
    """Inserts simulated cards, which the service has seen on return; pulls them after the test."""
    pytest.importorskip("smartcard", reason="pyscard tells when the service has seen the card")
    pcscd.start()
    with ExitStack() as inserted:

        def put(plastic: Plastic, *, slot: int = 0) -> SimulatedCard:
            it = make(plastic, NOW)
            inserted.enter_context(vpcd.insert(it, port=PORT + slot))
            until(lambda: holds_a_card(reader_name(slot)), "the service saw the card")
            return it

        yield put


def holds_a_card(reader: str) -> bool:
    api = Winscard()
    with api.context() as context:
        (state,) = api.states(context, [ReaderState(name=reader)])
    return bool(state.flags & PRESENT)


async def read(path: str) -> Library:
    return await Impatient((path,)).read()


def token_of(library: Library, *, slot: int = 0) -> LibraryToken:
    tokens = [
        s.token for s in library.slots if s.description.value == reader_name(slot) and s.token
    ]
    assert tokens, "the library shows no token there"
    return tokens[0]


def readings() -> list[str]:
    """The processes of the bench that read a library and have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if "_read-library" in (folder / "cmdline").read_text().split("\0"):
                found.append(folder.name)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return found


async def test_empty_readers_are_slots_without_a_token(pcscd: Pcscd, path: str) -> None:
    pcscd.start()

    library = await read(path)

    assert library.state is LibraryState.READ
    assert {slot.description.value for slot in library.slots} == {reader_name(0), reader_name(1)}
    assert {(slot.token, slot.code) for slot in library.slots} == {(None, TOKEN_NOT_PRESENT)}


async def test_without_a_service_a_library_has_no_slot(inside_bench: None, path: str) -> None:
    library = await read(path)

    assert (library.state, library.slots) == (LibraryState.READ, ())
    assert library.description != ""


async def test_the_certificates_of_a_card_are_those_that_a_library_shows(
    insert: Insert, path: str
) -> None:
    insert(CPS3)

    token = token_of(await read(path))

    issued = pki.certificates(CPS3, NOW)
    held = {hashlib.sha256(each).hexdigest() for each in (issued.authentication, issued.signature)}
    assert {each.value for each in token.certificates} == held
    assert CPS3.serial in token.serial.value
    assert (0x01 in token.mechanisms, token.code) == (True, 0)  # CKM_RSA_PKCS


async def test_reading_a_library_spends_no_try(insert: Insert, path: str) -> None:
    it = insert(CPS3)

    await read(path)

    # Above four bytes of header come data: a code, in a VERIFY, a CHANGE or a RESET (ISO 7816-4).
    codes = [command for command in it.log if command[1] in (0x20, 0x24, 0x2C) and len(command) > 5]
    assert it.log
    assert codes == []


async def test_reading_a_library_resets_no_card_under_another_program(
    pcscd: Pcscd, card: InsertCard, holder: StartHolder, path: str
) -> None:
    pcscd.start()
    it = card(ATR_OF_CPS3, respond=make(CPS3, NOW).transmit)
    until(lambda: holds_a_card(it.reader), "the service saw the card")
    holder(it.reader, Hold.SHARED)
    before = it.count(POWER_ON), it.count(RESET)

    assert token_of(await read(path)).code == 0

    # The service would reset it if the reading had ended within a transaction.
    assert (it.count(POWER_ON), it.count(RESET)) == before


async def test_a_card_that_falls_silent_hangs_a_library_and_nothing_is_left(
    insert: Insert, path: str
) -> None:
    insert(Plastic(model="cps3", mute_at=1))

    library = await read(path)

    assert (library.state, library.call) == (LibraryState.NOT_RESPONDING, "C_Initialize")
    assert readings() == []


async def test_a_mute_card_lets_the_reading_come_back_and_nothing_is_left(
    insert: Insert, path: str
) -> None:
    insert(Plastic(model="mute"))

    library = await read(path)

    assert library.state in (LibraryState.READ, LibraryState.NOT_RESPONDING)
    assert all(slot.token is None for slot in library.slots)
    assert readings() == []


async def test_a_card_beside_a_mute_one_is_read(insert: Insert, path: str) -> None:
    insert(Plastic(model="mute"))
    insert(CPS3, slot=1)

    assert CPS3.serial in token_of(await read(path), slot=1).serial.value


async def test_a_service_that_hangs_hangs_a_library_and_nothing_is_left(
    pcscd: Pcscd, path: str
) -> None:
    pcscd.start()
    pcscd.freeze()

    library = await read(path)

    assert (library.state, library.call) == (LibraryState.NOT_RESPONDING, "C_Initialize")
    assert readings() == []


async def test_a_transaction_of_another_program_keeps_a_library_waiting(
    insert: Insert, holder: StartHolder, path: str
) -> None:
    insert(CPS3)
    holder(reader_name(0), Hold.TRANSACTION)

    library = await read(path)

    assert (library.state, library.call) == (LibraryState.NOT_RESPONDING, "C_Initialize")
    assert readings() == []


async def test_a_card_that_another_program_keeps_is_a_slot_with_a_code(
    insert: Insert, holder: StartHolder, path: str
) -> None:
    insert(CPS3)
    holder(reader_name(0), Hold.EXCLUSIVE)

    library = await read(path)

    assert library.state is LibraryState.READ
    assert all(slot.token is None and slot.code for slot in library.slots)
    assert {slot.code for slot in library.slots} != {TOKEN_NOT_PRESENT}


class TestCryptolib:
    """What is measured of it elsewhere, as our own reading gives it."""

    @pytest.fixture
    def path(self) -> str:
        if not CRYPTOLIB.exists():
            pytest.skip("the Cryptolib CPS is not installed")
        return str(CRYPTOLIB)

    async def test_it_signs_as_tls13_asks_with_a_cps4_only(self, insert: Insert, path: str) -> None:
        insert(CPS3)
        insert(CPS4, slot=1)

        library = await read(path)

        assert 0x0D not in token_of(library).mechanisms
        assert 0x0D in token_of(library, slot=1).mechanisms

    @pytest.mark.parametrize(("left", "flags"), [(2, 0x10000), (1, 0x30000), (0, 0x40000)])
    async def test_it_flags_the_tries_that_are_left(
        self, insert: Insert, path: str, left: int, flags: int
    ) -> None:
        insert(Plastic(model="cps3", pin_left=left, update="none"))

        assert token_of(await read(path)).flags & 0x70000 == flags

    async def test_an_interrupted_update_keeps_its_objects_back(
        self, insert: Insert, path: str
    ) -> None:
        insert(Plastic(model="cps3", update="interrupted"))

        token = token_of(await read(path))

        assert (token.code, token.certificates) == (0x80000001, ())
