"""What is found to check: built in, installed and in folders; and what cannot be used."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from diagcps import registry
from diagcps.model import CauseId, CheckId, Level, Owner, Platform, RemedyId, UsageError
from diagcps.probes import BUILT_IN
from diagcps.registry import Registry
from diagcps.words import Words
from tests.builders import check

GOOD = """
    from dataclasses import dataclass

    from diagcps.api import (
        Area, Cause, CauseId, Check, CheckId, Evidence, Finding, Level, Owner, Probe,
    )


    @dataclass(frozen=True, kw_only=True)
    class Noise:
        level: int


    NOISY = Cause(id=CauseId("plug.noisy"), level=Level.WARN, owner=Owner.VENDOR)
    READ = Probe(gives=Noise, read=lambda world: Noise(level=3))


    def judge(facts):
        yield Evidence(key="noise", value=facts[Noise].level, source="plug-in")
        yield Finding(cause=NOISY.id)


    QUIET = Check(
        id=CheckId("plug.quiet"), area=Area.SOFTWARE, judge=judge, uses=(Noise,),
        needs=(CheckId("reader.present"),), causes=(NOISY.id,),
    )
"""

Write = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def _forget_plug_ins() -> Iterator[None]:
    """Modules that a test made importable are importable by no other."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("_diagcps_folder_", "diagcps_test_plug")):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own checks"
    made.mkdir(mode=0o755)
    return made


@pytest.fixture
def write(folder: Path) -> Write:
    """Writes one module of the folder."""

    def put(name: str, code: str) -> None:
        path = folder / f"{name}.py"
        path.write_text(textwrap.dedent(code), encoding="utf-8")
        path.chmod(0o644)

    return put


def one_check(id_: str, *, needs: str = "", unless: str = "", causes: str = "") -> str:
    """A module with one check that passes."""
    return f"""
        from diagcps.api import Area, CauseId, Check, CheckId

        ONE = Check(
            id=CheckId("{id_}"), area=Area.SOFTWARE, judge=lambda facts: (),
            needs=tuple(CheckId(n) for n in "{needs}".split()),
            unless=tuple(CheckId(n) for n in "{unless}".split()),
            causes=tuple(CauseId(c) for c in "{causes}".split()),
        )
    """


def load(*folders: Path) -> Registry:
    return registry.load(BUILT_IN, folders=folders, installed=False)


def ids(found: Registry) -> set[str]:
    return {each.id for each in found.checks}


def problems(found: Registry) -> dict[str, str]:
    return {problem.part: problem.detail.value for problem in found.problems}


BUILT_IN_IDS = {
    "tool.complete", "session.location", "pcsc.service", "reader.present", "reader.free",
    "reader.contact", "card.present", "card.answers", "card.recognised", "card.single",
}  # fmt: skip


def test_every_built_in_check_is_found_and_none_is_a_problem() -> None:
    found = load()
    assert ids(found) >= BUILT_IN_IDS
    assert found.problems == ()


def test_a_check_comes_after_what_it_waits_for() -> None:
    place = {each.id: number for number, each in enumerate(load().checks)}
    for each in load().checks:
        assert {*each.needs, *each.unless} == {*each.waits_for}
        assert all(place[other] < place[each.id] for other in each.waits_for)


def test_every_fact_that_a_built_in_check_uses_has_a_probe_or_is_the_tools_own() -> None:
    found = load()
    used = {fact for each in found.checks for fact in each.uses}
    assert {kind.__name__ for kind in used - found.probes.keys()} <= {"Tool"}


def test_every_cause_that_a_check_may_find_has_remedies_that_were_thought_about() -> None:
    text = (Path(__file__).parent.parent / "checks/content/causes.toml").read_text("utf-8")
    found = load()
    for each in found.checks:
        for cause in each.causes:
            line = next(part for part in text.split("\n") if part.startswith(f'"{cause}"'))
            assert "remedies" in line, cause


def test_the_catalogue_says_what_it_says() -> None:
    denied = registry.load_causes()[CauseId("pcsc.access-denied")]
    assert denied.level is Level.KO
    assert denied.owner is Owner.IT
    assert denied.platforms == {Platform.LINUX}
    assert denied.remedies == (RemedyId("pcsc.sign-in-locally"), RemedyId("pcsc.allow-user"))


def test_selecting_a_check_selects_what_it_waits_for_in_order() -> None:
    chosen = [each.id for each in load().select([CheckId("card.present")])]
    assert chosen == ["session.location", "pcsc.service", "reader.present", "card.present"]


