"""The authorities that are pinned, and those of a file in their place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from diagcps.card import anchors
from diagcps.card.anchors import default_anchors, read_anchors
from diagcps.card.x509 import read_certificate
from diagcps.facts import Trust
from diagcps.model import LoadError, UsageError
from tests.card.certificates import COMMON_NAME, COUNTRY, FORT, IGC, Authority, fingerprint
from tests.strategies import quick

LEVELS = ("ELEMENTAIRE", "FORT", "STANDARD")
AUTHORITY = Authority()
ROOT = Authority(parts=(*IGC, ((COMMON_NAME, "AC RACINE IGC-SANTE FORT"),)))


def pem(data: bytes) -> bytes:
    return x509.load_der_x509_certificate(data).public_bytes(Encoding.PEM)


class TestDefault:
    def test_they_are_the_roots_and_intermediates_of_igc_sante(self) -> None:
        expected = {f"AC RACINE IGC-SANTE {level}" for level in LEVELS} | {
            f"AC IGC-SANTE {level} {kind}"
            for level in LEVELS
            for kind in ("ORGANISATIONS", "PERSONNES")
        }

        found = default_anchors()

        assert found.names == expected
        assert found.default
        assert found.certificates == ()

    def test_each_has_a_fingerprint_of_its_own(self) -> None:
        found = default_anchors().fingerprints

        assert len(found) == 9
        assert all(len(bytes.fromhex(each)) == 32 and each.islower() for each in found)

    def test_the_file_says_where_the_statement_comes_from_and_when(self) -> None:
        file = Path(anchors.__file__).with_name("anchors.toml")

        said = tomllib.loads(file.read_text(encoding="utf-8"))

        assert "Cryptolib CPS 5.2.2" in said["source"]
        assert said["stated"].year >= 2026

    def test_an_authority_that_only_bears_one_of_these_names_is_not_trusted(self) -> None:
        found = read_certificate(AUTHORITY.sign(), anchors=default_anchors(), stored=())

        assert found.trust is Trust.ISSUER_NOT_FOUND

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "authorities = ",
            "[authorities]",
            "authorities = 3",
            'authorities = ["AC"]',
            "authorities = { AC = 3 }",
            'authorities = { AC = "00" }',
            f'authorities = {{ AC = "{"A" * 64}" }}',
            f'authorities = {{ AC = "{"a" * 64}\\n" }}',
        ],
    )
    def test_a_damaged_file_is_an_error_of_the_tool(
        self, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "anchors.toml").write_text(text, encoding="utf-8")
        monkeypatch.setattr(anchors, "__file__", str(tmp_path / "anchors.py"))

        with pytest.raises(LoadError):
            default_anchors()

    def test_a_missing_file_is_an_error_of_the_tool(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(anchors, "__file__", str(tmp_path / "anchors.py"))

        with pytest.raises(LoadError):
            default_anchors()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "anchors.pem"


class TestFile:
    def test_every_certificate_of_a_bundle_is_pinned(self, file: Path) -> None:
        file.write_bytes(b"Roots\n\n" + pem(AUTHORITY.certificate) + b"\n" + pem(ROOT.certificate))

        found = read_anchors(file)

        assert found.certificates == (AUTHORITY.certificate, ROOT.certificate)
        assert found.fingerprints == {fingerprint(each) for each in found.certificates}
        assert found.names == {FORT, "AC RACINE IGC-SANTE FORT"}
        assert not found.default

    def test_one_certificate_in_der_is_taken_too(self, file: Path) -> None:
        file.write_bytes(AUTHORITY.certificate)

        assert read_anchors(file).certificates == (AUTHORITY.certificate,)

    def test_what_its_authorities_sign_is_trusted_wherever_it_is_read(self, file: Path) -> None:
        file.write_bytes(pem(AUTHORITY.certificate))

        found = read_certificate(AUTHORITY.sign(), anchors=read_anchors(file), stored=())

        assert (found.trust, found.anchor) == (Trust.TRUSTED, f"{FORT} (given with the anchors)")

    def test_an_authority_without_a_common_name_has_none(self, file: Path) -> None:
        nameless = Authority(parts=(((COUNTRY, "FR"),),))
        file.write_bytes(nameless.certificate)

        assert read_anchors(file).names == frozenset()

    def test_a_missing_file_is_said_so_in_one_line(self, file: Path) -> None:
        assert "cannot read" in refusal_of(file)

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        assert "cannot read" in refusal_of(tmp_path)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "empty"),
            (b"no certificate\n", "no certificates"),
            (b"\0" * (1 << 20), "no certificates"),
            (b"\0" * ((1 << 20) + 1), "larger than 1 MiB"),
            (pem(AUTHORITY.certificate)[:-30], "no certificates"),
            (pem(AUTHORITY.certificate) + b"-----BEGIN CERTIFICATE-----\n", "no certificates"),
            (AUTHORITY.certificate + b"\0", "no certificates"),
            (AUTHORITY.certificate[:-1], "no certificates"),
        ],
        ids=range(8),
    )
    def test_an_unusable_one_is_said_so_in_one_line(
        self, file: Path, content: bytes, words: str
    ) -> None:
        file.write_bytes(content)

        assert words in refusal_of(file)

    def test_an_authority_with_a_key_of_an_unknown_kind_is_refused(self, file: Path) -> None:
        curve, unknown = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")
        assert curve in AUTHORITY.certificate
        file.write_bytes(AUTHORITY.certificate.replace(curve, unknown))

        assert "no certificates" in refusal_of(file)


def refusal_of(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_anchors(file)
    said = str(caught.value)
    assert "\n" not in said
    assert str(file) in said
    return said


@quick
@given(st.integers(0, len(AUTHORITY.certificate) - 1), st.binary(max_size=4), st.booleans())
def test_no_damage_to_a_file_raises_anything_undeclared(
    tmp_path_factory: pytest.TempPathFactory, place: int, inserted: bytes, as_pem: bool
) -> None:
    file = tmp_path_factory.mktemp("anchors") / "file"
    whole = pem(AUTHORITY.certificate) if as_pem else AUTHORITY.certificate
    file.write_bytes(whole[:place] + inserted + whole[place + 1 :])

    try:
        found = read_anchors(file)
    except UsageError:
        return
    assert len(found.certificates) == len(found.fingerprints) == 1
