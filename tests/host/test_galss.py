"""What galss.ini says, however it was written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagcps.facts import FileState
from diagcps.host.galss import decoded, parse_galss, read_galss
from diagcps.model import Private, PrivateKind
from diagcps.workstation import Channel, ChannelKind, Galss
from tests.strategies import quick

FILE = """\
[PROTOCOLE0]
Config=1000,20,15000
NomLib=PSSINW64.DLL
[PROTOCOLE1]
NomLib=PCSCW64.DLL
ListeCanaux=1,2
[CONFIG]
NbCanaux=2
[CANAL1]
TCanal=3
Index=1
Caracteristiques=FEI Smart Card CPS 0
[CANAL1.PAD1]
NbLAD=1
[CANAL1.PAD1.LAD1]
LAD=1
NomLAD=CPS
NomAlias1=TRANSPA1
[CANAL2]
TCanal=1
Caracteristiques=9600,1,8,0,0
[CANAL2.PAD1.LAD1]
NomLAD=Vitale
[CANAL2.PAD1.LAD2]
NomLAD=Log_SV
"""
CPS = Channel(
    number=1, kind=ChannelKind.PCSC, reader=Private(PrivateKind.READER, "FEI Smart Card CPS 0"),
    names=("CPS",),
)  # fmt: skip
SERIAL = Channel(number=2, kind=ChannelKind.SERIAL, names=("Vitale", "Log_SV"))


def channel(lines: str) -> Channel:
    """The only channel of a file of these lines."""
    ((found,), _) = parse_galss(f"[CANAL1]\n{lines}")
    return found


def test_the_channels_and_what_they_serve_are_read() -> None:
    assert parse_galss(FILE) == ((CPS, SERIAL), True)


def test_case_blanks_quotes_and_comments_change_nothing() -> None:
    written = "; [CANAL9]\r\n" + FILE.upper().replace("=", " = ").replace("\n", "\r\n")
    channels, serial_library = parse_galss(written.replace("CPS 0", '"CPS 0"').replace('"', ""))
    assert [each.kind for each in channels] == [ChannelKind.PCSC, ChannelKind.SERIAL]
    assert channels[1].names == ("VITALE", "LOG_SV")
    assert serial_library
    assert channel('TCanal="3"\nCaracteristiques="A"').reader == Private(PrivateKind.READER, "A")


@pytest.mark.parametrize(
    ("library", "is_serial"),
    [
        ("PSSINW32.DLL", True),
        (r"C:\Windows\pssinw64.dll", True),
        ("/Library/Frameworks/pssinosx", True),
        ("PCSCW64.DLL", False),
        ("pcscosx", False),
        (r"C:\PSSINW\other.dll", False),
        ("", False),
    ],
)
def test_the_serial_library_is_known_by_its_name(library: str, is_serial: bool) -> None:
    assert parse_galss(f"[PROTOCOLE3]\nNomLib={library}") == ((), is_serial)


@pytest.mark.parametrize("value", ["2", "", "x", "33", "9" * 5000])
def test_a_channel_of_no_known_kind_is_another_one_and_names_no_reader(value: str) -> None:
    found = channel(f"TCanal={value}\nCaracteristiques=Reader")
    assert (found.kind, found.reader) == (ChannelKind.OTHER, None)


def test_the_first_key_and_the_first_section_of_a_name_count() -> None:
    found = channel(
        "TCanal=3\nTCanal=1\nCaracteristiques=A\n[CANAL1]\nTCanal=1\nCaracteristiques=B"
    )
    assert (found.kind, found.reader) == (ChannelKind.PCSC, Private(PrivateKind.READER, "A"))


@pytest.mark.parametrize(
    ("count", "numbers"), [("1", [1]), ("2", [1, 2]), ("", [1, 2, 7]), ("x", [1, 2, 7])]
)
def test_channels_that_are_not_counted_are_not_used(count: str, numbers: list[int]) -> None:
    text = f"[CONFIG]\nNbCanaux={count}\n[CANAL7]\nTCanal=1\n[CANAL2]\n[CANAL1]\n"
    assert [each.number for each in parse_galss(text)[0]] == numbers


def test_a_channel_serves_each_name_once() -> None:
    text = "[CANAL1]\n" + "".join(f"[CANAL1.PAD1.LAD{n}]\nNomLAD=CPS\n" for n in range(40))
    assert parse_galss(text)[0][0].names == ("CPS",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_french_is_read_in_every_encoding_that_windows_writes(encoding: str) -> None:
    text = "[CANAL1]\nTCanal=3\nCaracteristiques=Lecteur sécurisé\n"
    found = channel(decoded(text.encode(encoding)).partition("\n")[2])
    assert found.reader == Private(PrivateKind.READER, "Lecteur sécurisé")


def test_names_that_others_chose_are_printable_and_short() -> None:
    found = channel("TCanal=3\nCaracteristiques=\x1b[2J<script>" + "x" * 1000)
    assert found.reader is not None
    assert found.reader.value.startswith("[2J<script>x")
    assert len(found.reader.value) == 128


lines = st.sampled_from(
    ["[CANAL1]", "[CANAL2]", "[CANAL1.PAD1.LAD1]", "[CONFIG]", "NbCanaux=1", "TCanal=3", "TCanal=1",
     "Caracteristiques=Reader", "NomLAD=CPS", "[", "]", "=", "[[CANAL1]]", "[PROTOCOLE1]",
     "NomLib=PSSINW64.DLL"]
)  # fmt: skip


@quick
@given(text=st.text() | st.lists(lines | st.text(max_size=20), max_size=30).map("\n".join))
def test_any_text_gives_few_channels_in_order(text: str) -> None:
    channels, _ = parse_galss(text)
    numbers = [each.number for each in channels]
    assert numbers == sorted(set(numbers))
    assert len(channels) <= 64
    for each in channels:
        assert all(name.isprintable() and 0 < len(name) <= 128 for name in each.names)


@quick
@given(data=st.binary(max_size=200))
def test_any_bytes_are_text(data: bytes) -> None:
    parse_galss(decoded(data))


class TestFile:
    def test_a_file_is_read_under_its_label(self, tmp_path: Path) -> None:
        file = tmp_path / "galss.ini"
        file.write_bytes(FILE.encode("cp1252"))
        assert read_galss(file, "galss.ini") == Galss(
            state=FileState.PRESENT, channels=(CPS, SERIAL), serial_library=True, source="galss.ini"
        )

    @pytest.mark.parametrize("data", [b"", b" \r\n\0\0", b"\xff\xfe"])
    def test_a_file_without_a_word_is_empty(self, tmp_path: Path, data: bytes) -> None:
        file = tmp_path / "galss.ini"
        file.write_bytes(data)
        assert read_galss(file, "galss.ini").state is FileState.EMPTY

    def test_a_file_that_is_not_there_is_absent(self, tmp_path: Path) -> None:
        assert read_galss(tmp_path / "a" / "b", "galss.ini").state is FileState.ABSENT
        assert read_galss(tmp_path, "galss.ini").state is FileState.ABSENT  # a folder

    def test_a_file_that_may_not_be_read_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError

        file = tmp_path / "galss.ini"
        file.write_text(FILE, encoding="utf-8")
        monkeypatch.setattr(Path, "open", refuse)
        assert read_galss(file, "galss.ini").state is FileState.UNREADABLE

    def test_a_huge_file_is_read_no_further_than_its_first_part(self, tmp_path: Path) -> None:
        file = tmp_path / "galss.ini"
        file.write_bytes(b"[CANAL1]\nTCanal=1\n" + b"x=" * (1 << 20) + b"\n[CANAL2]\n")
        assert [each.number for each in read_galss(file, "galss.ini").channels] == [1]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipe in a folder")
    def test_a_pipe_in_its_place_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "galss.ini")
        assert read_galss(tmp_path / "galss.ini", "galss.ini").state is FileState.ABSENT

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a right on Windows")
    def test_a_loop_of_links_is_harmless(self, tmp_path: Path) -> None:
        link = tmp_path / "galss.ini"
        link.symlink_to(link)
        assert read_galss(link, "galss.ini").state is FileState.ABSENT
