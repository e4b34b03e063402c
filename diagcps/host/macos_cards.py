"""How macOS itself looks at cards: its tokens, its driver, and what stands in for a reader."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from diagcps.facts import FileState
from diagcps.host.commands import Run
from diagcps.host.common import printable
from diagcps.host.files import beginning, state_of
from diagcps.host.plists import read_plist
from diagcps.workstation import MacCards

_SECURITY = "/usr/bin/security"
_GESTION = "Applications/CPSGestion.app"
_PREFERENCES = "Library/Preferences/com.apple.security.smartcard.plist"
_DRIVER = "usr/local/libexec/SmartCardServices/drivers/GALSSDriver.bundle/Contents/Info.plist"
"""Renamed to Info.plist.deactivate by the publisher's script when it is switched off."""
_READERS = "private/etc/reader.conf"
_BUNDLE = ".bundle"
_MOST_BYTES = 64 << 10
_MOST_TOKENS = 32
_MOST_READERS = 16
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,127}")
_LIBRARY = re.compile(r"^[ \t]*LIBPATH[ \t]+(\S[^\r\n]*)", re.MULTILINE)


def read_cards(root: Path, run: Run) -> MacCards:
    """What security(1), the system's preferences and the drivers' folder say.

    Raises ProbeError subclasses when security(1) does not answer: no token is not « none told ».
    """
    listing = run(_SECURITY, "list-smartcards").decode("utf-8", errors="replace")
    return MacCards(
        tokens=parse_tokens(listing),
        gestion=state_of(root / _GESTION),
        own_driver=read_plist(root / _PREFERENCES).get("useIFDCCID") in (True, 1),
        emulation=_emulation(root),
        source=f"{_SECURITY} list-smartcards, /{_PREFERENCES}, /{_DRIVER}, /{_READERS}",
    )


def parse_tokens(listing: str) -> tuple[str, ...]:
    """The drivers of the tokens that are in, each once, in the order of `security list-smartcards`.

    A line is « fr.asip.esante.CPSToken:number »: the number is the card's, and is left out. Never
    raises.
    """
    names = (line.strip().partition(":") for line in listing.splitlines())
    drivers = (name for name, colon, _ in names if colon and _TOKEN.fullmatch(name))
    return tuple(dict.fromkeys(drivers))[:_MOST_TOKENS]


def parse_reader_conf(text: str) -> tuple[str, ...]:
    """The libraries of the readers that a reader.conf of pcsc-lite declares, outside of remarks."""
    paths = (match[1].strip().strip('"') for match in _LIBRARY.finditer(text))
    return tuple(dict.fromkeys(printable(path) for path in paths))


def _emulation(root: Path) -> tuple[str, ...]:
    """What makes a PC/SC reader of a serial one, and is switched on."""
    found = []
    if state_of(root / _DRIVER) in (FileState.PRESENT, FileState.UNREADABLE):
        found.append("GALSSDriver.bundle")
    try:
        conf = beginning(root / _READERS, _MOST_BYTES).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        conf = ""
    # The publisher's package lays it down everywhere: it counts where its driver is.
    paths = (path for path in parse_reader_conf(conf) if path.rstrip("/").endswith(_BUNDLE))
    bundles = (root / path.lstrip("/") for path in islice(paths, _MOST_READERS))
    if any(state_of(bundle) is FileState.PRESENT for bundle in bundles):
        found.append("reader.conf")
    return tuple(found)
