"""Every cause of this area, produced on the real service, is the first of the diagnosis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagcps.card.permitted import is_permitted

from . import vpcd
from .bench import Hold, Holder, Pcscd
from .conftest import InsertCard

ROOT = Path(__file__).parents[2]
ONLY = ("--only", "pcsc", "--only", "reader", "--only", "card")

Json = dict[str, Any]


def check(*options: str, user: tuple[str, ...] = (), **environment: str) -> tuple[int, Json]:
    """The exit code and the report of `diagcps check` on these areas, in a process of its own."""
    done = subprocess.run(
        [*user, sys.executable, "-m", "diagcps", "check", "--format", "json", *ONLY, *options],
        capture_output=True,
        text=True,
        timeout=40,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def causes(report: Json) -> list[str]:
    """The causes of the diagnosis, in its order."""
    return [entry["cause"] for entry in report["diagnosis"]]


def outcomes(report: Json) -> dict[str, str]:
    """What each check came to."""
    return {line["id"]: line["outcome"] for line in report["checks"]}


CARDS = {
    "cps3": (vpcd.CPS3, None),
    "cps4-t1": (vpcd.CPS4_T1, None),
    "cps4-rc": (vpcd.CPS4_RC, None),
    "cps4-t0": (vpcd.CPS4_T0, None),
    "contactless": (vpcd.CPS3_CONTACTLESS, "reader.contactless-only"),
    "cps2ter": (vpcd.CPS2TER, "card.obsolete"),
    "vitale-1": (vpcd.VITALE_1, "card.vitale"),
    "vitale-2": (vpcd.VITALE_2, "card.vitale"),
    "agent": (vpcd.AGENT, "card.not-cps"),
    "bank": (vpcd.OTHER, "card.not-cps"),
    "mute": (vpcd.MUTE, "card.mute"),
}


@pytest.mark.parametrize("name", CARDS)
def test_each_family_of_cards_has_its_cause(pcscd: Pcscd, card: InsertCard, name: str) -> None:
    atr, cause = CARDS[name]
    pcscd.start()
    inserted = card(atr)
    inserted.wait_for(vpcd.POWER_ON)
    time.sleep(0.5)
    code, report = check()
    assert causes(report) == ([] if cause is None else [cause])
    assert (code, report["verdict"]) == ((0, "ready") if cause is None else (2, "not-ready"))
    assert all(is_permitted(command) for command in inserted.apdus)


def test_no_service_is_stopped_service(inside_bench: None) -> None:
    code, report = check()
    assert (code, causes(report)[0]) == (2, "pcsc.service-stopped")
    assert outcomes(report)["card.present"] == "blocked"
    assert "card.present" in report["diagnosis"][0]["explains"]


def test_killed_service_is_stopped_service(pcscd: Pcscd) -> None:
    pcscd.start()
    pcscd.kill()
    assert causes(check()[1])[0] == "pcsc.service-stopped"


def test_frozen_service_does_not_respond(pcscd: Pcscd, card: InsertCard) -> None:
    pcscd.start()
    card(vpcd.CPS3)
    pcscd.freeze()
    began = time.monotonic()
    code, report = check()
    assert (code, causes(report)[0]) == (2, "pcsc.not-responding")
    assert time.monotonic() - began < 15
    pcscd.thaw()
    assert causes(check()[1]) == []


def test_service_of_others_is_denied(
    pcscd: Pcscd, as_nobody: tuple[str, ...], tmp_path: Path
) -> None:
    pcscd.start()
    pcscd.admit(others=False)
    if not _readable_by(as_nobody):
        pytest.skip("the checkout cannot be read by another user")
    code, report = check(user=as_nobody, HOME=str(tmp_path))
    assert (code, causes(report)[0]) == (2, "pcsc.access-denied")
    pcscd.admit(others=True)
    assert causes(check(user=as_nobody, HOME=str(tmp_path))[1])[0] == "card.absent"


def _readable_by(user: tuple[str, ...]) -> bool:
    command = [*user, sys.executable, "-c", "import diagcps.cli, smartcard.scard"]
    return subprocess.run(command, capture_output=True, cwd=ROOT, check=False).returncode == 0


def test_service_without_readers_has_none(pcscd: Pcscd) -> None:
    pcscd.start(readers=False)
    code, report = check()
    assert (code, causes(report)[0]) == (2, "reader.none")


def test_empty_reader_has_no_card(pcscd: Pcscd) -> None:
    pcscd.start()
    code, report = check()
    assert (code, causes(report)) == (2, ["card.absent"])


@pytest.mark.parametrize("hold", [Hold.EXCLUSIVE, Hold.TRANSACTION], ids=lambda h: h.value)
def test_held_card_names_the_program(
    pcscd: Pcscd,
    card: InsertCard,
    holder: Callable[[str, Hold], Holder],
    hold: Hold,
) -> None:
    pcscd.start()
    inserted = card(vpcd.CPS3)
    inserted.wait_for(vpcd.POWER_ON)
    program = holder(inserted.reader, hold)
    code, report = check()
    assert (code, causes(report)[0]) == (2, "reader.in-use")
    free = next(line for line in report["checks"] if line["id"] == "reader.free")
    named = [e["value"] for e in free["evidence"] if e["key"] == "program"]
    assert named == [Holder.NAME]
    program.release()
    assert causes(check()[1]) == []


def test_shared_card_is_not_in_use(
    pcscd: Pcscd, card: InsertCard, holder: Callable[[str, Hold], Holder]
) -> None:
    pcscd.start()
    inserted = card(vpcd.CPS4_T1)
    inserted.wait_for(vpcd.POWER_ON)
    holder(inserted.reader, Hold.SHARED)
    assert causes(check()[1]) == []


def test_card_that_leaves_while_it_is_read_is_removed(pcscd: Pcscd, card: InsertCard) -> None:
    pcscd.start()
    inserted = card(vpcd.CPS3, leaves_at_power_on=2)
    inserted.wait_for(vpcd.POWER_OFF, timeout_s=15)
    code, report = check()
    assert (code, causes(report)[0]) == (2, "card.removed")


@pytest.mark.parametrize("beside", [vpcd.VITALE_2, vpcd.MUTE, vpcd.OTHER, vpcd.CPS3_CONTACTLESS])
def test_whatever_lies_beside_a_cps_is_no_cause(
    pcscd: Pcscd, card: InsertCard, beside: bytes
) -> None:
    pcscd.start()
    for slot, atr in enumerate((beside, vpcd.CPS4_T1)):
        card(atr, slot=slot).wait_for(vpcd.POWER_ON)
    time.sleep(0.5)
    assert check()[0] == 0


def test_two_cps_are_several(pcscd: Pcscd, card: InsertCard) -> None:
    pcscd.start()
    for slot, atr in enumerate((vpcd.CPS3, vpcd.CPS4_T0)):
        card(atr, slot=slot).wait_for(vpcd.POWER_ON)
    time.sleep(0.5)
    code, report = check()
    assert (code, causes(report), report["verdict"]) == (
        1, ["card.several"], "ready-with-warnings",
    )  # fmt: skip


def test_mute_card_beside_a_vitale_is_the_cause(pcscd: Pcscd, card: InsertCard) -> None:
    pcscd.start()
    for slot, atr in enumerate((vpcd.VITALE_2, vpcd.MUTE)):
        card(atr, slot=slot).wait_for(vpcd.POWER_ON)
    time.sleep(0.5)
    assert causes(check()[1])[0] == "card.mute"


BROKEN = """
from diagcps.api import Area, Check, CheckId, Pcsc

