"""A plastic card for the virtual reader of vsmartcard (vpcd), in one thread of the test.

The driver listens on one TCP port per slot; being connected is being inserted. A frame is two bytes
of length, big-endian, and a body. A body of one byte is an order to the card, anything else is an
APDU: https://frankmorgner.github.io/vsmartcard/virtualsmartcard/api.html
"""

from __future__ import annotations

import contextlib
import functools
import socket
import struct
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import NamedTuple, Self

from diagcps.card.simulator import build
from diagcps.card.simulator.base import Plastic, SimulatedCard

HOST = "127.0.0.1"
PORT = 35963
SLOTS = 2
"""Slots of one loaded driver, as Debian builds it; each listens on the port after the last."""

POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4
ORDERS = frozenset(bytes((order,)) for order in (POWER_OFF, POWER_ON, RESET, GET_ATR))
"""The orders. GET_ATR alone is answered; the service asks it every 400 ms: is a card in?"""

# Answers to reset, as pcsc-tools' public list and the published Cryptolib sources give them.
CPS3 = bytes.fromhex("3BAC00402A001225006480000310009000")
CPS2TER = bytes.fromhex("3BAC00402A001225006480820212009000")
CPS4_T1 = bytes.fromhex("3B9B188001001225006480040100009044")
CPS4_RC = bytes.fromhex("3B9B188001001225006480000401009044")
CPS4_T0 = bytes.fromhex("3BDC18FF00001225006480000401009000")
CPS3_CONTACTLESS = bytes.fromhex("3B8F80010031B86404B0ECC1739401808290000E")
VITALE_2 = bytes.fromhex("3B751300004309EA9000")
VITALE_1 = bytes.fromhex("3F6525002209699000")
AGENT = bytes.fromhex("3B6700002D201601789000")
OTHER = bytes.fromhex("3B6500002063CB6800")
"""A bank card: several in the public list of pcsc-tools (smartcard_list.txt) answer this."""

MUTE = bytes((0x3B,)) + bytes(39)
"""Makes a mute card: longer than the 33 bytes of an answer to reset (ISO/IEC 7816-3, 8.1), so the
service sees that something is in the slot and that powering it fails."""

EMPTY_S = 0.9
"""A slot is sure to be seen empty when it is for two looks of the service. A quicker hand may go
unnoticed: the card that replaces one that is still powered is taken for it (pcscd 1.9.9)."""

UNKNOWN_INSTRUCTION = b"\x6d\x00"


def reader_name(slot: int) -> str:
    """The name that PC/SC gives to a slot with Debian's configuration of the driver."""
    return f"Virtual PCD 00 {slot:02d}"


class Received(NamedTuple):
    """One frame that the service sent to the card."""

    at: float
    """Seconds on the monotonic clock."""
    body: bytes


@functools.cache
def _models() -> dict[bytes, str]:
    """The simulated cards that can be read, by their answer to reset."""
    readable = ("cps3", "cps3-contactless", "cps4", "cps4-rc", "cps4-t0")
    now = datetime.now(UTC)
    return {build.make(Plastic(model=model), now).atr: model for model in readable}


def _card_of(atr: bytes, slot: int) -> SimulatedCard | None:
    """A simulated card that answers `atr`, None where there is none.

    Each slot has another card; a contactless face is that of the card in the other slot.
    """
    model = _models().get(atr)
    if model is None:
        return None
    number = SLOTS - slot if model == "cps3-contactless" else slot + 1
    return build.make(Plastic(model=model, serial=f"{number:08}"), datetime.now(UTC))


