"""The least that shows a server-sent event after a click: `python -m benchmarks.bare_page`.

Prints its address once it listens.
"""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>bare</title>
<button id="start">start</button>
<ul id="shown"></ul>
<script type="module">
const stream = new EventSource("/events");
stream.addEventListener("settled", (event) => {
  const line = document.createElement("li");
  line.className = "check";
  line.textContent = event.data;
  document.querySelector("#shown").replaceChildren(line);
});
document.querySelector("#start").addEventListener("click", () => {
  fetch("/run", { method: "POST" });
});
</script>
"""

_QUEUE = web.AppKey("queue", asyncio.Queue[bytes])


async def _page(_: web.Request) -> web.Response:
    return web.Response(text=_PAGE, content_type="text/html")


async def _run(request: web.Request) -> web.Response:
    request.app[_QUEUE].put_nowait(b"event: settled\ndata: done\n\n")
    return web.Response()


async def _events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"retry: 1000\n\n")
    while True:
        await response.write(await request.app[_QUEUE].get())


async def _serve() -> None:
    app = web.Application()
    app[_QUEUE] = asyncio.Queue()
    app.add_routes([web.get("/", _page), web.post("/run", _run), web.get("/events", _events)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve())
