"""A report in plain lines: a local one for the terminal, a shared one for a file."""

from __future__ import annotations

from collections.abc import Iterator

from diagcps.model import Outcome, Private, Verdict
from diagcps.remedies import Contact
from diagcps.report.base import CauseLine, CheckLine, Masked, RemedyLine, Report, V
from diagcps.report.subject import browser_line, machine_line
from diagcps.words import Words


def plain(text: object) -> str:
    """`text` on one line, without characters that would drive a terminal; a dash for nothing."""
    if text is None:
        return "–"
    return "".join(c if c.isprintable() else " " for c in str(text))


def render(report: Report[V], words: Words) -> str:
    """The verdict, what to do, and every check, in plain lines."""
    return "\n".join(_lines(report, words)) + "\n"


def verdict_sentence(verdict: Verdict, *, whole: bool, words: Words) -> str:
    """The answer in one sentence; never more than was checked."""
    key = f"verdict.{verdict.value}"
    return words.ui(key if whole else f"{key}-partly")


def contact_line(contact: Contact) -> str:
    """A number with what it costs and when it answers, as far as its source says."""
    said = " ; ".join(part for part in (contact.cost, contact.hours) if part)
    return f"{contact.number} ({said})" if said else contact.number


def _lines(report: Report[V], words: Words) -> Iterator[str]:
    if report.simulated:
        yield words.ui("simulated")
    if report.replayed:
        yield words.ui("replayed")
    yield verdict_sentence(report.verdict, whole=not report.not_covered, words=words)
    yield machine_line(report.subject, words)
    if report.subject.browser is not None:
        yield plain(browser_line(report.subject.browser, words))
    for entry in report.diagnosis:
        yield ""
        yield from _cause(entry, words)
    yield ""
    for check in report.checks:
        yield from _check(check, words)
    if report.not_covered:
        areas = ", ".join(words.area(area) for area in report.not_covered)
        yield words.ui("not-covered", areas=areas)
    yield words.ui("no-try-spent")


def _cause(entry: CauseLine, words: Words) -> Iterator[str]:
    yield f"{words.ui('level.' + entry.level)} · {entry.title}  [{entry.cause}]"
    if entry.meaning:
        yield f"  {plain(entry.meaning)}"
    yield f"  {words.ui('who')} {words.ui('owner.' + entry.owner)}"
    for remedy in entry.remedies:
        yield from remedy_lines(remedy, remedy.steps, words)


def remedy_lines(remedy: RemedyLine, steps: tuple[str, ...], words: Words) -> Iterator[str]:
    """A remedy with these steps, whom to call and what to open."""
    yield f"  → {remedy.title}"
    for number, step in enumerate(steps, 1):
        yield f"     {number}. {step}"
    if remedy.contact is not None:
        yield f"     {contact_line(remedy.contact)}"
    for link in remedy.links:
        value = link.url.removeprefix("mailto:")
        yield f"     {words.ui('field', label=words.contact(link.id), value=value)}"


def _check(check: CheckLine[V], words: Words) -> Iterator[str]:
    state = words.ui(f"outcome.{check.outcome.value}")
    note = ""
    if check.outcome is Outcome.BLOCKED and check.blocked_by:
        note = " – " + words.ui("blocked-by", question=words.question(check.blocked_by))
    elif check.reason:
        note = " – " + words.ui(f"reason.{check.reason.value}")
    yield f"[{state}] {check.question}{note}"
    if check.outcome is Outcome.PASS:
        return  # its evidence is in the other formats: here it would bury what matters
    for line in check.evidence:
        said = words.value(line.key, _shown(line.value))
        yield f"      {words.evidence(line.key)} : {said}  ({plain(line.source)})"


def _shown(value: object) -> str:
    match value:
        case Private():
            return plain(value.value)
        case Masked():
            return value.token
        case _:
            return plain(value)
