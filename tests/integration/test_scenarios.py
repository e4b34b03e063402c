"""Every scenario with a card, in the real service: its cause is the first of the diagnosis."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diagcps import registry, scenario
from diagcps.card.anchors import read_anchors
from diagcps.card.pcsc import PcscCards
from diagcps.card.simulator import build, pki, vpcd
from diagcps.card.simulator.base import Plastic, SimulatedCard
from diagcps.card.winscard import PRESENT, PcscError, ReaderState, Winscard
from diagcps.catalogue_files import CatalogueFiles
from diagcps.check import Area, World
from diagcps.examination import Examination, assemble
from diagcps.host import this_host
from diagcps.probes import BUILT_IN
from diagcps.profiles import choose
from diagcps.replay import NoLibraries, nobody, publish_nothing
from tests.test_scenarios import TABLE

from .bench import Pcscd, until
from .vpcd import reader_name

ROOT = Path(__file__).parents[2]
READ_ONLY = ("--only", "reader", "--only", "card", "--only", "pin", "--only", "certificate")

Json = dict[str, Any]
Insert = Callable[[str], list[SimulatedCard]]


def check(*options: str) -> tuple[int, Json]:
    """The exit code and the report of `diagcps check`, in a process of its own."""
    command = [sys.executable, "-m", "diagcps", "check", "--format", "json", *options]
    anchors = ("--trust-anchors", str(pki.anchors_file()))
    done = subprocess.run(
        [*command, *anchors], capture_output=True, text=True, timeout=50, cwd=ROOT, check=False
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def causes(report: Json) -> list[str]:
    """The causes of the diagnosis, in its order."""
    return [entry["cause"] for entry in report["diagnosis"]]


def seen(slot: int) -> bool:
    """Whether the service sees a card in the slot."""
    api = Winscard()
    try:
        with api.context() as context:
            (state,) = api.states(context, [ReaderState(name=reader_name(slot))])
    except PcscError:
        return False
    return bool(state.flags & PRESENT)


@pytest.fixture
def insert(pcscd: Pcscd) -> Iterator[Insert]:
    """Inserts the cards of a scenario, seen by the service on return; pulls them after the test."""
    pcscd.start()
    inserted: list[vpcd.Inserted] = []

    def insert_all(name: str) -> list[SimulatedCard]:
        made = []
        for number, plastic in scenario.load(name).plastics.items():
            made.append(build.make(plastic, datetime.now(UTC)))
            inserted.append(vpcd.insert(made[-1], port=vpcd.PORT + number))
            until(lambda slot=number: seen(slot), "the card was seen")  # type: ignore[misc]
        return made

    yield insert_all
    for each in inserted:
        each.pull()


def of_scenario_facts(name: str) -> bool:
    """Whether its cause comes from facts that no card and no library can show."""
    return name in {
        *("revoked", "card-kind-unsuited", "no-pss", "stale-session", "remote"),
        "extension-missing",
    }


CARDS = [
    name
    for name in TABLE
    if scenario.load(name).plastics
    and not of_scenario_facts(name)
    and not (TABLE[name][0] or "").startswith("middleware.")
]
"""Those whose cause the card alone shows."""


@pytest.mark.parametrize("name", CARDS)
def test_a_scenario_comes_to_its_cause_in_the_real_service(insert: Insert, name: str) -> None:
    cards = insert(name)
    code, report = check(*READ_ONLY)
    cause, verdict, expected = TABLE[name]
    if name in ("mute-beside-cps", "new-cps"):
        cause, verdict, expected = None, "ready", 0  # it takes a library to be disturbed
    assert causes(report)[:1] == ([cause] if cause else [])
    assert (code, report["verdict"]) == (expected, verdict)
    assert report["simulated"] is True
    for card in cards:
        assert not any(c[1] in (0x24, 0x2C) or (c[1] == 0x20 and len(c) > 4) for c in card.log)


@pytest.mark.parametrize("name", ["healthy-cps3", "healthy-cps4"])
def test_a_healthy_card_gives_nothing_to_repair(insert: Insert, name: str) -> None:
    insert(name)
    code, report = check(*READ_ONLY)
    assert (code, causes(report)) == (0, [])
    named = [line for line in report["checks"] if line["area"] in READ_ONLY]
    assert {line["outcome"] for line in named} <= {"pass", "not-applicable"}


def test_both_cards_of_a_desk_are_read_again_and_again(insert: Insert) -> None:
    insert("several-cards")
    for _ in range(3):
        assert causes(check(*READ_ONLY)[1]) == ["card.several"]


@pytest.fixture
def opensc() -> str:
    """A real PKCS#11 library that knows a CPS3 and no CPS4."""
    found = shutil.which("pkcs11-tool")
    paths = sorted(Path("/usr/lib").glob("*/opensc-pkcs11.so"))
    if found is None or not paths:
        pytest.skip("OpenSC's library is not installed (Debian: opensc)")
    return str(paths[0])


def middleware(*options: str) -> tuple[int, list[str], Json]:
    """The exit code, the causes and the report of the middleware alone."""
    code, report = check("--only", "middleware", *options)
    return code, causes(report), report


