"""The command line, and the one place that chooses real, saved or simulated facts."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import gc
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagcps.model import CheckId, DiagError, OutputError, UsageError
from diagcps.options import COMMANDS, LATER, apply_config, parser
from diagcps.profiles import DEFAULT
from diagcps.words import LANGUAGES

if TYPE_CHECKING:
    from diagcps.card.act import Codes, Course, Middleware, Order
    from diagcps.card.base import Libraries
    from diagcps.catalogue_files import CatalogueFiles
    from diagcps.check import Check, Probe, World
    from diagcps.examination import Examination
    from diagcps.facts import Library, StoredCertificate
    from diagcps.model import Diagnosis
    from diagcps.registry import Registry
    from diagcps.visitor import Visitor

EXIT_USAGE, EXIT_CANNOT_WRITE, EXIT_INTERRUPTED, EXIT_BUG = 64, 74, 130, 70


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of the command: 0 to 3 for a verdict, 64, 74 and 130 as the contract says."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot write an accent must not end a diagnosis. To a pipe or a file goes
        # UTF-8, which JSON is (RFC 8259, 8.1); Windows would write its own code page.
        with suppress(AttributeError, ValueError):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")  # type: ignore[union-attr]
    try:
        return _main(list(sys.argv[1:] if arguments is None else arguments))
    except UsageError as error:
        return _complain(str(error), EXIT_USAGE)
    except OutputError as error:
        return _complain(str(error), EXIT_CANNOT_WRITE)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output left; there is nobody to complain to
        return EXIT_CANNOT_WRITE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except DiagError as error:
        return _complain(str(error), EXIT_BUG)
    except ModuleNotFoundError as error:
        return _complain(f"a library of this tool is not installed: {error.name}", EXIT_BUG)


def _complain(message: str, code: int) -> int:
    print("diagcps:", " ".join(message.split()), file=sys.stderr)
    return code


def _main(arguments: list[str]) -> int:
    command = next((word for word in arguments if word in (*COMMANDS, *LATER)), None)
    if command in LATER:
        raise UsageError(f"the command {command} comes with a later version")
    options = parser().parse_args(arguments)
    apply_config(options)
    from diagcps import logs

    logs.configure(verbose=getattr(options, "verbose", False))
    match options.command:
        case "check":
            return _check(options)
        case "list":
            return _list(options)
        case "explain":
            return _explain(options)
        case "snapshot":
            return _snapshot(options)
        case "simulate":
            return _simulate(options)
        case "unblock" | "change-code" | "try-card":
            return _act(options)
        case _:
            return _serve(options)


def _language(options: argparse.Namespace) -> str:
    language: str = getattr(options, "lang", LANGUAGES[0])
    return language


def _examination(options: argparse.Namespace, named: Sequence[str] | None = None) -> Examination:
    """The examination that the options ask for: real, replayed or simulated."""
    from diagcps import probes, profiles, registry
    from diagcps.catalogue_files import CatalogueFiles
    from diagcps.examination import assemble

    profile = profiles.choose(getattr(options, "profile", DEFAULT))
    name, saved = getattr(options, "scenario", None), getattr(options, "replay", None)
    if name is not None and saved is not None:
        raise UsageError("--scenario and --replay exclude each other")
    for option in ("trust_anchors", "pkcs11_module"):
        if (name or saved) and getattr(options, option, None) is not None:
            word = option.replace("_", "-")
            raise UsageError(f"--{word} is for this workstation: not with --scenario or --replay")
    found = registry.load(probes.BUILT_IN, folders=getattr(options, "checks_dir", ()))
    catalogue = CatalogueFiles(getattr(options, "data_dir", None))
    if name is not None:
        subject = _simulated(name, found)
    elif saved is not None:
        subject = _replayed(saved, found, catalogue)
    else:
        subject = _real(options, found, catalogue)
    sources = {**subject.sources, **_named_browser(options, subject)}
    limit = getattr(options, "timeout", None)
    if limit is not None:
        sources = {
            kind: dataclasses.replace(probe, timeout_s=min(limit, probe.timeout_s))
            for kind, probe in sources.items()
        }
    return assemble(
        registry=found,
        probes=sources,
        profile=profile,
        world=subject.world,
        named=_named(found.checks, named),
        simulated=subject.simulated,
        live=subject.live,
        moment=subject.moment,
        middleware=subject.middleware,
        visitor=subject.visitor,
        contacts=catalogue.contacts,
    )


def _named_browser(options: argparse.Namespace, subject: _Subject) -> Mapping[type, Probe[Any]]:
    """The browser that the person named, in the place of that of a saved or simulated workstation;
    on this one the page may know more of it."""
    from diagcps import probes
    from diagcps.browsing import BrowserKind, How, PageBrowser

    named = getattr(options, "browser", None)
    if named is None or subject.live:
        return {}
    browser = PageBrowser(kind=BrowserKind(named), version="", how=How.NAMED)
    return {PageBrowser: probes.saved_probes({PageBrowser: browser})[0]}


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """What is examined: this workstation, a saved one or a simulated one."""

    sources: Mapping[type, Probe[Any]]
    world: World
    simulated: bool = False
    live: bool = False
    moment: datetime | None = None
    middleware: Middleware | None = None
    visitor: Visitor | None = None


def _simulated(name: str, found: Registry) -> _Subject:
    from diagcps import scenario

    simulation = scenario.load(name)
    sources = simulation.probes(found.problems)
    return _Subject(
        sources=sources,
        world=simulation.world,
        simulated=True,
        middleware=simulation.middleware,
    )


def _replayed(path: Path, found: Registry, catalogue: CatalogueFiles) -> _Subject:
    from diagcps import probes, replay, snapshot

    kinds = probes.saved_kinds(found.probes)
    saved = snapshot.load(snapshot.read_file(path), kinds)
    # What this tool lacks now stands beside what was missing on the saved workstation.
    known = probes.with_problems(saved.facts, found.problems)
    return _Subject(
        sources={probe.gives: probe for probe in probes.saved_probes(known)},
        world=replay.saved_world(saved, catalogue),
        simulated=saved.simulated,
        moment=saved.moment,
    )


@dataclass(frozen=True)
class _Installed:
    """The library at one of these places; what reads it is imported when it is read."""

    paths: tuple[str, ...]
    given: bool = False

    async def read(self) -> Library:
        """See `Libraries.read`."""
        from diagcps.card.pkcs11 import Pkcs11Library

        return await Pkcs11Library(self.paths, given=self.given).read()


class _Acting:
    """The library of this workstation; what uses it is imported when it is used."""

    async def carry_out(self, order: Order, codes: Codes) -> Course:
        """See `Middleware.carry_out`."""
        from diagcps.card.middleware import LibraryMiddleware

        return await LibraryMiddleware().carry_out(order, codes)


async def _publish() -> tuple[StoredCertificate, ...]:
    from diagcps.net.published import published

    return await published()


def _real(options: argparse.Namespace, found: Registry, catalogue: CatalogueFiles) -> _Subject:
    from diagcps import probes
    from diagcps.browsing import BrowserKind
    from diagcps.card.anchors import default_anchors, read_anchors
    from diagcps.card.pcsc import PcscCards
    from diagcps.check import World
    from diagcps.host import this_host
    from diagcps.visitor import Visitor

    host = this_host()
    file, module = getattr(options, "trust_anchors", None), getattr(options, "pkcs11_module", None)
    anchors = default_anchors() if file is None else read_anchors(file)
    libraries: Libraries
    if module == "none":
        from diagcps.replay import NoLibraries

        libraries = NoLibraries()
    elif module is not None:
        libraries = _Installed((module,), given=True)
    else:
        libraries = _Installed(host.library_paths())
    tool = probes.tool_probe(found.problems, catalogue)
    named = getattr(options, "browser", None)
    visitor = Visitor(named=BrowserKind(named) if named else None)
    return _Subject(
        sources={**found.probes, tool.gives: tool},
        world=World(
            host=host,
            cards=PcscCards(),
            libraries=libraries,
            anchors=anchors,
            publish=_publish,
            catalogue=catalogue,
            page=visitor,
        ),
        simulated=not anchors.default,
        live=True,
        visitor=visitor,
        middleware=None if module == "none" else _Acting(),
    )


def _named(checks: Iterable[Check], wanted: Sequence[str] | None) -> frozenset[CheckId] | None:
    """The checks that `--only` names, by id or area. Raises UsageError for any other word."""
    if wanted is None:
        return None
    named: set[CheckId] = set()
    for word in wanted:
        matches = {c.id for c in checks if word in (c.id, c.area.value)}
        if not matches:
            raise UsageError(f"unknown check or area {word!r}; see: diagcps list checks")
        named |= matches
    return frozenset(named)


def _check(options: argparse.Namespace) -> int:
    from diagcps import loops
    from diagcps.facts import System
    from diagcps.report import json, text
    from diagcps.report.redact import Redaction

    examination = _examination(options, options.only)
    language = _language(options)
    diagnosis = loops.run(_run(examination, language, also=(System,)))
    report = examination.report(language)
    words = examination.words(language)
    if options.format == "text" and options.output is None and sys.stdout.isatty():
        _write(text.render(report, words), None)
        return diagnosis.exit_code
    # All but the person's own terminal may be read by somebody else.
    redaction = Redaction()
    shared = redaction.report(report)
    rendered = json.render(shared) if options.format == "json" else text.render(shared, words)
    _write(redaction.refuse_leaks(rendered), options.output)
    return diagnosis.exit_code


async def _run(examination: Examination, language: str, *, also: Sequence[type] = ()) -> Diagnosis:
    """The diagnosis, with progress on stderr while it is a terminal."""
    from diagcps.progress import show

    runner = examination.runner
    progress = None
    if sys.stderr.isatty():
        progress = asyncio.create_task(
            show(runner.log, examination.words(language), len(examination.checks), sys.stderr)
        )
    diagnosis, _ = await asyncio.gather(runner.run(), runner.read(also))
    runner.log.close()
    if progress is not None:
        await progress
    return diagnosis


def _list(options: argparse.Namespace) -> int:
    from diagcps import listing

    language, folders = _language(options), getattr(options, "checks_dir", ())
    rows = listing.rows(options.what, language, folders)
    if options.format == "json":
        import json

        _write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", None)
    else:
        _write(listing.text(rows), None)
    return 0


def _explain(options: argparse.Namespace) -> int:
    from diagcps import listing

    if (options.cause is None) == (options.search is None):
        raise UsageError("explain takes a cause, or --search and words")
    folders = getattr(options, "checks_dir", ())
    if options.search is not None:
        _write(listing.search(options.search, _language(options), folders), None)
    else:
        _write(listing.explain(options.cause, _language(options), folders), None)
    return 0


def _snapshot(options: argparse.Namespace) -> int:
    from diagcps import loops, snapshot
    from diagcps.probes import saved_kinds

    examination = _examination(options)
    runner = examination.runner
    kinds = saved_kinds(fact for check in examination.checks for fact in check.uses)
    loops.run(runner.read(kinds))
    facts = {kind: runner.facts[kind] for kind in kinds}
    saved = snapshot.Snapshot(facts=facts, simulated=examination.simulated)
    _write(snapshot.dump(saved, private=not options.shareable), options.output)
    return 0


def _simulate(options: argparse.Namespace) -> int:
    """Keeps the cards of a scenario in virtual readers, one port each, until it is interrupted."""
    from contextlib import ExitStack

    from diagcps import scenario
    from diagcps.card.simulator import build, pki, vpcd

    plastics = scenario.load(options.scenario).plastics
    if not plastics:
        raise UsageError(f"the scenario {options.scenario} has no card")
    host, port = options.vpcd
    with ExitStack() as inserted:
        for number, plastic in plastics.items():
            card = build.make(plastic, datetime.now(UTC))
            inserted.callback(vpcd.insert(card, host, port + number).pull)
            _write(f"{plastic.model} at {host}:{port + number}\n", None)
        _write(f"--trust-anchors {pki.anchors_file()}\n", None)
        while True:
            time.sleep(3600)


def _act(options: argparse.Namespace) -> int:
    from diagcps import loops, terminal
    from diagcps.card.act import Act

    act, language = Act(options.command), _language(options)
    terminal.must_be_there(act)
    examination = _examination(options, terminal.CHECKS)
    loops.run(_run(examination, language, also=terminal.ALSO))
    words = examination.words(language)
    return terminal.converse(act, examination, words, lambda text: _write(text, None))


def _serve(options: argparse.Namespace) -> int:
    # Start-up makes objects that stay: looking through them for garbage only delays the page.
    # The server collects again once it listens.
    gc.disable()
    from diagcps.web.server import serve

    return serve(
        lambda: _examination(options),
        language=_language(options),
        port=getattr(options, "port", None),
        use_browser=not getattr(options, "no_browser", False),
    )


def _discard_output() -> None:
    """What could not be written is not tried again at the end: that would change the exit code."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _write(text: str, output: Path | None) -> None:
    """Writes all of `text`, or nothing. Raises OutputError."""
    if output is None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            _discard_output()
            raise OutputError(f"cannot write: {error.strerror}") from error
        return
    data = text.encode("utf-8", "replace")
    try:
        if output.exists() and not output.is_file():
            output.write_bytes(data)  # a pipe or a device: written to, never replaced
            return
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror}") from error
    if not output.name:
        raise OutputError(f"cannot write {output}: it names no file")
    beside = output.with_name(f".{output.name}.part")
    try:
        beside.write_bytes(data)
        beside.replace(output)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise OutputError(f"cannot write {output}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
