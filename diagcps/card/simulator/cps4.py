"""A simulated CPS4: an applet on logical channel 1, beside one that behaves like a CPS2ter.

It answers what Cryptolib CPS 5.2.2 was seen to need of such a card, and what the published source
of that library (card-cps4.c) expects; nothing of it was compared with a physical card. Commands and
status words are those of ISO/IEC 7816-4:2020 and ISO/IEC 7816-8:2021.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from diagcps.card.iso7816 import OK, WRONG_OFFSET, Response
from diagcps.card.simulator import files, pki
from diagcps.card.simulator.base import ATRS, Plastic
from diagcps.card.simulator.command import ByteLine, Command
from diagcps.card.simulator.crypto import raw
from diagcps.card.simulator.der import tlv
from diagcps.model import UsageError

_AUTHENTICATION_KEY = 0x20
"""The reference by which the official library knows the authentication key of a CPS4."""

_MODELS = ("cps4", "cps4-rc", "cps4-t0")
_APPLET = bytes.fromhex("8025000001FF0100")
_OTHER_APPLETS = (bytes.fromhex("A0000001510000"), bytes.fromhex("8025000001FF0002"))
"""The card's manager, and what behaves like a CPS2ter."""

_CHANNEL = 0x01
_CHAINED = 0x10
_OF_CPS2TER = 0xA0
_SELECT = 0xA4
_BY_NAME, _BY_PATH = 0x04, 0x08
_WITHOUT_ANSWER = 0x0C
_TRANSPARENT, _FOLDER = b"\x01", b"\x38"
_PIN, _PUK = files.PIN_REFERENCE, files.PUK_REFERENCE
_PADDING = b"\xff"
_MOST_TRIES = 3
_KEY = 0x7F
"""The bits of a key's reference that tell it from the others when it signs."""
_LONGEST_CHAIN = 512
_HASHES = {0x0A: SHA1(), 0x28: SHA256(), 0x15: SHA1(), 0x2C: SHA256()}  # noqa: S303
"""What each algorithm of a signature hashes with."""
_PROBABILISTIC = frozenset({0x15, 0x2C})
"""Those of them that are RSASSA-PSS (RFC 8017, 8.1); the others are RSASSA-PKCS1-v1_5."""

_Operation = Callable[[bytes], bytes | None]
"""A computation with a key that was made ready; None for data that it is not for."""
_SIGN, _DECIPHER = (0x9E, 0x9A), (0x80, 0x86)
"""P1 and P2 of PERFORM SECURITY OPERATION."""


def _only(status: int) -> Response:
    """A response without data."""
    return Response(b"", status)


_DONE, _WRONG_LENGTH, _NO_SUCH_CHANNEL = _only(OK), _only(0x6700), _only(0x6881)
_NOT_PRESENTED, _BLOCKED, _NOT_PREPARED = _only(0x6982), _only(0x6983), _only(0x6985)
_NO_FILE_SELECTED, _WRONG_DATA, _FILE_NOT_FOUND = _only(0x6986), _only(0x6A80), _only(0x6A82)
_WRONG_PARAMETERS, _NO_SUCH_REFERENCE = _only(0x6A86), _only(0x6A88)
_NO_SUCH_INSTRUCTION, _NO_SUCH_CLASS = _only(0x6D00), _only(0x6E00)
_FILE_NOT_FOUND_BY_CPS2TER = _only(0x9404)


@dataclass(slots=True, kw_only=True)
class _Code:
    """A code, how many tries it has left, and whether it was presented since the last reset."""

    value: bytes
    left: int
    presented: bool = False

    def state(self) -> Response:
        """What VERIFY without data is answered."""
        if self.presented:
            return _DONE
        return _only(0x63C0 | self.left) if self.left else _BLOCKED

    def present(self, value: bytes) -> Response:
        """What VERIFY with `value` is answered; a wrong one takes a try."""
        if not self.left:
            return _BLOCKED
        self.presented = value == self.value
        self.left = _MOST_TRIES if self.presented else self.left - 1
        return _DONE if self.presented else _only(0x63C0 | self.left)


