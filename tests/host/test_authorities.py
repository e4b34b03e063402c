"""The stores of a workstation: which certificates each system hands over, unparsed."""

from __future__ import annotations

import base64
import os
import ssl
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.facts import StoredCertificate
from diagcps.host.common import certificates_in, certificates_of_file, certificates_of_folder
from diagcps.host.linux import LinuxHost
from diagcps.host.windows import WindowsHost
from diagcps.model import ProbeUnsupported
from tests.host.mac_root import KEYCHAIN, Mac
from tests.strategies import quick

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files and programs")

ONE, TWO, THREE = (bytes((0x30, 3, 2, 1, number)) for number in (1, 2, 3))
"""The stores are not parsed: any DER does."""
BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def pem(data: bytes) -> bytes:
    lines = "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 64))
    return b"\n".join((BEGIN, lines.encode(), END, b""))


def kept(data: bytes, source: str) -> StoredCertificate:
    return StoredCertificate(data=data, source=source)


class TestText:
    def test_every_certificate_of_a_bundle_is_found(self) -> None:
        bundle = b"# one\n" + pem(ONE) + b"\n# two\r\n" + pem(TWO).replace(b"\n", b"\r\n")

        assert certificates_in(bundle, "bundle") == (kept(ONE, "bundle"), kept(TWO, "bundle"))

    def test_a_file_in_der_is_one_certificate(self) -> None:
        assert certificates_in(ONE, "file") == (kept(ONE, "file"),)

    @pytest.mark.parametrize("data", [b"", b"text", b"\x31\x00", b"-----BEGIN PUBLIC KEY-----"])
    def test_anything_else_is_none(self, data: bytes) -> None:
        assert certificates_in(data, "file") == ()

    @pytest.mark.parametrize(
        "damaged",
        [BEGIN + b"\nMAMC\n", BEGIN + b"\nMAMCA\n" + END, BEGIN + END, BEGIN + b"\n\xff\n" + END],
    )
    def test_damaged_ones_are_left_out_of_a_bundle(self, damaged: bytes) -> None:
        bundle = pem(ONE) + damaged + b"\n" + pem(TWO)

        assert [each.data for each in certificates_in(bundle, "")] == [ONE, TWO]


@quick
@given(st.lists(st.binary(min_size=1, max_size=100)), st.text("-\n BEGINX", max_size=60))
def test_what_was_written_is_read_whatever_stands_between(parts: list[bytes], text: str) -> None:
    bundle = b"".join(text.encode() + b"\n" + pem(part) for part in parts)
    found = certificates_in(bundle, "")

    assert [each.data for each in found] == parts


@quick
@given(
    st.lists(st.sampled_from([BEGIN, END, b"MAMC", b"AQE=", b"\n", b"\xff", b"="]) | st.binary())
)
def test_any_bytes_are_read(parts: list[bytes]) -> None:
    assert all(each.data for each in certificates_in(b"".join(parts), ""))


class TestFiles:
    def test_a_folder_s_certificates_come_by_name_with_the_folder_s_own(
        self, tmp_path: Path
    ) -> None:
        for name, data in (("B.cer", TWO), ("A.CER", pem(ONE)), ("A.txt", THREE)):
            (tmp_path / name).write_bytes(data)

        found = certificates_of_folder(tmp_path, "the folder")

        assert found == (kept(ONE, "the folder"), kept(TWO, "the folder"))

    def test_what_is_not_there_adds_nothing(self, tmp_path: Path) -> None:
        assert certificates_of_folder(tmp_path / "none", "") == ()
        assert certificates_of_file(tmp_path / "none", "") == ()

    def test_a_file_in_the_place_of_a_folder_adds_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(ONE)

        assert certificates_of_folder(tmp_path / "file", "") == ()
        assert certificates_of_file(tmp_path / "file" / "below", "") == ()

    def test_a_folder_in_the_place_of_a_file_adds_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.cer").mkdir()

        assert certificates_of_folder(tmp_path, "") == ()

    def test_a_file_that_is_too_large_adds_nothing(self, tmp_path: Path) -> None:
        file = tmp_path / "a.cer"
        file.write_bytes(ONE + bytes(64 << 10))

        assert certificates_of_folder(tmp_path, "") == ()
        assert len(certificates_of_file(file, "")) == 1

    def test_a_folder_with_too_many_files_is_read_in_part(self, tmp_path: Path) -> None:
        for number in range(300):
            (tmp_path / f"{number}.cer").write_bytes(ONE)

        assert len(certificates_of_folder(tmp_path, "")) == 256

    @posix
    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.cer")

        assert certificates_of_folder(tmp_path, "") == ()

    @posix
    def test_a_link_that_leads_nowhere_or_to_itself_adds_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.cer").symlink_to("nowhere")
        (tmp_path / "b.cer").symlink_to("b.cer")

        assert certificates_of_folder(tmp_path, "") == ()


