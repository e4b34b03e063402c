"""Reading simulated cards with the agent's own reader."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps import scenario
from diagcps.card import cps
from diagcps.card.base import CardUnreadable
from diagcps.card.permitted import is_permitted
from diagcps.card.simulator import build, files, pki
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.facts import CertificateEntry, Reading, Role, Trust, Update
from tests.strategies import quick

from .reading import ReadCard, read

READABLE = ("cps3", "new-cps", "cps4", "cps4-rc", "cps4-t0")
each_model = pytest.mark.parametrize("model", READABLE)


@each_model
def test_a_card_is_read_whole(model: str) -> None:
    card = read(model=model, serial="12345678")
    assert card.state.reading is Reading.READ
    assert card.state.serial is not None
    assert card.state.serial.value == "12345678"
    assert card.state.pin is not None
    assert card.state.puk is not None
    assert (card.state.pin.left, card.state.puk.left) == (3, 3)
    (authentication,), (signature,) = card.first.cards[0].found, card.rest.cards[0].found
    assert (authentication.role, signature.role) == (Role.AUTHENTICATION, Role.SIGNATURE)
    assert {authentication.trust, signature.trust} == {Trust.TRUSTED}


@pytest.mark.parametrize("left", [0, 1, 2, 3])
@each_model
def test_counters_are_those_of_the_card(model: str, left: int) -> None:
    state = read(model=model, pin_left=left, puk_left=3 - left).state
    assert state.pin is not None
    assert state.puk is not None
    assert (state.pin.left, state.puk.left) == (left, 3 - left)


def test_a_cps3_tells_how_often_it_may_be_unblocked_and_a_cps4_does_not() -> None:
    cps3, cps4 = read(model="cps3", unblocks_left=7).state.puk, read(model="cps4").state.puk
    assert cps3 is not None
    assert cps4 is not None
    assert (cps3.uses_left, cps3.most, cps4.uses_left, cps4.most) == (7, 3, None, None)


def test_a_code_that_was_presented_to_a_cps4_has_no_count() -> None:
    state = read(model="cps4", code_presented=True).state
    assert state.pin is not None
    assert state.pin.left is None


@pytest.mark.parametrize(
    ("update", "found"),
    [("none", Update.NONE), ("complete", Update.COMPLETE), ("interrupted", Update.INTERRUPTED)],
)
def test_the_last_update_of_a_cps3_is_told(update: str, found: Update) -> None:
    assert read(model="cps3", update=update).state.update is found
    assert read(model="cps4", update=update).state.update is Update.NONE


@pytest.mark.parametrize("name", ["EF.SN", "EF.DIR", "ODF", "AODF"])
@pytest.mark.parametrize("fault", ["missing", "corrupt"])
@each_model
def test_a_damaged_directory_is_unreadable_and_named(model: str, fault: str, name: str) -> None:
    state = read(Plastic(model=model, **{fault: (name,)})).state  # type: ignore[arg-type]
    assert (state.reading, state.where) == (Reading.UNREADABLE, name)
    assert state.detail


@each_model
def test_what_else_can_be_read_is_read_beside_the_damage(model: str) -> None:
    state = read(model=model, missing=("AODF",)).state
    assert state.serial is not None
    assert state.directories
    for fault in ("missing", "corrupt"):
        state = read(Plastic(model=model, **{fault: ("EF.SN",)})).state  # type: ignore[arg-type]
        assert state.pin is not None
        assert state.pin.left == 3


@each_model
def test_a_certificate_that_is_not_there_is_missing_and_one_that_is_damaged_unreadable(
    model: str,
) -> None:
    missing = read(model=model, missing=("authentication",)).first.cards[0]
    assert missing.reading is Reading.READ
    assert [each.role for each in missing.found] == [Role.SIGNATURE]
    damaged = read(model=model, corrupt=("authentication",)).first.cards[0]
    assert (damaged.reading, damaged.where) == (
        Reading.UNREADABLE, "Certificat d'Authentification CPS"
    )  # fmt: skip


@pytest.mark.parametrize("fault", ["missing", "corrupt"])
def test_a_damaged_list_of_certificates_is_unreadable(fault: str) -> None:
    first = read(Plastic(model="cps3", **{fault: ("CDF",)})).first.cards[0]  # type: ignore[arg-type]
    assert (first.reading, first.where) == (Reading.UNREADABLE, "CDF")


def test_a_card_on_its_contactless_side_is_known_by_its_serial_number() -> None:
    card = read(model="cps3-contactless", serial="00000007")
    assert card.state.serial is not None
    assert card.state.serial.value == "00000007"
    assert card.state.pin is None


@pytest.mark.parametrize("model", ["vitale", "vitale-1", "agent", "bank", "cps2ter"])
def test_a_card_that_is_not_read_is_sent_nothing(model: str) -> None:
    card = read(model=model)
    assert card.states.cards == ()
    assert card.log == ()


class Habits:
    """A card that answers with protocol T=0 as some do: 6Cxx for the right length."""

    def __init__(self, card: SimulatedCard) -> None:
        self._card = card
        self.atr = card.atr
        self.log: tuple[bytes, ...] = ()

    def power(self) -> None:
        self._card.power()

    def transmit(self, command: bytes) -> bytes:
        self.log = (*self.log, command)
        answer = self._card.transmit(command)
        asked = (command[4] or 256) if len(command) == 5 else 0
        if command[1] == 0xB0 and answer[-2:] == b"\x62\x82" and len(answer) - 2 < asked:
            return bytes((0x6C, (len(answer) - 2) & 0xFF))
        return answer


@pytest.mark.parametrize("model", ["cps3", "cps4-t0"])
def test_a_card_that_insists_on_the_right_length_is_read_too(model: str) -> None:
    plain = build.make(Plastic(model=model), datetime.now(UTC))
    card = read(card=Habits(plain))
    assert card.state.reading is Reading.READ
    assert card.rest.cards[0].reading is Reading.READ


def plastics() -> list[Plastic]:
    """Every card of every scenario, each once."""
    found = [p for name in scenario.names() for p in scenario.load(name).plastics.values()]
    return list(dict.fromkeys(found))


def ends(card: ReadCard) -> set[Reading]:
    """How each step that was made ended."""
    steps = (*card.states.cards, *card.first.cards, *card.rest.cards)
    return {step.reading for step in steps}


@pytest.mark.parametrize("model", ["cps3", "cps4", "cps4-t0", "new-cps"])
def test_a_card_pulled_at_any_command_is_removed_or_was_read_whole(model: str) -> None:
    whole = read(model=model)
    for number in range(1, len(whole.log) + 2):
        card = read(model=model, leaves_at=number)
        if number > len(whole.log):
            assert ends(card) == {Reading.READ}
            assert [each.role for each in card.rest.cards[0].found] == [Role.SIGNATURE]
        else:
            assert ends(card) - {Reading.READ} == {Reading.REMOVED}


@pytest.mark.parametrize("model", ["cps3", "cps4"])
def test_a_card_that_falls_silent_at_any_command_is_said_so(model: str) -> None:
    for number in range(1, len(read(model=model).log) + 1):
        assert Reading.SILENT in ends(read(model=model, mute_at=number))


class Refusing(Habits):
    """A card that does not tell one of its counters."""

    def __init__(self, card: SimulatedCard, reference: int) -> None:
        super().__init__(card)
        self._reference = reference

    def transmit(self, command: bytes) -> bytes:
        of_code = command[1] in (0x20, 0xCB)
        if of_code and self._reference in (command[3], command[-4]):
            self.log = (*self.log, command)
            return b"\x69\x82"
        return super().transmit(command)


def refusing(model: str, reference: int) -> ReadCard:
    made = build.make(Plastic(model=model), datetime.now(UTC))
    return read(card=Refusing(made, reference))


@pytest.mark.parametrize("model", ["cps3", "cps4"])
def test_a_card_that_does_not_tell_the_tries_of_the_code_porteur_is_unreadable(model: str) -> None:
    state = refusing(model, files.PIN_REFERENCE).state
    assert state.reading is Reading.UNREADABLE
    assert state.detail == "SW 6982"


@pytest.mark.parametrize("model", ["cps3", "cps4"])
def test_a_card_that_does_not_tell_those_of_the_other_code_serves(model: str) -> None:
    state = refusing(model, files.PUK_REFERENCE).state
    assert state.reading is Reading.READ
    assert state.pin is not None
    assert state.puk is None


def test_a_file_is_read_up_to_where_another_would_begin() -> None:
    card = cps.Cps3(build.make(Plastic(model="cps3"), datetime.now(UTC)).transmit)
    for path, index in ((b"\x3f\x00\x00\x01\xb0\x02", 0x7FFF), (b"\x3f\x00", 0), (bytes(18), 0)):
        with pytest.raises(CardUnreadable):
            card.certificate(CertificateEntry(label="", path=path, index=index))


MODELS = st.sampled_from(build.MODELS)
FILES = st.sampled_from(["EF.SN", "EF.DIR", "ODF", "AODF", "CDF", "authentication", "signature"])
some_files = st.lists(FILES, max_size=3, unique=True).map(tuple)
cards = st.builds(
    Plastic,
    model=MODELS,
    pin_left=st.integers(0, 3),
    puk_left=st.integers(0, 3),
    unblocks_left=st.sampled_from([0, 1, 25]),
    code_presented=st.booleans(),
    family=st.sampled_from(["cps", "cpf", "cpe", "cpa"]),
    authority=st.sampled_from(["production", "test", "foreign"]),
    update=st.sampled_from(["none", "complete", "interrupted"]),
    missing=some_files,
    corrupt=some_files,
    leaves_at=st.sampled_from([0, 0, 1, 5, 9, 20]),
    mute_at=st.sampled_from([0, 0, 3, 12]),
)


def spends_nothing(log: tuple[bytes, ...]) -> bool:
    """No VERIFY with data, CHANGE REFERENCE DATA or RESET RETRY COUNTER among the commands."""
    return all(
        command[1] not in (0x24, 0x2C) and not (command[1] == 0x20 and len(command) > 4)
        for command in log
    )


@quick
@given(plastic=cards)
def test_no_card_is_ever_sent_a_code(plastic: Plastic) -> None:
    card = read(plastic)
    assert spends_nothing(card.log)
    assert all(is_permitted(command) for command in card.log)


@pytest.mark.parametrize("plastic", plastics(), ids=lambda plastic: plastic.model)
def test_no_card_of_a_scenario_is_ever_sent_a_code(plastic: Plastic) -> None:
    made = build.make(plastic, datetime.now(UTC))
    before = read(card=made).state if plastic.model in READABLE else None
    assert spends_nothing(made.log)
    if before is not None and not (plastic.leaves_at or plastic.mute_at):
        after = read(card=made).state
        assert (after.pin, after.puk) == (before.pin, before.puk)


@quick
@given(plastic=cards, noise=st.lists(st.binary(max_size=40), max_size=60))
def test_a_card_that_answers_anything_is_read_or_told_why_not(
    plastic: Plastic, noise: list[bytes]
) -> None:
    card = Noisy(build.make(replace(plastic, leaves_at=0, mute_at=0), datetime.now(UTC)), noise)
    ends(read(card=card))
    assert spends_nothing(card.log)


class Noisy:
    """A card that answers with noise until it has none left."""

    def __init__(self, card: SimulatedCard, noise: list[bytes]) -> None:
        self._card = card
        self._noise = list(noise)
        self.atr = card.atr
        self.log: tuple[bytes, ...] = ()

    def power(self) -> None:
        self._card.power()

    def transmit(self, command: bytes) -> bytes:
        self.log = (*self.log, command)
        answer = self._card.transmit(command)
        return self._noise.pop() if self._noise else answer


def test_both_certificates_are_those_that_were_issued() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    plastic = Plastic(model="cps3")
    issued = pki.certificates(plastic, now)
    card = read(card=build.make(plastic, now))
    shown = [*card.first.cards[0].found, *card.rest.cards[0].found]
    assert [each.fingerprint.value for each in shown] == [
        hashlib.sha256(data).hexdigest() for data in (issued.authentication, issued.signature)
    ]