class Cps4:
    """A `SimulatedCard` of one of the models of CPS4."""

    def __init__(self, plastic: Plastic, now: datetime) -> None:
        """Raises UsageError for what `plastic` says and there is not, a model for one."""
        if plastic.model not in _MODELS:
            raise UsageError(f"no CPS4: {plastic.model!r}")
        self._atr = bytes.fromhex(ATRS[plastic.model])
        self._line = ByteLine() if plastic.model == "cps4-t0" else None
        self._files = files.content(plastic, now, authentication_key=_AUTHENTICATION_KEY)
        self._folders = {path[:end] for path in self._files for end in range(0, len(path), 2)}
        self._keys = {
            _AUTHENTICATION_KEY: pki.key("authentication"),
            files.SIGNATURE_KEY & _KEY: pki.key("signature"),
        }
        self._codes = {
            _PIN: _Code(value=files.PIN, left=plastic.pin_left),
            _PUK: _Code(value=files.PUK, left=plastic.puk_left),
        }
        self._log: list[bytes] = []
        self.power()
        self._codes[_PIN].presented = plastic.code_presented

    @property
    def atr(self) -> bytes:
        """See `SimulatedCard.atr`."""
        return self._atr

    @property
    def log(self) -> tuple[bytes, ...]:
        """See `SimulatedCard.log`."""
        return tuple(self._log)

    def power(self) -> None:
        """See `SimulatedCard.power`."""
        self._applet: bytes | None = None
        self._selected = b""
        self._prepared: dict[tuple[int, int], _Operation] = {}
        self._begun: Command | None = None
        for code in self._codes.values():
            code.presented = False
        if self._line:
            self._line.reset()

    def transmit(self, command: bytes) -> bytes:
        """See `SimulatedCard.transmit`. Never raises."""
        self._log.append(command)
        parsed = Command.parse(command)
        response = self._respond(parsed) if parsed else _WRONG_LENGTH
        return response.data + response.status.to_bytes(2, "big")

    def _respond(self, command: Command) -> Response:
        """The response to a command as the protocol carries it."""
        if self._line is None:
            response = self._answer(command)
            return Response(response.data[: command.le], response.status)
        fetched = self._line.fetched(command)
        return fetched or self._line.carried(command, self._answer(command))

    def _answer(self, command: Command) -> Response:
        if command.cla & ~_CHAINED == _CHANNEL:
            return self._on_channel(command)
        is_select = command.ins == _SELECT
        if command.cla == _OF_CPS2TER:
            return _FILE_NOT_FOUND_BY_CPS2TER if is_select else _NO_SUCH_INSTRUCTION
        if command.cla:
            return _NO_SUCH_CLASS
        if not is_select:
            return _NO_SUCH_INSTRUCTION
        known = command.p1 == _BY_NAME and command.data in _OTHER_APPLETS
        return _DONE if known else _FILE_NOT_FOUND

    def _on_channel(self, command: Command) -> Response:
        """Logical channel 1, which SELECT by name opens (ISO/IEC 7816-4:2020, 5.4.2)."""
        if command.ins == _SELECT and command.p1 == _BY_NAME:
            return self._select_applet(command)
        if self._applet is None:
            return _NO_SUCH_CHANNEL
        instruction = {
            _SELECT: self._select,
            0xB0: self._read_binary,
            0x20: self._verify,
            0x24: self._change,
            0x2C: self._reset_tries,
            0x22: self._prepare,
            0x2A: self._perform,
        }.get(command.ins)
        if instruction is None or self._applet != _APPLET:
            return _NO_SUCH_INSTRUCTION
        begun, self._begun = self._begun, None
        if begun and (begun.ins, begun.p1, begun.p2) == (command.ins, command.p1, command.p2):
            command = replace(command, data=begun.data + command.data)
        if len(command.data) > _LONGEST_CHAIN:
            return _WRONG_LENGTH
        if command.cla & _CHAINED:
            self._begun = command
            return _DONE
        return instruction(command)

    def _select_applet(self, command: Command) -> Response:
        if command.data != _APPLET and command.data not in _OTHER_APPLETS:
            return _FILE_NOT_FOUND
        self._applet, self._selected = command.data, b""
        self._prepared.clear()
        return _described(command, tlv(0x84, command.data))

    def _select(self, command: Command) -> Response:
        """By path from the master file, whose own name is not in it."""
        if command.p1 != _BY_PATH:
            return _WRONG_PARAMETERS
        path, name = command.data, tlv(0x83, command.data[-2:])
        if path in self._files:
            size = len(self._files[path]).to_bytes(2, "big")
            description = tlv(0x80, size) + tlv(0x82, _TRANSPARENT) + name
        elif path in self._folders:
            description = tlv(0x82, _FOLDER) + name
        else:
            return _FILE_NOT_FOUND
        self._selected = path
        return _described(command, description)

    def _read_binary(self, command: Command) -> Response:
        if command.p1 & 0x80:
            return _WRONG_PARAMETERS
        content = self._files.get(self._selected)
        if content is None:
            return _NO_FILE_SELECTED
        offset = command.p1 << 8 | command.p2
        if offset >= len(content):
            return _only(WRONG_OFFSET)
        return Response(content[offset : offset + command.le], OK)

    def _verify(self, command: Command) -> Response:
        code = self._codes.get(command.p2)
        if code is None or command.p1:
            return _NO_SUCH_REFERENCE
        if not command.data:
            return code.state()
        return code.present(command.data.rstrip(_PADDING))

    def _change(self, command: Command) -> Response:
        """CHANGE REFERENCE DATA with the new value alone, once either code was presented."""
        code = self._codes.get(command.p2)
        if code is None or command.p1 != 0x01:
            return _NO_SUCH_REFERENCE
        if not (code.presented or self._codes[_PUK].presented):
            return _NOT_PRESENTED
        value = command.data.rstrip(_PADDING)
        if len(value) != len(code.value):
            return _WRONG_DATA
        code.value = value
        return _DONE

    def _reset_tries(self, command: Command) -> Response:
        """RESET RETRY COUNTER without data, once the code that unblocks was presented."""
        if (command.p1, command.p2) != (0x03, 0x80 | _PIN):
            return _NO_SUCH_REFERENCE
        if not self._codes[_PUK].presented:
            return _NOT_PRESENTED
        self._codes[_PIN].left = _MOST_TRIES
        return _DONE

    def _prepare(self, command: Command) -> Response:
        """MANAGE SECURITY ENVIRONMENT: the key of a later operation, and how it signs."""
        match (command.p1, command.p2, *command.data):
            case (0x81, 0xB6, 0x91, 0x02, algorithm, key) if (
                algorithm in _HASHES and key & _KEY in self._keys
            ):
                self._prepared[_SIGN] = partial(_signature, self._keys[key & _KEY], algorithm)
            case (0x41, 0xB8, 0x83, 0x01, key) if key in self._keys:
                self._prepared[_DECIPHER] = partial(_deciphered, self._keys[key])
            case _:
                return _WRONG_DATA
        return _DONE

    def _perform(self, command: Command) -> Response:
        """PERFORM SECURITY OPERATION: COMPUTE DIGITAL SIGNATURE or DECIPHER."""
        operation = self._prepared.get((command.p1, command.p2))
        if operation is None:
            return _NOT_PREPARED
        if not self._codes[_PIN].presented:
            return _NOT_PRESENTED
        result = operation(command.data)
        return _WRONG_DATA if result is None else Response(result, OK)


def _described(command: Command, description: bytes) -> Response:
    """The answer to SELECT: what was selected, in the only template that the library takes."""
    return _DONE if command.p2 == _WITHOUT_ANSWER else Response(tlv(0x6F, description), OK)


def _signature(key: RSAPrivateKey, algorithm: int, digest: bytes) -> bytes | None:
    """The signature of `digest` (RFC 8017, 8)."""
    kind = _HASHES[algorithm]
    if len(digest) != kind.digest_size:
        return None
    pss = PSS(mgf=MGF1(kind), salt_length=PSS.DIGEST_LENGTH)
    return key.sign(digest, pss if algorithm in _PROBABILISTIC else PKCS1v15(), Prehashed(kind))


def _deciphered(key: RSAPrivateKey, cryptogram: bytes) -> bytes | None:
    """RSADP, padding and all (RFC 8017, 5.1.2): the library signs with it too."""
    number, modulus = int.from_bytes(cryptogram, "big"), key.public_key().public_numbers().n
    if len(cryptogram) != key.key_size // 8 or number >= modulus:
        return None
    return raw(key, cryptogram)
