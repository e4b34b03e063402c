"""What there is, and what a cause means, as the terminal shows it."""

from __future__ import annotations

import pytest

from diagcps import listing, registry, scenario
from diagcps.model import Level, Owner, Platform, UsageError
from diagcps.probes import BUILT_IN
from diagcps.profiles import load_profiles
from diagcps.words import LANGUAGES

WHAT = ("checks", "causes", "profiles", "scenarios")
each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(autouse=True)
def _built_in_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAGCPS_LOAD_ENTRY_POINTS", "0")


def ids(what: str) -> list[str]:
    return [str(row["id"]) for row in listing.rows(what, "fr")]


@pytest.mark.parametrize("what", WHAT)
def test_every_row_has_an_id_of_its_own(what: str) -> None:
    assert len(ids(what)) == len(set(ids(what))) > 0


def test_everything_there_is_is_listed() -> None:
    found = registry.load(BUILT_IN)
    assert ids("checks") == [check.id for check in found.checks]
    assert ids("causes") == list(found.causes)
    assert ids("profiles") == list(load_profiles())
    assert ids("scenarios") == [*scenario.names(), *scenario.LATER]


def test_what_comes_later_says_so() -> None:
    rows = {row["id"]: row["later"] for row in listing.rows("scenarios", "fr")}
    assert (rows["vitale"], rows["offline"]) == (False, True)
    rows = {row["id"]: row["later"] for row in listing.rows("profiles", "fr")}
    assert (rows["psc-card"], rows["tom"]) == (False, True)
    text = listing.text(listing.rows("profiles", "fr"))
    assert next(line for line in text.split("\n") if line.startswith("tom ")).endswith(
        "later version"
    )


def test_a_cause_is_listed_with_the_values_of_the_vocabulary() -> None:
    for row in listing.rows("causes", "fr"):
        assert row["level"] in {level.value for level in Level}
        assert row["owner"] in {owner.value for owner in Owner}
        assert isinstance(row["os"], list)
        assert set(row["os"]) <= {platform.value for platform in Platform}
        assert row["title"] != row["id"]


def test_a_check_is_listed_with_causes_that_are_listed() -> None:
    causes = set(ids("causes"))
    for row in listing.rows("checks", "fr"):
        assert isinstance(row["causes"], list)
        assert set(row["causes"]) <= causes


def test_titles_are_in_the_language_that_was_asked_for() -> None:
    tables = (listing.rows("causes", language) for language in LANGUAGES)
    french, english = ({row["id"]: row["title"] for row in table} for table in tables)
    assert french["card.absent"] == "Aucune carte n'est insérée"
    assert english["card.absent"] == "No card is inserted"


def test_endpoints_come_later() -> None:
    with pytest.raises(UsageError, match="later version"):
        listing.rows("endpoints", "fr")


def test_a_row_is_a_line_that_begins_with_its_id() -> None:
    lines = listing.text(listing.rows("checks", "fr")).splitlines()
    assert [line.split()[0] for line in lines] == ids("checks")
    assert all(line == line.rstrip() for line in lines)


@each_language
@pytest.mark.parametrize("cause", list(registry.load_causes()))
def test_every_cause_can_be_explained(cause: str, language: str) -> None:
    text = listing.explain(cause, language)
    assert f"[{cause}]" in text
    assert len(text.splitlines()) >= 3
    assert text.endswith("\n")


def test_an_explanation_says_who_and_what_to_do_in_steps() -> None:
    text = listing.explain("card.vitale", "en")
    assert "you" in text
    assert "→ Insert your CPS card instead" in text
    assert "  1. Take out the card that is in the reader." in text


def test_steps_that_differ_are_given_for_each_system_of_the_cause() -> None:
    text = listing.explain("pcsc.service-stopped", "en")
    assert text.count("  windows\n") == 1
    assert text.count("  linux\n") == 1


def test_a_remedy_of_one_system_is_given_for_that_system_alone() -> None:
    remedies = listing.explain("session.remote-no-reader", "en").split("→ ")[1:]
    assert ["  windows\n" in remedy for remedy in remedies] == [True, True, False]
    assert not any("  linux\n" in remedy or "  macos\n" in remedy for remedy in remedies)


def test_a_cause_that_is_not_detailed_yet_says_so() -> None:
    assert "does not detail this cause yet" in listing.explain("network.offline", "en")


@pytest.mark.parametrize("cause", ["", "card", "no.such", "CARD.ABSENT", "a\nb"])
def test_an_unknown_cause_is_refused(cause: str) -> None:
    with pytest.raises(UsageError, match=r"\Aunknown cause .*; see: diagcps list causes\Z"):
        listing.explain(cause, "fr")


@pytest.mark.parametrize(
    ("wanted", "language", "found"),
    [
        ("inseree", "fr", "card.absent"),
        ("INSÉRÉE aucune", "fr", "card.absent"),
        ("vitale", "en", "card.vitale"),
        ("card.mute", "fr", "card.mute"),
        ("not answer", "en", "card.mute"),
    ],
)
def test_a_cause_is_found_by_its_words_as_people_type_them(
    wanted: str, language: str, found: str
) -> None:
    assert found in [line.split()[0] for line in listing.search(wanted, language).splitlines()]


@pytest.mark.parametrize("code", ["0x8010001D", "8010001d", "SCARD_E_NO_SERVICE"])
def test_a_cause_is_found_by_its_status_code(code: str) -> None:
    found = [line.split()[0] for line in listing.search(code, "fr").splitlines()]
    assert "pcsc.service-stopped" in found


@pytest.mark.parametrize("wanted", ["", "   ", "xyzzy", "vitale xyzzy"])
def test_a_search_without_a_result_is_refused(wanted: str) -> None:
    with pytest.raises(UsageError, match="no cause speaks of"):
        listing.search(wanted, "fr")