def test_selecting_what_there_is_not_selects_nothing() -> None:
    assert load().select([CheckId("no.such")]) == ()


def test_a_check_id_has_an_area_and_a_subject() -> None:
    for id_ in ("card", "Card.present", "card.", ".present", "card present", "card..x", ""):
        with pytest.raises(ValueError, match="not a check id"):
            check(id_)


def test_a_folder_brings_a_check_a_probe_and_a_cause_of_its_own(folder: Path, write: Write) -> None:
    write("noise", GOOD)
    found = load(folder)
    assert found.problems == ()
    assert ids(found) == ids(load()) | {"plug.quiet"}
    assert {kind.__name__ for kind in found.probes} >= {"Noise", "Pcsc"}
    assert found.causes[CauseId("plug.noisy")].owner is Owner.VENDOR


def test_the_words_of_a_folder_are_shown(folder: Path, write: Write) -> None:
    write("noise", GOOD)
    words = folder / "content" / "en"
    words.mkdir(parents=True)
    (words / "noise.toml").write_text(
        '[cause."plug.noisy"]\ntitle = "It is noisy"\nmeaning = "Too loud."\n'
        '[check."plug.quiet"]\nquestion = "Is it quiet?"\n'
        '[cause."card.absent"]\ntitle = "Another title"\n',
        encoding="utf-8",
    )
    for language in ("en", "fr"):
        read = Words(language, load(folder).content)
        assert read.cause(CauseId("plug.noisy")).title == "It is noisy"
        assert read.question(CheckId("plug.quiet")) == "Is it quiet?"
        assert read.cause(CauseId("card.absent")).title != "Another title"


def test_a_module_of_the_folder_may_use_a_helper_beside_it(folder: Path, write: Write) -> None:
    write("_helper", "NAME = 'plug.helped'")
    write(
        "plug",
        """
        from diagcps.api import Area, Check, CheckId
        from ._helper import NAME

        HELPED = Check(id=CheckId(NAME), area=Area.SOFTWARE, judge=lambda facts: ())
        """,
    )
    found = load(folder)
    assert (problems(found), "plug.helped" in ids(found)) == ({}, True)


def test_a_folder_hides_no_module_of_anybody_else(folder: Path, write: Write) -> None:
    import json

    write("json", one_check("plug.json"))
    assert "plug.json" in ids(load(folder))
    assert sys.modules["json"] is json


