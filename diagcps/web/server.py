"""Binds the loopback address, tells the browser, and ends cleanly whatever hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import web

from diagcps import loops
from diagcps.examination import Examination
from diagcps.host.ports import listener
from diagcps.model import UsageError
from diagcps.web import app, browser, second
from diagcps.web.agent import Agent
from diagcps.web.handshake import PortFile, private_folder
from diagcps.web.security import Address
from diagcps.web.sessions import OPENING_S

LOOPBACK = "127.0.0.1"
_SHUTDOWN_S = 0.5
_KEEPALIVE_S = 30.0
_LARGEST_HEADER = 4096
_MOST_HEADERS = 64


def serve(
    examine: Callable[[], Examination], *, language: str, port: int | None, use_browser: bool
) -> int:
    """The exit code, once the agent has ended: 0.

    Raises UsageError when `port` is taken. An agent of this user that runs already is asked for
    its page instead of a second one being started.
    """
    folder = _folder()
    if folder is not None:
        url = second.reopen(folder / "agent.json", port)
        if url is not None:
            _lead(url, folder, use_browser)
            return 0
    listening = listen(port)
    examination = examine()
    if use_browser and sys.stderr.isatty():
        sys.stderr.write(examination.words(language).ui("page-opens") + "\n")
    with suppress(KeyboardInterrupt):
        loops.run(_serve(examination, listening, folder, language, use_browser))
    return 0


def _folder() -> Path | None:
    """This user's own folder; None where none can be had, and the agent starts all the same."""
    from platformdirs import user_state_path

    folder = user_state_path("diagcps", appauthor=False)
    session = os.environ.get("SESSIONNAME")
    if session:  # Windows: the same user in two sessions has two agents
        folder = folder / "".join(c for c in session if c.isalnum())
    try:
        private_folder(folder)
    except OSError:
        return None
    return folder


def listen(port: int | None) -> socket.socket:
    """A socket on the loopback address that no other process can share. Raises UsageError."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
    if exclusive is not None:
        listening.setsockopt(socket.SOL_SOCKET, exclusive, 1)
    elif port is not None:
        # POSIX lets nobody else listen there; it only forgives connections that are ending.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port or 0))
        listening.listen(64)
    except OSError as error:
        listening.close()
        by = listener(port) if port else ""
        raise UsageError(f"port {port} is taken{' by ' + by if by else ''}") from error
    listening.setblocking(False)
    return listening


async def _serve(
    examination: Examination,
    listening: socket.socket,
    folder: Path | None,
    language: str,
    use_browser: bool,
) -> None:
    own = Address(LOOPBACK, listening.getsockname()[1])
    port_file = PortFile.new(own.port)
    # A simulation neither resumes nor forgets the repair of the real workstation.
    state = folder / "unfinished.json" if folder and not examination.simulated else None
    agent = Agent(examination, own=own, language=language, port_file=port_file, state=state)
    async with serving(agent, listening):
        written = _write_port_file(port_file, folder)
        leading = _lead(f"{own.origin}/open/{agent.sessions.new_token()}", folder, use_browser)
        _stop_on_signals(agent)
        helpers = [
            asyncio.create_task(agent.watch()),
            asyncio.create_task(agent.exit_when_idle()),
            asyncio.create_task(_remove_later(leading)),
        ]
        try:
            await agent.stopping.wait()
        finally:
            # Streams end with the log; waiting for them any longer would hold Ctrl-C back.
            examination.runner.log.close()
            for helper in helpers:
                helper.cancel()
            _remove(leading)
            if written is not None:
                port_file.remove(written)


@asynccontextmanager
async def serving(
    agent: Agent, listening: socket.socket, *, keepalive_s: float = _KEEPALIVE_S
) -> AsyncIterator[None]:
    """Answers on `listening` until the end of the context; a connection may idle `keepalive_s`."""
    runner = web.AppRunner(
        app.build(agent),
        access_log=None,  # addresses hold one-time tokens
        handle_signals=False,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_S,
        keepalive_timeout=keepalive_s,
        max_line_size=_LARGEST_HEADER,
        max_field_size=_LARGEST_HEADER,
        max_headers=_MOST_HEADERS,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()


def _write_port_file(port_file: PortFile, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    try:
        port_file.write(folder / "agent.json")
    except OSError:
        return None  # a second diagcps then starts an agent of its own
    return folder / "agent.json"


def _lead(url: str, folder: Path | None, use_browser: bool) -> Path | None:
    """Opens the page, or prints its one-time address."""
    if use_browser:
        return browser.open_page(url, folder)
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    return None


async def _remove_later(leading: Path | None) -> None:
    await asyncio.sleep(OPENING_S)
    _remove(leading)


def _remove(leading: Path | None) -> None:
    if leading is not None:
        with suppress(OSError):
            leading.unlink()


def _stop_on_signals(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            # Windows has no signal handlers on its loop: there Ctrl-C raises KeyboardInterrupt.
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, agent.stopping.set)
