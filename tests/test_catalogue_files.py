"""The catalogue of the field, and an administrator's files in the place of the shipped ones."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from datetime import date
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
def test_each_file_says_its_date_and_its_source(path: Path) -> None:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    assert date.fromisoformat(data["date"])
    assert data["source"]


def test_a_checksum_is_md5_and_a_fingerprint_sha1() -> None:
    for file in CATALOGUE.cryptolib.files:
        assert all(re.fullmatch(r"[0-9a-f]{32}", each.md5) for each in file.checksums), file.name
    authorities = CATALOGUE.authorities.authorities
    assert all(re.fullmatch(r"[0-9A-F]{40}", each.sha1) for each in authorities)
    assert len({each.sha1 for each in authorities}) == len(authorities)


def test_a_reader_has_the_numbers_that_usb_gives_and_stands_once() -> None:
    numbers = [(each.vendor_id, each.product_id) for each in CATALOGUE.readers.readers]
    assert all(re.fullmatch(r"[0-9a-f]{4}", part) for number in numbers for part in number)
    assert len(set(numbers)) == len(numbers)


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
    ],
    ids=["empty", "cut", "no-text", "no-source", "unknown-key", "wrong-type", "large", "deep"],
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
