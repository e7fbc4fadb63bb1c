"""Both sides' services, beside the controller: `python -m tests.bench.services`.

It prints a line once all listen.
"""

from __future__ import annotations

import asyncio

from tests.bench.beside import CONTROLLER, PORTS
from tests.integration.router.services import Service


async def main() -> None:
    """Serve until the process is ended."""
    for name, port in PORTS.items():
        service = Service(name, port)
        await asyncio.start_server(service.serve, CONTROLLER, port)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
