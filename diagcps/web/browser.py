"""Leads the person's browser to the page, without the address passing where others can read it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from contextlib import suppress
from html import escape
from pathlib import Path

_XDG_SETTINGS = Path("/usr/bin/xdg-settings")


def open_page(url: str, folder: Path | None, *, wait_s: float = 0.0) -> None:
    """Opens `url`; gives the browser up to `wait_s` seconds to take it.

    The command line of a process can be read by every user, so the browser is given a file in a
    folder of the user; a browser in a sandbox cannot read one there, and gets the address itself.
    """
    file = _leading_file(url, folder) if folder is not None and _reads_files() else None
    target = file.as_uri() if file else url
    # Some browsers keep this call until they end.
    opening = threading.Thread(target=_open, args=(target, url), daemon=True)
    opening.start()
    opening.join(wait_s)


def _open(target: str, url: str) -> None:
    """Opens `target`; without a browser, the address is printed for the person to use."""
    opened = False
    import webbrowser  # on its thread: the page need not wait for it

    with suppress(webbrowser.Error, OSError):
        opened = webbrowser.open(target)
    if not opened:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()


def _leading_file(url: str, folder: Path) -> Path | None:
    path = folder / _name(url.rsplit("/", 1)[-1])
    page = (
        '<!doctype html><meta charset="utf-8"><title>DiagCPS</title>'
        f'<meta http-equiv="refresh" content="0; url={escape(url)}">'
        f'<a href="{escape(url)}">DiagCPS</a>'
    )
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(page)
    except OSError:
        return None
    return path


def _name(token: str) -> str:
    """The name of the file that leads to the address with `token`, without giving it away."""
    return f"open-{hashlib.sha256(token.encode()).hexdigest()[:16]}.html"


def forget(folder: Path, token: str | None = None) -> None:
    """Removes the file that led to the address with `token`, or every one. Never fails."""
    pattern = _name(token) if token is not None else "open-*.html"
    for path in folder.glob(pattern):
        with suppress(OSError):
            path.unlink()


def _reads_files() -> bool:
    """False on Windows, and for a default browser from Snap or Flatpak.

    Windows may open a file with another program than an address, and shows no user the command
    lines of another. A browser in a sandbox cannot read hidden folders: its desktop entry
    is named like « firefox_firefox.desktop » or « org.mozilla.firefox.desktop ».
    """
    if os.name == "nt":
        return False
    if not _XDG_SETTINGS.exists():
        return True
    try:
        answer = subprocess.run(  # noqa: S603 (a fixed absolute path, no shell)
            [str(_XDG_SETTINGS), "get", "default-web-browser"],
            capture_output=True,
            text=True,
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return True
    name = answer.stdout.strip().removesuffix(".desktop")
    return "_" not in name and name.count(".") < 2
