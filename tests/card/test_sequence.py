"""Codes reach a card in one sequence: each step once, in its order, and none after a refusal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from diagcps.card.act import Act, Codes, Order, Proof, Stopped
from diagcps.card.sequence import OFFICER, USER, Sequence, Stop, must_be_as_shown
from diagcps.facts import CardState, Code
from diagcps.model import Private, PrivateKind
from diagcps.secret import Secret
from tests import builders

CERTIFICATE = b"the certificate that was read"
DIGEST_INFO = bytes.fromhex("3031300D060960864801650304020105000420")
GIVEN, NEW = b"12345678", b"4821"

PROVING = ["log in 1 4821", "sign", "log out"]
WHOLE = {
    Act.UNBLOCK: [
        "open", "read", "log in 0 12345678", "set 4821", "log out", "close", "read",
        "open", *PROVING, "close",
    ],
    Act.CHANGE: [
        "open", "read", "log in 1 12345678", "change 12345678 4821", "log out", "close", "read",
        "open", *PROVING, "close",
    ],
    Act.TRY: ["open", "read", "log in 1 12345678", "sign", "log out", "close"],
}  # fmt: skip
"""What each act comes to when nothing is refused."""


class Refused(Exception):
    """The error of a library."""


def order(act: Act = Act.UNBLOCK, **changes: Any) -> Order:
    """An order for the card of `card_state`."""
    given: dict[str, Any] = {
        "act": act,
        "library": Private(PrivateKind.PATH, "/lib/p11.so"),
        "slot": Private(PrivateKind.READER, "Reader"),
        "atr": builders.CPS3,
        "serial": Private(PrivateKind.SERIAL, "00000001"),
        **builders.codes(),
        "certificate": Private(PrivateKind.CERTIFICATE, hashlib.sha256(CERTIFICATE).hexdigest()),
    }
    return Order(**{**given, **changes})


@dataclass
class Library:
    """A library that says what is done with it, and refuses one step."""

    states: list[CardState | Stop] = field(default_factory=list)
    """What is read of the card, one after the other; the last one again and again."""
    refuses: str = ""
    done: list[str] = field(default_factory=list)
    signed: list[bytes] = field(default_factory=list)
    certificates: tuple[bytes, ...] = (b"another", CERTIFICATE)

    def step(self, what: str) -> None:
        self.done.append(what)
        if self.refuses and what.startswith(self.refuses):
            raise Refused(what)

    @contextmanager
    def session(self) -> Iterator[Library]:
        self.step("open")
        try:
            yield self
        finally:
            self.done.append("close")

    def read(self) -> CardState:
        self.done.append("read")
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, Stop):
            raise state
        return state

    def log_in(self, user: int, code: Secret) -> None:
        self.step(f"log in {user} {code.reveal().decode()}")

    def log_out(self) -> None:
        self.done.append("log out")

    def set_new(self, new: Secret) -> None:
        self.step(f"set {new.reveal().decode()}")

    def change(self, present: Secret, new: Secret) -> None:
        self.step(f"change {present.reveal().decode()} {new.reveal().decode()}")

    def sign(self, is_wanted: Callable[[bytes], bool], data: bytes) -> tuple[bytes, bytes]:
        self.step("sign")
        self.signed.append(data)
        return next(filter(is_wanted, self.certificates)), b"signed"


def run(
    act: Act, *states: CardState | Stop, refuses: str = "", **changes: Any
) -> tuple[Library, list[Proof], Exception | None]:
    """The library after the act, what it proved, and what it raised."""
    library = Library(states=list(states) or [builders.card_state()], refuses=refuses)
    proofs: list[Proof] = []
    codes = Codes(
        given=Secret(bytearray(GIVEN)), new=None if act is Act.TRY else Secret(bytearray(NEW))
    )
    raised = None
    try:
        Sequence(order(act, **changes), library.session, library.read, proofs.append).run(codes)
    except (Refused, Stop) as error:
        raised = error
    return library, proofs, raised


@pytest.mark.parametrize("act", Act)
def test_an_act_is_done_step_by_step_and_each_once(act: Act) -> None:
    library, proofs, raised = run(act)
    assert library.done == WHOLE[act]
    assert (len(proofs), raised) == (1, None)


REFUSALS = [
    (Act.UNBLOCK, "open"),
    (Act.UNBLOCK, "log in 0"),
    (Act.UNBLOCK, "set"),
    (Act.UNBLOCK, "log in 1"),
    (Act.UNBLOCK, "sign"),
    (Act.CHANGE, "log in 1 12345678"),
    (Act.CHANGE, "change"),
    (Act.CHANGE, "log in 1 4821"),
    (Act.CHANGE, "sign"),
    (Act.TRY, "log in"),
    (Act.TRY, "sign"),
]


@pytest.mark.parametrize(("act", "refuses"), REFUSALS)
def test_the_first_refusal_ends_it(act: Act, refuses: str) -> None:
    library, proofs, raised = run(act, refuses=refuses)
    steps = [step for step in library.done if step not in ("log out", "close")]
    whole = [step for step in WHOLE[act] if step not in ("log out", "close")]
    place = next(at for at, step in enumerate(whole) if step.startswith(refuses))
    assert steps == whole[: place + 1]
    assert (proofs, isinstance(raised, Refused)) == ([], True)


@pytest.mark.parametrize(("act", "refuses"), REFUSALS)
def test_a_session_that_was_opened_is_logged_out_of_and_closed(act: Act, refuses: str) -> None:
    done = run(act, refuses=refuses)[0].done
    opened = done.count("open") - (refuses == "open")
    assert done.count("close") == opened
    logged_in = [s for s in done if s.startswith("log in") and not s.startswith(refuses)]
    assert done.count("log out") == len(logged_in)


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize(
    ("state", "why"),
    [
        (builders.card_state(serial=None), Stopped.UNREAD),
        (builders.card_state(pin=None), Stopped.UNREAD),
        (builders.card_state(serial="00000002"), Stopped.OTHER_CARD),
        (builders.card_state(**builders.codes(pin=2)), Stopped.CHANGED),
        (Stop(Stopped.UNREAD), Stopped.UNREAD),
    ],
)
def test_a_card_that_is_not_as_shown_is_given_no_code(
    act: Act, state: CardState | Stop, why: Stopped
) -> None:
    library, proofs, raised = run(act, state)
    assert library.done == ["open", "read", "close"]
    assert isinstance(raised, Stop)
    assert (raised.why, proofs) == (why, [])


@pytest.mark.parametrize("act", [Act.UNBLOCK, Act.CHANGE])
@pytest.mark.parametrize("left", [0, 1])
def test_a_new_code_is_not_presented_as_the_last_try(act: Act, left: int) -> None:
    after = builders.card_state(**builders.codes(pin=left))
    library, proofs, raised = run(act, builders.card_state(), after)
    assert library.done == WHOLE[act][:7]
    assert (proofs, raised) == ([], None)


@pytest.mark.parametrize("act", [Act.UNBLOCK, Act.CHANGE])
@pytest.mark.parametrize("after", [Stop(Stopped.UNREAD), builders.card_state(pin=None)])
def test_a_new_code_is_not_presented_to_a_card_that_cannot_be_read(
    act: Act, after: CardState | Stop
) -> None:
    library, proofs, raised = run(act, builders.card_state(), after)
    assert library.done == WHOLE[act][:7]
    assert (proofs, raised) == ([], None)


def test_a_new_code_is_not_presented_to_a_card_that_did_not_give_its_tries_back() -> None:
    after = builders.card_state(**builders.codes(pin=2))
    assert run(Act.CHANGE, builders.card_state(), after)[0].done == WHOLE[Act.CHANGE][:7]


@pytest.mark.parametrize("left", [3, None])
def test_a_new_code_is_presented_where_it_cannot_block_anything(left: int | None) -> None:
    after = builders.card_state(**builders.codes(pin=left))
    assert run(Act.UNBLOCK, builders.card_state(), after)[0].done == WHOLE[Act.UNBLOCK]


@pytest.mark.parametrize("act", Act)
def test_what_is_signed_is_a_challenge_that_is_new_each_time(act: Act) -> None:
    proofs, signed = [], []
    for _ in range(2):
        library, (proof,), _ = run(act)
        proofs.append(proof)
        signed += library.signed
    assert len({proof.challenge for proof in proofs}) == 2
    assert all(len(proof.challenge) == 32 for proof in proofs)
    expected = [DIGEST_INFO + hashlib.sha256(proof.challenge).digest() for proof in proofs]
    assert signed == expected


def test_the_proof_is_with_the_certificate_that_was_read_from_the_card() -> None:
    _, (proof,), _ = run(Act.TRY)
    assert (proof.certificate, proof.signature) == (CERTIFICATE, b"signed")


def test_no_certificate_is_the_one_where_none_was_read() -> None:
    with pytest.raises(StopIteration):
        run(Act.TRY, certificate=None)


def test_a_codes_user_is_who_the_standard_says() -> None:
    assert (USER, OFFICER) == (1, 0)


def state_with(**changes: Any) -> CardState:
    return builders.card_state(**builders.codes(**changes))


FEWER = [
    ({"pin": 2}, {}, True),
    ({"puk": 2}, {}, True),
    ({"uses": 24}, {}, True),
    ({}, {}, False),
    ({}, {"pin": 2}, False),
    ({}, {"puk": 1, "uses": 3}, False),
    ({"pin": None}, {}, False),
    ({}, {"pin": None}, False),
    ({"uses": None}, {}, False),
]


@pytest.mark.parametrize(("now", "shown", "stops"), FEWER)
def test_a_card_that_has_lost_a_try_since_it_was_shown_is_left_alone(
    now: dict[str, Any], shown: dict[str, Any], stops: bool
) -> None:
    expected = order(**builders.codes(**shown))
    if not stops:
        must_be_as_shown(expected, state_with(**now))
        return
    with pytest.raises(Stop) as stopped:
        must_be_as_shown(expected, state_with(**now))
    assert stopped.value.why is Stopped.CHANGED


@pytest.mark.parametrize("missing_now", [True, False])
def test_a_code_that_is_told_only_once_is_a_change(missing_now: bool) -> None:
    told, silent = Code(reference=2, left=3, most=3), None
    now, shown = (silent, told) if missing_now else (told, silent)
    with pytest.raises(Stop) as stopped:
        must_be_as_shown(order(puk=shown), builders.card_state(puk=now))
    assert stopped.value.why is Stopped.CHANGED
    must_be_as_shown(order(puk=None), builders.card_state(puk=None))
