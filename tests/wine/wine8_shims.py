"""One question of psutil to Windows, answered in another way where Wine 8.0 has no answer.

psutil finds the path of a process by NtQuerySystemInformation(SystemProcessIdInformation), which
Wine knows from 9.8 on. QueryFullProcessImageNameW gives the same path and is there. Loaded at
start by wine8_shims.pth; the product is not touched.
"""

import ctypes
import sys
from ctypes import wintypes
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

EXTENSION = "psutil._psutil_windows"
QUERY_LIMITED_INFORMATION = 0x1000
LONGEST_PATH = 32768


def process_path(pid: int) -> str:
    """The Win32 path of the executable of a process; raises OSError as psutil's own does."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.OpenProcess.restype = wintypes.HANDLE
    handle = kernel32.OpenProcess(QUERY_LIMITED_INFORMATION, False, pid)
    if not handle:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        path = ctypes.create_unicode_buffer(LONGEST_PATH)
        size = wintypes.DWORD(LONGEST_PATH)
        found = kernel32.QueryFullProcessImageNameW(
            wintypes.HANDLE(handle), 0, path, ctypes.byref(size)
        )
        if not found:
            raise ctypes.WinError(ctypes.get_last_error())
        return path.value
    finally:
        kernel32.CloseHandle(wintypes.HANDLE(handle))


class ShimmedLoader(Loader):
    """Loads psutil's extension module with the loader it has, then replaces one function."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        module.proc_exe = process_path  # type: ignore[attr-defined]  # a C module has no stub


class ShimFinder(MetaPathFinder):
    """Stands in front of the other finders until psutil's extension module is asked for."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != EXTENSION:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = ShimmedLoader(spec.loader)
        return spec


sys.meta_path.insert(0, ShimFinder())
