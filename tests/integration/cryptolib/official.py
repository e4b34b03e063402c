"""The official library of the CPS, in the place where it expects itself to be, and its calls."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

MODULE = Path("/opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so")
SETTINGS = Path("/etc/opt/santesocial/CPS")
CACHE = SETTINGS / "cache"
PACKAGE = "CRYPTOLIB_RPM"
"""The environment variable that names the package to unpack."""
MEASURED = {"0e9b8a5d1f5d4a494c7413caed7e5ced091def07c20ac0013d08cef025227860": "5.2.2"}
"""The version that these tests were written from, by the SHA-256 of its module."""
DRIVER = Path(__file__).with_name("driver.py")
SECONDS_TO_ANSWER = 20.0

OK = 0x00
GENERAL_ERROR = 0x05
PIN_INCORRECT, PIN_LOCKED = 0xA0, 0xA4
TOKEN_NOT_RECOGNIZED = 0xE1
OFFICER, HOLDER = 0, 1
RSA_PKCS, SHA256_RSA_PKCS = 0x01, 0x40
RSA_PKCS_PSS, SHA256_RSA_PKCS_PSS = 0x0D, 0x43


def why_not() -> str | None:
    """Why the library cannot be used here, or None when it can."""
    if MODULE.exists() or os.environ.get(PACKAGE):
        return None
    return f"the official Cryptolib is not here: {PACKAGE}=path scripts/test cryptolib"


def sha256() -> str:
    """The SHA-256 of the module, in lower-case hexadecimal."""
    return hashlib.sha256(MODULE.read_bytes()).hexdigest()


@contextmanager
def in_place(folder: Path) -> Iterator[Path]:
    """A copy of the settings that come with the library, made in `folder`; the module is in place.

    What comes from a package is seen inside the bench alone, and gone at the end.
    """
    settings = folder / "settings"
    package = os.environ.get(PACKAGE)
    if not package:
        shutil.copytree(SETTINGS, settings, ignore=shutil.ignore_patterns(CACHE.name))
        yield settings
        return
    unpacked = folder / "package"
    unpack(Path(package), unpacked)
    shutil.copytree(unpacked / SETTINGS.relative_to("/"), settings)
    product = MODULE.parents[1]
    with _covered(Path("/opt"), folder / "opt"), _covered(Path("/etc/opt"), folder / "etc"):
        shutil.copytree(unpacked / product.relative_to("/"), product, dirs_exist_ok=True)
        SETTINGS.mkdir(parents=True, exist_ok=True)
        yield settings


@contextmanager
def with_empty_cache(settings: Path) -> Iterator[None]:
    """Those settings where the library looks for them, with nothing in its cache yet."""
    _mount("tmpfs", SETTINGS)
    try:
        shutil.copytree(settings, SETTINGS, dirs_exist_ok=True)
        CACHE.mkdir(exist_ok=True)
        yield
    finally:
        _unmount(SETTINGS)


class Answer(NamedTuple):
    """What a function of the library returned."""

    code: int
    """CKR_OK is 0."""
    value: object
    """What it gave, as driver.py says; None unless it returned CKR_OK."""


class Cryptolib:
    """A program that has loaded the library; it ends with the `with` block."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(DRIVER), str(MODULE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, function: str, *arguments: str | int) -> Answer:
        """What `function` of driver.py answers.

        Raises TimeoutError when the library hangs, RuntimeError when the program ends.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps((function, *arguments)) + "\n")
        stdin.flush()
        if not select.select([stdout], [], [], SECONDS_TO_ANSWER)[0]:
            raise TimeoutError(f"{function} did not return within {SECONDS_TO_ANSWER} s")
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"the program ended in {function}: {self._process.wait()}")
        return Answer(*json.loads(line))

    def get(self, function: str, *arguments: str | int) -> object:
        """What `function` gives; it must return CKR_OK."""
        code, value = self.ask(function, *arguments)
        assert code == OK, f"{function} returned 0x{code:X}"
        return value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def unpack(package: Path, folder: Path) -> None:
    """The files of the package in a new folder. Raises RuntimeError for one that is damaged."""
    folder.mkdir()
    with subprocess.Popen(["rpm2cpio", str(package)], stdout=subprocess.PIPE) as archive:
        command = ["cpio", "--extract", "--make-directories", "--no-absolute-filenames", "--quiet"]
        subprocess.run(command, stdin=archive.stdout, cwd=folder, check=True)
    if archive.returncode:
        raise RuntimeError(f"{package} is no package that rpm2cpio can read")


@contextmanager
def _covered(directory: Path, folder: Path) -> Iterator[None]:
    """What is written below `directory` until the end is kept in memory, and then forgotten."""
    folder.mkdir()
    _mount("tmpfs", folder)
    written, work = folder / "written", folder / "work"
    written.mkdir()
    work.mkdir()
    try:
        _mount("overlay", directory, f"lowerdir={directory},upperdir={written},workdir={work}")
        try:
            yield
        finally:
            _unmount(directory)
    finally:
        _unmount(folder)


def _mount(kind: str, directory: Path, options: str = "nosuid,nodev") -> None:
    command = ["mount", "-t", kind, "-o", options, "cryptolib", str(directory)]
    subprocess.run(command, check=True)


def _unmount(directory: Path) -> None:
    subprocess.run(["umount", str(directory)], check=True)
