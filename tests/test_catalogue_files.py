"""The catalogue of the field, and an administrator's files in the place of the shipped ones."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps import catalogue_files
from diagcps.catalogue import Catalogue
from diagcps.catalogue_files import CatalogueFiles
from diagcps.facts import Tool
from diagcps.model import LoadError, RemedyId
from diagcps.probes import tool_probe
from diagcps.remedies import Remedies
from diagcps.resources import data_dir
from tests.builders import CATALOGUE, world
from tests.strategies import quick

DATA = Path(catalogue_files.__file__).with_name("data")
FILES = sorted(DATA.glob("*.toml"))
BROWSERS = 'date = "2030-01-01"\nsource = "test"\n'


def test_each_part_of_the_catalogue_is_a_file_and_each_file_a_part() -> None:
    assert {path.stem for path in FILES} == {each.name for each in fields(Catalogue)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_says_its_source(path: Path) -> None:
    assert tomllib.loads(path.read_text(encoding="utf-8"))["source"]


def test_an_authority_and_a_reader_stand_once() -> None:
    sums = [each.sha1 for each in CATALOGUE.authorities.authorities]
    numbers = [(each.vendor_id, each.product_id) for each in CATALOGUE.readers.readers]
    assert (len(set(sums)), len(set(numbers))) == (len(sums), len(numbers))


def test_the_authorities_are_those_that_the_installer_adds_and_removes() -> None:
    """The specification of the Windows installer, annexes C (nine) and I (eighteen)."""
    old = [each.old for each in CATALOGUE.authorities.authorities]
    assert (old.count(False), old.count(True)) == (9, 18)


def test_a_file_of_the_administrator_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    tmp_path.joinpath("browsers.toml").write_text(BROWSERS, encoding="utf-8")
    files = CatalogueFiles(tmp_path)
    assert files().browsers.date == "2030-01-01"
    assert files().readers == CATALOGUE.readers
    assert files.refused() == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"date = ",
        b"\xff\xfe",
        b'date = "2030-01-01"\n',
        BROWSERS.encode() + b"extra = 1\n",
        BROWSERS.encode() + b"browsers = 1\n",
        b"#" * (1 << 20) + b"\n" + BROWSERS.encode(),
        b"a = " + b"[" * 50_000,
        BROWSERS.replace("2030", "1999").encode(),
        BROWSERS.replace("-01-01", "-13-01").encode(),
        BROWSERS.replace("2030-01-01", "1999-banana").encode(),
        BROWSERS.replace("2030-01-01", "20300101").encode(),
        BROWSERS.replace('"2030-01-01"', "2030-01-01").encode(),
    ],
    ids=[
        *("empty", "cut", "no-text", "no-source", "unknown-key", "wrong-type", "large", "deep"),
        *("older", "month-13", "banana", "other-form", "no-text-date"),
    ],
)
async def test_a_bad_file_is_refused_whole_and_told_and_the_shipped_one_is_used(
    tmp_path: Path, content: bytes
) -> None:
    tmp_path.joinpath("browsers.toml").write_bytes(content)
    files = CatalogueFiles(tmp_path)
    assert files() == CATALOGUE
    tool = await tool_probe([], files).read(world())
    assert isinstance(tool, Tool)
    assert [part.part for part in tool.missing] == ["browsers.toml"]


def of_a_day(content: str, day: str) -> str:
    """The file as if it had been written that day."""
    return re.sub('^date = "[^"]*"$', f'date = "{day}"', content, count=1, flags=re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_the_same_day_is_used_and_one_of_the_day_before_is_refused(
    path: Path, tmp_path: Path
) -> None:
    own, content = tmp_path / path.name, path.read_text(encoding="utf-8")
    own.write_text(content, encoding="utf-8")
    assert CatalogueFiles(tmp_path).refused() == ()
    shipped = getattr(CATALOGUE, path.stem).date
    before = date.fromisoformat(shipped) - timedelta(days=1)
    own.write_text(of_a_day(content, before.isoformat()), encoding="utf-8")
    (problem,) = CatalogueFiles(tmp_path).refused()
    assert problem.detail.value == f"{path.name}: of {before}, older than {shipped}"


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_numbers_and_checksums_are_kept_in_one_case_whatever_a_file_writes(
    case: Callable[[str], str], tmp_path: Path
) -> None:
    number = re.compile(
        '(?<=")(?:[0-9a-f]{4}|[0-9a-f]{32}|[0-9a-f]{40}|{[0-9a-f-]{36}})(?=")', re.IGNORECASE
    )
    for name in ("authorities.toml", "cryptolib.toml", "readers.toml"):
        shipped = (DATA / name).read_text(encoding="utf-8")
        own = number.sub(lambda found: case(found[0]), shipped)
        tmp_path.joinpath(name).write_text(own, encoding="utf-8")
    files = CatalogueFiles(tmp_path)
    assert files() == CATALOGUE
    assert files.refused() == ()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("authorities.toml", ("4B23D44DC5", "4B23D44DC")),
        ("authorities.toml", ("4B23D44DC5", "4B 23 D4 4D C5")),
        ("authorities.toml", ("4B23D44DC5", "GB23D44DC5")),
        ("cryptolib.toml", ("715a21de95a37b", "715a21de95a37")),
        ("cryptolib.toml", ("{297EFD05-38C7-479C-BC34-BC269DCDE018}", "297EFD05")),
        ("cryptolib.toml", ('seen = "2026-11-24"', 'seen = "24/11/2026"')),
        ("readers.toml", ('vendor_id = "', 'vendor_id = "0x')),
    ],
)
def test_a_file_with_a_number_of_another_form_is_refused_whole(
    tmp_path: Path, name: str, change: tuple[str, str]
) -> None:
    shipped = (DATA / name).read_text(encoding="utf-8")
    assert change[0] in shipped
    tmp_path.joinpath(name).write_text(shipped.replace(*change), encoding="utf-8")
    files = CatalogueFiles(tmp_path)
    assert [each.part for each in files.refused()] == [name]
    assert files() == CATALOGUE


CONTACTS = data_dir("checks") / "content" / "contacts.toml"


def test_contacts_of_the_administrator_take_the_place_of_the_shipped_ones(tmp_path: Path) -> None:
    own = CONTACTS.read_text(encoding="utf-8").replace("0 825 852 000", "01 23 45 67 89")
    tmp_path.joinpath("contacts.toml").write_text(own, encoding="utf-8")
    files = CatalogueFiles(tmp_path)
    assert files.refused() == ()
    remedies = Remedies([CONTACTS.parent], files.contacts)
    remedy = remedies.get(RemedyId("card.replace"))
    assert remedy is not None
    assert remedy.contact is not None
    assert remedy.contact.number == "01 23 45 67 89"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('number = "36 08"', ""), "telephone.cpam has no number"),
        (('number = "36 08"', "number = 3608"), "telephone.cpam.number is no text"),
        (('number = "36 08"', 'number = "36\\u001b08"'), "telephone.cpam.number is no text"),
        (('url = "https://esante.gouv.fr/form/contact"', 'url = "javascript:0"'), "is no page"),
        (("[telephone.cpam]", "[[telephone.cpam]]"), "telephone.cpam is not a table"),
        (("date_seen = ", "date_seen = 2000-01-01 # "), "no entry was seen on "),
        (("date_seen", "day"), "no entry was seen on "),
        (("date_seen = ", "date_seen = 0 # "), "telephone.ans-support.date_seen is no day"),
    ],
)
def test_bad_contacts_are_refused_and_the_shipped_ones_used(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    text = CONTACTS.read_text(encoding="utf-8")
    assert change[0] in text
    tmp_path.joinpath("contacts.toml").write_text(text.replace(*change), encoding="utf-8")
    files = CatalogueFiles(tmp_path)
    (problem,) = files.refused()
    assert (problem.part, complaint in problem.detail.value) == ("contacts.toml", True)
    assert files.contacts() is None


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("readers.toml").mkdir()
    assert [each.part for each in CatalogueFiles(tmp_path).refused()] == ["readers.toml"]


@quick
@given(content=st.binary(max_size=80))
def test_no_content_of_a_file_stops_the_tool(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("data")
    folder.joinpath("ports.toml").write_bytes(content)
    assert CatalogueFiles(folder)() == CATALOGUE


def test_a_damaged_file_of_the_tool_itself_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_files, "_SHIPPED", tmp_path)
    with pytest.raises(LoadError, match=r"\.toml"):
        CatalogueFiles()()
