"""How a second `diagcps` finds the agent that runs, and tells it from a squatter on its port.

The agent's port file lies in a folder of the user and holds a secret. Each side proves that it
knows the secret by an HMAC over the other's nonce and the port; the secret itself is never sent.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from diagcps.records import record

NONCE_BYTES = 16


def proof(secret: str, role: str, port: int, nonce: str) -> str:
    """What only a holder of `secret` can answer to `nonce`, for this role and port alone."""
    said = f"diagcps {role} {port} {nonce}".encode()
    return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()


def proves(secret: str, role: str, port: int, nonce: str, given: object) -> bool:
    """Whether `given` is that proof, compared in constant time."""
    return isinstance(given, str) and hmac.compare_digest(
        proof(secret, role, port, nonce), given if given.isascii() else ""
    )


@record
class PortFile:
    """Where the agent of this user listens, and the secret that proves it."""

    port: int
    pid: int
    secret: str

    @staticmethod
    def new(port: int) -> PortFile:
        """One for this process."""
        return PortFile(port=port, pid=os.getpid(), secret=secrets.token_urlsafe(32))

    def write(self, path: Path) -> None:
        """Writes it for this user's eyes only. Raises OSError."""
        private_folder(path.parent)
        with suppress(FileNotFoundError):
            path.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump({"port": self.port, "pid": self.pid, "secret": self.secret}, file)

    def remove(self, path: Path) -> None:
        """Removes the file if it is still this process's. Never fails."""
        if read_port_file(path) == self:
            with suppress(OSError):
                path.unlink()


def read_port_file(path: Path) -> PortFile | None:
    """The port file at `path`; None when there is none that only this user could have written."""
    try:
        if os.name == "posix":
            status = path.lstat()
            others = stat.S_IRWXG | stat.S_IRWXO
            if status.st_uid != os.getuid() or status.st_mode & others:
                return None
        data = json.loads(path.read_text(encoding="utf-8")[:4096])
        port, pid, secret = data["port"], data["pid"], data["secret"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(port) is not int or type(pid) is not int or not isinstance(secret, str):
        return None
    return PortFile(port=port, pid=pid, secret=secret) if 0 < port < 65536 and secret else None


def private_folder(folder: Path) -> None:
    """Makes `folder` for this user alone. Raises OSError, also when it is somebody else's."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name != "posix":
        return  # Windows: folders under the user's profile are the user's
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"not a folder of this user: {folder.name}")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        folder.chmod(0o700)
