"""The acts with a code in the terminal, as a person in front of a real one lives them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diagcps import loops, registry, scenario, terminal
from diagcps.card.act import Act, Codes, Course, Middleware, Order
from diagcps.check import Facts, Probe, World
from diagcps.examination import Examination, assemble
from diagcps.facts import (
    Library,
    PcscClients,
    ProgramKind,
    RunningProgram,
    RunningPrograms,
)
from diagcps.model import CheckId
from diagcps.options import ACTS
from diagcps.probes import BUILT_IN
from diagcps.profiles import choose
from diagcps.secret import Secret
from tests.builders import probe
from tests.pseudo_terminal import CTRL_C, ROOT, Terminal, needs_one

pytestmark = needs_one

PIN, PUK, NEW = "1234", "12345678", "4826"
WRONG_PIN, WRONG_PUK = "5937", "20406080"
DONE, REFUSED, INTERRUPTED, USAGE = 0, 2, 130, 64

LETTER = "votre code de déblocage, à 8 chiffres. [o/n] "
GIVEN_PUK, GIVEN_PIN = "Code de déblocage (8 chiffres) : ", "Code porteur actuel : "
TRIED_PIN = "\nCode porteur : "
FIRST, AGAIN = "Nouveau code porteur (4 chiffres) : ", "Nouveau code porteur, une seconde fois : "
SEND = "Valider ? [o/n] "
LAST = "tapez « dernier essai » : "
NOTHING_SENT = "Rien n'a été envoyé à la carte."


def simulated(act: str, scenario: str = "pin-blocked", *options: str) -> Terminal:
    return Terminal(act, "--scenario", scenario, *options)


def new_code(code: str = NEW) -> tuple[str, ...]:
    return (FIRST, code, AGAIN, code)


def assert_unseen(seen: str, *codes: str) -> None:
    """None of these codes was sent to the terminal."""
    assert not [code for code in codes if code in seen]


# From a blocked card to a verified one


def test_a_blocked_card_is_unblocked() -> None:
    with simulated("unblock") as it:
        it.answers(LETTER, "o")
        shown = it.expect(GIVEN_PUK)
        it.types(f"{PUK}\r")
        it.answers(*new_code(), SEND, "o")
        assert it.ends() == DONE
    assert "SIMULATION : " in it.seen
    for said in (
        "Carte : CPS (professionnel)", "Titulaire : SIMULATION CARTE",
        "Numéro de série : se termine par 0001\n", "Code porteur : bloqué",
        "Code de déblocage : 3 essais restants", "Déblocages encore possibles : 25",
        "imprimé sur le courrier", "« Ma CPS »", "F501", "il faut la remplacer",
    ):  # fmt: skip
        assert said in shown
    result = it.seen[it.seen.rindex("SIMULATION") :]
    for said in (
        "La carte est débloquée", "Code porteur : 3 essais restants (avant : bloqué)",
        "Déblocages encore possibles : 24 (avant : 25)", "vérifiée", "code porteur utilisable",
    ):  # fmt: skip
        assert said in result


def test_what_is_sent_is_said_before_it_is() -> None:
    with simulated("unblock") as it:
        it.answers(LETTER, "oui", GIVEN_PUK, PUK, *new_code())
        said = it.expect(SEND)
        it.types("n\r")
        assert it.ends() == REFUSED
    assert "le code de déblocage est présenté une fois" in said
    assert "présenté une fois pour vérifier" in said
    assert NOTHING_SENT in it.seen


def test_codes_are_seen_nowhere() -> None:
    with simulated("unblock") as it:
        it.answers(LETTER, "o", GIVEN_PUK, PUK, FIRST, NEW, AGAIN, NEW)
        it.expect(SEND)
        process = Path(f"/proc/{it.process.pid}")
        if process.exists():
            for name in ("cmdline", "environ"):
                assert_unseen((process / name).read_text(errors="replace"), PUK, NEW)
            limits = (process / "limits").read_text()
            assert ["Max", "core", "file", "size", "0", "0"] in [
                line.split()[:6] for line in limits.splitlines()
            ]
        it.types("o\r")
        assert it.ends() == DONE
    assert_unseen(it.seen, PUK, NEW)


def test_a_blocked_cps4_is_unblocked() -> None:
    with simulated("unblock", "pin-blocked-cps4") as it:
        it.answers(LETTER, "o", GIVEN_PUK, PUK, *new_code(), SEND, "o")
        assert it.ends() == DONE
    assert "Déblocages encore possibles" not in it.seen


def test_a_success_that_the_card_does_not_confirm_is_none() -> None:
    with simulated("unblock", "pin-blocked-cps4-lying") as it:
        it.answers(LETTER, "o", GIVEN_PUK, PUK, *new_code(), SEND, "o")
        assert it.ends() != DONE
    assert "La carte est débloquée" not in it.seen


def test_a_wrong_unblocking_code_takes_one_try() -> None:
    with simulated("unblock") as it:
        it.answers(LETTER, "o", GIVEN_PUK, WRONG_PUK, *new_code(), SEND, "o")
        assert it.ends() == REFUSED
    assert "Le code de déblocage est erroné" in it.seen
    assert "Code de déblocage : 2 essais restants (avant : 3 essais restants)" in it.seen
    assert_unseen(it.seen, WRONG_PUK, NEW)


def test_a_card_that_is_not_blocked_is_unblocked_only_on_purpose() -> None:
    with simulated("unblock", "healthy-cps3") as it:
        it.answers(LETTER, "o")
        assert "changez-le plutôt" in it.expect("Débloquer quand même ? [o/n] ")
        it.types("n\r")
        assert it.ends() == REFUSED
    assert NOTHING_SENT in it.seen


def test_the_code_is_changed() -> None:
    with simulated("change-code", "healthy-cps3") as it:
        it.answers(GIVEN_PIN, PIN, *new_code(), SEND, "o")
        assert it.ends() == DONE
    assert "Le code porteur est changé" in it.seen


def test_the_former_code_may_be_kept_unless_it_is_a_weak_one() -> None:
    with simulated("change-code", "healthy-cps3") as it:
        it.answers(GIVEN_PIN, PIN, *new_code(PIN))
        it.expect("Une suite comme")
        it.answers(FIRST, NEW)


def test_a_wrong_present_code_takes_one_try() -> None:
    with simulated("change-code", "healthy-cps3") as it:
        it.answers(GIVEN_PIN, WRONG_PIN, *new_code(), SEND, "o")
        assert it.ends() == REFUSED
    assert "Code porteur : 2 essais restants" in it.seen


def test_a_card_is_tried_and_its_browser_is_not() -> None:
    with simulated("try-card", "healthy-cps4") as it:
        said = it.expect(TRIED_PIN)
        it.types(f"{PIN}\r")
        it.answers(SEND, "o")
        assert it.ends() == DONE
    assert "Cet essai ne contrôle pas le navigateur." in said
    assert "La carte fonctionne avec ce code" in it.seen


def test_all_of_it_in_english() -> None:
    with simulated("unblock", "pin-blocked", "--lang", "en") as it:
        it.answers(
            "8 digits. [y/n] ", "perhaps", "8 digits. [y/n] ", "yes",
            "Unblocking code (8 digits): ", PUK,
            "New card's code (4 digits): ", NEW, "New card's code, a second time: ", NEW,
            "Confirm? [y/n] ", "y",
        )  # fmt: skip
        assert it.ends() == DONE
    assert "SIMULATION: " in it.seen
    assert "(before: " in it.seen


# Without a letter, and on the last try


def test_without_the_letter_the_ways_to_get_the_codes_are_shown() -> None:
    with simulated("unblock") as it:
        it.answers(LETTER, "n")
        assert it.ends() == REFUSED
    assert "F501" in it.seen
    assert "0 809 40 00 82 (service gratuit + prix de l'appel)" in it.seen
    assert "monserviceclient.cartes@esante.gouv.fr" in it.seen
    assert GIVEN_PUK not in it.seen


@pytest.mark.parametrize(
    ("act", "name", "last"),
    [
        ("unblock", "puk-last-try", "essai"),
        ("change-code", "pin-last-try", "essai"),
        ("unblock", "pin-blocked-last-unblocking", "déblocage"),
    ],
)
@pytest.mark.parametrize("answer", ["", "o", "oui", "dernier"])
def test_on_a_last_try_anything_but_the_phrase_stops(
    act: str, name: str, last: str, answer: str
) -> None:
    with simulated(act, name) as it:
        if act == "unblock":
            it.answers(LETTER, "o")
        said = it.expect(LAST)
        it.types(f"{answer}\r")
        assert it.ends() == REFUSED
    assert f"Arrêtez-vous : c'est le dernier {last}" in said
    assert "0 809 40 00 82 (service gratuit + prix de l'appel)" in said
    assert NOTHING_SENT in it.seen


def test_on_a_last_try_the_phrase_goes_on() -> None:
    with simulated("change-code", "pin-last-try") as it:
        it.answers(LAST, " Dernier  essai ", GIVEN_PIN, PIN, *new_code(), SEND, "o")
        assert it.ends() == DONE


def test_the_last_try_that_fails_is_said_with_what_is_left_to_do() -> None:
    with simulated("change-code", "pin-last-try") as it:
        it.answers(LAST, "dernier essai", GIVEN_PIN, WRONG_PIN, *new_code(), SEND, "o")
        assert it.ends() == REFUSED
    assert "La carte est maintenant bloquée" in it.seen
    assert "Code porteur : bloqué (avant : un seul essai restant)" in it.seen


CLOSED = {
    "change-code pin-blocked": ("il faut d'abord débloquer la carte", "diagcps unblock"),
    "try-card pin-last-try": ("n'est pas essayée pour voir", "vérifiez votre code"),
    "unblock puk-blocked": ("la carte ne peut pas être débloquée", "remplacement"),
    "unblock puk-unusable": ("la carte ne peut pas être débloquée", "remplacer la carte avant"),
    "unblock several-cards": ("Plusieurs cartes", "Ne laissez"),
    "unblock no-card": ("Aucune carte", "Insérez"),
    "unblock vitale": ("Aucune carte", "Insérez votre carte CPS à la place"),
    "unblock service-stopped": ("Aucune carte", "Démarrez le service de cartes à puce"),
    "unblock middleware-absent": ("Il faut le logiciel Cryptolib CPS", "Installez"),
    "change-code middleware-blind": ("ne montre pas cette carte", "Cryptolib"),
    "change-code code-presented": ("Un logiciel vient d'utiliser ce code", "Retirez la carte"),
}


@pytest.mark.parametrize("case", CLOSED)
def test_what_cannot_be_done_is_said_with_its_remedy_before_any_question(case: str) -> None:
    with simulated(*case.split()) as it:
        assert it.ends() == REFUSED
    for said in ("SIMULATION : ", *CLOSED[case]):
        assert said in it.seen, it.seen
    assert "[o/n]" not in it.seen


# What is wrong with a code


def test_what_is_wrong_with_a_code_is_said_and_the_code_asked_for_again() -> None:
    with simulated("unblock") as it:
        it.answers(LETTER, "o")
        for given, flaw in (
            ("", "Tapez ce code."), ("1234567", "a 8 chiffres"), ("1234567a", "que des chiffres"),
        ):  # fmt: skip
            it.answers(GIVEN_PUK, given)
            it.expect(flaw)
        it.answers(GIVEN_PUK, "1234 5678")
        for first, again, flaw in (
            ("123", "123", "4 chiffres au moins"), ("48261", "48261", "4 chiffres au plus"),
            ("12e4", "12e4", "que des chiffres"), ("9876", "9876", "Une suite"),
            ("7272", "7272", "Une répétition"), (NEW, "4827", "ne sont pas les mêmes"),
        ):  # fmt: skip
            it.answers(FIRST, first, AGAIN, again)
            it.expect(flaw)
        it.answers(*new_code(), SEND, "o")
        assert it.ends() == DONE
    assert it.seen.count(GIVEN_PUK) == 4


def test_a_date_is_advised_against_and_may_be_kept() -> None:
    keep = "Garder ce code quand même ? [o/n] "
    with simulated("unblock") as it:
        it.answers(LETTER, "o", GIVEN_PUK, PUK, *new_code("1987"))
        assert "Une année se devine" in it.expect(keep)
        it.types("n\r")
        it.answers(*new_code("3112"))
        assert "Une date se devine" in it.expect(keep)
        it.types("o\r")
        it.answers(SEND, "o")
        assert it.ends() == DONE


def test_a_long_code_is_taken_after_its_warning_alone() -> None:
    long = "Choisir quand même un code de plus de 4 chiffres ? [o/n] "
    with played("long_codes") as it:
        it.answers(LETTER, "o", GIVEN_PUK, PUK, *new_code("482615"))
        assert "logiciels de facturation" in it.expect(long)
        it.types("n\r")
        it.answers(*new_code("482615"), long, "o", SEND, "n")
        assert it.ends() == REFUSED


# Programs that matter


def test_programs_that_may_hold_a_code_are_named_until_they_are_closed() -> None:
    question = "tapez « continuer » : "
    with played("programs") as it:
        it.answers(LETTER, "o")
        said = it.expect(question)
        assert "  - Firefox\n" in said
        assert "  - Logiciel métier\n" in said
        it.types("\r")
        assert "Logiciel métier" not in it.expect(question)
        it.types("\r")
        watched = it.expect("tapez « accepter » : ")
        assert "aide à distance" in watched
        assert "  - TeamViewer\n" in watched
        it.types("o\r")
        it.answers("tapez « accepter » : ", "")
        it.expect(GIVEN_PUK)


def test_the_person_may_go_on_beside_open_programs() -> None:
    with played("programs") as it:
        it.answers(LETTER, "o", "« continuer » : ", "continuer", "« accepter » : ", "accepter")
        it.expect(GIVEN_PUK)


# How it ends


@pytest.mark.parametrize("asked", [LETTER, GIVEN_PUK, FIRST, SEND])
@pytest.mark.parametrize("how", ["keyboard", "SIGTERM", "SIGHUP"])
def test_before_the_act_the_person_may_leave(asked: str, how: str) -> None:
    with simulated("unblock") as it:
        answers = (LETTER, "o", GIVEN_PUK, PUK, FIRST, NEW, AGAIN, NEW, SEND, "")
        it.answers(*answers[: answers.index(asked)])
        it.expect(asked)
        if how == "keyboard":
            it.types(f"12{CTRL_C}")
        else:
            it.process.send_signal(getattr(signal, how))
        assert it.ends() == INTERRUPTED
        assert it.shows_what_is_typed()
    assert "Traceback" not in it.seen
    assert "avant : bloqué" not in it.seen


@pytest.mark.parametrize(("asked", "secrets"), [(FIRST, 1), (SEND, 2)], ids=["one", "two"])
def test_codes_are_wiped_when_the_person_leaves(asked: str, secrets: int) -> None:
    with played("left") as it:
        answers = (LETTER, "o", GIVEN_PUK, PUK, FIRST, NEW, AGAIN, NEW, SEND, "")
        it.answers(*answers[: answers.index(asked)])
        it.expect(asked)
        it.types(CTRL_C)
        said = it.expect("characters of them")
    assert f"{secrets} secrets, 0 characters of them" in said


def test_a_terminal_that_ends_its_input_ends_the_conversation() -> None:
    with simulated("unblock") as it:
        it.expect(LETTER)
        it.types("\x04")
        assert it.ends() == INTERRUPTED


def test_nothing_interrupts_the_act() -> None:
    with played("slowly") as it:
        it.answers(LETTER, "o", GIVEN_PUK, PUK, *new_code(), SEND, "o")
        it.expect("begun")
        it.types(f"{CTRL_C}{CTRL_C}\x1a\x1c")
        it.process.send_signal(signal.SIGTERM)
        it.process.send_signal(signal.SIGHUP)
        assert it.ends() == DONE
    assert "La carte est débloquée" in it.seen
    assert "usual again" in it.seen


def test_a_fault_during_the_act_is_no_silence() -> None:
    with played("fails") as it:
        it.answers(LETTER, "o", GIVEN_PUK, PUK, *new_code(), SEND, "o")
        assert it.ends() == 3
    assert "Impossible de dire où en est la carte" in it.seen
    assert "Traceback" not in it.seen


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("stdin", ["pipe", "file", "nothing"])
def test_a_code_comes_from_a_terminal_alone(act: str, stdin: str, tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    codes.write_text(f"o\n{PUK}\n{NEW}\n{NEW}\no\n", encoding="utf-8")
    with codes.open() as file:
        given = {"pipe": {"input": codes.read_text()}, "file": {"stdin": file}}
        ended = subprocess.run(
            [sys.executable, "-m", "diagcps", act, "--scenario", "pin-blocked"], cwd=ROOT,
            capture_output=True, encoding="utf-8", timeout=20, check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "DIAGCPS_LOAD_ENTRY_POINTS": "0"},
            **given.get(stdin, {"stdin": subprocess.DEVNULL}),
        )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (USAGE, "")
    assert ended.stderr == (
        f"diagcps: {act} asks in a terminal, and takes a code from nowhere else\n"
    )


@pytest.mark.parametrize("way", ["with_input", "without_output"])
def test_a_terminal_that_is_only_half_there_is_none(way: str) -> None:
    with played(way) as it:
        assert it.ends() == USAGE
    assert GIVEN_PUK not in it.seen


@pytest.mark.parametrize("word", ["--pin", "--puk", "--code", "--new-code", "--output", "4826"])
def test_no_argument_takes_a_code(word: str) -> None:
    with simulated("unblock", "pin-blocked", word, "4826") as it:
        assert it.ends() == USAGE
    assert "4826" not in it.seen


# Workstations that no scenario describes, each played in a process of its own


def played(name: str) -> Terminal:
    program = f"import tests.test_terminal as played; raise SystemExit(played.{name}())"
    return Terminal(python=("-c", program))


def left() -> int:
    """Says which secrets there still are when the person has left: the traceback holds them."""
    try:
        return converse()
    except KeyboardInterrupt:
        kept = [each for each in gc.get_objects() if isinstance(each, Secret)]
        sys.stdout.write(f"{len(kept)} secrets, {sum(map(len, kept))} characters of them\n")
        return INTERRUPTED


def with_input() -> int:
    """Answers come from a pipe, messages go to the terminal."""
    return in_part(input=f"o\n{PUK}\n{NEW}\n{NEW}\no\n", encoding="utf-8")


def without_output() -> int:
    """Answers would come from the terminal, questions go nowhere."""
    return in_part(stderr=subprocess.DEVNULL)


def in_part(**streams: Any) -> int:
    """Unblocks a card with some other streams than the terminal."""
    command = [sys.executable, "-m", "diagcps", "unblock", "--scenario", "pin-blocked"]
    return subprocess.run(command, check=False, timeout=20, **streams).returncode


def converse(
    *, probes: Mapping[type, Probe[Any]] | None = None, middleware: type[Middleware] | None = None
) -> int:
    """Unblocks the card of `pin-blocked` with other probes, or another middleware around its."""
    subject = scenario.load("pin-blocked")
    examination = assemble(
        registry=registry.load(BUILT_IN, installed=False),
        probes={**subject.probes(), **(probes or {})},
        profile=choose("psc-card"),
        world=subject.world,
        named=frozenset(map(CheckId, terminal.CHECKS)),
        simulated=True,
        middleware=subject.middleware if middleware is None else middleware(subject.middleware),
    )
    loops.run(examine(examination))
    return terminal.converse(Act.UNBLOCK, examination, examination.words("fr"), sys.stdout.write)


async def examine(examination: Examination) -> None:
    await examination.runner.run()
    await examination.runner.read(terminal.ALSO)


def long_codes() -> int:
    """The token takes codes of four to eight digits."""
    usual = scenario.load("pin-blocked").probes()[Library]

    async def read(world: World, facts: Facts) -> Library:
        library: Library = await usual.read(world, facts)
        slots = tuple(
            replace(each, token=each.token and replace(each.token, pin_lengths=(4, 8)))
            for each in library.slots
        )
        return replace(library, slots=slots)

    return converse(probes={Library: replace(usual, read=read)})


def programs() -> int:
    """Three programs, one fewer each time that they are looked for."""
    left = [
        RunningProgram(name="Logiciel métier", kind=ProgramKind.CARD),
        RunningProgram(name="Firefox", kind=ProgramKind.BROWSER),
        RunningProgram(name="TeamViewer", kind=ProgramKind.SCREEN),
        RunningProgram(name="TeamViewer", kind=ProgramKind.SCREEN),
    ]

    async def read(_: World, __: Facts) -> RunningPrograms:
        running = RunningPrograms(programs=tuple(left), source="test")
        del left[:1]
        return running

    reading = probe(RunningPrograms, read, after=(PcscClients,))
    return converse(probes={RunningPrograms: reading})


class Slow:
    """Takes its time."""

    def __init__(self, inner: Middleware) -> None:
        self._inner = inner

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        sys.stderr.write("begun\n")
        await asyncio.sleep(1.5)
        return await self._inner.carry_out(order, codes)


class Faulty:
    """Breaks its promise."""

    def __init__(self, inner: Middleware) -> None:
        self._inner = inner

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        raise RuntimeError(bytes(codes.given.reveal()))


def slowly() -> int:
    """A card that answers late; afterwards signals do what they usually do."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    code = converse(middleware=Slow)
    after = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    if after == before:
        sys.stdout.write("usual again\n")
    return code


def fails() -> int:
    """A fault of this tool, of which the terminal shows nothing but that it does not know."""
    from diagcps import logs

    logs.configure(verbose=False)
    return converse(middleware=Faulty)
