"""A library that nobody here wrote takes the calls of an act: SoftHSM, which needs no card."""

from __future__ import annotations

import ast
import ctypes
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from diagcps.card import _pkcs11_child, cryptoki, cryptoki_codes
from diagcps.card.cryptoki import READING
from diagcps.card.simulator import pki
from diagcps.card.simulator.base import Plastic
from diagcps.card.x509 import has_signed
from diagcps.secret import Secret
from tests.card.test_cryptoki import CARD, PLACES, is_callable
from tests.card.test_pkcs11_modules import PIN, PUK, SoftHsm

pytestmark = pytest.mark.timeout(30)

WITH_CODES = {
    "C_InitPIN": 10,
    "C_SetPIN": 11,
    "C_Login": 18,
    "C_Logout": 19,
    "C_SignInit": 42,
    "C_Sign": 43,
}
"""The entries of CK_FUNCTION_LIST that an act adds, counted from 0 (PKCS#11 2.20, annex)."""
LIST = cryptoki_codes._FunctionList
NEW, WRONG = "4821", "90210345"
PIN_INCORRECT, PIN_LEN_RANGE = 0xA0, 0xA2

ACT = """
import json, sys
from contextlib import contextmanager, suppress
from diagcps.card.act import Act, Codes, Order
from diagcps.card.cryptoki import CryptokiError
from diagcps.card.cryptoki_codes import CodeCryptoki
from diagcps.card.sequence import Sequence
from diagcps.facts import CardState, Code, Reading
from diagcps.model import Private, PrivateKind
from diagcps.secret import Secret

path, act, given, new, certificate = sys.argv[1:]
pin, puk = Code(reference=1, left=3, most=3), Code(reference=2, left=3, most=3)
serial, slot = Private(PrivateKind.SERIAL, "00000042"), Private(PrivateKind.READER, "")
order = Order(act=Act(act), library=slot, slot=slot, atr=b"", serial=serial, pin=pin, puk=puk,
    certificate=Private(PrivateKind.CERTIFICATE, certificate))
state = CardState(slot=slot, model="", atr=b"", reading=Reading.READ, serial=serial, pin=pin,
    puk=puk)
calls, proofs = [], []
library = CodeCryptoki(path, lambda _: None, lambda name, code: calls.append((name, code)))

@contextmanager
def session():
    library.initialize()
    try:
        with library.session(library.slots_with_token()[0]) as opened:
            yield opened
    finally:
        library.finalize()

to_set = None if order.act is Act.TRY else Secret(bytearray(new.encode()))
codes = Codes(given=Secret(bytearray(given.encode())), new=to_set)
with suppress(CryptokiError):
    Sequence(order, session, lambda: state, proofs.append).run(codes)
parts = [[p.challenge, p.signature, p.certificate] for p in proofs]
print(json.dumps([calls, [part.hex() for proof in parts for part in proof]]))
"""
"""The whole sequence of an act, on that library and a card that is always as it was shown."""