BAD_MODULES = {
    "raises": ("raise RuntimeError('broken\\nplug-in')", "RuntimeError: broken"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "syntax": ("def (:", "SyntaxError"),
    "missing": ("import diagcps_test_no_such_module", "ModuleNotFoundError"),
    "id": (one_check("not an id"), "ValueError: not a check id"),
}


@pytest.mark.parametrize("name", BAD_MODULES)
def test_a_module_that_cannot_be_imported_is_a_problem_and_the_others_stay(
    folder: Path, write: Write, name: str
) -> None:
    code, said = BAD_MODULES[name]
    write(name, code)
    write("zz_good", one_check("plug.good"))
    found = load(folder)
    assert said in problems(found)[name]
    assert ids(found) == ids(load()) | {"plug.good"}


BAD_CHECKS = {
    "duplicate": (one_check("card.present"), "the check card.present exists already"),
    "need": (one_check("plug.a", needs="no.such"), "plug.a waits for no.such, which there is not"),
    "unless": (one_check("plug.a", unless="no.such"), "plug.a waits for no.such, which"),
    "cause": (one_check("plug.a", causes="no.such"), "plug.a may find no.such, which the"),
    "circle": (one_check("plug.a", needs="plug.a"), "checks that wait for each other"),
    "soft circle": (one_check("plug.a", unless="plug.a"), "checks that wait for each other"),
}


@pytest.mark.parametrize("name", BAD_CHECKS)
def test_a_check_that_cannot_be_used_is_a_problem_and_the_others_stay(
    folder: Path, write: Write, name: str
) -> None:
    code, said = BAD_CHECKS[name]
    write("plug", code)
    write("zz_good", one_check("plug.good"))
    found = load(folder)
    assert any(said in text for text in problems(found).values())
    assert ids(found) == ids(load()) | {"plug.good"}


def test_the_built_in_check_wins_over_one_of_the_same_id(folder: Path, write: Write) -> None:
    write("plug", one_check("card.present"))
    (kept,) = (each for each in load(folder).checks if each.id == "card.present")
    assert kept.judge.__module__ == "diagcps.checks.card"


@pytest.mark.parametrize("how", ["needs", "unless"])
def test_a_circle_goes_with_all_who_wait_for_it_and_leaves_the_rest(
    folder: Path, write: Write, how: str
) -> None:
    write("a", one_check("plug.a", needs="plug.b"))
    write("b", one_check("plug.b", needs="plug.c"))
    write("c", one_check("plug.c", **{how: "plug.a"}))
    write("d", one_check("plug.d", **{how: "plug.a"}))
    write("e", one_check("plug.e", **{how: "card.present"}))
    found = load(folder)
    assert ids(found) == ids(load()) | {"plug.e"}
    assert set(problems(found)) == {"plug.a", "plug.b", "plug.c", "plug.d"}


def test_a_second_probe_of_a_fact_is_a_problem_and_the_first_stays(
    folder: Path, write: Write
) -> None:
    write("plug", "from diagcps.api import Pcsc, Probe\nREAD = Probe(gives=Pcsc, read=len)\n")
    found = load(folder)
    assert problems(found) == {"plug": "LoadError: Pcsc is read already"}
    assert found.probes == load().probes


def test_a_second_cause_of_an_id_is_a_problem_and_the_first_stays(
    folder: Path, write: Write
) -> None:
    write("plug", GOOD.replace("plug.noisy", "card.absent"))
    found = load(folder)
    assert "the cause card.absent exists already" in problems(found)["plug"]
    assert found.causes[CauseId("card.absent")].owner is Owner.USER


def test_a_check_imported_from_elsewhere_is_no_second_one(folder: Path, write: Write) -> None:
    write("a", one_check("plug.a"))
    write("b", "from .a import ONE\nAGAIN = ONE\n")
    found = load(folder)
    assert (problems(found), "plug.a" in ids(found)) == ({}, True)


posix = pytest.mark.skipif(os.name != "posix", reason="permission bits of POSIX")


@posix
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_folder_that_others_may_write_is_refused(folder: Path, write: Write, mode: int) -> None:
    write("plug", "raise AssertionError('imported')")
    folder.chmod(mode)
    with pytest.raises(UsageError, match=r"refused: .*own checks can be written by another user"):
        load(folder)


@posix
@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_module_that_others_may_write_is_refused(folder: Path, write: Write, mode: int) -> None:
    write("plug", "raise AssertionError('imported')")
    (folder / "plug.py").chmod(mode)
    with pytest.raises(UsageError, match=r"refused: .*plug\.py can be written by another user"):
        load(folder)


@posix
def test_a_helper_that_others_may_write_is_refused(folder: Path, write: Write) -> None:
    write("_helper", "")
    write("plug", "from . import _helper")
    (folder / "_helper.py").chmod(0o646)
    with pytest.raises(UsageError, match=r"refused: .*_helper\.py can be written by another user"):
        load(folder)


@posix
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives away")
def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
        # What belongs to us and what belongs to root is trusted; a third user's is not.
        with pytest.raises(UsageError, match="can be written by another user"):
            load(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*nowhere"):
        load(tmp_path / "nowhere")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "check.py"
    file.write_text("", encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(UsageError):
        load(file)


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed distribution that offers the module `diagcps_test_plug`."""
    (tmp_path / "diagcps_test_plug.py").write_text(
        textwrap.dedent(one_check("plug.installed")), encoding="utf-8"
    )
    about = tmp_path / "diagcps_test_plug-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: diagcps-test-plug\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[diagcps.checks]\nplug = diagcps_test_plug\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("DIAGCPS_LOAD_ENTRY_POINTS", raising=False)
    return tmp_path


def test_an_installed_distribution_brings_its_checks(distribution: Path) -> None:
    assert "plug.installed" in ids(registry.load(BUILT_IN))


def test_installed_distributions_can_be_left_out(
    distribution: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIAGCPS_LOAD_ENTRY_POINTS", "0")
    assert "plug.installed" not in ids(registry.load(BUILT_IN))
    assert "diagcps_test_plug" not in sys.modules


def test_an_installed_distribution_that_is_broken_is_a_problem_by_its_name(
    distribution: Path,
) -> None:
    (distribution / "diagcps_test_plug.py").write_text("raise OSError('broken')", encoding="utf-8")
    found = registry.load(BUILT_IN)
    assert problems(found) == {"plug": "OSError: broken"}
    assert ids(found) >= BUILT_IN_IDS
