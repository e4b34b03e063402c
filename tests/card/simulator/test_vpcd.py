"""A simulated card speaks the protocol of vsmartcard's virtual reader."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from diagcps.card.simulator import vpcd
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.simulator.faults import Faulty
from diagcps.card.simulator.others import Other

POWER_OFF, POWER_ON, RESET, GET_ATR = (bytes((order,)) for order in (0, 1, 2, 4))
COMMAND = bytes.fromhex("00A40400")
LIMIT_S = 10.0


class Powered(Other):
    """Counts how often it is powered."""

    def __init__(self) -> None:
        super().__init__(Plastic(model="vitale"))
        self.times = 0

    def power(self) -> None:
        self.times += 1


class Driver:
    """One slot of the virtual reader's driver."""

    def __init__(self, port: int = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.settimeout(LIMIT_S)
        self.port: int = self._server.getsockname()[1]
        self._card: socket.socket | None = None

    def accept(self) -> None:
        self._card, _ = self._server.accept()
        self._card.settimeout(LIMIT_S)

    @property
    def card(self) -> socket.socket:
        assert self._card is not None
        return self._card

    def order(self, body: bytes) -> None:
        # Length and body apart, as the driver writes them.
        self.card.sendall(struct.pack(">H", len(body)))
        self.card.sendall(body)

    def ask(self, body: bytes) -> bytes:
        self.order(body)
        (length,) = struct.unpack(">H", self._exactly(2))
        return self._exactly(length)

    def hung_up(self) -> bool:
        try:
            return self.card.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._server.close()
        if self._card is not None:
            self._card.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.card.recv(size - len(data))
            assert part, "the card hung up"
            data += part
        return data


@pytest.fixture
def driver() -> Iterator[Driver]:
    it = Driver()
    try:
        yield it
    finally:
        it.close()


def vitale() -> SimulatedCard:
    return Other(Plastic(model="vitale"))


def faulty(**fields: int) -> SimulatedCard:
    plastic = Plastic(model="vitale", **fields)  # type: ignore[arg-type]
    return Faulty(Other(plastic), plastic)


def test_being_connected_is_being_inserted_and_orders_are_obeyed(driver: Driver) -> None:
    card = Powered()
    with vpcd.insert(card, port=driver.port) as inserted:
        driver.accept()
        assert inserted.inserted
        driver.order(POWER_ON)
        driver.order(RESET)
        driver.order(POWER_OFF)
        assert driver.ask(GET_ATR) == card.atr
        assert driver.ask(COMMAND) == b"\x6d\x00"
        assert card.times == 2
    assert driver.hung_up()
    assert not inserted.inserted


def test_an_empty_frame_is_no_command(driver: Driver) -> None:
    with vpcd.insert(vitale(), port=driver.port):
        driver.accept()
        driver.order(b"")
        assert driver.ask(COMMAND) == b"\x6d\x00"


def test_a_card_without_an_answer_to_reset_sends_one_that_cannot_be(driver: Driver) -> None:
    with vpcd.insert(Other(Plastic(model="mute")), port=driver.port):
        driver.accept()
        assert len(driver.ask(GET_ATR)) > 33


def test_the_card_waits_for_a_service_and_outlives_it(driver: Driver) -> None:
    port = driver.port
    driver.close()
    with vpcd.insert(vitale(), port=port):
        for _ in range(2):
            service = Driver(port)
            service.accept()
            assert service.ask(GET_ATR)
            service.close()


def test_a_card_that_is_pulled_by_its_scenario_hangs_up(driver: Driver) -> None:
    inserted = vpcd.insert(faulty(leaves_at=2), port=driver.port)
    driver.accept()
    assert driver.ask(COMMAND) == b"\x6d\x00"
    driver.order(COMMAND)
    assert driver.hung_up()
    assert not inserted.inserted
    inserted.pull()


def test_a_silent_card_stays_in_until_it_is_pulled(driver: Driver) -> None:
    inserted = vpcd.insert(faulty(mute_at=1), port=driver.port)
    driver.accept()
    driver.order(COMMAND)
    assert inserted.inserted
    inserted.pull()
    assert driver.hung_up()


def test_pulling_ends_the_thread_and_twice_is_once(driver: Driver) -> None:
    inserted = vpcd.insert(vitale(), port=driver.port)
    driver.accept()
    inserted.pull()
    inserted.pull()
    assert f"card-{driver.port}" not in {thread.name for thread in threading.enumerate()}


def test_a_connection_of_a_port_with_itself_is_no_service() -> None:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        try:
            it.connect(it.getsockname())
        except OSError:
            pytest.skip("this system connects no port with itself")
        assert vpcd._is_with_itself(it)


def test_a_connection_with_a_service_is_one(driver: Driver) -> None:
    with socket.create_connection(("127.0.0.1", driver.port)) as it:
        assert not vpcd._is_with_itself(it)