class Token(SoftHsm):
    """A token with a key that signs, and its certificate."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        plastic = Plastic(model="cps3")
        self.certificate = pki.certificates(plastic, datetime.now(UTC)).authentication
        self.store(self.certificate)
        key = folder / "key.pem"
        key.write_bytes(
            pki.key("authentication").private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
        )
        where = ("--token", "SIMULATION", "--label", "key", "--id", "20", "--pin", PIN)
        self._run("softhsm2-util", "--import", str(key), *where)

    def act(self, act: str, given: str, new: str = NEW) -> tuple[list[list[Any]], list[bytes]]:
        """The calls that took a code, or signed, with their codes; and what proves the code."""
        fingerprint = hashlib.sha256(self.certificate).hexdigest()
        done = subprocess.run(
            [*self.environment, sys.executable, "-c", ACT, self.path, act, given, new, fingerprint],
            check=True, capture_output=True, text=True, timeout=20, cwd=CARD.parents[1],
        )  # fmt: skip
        calls, proof = json.loads(done.stdout)
        return calls, [bytes.fromhex(part) for part in proof]

    def is_proven(self, proof: list[bytes]) -> bool:
        """Whether its key signed the challenge."""
        challenge, signature, certificate = proof
        fingerprint = hashlib.sha256(self.certificate).hexdigest()
        return has_signed(fingerprint, certificate, signature, challenge)


@pytest.fixture
def token(tmp_path: Path) -> Token:
    return Token(tmp_path)


SIGNED = [["C_SignInit", 0], ["C_Sign", 0], ["C_Sign", 0]]


def test_the_unblocking_sequence_sets_a_code_that_signs(token: Token) -> None:
    calls, proof = token.act("unblock", PUK)

    assert calls == [["C_Login", 0], ["C_InitPIN", 0], ["C_Login", 0], *SIGNED]
    assert token.is_proven(proof)
    assert token.act("try-card", NEW)[0] == [["C_Login", 0], *SIGNED]
    assert token.act("try-card", PIN) == ([["C_Login", PIN_INCORRECT]], [])


def test_the_changing_sequence_sets_a_code_that_signs(token: Token) -> None:
    calls, proof = token.act("change-code", PIN)

    assert calls == [["C_Login", 0], ["C_SetPIN", 0], ["C_Login", 0], *SIGNED]
    assert token.is_proven(proof)
    assert token.act("try-card", PIN) == ([["C_Login", PIN_INCORRECT]], [])


@pytest.mark.parametrize("act", ["unblock", "change-code", "try-card"])
def test_a_wrong_code_is_presented_once_and_nothing_is_set(token: Token, act: str) -> None:
    assert token.act(act, WRONG) == ([["C_Login", PIN_INCORRECT]], [])

    assert token.is_proven(token.act("try-card", PIN)[1])


@pytest.mark.parametrize(
    ("act", "given", "setting"),
    [("unblock", PUK, "C_InitPIN"), ("change-code", PIN, "C_SetPIN")],
)
def test_a_new_code_that_the_library_refuses_ends_the_act(
    token: Token, act: str, given: str, setting: str
) -> None:
    assert token.act(act, given, "12") == ([["C_Login", 0], [setting, PIN_LEN_RANGE]], [])

    assert token.is_proven(token.act("try-card", PIN)[1])


def test_a_certificate_of_another_card_is_signed_by_nothing(token: Token) -> None:
    token.certificate = b"another"

    calls, proof = token.act("try-card", PIN)

    assert (calls, proof) == ([["C_Login", 0]], [])


@pytest.mark.parametrize("name", WITH_CODES)
def test_an_entry_has_its_place_in_the_list(name: str) -> None:
    pointer = ctypes.sizeof(ctypes.c_void_p)

    assert getattr(LIST, name).offset == LIST.C_Initialize.offset + WITH_CODES[name] * pointer


def test_no_more_can_be_called_than_an_act_needs() -> None:
    callable_entries = {field[0] for field in LIST._fields_ if is_callable(field[1])}

    assert callable_entries == {*PLACES, *WITH_CODES}


def test_what_reads_without_a_code_is_at_the_same_places() -> None:
    assert [name for name, _ in READING.values()] == [*PLACES]
    assert all(
        getattr(LIST, name).offset == getattr(cryptoki.FunctionList, name).offset for name in PLACES
    )


@pytest.mark.parametrize("module", [cryptoki, _pkcs11_child])
def test_the_process_that_reads_does_not_load_what_takes_a_code(module: object) -> None:
    source = Path(str(getattr(module, "__file__", ""))).read_text(encoding="utf-8")
    imported = {n.module for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)}

    assert not {"diagcps.card.cryptoki_codes", "diagcps.secret"} & imported


def test_a_code_is_handed_over_where_it_lies() -> None:
    code = Secret(bytearray(b"4821"))

    place, length = cryptoki_codes._in_place(code)

    code.wipe()
    assert (bytes(place), length) == (bytes(4), 4)
