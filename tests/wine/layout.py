"""Runs inside Windows: lays a described workstation out, and puts it away again.

A layout is a list of tables, applied in turn. Keys:

- `files`: `path`, and what is in it: `text`, `hex`, or `pe` (a kind of processor) with `version`;
  `changed` (a day)
- `folders`
- `remove`: files and folders that an earlier table laid out
- `locked`: folders whose access list lets nobody write
- `registry`: `key` (« HKLM\\SOFTWARE\\… », « HKCU\\… »), `view` (64 or 32; 64 when it is not said)
  and `values`: texts, numbers, lists of texts, `{ hex = … }` for bytes, `{ expand = … }` for a text
  with variables; or `remove = true`, for a key that an earlier table laid out
- `services`: `name`, `start` (automatic, manual, disabled; absent for one of an earlier table)
- `certificates`: `store` (« CurrentUser\\MY », « LocalMachine\\ROOT »), the certificate as `pem`,
  or the `issuer` of one that is made; the `provider` of its key; `key = true` if it has that key
- `processes`: names of programs that run, or `name` and the local ports on which it `listens`;
  `ended`: names of those of an earlier table that do not run
- `environ`: variables of the person's session

Paths hold the variables of Windows' own folders (%SystemRoot%).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import winreg
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from ctypes import wintypes
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.pe_files import program
from tests.wine import services
from tests.wine.processes import running

_CHANGED = "2026-11-01T08:00:00+00:00"
"""When files were written that say nothing else: a recording is the same each time."""
_MARK = Path("C:/laid-out")
"""There while something is laid out: build.sh makes a Windows anew in which it stayed."""
_HIVES = {"HKLM": winreg.HKEY_LOCAL_MACHINE, "HKCU": winreg.HKEY_CURRENT_USER}
_VIEWS = {"64": winreg.KEY_WOW64_64KEY, "32": winreg.KEY_WOW64_32KEY}
_START = {"automatic": 2, "manual": 3, "disabled": 4}
_OWNERS = {"CurrentUser": 1 << 16, "LocalMachine": 2 << 16}
_HIVE_OF = {"CurrentUser": "HKCU", "LocalMachine": "HKLM"}
_OF_REGISTRY = 13
"""CERT_STORE_PROV_SYSTEM_REGISTRY_W."""
_STORES = r"SOFTWARE\Microsoft\SystemCertificates"
_CONTAINER = "diagcps-test"
_NEW_KEYS, _DELETE_KEYS = 0x8, 0x10
"""CRYPT_NEWKEYSET, CRYPT_DELETEKEYSET."""
_READ_ONLY_FOR_ALL = "D:P(A;;GRGX;;;WD)"
"""In the security descriptor definition language: everybody may read and no more."""
_OTHERS = frozenset({"processes", "ended", "environ"})


@contextmanager
def laid_out(layout: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """What the tables say is there while the block runs; the variables of the session.

    Raises KeyError for a key that there is not.
    """
    environ: dict[str, str] = {}
    programs: dict[str, Iterable[int]] = {}
    with ExitStack() as undo:
        _MARK.touch()
        undo.callback(_MARK.unlink)
        for table in layout:
            if unknown := table.keys() - _PARTS.keys() - _OTHERS:
                raise KeyError(", ".join(sorted(unknown)))
            for key, lay in _PARTS.items():
                for entry in table.get(key, ()):
                    lay(undo, entry)
            for each in table.get("processes", ()):
                entry = {"name": each} if isinstance(each, str) else each
                programs[entry["name"]] = entry.get("listens", ())
            for name in table.get("ended", ()):
                del programs[name]
            environ |= table.get("environ", {})
        for name, ports in programs.items():
            undo.enter_context(running(name, ports))
        yield environ


def _path(text: str) -> Path:
    return Path(os.path.expandvars(text))


def _file(undo: ExitStack, entry: Mapping[str, Any]) -> None:
    path = _path(entry["path"])
    _folder(undo, str(path.parent))
    _keep(undo, path)
    path.write_bytes(_content(entry))
    moment = datetime.fromisoformat(entry.get("changed", _CHANGED)).timestamp()
    os.utime(path, (moment, moment))


def _content(entry: Mapping[str, Any]) -> bytes:
    if "hex" in entry:
        return bytes.fromhex(entry["hex"])
    if "pe" in entry:
        return program(entry["pe"], entry.get("version", ""))
    return str(entry.get("text", "")).encode()


def _keep(undo: ExitStack, path: Path) -> None:
    """At the end, `path` is what it is now."""
    if path.is_file():
        before = path.read_bytes()
        undo.callback(path.write_bytes, before)
    else:
        undo.callback(path.unlink, missing_ok=True)


def _folder(undo: ExitStack, text: str) -> None:
    path = _path(text)
    absent = [each for each in (path, *path.parents) if not each.exists()]
    if absent:
        path.mkdir(parents=True)
        undo.callback(shutil.rmtree, absent[-1], ignore_errors=True)


def _remove(undo: ExitStack, text: str) -> None:
    path = _path(text)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        _keep(undo, path)
        path.unlink()


def _lock(undo: ExitStack, text: str) -> None:
    """A list that lets nobody write; who owns the folder may still change the list."""
    path, advapi32 = str(_path(text)), ctypes.WinDLL("advapi32", use_last_error=True)
    size, before = wintypes.DWORD(0), ctypes.create_string_buffer(64 << 10)
    _check(advapi32.GetFileSecurityW(path, 4, before, len(before), ctypes.byref(size)))
    made = ctypes.c_void_p()
    _check(
        advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(
            _READ_ONLY_FOR_ALL, 1, ctypes.byref(made), None
        )
    )
    _check(advapi32.SetFileSecurityW(path, 4, made))
    undo.callback(advapi32.SetFileSecurityW, path, 4, before)


def _registry(undo: ExitStack, entry: Mapping[str, Any]) -> None:
    hive, _, path = entry["key"].partition("\\")
    root, view = _HIVES[hive], _VIEWS[str(entry.get("view", 64))]
    if entry.get("remove"):
        _delete_tree(root, path, view)
        return
    parts = path.split("\\")
    above = ["\\".join(parts[: count + 1]) for count in range(len(parts))]
    absent = [each for each in above if not _has(root, each, view)]
    if absent:
        undo.callback(_delete_tree, root, absent[0], view)
    key = winreg.CreateKeyEx(root, path, 0, winreg.KEY_ALL_ACCESS | view)
    with key:
        for name, value in entry.get("values", {}).items():
            if not absent:
                undo.callback(_restore(root, path, view, name))
            winreg.SetValueEx(key, name, 0, *_value(value))


def _has(root: int, path: str, view: int) -> bool:
    try:
        winreg.OpenKey(root, path, 0, winreg.KEY_READ | view).Close()
    except FileNotFoundError:
        return False
    return True


def _restore(root: int, path: str, view: int, name: str) -> Callable[[], None]:
    """What gives a value of a key back what it is now."""
    before = None
    reading = winreg.KEY_READ | view
    with winreg.OpenKey(root, path, 0, reading) as key, suppress(FileNotFoundError):
        before = winreg.QueryValueEx(key, name)

    def restore() -> None:
        if not _has(root, path, view):
            return
        with winreg.OpenKey(root, path, 0, winreg.KEY_ALL_ACCESS | view) as key:
            if before is None:
                winreg.DeleteValue(key, name)
            else:
                winreg.SetValueEx(key, name, 0, before[1], before[0])

    return restore


def _delete_tree(root: int, path: str, view: int) -> None:
    if not _has(root, path, view):
        return
    with winreg.OpenKey(root, path, 0, winreg.KEY_ALL_ACCESS | view) as key:
        while winreg.QueryInfoKey(key)[0]:
            _delete_tree(root, rf"{path}\{winreg.EnumKey(key, 0)}", view)
    winreg.DeleteKeyEx(root, path, view, 0)


def _value(value: Any) -> tuple[int, Any]:
    if isinstance(value, Mapping):
        if "hex" in value:
            return winreg.REG_BINARY, bytes.fromhex(value["hex"])
        return winreg.REG_EXPAND_SZ, value["expand"]
    if isinstance(value, int):
        return winreg.REG_DWORD, value
    return (winreg.REG_MULTI_SZ, value) if isinstance(value, list) else (winreg.REG_SZ, value)


def _service(undo: ExitStack, entry: Mapping[str, Any]) -> None:
    name = entry["name"]
    services.delete(name)
    if entry["start"] != "absent":
        services.create(name, _START[entry["start"]])
        undo.callback(services.delete, name)


def _certificate(undo: ExitStack, entry: Mapping[str, Any]) -> None:
    owner, _, name = entry["store"].partition("\\")
    data, context, crypt32 = _der(entry), ctypes.c_void_p(), ctypes.WinDLL("crypt32")
    crypt32.CertOpenStore.restype = ctypes.c_void_p
    # Not the system's store above it: Wine 8.0 never writes what is added to that one.
    opened = crypt32.CertOpenStore(ctypes.c_void_p(_OF_REGISTRY), 0, None, _OWNERS[owner], name)
    store = ctypes.c_void_p(opened)
    _check(opened)
    _check(
        crypt32.CertAddEncodedCertificateToStore(
            store, 1, data, len(data), 3, ctypes.byref(context)
        )
    )
    if "provider" in entry:
        _check(crypt32.CertSetCertificateContextProperty(context, 2, 0, _key(entry["provider"])))
    if entry.get("key"):
        _make_key(undo, entry["provider"])
    crypt32.CertFreeCertificateContext(context)
    _check(crypt32.CertCloseStore(store, 0))
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()
    root, key = _HIVES[_HIVE_OF[owner]], rf"{_STORES}\{name}\Certificates\{sha1}"
    undo.callback(_delete_tree, root, key, winreg.KEY_WOW64_64KEY)


def _key(provider: str) -> ctypes.Array[ctypes.c_char]:
    """A CRYPT_KEY_PROV_INFO: a key exchange key of a container of that provider, of RSA."""

    class Info(ctypes.Structure):
        _fields_ = (
            ("container", ctypes.c_wchar_p), ("provider", ctypes.c_wchar_p),
            ("type", wintypes.DWORD), ("flags", wintypes.DWORD), ("count", wintypes.DWORD),
            ("parameters", ctypes.c_void_p), ("key", wintypes.DWORD),
        )  # fmt: skip

    info = Info(_CONTAINER, provider, 1, 0, 0, None, 1)
    return ctypes.byref(info)  # type: ignore[return-value]  # as good as the structure


def _make_key(undo: ExitStack, provider: str) -> None:
    """A key in that provider's container."""
    advapi32, handle, key = ctypes.WinDLL("advapi32"), ctypes.c_void_p(), ctypes.c_void_p()
    names = (ctypes.byref(handle), _CONTAINER, provider, 1)
    undo.callback(advapi32.CryptAcquireContextW, *names, _DELETE_KEYS)
    _check(advapi32.CryptAcquireContextW(*names, _NEW_KEYS))
    _check(advapi32.CryptGenKey(handle, 1, 1024 << 16, ctypes.byref(key)))
    _check(advapi32.CryptDestroyKey(key))
    _check(advapi32.CryptReleaseContext(handle, 0))


def _der(entry: Mapping[str, Any]) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if "pem" in entry:
        return x509.load_pem_x509_certificate(entry["pem"].encode()).public_bytes(Encoding.DER)
    return _issued_by(entry["issuer"])


def _issued_by(issuer: str) -> bytes:
    """A certificate that names that issuer; nobody signed it for them."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder(name(issuer), name("899700000000"), key.public_key(), 1)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=365))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _check(done: Any) -> None:
    if not done:
        raise ctypes.WinError(ctypes.get_last_error())


_PARTS: Mapping[str, Callable[[ExitStack, Any], None]] = {
    "folders": _folder,
    "files": _file,
    "remove": _remove,
    "locked": _lock,
    "registry": _registry,
    "services": _service,
    "certificates": _certificate,
}