class VirtualCard:
    """A card that stays in its slot from `insert` to `pull`, whatever happens to the service.

    Like plastic, it may be inserted before the service starts and is still there when the service
    comes back. One slot takes one card: a second one waits, unseen, until the first is pulled.
    """

    def __init__(
        self,
        atr: bytes,
        *,
        slot: int = 0,
        port: int = PORT,
        respond: Callable[[bytes], bytes] | None = None,
        on_control: Callable[[int], None] | None = None,
        delay_s: float = 0.0,
        leaves_at_power_on: int | None = None,
    ) -> None:
        """Without `respond`, the card answers as the simulated one of its answer to reset does, and
        otherwise that it knows no command. `on_control` is called in the card's thread with each
        order, before its answer.

        `delay_s` passes before each answer, of the ATR and of an APDU alike. The card pulls itself
        when it is powered for the `leaves_at_power_on`-th time, counted from 1.
        """
        self.slot = slot
        self.atr = atr
        self._address = (HOST, port + slot)
        self._respond = respond
        self._on_control = on_control
        self._delay_s = delay_s
        self._leaves_at_power_on = leaves_at_power_on
        self._log: list[Received] = []
        self._news = threading.Condition()
        self._out = threading.Event()
        self._out.set()
        self._connection: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def atr(self) -> bytes:
        """Its answer to reset; another one makes it another card."""
        return self._atr

    @atr.setter
    def atr(self, atr: bytes) -> None:
        self._atr = atr
        self._card = _card_of(atr, self.slot)

    @property
    def reader(self) -> str:
        """The PC/SC name of the slot."""
        return reader_name(self.slot)

    @property
    def inserted(self) -> bool:
        """Whether the card is in its slot, seen by a service or not."""
        return not self._out.is_set()

    @property
    def log(self) -> tuple[Received, ...]:
        """Everything received since the card was made, pulls included."""
        with self._news:
            return tuple(self._log)

    @property
    def apdus(self) -> tuple[bytes, ...]:
        """Every APDU received: empty when nobody spoke to the card."""
        return tuple(body for _, body in self.log if body not in ORDERS)

    def count(self, order: int) -> int:
        """How many times the card received this order."""
        return sum(1 for _, body in self.log if body == bytes((order,)))

    def wait_for(self, order: int, *, times: int = 1, timeout_s: float = 5.0) -> None:
        """Returns once the order was received that many times in all, or raises TimeoutError."""
        with self._news:
            if not self._news.wait_for(lambda: self.count(order) >= times, timeout_s):
                raise TimeoutError(f"order {order} came {self.count(order)} times, not {times}")

    def insert(self) -> Self:
        """Inserts the card; the service sees it at its next look, at most 400 ms later."""
        if self.inserted:
            raise RuntimeError("the card is inserted already")
        if self._thread is not None:
            self._thread.join(timeout=5.0)  # it may be ending, when the card pulled itself
        self._out.clear()
        self._thread = threading.Thread(target=self._live, name=f"card-{self.slot}", daemon=True)
        self._thread.start()
        return self

    def pull(self) -> None:
        """Pulls the card; does nothing when it is out. Its thread has ended on return."""
        with self._news:
            self._out.set()
            if self._connection is not None:
                _hang_up(self._connection)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)

    def swap(self, atr: bytes) -> None:
        """Pulls the card and inserts one that answers `atr`, no faster than the service can see."""
        self.pull()
        time.sleep(EMPTY_S)
        self.atr = atr
        self.insert()

    def __enter__(self) -> Self:
        return self.insert()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.pull()

    def _live(self) -> None:
        while self.inserted:
            try:
                connection = socket.create_connection(self._address, timeout=1.0)
            except OSError:
                self._out.wait(0.02)  # no service; the card waits in its slot
                continue
            with connection:
                connection.settimeout(None)
                with self._news:
                    self._connection = connection
                try:
                    if self.inserted:
                        self._talk(connection)
                except (EOFError, OSError):
                    pass  # the service went away, or the card was pulled: the loop tells which
                finally:
                    with self._news:
                        self._connection = None

    def _talk(self, connection: socket.socket) -> None:
        while True:
            body = _receive(connection)
            with self._news:
                self._log.append(Received(time.monotonic(), body))
                self._news.notify_all()
            if body not in ORDERS:
                self._answer(connection, self._response(body))
                continue
            self._obey(body[0])
            if body[0] == GET_ATR:
                self._answer(connection, self.atr)

    def _response(self, command: bytes) -> bytes:
        if self._respond is not None:
            return self._respond(command)
        return UNKNOWN_INSTRUCTION if self._card is None else self._card.transmit(command)

    def _obey(self, order: int) -> None:
        if order in (POWER_ON, RESET) and self._card is not None:
            self._card.power()
        if order == POWER_ON and self.count(POWER_ON) == self._leaves_at_power_on:
            self.pull()
        if self._on_control is not None:
            self._on_control(order)

    def _answer(self, connection: socket.socket, body: bytes) -> None:
        if self._delay_s:
            self._out.wait(self._delay_s)
        # One segment: the driver reads length and body apart, and a second one would wait for it.
        connection.sendall(struct.pack(">H", len(body)) + body)


def _receive(connection: socket.socket) -> bytes:
    (length,) = struct.unpack(">H", _exactly(connection, 2))
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        # Linux forgets the option at each reception. The driver writes length and body apart:
        # without it the body comes one delayed acknowledgement (44 ms) later.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _hang_up(connection: socket.socket) -> None:
    """Ends the connection and the `recv` of the card's thread."""
    with contextlib.suppress(OSError):  # the service may have hung up first
        connection.shutdown(socket.SHUT_RDWR)
