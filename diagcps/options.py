"""The words of the command line: commands, options, and the file that may hold some of them."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from diagcps import __version__
from diagcps.model import UsageError
from diagcps.words import LANGUAGES

ACTS = {
    "unblock": "choose a new code with the unblocking code",
    "change-code": "choose a new code with the present one",
    "try-card": "have the card sign, with its code",
}
"""What is done with a code of the card; no option takes one."""

COMMANDS = ("serve", "check", "list", "explain", "snapshot", "simulate", *ACTS)

LATER = ("decode", "report", "register", "unregister", "ticket", "fleet")
"""Commands that belong to the contract and need a part of the tool which is not built yet."""

FORMATS = ("text", "json")
SIMULATED = "a simulated workstation"


BROWSERS = ("firefox", "chrome", "edge", "safari")
"""Those that a person can name (`workstation.BrowserKind`)."""


class Parser(argparse.ArgumentParser):
    """argparse, with the project's exit code for wrong usage and one line for the person."""

    def error(self, message: str) -> NoReturn:
        """Raises UsageError."""
        raise UsageError(message)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The options. Raises UsageError, which repeats nothing that may be a code of the card."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown and getattr(options, "command", None) in ACTS:
            self.error(f"{options.command} takes a code from nobody but the person who types it")
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options


def parser() -> Parser:
    """The parser of every command and option."""
    everywhere = _everywhere()
    question = "Can this workstation use the French health professional card?"
    whole = Parser(prog="diagcps", description=question, parents=[everywhere])
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    what = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    what.add_argument("--profile", metavar="ID", help="what the workstation is for")
    what.add_argument("--scenario", metavar="NAME", help=SIMULATED)
    what.add_argument("--browser", choices=BROWSERS, help="the one in which you sign in")

    serve = commands.add_parser("serve", parents=[everywhere, what], help="open the page (default)")
    _serve_options(serve)
    _serve_options(whole)
    # Without a command, `diagcps` serves: it takes the options of `serve`.
    whole.add_argument("--profile", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    whole.add_argument("--scenario", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    whole.add_argument(
        "--browser", choices=BROWSERS, default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )

    check = commands.add_parser(
        "check", parents=[everywhere, what], help="diagnose in the terminal"
    )
    check.add_argument("--only", action="append", metavar="CHECK", help="a check or an area")
    check.add_argument("--format", choices=FORMATS, default="text")
    check.add_argument("--output", type=Path, metavar="FILE")
    check.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="limit for each fact")
    check.add_argument("--replay", type=Path, metavar="FILE", help="judge a saved workstation")

    listed = commands.add_parser("list", parents=[everywhere], help="what there is")
    listed.add_argument("what", choices=("checks", "causes", "profiles", "scenarios", "endpoints"))
    listed.add_argument("--format", choices=FORMATS, default="text")

    explain = commands.add_parser("explain", parents=[everywhere], help="what a cause means")
    explain.add_argument("cause", nargs="?", metavar="CAUSE")
    explain.add_argument("--search", metavar="WORDS", help="find causes by their words")

    snapshot = commands.add_parser("snapshot", parents=[everywhere, what], help="save the facts")
    snapshot.add_argument("--output", type=Path, metavar="FILE", required=True)
    snapshot.add_argument("--shareable", action="store_true", help="without private values")

    _simulate_options(
        commands.add_parser(
            "simulate", parents=[everywhere], help="put simulated cards into virtual readers"
        )
    )
    for name, purpose in ACTS.items():
        act = commands.add_parser(name, parents=[everywhere], help=purpose)
        act.add_argument("--scenario", default=argparse.SUPPRESS, metavar="NAME", help=SIMULATED)
    return whole


def _everywhere() -> Parser:
    """The options that every command takes."""
    options = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    options.add_argument("--version", action="version", version=f"diagcps {__version__}")
    options.add_argument("--verbose", action="store_true", help="write a log file")
    options.add_argument("--config", type=Path, metavar="FILE", help="options from a TOML file")
    options.add_argument("--lang", choices=LANGUAGES, help="language (default: fr)")
    options.add_argument(
        "--checks-dir", type=Path, action="append", metavar="DIR", help="more checks, from a folder"
    )
    options.add_argument(
        "--trust-anchors", type=Path, metavar="FILE", help="other authorities, for a proof"
    )
    options.add_argument(
        "--pkcs11-module", metavar="PATH|none", help="another PKCS#11 library, or none"
    )
    return options


def _simulate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO")
    parser.add_argument("--vpcd", type=_address, default=("127.0.0.1", 35963), metavar="HOST:PORT",
                        help="the first virtual reader (default: 127.0.0.1:35963)")  # fmt: skip


def _serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, metavar="N", default=argparse.SUPPRESS)
    parser.add_argument("--no-browser", action="store_true", default=argparse.SUPPRESS,
                        help="print the one-time address instead")  # fmt: skip


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError("between 0 and 3600 seconds")
    return seconds


def _port(text: str | int) -> int:
    port = int(text)
    if not 1024 <= port <= 65535:
        raise argparse.ArgumentTypeError("between 1024 and 65535")
    return port


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host:
        raise argparse.ArgumentTypeError("HOST:PORT")
    return host, _port(port)


def apply_config(options: argparse.Namespace) -> None:
    """Fills what the command line left open from the file of `--config`. Raises UsageError."""
    path: Path | None = getattr(options, "config", None)
    if path is None:
        return
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    for key, value in data.items():
        if key not in CONFIG:
            raise UsageError(f"{path}: {key} is no option")
        try:
            option = CONFIG[key](value)
        except (argparse.ArgumentTypeError, TypeError, ValueError) as error:
            raise UsageError(f"{path}: {key}: {error}") from error
        if not hasattr(options, key):
            setattr(options, key, option)


def _known_language(value: object) -> str:
    if value not in LANGUAGES:
        raise ValueError(f"none of {', '.join(LANGUAGES)}")
    return str(value)


def _known_browser(value: object) -> str:
    if value not in BROWSERS:
        raise ValueError(f"none of {', '.join(BROWSERS)}")
    return str(value)


def _paths(value: object) -> list[Path]:
    if not isinstance(value, list):
        raise TypeError("not a list of folders")
    return [Path(folder) for folder in value]


CONFIG: dict[str, Callable[[Any], object]] = {
    "lang": _known_language,
    "profile": str,
    "port": _port,
    "checks_dir": _paths,
    "data_dir": Path,
    "browser": _known_browser,
}
