"""Where templates, static files and checks are: in a wheel, an editable install or a checkout."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from diagcps.model import LoadError

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """The folder `name` of the installed package, else the one beside it in a checkout.

    Raises LoadError when neither is there.
    """
    for folder in (_PACKAGE / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise LoadError(f"a part of this tool is missing: {name}")


def import_folder(name: str, folder: Path) -> ModuleType:
    """The package in `folder`, imported under `name`, whatever its place on the disk."""
    if name in sys.modules:
        return sys.modules[name]
    # A checkout keeps the checks beside the package, where no finder looks for `diagcps.checks`.
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise LoadError(f"not a package: {folder.name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
