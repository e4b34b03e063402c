"""Which files a probe looks at, and files that answer with an error, whoever asks."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

_CALLS = (
    (builtins, "open"), (io, "open"), (os, "open"), (os, "stat"), (os, "lstat"), (os, "listdir"),
    (os, "scandir"), (os, "readlink"),
)  # fmt: skip
"""Through these go pathlib, os.path and all else that opens or asks for a file."""


class Watched:
    """What is looked at below a folder, while `watching`."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.normpath(root)
        self._failing: dict[str, OSError] = {}
        self.seen: set[Path] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Calls are noticed, and fail where `failing` says so, while the block runs."""
        with ExitStack() as undo:
            for module, name in _CALLS:
                noticed = self._noticed(getattr(module, name))
                undo.enter_context(patch.object(module, name, noticed))
            yield

    @contextmanager
    def failing(self, path: Path, error: OSError) -> Iterator[None]:
        """Whoever asks for `path`, or for what is below it, gets the error."""
        self._failing[os.path.normpath(path)] = error
        try:
            yield
        finally:
            del self._failing[os.path.normpath(path)]

    def _noticed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def noticed(path: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(path, str | os.PathLike):
                self._look(os.path.normpath(os.path.abspath(path)))  # noqa: PTH100 (its own calls)
            return call(path, *arguments, **options)

        return noticed

    def _look(self, path: str) -> None:
        if not path.startswith(self._root + os.sep):
            return
        for failing, error in self._failing.items():
            if path == failing or path.startswith(failing + os.sep):
                raise error
        self.seen.add(Path(path))
