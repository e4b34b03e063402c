"""What tells Windows and Firefox that the Cryptolib is there: keys of the registry.

Which keys: MSI specification of the Cryptolib 3.3.4, annex B; Mozilla, « Native manifests ».
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from diagcps.catalogue_parts import CryptolibCatalogue
from diagcps.facts import FileState
from diagcps.host.common import printable
from diagcps.host.files import state_of
from diagcps.host.manifests import read_module
from diagcps.host.windows_places import Places, told
from diagcps.host.windows_registry import Hive, Registry, View
from diagcps.workstation import (
    RegisteredCard,
    RegisteredModule,
    RegisteredProvider,
    Registration,
)

_PROVIDER = "ASIP Sante Cryptographic Provider"
_PROVIDER_KEY = rf"SOFTWARE\Microsoft\Cryptography\Defaults\Provider\{_PROVIDER}"
_CARDS_KEY = r"SOFTWARE\Microsoft\Cryptography\Calais\SmartCards"
_CARD_VALUES = ("ATR", "ATRMask", "Crypto Provider")
_MODULES_KEY = r"SOFTWARE\Mozilla\PKCS11Modules"
_DEFAULT = ""
_OF_32_BIT_FIREFOX = "_x86"
"""How the name of the Cryptolib's second module ends."""

_CPS_MARK = bytes.fromhex("1225006480")
"""In the answer to reset of every CPS with contacts."""
_LONGEST_ATR = 33
_LONGEST_NAME = 128


def read_registration(
    registry: Registry, places: Places, cryptolib: CryptolibCatalogue
) -> Registration:
    """The Cryptolib's provider (CSP) in each view, the cards that Windows would take a CPS for, and
    the modules of the CPS extensions for Firefox.

    Raises ProbeDenied for a key that may not be opened, ProbeUnsupported without a registry.
    """
    views = places.views
    extensions = {cryptolib.extension, *cryptolib.old_extensions}
    return Registration(
        providers=tuple(chain.from_iterable(_provider(registry, places, view) for view in views)),
        cards=tuple(chain.from_iterable(_cards(registry, view) for view in views)),
        modules=tuple(
            module
            for module in _modules(registry, places)
            if module.name.lower().startswith("cps") or extensions & set(module.allows)
        ),
        source=r"Cryptography\Defaults\Provider, Calais\SmartCards, Mozilla\PKCS11Modules",
    )


def could_be_a_cps(atr: bytes, mask: bytes) -> bool:
    """Whether an entry of Windows' table of cards can match a CPS: the bytes under the mask are
    those of the family's mark, somewhere."""
    if len(atr) != len(mask):
        return False
    return any(
        all((atr[at + i] ^ byte) & mask[at + i] == 0 for i, byte in enumerate(_CPS_MARK))
        for at in range(len(atr) - len(_CPS_MARK) + 1)
    )


def _provider(registry: Registry, places: Places, view: View) -> Iterator[RegisteredProvider]:
    if not registry.is_there(_PROVIDER_KEY, view=view):
        return
    image = registry.values(_PROVIDER_KEY, "Image Path", view=view).text("Image Path")
    yield RegisteredProvider(view=view.value, image=told(image), state=_state(places, image, view))


def _state(places: Places, image: str, view: View) -> FileState:
    """Of the library: what cannot be found on this machine's own disk is not looked at."""
    path = places.find(image, view=view) if image else None
    if path is None:
        return FileState.UNREADABLE if image else FileState.ABSENT
    return state_of(path)


def _cards(registry: Registry, view: View) -> Iterator[RegisteredCard]:
    for name, values in registry.each(_CARDS_KEY, *_CARD_VALUES, view=view):
        atr, mask = values.data("ATR"), values.data("ATRMask")
        provider = values.text("Crypto Provider")[:_LONGEST_NAME]
        is_own = provider.lower() == _PROVIDER.lower()
        if max(len(atr), len(mask)) <= _LONGEST_ATR and (is_own or could_be_a_cps(atr, mask)):
            yield RegisteredCard(
                name=printable(name)[:_LONGEST_NAME],
                view=view.value,
                atr=atr,
                mask=mask,
                provider=provider,
            )


def _modules(registry: Registry, places: Places) -> Iterator[RegisteredModule]:
    """Every module that is declared, in the order in which Firefox looks for one."""
    trees = [(Hive.PERSON, View.SYSTEM), *((Hive.MACHINE, view) for view in places.views)]
    for hive, view in trees:
        source = rf"{hive.value}\{_MODULES_KEY}" + (" (32-bit)" if view is View.PROGRAMS_32 else "")
        for name, values in registry.each(_MODULES_KEY, _DEFAULT, hive=hive, view=view):
            yield _module(places, name, values.text(_DEFAULT), source)


def _module(places: Places, name: str, written: str, source: str) -> RegisteredModule:
    of_32 = name.lower().endswith(_OF_32_BIT_FIREFOX)
    view = View.PROGRAMS_32 if of_32 else View.SYSTEM
    name, manifest = printable(name)[:_LONGEST_NAME], places.find(written) if written else None
    if manifest is None:
        state = FileState.UNREADABLE if written else FileState.ABSENT
        return RegisteredModule(name=name, source=source, manifest=state, library=state)

    def find(library: str) -> Path | None:
        # A name alone is of a file beside the manifest.
        here = "\\" not in library and "/" not in library
        return manifest.parent / library if here else places.find(library, view=view)

    return replace(read_module(manifest, source, find), name=name)
