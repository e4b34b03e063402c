"""What there is: checks, causes, profiles, scenarios; and what a cause means."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from diagcps import probes, profiles, registry, scenario
from diagcps.model import Cause, CauseId, Platform, UsageError
from diagcps.remedies import Remedies
from diagcps.report.build import remedy_line
from diagcps.words import Words

Row = dict[str, object]


def rows(what: str, language: str, folders: Iterable[Path] = ()) -> list[Row]:
    """One row with an `id` for each thing of the kind `what`. Raises UsageError for a later one."""
    found = registry.load(probes.BUILT_IN, folders=folders)
    words = Words(language, found.content)
    match what:
        case "checks":
            return [
                {
                    "id": check.id,
                    "area": check.area.value,
                    "title": words.question(check.id),
                    "needs": list(check.needs),
                    "unless": list(check.unless),
                    "causes": list(check.causes),
                    "platforms": sorted(p.value for p in check.platforms),
                }
                for check in found.checks
            ]
        case "causes":
            return [
                {
                    "id": cause.id,
                    "level": cause.level.value,
                    "owner": cause.owner.value,
                    "title": words.cause(cause.id).title,
                    "os": sorted(p.value for p in cause.platforms),
                }
                for cause in found.causes.values()
            ]
        case "profiles":
            return [
                {
                    "id": profile.id,
                    "areas": [area.value for area in profile.areas],
                    "later": profile.later,
                }
                for profile in profiles.load_profiles().values()
            ]
        case "scenarios":
            now: list[Row] = [{"id": name, "later": False} for name in scenario.names()]
            return now + [{"id": name, "later": True} for name in scenario.LATER]
        case _:
            raise UsageError(f"list {what} comes with a later version")


def text(table: Iterable[Mapping[str, object]]) -> str:
    """The rows for a terminal: the id, then its title or what else tells them apart."""
    lines = []
    for row in table:
        told = row.get("title") or ("later version" if row.get("later") else "")
        lines.append(f"{row['id']!s:32} {told}".rstrip())
    return "\n".join(lines) + "\n"


def explain(id_: str, language: str, folders: Iterable[Path] = ()) -> str:
    """What the cause called `id_` means and what to do, on each system. Raises UsageError."""
    found = registry.load(probes.BUILT_IN, folders=folders)
    cause = found.causes.get(CauseId(id_))
    if cause is None:
        raise UsageError(f"unknown cause {id_!r}; see: diagcps list causes")
    words, remedies = Words(language, found.content), Remedies(found.content, lambda: None)
    return "\n".join(_explained(cause, words, remedies)) + "\n"


def _explained(cause: Cause, words: Words, remedies: Remedies) -> Iterable[str]:
    said = words.cause(cause.id)
    yield f"{said.title}  [{cause.id}]"
    level, owner = words.ui(f"level.{cause.level.value}"), words.ui(f"owner.{cause.owner.value}")
    yield f"{level}. {words.ui('who')} {owner}."
    yield said.meaning or words.ui("not-detailed")
    for id_ in cause.remedies:
        by_system = {
            p: remedy_line(id_, words, remedies, p) for p in Platform if p in cause.platforms
        }
        same = len({remedy.steps for remedy in by_system.values()}) == 1
        yield ""
        yield f"→ {words.remedy(id_, Platform.LINUX).title}"
        for platform, remedy in by_system.items():
            if remedy.steps and not same:
                yield f"  {platform.value}"
            for number, step in enumerate(remedy.steps, 1):
                yield f"  {number}. {step}"
            if same:
                break


def search(wanted: str, language: str, folders: Iterable[Path] = ()) -> str:
    """The causes whose id, words or displayed codes hold every word of `wanted`, one a line.

    Raises UsageError when there is none.
    """
    found = registry.load(probes.BUILT_IN, folders=folders)
    words = Words(language, found.content)
    needles = _folded(wanted).split()
    lines = []
    for cause in found.causes.values():
        said = words.cause(cause.id)
        hay = _folded(" ".join((cause.id, said.title, said.meaning, *cause.codes)))
        if needles and all(needle in hay for needle in needles):
            lines.append(f"{cause.id:32} {said.title}")
    if not lines:
        raise UsageError(f"no cause speaks of {wanted!r}")
    return "\n".join(lines) + "\n"


def _folded(said: str) -> str:
    """Lower case without accents: people search as they type."""
    decomposed = unicodedata.normalize("NFKD", said.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))
