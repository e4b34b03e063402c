"""Codes that exist nowhere else, and the places in which a code could be left behind."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from diagcps.card.new_code import Limits, flaws_of_new
from diagcps.secret import Secret

DIGITS = 8
"""As many as a card takes: so many random ones are found by chance nowhere."""
_LARGEST_FILE = 64 << 20
_READABLE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+(.*)$", re.MULTILINE)
"""A line of /proc/PID/maps (proc(5))."""
_SKIPPED = {".git", ".venv", "__pycache__"}


def new_canary() -> str:
    """A code that no form refuses."""
    while True:
        code = "".join(secrets.choice("0123456789") for _ in range(DIGITS))
        held = [Secret(bytearray(code.encode())) for _ in range(2)]
        if not flaws_of_new(*held, Limits(), long_accepted=True):
            return code


def forms(code: str) -> Mapping[str, bytes]:
    """How a code may be written, by the name of the way."""
    data = code.encode()
    numbers = ", ".join(map(str, data))
    written = {
        "text": data,
        "UTF-16": code.encode("utf-16-le")[:-1],  # found whichever byte comes first
        "UTF-32": code.encode("utf-32-le")[:-3],
        "urlencoded": "".join(f"%{byte:02X}" for byte in data).encode(),
        "escaped": "".join(f"\\u{byte:04x}" for byte in data).encode(),
        "hexadecimal": data.hex().encode(),
        "spaced hexadecimal": data.hex(" ").encode(),
        "numbers": numbers.encode(),
        "numbers without spaces": numbers.replace(" ", "").encode(),
        "SHA-256": hashlib.sha256(data).hexdigest().encode(),
    }
    for shift in range(3):
        # Whatever stands before and after: the letters that the code alone decides.
        whole = base64.b64encode(bytes(shift) + data + bytes(2))
        first, last = (8 * shift + 5) // 6, 8 * (shift + len(data)) // 6
        written[f"base64, {shift} before"] = whole[first:last]
    return written


def found(codes: Iterable[str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where a code was found, and in which form; no code is in what this says."""
    wanted = [(n, form, text) for n, code in enumerate(codes) for form, text in forms(code).items()]
    return [
        f"code {n} as {form} in {place}"
        for place, data in places
        for n, form, text in wanted
        if text in data
    ]


def files_since(began: float, *folders: Path) -> Iterator[tuple[str, bytes]]:
    """The files below these folders that were written since, by their paths."""
    for folder in folders:
        for at, below, names in os.walk(folder):
            below[:] = [name for name in below if name not in _SKIPPED]
            for path in (Path(at, name) for name in names):
                with suppress(OSError):
                    status = path.lstat()
                    is_file = path.is_file() and not path.is_symlink()
                    if is_file and status.st_mtime >= began and status.st_size < _LARGEST_FILE:
                        yield str(path), path.read_bytes()


class Processes:
    """The environments and arguments of all other processes of the bench, again and again."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], bytes] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._ended.set()
        self._thread.join()

    @property
    def seen(self) -> list[tuple[str, bytes]]:
        """What was seen, by its place in /proc."""
        return [(f"/proc/{pid}/{name}", data) for (pid, name), data in self._seen.items()]

    @property
    def commands(self) -> set[str]:
        """The arguments that were seen."""
        return {w for p, d in self.seen if p.endswith("cmdline") for w in d.decode().split("\0")}

    def _look(self) -> None:
        own = str(os.getpid())
        while not self._ended.wait(0.002):
            for folder in Path("/proc").glob("[0-9]*"):
                for name in ("environ", "cmdline") if folder.name != own else ():
                    with suppress(OSError):
                        data = (folder / name).read_bytes()
                        before = self._seen.setdefault((folder.name, name), data)
                        # Between fork and exec it shows those of its parent.
                        if data not in before:
                            self._seen[folder.name, name] = before + b"\0" + data


def in_memory(pid: int, *texts: bytes) -> Counter[str]:
    """How often these texts are in the memory of a process, by the kind of region."""
    count: Counter[str] = Counter()
    regions = _READABLE.findall(Path(f"/proc/{pid}/maps").read_text())
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for first, end, name in regions:
            data = b"".join(_parts(memory, int(first, 16), int(end, 16)))
            count[name.strip() or "anonymous"] += sum(map(data.count, texts))
    return +count


def _parts(memory: IO[bytes], first: int, end: int) -> Iterator[bytes]:
    # Those of the kernel, and what is reserved and never used, cannot be read.
    with suppress(OSError, OverflowError):
        memory.seek(first)
        while first < end and (part := memory.read(end - first)):
            yield part
            first += len(part)
