"""A simulated CPS3: IAS ECC, protocol T=0 by its contacts and T=1 without.

What it answers was seen of a real card, in OpenSC's issues 2217, 2223 and 2275 and in the commits
that came of them (1a366636, 20f359ea, e3a3722a), or is what Cryptolib CPS 5.2.2 was seen to need.
Where both are silent it does what ISO/IEC 7816-4:2020 and 7816-8:2021 say.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from diagcps.card.iso7816 import END_OF_FILE, OK, WRONG_OFFSET, Response
from diagcps.card.simulator import files, pki
from diagcps.card.simulator.base import ATRS, Plastic
from diagcps.card.simulator.command import ByteLine, Command
from diagcps.card.simulator.der import tlv
from diagcps.card.simulator.operations import PERFORM, Operations
from diagcps.model import UsageError

_MODELS = ("cps3", "cps3-contactless", "new-cps")
MOST_TRIES = 3
"""Of each code, unless a scenario leaves more: a real code de déblocage had ten, and a hundred uses
(OpenSC's issue 2217)."""
CODE_BYTES = range(4, 9)
"""How long a code may be, without the FF that may follow it."""

_EF_ATR = b"\x2f\x01"
_EF_ATR_CONTENT = bytes.fromhex(
    "80 4301B8 460404B0ECC1 4703940180 4F088025000001FF0100"
    "E010 02020104 02020104 02020100 02020100 780806062B8122F87802 82029000"
)
_SHORT_IDENTIFIERS = {_EF_ATR: 0xE8, files.EF_DIR: 0xF0, files.EF_SERIAL: 0xE0}
"""As the control parameters give them: five bits, then three that are zero."""
_MASTER = b"\x3f\x00"
_AIDS = {
    bytes.fromhex("8025000001FF0100"): b"",
    **{aid: folder for folder, aid in files.AIDS.items()},
}

_PARENT, _BY_NAME, _FROM_MASTER = 0x03, 0x04, 0x08
_WAYS = (0x00, 0x01, 0x02, _PARENT, _BY_NAME, _FROM_MASTER, 0x09)
"""P1 of SELECT (ISO/IEC 7816-4:2020, 11.2.2)."""
_PADDED, _PADDING = 8, b"\xff"
_LONGEST = 512
_FREE = bytes.fromhex("7BFFFFFFFFFF00")
"""Access: reading is free, and nothing else is possible."""
_NEVER = bytes.fromhex("7BFFFFFFFFFFFF")
_CODE_ACCESS = {
    files.PIN_REFERENCE: bytes.fromhex("F3000013FF00"),
    files.PUK_REFERENCE: bytes.fromhex("F3FF00FFFF00"),
}
_KEY_ACCESS = {
    files.SIGNATURE_KEY: bytes.fromhex("7B13FFFFFFFF00"),
    files.AUTHENTICATION_KEY: bytes.fromhex("7BFF1313FFFF00"),
}
_TEMPLATE = re.compile(
    rb"\x4d.\x70.\xbf(?P<kind>.)(?P<reference>.)(?:\x02(?P<short>\xa0)|\x03\x7f\x41)\x80", re.DOTALL
)
"""An extended header list that asks for one template of one object of the card."""
_CODE_OBJECT, _KEY_OBJECT = 0x81, 0x90
_TEMPLATE_PARAMETERS, _TEMPLATE_CODE = 0xA0, 0x7F41

_DONE = Response(b"", OK)


def _only(status: int) -> Response:
    """A response without data."""
    return Response(b"", status)


@dataclass(slots=True, kw_only=True)
class _Code:
    """A code, its tries, and how often it may still be used."""

    value: bytes
    left: int
    most: int
    uses_left: int | None = None
    presented: bool = False


class Cps3:
    """A `SimulatedCard`. Raises UsageError for a model, a family or an authority there is not."""

    def __init__(self, plastic: Plastic, now: datetime) -> None:
        if plastic.model not in _MODELS:
            raise UsageError(f"no CPS3: {plastic.model!r}")
        self._atr = bytes.fromhex(ATRS[plastic.model])
        self._contactless = plastic.model == "cps3-contactless"
        self._files = files.content(plastic, now, contactless=True) | {_EF_ATR: _EF_ATR_CONTENT}
        self._folders = (b"", files.CONTACT, files.CONTACTLESS)
        self._codes = {
            files.PIN_REFERENCE: _Code(
                value=files.PIN, left=plastic.pin_left, most=max(MOST_TRIES, plastic.pin_left)
            ),
            files.PUK_REFERENCE: _Code(
                value=files.PUK,
                left=plastic.puk_left,
                most=max(MOST_TRIES, plastic.puk_left),
                uses_left=plastic.unblocks_left,
            ),
        }
        self._operations = Operations(self._key)
        self._line = ByteLine()
        self._log: list[bytes] = []
        self.power()
        self._codes[files.PIN_REFERENCE].presented = plastic.code_presented

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
        self._folder = b""
        self._selected: bytes | None = None
        self._operations.reset()
        self._chained: Command | None = None
        self._line.reset()
        for code in self._codes.values():
            code.presented = False

    def transmit(self, command: bytes) -> bytes:
        """See `SimulatedCard.transmit`. Never raises."""
        self._log.append(command)
        parsed = Command.parse(command)
        response = self._carried(parsed) if parsed else _only(0x6700)
        return response.data + response.status.to_bytes(2, "big")

    def _carried(self, command: Command) -> Response:
        """The response as its protocol carries it."""
        if self._contactless:
            response = self._answer(command)
            return Response(response.data[: command.le], response.status)
        fetched = self._line.fetched(command)
        if fetched:
            return fetched
        response = self._answer(command)
        if response.status == END_OF_FILE:
            return response
        if command.ins == PERFORM:
            # Seen of a real card: a signature waits even when no data came with its command.
            command = replace(command, data=command.data or b"\x00")
        return self._line.carried(command, response)

    def _answer(self, command: Command) -> Response:
        if command.cla not in (0x00, 0x10):
            return _only(0x6E00)
        begun, self._chained = self._chained, None
        if begun and (begun.ins, begun.p1, begun.p2) == (command.ins, command.p1, command.p2):
            command = replace(command, data=begun.data + command.data)
        if len(command.data) > _LONGEST:
            return _only(0x6700)
        if command.cla == 0x10:
            self._chained = command
            return _DONE
        instructions = {
            0xA4: self._select,
            0xB0: self._read_binary,
            0xCB: self._get_data,
            0x20: self._verify,
            0x24: self._change,
            0x2C: self._reset_tries,
            0x22: self._operations.prepare,
            PERFORM: self._operations.perform,
            0x88: self._operations.authenticate,
            0x84: _challenge,
        }
        instruction = instructions.get(command.ins)
        return instruction(command) if instruction else _only(0x6D00)

    def _select(self, command: Command) -> Response:
        if command.p1 not in _WAYS or command.p2 not in (0x00, 0x04, 0x0C):
            return _only(0x6A86)
        path = self._path(command.p1, command.data)
        if path is None or (path not in self._files and path not in self._folders):
            return _only(0x6A82)
        # Seen of a real card: only the master file may be selected with P2 = 00.
        if command.p2 == 0x00 and path:
            return _only(0x6A86)
        is_file = path in self._files
        self._folder, self._selected = (path[:-2], path) if is_file else (path, None)
        return Response(self._control(path), OK) if command.p2 == 0x04 and path else _DONE

    def _path(self, way: int, data: bytes) -> bytes | None:
        """The path, below the master file, of what SELECT names; None for an unknown name."""
        if way == _BY_NAME:
            return _AIDS.get(data)
        if way == _PARENT:
            return self._folder[:-2]
        if way == _FROM_MASTER:
            return data
        # Seen of a real card: a path from the current folder may also begin at the master file.
        if data.startswith(_MASTER) or not data:
            return data.removeprefix(_MASTER)
        return self._folder + data

    def _control(self, path: bytes) -> bytes:
        """The control parameters of a file or a folder (ISO/IEC 7816-4:2020, 7.4.3)."""
        if path not in self._files:
            return tlv(
                0x62,
                tlv(0x82, b"\x38"),
                tlv(0x83, path[-2:]),
                tlv(0x84, files.AIDS[path]),
                tlv(0xA1, tlv(0x8C, _FREE), tlv(0x9C, _FREE)),
                tlv(0x8A, b"\x05"),
            )
        short = _SHORT_IDENTIFIERS.get(path)
        by_contact = self._by_contact_alone(path)
        return tlv(
            0x62,
            tlv(0x80, len(self._files[path]).to_bytes(2, "big")),
            tlv(0x82, b"\x01"),
            tlv(0x83, path[-2:]),
            tlv(0x88, bytes((short,)) if short else b""),
            tlv(0xA1, tlv(0x8C, _FREE), tlv(0x9C, _NEVER if by_contact else _FREE)),
            tlv(0x8A, b"\x05"),
        )

    @staticmethod
    def _by_contact_alone(path: bytes) -> bool:
        """The contact application, and EF_ACTUA."""
        return path.startswith(files.CONTACT) or path == files.EF_UPDATE

    def _read_binary(self, command: Command) -> Response:
        offset = command.p1 << 8 | command.p2
        if command.p1 & 0x80:
            named = {short >> 3: path for path, short in _SHORT_IDENTIFIERS.items()}
            path = self._folder + named.get(command.p1 & 0x1F, b"")
            if path not in self._files:
                return _only(0x6A82)
            self._selected, offset = path, command.p2
        if self._selected is None:
            return _only(0x6986)
        if self._contactless and self._by_contact_alone(self._selected):
            return _only(0x6982)
        content = self._files[self._selected]
        if offset >= len(content):
            return _only(WRONG_OFFSET)
        part = content[offset : offset + command.le]
        # A length of 00 asks for what there is, any other one for that many bytes (11.3.3).
        short = len(part) < command.le < 0x100
        return Response(part, END_OF_FILE if short else OK)

    def _get_data(self, command: Command) -> Response:
        """GET DATA of a code or a key, with an extended header list (8.4.2)."""
        asked = _TEMPLATE.fullmatch(command.data)
        if (command.p1, command.p2) != (0x3F, 0xFF):
            return _only(0x6A88)
        if asked is None:
            return _only(0x6A80)
        kind, reference = asked["kind"][0], asked["reference"][0]
        if kind == _CODE_OBJECT and reference in self._codes and not self._folder:
            value = self._of_code(reference, parameters=asked["short"] is not None)
        elif kind == _KEY_OBJECT and 0x80 | reference in _KEY_ACCESS and self._folder:
            if asked["short"] is None:
                return _only(0x6A80)
            access = tlv(0xA1, tlv(0x8C, _KEY_ACCESS[0x80 | reference]))
            value = tlv(_TEMPLATE_PARAMETERS, tlv(0x80, b"\x01\x00"), access)
        else:
            return _only(0x6A88)
        return Response(tlv(0x70, tlv(0xBF0000 | kind << 8 | reference, value)), OK)

    def _of_code(self, reference: int, *, parameters: bool) -> bytes:
        code = self._codes[reference]
        if not parameters:
            longest, shortest = CODE_BYTES[-1], CODE_BYTES[0]
            return tlv(_TEMPLATE_CODE, tlv(0x80, bytes((longest,))), tlv(0x81, bytes((shortest,))))
        uses = () if code.uses_left is None else (tlv(0x9D, code.uses_left.to_bytes(2, "big")),)
        return tlv(
            _TEMPLATE_PARAMETERS,
            tlv(0x9A, bytes((code.most,))),
            tlv(0x9B, bytes((code.left,))),
            *uses,
            tlv(0xA1, tlv(0x8C, _CODE_ACCESS[reference])),
        )

    def _verify(self, command: Command) -> Response:
        code = self._codes.get(command.p2)
        if command.p1 or code is None:
            return _only(0x6A88)
        if self._contactless:
            return _only(0x6982)
        if command.data:
            return self._present(command.p2, command.data)
        if code.presented:
            return _DONE
        return _only(0x63C0 | min(code.left, 0x0F)) if code.left else _only(0x6983)

    def _present(self, reference: int, value: bytes) -> Response:
        """What a code that is presented comes to: a wrong one takes a try."""
        code = self._codes[reference]
        if not code.left:
            return _only(0x6983)
        if code.uses_left == 0:
            return _only(0x6984)
        if len(value) not in CODE_BYTES:
            return _only(0x6700)
        code.presented = value.rstrip(_PADDING) == code.value
        if not code.presented:
            code.left -= 1
            return _only(0x63C0 | min(code.left, 0x0F))
        code.left = code.most
        if code.uses_left is not None:
            code.uses_left -= 1
        return _DONE

    def _change(self, command: Command) -> Response:
        """CHANGE REFERENCE DATA: the old code, then the new one; no other than the code porteur."""
        if command.p1 or command.p2 not in self._codes:
            return _only(0x6A88)
        if command.p2 != files.PIN_REFERENCE or self._contactless:
            return _only(0x6982)
        code, data = self._codes[command.p2], command.data
        middle = _PADDED if len(data) == 2 * _PADDED else len(code.value)
        old, new = data[:middle], data[middle:].rstrip(_PADDING)
        if len(new) not in CODE_BYTES:
            return _only(0x6700)
        presented = self._present(command.p2, old)
        if presented.status == OK:
            code.value = new
        return presented

    def _reset_tries(self, command: Command) -> Response:
        """RESET RETRY COUNTER: the code de déblocage was presented; a new code may come with it."""
        code, new = self._codes[files.PIN_REFERENCE], command.data.rstrip(_PADDING)
        if command.p1 not in (0x02, 0x03):
            return _only(0x6A86)
        if command.p2 not in self._codes:
            return _only(0x6A88)
        if command.p2 != files.PIN_REFERENCE or not self._codes[files.PUK_REFERENCE].presented:
            return _only(0x6982)
        if bool(new) != (command.p1 == 0x02) or (new and len(new) not in CODE_BYTES):
            return _only(0x6700)
        code.value, code.left, code.presented = new or code.value, code.most, False
        return _DONE

    def _key(self, reference: int) -> RSAPrivateKey | None:
        """The key, if the interface and the code porteur admit it."""
        if self._contactless:
            return pki.key("technical") if reference == files.TECHNICAL_KEY else None
        if not self._codes[files.PIN_REFERENCE].presented:
            return None
        if reference == files.SIGNATURE_KEY:
            return pki.key("signature")
        return pki.key("authentication") if reference == files.AUTHENTICATION_KEY else None


def _challenge(command: Command) -> Response:
    """GET CHALLENGE: random bytes."""
    return Response(secrets.token_bytes(command.le), OK) if command.le else _only(0x6700)
