"""What each remedy is apart from its words: who does it, what proves it, whom to call."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from diagcps.contacts import FILE, Contacts
from diagcps.model import EVERY_PLATFORM, CheckId, Owner, Platform, RemedyId
from diagcps.records import record

logger = logging.getLogger(__name__)


@record
class Contact:
    """Whom to call, as its source states it; nothing here is invented."""

    number: str
    cost: str
    hours: str


@record
class Link:
    """What to open, or to write to; its words are those of the contact `id`."""

    id: str
    """An entry of contacts.toml, such as « form.F501 »."""
    url: str
    """https, or mailto for an address."""
    platforms: frozenset[Platform] = EVERY_PLATFORM
    """The systems on which it serves."""


@record
class Remedy:
    """One way to repair a cause."""

    id: RemedyId
    who: Owner
    platforms: frozenset[Platform] = EVERY_PLATFORM
    """The systems on which it can be done."""
    verify: CheckId | None = None
    """The check that passes once it worked; None: the one that found the cause."""
    contact: Contact | None = None
    links: tuple[Link, ...] = ()
    act: str | None = None
    """What this tool does with a code of the card (`card.act.Act`); None for most remedies."""


class Remedies:
    """The remedies of `remedies.toml` beside the words, read when the first one is asked for.

    `contacts` gives an administrator's contacts, which then stand for those of every folder.
    """

    def __init__(self, content: Iterable[Path], contacts: Callable[[], Contacts | None]) -> None:
        self._content = tuple(content)
        self._contacts = contacts
        self._remedies: Mapping[RemedyId, Remedy] | None = None

    def get(self, id_: RemedyId) -> Remedy | None:
        """The remedy, or None where a plug-in has words for it and nothing else."""
        if self._remedies is None:
            self._remedies = dict(self._load())
        return self._remedies.get(id_)

    def _load(self) -> Iterable[tuple[RemedyId, Remedy]]:
        for folder in self._content:
            contacts = self._contacts() or _read(folder / FILE)
            for id_, entry in _read(folder / "remedies.toml").items():
                try:
                    remedy = _remedy(RemedyId(id_), entry, contacts)
                except (KeyError, ValueError, TypeError, AttributeError) as error:
                    logger.warning("the remedy %s is unusable: %s", id_, type(error).__name__)
                    continue
                yield remedy.id, remedy


def _remedy(id_: RemedyId, entry: Mapping[str, Any], contacts: Mapping[str, Any]) -> Remedy:
    contact = None
    if "contact" in entry:
        group, _, name = entry["contact"].partition(".")
        found = contacts[group][name]
        contact = Contact(
            number=found["number"], cost=found.get("cost", ""), hours=found.get("hours", "")
        )
    return Remedy(
        id=id_,
        who=Owner(entry["who"]),
        platforms=frozenset(map(Platform, entry["os"])) if "os" in entry else EVERY_PLATFORM,
        verify=CheckId(entry["verify"]) if "verify" in entry else None,
        contact=contact,
        links=tuple(_links(entry.get("links", ()), contacts)),
        act=entry.get("act"),
    )


def _links(said: Any, contacts: Mapping[str, Any]) -> Iterator[Link]:
    """The links of a list, which serve everywhere, or of a table with a list for each system."""
    if isinstance(said, dict):
        for system, names in said.items():
            yield from (_link(name, contacts, frozenset({Platform(system)})) for name in names)
    else:
        yield from (_link(name, contacts, EVERY_PLATFORM) for name in said)


def _link(id_: str, contacts: Mapping[str, Any], platforms: frozenset[Platform]) -> Link:
    group, _, name = id_.partition(".")
    found = contacts[group][name]
    url = found["url"] if "url" in found else f"mailto:{found['address']}"
    if not url.startswith(("https://", "mailto:")):
        raise ValueError(f"no address to open: {id_}")
    return Link(id=id_, url=url, platforms=platforms)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}  # a plug-in may have words alone
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be read: %s", path.name, type(error).__name__)
        return {}
