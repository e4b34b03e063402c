"""The files of a workstation that lead to the network: names, and the authorities that it trusts.

They are mounted over the machine's own, for the processes of the bench alone.
"""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path

from .authorities import Authority

_HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"
_FILES = {
    "/etc/hosts": _HOSTS,
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
    "/etc/resolv.conf": "",
}
_STORE = Path("/etc/ssl/certs")
_BUNDLE = "ca-certificates.crt"


class Machine:
    """The workstation's files; a context manager. One for a session: mounting takes its time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._mounted: list[Path] = []
        self._store = directory / "store"
        self._trusted: tuple[Authority, ...] | None = None

    def __enter__(self) -> Machine:
        for place, text in _FILES.items():
            file = self._own(place)
            file.write_text(text)
            self._mount(file, Path(place))
        self._store.mkdir()
        self.trust()
        self._mount(self._store, _STORE)
        paths = ssl.get_default_verify_paths()
        for bundle in (Path(paths.openssl_cafile), Path("/etc/pki/tls/certs/ca-bundle.crt")):
            if bundle.exists() and not bundle.resolve().is_relative_to(_STORE.resolve()):
                self._mount(self._store / _BUNDLE, bundle)
        return self

    def __exit__(self, *_raised: object) -> None:
        for place in reversed(self._mounted):
            subprocess.run(["umount", "--lazy", str(place)], check=True)

    def resolve_with(self, *servers: str, search: str) -> None:
        """The name servers to ask, in that order; the hosts file becomes that of a new system."""
        lines = (f"search {search}", *(f"nameserver {each}" for each in servers))
        self._own("/etc/resolv.conf").write_text("".join(f"{line}\n" for line in lines))
        self._own("/etc/hosts").write_text(_HOSTS)

    def hosts(self, lines: str) -> None:
        """Adds lines to the hosts file."""
        self._own("/etc/hosts").write_text(f"{_HOSTS}{lines}\n")

    def trust(self, *authorities: Authority) -> None:
        """The store holds these roots alone: one file of all, and one of each by its hash."""
        if authorities == self._trusted:
            return
        self._trusted = authorities
        for file in self._store.iterdir():
            if file.name != _BUNDLE:
                file.unlink()
        # Written in place: the file may be mounted elsewhere.
        (self._store / _BUNDLE).write_bytes(b"".join(each.pem for each in authorities))
        for number, each in enumerate(authorities):
            (self._store / f"lab-{number}.pem").write_bytes(each.pem)
        subprocess.run(["openssl", "rehash", str(self._store)], capture_output=True, check=True)

    def _own(self, place: str) -> Path:
        return self._directory / place.rpartition("/")[2]

    def _mount(self, source: Path, place: Path) -> None:
        # A link to a file of a name service that the bench does not hold leads into its empty /run.
        target = Path(os.path.realpath(place))
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        subprocess.run(["mount", "--bind", str(source), str(target)], check=True)
        self._mounted.append(target)
