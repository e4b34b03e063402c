"""What may stand where a probe expects a file or a folder: none of it may be waited for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.host.hostile_values import NAMES
from tests.host.linux_root import unprivileged

Make = Callable[[Path], None]

_MANY, _LIKE = 1200, 3
WRITTEN = 1_793_520_000
"""2026-11-01, in seconds since 1970."""
YEARS = {
    "year-0001": -62_135_596_800, "year-1969": -1, "year-1970": 0, "year-2446": 15_032_385_535,
    "year-9999": 253_402_300_799, "year-10000": 253_402_300_800,
}  # fmt: skip
"""Seconds since 1970; a file system that cannot keep one keeps what is nearest."""

ERRORS = {
    name: OSError(number, os.strerror(number))
    for name, number in {
        "refused": errno.EACCES,
        "broken-disk": errno.EIO,
        "stale-share": errno.ESTALE,
        "dead-mount": errno.ENOTCONN,
    }.items()
}
"""What whoever asks for it is answered."""


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o666)


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _loop(path: Path) -> None:
    other = path.with_name(f"{path.name}.loop")
    other.symlink_to(path.name)
    path.symlink_to(other.name)


def _folder_in_itself(path: Path) -> None:
    path.mkdir()
    (path / "again").symlink_to(".")
    (path / path.name).symlink_to("..")


def _link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere/at/all")


STRANGE: dict[str, Make] = {
    "device": _device,
    "pipe": _pipe,
    "socket": _socket,
    "link-to-itself": _link_to_itself,
    "loop": _loop,
    "folder-in-itself": _folder_in_itself,
}
"""What cannot be read, and is no fault of the workstation."""
EMPTY: dict[str, Make] = {
    "link-to-nothing": _link_to_nothing,
    "empty": lambda path: path.touch(),
    "nothing": lambda _: None,
}


@contextmanager
def instead(path: Path, make: Make) -> Iterator[None]:
    """What `make` puts at `path` is there while the block runs, in the place of what is there."""
    made = [each for each in path.parents if not each.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.aside")
    before = path.parent.stat()
    there = os.path.lexists(path)
    if there:
        path.rename(aside)
    make(path)
    if os.path.lexists(path):
        # Else whatever tells when a file was written would differ each time.
        os.utime(path, (WRITTEN, WRITTEN), follow_symlinks=False)
    try:
        yield
    finally:
        for each in (path, path.with_name(f"{path.name}.loop")):
            remove(each)
        if there:
            aside.rename(path)
        os.utime(path.parent, ns=(before.st_atime_ns, before.st_mtime_ns))
        for folder in made:
            folder.rmdir()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """It may be opened by nobody, and this program is not root, while the block runs."""
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        with unprivileged():
            yield
    finally:
        path.chmod(mode)


def remove(path: Path) -> None:
    """Nothing is at `path` any more; no link is followed."""
    if path.is_dir() and not path.is_symlink():
        for each in path.iterdir():
            remove(each)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@contextmanager
def written_in(path: Path, seconds: int) -> Iterator[None]:
    """The file was written then, as near as this file system can keep it."""
    before = path.stat()
    with suppress(OverflowError, OSError):
        os.utime(path, (seconds, seconds))
    try:
        yield
    finally:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@contextmanager
def crowded(folder: Path, make: Callable[[Path, Path], None], count: int = 1) -> Iterator[None]:
    """Beside each entry of the folder there are others, of hostile names, which `make` makes like
    it."""
    before = folder.stat()
    made = []
    for entry in sorted(folder.iterdir())[:_LIKE]:
        for name in names_like(entry.name, count):
            path = folder / name
            with suppress(OSError, ValueError):
                if not os.path.lexists(path):
                    make(path, entry)
                    made.append(path)
    try:
        yield
    finally:
        for path in made:
            remove(path)
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def names_like(name: str, count: int) -> Iterator[str]:
    """Hostile names that begin or end as this one does."""
    stem, dot, suffix = name.rpartition(".") if "." in name[1:] else (name, "", "")
    for number in range(count):
        for hostile in NAMES:
            again = str(number or "")
            yield f"{hostile}{again}{dot}{suffix}"
            yield f"{stem}{hostile}{again}{dot}{suffix}"


def like_it(path: Path, entry: Path) -> None:
    """A link to an entry, under another name."""
    path.symlink_to(entry.name)


def pipe_beside(path: Path, _: Path) -> None:
    """A pipe under that name."""
    _pipe(path)


def loop_beside(path: Path, _: Path) -> None:
    """A link to itself under that name."""
    _link_to_itself(path)


CROWDS: dict[str, tuple[Callable[[Path, Path], None], int]] = {
    "hostile-names": (like_it, 1),
    "pipes": (pipe_beside, 1),
    "loops": (loop_beside, 1),
    "thousands": (like_it, _MANY // len(NAMES)),
}
