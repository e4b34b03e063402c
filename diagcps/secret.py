"""A code of a card, from where it is typed to where it is used: never shown, wiped after use."""

from __future__ import annotations

import hmac
from types import TracebackType
from typing import NoReturn, Self


class Secret:
    """A code in memory of its own, which `wipe` overwrites.

    Nothing turns it into text: it has no representation, and cannot be copied, pickled, hashed or
    formatted. What Python cannot promise is said in docs/security.md: whatever held the code before
    it came here (a buffer of the network, of a terminal) may leave copies in freed memory.
    """

    __slots__ = ("_data",)

    def __init__(self, data: bytearray) -> None:
        """Takes `data` over, without a copy: it is emptied by `wipe`."""
        self._data = data

    def reveal(self) -> bytearray:
        """The code itself, to be handed on and never kept; empty once wiped."""
        return self._data

    def wipe(self) -> None:
        """Overwrites the code with zeros, then lets go of it."""
        self._data[:] = bytes(len(self._data))
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same code, compared in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._data, other._data)

    __hash__ = None  # type: ignore[assignment]  # a code is no key of anything

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return "<secret>"

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a secret is not copied")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wipe()