def write(root: Path, path: str, data: bytes) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


class TestLinux:
    COFFRE = "etc/opt/santesocial/CPS/Coffre"

    def test_the_coffre_comes_before_the_system_s_bundle(self, tmp_path: Path) -> None:
        write(tmp_path, f"{self.COFFRE}/ACR_FORT.cer", ONE)
        write(tmp_path, "etc/ssl/certs/ca-certificates.crt", pem(TWO) + pem(THREE))

        assert LinuxHost(tmp_path, {}).authorities() == (
            kept(ONE, f"/{self.COFFRE}"),
            kept(TWO, "/etc/ssl/certs/ca-certificates.crt"),
            kept(THREE, "/etc/ssl/certs/ca-certificates.crt"),
        )

    def test_another_distribution_s_bundle_is_found_too(self, tmp_path: Path) -> None:
        write(tmp_path, "etc/pki/tls/certs/ca-bundle.crt", pem(ONE))

        assert LinuxHost(tmp_path, {}).authorities() == (
            kept(ONE, "/etc/pki/tls/certs/ca-bundle.crt"),
        )

    def test_one_bundle_is_enough(self, tmp_path: Path) -> None:
        write(tmp_path, "etc/ssl/certs/ca-certificates.crt", pem(ONE))
        write(tmp_path, "etc/pki/tls/certs/ca-bundle.crt", pem(ONE))

        assert len(LinuxHost(tmp_path, {}).authorities()) == 1

    def test_a_system_without_any_store_has_none(self, tmp_path: Path) -> None:
        assert LinuxHost(tmp_path, {}).authorities() == ()


class TestMac:
    @pytest.fixture
    def mac(self, tmp_path: Path) -> Mac:
        mac = Mac(tmp_path)
        write(tmp_path, "Library/Preferences/santesocial/CPS/coffre/ACR_FORT.cer", ONE)
        return mac

    def test_the_coffre_comes_before_the_system_s_keychains(self, mac: Mac) -> None:
        roots = "/System/Library/Keychains/SystemRootCertificates.keychain"
        mac.answer((*KEYCHAIN, roots), pem(TWO))

        found = mac.host().authorities()

        assert [each.data for each in found] == [ONE, TWO]
        assert found[1].source == "System.keychain, SystemRootCertificates.keychain"

    def test_keychains_that_cannot_be_read_add_nothing(self, mac: Mac) -> None:
        assert [each.data for each in mac.host().authorities()] == [ONE]


class TestWindows:
    @pytest.fixture(autouse=True)
    def stores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def ask(store: str) -> list[tuple[bytes, str, bool]]:
            if store == "CA":
                raise PermissionError(5, "Access is denied")
            return [(TWO, "x509_asn", True), (THREE, "pkcs_7_asn", True)]

        monkeypatch.setattr(ssl, "enum_certificates", ask, raising=False)

    def test_the_coffre_comes_before_the_system_s_stores(self, tmp_path: Path) -> None:
        write(tmp_path, "santesocial/cps/coffre/ACR_FORT.cer", ONE)

        assert WindowsHost({"ALLUSERSPROFILE": str(tmp_path)}).authorities() == (
            kept(ONE, r"%ALLUSERSPROFILE%\santesocial\cps\coffre"),
            kept(TWO, "certificate store ROOT"),
        )

    @pytest.mark.parametrize("environ", [{}, {"ALLUSERSPROFILE": ""}])
    def test_without_the_variable_the_stores_remain(self, environ: dict[str, str]) -> None:
        assert [each.data for each in WindowsHost(environ).authorities()] == [TWO]

    def test_other_systems_have_no_such_stores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(ssl, "enum_certificates")

        with pytest.raises(ProbeUnsupported):
            WindowsHost({}).authorities()
