"""What counts for each use of the workstation."""

from __future__ import annotations

import pytest

from diagcps import registry, scenario
from diagcps.check import Area
from diagcps.examination import Examination, assemble
from diagcps.model import CheckId, Level, Outcome, UsageError
from diagcps.probes import BUILT_IN
from diagcps.profiles import DEFAULT, choose, load_profiles
from tests.builders import catalogue, cause, check, profile

CONTRACT = [
    "psc-card", "psc-ecps", "tom", "tops", "ecps-activation", "dmp", "sante-fr", "workstation",
    "full",
]  # fmt: skip
LATER = [id_ for id_, known in load_profiles().items() if known.later]


def test_every_profile_of_the_contract_is_known() -> None:
    assert set(CONTRACT) <= set(load_profiles())


def test_the_default_can_be_chosen() -> None:
    assert DEFAULT == "psc-card"
    assert choose(DEFAULT).id == DEFAULT


@pytest.mark.parametrize("id_", LATER)
def test_a_profile_of_a_later_version_is_refused_in_one_line(id_: str) -> None:
    with pytest.raises(UsageError, match=rf"\Athe profile {id_} comes with a later version\Z"):
        choose(id_)


@pytest.mark.parametrize("id_", ["", "PSC-CARD", "no-such", "../psc-card", "a\nb"])
def test_an_unknown_profile_is_refused_and_the_known_ones_are_named(id_: str) -> None:
    with pytest.raises(UsageError, match=r"\Aunknown profile .*; known: psc-card, .*full\Z"):
        choose(id_)


def test_a_workstation_needs_no_card() -> None:
    areas = choose("workstation").areas
    assert not {Area.CARD, Area.PIN, Area.CERTIFICATE} & set(areas)
    assert {Area.PCSC, Area.READER} <= set(areas)


def test_everything_but_the_tool_itself_is_in_the_full_profile() -> None:
    assert set(choose("full").areas) == set(Area) - {Area.TOOL}


def test_the_level_of_a_cause_is_the_profiles_or_the_catalogues() -> None:
    use = profile(levels={"card.a": Level.INFO})
    assert use.level(cause("card.a")) is Level.INFO
    assert use.level(cause("card.b")) is Level.KO


def test_a_check_blocks_when_one_of_its_causes_is_ko() -> None:
    known = catalogue(cause("card.a", Level.WARN), cause("card.b", Level.KO))
    both = check("card.both", causes=["card.a", "card.b"])
    assert profile().blocks(both, known)
    assert not profile(levels={"card.b": Level.WARN}).blocks(both, known)
    assert not profile().blocks(check("card.none"), known)


SERVICE, LOCATION = CheckId("pcsc.service"), CheckId("session.location")


def remote(named: frozenset[CheckId] | None = None) -> Examination:
    """A remote session without a reader, where the smart-card service alone counts."""
    subject = scenario.load("remote-no-reader")
    return assemble(
        registry=registry.load(BUILT_IN, installed=False),
        probes=subject.probes(),
        profile=profile(Area.PCSC),
        world=subject.world,
        simulated=True,
        named=named,
    )


async def test_the_failure_of_a_check_that_does_not_count_keeps_no_other() -> None:
    examined = remote()
    await examined.runner.run()
    assert LOCATION not in examined.runner.results
    assert examined.runner.results[SERVICE].outcome is Outcome.FAIL


async def test_a_named_check_waits_for_the_failure_that_would_answer_it() -> None:
    examined = remote(frozenset({SERVICE}))
    diagnosis = await examined.runner.run()
    results = examined.runner.results
    assert list(results) == [LOCATION, SERVICE]
    assert results[SERVICE].blocked_by == LOCATION
    assert (diagnosis.undecided, diagnosis.exit_code) == ((SERVICE,), 3)


def test_levels_name_causes_of_the_catalogue() -> None:
    causes = registry.load_causes()
    for known in load_profiles().values():
        assert set(known.levels) <= set(causes), known.id
