"""Binds the loopback address, tells the browser, and ends cleanly whatever hangs."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path

from aiohttp import web

from diagcps import loops
from diagcps.examination import Examination
from diagcps.host.no_dump import leave_no_dump
from diagcps.host.ports import listener
from diagcps.model import UsageError
from diagcps.web import app, browser, second
from diagcps.web.agent import Agent
from diagcps.web.handshake import PortFile, private_folder
from diagcps.web.security import Address

LOOPBACK = "127.0.0.1"
_SHUTDOWN_S = 0.5
_KEEPALIVE_S = 30.0
_LAUNCH_S = 5.0
_LINGER_S = 1.0
_TURN_S = 0.0005
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
            # The thread that starts the browser would end with this process.
            _lead(url, folder, use_browser, wait_s=_LAUNCH_S)
            return 0
    # Codes pass through this process: a crash of it writes no memory to disk.
    leave_no_dump()
    # Facts are read on threads while the page is told of them: it must not wait for their turn.
    sys.setswitchinterval(_TURN_S)
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
        if port is None:
            raise UsageError(f"cannot listen on {LOOPBACK}: {error.strerror}") from error
        by = listener(port)
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
    state = folder / "unfinished.json" if folder and examination.live else None
    agent = Agent(
        examination, own=own, language=language, port_file=port_file, state=state, folder=folder
    )
    async with serving(agent, listening):
        written = _write_port_file(port_file, folder)
        _stop_on_signals(agent)
        _lead(f"{own.origin}/open/{agent.sessions.new_token()}", folder, use_browser)
        import_module("jinja2")  # what makes the first page, while the browser starts
        gc.freeze()
        gc.enable()
        helpers = [
            asyncio.create_task(agent.watch()),
            asyncio.create_task(agent.exit_when_idle()),
        ]
        try:
            await agent.stopping.wait()
            # A card half-way would be worse than an agent that ends a little later.
            await agent.act_ended()
        finally:
            # Streams end with the log; waiting for them any longer would hold Ctrl-C back.
            examination.runner.log.close()
            for helper in helpers:
                helper.cancel()
            if folder is not None:
                browser.forget(folder)
            if written is not None:
                port_file.remove(written)


@asynccontextmanager
async def serving(
    agent: Agent, listening: socket.socket, *, keepalive_s: float = _KEEPALIVE_S
) -> AsyncIterator[None]:
    """Answers on `listening` until the end of the context; a connection may idle `keepalive_s`."""
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(
        app.build(agent),
        handle_signals=False,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    server = runner.server
    assert server is not None, "a runner has its server once it is set up"  # noqa: S101

    def connection() -> web.RequestHandler:
        return app.Connection(
            server,
            loop=loop,
            # No access log: addresses hold one-time tokens.
            access_log=None,  # type: ignore[arg-type]  # None is what its own runner passes
            keepalive_timeout=keepalive_s,
            # What a refused request still sends is not waited for; but a connection that is closed
            # at once with bytes unread is reset, and the answer may be lost with it.
            lingering_time=_LINGER_S,
            max_line_size=_LARGEST_HEADER,
            max_field_size=_LARGEST_HEADER,
            max_headers=_MOST_HEADERS,
        )

    accepting = await loop.create_server(connection, sock=listening)
    try:
        yield
    finally:
        accepting.close()
        await runner.cleanup()


def _write_port_file(port_file: PortFile, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    try:
        port_file.write(folder / "agent.json")
    except OSError:
        return None  # a second diagcps then starts an agent of its own
    return folder / "agent.json"


def _lead(url: str, folder: Path | None, use_browser: bool, *, wait_s: float = 0.0) -> None:
    """Opens the page, or prints its one-time address."""
    if use_browser:
        browser.open_page(url, folder, wait_s=wait_s)
    else:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()


def _stop_on_signals(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, agent.stopping.set)
        except NotImplementedError:  # the loop of Windows has no signal handlers
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(agent.stopping.set))
            # Its socket for signals, when full, wakes it all the same: nothing to complain of.
            signal.set_wakeup_fd(signal.set_wakeup_fd(-1), warn_on_full_buffer=False)