def test_a_library_that_knows_no_cps4_is_too_old_for_it(insert: Insert, opensc: str) -> None:
    insert("cps4-old-middleware")
    code, found, _ = middleware("--pkcs11-module", opensc)
    assert (code, found) == (2, ["middleware.too-old-for-cps4"])


def test_a_library_without_a_token_for_the_card_does_not_see_it(insert: Insert) -> None:
    paths = sorted(Path("/usr/lib").glob("softhsm/libsofthsm2.so"))
    if not paths:
        pytest.skip("no library of another token is installed (Debian: softhsm2)")
    insert("middleware-blind")
    code, found, _ = middleware("--pkcs11-module", str(paths[0]))
    assert (code, found) == (2, ["middleware.card-not-seen"])


def test_without_the_library_it_is_absent(insert: Insert) -> None:
    if Path("/opt/santesocial/CPS/lib").exists():
        pytest.skip("the official library is installed here")
    insert("middleware-absent")
    code, found, _ = middleware()
    assert (code, found) == (2, ["middleware.absent"])


def test_a_library_that_is_none_does_not_load(insert: Insert, tmp_path: Path) -> None:
    insert("middleware-load-failed")
    path = tmp_path / "libp11.so"
    path.write_text("not a library")
    code, found, report = middleware("--pkcs11-module", str(path))
    assert (code, found) == (2, ["middleware.load-failed"])
    assert str(tmp_path) not in json.dumps(report)


def test_a_library_for_another_processor_is_not_loaded(
    insert: Insert, opensc: str, tmp_path: Path
) -> None:
    insert("middleware-wrong-arch")
    path = tmp_path / "libp11.so"
    image = bytearray(Path(opensc).read_bytes())
    image[18:20] = b"\xb7\x00"  # e_machine of an arm64 library (ELF, EM_AARCH64)
    path.write_bytes(image)
    code, found, _ = middleware("--pkcs11-module", str(path))
    assert (code, found) == (2, ["middleware.wrong-arch"])


def test_a_library_that_does_not_come_back_is_ended(insert: Insert, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for a library of the test's own (Debian: gcc libc6-dev)")
    insert("middleware-not-responding")
    path = tmp_path / "libp11.so"
    source = tmp_path / "hangs.c"
    source.write_text("#include <unistd.h>\nint C_GetFunctionList(void) { for (;;) pause(); }\n")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", path, source], check=True)
    code, found, _ = middleware("--pkcs11-module", str(path))
    assert (code, found) == (2, ["middleware.not-responding"])
    assert not re.search(rf"{os.fspath(path)}", subprocess.check_output(["ps", "ax"], text=True))


def test_no_library_that_was_asked_for_is_told_about(insert: Insert) -> None:
    insert("healthy-cps4")
    code, found, _ = middleware("--pkcs11-module", "none")
    assert (code, found) == (3, [])


def test_simulate_puts_the_cards_of_a_scenario_into_the_readers(pcscd: Pcscd) -> None:
    pcscd.start()
    program = subprocess.Popen(
        [sys.executable, "-m", "diagcps", "simulate", "pin-blocked"],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "cps3 at 127.0.0.1:35963\n"
        assert program.stdout.readline() == f"--trust-anchors {pki.anchors_file()}\n"
        until(lambda: seen(0), "the card was seen")
        assert causes(check(*READ_ONLY)[1]) == ["pin.blocked"]
    finally:
        program.terminate()
        program.communicate(timeout=5)
    until(lambda: not seen(0), "the card was pulled")


def agent() -> Examination:
    """The examination that an agent keeps, of the cards of this bench."""
    real = World(
        host=this_host(),
        cards=PcscCards(),
        libraries=NoLibraries(),
        anchors=read_anchors(pki.anchors_file()),
        publish=publish_nothing,
        catalogue=CatalogueFiles(),
        page=nobody,
    )
    found = registry.load(BUILT_IN, installed=False)
    wanted = {check.id for check in found.checks if check.area in (Area.CARD, Area.CERTIFICATE)}
    return assemble(
        registry=found,
        probes={each.gives: each for each in BUILT_IN},
        profile=choose("psc-card"),
        world=real,
        named=frozenset(wanted),
    )


async def test_the_card_is_pulled_at_every_command_and_the_agent_reads_the_next(
    pcscd: Pcscd,
) -> None:
    pcscd.start()
    examined = agent().runner
    whole = build.make(Plastic(model="cps3"), datetime.now(UTC))
    with vpcd.insert(whole):
        until(lambda: seen(0), "the card was seen")
        assert (await examined.run()).entries == ()
    for number in range(1, len(whole.log) + 1):
        # From one slot to the other: the service sees the last removal while the next card is read.
        slot = number % 2
        until(lambda: not seen(0) and not seen(1), "the last card was gone")
        card = build.make(Plastic(model="cps3", leaves_at=number), datetime.now(UTC))
        with vpcd.insert(card, port=vpcd.PORT + slot):
            until(lambda at=slot: seen(at), "the card was seen")  # type: ignore[misc]
            found = [entry.cause.id for entry in (await examined.run()).entries]
            assert found == ["card.removed"], f"at command {number}"
    until(lambda: not seen(0) and not seen(1), "the last card was gone")
    with vpcd.insert(build.make(Plastic(model="cps3"), datetime.now(UTC))):
        until(lambda: seen(0), "the card was seen")
        assert (await examined.run()).entries == ()