def judge(facts):
    raise RuntimeError("on purpose")
    yield

CHECK = Check(id=CheckId("card.broken"), area=Area.CARD, judge=judge, uses=(Pcsc,))
"""


def test_broken_plugin_is_a_failed_check_and_nothing_is_lost(
    pcscd: Pcscd, card: InsertCard, tmp_path: Path
) -> None:
    folder = tmp_path / "checks"
    folder.mkdir(mode=0o700)
    (folder / "broken.py").write_text(BROKEN)
    (folder / "broken.py").chmod(0o600)
    pcscd.start()
    card(vpcd.CPS3).wait_for(vpcd.POWER_ON)
    time.sleep(0.5)
    code, report = check("--checks-dir", str(folder))
    assert causes(report) == ["check.failed"]
    assert outcomes(report)["card.broken"] == "unknown"
    assert outcomes(report)["card.recognised"] == "pass"
    assert code == 0, "a check that may find nothing blocking blocks nothing"


def test_plugin_that_cannot_be_imported_is_an_incomplete_tool(
    pcscd: Pcscd, card: InsertCard, tmp_path: Path
) -> None:
    folder = tmp_path / "checks"
    folder.mkdir(mode=0o700)
    (folder / "absent.py").write_text("import a_module_that_is_not_there\n")
    (folder / "absent.py").chmod(0o600)
    pcscd.start()
    card(vpcd.CPS3).wait_for(vpcd.POWER_ON)
    time.sleep(0.5)
    code, report = check("--only", "tool", "--checks-dir", str(folder))
    assert (code, causes(report)) == (1, ["tool.incomplete"])
    assert outcomes(report)["card.recognised"] == "pass"


def test_without_pyscard_the_tool_is_incomplete_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "smartcard").mkdir()
    (tmp_path / "smartcard" / "__init__.py").write_text("raise ImportError('not built')\n")
    code, report = check("--only", "tool", PYTHONPATH=str(tmp_path))
    assert (code, causes(report)[0]) == (3, "tool.incomplete")
    assert outcomes(report)["pcsc.service"] == "unknown"


def test_cards_that_come_and_go_during_runs_never_confuse(pcscd: Pcscd, card: InsertCard) -> None:
    """Ten swaps under ten runs: each run ends with one cause of the cards that there were."""
    pcscd.start()
    inserted = card(vpcd.CPS3)
    inserted.wait_for(vpcd.POWER_ON)
    stop = threading.Event()

    def swap() -> None:
        for atr in (vpcd.VITALE_2, vpcd.CPS4_T1, vpcd.OTHER, vpcd.CPS3) * 3:
            if stop.wait(0.3):
                return
            inserted.swap(atr)

    swapping = threading.Thread(target=swap, daemon=True)
    swapping.start()
    try:
        seen = {tuple(causes(check()[1])) for _ in range(10)}
    finally:
        stop.set()
        swapping.join(timeout=10)
    allowed = {(), *((c,) for c in ("card.vitale", "card.not-cps", "card.absent", "card.removed"))}
    assert seen <= allowed


def test_service_that_is_not_installed_is_unavailable(inside_bench: None) -> None:
    """A mount namespace of its own, in which the folders of pcscd and of its units are empty."""
    hidden = ("/usr/sbin", "/usr/lib/systemd/system", "/etc/systemd/system")
    mounts = " && ".join(f"mount -t tmpfs tmpfs {d}" for d in hidden if Path(d).is_dir())
    without = ("unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh")
    code, report = check(user=without)
    assert (code, causes(report)[0]) == (2, "pcsc.unavailable")
