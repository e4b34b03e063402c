"""Servers of all endpoints, in a process of their own: `python -m benchmarks.far_servers`.

Writes their public root into the folder that it is given, prints the port of each host as JSON, and
ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from diagcps.catalogue_files import CatalogueFiles
from tests.net.loopback import Loopback, answer, saying
from tests.network.authorities import Authorities
from tests.network.tls import Tls

LATE_S = 0.04
"""For the connection, and for each part of what a server says: a round trip to a data centre."""


async def serve(folder: Path) -> None:
    """Serves until the standard input ends."""
    authorities = Authorities(folder)
    async with Loopback(authorities, late_s=LATE_S) as there:
        ports = {}
        for each in CatalogueFiles()().endpoints.endpoints:
            tls = None if each.port == 80 else Tls()
            says = saying(answer(b"<html></html>"))
            ports[each.host] = await there.serve(says, each.host, each.port, tls)
        print(json.dumps({"ports": ports, "root": str(authorities.public_roots)}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
